//! BM25 with exact lengths equals bm25s 0.3.16; `tests/data/bm25s_golden.py` wrote the scores and says
//! how to do it again.

use idiolect_core::{Before, Document, Ranking};
use idiolect_retrieval::{Analyzer, Bm25, MemoryPast, Past, Query};

const WORDS: &str = include_str!("../data/words.txt");
const SCORES: &str = include_str!("../data/bm25s_scores.txt");

#[test]
fn scores_are_those_of_bm25s() {
    let is_plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words: Vec<&str> = WORDS.split_whitespace().filter(is_plain).take(60).collect();
    let text = |places: &mut dyn Iterator<Item = usize>| {
        let words: Vec<_> = places.map(|place| words[place % 60]).collect();
        words.join(" ")
    };
    let documents: Vec<_> = (0..40)
        .map(|i| Document {
            id: i.to_string(),
            n: Some(i as i64),
            ..Document::new(
                "ana",
                "",
                &text(&mut (0..5 + i * 13 % 50).map(|j| i * i + j * j * 3)),
            )
        })
        .collect();
    let past = MemoryPast::new("ana", &documents, &Before::Now, None).unwrap();
    let bm25 = Bm25 {
        analyzer: Analyzer::Plain,
        ..Bm25::default()
    };
    assert_eq!(SCORES.lines().count(), 8);
    for (q, expected) in SCORES.lines().enumerate() {
        let text = text(&mut (0..=q * 3).map(|j| q * 7 + j * j));
        let query = Query {
            text: &text,
            vector: None,
        };
        let mut found = past.rank(&query, Ranking::DocBm25, &bm25, 100).unwrap();
        found.sort_by_key(|one| one.document.parse::<usize>().unwrap());
        let expected: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(found.len(), expected.len(), "{text}");
        for (ours, theirs) in found.iter().zip(expected) {
            let (document, score) = theirs.split_once(':').unwrap();
            let score: f32 = score.parse().unwrap();
            assert_eq!(ours.document, document, "{text}");
            assert!(
                (ours.score / score - 1.0).abs() < 2e-6,
                "{text}: {ours:?} {score}"
            );
        }
    }
}
