//! Static token vectors trained by contrast: the start of a document must be nearer to its own
//! snippets than to those of other documents.

use std::ops::ControlFlow;

use burn::tensor::{Device, Int, Tensor, TensorData};
use idiolect_models::{Parameter, Parameters};

use super::{
    Schedule, TrainError,
    gradients::{collect, scalar, tracked},
    optimizer::{Gradients, Optimizing},
};
use crate::fit::OptimizerKind;

/// A start and a snippet of the same document, as token ids; neither may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContrastivePair {
    /// The document's first 150 characters.
    pub start: Vec<u32>,
    /// One of its snippets.
    pub snippet: Vec<u32>,
}

/// How to train token vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastiveOptions {
    /// Optimiser steps, one batch each.
    pub steps: u64,
    /// AdamW's base rate; it rises over a twentieth of the steps and falls to zero.
    pub lr: f64,
    /// Cosines are divided by this before the softmax.
    pub temperature: f64,
}

/// Trains `embeddings` (`[vocabulary, dimensions]`) and `weights` (`[vocabulary]`) in place. A text
/// is the weighted mean of its tokens' vectors, normalised. `batch` gives the pairs of a step:
/// every other pair's snippet is a negative, so it is the caller who makes hard ones by putting
/// documents of one author together. `observe` sees step and loss.
///
/// # Errors
/// [`TrainError::NoExamples`] for a batch of fewer than two pairs, and where the device fails.
pub fn train_token_vectors(
    parameters: &mut Parameters,
    options: &ContrastiveOptions,
    device: &Device,
    batch: &mut dyn FnMut(u64) -> Vec<ContrastivePair>,
    observe: &mut dyn FnMut(u64, f64) -> ControlFlow<()>,
) -> Result<(), TrainError> {
    let learning = device.clone().autodiff();
    let mut optimizing = Optimizing::new(OptimizerKind::AdamW);
    for step in 1..=options.steps {
        let pairs = batch(step);
        if pairs.len() < 2 {
            return Err(TrainError::NoExamples);
        }
        let leaves = tracked(parameters, &learning, true);
        let (embeddings, weights) = tables(&leaves)?;
        let starts: Vec<&[u32]> = pairs.iter().map(|pair| pair.start.as_slice()).collect();
        let snippets: Vec<&[u32]> = pairs.iter().map(|pair| pair.snippet.as_slice()).collect();
        let starts = pooled(&embeddings, &weights, &starts, &learning);
        let snippets = pooled(&embeddings, &weights, &snippets, &learning);
        let cosines = starts
            .matmul(snippets.transpose())
            .div_scalar(options.temperature);
        let loss = (own_against_all(cosines.clone()) + own_against_all(cosines.transpose()))
            .div_scalar(2.0);
        let value = scalar(&loss)?;
        let mut gradients = Gradients::new();
        collect(&leaves, &loss, &mut gradients);
        let rate = Schedule::Linear.rate(options.lr, step, options.steps / 20, options.steps);
        optimizing.step(rate, parameters, gradients);
        if observe(step, value).is_break() {
            break;
        }
    }
    Ok(())
}

fn tables(parameters: &Parameters) -> Result<(Tensor<2>, Tensor<2>), TrainError> {
    let missing = |name: &str| idiolect_models::Error::MissingTensor {
        name: name.to_owned(),
    };
    let Some(Parameter::Matrix(embeddings)) = parameters.get("embeddings") else {
        return Err(missing("embeddings").into());
    };
    let Some(Parameter::Vector(weights)) = parameters.get("weights") else {
        return Err(missing("weights").into());
    };
    Ok((embeddings.clone(), weights.clone().unsqueeze_dim(1)))
}

/// Weighted sums of token vectors, normalised: `[rows, dimensions]`.
fn pooled(
    embeddings: &Tensor<2>,
    weights: &Tensor<2>,
    rows: &[&[u32]],
    device: &Device,
) -> Tensor<2> {
    let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let mut ids = vec![0_i32; rows.len() * width];
    let mut mask = vec![0.0_f32; ids.len()];
    for (i, row) in rows.iter().enumerate() {
        for (j, &id) in row.iter().enumerate() {
            ids[i * width + j] = id as i32;
            mask[i * width + j] = 1.0;
        }
    }
    let ids: Tensor<2, Int> = Tensor::from_data(TensorData::new(ids, [rows.len(), width]), device);
    let mask: Tensor<3> = Tensor::from_data(TensorData::new(mask, [rows.len(), width, 1]), device);
    let tokens = burn::tensor::module::embedding(embeddings.clone(), ids.clone());
    let weights = burn::tensor::module::embedding(weights.clone(), ids) * mask;
    let sum: Tensor<2> = (tokens * weights).sum_dim(1).squeeze_dim(1);
    let length = sum.clone().square().sum_dim(1).add_scalar(1e-12).sqrt();
    sum / length
}

/// Mean negative log-probability of the diagonal under a softmax over each row.
fn own_against_all(scores: Tensor<2>) -> Tensor<1> {
    let [rows, _] = scores.dims();
    let diagonal: Tensor<2, Int> =
        Tensor::<1, Int>::arange(0..rows as i64, &scores.device()).unsqueeze_dim(1);
    let own = scores.clone().gather(1, diagonal);
    let peak = scores.clone().detach().max_dim(1);
    let total = (scores - peak.clone()).exp().sum_dim(1).log() + peak;
    (total - own).mean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_go_together_come_together() {
        let device = idiolect_models::device("cpu").unwrap();
        // Token 2k starts documents whose snippets hold token 2k + 1; token 8 is everywhere.
        let values: Vec<f32> = (0..36)
            .map(|i| ((i * 37 % 17) as f32 - 8.0) / 8.0)
            .collect();
        let mut parameters = Parameters(vec![
            (
                "embeddings".to_owned(),
                Parameter::new(values, &[9, 4], &device),
            ),
            (
                "weights".to_owned(),
                Parameter::new(vec![1.0; 9], &[9], &device),
            ),
        ]);
        let pairs: Vec<ContrastivePair> = (0..4)
            .map(|k| ContrastivePair {
                start: vec![2 * k, 8],
                snippet: vec![8, 2 * k + 1, 8],
            })
            .collect();
        let options = ContrastiveOptions {
            steps: 120,
            lr: 0.05,
            temperature: 0.1,
        };
        let mut losses = Vec::new();
        train_token_vectors(
            &mut parameters,
            &options,
            &device,
            &mut |_| pairs.clone(),
            &mut |_, loss| {
                losses.push(loss);
                ControlFlow::Continue(())
            },
        )
        .unwrap();
        assert!(losses[0] > 0.5, "{}", losses[0]);
        assert!(losses[119] < 0.05, "{}", losses[119]);
    }
}
