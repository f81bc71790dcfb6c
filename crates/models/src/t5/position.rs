use burn::tensor::{Int, Tensor, TensorData};

use super::Config;
use crate::{Error, Parameters};

/// The relative position biases of one stack: one that all its layers share, or, in a UMT5, one a
/// layer.
#[derive(Debug, Clone)]
pub(super) struct PositionBiases(Vec<PositionBias>);

impl PositionBiases {
    pub(super) fn new(
        config: &Config,
        parameters: &Parameters,
        stack: &str,
        layers: usize,
    ) -> Result<Self, Error> {
        let own = if config.biases_every_layer() {
            layers
        } else {
            1
        };
        (0..own)
            .map(|layer| PositionBias::new(config, parameters, stack, layer))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Both directions: one a layer, or one for all layers, as are all that follow.
    pub(super) fn encoder(&self, width: usize) -> Vec<Tensor<4>> {
        self.0.iter().map(|bias| bias.encoder(width)).collect()
    }

    /// Later keys masked.
    pub(super) fn decoder(&self, width: usize) -> Vec<Tensor<4>> {
        self.decoder_from(0, width)
    }

    /// The rows of queries `past..width` of the decoder's biases.
    pub(super) fn decoder_from(&self, past: usize, width: usize) -> Vec<Tensor<4>> {
        self.0
            .iter()
            .map(|bias| bias.decoder_from(past, width))
            .collect()
    }
}

/// One relative position bias.
#[derive(Debug, Clone)]
struct PositionBias {
    /// `[buckets, heads]`.
    weight: Tensor<2>,
    buckets: usize,
    max_distance: usize,
}

impl PositionBias {
    fn new(
        config: &Config,
        parameters: &Parameters,
        stack: &str,
        layer: usize,
    ) -> Result<Self, Error> {
        let name =
            format!("{stack}.block.{layer}.layer.0.SelfAttention.relative_attention_bias.weight");
        Ok(Self {
            weight: parameters.matrix(
                &name,
                [config.relative_attention_num_buckets, config.num_heads],
            )?,
            buckets: config.relative_attention_num_buckets,
            max_distance: config.relative_attention_max_distance,
        })
    }

    /// `[1, heads, width, width]`, both directions.
    fn encoder(&self, width: usize) -> Tensor<4> {
        self.bias(0..width, width, |key, query| {
            bidirectional_bucket(key as i64 - query as i64, self.buckets, self.max_distance)
        })
    }

    /// `[1, heads, width - past, width]`.
    fn decoder_from(&self, past: usize, width: usize) -> Tensor<4> {
        let bias = self.bias(past..width, width, |key, query| {
            causal_bucket(query.saturating_sub(key), self.buckets, self.max_distance)
        });
        if width - past == 1 {
            return bias;
        }
        let mask: Vec<f32> = (past..width)
            .flat_map(|query| {
                (0..width).map(move |key| if key > query { super::MASKED } else { 0.0 })
            })
            .collect();
        let device = self.weight.device();
        bias + Tensor::from_data(TensorData::new(mask, [1, 1, width - past, width]), &device)
    }

    fn bias(
        &self,
        queries: std::ops::Range<usize>,
        keys: usize,
        bucket: impl Fn(usize, usize) -> usize,
    ) -> Tensor<4> {
        let rows = queries.len();
        let ids: Vec<i32> = queries
            .flat_map(|query| (0..keys).map(move |key| (key, query)))
            .map(|(key, query)| bucket(key, query) as i32)
            .collect();
        let ids: Tensor<2, Int> =
            Tensor::from_data(TensorData::new(ids, [rows, keys]), &self.weight.device());
        burn::tensor::module::embedding(self.weight.clone(), ids)
            .permute([2, 0, 1])
            .unsqueeze()
    }
}

/// The bucket of `key - query` where both directions are seen: half of the buckets for each.
pub(crate) fn bidirectional_bucket(relative: i64, buckets: usize, max_distance: usize) -> usize {
    let half = buckets / 2;
    let base = if relative > 0 { half } else { 0 };
    base + bucket(relative.unsigned_abs() as usize, half, max_distance)
}

/// The bucket of `query - key` where only the past is seen.
pub(super) fn causal_bucket(distance: usize, buckets: usize, max_distance: usize) -> usize {
    bucket(distance, buckets, max_distance)
}

/// The first half of the buckets are single distances, the rest grow by a constant factor up to
/// `max_distance`.
fn bucket(distance: usize, buckets: usize, max_distance: usize) -> usize {
    let exact = buckets / 2;
    if distance < exact {
        return distance;
    }
    // f32 throughout, as in the reference: the buckets' borders depend on it.
    let share =
        (distance as f32 / exact as f32).ln() / ((max_distance as f64 / exact as f64).ln() as f32);
    let grown = exact + (share * (buckets - exact) as f32) as usize;
    grown.min(buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_transformers() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/position_buckets.json")).unwrap();
        let first = golden["first_distance"].as_i64().unwrap();
        for (i, bucket) in golden["bidirectional"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let relative = first + i as i64;
            let found = bidirectional_bucket(relative, 32, 128);
            assert_eq!(found as u64, bucket.as_u64().unwrap(), "{relative}");
        }
        for (i, bucket) in golden["causal"].as_array().unwrap().iter().enumerate() {
            let distance = (-first - i as i64).max(0) as usize;
            let found = causal_bucket(distance, 32, 128);
            assert_eq!(found as u64, bucket.as_u64().unwrap(), "{distance}");
        }
    }

    #[test]
    fn causal_buckets_use_all_buckets_for_the_past() {
        let found: Vec<usize> = [0, 1, 8, 9, 15, 16, 20, 64, 127, 500]
            .into_iter()
            .map(|distance| causal_bucket(distance, 32, 128))
            .collect();
        assert_eq!(found, [0, 1, 8, 9, 15, 16, 17, 26, 31, 31]);
    }

    #[test]
    fn bidirectional_buckets_split_by_direction() {
        let found: Vec<usize> = [0, -1, 1, -8, 8, 9, -127, 127]
            .into_iter()
            .map(|relative| bidirectional_bucket(relative, 32, 128))
            .collect();
        assert_eq!(found, [0, 1, 17, 8, 24, 24, 15, 31]);
    }
}
