//! T5: an encoder–decoder with relative position biases (paper §4.5's generator and, in one model
//! with it, the summarizer, the synthesizer and the author distinction).
//!
//! After Raffel et al., arXiv 1910.10683; parity with `transformers` is held by the golden files in
//! `tests/golden`.

mod cache;
mod config;
mod host;
mod init;
mod layers;
mod layout;
mod learning;
mod loss;
mod position;

use burn::tensor::{Device, Int, Tensor, TensorData};

pub use cache::Cache;
pub(crate) use config::Ids;
pub use config::{Activation, Config, FeedForward};
pub(crate) use host::{HostCache, HostT5};
pub use init::random_parameters;
use layers::{Attention, FeedForwardLayer, Norm, Training, dropout, linear};
pub(crate) use layout::layout;
pub use learning::{Learner, Lesson, WeightGradients};
pub use loss::Targets;
use position::PositionBiases;
pub(crate) use position::bidirectional_bucket;

use crate::{Error, Parameters};

/// A T5 ready to run. Cheap to build from [`Parameters`]: it shares their memory.
#[derive(Debug, Clone)]
pub struct T5 {
    config: Config,
    shared: Tensor<2>,
    head: Tensor<2>,
    encoder: Vec<EncoderBlock>,
    encoder_biases: PositionBiases,
    encoder_norm: Norm,
    decoder: Vec<DecoderBlock>,
    decoder_biases: PositionBiases,
    decoder_norm: Norm,
}

#[derive(Debug, Clone)]
struct EncoderBlock {
    attention: Attention,
    attention_norm: Norm,
    feed_forward: FeedForwardLayer,
    feed_forward_norm: Norm,
}

#[derive(Debug, Clone)]
struct DecoderBlock {
    attention: Attention,
    attention_norm: Norm,
    cross: Attention,
    cross_norm: Norm,
    feed_forward: FeedForwardLayer,
    feed_forward_norm: Norm,
}

/// Rows of token ids, filled up to one width.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[rows, width]`.
    pub ids: Tensor<2, Int>,
    /// Zero at tokens, a large negative number at padding: `[rows, 1, 1, width]`.
    pub mask: Tensor<4>,
}

/// Added to a score so that it counts for nothing after the softmax.
const MASKED: f32 = -1e9;

impl Batch {
    /// Fills rows with `pad` at their ends.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no rows or an empty one, [`Error::TokenId`] for an id that the
    /// vocabulary does not hold.
    pub fn new(rows: &[&[u32]], config: &Config, device: &Device) -> Result<Self, Error> {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        if width == 0 || rows.iter().any(|row| row.is_empty()) {
            return Err(Error::EmptyInput);
        }
        let mut ids = vec![config.pad_token_id as i32; rows.len() * width];
        let mut mask = vec![MASKED; ids.len()];
        for (i, row) in rows.iter().enumerate() {
            for (j, &id) in row.iter().enumerate() {
                if id as usize >= config.vocab_size {
                    return Err(Error::TokenId {
                        id,
                        vocabulary: config.vocab_size,
                    });
                }
                ids[i * width + j] = id as i32;
                mask[i * width + j] = 0.0;
            }
        }
        Ok(Self {
            ids: Tensor::from_data(TensorData::new(ids, [rows.len(), width]), device),
            mask: Tensor::from_data(TensorData::new(mask, [rows.len(), 1, 1, width]), device),
        })
    }
}

impl T5 {
    /// Builds the model from its parameters: the head is `lm_head.weight` where there is one, else
    /// the shared embedding.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Shape`].
    pub fn new(config: &Config, parameters: &Parameters) -> Result<Self, Error> {
        let shape = [config.vocab_size, config.d_model];
        let shared = parameters.matrix("shared.weight", shape)?;
        let head = match parameters.get("lm_head.weight") {
            Some(_) => parameters.matrix("lm_head.weight", shape)?,
            None => shared.clone(),
        };
        let encoder = (0..config.num_layers)
            .map(|i| EncoderBlock::new(config, parameters, &format!("encoder.block.{i}.layer")))
            .collect::<Result<_, _>>()?;
        let decoder = (0..config.decoder_layers())
            .map(|i| DecoderBlock::new(config, parameters, &format!("decoder.block.{i}.layer")))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            config: config.clone(),
            shared,
            head,
            encoder,
            encoder_biases: PositionBiases::new(config, parameters, "encoder", config.num_layers)?,
            encoder_norm: Norm::new(config, parameters, "encoder.final_layer_norm")?,
            decoder,
            decoder_biases: PositionBiases::new(
                config,
                parameters,
                "decoder",
                config.decoder_layers(),
            )?,
            decoder_norm: Norm::new(config, parameters, "decoder.final_layer_norm")?,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where its weights lie.
    pub fn device(&self) -> Device {
        self.shared.device()
    }

    /// Hidden states of the inputs: `[rows, width, d_model]`.
    pub fn encode(&self, input: &Batch) -> Tensor<3> {
        self.encode_with(input, Training::off())
    }

    fn encode_with(&self, input: &Batch, training: Training) -> Tensor<3> {
        let width = input.ids.dims()[1];
        let biases: Vec<Tensor<4>> = (self.encoder_biases.encoder(width).into_iter())
            .map(|bias| bias + input.mask.clone())
            .collect();
        let mut x = dropout(self.embed(input.ids.clone()), training);
        for (block, bias) in self.encoder.iter().zip(biases.iter().cycle()) {
            let states = block.attention_norm.forward(x.clone());
            let attended = block
                .attention
                .forward(states.clone(), states, bias, training);
            x = x + dropout(attended, training);
            let states = block.feed_forward_norm.forward(x.clone());
            x = x + dropout(block.feed_forward.forward(states, training), training);
        }
        dropout(self.encoder_norm.forward(x), training)
    }

    /// Logits of every position with the true past given (teacher forcing): `[rows, width, vocab]`.
    /// `decoder_input` starts with the start token; padding at the end of rows needs no mask, since
    /// no position sees a later one.
    pub fn forward(&self, input: &Batch, decoder_input: &Tensor<2, Int>) -> Tensor<3> {
        let hidden = self.hidden(input, decoder_input, Training::off());
        linear(self.scaled(hidden), &self.head)
    }

    fn hidden(
        &self,
        input: &Batch,
        decoder_input: &Tensor<2, Int>,
        training: Training,
    ) -> Tensor<3> {
        let states = self.encode_with(input, training);
        let width = decoder_input.dims()[1];
        let biases = self.decoder_biases.decoder(width);
        let mut x = dropout(self.embed(decoder_input.clone()), training);
        for (block, bias) in self.decoder.iter().zip(biases.iter().cycle()) {
            let normed = block.attention_norm.forward(x.clone());
            let attended = block
                .attention
                .forward(normed.clone(), normed, bias, training);
            x = x + dropout(attended, training);
            let normed = block.cross_norm.forward(x.clone());
            let attended = block
                .cross
                .forward(normed, states.clone(), &input.mask, training);
            x = x + dropout(attended, training);
            let normed = block.feed_forward_norm.forward(x.clone());
            x = x + dropout(block.feed_forward.forward(normed, training), training);
        }
        dropout(self.decoder_norm.forward(x), training)
    }

    /// Decoder outputs as the head expects them.
    fn scaled(&self, hidden: Tensor<3>) -> Tensor<3> {
        if self.config.scales_outputs() {
            hidden.mul_scalar((self.config.d_model as f64).powf(-0.5))
        } else {
            hidden
        }
    }

    /// Keys and values of the encoded inputs for every decoder layer, and none yet of the decoder.
    pub fn start(&self, states: &Tensor<3>, mask: &Tensor<4>) -> Cache {
        Cache::new(
            self.decoder
                .iter()
                .map(|block| block.cross.keys_and_values(states.clone()))
                .collect(),
            mask.clone(),
        )
    }

    /// Runs the decoder over the next tokens of each row, `[rows, n]`, and returns the logits of the
    /// last one: `[rows, vocab]`.
    pub fn step(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Tensor<2> {
        let [rows, n] = tokens.dims();
        let past = cache.length();
        let biases = self.decoder_biases.decoder_from(past, past + n);
        let mut x = self.embed(tokens);
        let layers = self.decoder.iter().zip(biases.iter().cycle());
        for (i, (block, bias)) in layers.enumerate() {
            let normed = block.attention_norm.forward(x.clone());
            let (keys, values) = block.attention.keys_and_values(normed.clone());
            let (keys, values) = cache.extend(i, keys, values);
            x = x + block.attention.attend(normed, keys, values, bias);
            let normed = block.cross_norm.forward(x.clone());
            let (keys, values) = cache.cross(i);
            x = x + block.cross.attend(normed, keys, values, cache.mask());
            let normed = block.feed_forward_norm.forward(x.clone());
            x = x + block.feed_forward.forward(normed, Training::off());
        }
        let last = self.decoder_norm.forward(x.slice([0..rows, n - 1..n]));
        linear(self.scaled(last), &self.head).squeeze_dim(1)
    }

    fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        burn::tensor::module::embedding(self.shared.clone(), ids)
    }
}

impl EncoderBlock {
    fn new(config: &Config, parameters: &Parameters, path: &str) -> Result<Self, Error> {
        Ok(Self {
            attention: Attention::new(config, parameters, &format!("{path}.0.SelfAttention"))?,
            attention_norm: Norm::new(config, parameters, &format!("{path}.0.layer_norm"))?,
            feed_forward: FeedForwardLayer::new(
                config,
                parameters,
                &format!("{path}.1.DenseReluDense"),
            )?,
            feed_forward_norm: Norm::new(config, parameters, &format!("{path}.1.layer_norm"))?,
        })
    }
}

impl DecoderBlock {
    fn new(config: &Config, parameters: &Parameters, path: &str) -> Result<Self, Error> {
        Ok(Self {
            attention: Attention::new(config, parameters, &format!("{path}.0.SelfAttention"))?,
            attention_norm: Norm::new(config, parameters, &format!("{path}.0.layer_norm"))?,
            cross: Attention::new(config, parameters, &format!("{path}.1.EncDecAttention"))?,
            cross_norm: Norm::new(config, parameters, &format!("{path}.1.layer_norm"))?,
            feed_forward: FeedForwardLayer::new(
                config,
                parameters,
                &format!("{path}.2.DenseReluDense"),
            )?,
            feed_forward_norm: Norm::new(config, parameters, &format!("{path}.2.layer_norm"))?,
        })
    }
}
