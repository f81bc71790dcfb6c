//! Pairs of texts scored a second on one thread, one JSON object a figure, in the shape that the
//! peers print.
//!
//! `cargo bench -p idiolect-evaluation --bench metrics -- REFERENCES PREDICTIONS [WORDNET]`: the files
//! hold a JSON string a line.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark's figures are what it prints"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use idiolect_evaluation::{
    BleuCounts, ChrfCounts, RougeKind, StyleReference, WordNet, copied, meteor, rouge,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let (references, predictions, wordnet) = match &arguments[..] {
        [references, predictions] => (references, predictions, None),
        [references, predictions, wordnet] => (references, predictions, Some(wordnet)),
        // Part of `cargo bench` or `cargo test` of everything.
        _ => return Ok(()),
    };
    let read = |path: &String| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let text = fs_err::read_to_string(path)?;
        Ok(text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?)
    };
    let (references, predictions) = (read(references)?, read(predictions)?);
    let pairs: Vec<(&str, &str)> = references
        .iter()
        .zip(&predictions)
        .map(|(reference, prediction)| (reference.as_str(), prediction.as_str()))
        .collect();
    for stemmer in [false, true] {
        let stemmed = if stemmer { " with stemmer" } else { "" };
        for (name, kinds) in [
            ("rouge1 rouge2", vec![RougeKind::ONE, RougeKind::TWO]),
            ("rougeL", vec![RougeKind::L]),
            ("rougeLsum", vec![RougeKind::Lsum]),
        ] {
            report(
                &format!("{name}{stemmed}"),
                &pairs,
                |reference, prediction| {
                    black_box(rouge(reference, prediction, &kinds, stemmer));
                },
            );
        }
    }
    report("sentence BLEU", &pairs, |reference, prediction| {
        black_box(BleuCounts::of(reference, prediction).score(true));
    });
    report("sentence chrF", &pairs, |reference, prediction| {
        black_box(ChrfCounts::of(reference, prediction).score());
    });
    let few = &pairs[..pairs.len().min(1000)];
    report("METEOR without WordNet", few, |reference, prediction| {
        black_box(meteor(reference, prediction, None));
    });
    if let Some(folder) = wordnet {
        let wordnet = WordNet::load(Path::new(folder))?;
        report("METEOR", few, |reference, prediction| {
            black_box(meteor(reference, prediction, Some(&wordnet)));
        });
    }
    let style = StyleReference::of(references.iter().map(String::as_str));
    report("style", &pairs, |reference, prediction| {
        black_box(style.style(reference, prediction, (reference, prediction)));
    });
    report("copied spans", &pairs, |reference, prediction| {
        black_box(copied(prediction, &[reference]));
    });
    Ok(())
}

/// The best of five passes: what else runs on the machine can only slow it.
fn report(metric: &str, pairs: &[(&str, &str)], score: impl Fn(&str, &str)) {
    let mut best = 0.0_f64;
    for _ in 0..5 {
        let begun = Instant::now();
        for (reference, prediction) in pairs {
            score(reference, prediction);
        }
        best = best.max(pairs.len() as f64 / begun.elapsed().as_secs_f64());
    }
    println!(
        "{{\"bench\": \"metrics\", \"peer\": \"idiolect\", \"threads\": 1, \"size\": \"{} pairs\", \"metric\": \"{metric}\", \"value\": {best:.0}, \"unit\": \"pairs/s\"}}",
        pairs.len()
    );
}
