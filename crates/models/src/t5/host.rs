//! The decoder on the CPU, one token at a time and without a tensor library: the same network as
//! [`T5::step`] computes, at the speed at which its weights can be read.

#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use burn::tensor::Tensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{Cache, FeedForwardLayer, T5, config::Activation, layers::Norm};
use crate::{
    Error, Parameter,
    host::{Matrix, add_scaled, dot, with_simd},
};

/// The decoder's weights.
#[derive(Debug)]
pub(crate) struct HostDecoder {
    /// `None` where the head is the embedding.
    embedding: Option<Matrix>,
    head: Matrix,
    layers: Vec<Layer>,
    norm: HostNorm,
    /// One a layer, or one for all: for each head, the position bias by distance; the last holds for
    /// all beyond.
    biases: Vec<Vec<Vec<f32>>>,
    /// Of the outputs, before the head.
    scale: f32,
    width: usize,
    heads: usize,
}

#[derive(Debug)]
struct Layer {
    attention_norm: HostNorm,
    /// Queries, keys and values, one below the other.
    qkv: Matrix,
    o: Matrix,
    cross_norm: HostNorm,
    cross_q: Matrix,
    cross_o: Matrix,
    feed_forward_norm: HostNorm,
    /// The first projection, and below it the gate's.
    wi: Matrix,
    gated: bool,
    activation: Activation,
    wo: Matrix,
}

#[derive(Debug)]
struct HostNorm {
    weight: Vec<f32>,
    epsilon: f32,
}

/// Keys and values: of the inputs, and of every token that any followed sequence has read. A token
/// that several sequences share is kept once.
#[derive(Debug)]
pub(crate) struct HostCache {
    own: Vec<KeysAndValues>,
    /// How many places there are in each of them.
    taken: u32,
    /// For each input, those of each layer.
    cross: Vec<Vec<KeysAndValues>>,
    /// 0, 1, 2, …: the places of the longest input.
    everywhere: Vec<u32>,
    rows: Vec<Row>,
}

#[derive(Debug, Default)]
struct KeysAndValues {
    /// Place after place, all heads of one together.
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// One sequence that is followed.
#[derive(Debug, Clone)]
struct Row {
    input: usize,
    /// Where in [`HostCache::own`] its tokens are, in order.
    places: Vec<u32>,
}

impl HostDecoder {
    /// Takes the weights over from the device.
    ///
    /// # Errors
    /// [`Error::Execution`] where the device fails.
    pub(crate) fn new(t5: &T5) -> Result<Self, Error> {
        let width = t5.config.d_model;
        let layers = t5.decoder.par_iter().map(|block| {
            let (own, cross) = (&block.attention, &block.cross);
            let FeedForwardLayer {
                wi,
                gate,
                wo,
                activation,
            } = &block.feed_forward;
            let mut first = vec![wi];
            first.extend(gate);
            Ok(Layer {
                attention_norm: HostNorm::new(&block.attention_norm)?,
                qkv: matrix(&[&own.q, &own.k, &own.v])?,
                o: matrix(&[&own.o])?,
                cross_norm: HostNorm::new(&block.cross_norm)?,
                cross_q: matrix(&[&cross.q])?,
                cross_o: matrix(&[&cross.o])?,
                feed_forward_norm: HostNorm::new(&block.feed_forward_norm)?,
                wi: matrix(&first)?,
                gated: gate.is_some(),
                activation: *activation,
                wo: matrix(&[wo])?,
            })
        });
        let layers = layers.collect::<Result<_, Error>>()?;
        let (embedding, head) = (matrix(&[&t5.shared])?, matrix(&[&t5.head])?);
        Ok(Self {
            embedding: (embedding != head).then_some(embedding),
            head,
            layers,
            norm: HostNorm::new(&t5.decoder_norm)?,
            biases: t5.biases_by_distance()?,
            scale: if t5.config.scales_outputs() {
                (width as f32).powf(-0.5)
            } else {
                1.0
            },
            width,
            heads: t5.config.num_heads,
        })
    }

    /// Runs the decoder over one token more of each row and returns the logits after it, one
    /// vocabulary after the other.
    pub(crate) fn step(&self, tokens: &[u32], cache: &mut HostCache) -> Vec<f32> {
        let embedding = self.embedding.as_ref().unwrap_or(&self.head);
        let mut x = Vec::with_capacity(tokens.len() * self.width);
        for &token in tokens {
            embedding.copy_row(token as usize, &mut x);
        }
        cache.add_places();
        for (i, layer) in self.layers.iter().enumerate() {
            let normed = layer.attention_norm.forward(&x);
            let queries = cache.own[i].take_in(&layer.qkv.times(&normed), tokens.len());
            let mixed = self.attend(&queries, &cache.rows, |row| Sight {
                seen: &cache.own[i],
                places: &row.places,
                bias: Some(&self.biases[i % self.biases.len()]),
            });
            add(&mut x, &layer.o.times(&mixed));
            let queries = layer.cross_q.times(&layer.cross_norm.forward(&x));
            let mixed = self.attend(&queries, &cache.rows, |row| {
                let seen = &cache.cross[row.input][i];
                Sight {
                    seen,
                    places: &cache.everywhere[..seen.keys.len() * tokens.len() / queries.len()],
                    bias: None,
                }
            });
            add(&mut x, &layer.cross_o.times(&mixed));
            let normed = layer.feed_forward_norm.forward(&x);
            let hidden = layer.activate(layer.wi.times(&normed), tokens.len());
            add(&mut x, &layer.wo.times(&hidden));
        }
        let mut last = self.norm.forward(&x);
        for value in &mut last {
            *value *= self.scale;
        }
        self.head.times(&last)
    }

    /// What the queries of each row make of what the row sees.
    fn attend<'a>(
        &self,
        queries: &[f32],
        rows: &'a [Row],
        sight: impl Fn(&'a Row) -> Sight<'a> + Sync,
    ) -> Vec<f32> {
        let inner = queries.len() / rows.len();
        let mut mixed = vec![0.0; queries.len()];
        let attend = |((queries, row), mixed): ((&[f32], &'a Row), &mut [f32])| {
            with_simd(Attend {
                queries,
                sight: sight(row),
                heads: self.heads,
                mixed,
            });
        };
        if rows.len() == 1 {
            attend(((queries, &rows[0]), &mut mixed));
        } else {
            queries
                .par_chunks_exact(inner)
                .zip(rows)
                .zip(mixed.par_chunks_exact_mut(inner))
                .for_each(attend);
        }
        mixed
    }
}

impl Layer {
    /// The nonlinearity, and the gate where there is one.
    fn activate(&self, mut projected: Vec<f32>, rows: usize) -> Vec<f32> {
        let activation = |x: f32| match self.activation {
            Activation::Relu => x.max(0.0),
            // ½(1 + tanh y) is the logistic function of 2y.
            Activation::GeluTanh => {
                let y = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                x / (1.0 + (-2.0 * y).exp())
            }
            Activation::Silu => x / (1.0 + (-x).exp()),
        };
        if !self.gated {
            for value in &mut projected {
                *value = activation(*value);
            }
            return projected;
        }
        let both = projected.len() / rows;
        projected
            .chunks_exact(both)
            .flat_map(|row| {
                let (first, gate) = row.split_at(both / 2);
                first
                    .iter()
                    .zip(gate)
                    .map(|(&x, gate)| activation(x) * gate)
            })
            .collect()
    }
}

impl HostNorm {
    fn new(norm: &Norm) -> Result<Self, Error> {
        Ok(Self {
            weight: Parameter::Vector(norm.weight.clone()).values()?,
            epsilon: norm.epsilon as f32,
        })
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let width = self.weight.len();
        let mut normed = Vec::with_capacity(x.len());
        for row in x.chunks_exact(width) {
            let square: f32 = row.iter().map(|value| value * value).sum();
            let scale = 1.0 / (square / width as f32 + self.epsilon).sqrt();
            normed.extend(
                row.iter()
                    .zip(&self.weight)
                    .map(|(x, weight)| x * scale * weight),
            );
        }
        normed
    }
}

impl HostCache {
    /// Takes over what the device has computed for the inputs, of these lengths, and the tokens
    /// that their decoding began with; one row an input.
    ///
    /// # Errors
    /// [`Error::Execution`] where the device fails.
    pub(crate) fn new(cache: &Cache, lengths: &[usize]) -> Result<Self, Error> {
        let began = cache.length();
        let mut own = Vec::with_capacity(cache.own.len());
        for (keys, values) in cache.own.iter().flatten() {
            own.push(KeysAndValues {
                keys: read(keys)?,
                values: read(values)?,
            });
        }
        let mut cross: Vec<Vec<KeysAndValues>> = lengths.iter().map(|_| Vec::new()).collect();
        for (keys, values) in &cache.cross {
            let (keys, values) = (read(keys)?, read(values)?);
            let all = keys.len() / lengths.len();
            let widest = lengths.iter().max().map_or(1, |&most| most);
            for (i, (cross, length)) in cross.iter_mut().zip(lengths).enumerate() {
                let kept = i * all..i * all + all / widest * length;
                cross.push(KeysAndValues {
                    keys: keys[kept.clone()].to_vec(),
                    values: values[kept].to_vec(),
                });
            }
        }
        let row = |input| Row {
            input,
            places: (input * began..(input + 1) * began)
                .map(|place| place as u32)
                .collect(),
        };
        Ok(Self {
            own,
            taken: (lengths.len() * began) as u32,
            cross,
            everywhere: (0..lengths.iter().max().map_or(0, |&most| most as u32)).collect(),
            rows: (0..lengths.len()).map(row).collect(),
        })
    }

    /// Goes on with these rows, in this order; a row may come more than once.
    pub(crate) fn follow(&mut self, rows: impl Iterator<Item = usize>) {
        self.rows = rows.map(|from| self.rows[from].clone()).collect();
    }

    /// Each row gets a place for its next token, behind all others.
    fn add_places(&mut self) {
        for row in &mut self.rows {
            row.places.push(self.taken);
            self.taken += 1;
        }
    }
}

impl KeysAndValues {
    /// Keeps keys and values of as many rows of queries, keys and values, and returns the queries.
    fn take_in(&mut self, computed: &[f32], rows: usize) -> Vec<f32> {
        let inner = computed.len() / rows / 3;
        let mut queries = Vec::with_capacity(rows * inner);
        for row in computed.chunks_exact(3 * inner) {
            queries.extend(&row[..inner]);
            self.keys.extend(&row[inner..2 * inner]);
            self.values.extend(&row[2 * inner..]);
        }
        queries
    }
}

/// What one row attends to.
struct Sight<'a> {
    seen: &'a KeysAndValues,
    places: &'a [u32],
    /// By head and distance from the last place; none across to the input.
    bias: Option<&'a [Vec<f32>]>,
}

/// Attention of one row, all heads.
struct Attend<'a> {
    queries: &'a [f32],
    sight: Sight<'a>,
    heads: usize,
    mixed: &'a mut [f32],
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Sight { seen, places, bias } = self.sight;
        let inner = self.queries.len();
        let each = inner / self.heads;
        let count = places.len();
        // Head after head; memory is read place after place.
        let mut weights = vec![0.0_f32; self.heads * count];
        for (i, &place) in places.iter().enumerate() {
            let keys = &seen.keys[place as usize * inner..][..inner];
            let heads = self.queries.chunks_exact(each).zip(keys.chunks_exact(each));
            for (head, (query, key)) in heads.enumerate() {
                weights[head * count + i] = dot(simd, query, key);
            }
        }
        for (head, weights) in weights.chunks_exact_mut(count).enumerate() {
            if let Some(bias) = bias {
                let bias = &bias[head];
                for (distance, weight) in weights.iter_mut().rev().enumerate() {
                    *weight += bias[distance.min(bias.len() - 1)];
                }
            }
            softmax(weights);
        }
        for (i, &place) in places.iter().enumerate() {
            let values = &seen.values[place as usize * inner..][..inner];
            let heads = self
                .mixed
                .chunks_exact_mut(each)
                .zip(values.chunks_exact(each));
            for (head, (mixed, value)) in heads.enumerate() {
                add_scaled(simd, mixed, weights[head * count + i], value);
            }
        }
    }
}

fn softmax(scores: &mut [f32]) {
    let peak = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - peak).exp();
        total += *score;
    }
    for score in scores {
        *score /= total;
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// Weights `[out, in]`, one below the other.
fn matrix(parts: &[&Tensor<2>]) -> Result<Matrix, Error> {
    let mut values = Vec::new();
    let mut columns = 1;
    for &part in parts {
        columns = part.dims()[1];
        values.extend(Parameter::Matrix(part.clone()).values()?);
    }
    Ok(Matrix::new(values, columns))
}

/// `[rows, heads, width, d_kv]` as it is kept here: row, place, head.
fn read(tensor: &Tensor<4>) -> Result<Vec<f32>, Error> {
    tensor
        .clone()
        .swap_dims(1, 2)
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Execution(error.to_string()))
}
