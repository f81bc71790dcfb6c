//! A walk through an author's documents finds what questions one by one find.

use std::borrow::Cow;

use crate::common::documents;
use idiolect_core::{Before, Document, Ranking};
use idiolect_retrieval::{Analyzer, Bm25, LengthNorm, MemoryPast, Past, Query, Walk};
use proptest::prelude::*;

fn query_of(document: &Document) -> Cow<'_, str> {
    let text = document.content();
    Cow::Owned(text.chars().take(60).collect())
}

/// By place: ids and bits of scores.
type Found = Vec<(usize, Vec<(String, u32)>)>;

fn walked(walk: &mut Walk, documents: &[Document], k: usize) -> Found {
    let mut found = Vec::new();
    walk.author(
        documents,
        k,
        &mut |one| query_of(one),
        &mut |at, earlier| {
            let earlier = earlier.iter();
            let earlier =
                earlier.map(|one| (documents[one.document].id.clone(), one.score.to_bits()));
            found.push((at, earlier.collect()));
        },
    );
    found
}

fn asked(documents: &[Document], bm25: &Bm25, k: usize) -> Found {
    let now = MemoryPast::new("ana", documents, &Before::Now, None).unwrap();
    let ask = |(at, document): (usize, &Document)| {
        let past = now.at(&Before::Document(document.id.clone())).unwrap();
        let text = query_of(document);
        let query = Query {
            text: &text,
            vector: None,
        };
        let found = past.rank(&query, Ranking::DocBm25, bm25, k).unwrap();
        let found = found.into_iter();
        (
            at,
            found
                .map(|one| (one.document, one.score.to_bits()))
                .collect(),
        )
    };
    documents.iter().enumerate().map(ask).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_walk_finds_what_independent_questions_find(
        first in documents(),
        second in documents(),
        k in 0..6_usize,
        lucene in any::<bool>(),
        plain in any::<bool>(),
    ) {
        let bm25 = Bm25 {
            length_norm: if lucene { LengthNorm::LuceneByte4 } else { LengthNorm::Exact },
            analyzer: if plain { Analyzer::Plain } else { Analyzer::English },
            ..Bm25::default()
        };
        let mut walk = Walk::new(bm25);
        // Authors one after the other: nothing of the first is left.
        for documents in [&first, &second, &first] {
            let mut found = walked(&mut walk, documents, k);
            let in_time = found.iter().map(|&(at, _)| documents[at].date);
            prop_assert!(in_time.is_sorted());
            found.sort_by_key(|&(at, _)| at);
            prop_assert_eq!(found, asked(documents, &bm25, k));
        }
    }
}

#[test]
fn nobody_and_nothing_are_walked_through() {
    let mut walk = Walk::new(Bm25::default());
    assert_eq!(walked(&mut walk, &[], 5), []);
    let empty = Document {
        id: "a".to_owned(),
        ..Document::new("ana", "", "")
    };
    assert_eq!(walked(&mut walk, &[empty], 5), [(0, vec![])]);
}
