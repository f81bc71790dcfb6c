//! The default analyzer and BM25 equal Lucene 9.9.1's; `tests/data/LuceneGolden.java` wrote the values
//! and says how to do it again.

use idiolect_core::{Before, Document, Ranking};
use idiolect_retrieval::{Analyzer, Bm25, LengthNorm, MemoryPast, Past, Query};

const WORDS: &str = include_str!("../data/words.txt");
const STEMS: &str = include_str!("../data/lucene_stems.txt");
const DOCUMENTS: &str = include_str!("../data/documents.txt");
const TERMS: &str = include_str!("../data/lucene_terms.txt");
const QUERIES: &str = include_str!("../data/queries.txt");
const SCORES: &str = include_str!("../data/lucene_scores.txt");

#[test]
fn stems_are_those_of_lucene() {
    assert_eq!(WORDS.lines().count(), STEMS.lines().count());
    for (word, stem) in WORDS.lines().zip(STEMS.lines()) {
        assert_eq!(Analyzer::English.terms(word).join(" "), stem, "{word}");
    }
}

#[test]
fn terms_are_those_of_lucene() {
    assert_eq!(DOCUMENTS.lines().count(), TERMS.lines().count());
    for (text, terms) in DOCUMENTS.lines().zip(TERMS.lines()) {
        assert_eq!(Analyzer::English.terms(text).join(" "), terms, "{text}");
    }
}

#[test]
fn scores_are_those_of_lucene() {
    let documents: Vec<_> = DOCUMENTS
        .lines()
        .zip(0..)
        .map(|(text, n)| Document {
            id: n.to_string(),
            n: Some(n),
            ..Document::new("ana", "", text)
        })
        .collect();
    let past = MemoryPast::new("ana", &documents, &Before::Now, None).unwrap();
    let bm25 = Bm25 {
        length_norm: LengthNorm::LuceneByte4,
        ..Bm25::default()
    };
    assert_eq!(QUERIES.lines().count(), SCORES.lines().count());
    for (text, expected) in QUERIES.lines().zip(SCORES.lines()) {
        let query = Query { text, vector: None };
        let found = past.rank(&query, Ranking::DocBm25, &bm25, 100).unwrap();
        let expected: Vec<(&str, f32)> = expected
            .split_whitespace()
            .map(|pair| {
                let (document, score) = pair.split_once(':').unwrap();
                (document, score.parse().unwrap())
            })
            .collect();
        let found: Vec<_> = found
            .iter()
            .map(|one| (&*one.document, one.score))
            .collect();
        assert_eq!(found.len(), expected.len(), "{text}");
        for (ours, lucenes) in found.iter().zip(&expected) {
            assert_eq!(ours.0, lucenes.0, "{text}");
            assert!(
                (ours.1 / lucenes.1 - 1.0).abs() < 1e-5,
                "{text}: {ours:?} {lucenes:?}"
            );
        }
    }
}
