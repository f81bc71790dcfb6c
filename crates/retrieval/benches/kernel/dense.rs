use std::error::Error;
use std::sync::Arc;

use idiolect_core::{Before, Document, Ranking};
use idiolect_retrieval::{
    Analyzer, Bm25, Query, Segment, SegmentDocument, SegmentPart, SegmentsPast, Texts, TextsError,
    Vectors,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::report::{Of, each};

const K: usize = 100;
const QUERIES: usize = 200;
/// The truth is asked for so many of them.
const CHECKED: usize = 50;

/// Random unit vectors, one a snippet and document: the best for a query, and how many of the truly
/// best, by the vectors before they were made 8-bit numbers, are among them.
pub(crate) fn search(count: usize, dimensions: usize) -> Result<(), Box<dyn Error>> {
    let mut random = SmallRng::seed_from_u64(1);
    let vectors: Vec<Vec<f32>> = (0..count).map(|_| unit(&mut random, dimensions)).collect();
    let queries: Vec<Vec<f32>> = (0..QUERIES)
        .map(|_| unit(&mut random, dimensions))
        .collect();
    let truth: Vec<Vec<usize>> = queries[..CHECKED]
        .iter()
        .map(|query| best(query, &vectors))
        .collect();
    let past = past_of(vectors, dimensions)?;

    let size = format!("{count} x {dimensions}");
    let of = |bench| Of { bench, size: &size };
    let bm25 = Bm25::default();
    let ask = |vector: &Vec<f32>, k: usize| {
        let query = Query {
            text: "",
            vector: Some(vector),
        };
        let mut found: Vec<usize> = Vec::with_capacity(k);
        past.find(&query, Ranking::Snippet, &bm25, k, &mut |one| {
            found.extend(one.document.parse::<usize>());
        })
        .map(|()| found)
    };
    let mut same = 0;
    for (query, truth) in queries.iter().zip(&truth) {
        let found = ask(query, K)?;
        same += truth.iter().filter(|&one| found.contains(one)).count();
    }
    let share = same as f64 / (CHECKED * K) as f64;
    of("dense.recall").emit("top 100 found", share, "share");
    // Whoever asks for very many has all rows compared: so this is what the first pass loses.
    let mut same = 0;
    for query in &queries[..CHECKED] {
        let exact = ask(query, count / 100)?;
        let exact = &exact[..exact.len().min(K / 2)];
        let found = ask(query, K / 2)?;
        same += exact.iter().filter(|&one| found.contains(one)).count();
    }
    let share = same as f64 / (CHECKED * K / 2) as f64;
    of("dense.first-pass").emit("top 50 of the exact scan found", share, "share");
    let calls = each(&queries, |query| assert!(ask(query, K).is_ok()));
    of("dense.query").emit_latency("1 query, top 100", calls);
    Ok(())
}

/// A normally distributed direction.
fn unit(random: &mut SmallRng, dimensions: usize) -> Vec<f32> {
    let mut vector: Vec<f32> = (0..dimensions)
        .map(|_| {
            let (a, b): (f32, f32) = (random.random(), random.random());
            (-2.0 * (1.0 - a).ln()).sqrt() * (std::f32::consts::TAU * b).cos()
        })
        .collect();
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    for x in &mut vector {
        *x /= norm;
    }
    vector
}

fn best(query: &[f32], vectors: &[Vec<f32>]) -> Vec<usize> {
    let dot = |vector: &Vec<f32>| {
        let mut sums = [0.0_f32; 16];
        for (a, b) in query.chunks(16).zip(vector.chunks(16)) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        }
        sums.iter().sum::<f32>()
    };
    let mut scored: Vec<(f32, usize)> = vectors.iter().map(dot).zip(0..).collect();
    let better = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0);
    if scored.len() > K {
        scored.select_nth_unstable_by(K - 1, better);
    }
    scored.into_iter().take(K).map(|(_, at)| at).collect()
}

fn past_of(vectors: Vec<Vec<f32>>, dimensions: usize) -> Result<SegmentsPast, Box<dyn Error>> {
    let ids: Vec<String> = (0..vectors.len()).map(|n| n.to_string()).collect();
    let whole = 0..1;
    let documents: Vec<_> = ids
        .iter()
        .zip(0..)
        .map(|(id, sequence)| SegmentDocument {
            id,
            date: None,
            n: None,
            sequence,
            content: "a",
            snippets: std::slice::from_ref(&whole),
        })
        .collect();
    let vectors = Vectors {
        encoder: "random".to_owned(),
        dimensions,
        documents: vectors.clone(),
        snippets: vectors,
    };
    let bytes = Segment::build(&documents, Some(&vectors), Analyzer::Plain)?;
    let part = SegmentPart {
        segment: Segment::open(bytes)?,
        removed: Vec::new(),
    };
    let past = SegmentsPast::new("writer", vec![part], Arc::new(NoTexts), &Before::Now)?;
    Ok(past)
}

/// Nobody asks for texts here.
struct NoTexts;

impl Texts for NoTexts {
    fn document(&self, id: &str) -> Result<Document, TextsError> {
        Err(format!("no text of {id}").into())
    }
}
