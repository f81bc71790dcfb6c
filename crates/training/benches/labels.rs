//! Weak labels on one thread, one JSON object a figure, in the shape and the sizes of the peers'
//! `labels.py`: summary labels of 8 snippets against 40 and 400 of 384 numbers, and key words of 150
//! words against 250.
//!
//! `cargo bench -p idiolect-training --bench labels -- WORDS WORDNET`: `WORDS` holds an example a
//! line, `["target", "past"]`; `WORDNET` is a word and its synonyms a line, separated by spaces.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark's figures are what it prints"
)]

use std::collections::HashSet;
use std::hint::black_box;
use std::time::Instant;

use idiolect_pipeline::DocumentFrequencies;
use idiolect_training::labels::{Alike, Embedded, KeywordLabels, Lexicon, summary_label};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const EXAMPLES: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let [words, synonyms] = &arguments[..] else {
        // Part of `cargo bench` or `cargo test` of everything.
        return Ok(());
    };
    for past in [40, 400] {
        let mut random = SmallRng::seed_from_u64(1);
        let examples: Vec<(Vec<Embedded>, Vec<Embedded>)> = (0..EXAMPLES)
            .map(|_| (unit(8, &mut random), unit(past, &mut random)))
            .collect();
        report(
            &format!("summary labels, 8 x {past} snippets of 384"),
            || {
                for (target, past) in &examples {
                    let past: Vec<&Embedded> = past.iter().collect();
                    black_box(summary_label(target, &past));
                }
                examples.len()
            },
        );
    }
    keywords(words, synonyms)
}

fn keywords(words: &str, synonyms: &str) -> Result<(), Box<dyn std::error::Error>> {
    let examples: Vec<(String, String)> = fs_err::read_to_string(words)?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let mut idf = DocumentFrequencies {
        documents: 1_000_000,
        ..DocumentFrequencies::default()
    };
    let vocabulary: HashSet<String> = examples
        .iter()
        .flat_map(|(target, past)| target.split(' ').chain(past.split(' ')))
        .map(str::to_owned)
        .collect();
    for word in &vocabulary {
        idf.of_word.insert(word.clone(), 1);
    }
    let mut alike = Alike::default();
    for line in fs_err::read_to_string(synonyms)?.lines() {
        let mut line = line.split(' ');
        if let Some(word) = line.next() {
            alike.add_neighbours(word, line);
        }
    }
    let begun = Instant::now();
    let lexicon = Lexicon::new(&vocabulary, &idf, &alike);
    println!(
        "{{\"bench\": \"labels\", \"peer\": \"idiolect\", \"metric\": \"lexicon of {} words\", \"value\": {:.3}, \"unit\": \"s\"}}",
        lexicon.len(),
        begun.elapsed().as_secs_f64()
    );
    let mut labels = KeywordLabels::new(&lexicon);
    report("key words, 150 x 250 words", || {
        for (target, past) in &examples {
            black_box(labels.label(target, past));
        }
        examples.len()
    });
    Ok(())
}

/// The best of seven: what else runs on the machine can only slow it.
fn report(metric: &str, mut pass: impl FnMut() -> usize) {
    let mut best = 0.0_f64;
    for _ in 0..7 {
        let begun = Instant::now();
        let count = pass();
        best = best.max(count as f64 / begun.elapsed().as_secs_f64());
    }
    println!(
        "{{\"bench\": \"labels\", \"peer\": \"idiolect\", \"threads\": 1, \"metric\": \"{metric}\", \"value\": {best:.0}, \"unit\": \"examples/s\"}}"
    );
}

fn unit(count: usize, random: &mut SmallRng) -> Vec<Embedded> {
    (0..count)
        .map(|i| {
            let mut vector: Vec<f32> = (0..384).map(|_| random.random::<f32>() - 0.5).collect();
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            for x in &mut vector {
                *x /= length;
            }
            Embedded {
                document: format!("d{i}"),
                span: 0..1,
                text: "x".to_owned(),
                vector,
            }
        })
        .collect()
}
