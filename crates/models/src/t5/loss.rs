use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{Batch, Config, T5, layers::Training};
use crate::Error;

/// Target tokens of a batch, as the decoder reads them and as it must write them.
#[derive(Debug, Clone)]
pub struct Targets {
    /// The start token and all targets but the last: `[rows, width]`.
    decoder_input: Tensor<2, Int>,
    /// Positions of real targets in `rows × width`.
    places: Tensor<1, Int>,
    /// The targets there.
    ids: Tensor<1, Int>,
    lengths: Vec<usize>,
}

impl Targets {
    /// One row of targets an input; an end token is not added.
    ///
    /// # Errors
    /// [`Error::EmptyInput`], [`Error::TokenId`].
    pub fn new(rows: &[&[u32]], config: &Config, device: &Device) -> Result<Self, Error> {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        if width == 0 || rows.iter().any(|row| row.is_empty()) {
            return Err(Error::EmptyInput);
        }
        let mut decoder_input = vec![config.pad_token_id as i32; rows.len() * width];
        let (mut places, mut ids) = (Vec::new(), Vec::new());
        for (i, row) in rows.iter().enumerate() {
            let mut previous = config.decoder_start_token_id;
            for (j, &id) in row.iter().enumerate() {
                if id as usize >= config.vocab_size {
                    return Err(Error::TokenId {
                        id,
                        vocabulary: config.vocab_size,
                    });
                }
                decoder_input[i * width + j] = previous as i32;
                places.push((i * width + j) as i32);
                ids.push(id as i32);
                previous = id;
            }
        }
        let count = ids.len();
        Ok(Self {
            decoder_input: Tensor::from_data(
                TensorData::new(decoder_input, [rows.len(), width]),
                device,
            ),
            places: Tensor::from_data(TensorData::new(places, [count]), device),
            ids: Tensor::from_data(TensorData::new(ids, [count]), device),
            lengths: rows.iter().map(|row| row.len()).collect(),
        })
    }

    /// How many targets there are in all rows.
    pub fn count(&self) -> usize {
        self.lengths.iter().sum()
    }
}

impl T5 {
    /// Negative log-likelihoods in nats of all targets, row after row: `[count]`.
    /// `dropout` is the share of activations dropped, 0 outside training.
    pub fn nll(&self, input: &Batch, targets: &Targets, dropout: f64) -> Tensor<1> {
        let training = Training::at(dropout);
        let hidden = self.hidden(input, &targets.decoder_input, training);
        let [rows, width, d] = hidden.dims();
        let hidden = self
            .scaled(hidden)
            .reshape([rows * width, d])
            .select(0, targets.places.clone());
        // The target's own logit comes from its row of the head, so that no gradient of the
        // size of all logits has to be scattered.
        let own = (hidden.clone() * self.head.clone().select(0, targets.ids.clone())).sum_dim(1);
        let logits = hidden.matmul(self.head.clone().transpose());
        let peak = logits.clone().detach().max_dim(1);
        let total = (logits - peak.clone()).exp().sum_dim(1).log() + peak;
        (total - own).squeeze_dim(1)
    }

    /// Natural log-probabilities of each row's targets.
    ///
    /// # Errors
    /// [`Error::Execution`] where the device fails.
    pub fn log_probs(&self, input: &Batch, targets: &Targets) -> Result<Vec<Vec<f32>>, Error> {
        let all = self
            .nll(input, targets, 0.0)
            .neg()
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::Execution(error.to_string()))?;
        let mut rest = all.as_slice();
        Ok(targets
            .lengths
            .iter()
            .map(|&length| {
                let (row, after) = rest.split_at(length);
                rest = after;
                row.to_vec()
            })
            .collect())
    }
}
