use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::{Error, folder, host::Activation, t5};

/// The transformers that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Bert,
    /// And XLM-R: positions count from behind the padding's id.
    Roberta,
    Mpnet,
    DistilBert,
    /// The encoder alone.
    T5,
}

/// The sizes of a transformer, whatever its config calls them.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    pub family: Family,
    pub model_type: String,
    /// Whether it is the encoder of a model that writes.
    pub writes: bool,
    pub vocabulary: usize,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Width of all heads together.
    pub inner: usize,
    pub feed_forward: usize,
    pub activation: Activation,
    /// Whether a second projection gates the first.
    pub gated: bool,
    pub epsilon: f32,
    /// Rows of the table of positions, if there is one.
    pub positions: Option<usize>,
    /// Position of the first token.
    pub first_position: usize,
    /// Rows of the table of token types, 0 if there is none.
    pub token_types: usize,
    pub buckets: usize,
    pub max_distance: usize,
}

/// `config.json` of BERT and its kin; DistilBERT has names of its own.
#[derive(Debug, Deserialize)]
struct Bert {
    vocab_size: usize,
    #[serde(alias = "dim")]
    hidden_size: usize,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    num_attention_heads: usize,
    #[serde(alias = "hidden_dim")]
    intermediate_size: usize,
    #[serde(alias = "activation", default = "gelu")]
    hidden_act: String,
    max_position_embeddings: usize,
    #[serde(default = "epsilon")]
    layer_norm_eps: f64,
    #[serde(default = "two")]
    type_vocab_size: usize,
    pad_token_id: Option<usize>,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
    #[serde(default = "buckets")]
    relative_attention_num_buckets: usize,
}

fn gelu() -> String {
    "gelu".to_owned()
}
fn epsilon() -> f64 {
    1e-12
}
fn two() -> usize {
    2
}
fn buckets() -> usize {
    BUCKETS
}

/// MPNet's, whatever its config says: `transformers` has these numbers in its code.
const BUCKETS: usize = 32;
const MAX_DISTANCE: usize = 128;

const EXPECTED: &str = "bert, roberta, xlm-roberta, camembert, mpnet, distilbert or t5";

/// Whether a `model_type` is that of an encoder and of nothing else.
pub(super) fn is_encoder(model_type: &str) -> bool {
    model_type == "model2vec" || family(model_type).is_some_and(|family| family != Family::T5)
}

fn family(model_type: &str) -> Option<Family> {
    Some(match model_type {
        "bert" => Family::Bert,
        "roberta" | "xlm-roberta" | "camembert" => Family::Roberta,
        "mpnet" => Family::Mpnet,
        "distilbert" => Family::DistilBert,
        "t5" | "mt5" | "umt5" => Family::T5,
        _ => return None,
    })
}

impl Sizes {
    /// Reads and checks the bytes of a `config.json`.
    pub(super) fn parse(bytes: &[u8], file: &Path) -> Result<Self, Error> {
        let json = |source| Error::Json {
            file: file.to_owned(),
            source,
        };
        let value: Value = serde_json::from_slice(bytes).map_err(json)?;
        let model_type = value["model_type"].as_str().unwrap_or_default().to_owned();
        let Some(family) = family(&model_type) else {
            return Err(Error::Architecture {
                file: file.to_owned(),
                found: model_type,
                expected: EXPECTED,
            });
        };
        let sizes = if family == Family::T5 {
            Ok(Self::of_t5(&folder::parse_config(bytes, file)?, model_type))
        } else {
            let config: Bert = serde_json::from_value(value).map_err(json)?;
            Self::of_bert(&config, family, model_type)
        };
        sizes
            // There is a table of biases as long as this.
            .and_then(
                |sizes| match sizes.heads.checked_mul(2 * sizes.max_distance + 1) {
                    Some(count) if count < 1 << 22 => Ok(sizes),
                    _ => Err("heads and distances are too many together"),
                },
            )
            .map_err(|defect| Error::Config {
                file: file.to_owned(),
                defect,
            })
    }

    fn of_bert(config: &Bert, family: Family, model_type: String) -> Result<Self, &'static str> {
        const LARGEST: usize = 1 << 20;
        let sizes = [
            config.vocab_size,
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.intermediate_size,
            config.max_position_embeddings,
        ];
        let first_position = match family {
            Family::Roberta => config.pad_token_id.unwrap_or(1).saturating_add(1),
            Family::Mpnet => 2,
            _ => 0,
        };
        let token_types = match family {
            Family::Bert | Family::Roberta => config.type_vocab_size,
            _ => 0,
        };
        if sizes.iter().any(|&size| size == 0 || size > LARGEST) || token_types > LARGEST {
            return Err("a size is zero or beyond a million");
        }
        if !config
            .hidden_size
            .is_multiple_of(config.num_attention_heads)
        {
            return Err("the heads do not divide the hidden size");
        }
        if !(config.layer_norm_eps.is_finite() && config.layer_norm_eps > 0.0) {
            return Err("layer_norm_eps is not above zero");
        }
        if first_position >= config.max_position_embeddings {
            return Err("there is no position for a token");
        }
        let absolute = |kind: &String| kind == "absolute";
        if !config.position_embedding_type.as_ref().is_none_or(absolute) {
            return Err("position_embedding_type is not `absolute`");
        }
        if config.is_decoder {
            return Err("it is a decoder, whose tokens do not see later ones");
        }
        if family == Family::Mpnet && config.relative_attention_num_buckets != BUCKETS {
            return Err("relative_attention_num_buckets is not 32");
        }
        Ok(Self {
            family,
            model_type,
            writes: false,
            vocabulary: config.vocab_size,
            width: config.hidden_size,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            inner: config.hidden_size,
            feed_forward: config.intermediate_size,
            activation: activation(&config.hidden_act).ok_or("the activation is unknown")?,
            gated: false,
            epsilon: config.layer_norm_eps as f32,
            positions: Some(config.max_position_embeddings),
            first_position,
            token_types,
            buckets: BUCKETS,
            max_distance: MAX_DISTANCE,
        })
    }

    fn of_t5(config: &t5::Config, model_type: String) -> Self {
        let feed_forward = config.feed_forward();
        Self {
            family: Family::T5,
            model_type,
            writes: !config
                .architectures
                .iter()
                .any(|name| name.ends_with("EncoderModel")),
            vocabulary: config.vocab_size,
            width: config.d_model,
            layers: config.num_layers,
            heads: config.num_heads,
            inner: config.inner(),
            feed_forward: config.d_ff,
            // An unknown one was refused with the config.
            activation: feed_forward.map_or(Activation::Relu, |known| known.activation),
            gated: feed_forward.is_some_and(|known| known.gated),
            epsilon: config.layer_norm_epsilon as f32,
            positions: None,
            first_position: 0,
            token_types: 0,
            buckets: config.relative_attention_num_buckets,
            max_distance: config.relative_attention_max_distance,
        }
    }

    /// How many tokens there are positions for.
    pub(super) fn capacity(&self) -> Option<usize> {
        Some(self.positions? - self.first_position)
    }
}

fn activation(name: &str) -> Option<Activation> {
    Some(match name {
        "gelu" => Activation::Gelu,
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Activation::GeluTanh,
        "relu" => Activation::Relu,
        "silu" | "swish" => Activation::Silu,
        _ => return None,
    })
}
