//! What is visible at a moment, what is computed from it, and in which order it comes.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use crate::common::{WordCounts, answers, documents, moments, part, past, past_of, segment};
use idiolect_core::{Before, Document, Encoder, Ranking};
use idiolect_retrieval::{
    Analyzer, Bm25, LengthNorm, MemoryPast, Past, PastError, Query, SegmentError, SegmentPart,
    merge,
};
use proptest::prelude::*;

const QUERY: &str = "The sea, the sea: a letter, boats and a gull";

/// BM25 in plain f64 over whole texts, by document id; its document frequencies and
/// average length beside it.
fn naive_bm25(past: &[Document], query: &str, bm25: &Bm25) -> (HashMap<String, f64>, f64) {
    let terms: Vec<Vec<String>> = past
        .iter()
        .map(|document| bm25.analyzer.terms(&document.content()))
        .collect();
    let n = past.len() as f64;
    let average = terms.iter().map(Vec::len).sum::<usize>() as f64 / n;
    let (k1, b) = (f64::from(bm25.k1), f64::from(bm25.b));
    let score = |own: &Vec<String>| -> f64 {
        bm25.analyzer
            .terms(query)
            .iter()
            .map(|term| {
                let df = terms.iter().filter(|all| all.contains(term)).count() as f64;
                let tf = own.iter().filter(|other| *other == term).count() as f64;
                let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
                idf * tf / (tf + k1 * (1.0 - b + b * own.len() as f64 / average))
            })
            .sum()
    };
    let scores = past
        .iter()
        .zip(&terms)
        .map(|(document, own)| (document.id.clone(), score(own)))
        .filter(|(_, score)| *score > 0.0)
        .collect();
    (scores, average)
}

fn ids<'a>(documents: impl IntoIterator<Item = &'a Document>) -> BTreeSet<&'a str> {
    documents.into_iter().map(|one| one.id.as_str()).collect()
}

fn query() -> (Vec<f32>, &'static str) {
    (WordCounts.embed(&[QUERY]).unwrap().remove(0), QUERY)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn only_the_past_is_seen_and_counted(documents in documents()) {
        let (vector, text) = query();
        let query = Query { text, vector: Some(&vector) };
        let bm25 = Bm25::default();
        let now = MemoryPast::new("ana", &documents, &Before::Now, Some(&WordCounts)).unwrap();
        for before in moments(&documents) {
            let expected = past_of(&documents, &before);
            let past = now.at(&before).unwrap();
            prop_assert_eq!(past.documents(), expected.len());
            let mut visited = Vec::new();
            past.visit(&mut |document| {
                visited.insert(0, document.clone());
                ControlFlow::Continue(())
            })
            .unwrap();
            prop_assert_eq!(ids(&visited), ids(&expected));
            prop_assert!(visited.is_sorted_by_key(|one| one.date));

            for ranking in [Ranking::Recent, Ranking::DocDense, Ranking::DocBySnippet, Ranking::Snippet] {
                let found = past.rank(&query, ranking, &bm25, 1000).unwrap();
                let found: BTreeSet<_> = found.iter().map(|one| one.document.as_str()).collect();
                let with_content = expected.iter().filter(|one| {
                    !one.content().is_empty() || matches!(ranking, Ranking::Recent | Ranking::DocDense)
                });
                prop_assert_eq!(found, ids(with_content));
            }

            let (naive, average) = naive_bm25(&expected, text, &bm25);
            let found = past.rank(&query, Ranking::DocBm25, &bm25, 1000).unwrap();
            prop_assert_eq!(found.len(), naive.len());
            for one in &found {
                prop_assert!((f64::from(one.score) - naive[&one.document]).abs() < 1e-5);
                let why = past.explain(&query, &bm25, &one.document).unwrap();
                prop_assert_eq!(why.documents, expected.len());
                prop_assert!((why.average_length - average).abs() < 1e-9);
                let sum: f64 = why.terms.iter().map(|term| term.weight * term.count_in_query as f64).sum();
                prop_assert_eq!(sum as f32, one.score);
                for term in &why.terms {
                    let having = expected.iter().filter(|other| {
                        bm25.analyzer.terms(&other.content()).contains(&term.term)
                    });
                    prop_assert_eq!(term.df, having.count());
                }
            }
            for later in documents.iter().filter(|one| !ids(&expected).contains(one.id.as_str())) {
                let unseen = past.explain(&query, &bm25, &later.id);
                let is_unknown = matches!(unseen, Err(PastError::UnknownDocument { .. }));
                prop_assert!(is_unknown);
            }
        }
    }

    #[test]
    fn segment_boundaries_change_nothing(
        documents in documents(),
        split in proptest::collection::vec(0..4_usize, 14),
        old in proptest::collection::vec(any::<bool>(), 14),
        merged in 0..3_usize,
    ) {
        let mut parts: Vec<SegmentPart> = Vec::new();
        for which in 0..4 {
            let own: Vec<_> = (0..documents.len()).filter(|&i| split[i] == which).collect();
            parts.push(part(segment(&documents, &own, Analyzer::English)));
            // An earlier edition of some of them that was replaced since.
            let older: Vec<_> = own.into_iter().filter(|&i| old[i]).collect();
            let earlier = part(segment(&documents, &older, Analyzer::English));
            let removed = (0..older.len() as u32).collect();
            parts.push(SegmentPart { removed, ..earlier });
        }
        if merged > 0 {
            let rest = parts.split_off(3 * merged);
            parts = std::iter::once(part(merge(&parts).unwrap())).chain(rest).collect();
        }
        let whole = MemoryPast::new("ana", &documents, &Before::Now, Some(&WordCounts)).unwrap();
        let now = past(&documents, parts, &Before::Now).unwrap();
        for before in moments(&documents) {
            let (whole, parted) = (whole.at(&before).unwrap(), now.at(&before).unwrap());
            prop_assert_eq!(answers(&whole, QUERY), answers(&parted, QUERY));
        }
    }

    #[test]
    fn other_analyzers_and_norms_are_exact_too(documents in documents(), lucene in any::<bool>()) {
        let length_norm = if lucene { LengthNorm::LuceneByte4 } else { LengthNorm::Exact };
        let bm25 = Bm25 { analyzer: Analyzer::Plain, length_norm, ..Bm25::default() };
        let english = MemoryPast::new("ana", &documents, &Before::Now, None).unwrap();
        let all: Vec<_> = (0..documents.len()).collect();
        let plain = part(segment(&documents, &all, Analyzer::Plain));
        let plain = past(&documents, vec![plain], &Before::Now).unwrap();
        let query = Query { text: "the sea and THE boat", vector: None };
        for before in moments(&documents) {
            let found = english.at(&before).unwrap().rank(&query, Ranking::DocBm25, &bm25, 100).unwrap();
            prop_assert_eq!(
                &found,
                &plain.at(&before).unwrap().rank(&query, Ranking::DocBm25, &bm25, 100).unwrap()
            );
            if !lucene {
                let (naive, _) = naive_bm25(&past_of(&documents, &before), query.text, &bm25);
                prop_assert_eq!(naive.len(), found.len());
                for one in found {
                    prop_assert!((f64::from(one.score) - naive[&one.document]).abs() < 1e-5);
                }
            }
        }
    }
}

/// Fused from the two complete rankings, by hand.
#[test]
fn hybrid_is_the_fusion_of_two_rankings() {
    let documents = [
        dated("a", 1, "sea sea wall. The rope."),
        dated("b", 2, "storm storm"),
        dated("c", 3, "sea boat"),
        dated("d", 4, ""),
        dated("e", 5, "gull letter gull"),
    ];
    let past = MemoryPast::new("ana", &documents, &Before::Now, Some(&WordCounts)).unwrap();
    let by = |ranking| ranked(&past, "sea boat gull", ranking, 100);
    let mut expected: Vec<(f64, String)> = Vec::new();
    for ranking in [Ranking::DocBm25, Ranking::DocBySnippet] {
        for ((id, _), rank) in by(ranking).into_iter().zip(1..) {
            let gain = 1.0 / f64::from(60 + rank);
            match expected.iter_mut().find(|(_, known)| *known == id) {
                Some((sum, _)) => *sum += gain,
                None => expected.push((gain, id)),
            }
        }
    }
    // No two are equal here.
    expected.sort_by(|a, b| b.0.total_cmp(&a.0));
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| (id, None)).collect();
    assert_eq!(expected.len(), 4);
    assert_eq!(by(Ranking::Hybrid), expected);
    assert_eq!(
        ranked(&past, "sea boat gull", Ranking::Hybrid, 2),
        expected[..2]
    );
    let plain = Bm25 {
        analyzer: Analyzer::Plain,
        ..Bm25::default()
    };
    let (vector, _) = query();
    let query = Query {
        text: "sea boat gull",
        vector: Some(&vector),
    };
    let found = past.rank(&query, Ranking::Hybrid, &plain, 9).unwrap();
    assert_eq!(found.len(), 4);
    let without_a_vector = Query {
        vector: None,
        ..query
    };
    assert!(matches!(
        past.rank(&without_a_vector, Ranking::Hybrid, &plain, 9),
        Err(PastError::NoQueryVector)
    ));
}

#[test]
fn strange_queries_are_answered() {
    let documents = [dated("a", 1, "the sea"), dated("b", 2, "It is a wall")];
    let past = MemoryPast::new("ana", &documents, &Before::Now, None).unwrap();
    for nothing in ["", " \n", "the of and it is a", "!?", "\u{0}"] {
        assert_eq!(ranked(&past, nothing, Ranking::DocBm25, 5), []);
    }
    let long = "the sea, the boat ".repeat(10_000_000 / 18);
    let endless = "a".repeat(10_000_000);
    assert_eq!(
        ranked(&past, &long, Ranking::DocBm25, 5),
        [("a".to_owned(), None)]
    );
    assert_eq!(ranked(&past, &endless, Ranking::DocBm25, 5), []);
    // As many different words as 10 MB hold.
    let many: Vec<String> = (0..1_200_000).map(|n| format!("w{n:06}")).collect();
    let many = format!("{} sea", many.join(" "));
    assert_eq!(
        ranked(&past, &many, Ranking::DocBm25, 5),
        [("a".to_owned(), None)]
    );
}

fn dated(id: &str, second: i64, text: &str) -> Document {
    Document {
        id: id.to_owned(),
        date: Some(jiff::Timestamp::new(second, 0).unwrap()),
        ..Document::new("ana", "", text)
    }
}

fn ranked(past: &dyn Past, text: &str, ranking: Ranking, k: usize) -> Vec<(String, Option<u32>)> {
    let vector = WordCounts.embed(&[text]).unwrap().remove(0);
    let query = Query {
        text,
        vector: Some(&vector),
    };
    let found = past.rank(&query, ranking, &Bm25::default(), k).unwrap();
    assert!(found.iter().zip(1..).all(|(one, rank)| one.rank == rank));
    found
        .into_iter()
        .map(|one| (one.document, one.snippet))
        .collect()
}

#[test]
fn ties_go_to_the_later_then_to_the_smaller_id() {
    let documents = [
        dated("b", 1, "sea"),
        dated("a", 1, "sea"),
        dated("z", 2, "sea"),
        dated("c", 1, "wall"),
    ];
    let past = MemoryPast::new("ana", &documents, &Before::Now, Some(&WordCounts)).unwrap();
    for ranking in [Ranking::DocBm25, Ranking::DocDense, Ranking::DocBySnippet] {
        let found = ranked(&past, "sea", ranking, 3);
        let found: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(found, ["z", "a", "b"], "{ranking:?}");
    }
    let recent = ranked(&past, "", Ranking::Recent, 9);
    let recent: Vec<_> = recent.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(recent, ["z", "a", "b", "c"]);
    assert_eq!(ranked(&past, "sea", Ranking::None, 9), []);
    assert_eq!(ranked(&past, "sea", Ranking::DocBm25, 0), []);
}

#[test]
fn snippets_carry_their_text_and_documents_their_best_one() {
    let filler = "wall ".repeat(60);
    let long = format!("The {filler}. The {filler}. The sea sea sea sea.");
    let documents = [dated("long", 1, &long), dated("short", 2, "sea wall wall.")];
    let past = MemoryPast::new("ana", &documents, &Before::Now, Some(&WordCounts)).unwrap();
    assert_eq!(
        ranked(&past, "sea", Ranking::Snippet, 1),
        [("long".to_owned(), Some(2))]
    );
    let first = |ranking| ranked(&past, "sea", ranking, 1).remove(0).0;
    assert_eq!(first(Ranking::DocBySnippet), "long");
    assert_eq!(first(Ranking::DocDense), "short");

    let vector = WordCounts.embed(&["sea"]).unwrap().remove(0);
    let query = Query {
        text: "",
        vector: Some(&vector),
    };
    let found = past
        .rank(&query, Ranking::Snippet, &Bm25::default(), 9)
        .unwrap();
    for one in &found {
        let document = documents
            .iter()
            .find(|other| other.id == one.document)
            .unwrap();
        assert_eq!(one.text, document.content()[one.span.clone()]);
    }
    assert_eq!(found.iter().filter(|one| one.document == "long").count(), 3);
}

#[test]
fn other_authors_are_passed_over() {
    let mut other = dated("o", 1, "sea");
    other.author = "bo".to_owned();
    let documents = [other, dated("a", 1, "sea")];
    let past = MemoryPast::new("ana", &documents, &Before::Now, None).unwrap();
    assert_eq!(past.documents(), 1);
    assert_eq!(past.author(), "ana");
}

#[test]
fn what_cannot_be_answered_says_why() {
    let documents = [dated("a", 1, "sea"), dated("b", 2, "wall")];
    let bare = MemoryPast::new("ana", &documents, &Before::Now, None).unwrap();
    let full = MemoryPast::new("ana", &documents, &Before::Now, Some(&WordCounts)).unwrap();
    assert_eq!(
        (bare.encoder(), full.encoder()),
        (None, Some("word-counts"))
    );
    let ask = |past: &dyn Past, vector: Option<&[f32]>| {
        let query = Query {
            text: "sea",
            vector,
        };
        past.rank(&query, Ranking::DocDense, &Bm25::default(), 5)
            .unwrap_err()
    };
    assert!(matches!(ask(&full, None), PastError::NoQueryVector));
    assert!(matches!(ask(&bare, Some(&[1.0; 8])), PastError::NoVectors));
    assert!(matches!(
        ask(&full, Some(&[1.0; 3])),
        PastError::Dimensions {
            query: 3,
            documents: 8
        }
    ));
    assert!(matches!(
        full.at(&Before::Document("x".into())).map(|past| past.documents()),
        Err(PastError::UnknownDocument { document }) if document == "x"
    ));
    let twice = [documents[0].clone(), documents[0].clone()];
    assert!(matches!(
        MemoryPast::new("ana", &twice, &Before::Now, None).map(|past| past.documents()),
        Err(PastError::Segment(SegmentError::DuplicateDocument { document })) if document == "a"
    ));
    let nobody = MemoryPast::new("ana", &[], &Before::Now, None).unwrap();
    assert_eq!(ranked(&nobody, "sea", Ranking::DocDense, 5), []);
}

#[test]
fn a_text_that_changed_is_not_shown_as_what_was_indexed() {
    let indexed = [dated("a", 1, "sea")];
    let changed = [dated("a", 1, "the sea")];
    let stale = past(
        &changed,
        vec![part(segment(&indexed, &[0], Analyzer::English))],
        &Before::Now,
    );
    let query = Query {
        text: "sea",
        vector: None,
    };
    let found = stale
        .unwrap()
        .rank(&query, Ranking::DocBm25, &Bm25::default(), 5);
    assert!(matches!(found, Err(PastError::Stale { document }) if document == "a"));
}
