//! Author verification and Burrows's Delta against scikit-learn and scipy: `golden/make_style.py` says
//! how `golden/style.json` is made.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use idiolect_evaluation::{StyleReference, Verdict, verification};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    verdicts: Vec<Verdicts>,
    texts: Vec<String>,
    delta: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Verdicts {
    pairs: Vec<(bool, f64)>,
    auc: f64,
    accuracy: f64,
    c_at_1: f64,
    f05_u: f64,
    f1: f64,
    brier: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/style.json")).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-9,
        "{found} instead of {expected}"
    );
}

#[test]
fn measures_of_verification() {
    for set in golden().verdicts {
        let verdicts: Vec<Verdict> = set
            .pairs
            .iter()
            .map(|&(truth, score)| Verdict { truth, score })
            .collect();
        let found = verification(&verdicts).unwrap();
        close(found.auc.unwrap(), set.auc);
        close(found.accuracy, set.accuracy);
        close(found.c_at_1, set.c_at_1);
        close(found.f05_u, set.f05_u);
        close(found.f1, set.f1);
        close(found.brier, set.brier);
    }
}

#[test]
fn deltas_are_distances_of_standardized_rates() {
    let golden = golden();
    let reference = StyleReference::of(golden.texts.iter().map(String::as_str));
    for (a, row) in golden.texts.iter().zip(&golden.delta) {
        for (b, &expected) in golden.texts.iter().zip(row) {
            close(reference.delta(a, b).unwrap(), expected);
        }
    }
}
