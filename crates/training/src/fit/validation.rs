use std::collections::BTreeMap;

use burn::tensor::Device;
use idiolect_models::Seq2Seq;

use super::{Features, Metric, Run, TrainError};

/// Examples held back, under one name.
#[derive(Debug, Clone)]
pub struct ValidationSet {
    /// Such as `own`, `none`, `wrong`: whose past the inputs hold.
    pub name: String,
    /// What is scored.
    pub held: Vec<Held>,
}

/// An example of which a part is scored.
#[derive(Debug, Clone)]
pub struct Held {
    /// Input and target.
    pub features: Features,
    /// How many target tokens at the start are given and not scored.
    pub given: usize,
    /// Bytes of the text that the scored tokens stand for; 0 where bits per byte mean nothing.
    pub bytes: usize,
}

/// Looks at all validation sets with the weights as they are.
pub(super) fn validate(run: &Run<'_>, step: u64, device: &Device) -> Result<Metric, TrainError> {
    let weights = run.network().weights(&run.parameters)?;
    let model = Seq2Seq::of_parameters(run.config, &weights, None, "", device)?;
    let (mut nats, mut tokens) = (0.0, 0);
    let mut bits = BTreeMap::new();
    for set in run.validation {
        let scored = score(&model, &set.held)?;
        nats += scored.iter().map(|(nats, _)| nats).sum::<f64>();
        tokens += scored.iter().map(|(_, tokens)| tokens).sum::<usize>();
        if let Some(value) = ratio(&scored, &set.held) {
            bits.insert(set.name.clone(), value);
        }
    }
    Ok(Metric::Validation {
        step,
        validation_loss: nats / tokens.max(1) as f64,
        bits_per_byte: bits,
    })
}

/// Bits per byte of the scored parts under a model (evaluation: teacher forcing); `None` where
/// nothing was scored.
///
/// # Errors
/// As [`Seq2Seq::log_probs`].
pub fn bits_per_byte(model: &Seq2Seq, held: &[Held]) -> Result<Option<f64>, TrainError> {
    Ok(ratio(&score(model, held)?, held))
}

/// Nats and tokens of the scored part of each example.
fn score(model: &Seq2Seq, held: &[Held]) -> Result<Vec<(f64, usize)>, TrainError> {
    let inputs: Vec<Vec<u32>> = held.iter().map(|h| h.features.input.clone()).collect();
    let targets: Vec<Vec<u32>> = held.iter().map(|h| h.features.target.clone()).collect();
    let found = model.log_probs(&inputs, &targets)?;
    Ok(held
        .iter()
        .zip(found)
        .map(|(h, row)| {
            let scored = &row[h.given.min(row.len())..];
            (
                -scored.iter().map(|&p| f64::from(p)).sum::<f64>(),
                scored.len(),
            )
        })
        .collect())
}

fn ratio(scored: &[(f64, usize)], held: &[Held]) -> Option<f64> {
    let bytes: usize = held.iter().map(|h| h.bytes).sum();
    let nats: f64 = scored.iter().map(|(nats, _)| nats).sum();
    (bytes > 0).then(|| nats / std::f64::consts::LN_2 / bytes as f64)
}
