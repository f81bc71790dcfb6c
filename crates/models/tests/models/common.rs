//! What the golden tests share: folders, numbers of JSON, a comparison.

use std::path::PathBuf;

use idiolect_models::{Device, Seq2Seq, Stored, T5, device};
use serde_json::Value;

pub(crate) const T5_FOLDERS: [&str; 7] = [
    "t5-v1.1",
    "t5-v1.0",
    "tied-gated",
    "mt5",
    "deep-encoder",
    "umt5",
    "byt5",
];

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

pub(crate) fn json(file: &str) -> Value {
    serde_json::from_slice(&fs_err::read(folder(file)).unwrap()).unwrap()
}

pub(crate) fn golden(name: &str) -> Value {
    json(&format!("{name}/golden.json"))
}

pub(crate) fn cpu() -> Device {
    device("cpu").unwrap()
}

pub(crate) fn model(name: &str) -> Seq2Seq {
    Seq2Seq::load(&folder(name), &cpu()).unwrap()
}

/// The model as the tensor library computes it.
pub(crate) fn network(name: &str) -> T5 {
    let stored = Stored::load(&folder(name)).unwrap();
    T5::new(&stored.config, &stored.parameters(&cpu()).unwrap()).unwrap()
}

pub(crate) fn ids(value: &Value) -> Vec<u32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_u64().unwrap() as u32)
        .collect()
}

pub(crate) fn id_rows(value: &Value) -> Vec<Vec<u32>> {
    value.as_array().unwrap().iter().map(ids).collect()
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap() as f32)
        .collect()
}

/// The texts of a sentence encoder's golden file.
pub(crate) fn texts(golden: &Value) -> Vec<&str> {
    golden["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["text"].as_str().unwrap())
        .collect()
}

/// Every number within `tolerance` of the largest expected one.
#[track_caller]
pub(crate) fn near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected
        .iter()
        .fold(1.0_f32, |most, value| most.max(value.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * largest,
            "{what}, number {i}: {found}, expected {expected}"
        );
    }
}
