use serde::{Deserialize, Deserializer, Serialize, de::Error};

pub use crate::host::Activation;

/// `config.json` of a T5 in the Hugging Face layout (T5 1.0, 1.1, Flan, mT5, ByT5, UMT5). Keys that
/// are not listed are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// For example `["T5ForConditionalGeneration"]`.
    #[serde(default = "architectures")]
    pub architectures: Vec<String>,
    /// `t5`, `mt5` or `umt5`.
    #[serde(default = "model_type")]
    pub model_type: String,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Width of one head's queries, keys and values; heads × d_kv need not be d_model.
    pub d_kv: usize,
    /// Width of the feed-forward layer.
    pub d_ff: usize,
    /// Encoder layers.
    pub num_layers: usize,
    /// Decoder layers; as many as the encoder's where missing.
    #[serde(default)]
    pub num_decoder_layers: Option<usize>,
    /// Attention heads.
    pub num_heads: usize,
    /// Buckets of the relative position bias.
    #[serde(default = "buckets")]
    pub relative_attention_num_buckets: usize,
    /// Distances from here on share the last bucket.
    #[serde(default = "max_distance")]
    pub relative_attention_max_distance: usize,
    /// Share of activations dropped in training.
    #[serde(default = "dropout")]
    pub dropout_rate: f64,
    /// Added to the mean square in the norms.
    #[serde(default = "epsilon")]
    pub layer_norm_epsilon: f64,
    /// `relu`, or `gated-gelu`, `gated-relu`, `gated-silu`.
    #[serde(default = "relu")]
    pub feed_forward_proj: String,
    /// Whether the head is the embedding; a checkpoint's own `lm_head.weight` takes precedence.
    #[serde(default = "yes")]
    pub tie_word_embeddings: bool,
    /// Whether outputs are scaled by d_model^-½ before the head; follows `tie_word_embeddings`
    /// where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_decoder_outputs: Option<bool>,
    /// First decoder input.
    #[serde(default)]
    pub decoder_start_token_id: u32,
    /// Fills batches.
    #[serde(default)]
    pub pad_token_id: u32,
    /// Ends a text, and is put at the end of inputs and targets.
    #[serde(default = "eos", deserialize_with = "first")]
    pub eos_token_id: u32,
    /// What ends a text that is written, where the folder names several tokens or another one.
    #[serde(skip)]
    pub end_token_ids: Vec<u32>,
    /// Longest input in tokens that the model was trained on.
    #[serde(default = "positions")]
    pub n_positions: usize,
    /// Longest output in tokens that the model was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_target_positions: Option<usize>,
    /// Always true.
    #[serde(default = "yes")]
    pub is_encoder_decoder: bool,
}

fn architectures() -> Vec<String> {
    vec!["T5ForConditionalGeneration".to_owned()]
}
fn model_type() -> String {
    "t5".to_owned()
}
fn buckets() -> usize {
    32
}
fn max_distance() -> usize {
    128
}
fn dropout() -> f64 {
    0.1
}
fn epsilon() -> f64 {
    1e-6
}
fn relu() -> String {
    "relu".to_owned()
}
fn yes() -> bool {
    true
}
fn eos() -> u32 {
    1
}
fn positions() -> usize {
    512
}

/// A number, or the first of several.
fn first<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    let first = Ids::deserialize(value)?.all().first().copied();
    first.ok_or_else(|| D::Error::custom("a list of end tokens is empty"))
}

/// Token ids where a folder may name one or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Ids {
    One(u32),
    Several(Vec<u32>),
}

impl Ids {
    pub(crate) fn all(self) -> Vec<u32> {
        match self {
            Self::One(id) => vec![id],
            Self::Several(ids) => ids,
        }
    }
}

/// The nonlinearity of the feed-forward layers, and whether a second projection gates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedForward {
    /// What is applied to the first projection.
    pub activation: Activation,
    /// Whether `wi_0` and `wi_1` stand in place of `wi`.
    pub gated: bool,
}

impl Config {
    /// Decoder layers.
    pub fn decoder_layers(&self) -> usize {
        self.num_decoder_layers.unwrap_or(self.num_layers)
    }

    /// Width of all heads together.
    pub fn inner(&self) -> usize {
        self.num_heads * self.d_kv
    }

    /// Every token that ends a text that is written.
    pub fn end_tokens(&self) -> Vec<u32> {
        if self.end_token_ids.is_empty() {
            vec![self.eos_token_id]
        } else {
            self.end_token_ids.clone()
        }
    }

    /// Whether every layer has a position bias of its own, rather than the first one's.
    pub fn biases_every_layer(&self) -> bool {
        self.model_type == "umt5"
    }

    /// Whether decoder outputs are scaled by d_model^-½. An mT5 never does, though its config may
    /// say that it is tied.
    pub fn scales_outputs(&self) -> bool {
        self.scale_decoder_outputs
            .unwrap_or(self.tie_word_embeddings && self.model_type != "mt5")
    }

    /// Longest output in tokens; as long as the input where the config does not say.
    pub fn max_output(&self) -> usize {
        self.n_target_positions.unwrap_or(self.n_positions)
    }

    /// Reads `feed_forward_proj`; `None` for one this crate does not know.
    pub fn feed_forward(&self) -> Option<FeedForward> {
        let (gated, name) = match self.feed_forward_proj.strip_prefix("gated-") {
            Some(name) => (true, name),
            None => (false, self.feed_forward_proj.as_str()),
        };
        let activation = match name {
            "relu" => Activation::Relu,
            // `gated-gelu` means the tanh form in every published T5 1.1.
            "gelu" if gated => Activation::GeluTanh,
            "gelu_new" => Activation::GeluTanh,
            "silu" => Activation::Silu,
            _ => return None,
        };
        Some(FeedForward { activation, gated })
    }

    /// What makes the sizes unusable, in words; `None` if they can be built.
    pub(crate) fn defect(&self) -> Option<&'static str> {
        const LARGEST: usize = 1 << 20;
        const DEEPEST: usize = 1 << 10;
        const MOST: u64 = 1 << 38;
        let sizes = [
            self.vocab_size,
            self.d_model,
            self.d_kv,
            self.d_ff,
            self.num_layers,
            self.decoder_layers(),
            self.num_heads,
        ];
        if sizes.iter().any(|&size| size == 0 || size > LARGEST) {
            Some("a size is zero or beyond a million")
        } else if self.num_layers > DEEPEST || self.decoder_layers() > DEEPEST {
            Some("there are more than a thousand layers")
        } else if self.count().is_none_or(|count| count > MOST) {
            Some("there are more than 270 thousand million weights")
        } else if !(self.layer_norm_epsilon.is_finite() && self.layer_norm_epsilon > 0.0) {
            Some("layer_norm_epsilon is not above zero")
        } else if self.feed_forward().is_none() {
            Some("feed_forward_proj is unknown")
        } else if self.relative_attention_num_buckets < 4
            || self.relative_attention_max_distance <= self.relative_attention_num_buckets / 2
            || self.relative_attention_num_buckets > LARGEST
            // There is a table as long as this.
            || self.relative_attention_max_distance > LARGEST
        {
            Some("the relative attention buckets do not fit")
        } else if [
            self.decoder_start_token_id,
            self.pad_token_id,
            self.eos_token_id,
        ]
        .iter()
        .chain(&self.end_token_ids)
        .any(|&id| id as usize >= self.vocab_size)
        {
            Some("a special token lies beyond the vocabulary")
        } else {
            None
        }
    }

    /// Weights of all matrices; `None` where the number is beyond all measure.
    fn count(&self) -> Option<u64> {
        let product = |sizes: [usize; 3]| {
            sizes
                .iter()
                .try_fold(1_u64, |product, &size| product.checked_mul(size as u64))
        };
        let inner = self.num_heads.checked_mul(self.d_kv)?;
        let layers = self.num_layers.checked_add(self.decoder_layers())?;
        [
            product([2, self.vocab_size, self.d_model])?,
            product([layers.checked_mul(8)?, inner, self.d_model])?,
            product([layers.checked_mul(3)?, self.d_ff, self.d_model])?,
        ]
        .iter()
        .try_fold(0_u64, |sum, &part| sum.checked_add(part))
    }
}
