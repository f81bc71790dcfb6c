use std::collections::HashMap;

use super::super::Config;
use crate::{Error, Parameters, t5::layout};

/// Where the weights of a T5 lie in a list of parameters.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) shared: usize,
    /// As `shared` where the head is the embedding.
    pub(super) head: usize,
    pub(super) encoder: StackPlaces,
    pub(super) decoder: StackPlaces,
}

#[derive(Debug)]
pub(super) struct StackPlaces {
    pub(super) layers: Vec<LayerPlaces>,
    /// One that all layers share, or one a layer.
    pub(super) biases: Vec<usize>,
    pub(super) norm: usize,
}

#[derive(Debug)]
pub(super) struct LayerPlaces {
    pub(super) own: AttentionPlaces,
    /// A decoder layer's attention to the input.
    pub(super) cross: Option<AttentionPlaces>,
    pub(super) feed_forward: FeedForwardPlaces,
}

#[derive(Debug)]
pub(super) struct AttentionPlaces {
    pub(super) norm: usize,
    pub(super) q: usize,
    pub(super) k: usize,
    pub(super) v: usize,
    pub(super) o: usize,
}

#[derive(Debug)]
pub(super) struct FeedForwardPlaces {
    pub(super) norm: usize,
    /// The projection, and the gate's.
    pub(super) wi: Vec<usize>,
    pub(super) wo: usize,
}

impl Network {
    /// Finds every weight that the sizes ask for.
    pub(super) fn new(config: &Config, parameters: &Parameters) -> Result<Self, Error> {
        let mut known = HashMap::new();
        for (place, (name, parameter)) in parameters.0.iter().enumerate() {
            known.insert(name.as_str(), (place, parameter.shape()));
        }
        let shape = vec![config.vocab_size, config.d_model];
        let head = known.get("lm_head.weight").cloned();
        // A tied checkpoint may hold its head as well.
        let config = &Config {
            tie_word_embeddings: head.is_none(),
            ..config.clone()
        };
        let mut places = HashMap::new();
        for weight in layout(config) {
            let (place, found) = known
                .get(weight.name.as_str())
                .ok_or(Error::MissingTensor {
                    name: weight.name.clone(),
                })?;
            if *found != weight.shape {
                return Err(Error::Shape {
                    name: weight.name,
                    found: found.clone(),
                    expected: weight.shape,
                });
            }
            places.insert(weight.name, *place);
        }
        let find = |name: &str| {
            let missing = || Error::MissingTensor { name: name.into() };
            places.get(name).copied().ok_or_else(missing)
        };
        let shared = find("shared.weight")?;
        debug_assert_eq!(known["shared.weight"].1, shape);
        Ok(Self {
            shared,
            head: head.map_or(shared, |(place, _)| place),
            encoder: StackPlaces::new(config, &find, "encoder", config.num_layers)?,
            decoder: StackPlaces::new(config, &find, "decoder", config.decoder_layers())?,
        })
    }
}

impl StackPlaces {
    fn new(
        config: &Config,
        find: &impl Fn(&str) -> Result<usize, Error>,
        stack: &str,
        layers: usize,
    ) -> Result<Self, Error> {
        let gated = config.feed_forward().is_some_and(|kind| kind.gated);
        let names: &[&str] = if gated { &["wi_0", "wi_1"] } else { &["wi"] };
        let path = |i: usize| format!("{stack}.block.{i}.layer");
        let attention = |path: &str, number: usize, name: &str| -> Result<_, Error> {
            let of = |part: &str| find(&format!("{path}.{number}.{name}.{part}.weight"));
            Ok(AttentionPlaces {
                norm: find(&format!("{path}.{number}.layer_norm.weight"))?,
                q: of("q")?,
                k: of("k")?,
                v: of("v")?,
                o: of("o")?,
            })
        };
        let layer = |i: usize| -> Result<_, Error> {
            let path = path(i);
            let cross = if stack == "decoder" {
                Some(attention(&path, 1, "EncDecAttention")?)
            } else {
                None
            };
            let last = if cross.is_some() { 2 } else { 1 };
            let of = |part: &str| find(&format!("{path}.{last}.DenseReluDense.{part}.weight"));
            Ok(LayerPlaces {
                own: attention(&path, 0, "SelfAttention")?,
                cross,
                feed_forward: FeedForwardPlaces {
                    norm: find(&format!("{path}.{last}.layer_norm.weight"))?,
                    wi: names
                        .iter()
                        .map(|name| of(name))
                        .collect::<Result<_, _>>()?,
                    wo: of("wo")?,
                },
            })
        };
        let own = if config.biases_every_layer() {
            layers
        } else {
            1
        };
        let bias = "0.SelfAttention.relative_attention_bias.weight";
        Ok(Self {
            layers: (0..layers).map(layer).collect::<Result<_, _>>()?,
            biases: (0..own)
                .map(|i| find(&format!("{}.{bias}", path(i))))
                .collect::<Result<_, _>>()?,
            norm: find(&format!("{stack}.final_layer_norm.weight"))?,
        })
    }
}
