use rayon::prelude::*;

use super::{
    attention::{Heads, attend},
    checkpoint::Checkpoint,
    config::{Family, Sizes},
    numbers::{self, Norm},
};
use crate::{
    Error,
    host::{DistanceBias, Matrix},
    t5::bidirectional_bucket,
};

/// A transformer that reads: token ids become hidden states. Sequences of any lengths lie one below
/// the other, without padding.
#[derive(Debug)]
pub(super) struct Backbone {
    sizes: Sizes,
    words: Vec<f32>,
    /// With what belongs to every token, whatever its place.
    positions: Option<Vec<f32>>,
    embedding_norm: Option<Norm>,
    layers: Vec<Layer>,
    /// One for each layer, or one for all.
    biases: Vec<DistanceBias>,
    final_norm: Option<Norm>,
}

#[derive(Debug)]
struct Layer {
    /// Queries, keys and values, one below the other.
    projections: Linear,
    attended: Linear,
    attention_norm: Norm,
    /// And below it the gate's, if there is one.
    up: Linear,
    down: Linear,
    feed_forward_norm: Norm,
}

/// y = W·x + b.
#[derive(Debug)]
pub(super) struct Linear {
    pub weight: Matrix,
    pub bias: Option<Vec<f32>>,
}

impl Linear {
    pub(super) fn of(&self, x: &[f32]) -> Vec<f32> {
        let mut found = self.weight.times(x);
        if let Some(bias) = &self.bias {
            numbers::add_bias(&mut found, bias);
        }
        found
    }

    fn add_to(&self, x: &mut [f32], from: &[f32]) {
        numbers::add(x, &self.weight.times(from), self.bias.as_deref());
    }
}

impl Backbone {
    pub(super) fn new(sizes: Sizes, weights: Checkpoint) -> Result<Self, Error> {
        if sizes.family == Family::T5 {
            Self::of_t5(sizes, &weights)
        } else {
            Self::of_bert(sizes, weights)
        }
    }

    pub(super) fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Hidden states of every token. All ids are known to the table, and no sequence is empty or
    /// longer than there are positions.
    pub(super) fn forward(&self, rows: &[&[u32]]) -> Vec<f32> {
        let mut x = self.embed(rows);
        let lengths: Vec<usize> = rows.iter().map(|row| row.len()).collect();
        let first = self.sizes.family == Family::T5;
        for (i, layer) in self.layers.iter().enumerate() {
            let bias = self.biases.get(i).or(self.biases.first());
            if first {
                let normed = normed(&x, &layer.attention_norm);
                let mixed = self.mix(&layer.projections.of(&normed), &lengths, bias);
                layer.attended.add_to(&mut x, &mixed);
                let up = self.activated(layer, &self::normed(&x, &layer.feed_forward_norm));
                layer.down.add_to(&mut x, &up);
            } else {
                let mixed = self.mix(&layer.projections.of(&x), &lengths, bias);
                layer.attended.add_to(&mut x, &mixed);
                layer.attention_norm.apply(&mut x);
                let up = self.activated(layer, &x);
                layer.down.add_to(&mut x, &up);
                layer.feed_forward_norm.apply(&mut x);
            }
        }
        if let Some(norm) = &self.final_norm {
            norm.apply(&mut x);
        }
        x
    }

    fn embed(&self, rows: &[&[u32]]) -> Vec<f32> {
        let width = self.sizes.width;
        let mut x = Vec::with_capacity(rows.iter().map(|ids| ids.len() * width).sum());
        for &id in rows.iter().copied().flatten() {
            x.extend_from_slice(&self.words[id as usize * width..][..width]);
        }
        if let Some(table) = &self.positions {
            let places = rows.iter().flat_map(|ids| self.places(ids));
            for (x, place) in x.chunks_exact_mut(width).zip(places) {
                for (x, position) in x.iter_mut().zip(&table[place * width..][..width]) {
                    *x += position;
                }
            }
        }
        if let Some(norm) = &self.embedding_norm {
            norm.apply(&mut x);
        }
        x
    }

    /// The place of each token. Where positions count from behind the padding's id, a padding token
    /// that stands in the text has that id itself for its place.
    fn places(&self, ids: &[u32]) -> impl Iterator<Item = usize> {
        let first = self.sizes.first_position;
        let mut next = first;
        ids.iter().map(move |&id| {
            if id as usize + 1 == first {
                return first - 1;
            }
            next += 1;
            next - 1
        })
    }

    fn mix(&self, projected: &[f32], lengths: &[usize], bias: Option<&DistanceBias>) -> Vec<f32> {
        let Sizes { inner, heads, .. } = self.sizes;
        let scale = if self.sizes.family == Family::T5 {
            1.0
        } else {
            ((inner / heads) as f32).powf(-0.5)
        };
        let heads = Heads {
            count: heads,
            inner,
            scale,
            bias,
        };
        let mut mixed = vec![0.0; projected.len() / 3];
        let mut parts = Vec::with_capacity(lengths.len());
        let (mut from, mut to) = (projected, mixed.as_mut_slice());
        for length in lengths {
            let (part, rest) = from.split_at(length * 3 * inner);
            let (room, later) = to.split_at_mut(length * inner);
            parts.push((part, room));
            (from, to) = (rest, later);
        }
        parts
            .into_par_iter()
            .for_each(|(part, room)| attend(part, heads, room));
        mixed
    }

    fn activated(&self, layer: &Layer, x: &[f32]) -> Vec<f32> {
        let Sizes {
            activation,
            gated,
            feed_forward,
            ..
        } = self.sizes;
        let mut up = layer.up.of(x);
        if gated {
            return activation.gated(&up, feed_forward);
        }
        activation.apply(&mut up);
        up
    }
}

fn normed(x: &[f32], norm: &Norm) -> Vec<f32> {
    let mut x = x.to_vec();
    norm.apply(&mut x);
    x
}

/// What the parts of a layer are called, behind its path.
struct Names {
    layers: &'static str,
    projections: [&'static str; 3],
    attended: &'static str,
    attention_norm: &'static str,
    up: &'static str,
    down: &'static str,
    feed_forward_norm: &'static str,
}

const BERT: Names = Names {
    layers: "encoder.layer",
    projections: [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    ],
    attended: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    feed_forward_norm: "output.LayerNorm",
};
const MPNET: Names = Names {
    projections: ["attention.attn.q", "attention.attn.k", "attention.attn.v"],
    attended: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT
};
const DISTILBERT: Names = Names {
    layers: "transformer.layer",
    projections: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attended: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    feed_forward_norm: "output_layer_norm",
};

impl Backbone {
    fn of_bert(sizes: Sizes, weights: Checkpoint) -> Result<Self, Error> {
        const WORDS: &str = "embeddings.word_embeddings.weight";
        let (names, prefixes) = match sizes.family {
            Family::Mpnet => (MPNET, ["", "mpnet."]),
            Family::DistilBert => (DISTILBERT, ["", "distilbert."]),
            Family::Roberta => (BERT, ["", "roberta."]),
            Family::Bert | Family::T5 => (BERT, ["", "bert."]),
        };
        let weights = weights.with_prefix(&prefixes, WORDS);
        let (width, epsilon) = (sizes.width, sizes.epsilon);
        let words = weights.values(WORDS, &[sizes.vocabulary, width])?;
        let positions = match sizes.positions {
            None => None,
            Some(count) => {
                let name = "embeddings.position_embeddings.weight";
                let mut table = weights.values(name, &[count, width])?;
                if sizes.token_types > 0 {
                    let name = "embeddings.token_type_embeddings.weight";
                    let types = weights.values(name, &[sizes.token_types, width])?;
                    // Every token is of the first type.
                    for row in table.chunks_exact_mut(width) {
                        numbers::add(row, &types[..width], None);
                    }
                }
                Some(table)
            }
        };
        let biases = match sizes.family {
            Family::Mpnet => {
                let name = "encoder.relative_attention_bias.weight";
                vec![relative_bias(&weights, name, &sizes)?]
            }
            _ => Vec::new(),
        };
        let layers = (0..sizes.layers).map(|i| {
            let path = |part: &str| format!("{}.{i}.{part}", names.layers);
            let [q, k, v] = names.projections.map(path);
            let linear = |part, shape| weights.linear(&[&path(part)], shape, true);
            let norm = |part| weights.layer_norm(&path(part), width, epsilon);
            Ok(Layer {
                projections: weights.linear(&[&q, &k, &v], [width, width], true)?,
                attended: linear(names.attended, [width, width])?,
                attention_norm: norm(names.attention_norm)?,
                up: linear(names.up, [sizes.feed_forward, width])?,
                down: linear(names.down, [width, sizes.feed_forward])?,
                feed_forward_norm: norm(names.feed_forward_norm)?,
            })
        });
        let layers = layers.collect::<Result<_, Error>>()?;
        Ok(Self {
            words,
            positions,
            embedding_norm: Some(weights.layer_norm("embeddings.LayerNorm", width, epsilon)?),
            layers,
            biases,
            final_norm: None,
            sizes,
        })
    }

    fn of_t5(sizes: Sizes, weights: &Checkpoint) -> Result<Self, Error> {
        let (width, inner) = (sizes.width, sizes.inner);
        let name = ["shared.weight", "encoder.embed_tokens.weight"]
            .into_iter()
            .find(|name| weights.has(name))
            .unwrap_or("shared.weight");
        let words = weights.values(name, &[sizes.vocabulary, width])?;
        let norm = |path: &str| {
            Ok::<_, Error>(Norm {
                weight: weights.values(&format!("{path}.weight"), &[width])?,
                bias: None,
                epsilon: sizes.epsilon,
            })
        };
        let (mut layers, mut biases) = (Vec::new(), Vec::new());
        for i in 0..sizes.layers {
            let path = |part: &str| format!("encoder.block.{i}.layer.{part}");
            let bias = path("0.SelfAttention.relative_attention_bias.weight");
            // In some every layer has its own.
            if i == 0 || weights.has(&bias) {
                biases.push(relative_bias(weights, &bias, &sizes)?);
            }
            let [q, k, v, o] = ["q", "k", "v", "o"].map(|part| path("0.SelfAttention.") + part);
            let up = if sizes.gated {
                ["1.DenseReluDense.wi_0", "1.DenseReluDense.wi_1"].as_slice()
            } else {
                &["1.DenseReluDense.wi"]
            };
            let up: Vec<String> = up.iter().map(|part| path(part)).collect();
            let up: Vec<&str> = up.iter().map(String::as_str).collect();
            let down = path("1.DenseReluDense.wo");
            layers.push(Layer {
                projections: weights.linear(&[&q, &k, &v], [inner, width], false)?,
                attended: weights.linear(&[&o], [width, inner], false)?,
                attention_norm: norm(&path("0.layer_norm"))?,
                up: weights.linear(&up, [sizes.feed_forward, width], false)?,
                down: weights.linear(&[&down], [width, sizes.feed_forward], false)?,
                feed_forward_norm: norm(&path("1.layer_norm"))?,
            });
        }
        Ok(Self {
            words,
            positions: None,
            embedding_norm: None,
            layers,
            biases,
            final_norm: Some(norm("encoder.final_layer_norm")?),
            sizes,
        })
    }
}

fn relative_bias(weights: &Checkpoint, name: &str, sizes: &Sizes) -> Result<DistanceBias, Error> {
    let Sizes {
        heads,
        buckets,
        max_distance,
        ..
    } = *sizes;
    let table = weights.values(name, &[buckets, heads])?;
    Ok(DistanceBias::new(&table, heads, max_distance, |distance| {
        bidirectional_bucket(distance, buckets, max_distance)
    }))
}
