//! Of very many snippets, those that promise little are passed over: hardly one of the best is lost.

use std::sync::Arc;

use idiolect_core::{Before, Document, Ranking};
use idiolect_retrieval::{
    Analyzer, Bm25, Query, Segment, SegmentDocument, SegmentPart, SegmentsPast, Texts, TextsError,
    Vectors,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const DIMENSIONS: usize = 96;
/// More than from which on sketches are looked at.
const MANY: usize = 60_000;
const K: usize = 50;

struct NoTexts;

impl Texts for NoTexts {
    fn document(&self, id: &str) -> Result<Document, TextsError> {
        Err(format!("no text of {id}").into())
    }
}

/// Two snippets a document; one segment for each of `counts` of documents.
fn past_of(vectors: &[Vec<f32>], counts: &[usize]) -> SegmentsPast {
    let mut rest = vectors;
    let mut first = 0;
    let mut parts = Vec::new();
    for &count in counts {
        let (own, others) = rest.split_at(2 * count);
        rest = others;
        let ids: Vec<String> = (first..first + count).map(|n| n.to_string()).collect();
        let documents: Vec<_> = ids
            .iter()
            .zip(first as u64..)
            .map(|(id, sequence)| SegmentDocument {
                id,
                date: None,
                n: None,
                sequence,
                content: "ab",
                snippets: &[0..1, 1..2],
            })
            .collect();
        let vectors = Vectors {
            encoder: "random".to_owned(),
            dimensions: DIMENSIONS,
            documents: own.iter().step_by(2).cloned().collect(),
            snippets: own.to_vec(),
        };
        let bytes = Segment::build(&documents, Some(&vectors), Analyzer::Plain).unwrap();
        parts.push(SegmentPart {
            segment: Segment::open(bytes).unwrap(),
            removed: Vec::new(),
        });
        first += count;
    }
    SegmentsPast::new("ana", parts, Arc::new(NoTexts), &Before::Now).unwrap()
}

fn found(past: &SegmentsPast, vector: &[f32], ranking: Ranking, k: usize) -> Vec<(String, u32)> {
    let query = Query {
        text: "",
        vector: Some(vector),
    };
    let mut found = Vec::new();
    past.find(&query, ranking, &Bm25::default(), k, &mut |one| {
        let name = format!("{} {:?}", one.document, one.snippet);
        found.push((name, one.score.to_bits()));
    })
    .unwrap();
    found
}

/// The share of the best that is found, where `make` makes vectors: of snippets and of documents.
fn recall(make: impl Fn(&mut SmallRng) -> Vec<f32>) -> [f64; 2] {
    let mut random = SmallRng::seed_from_u64(4);
    let vectors: Vec<_> = (0..MANY).map(|_| make(&mut random)).collect();
    let past = past_of(&vectors, &[MANY / 2]);
    let parted = past_of(&vectors, &[1_000, MANY / 2 - 1_000]);
    let mut same = [0; 2];
    let queries = 10;
    for _ in 0..queries {
        let query = make(&mut random);
        for (ranking, same) in [Ranking::Snippet, Ranking::DocBySnippet]
            .into_iter()
            .zip(&mut same)
        {
            // Whoever asks for very many has all compared.
            let exact = found(&past, &query, ranking, 1_000);
            let quick = found(&past, &query, ranking, K);
            assert_eq!(quick.len(), K);
            assert_eq!(quick, found(&parted, &query, ranking, K));
            *same += quick.iter().filter(|one| exact[..K].contains(one)).count();
        }
    }
    same.map(|same| same as f64 / (K * queries) as f64)
}

fn normal(random: &mut SmallRng) -> f32 {
    let (a, b): (f32, f32) = (random.random(), random.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f32::consts::TAU * b).cos()
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    for x in &mut vector {
        *x /= norm;
    }
    vector
}

#[test]
fn of_random_vectors_the_best_are_found() {
    let shares = recall(|random| unit((0..DIMENSIONS).map(|_| normal(random)).collect()));
    assert!(shares.into_iter().all(|share| share >= 0.99), "{shares:?}");
}

/// As embeddings are: all lean to one side, and many are close together.
#[test]
fn of_clustered_vectors_the_best_are_found() {
    let mut random = SmallRng::seed_from_u64(9);
    let side: Vec<f32> = (0..DIMENSIONS).map(|_| normal(&mut random)).collect();
    let centres: Vec<Vec<f32>> = (0..40)
        .map(|_| side.iter().map(|x| x + normal(&mut random)).collect())
        .collect();
    let shares = recall(|random| {
        let centre = &centres[random.random_range(0..centres.len())];
        unit(centre.iter().map(|x| x + 0.7 * normal(random)).collect())
    });
    assert!(shares.into_iter().all(|share| share >= 0.99), "{shares:?}");
}
