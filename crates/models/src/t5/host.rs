//! The same network as [`super::T5`] on the CPU, without a tensor library. The tokens of all rows lie
//! one below the other, and nothing is padded.

use std::sync::Arc;

use rayon::prelude::*;

use super::{
    Config,
    position::{bidirectional_bucket, causal_bucket},
};
use crate::{
    Error, WeightFormat,
    host::{
        Activation, Attention, DistanceBias, Few, Matrix, Memory, Rows, add, log_total, rms_norm,
        scale,
    },
    seq2seq::ON_HOST,
    tensors::Tensors,
    weights::Numbers,
};

/// A T5 on the CPU.
#[derive(Debug)]
pub(crate) struct HostT5 {
    /// `None` where the head is the embedding.
    embedding: Option<Matrix>,
    head: Matrix,
    encoder: Stack<Layer>,
    decoder: Stack<(Layer, Cross)>,
    /// Of the outputs, before the head.
    scale: f32,
    width: usize,
    heads: usize,
    epsilon: f32,
    /// Whether weights are as they were read.
    exact: bool,
}

#[derive(Debug)]
struct Stack<L> {
    layers: Vec<L>,
    /// One that all layers share, or one a layer.
    biases: Vec<DistanceBias>,
    norm: Vec<f32>,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Vec<f32>,
    /// Queries, keys and values, one below the other.
    qkv: Matrix,
    o: Matrix,
    feed_forward_norm: Vec<f32>,
    /// The first projection, and below it the gate's.
    wi: Matrix,
    gated: bool,
    activation: Activation,
    wo: Matrix,
}

/// A decoder layer's attention to the input.
#[derive(Debug)]
struct Cross {
    norm: Vec<f32>,
    q: Matrix,
    /// Keys and values, one below the other.
    kv: Matrix,
    o: Matrix,
}

/// What the followed sequences have read so far.
#[derive(Debug, Default)]
pub(crate) struct HostCache {
    /// For each layer the keys and values of every token that any sequence has read. A token that
    /// several sequences share is kept once.
    own: Vec<Memory>,
    /// How many places there are in each of them.
    taken: u32,
    rows: Vec<Row>,
    /// 0, 1, 2, …: the places of the longest input.
    everywhere: Vec<u32>,
}

/// One sequence that is followed.
#[derive(Debug, Clone)]
struct Row {
    input: Arc<Input>,
    /// Where in [`HostCache::own`] its tokens are, in order.
    places: Vec<u32>,
}

/// What the decoder sees of an input.
#[derive(Debug)]
struct Input {
    tokens: usize,
    /// For each layer, keys and values.
    memories: Vec<Memory>,
}

impl HostT5 {
    /// Reads the weights, a layer after the other.
    ///
    /// # Errors
    /// As [`Tensors::read`].
    pub(crate) fn new(
        config: &Config,
        tensors: &impl Tensors,
        weights: WeightFormat,
    ) -> Result<Self, Error> {
        let make = Maker {
            config,
            tensors,
            weights,
        };
        let shape = [config.vocab_size, config.d_model];
        let shared = make.numbers("shared.weight", &shape)?;
        let head = if tensors.has("lm_head.weight") {
            // Some checkpoints hold a tied head as well.
            Some(make.numbers("lm_head.weight", &shape)?).filter(|head| *head != shared)
        } else {
            None
        };
        let matrix = |numbers| make.stored(vec![numbers], config.d_model);
        let shared = matrix(shared);
        let (embedding, head) = match head {
            Some(head) => (Some(shared), matrix(head)),
            None => (None, shared),
        };
        let encoder = make.stack("encoder", config.num_layers, |path| make.layer(path, 1))?;
        let decoder = make.stack("decoder", config.decoder_layers(), |path| {
            Ok((make.layer(path, 2)?, make.cross(path)?))
        })?;
        Ok(Self {
            embedding,
            head,
            encoder,
            decoder,
            scale: if config.scales_outputs() {
                (config.d_model as f32).powf(-0.5)
            } else {
                1.0
            },
            width: config.d_model,
            heads: config.num_heads,
            epsilon: config.layer_norm_epsilon as f32,
            exact: weights == WeightFormat::F32,
        })
    }

    /// Hidden states of all tokens of the inputs, input after input.
    pub(crate) fn encode(&self, inputs: &[&[u32]]) -> Vec<f32> {
        let mut x = self.embed(inputs.iter().copied().flatten());
        let mut first = 0;
        let sequences: Vec<(usize, usize)> = inputs
            .iter()
            .map(|input| {
                first += input.len();
                (first - input.len(), input.len())
            })
            .collect();
        for (i, layer) in self.encoder.layers.iter().enumerate() {
            let normed = rms_norm(&x, &layer.attention_norm, self.epsilon);
            let qkv = layer.qkv.times(&normed);
            let [queries, keys, values] = parts(&qkv, x.len() / self.width);
            let attention = self.attention(Some(self.encoder.bias(i)));
            let mixed: Vec<Vec<f32>> = sequences
                .par_iter()
                .map(|&(first, count)| {
                    attention.of(
                        queries.part(first, count),
                        keys.part(first, count),
                        values.part(first, count),
                    )
                })
                .collect();
            add(&mut x, &layer.o.times(&mixed.concat()));
            layer.feed_forward(&mut x, self.epsilon);
        }
        rms_norm(&x, &self.encoder.norm, self.epsilon)
    }

    /// Begins to follow one sequence for each of the inputs.
    pub(crate) fn begin(&self, inputs: &[&[u32]], cache: &mut HostCache) {
        let mut rest = inputs;
        while !rest.is_empty() {
            let mut tokens = 0;
            let fitting = rest.iter().take_while(|input| {
                tokens += input.len();
                tokens <= ON_HOST
            });
            let (together, after) = rest.split_at(fitting.count().max(1));
            self.begin_together(together, cache);
            rest = after;
        }
    }

    fn begin_together(&self, inputs: &[&[u32]], cache: &mut HostCache) {
        let states = self.encode(inputs);
        let mut made: Vec<Input> = inputs
            .iter()
            .map(|input| Input {
                tokens: input.len(),
                memories: Vec::with_capacity(self.decoder.layers.len()),
            })
            .collect();
        for (_, cross) in &self.decoder.layers {
            let computed = cross.kv.times(&states);
            let [keys, values] = parts(&computed, states.len() / self.width);
            let mut first = 0;
            for input in &mut made {
                let mut memory = self.memory(keys.width);
                let [keys, values] = [keys, values].map(|rows| rows.part(first, input.tokens));
                memory.extend(keys, values);
                input.memories.push(memory);
                first += input.tokens;
            }
        }
        for input in made {
            let known = cache.everywhere.len();
            cache
                .everywhere
                .extend(known as u32..(known.max(input.tokens)) as u32);
            cache.rows.push(Row {
                input: Arc::new(input),
                places: Vec::new(),
            });
        }
    }

    /// Reads some tokens more of each followed sequence, and returns the logits after the last one
    /// of each, one vocabulary after the other.
    pub(crate) fn read(&self, tokens: &[&[u32]], cache: &mut HostCache) -> Vec<f32> {
        let hidden = self.hidden(tokens, cache);
        let mut last = Vec::with_capacity(tokens.len() * self.width);
        let mut end = 0;
        for tokens in tokens {
            end += tokens.len();
            last.extend(&hidden[(end - 1) * self.width..end * self.width]);
        }
        self.head.times(&last)
    }

    /// For each input, the logits after every token of its decoder input.
    pub(crate) fn logits(&self, inputs: &[&[u32]], decoder: &[&[u32]]) -> Vec<Vec<Vec<f32>>> {
        let mut cache = HostCache::default();
        self.begin(inputs, &mut cache);
        let hidden = self.hidden(decoder, &mut cache);
        let logits = self.head.times(&hidden);
        let mut each = logits.chunks_exact(logits.len() * self.width / hidden.len());
        decoder
            .iter()
            .map(|tokens| {
                each.by_ref()
                    .take(tokens.len())
                    .map(<[f32]>::to_vec)
                    .collect()
            })
            .collect()
    }

    /// Natural log-probabilities of each target's tokens given its input; `start` is read first.
    pub(crate) fn log_probs(
        &self,
        inputs: &[&[u32]],
        targets: &[&[u32]],
        start: u32,
    ) -> Vec<Vec<f32>> {
        /// Whose logits are in memory at once.
        const TOKENS: usize = 64;
        let read: Vec<Vec<u32>> = targets
            .iter()
            .map(|target| {
                let before = target.iter().take(target.len().saturating_sub(1));
                std::iter::once(start).chain(before.copied()).collect()
            })
            .collect();
        let read: Vec<&[u32]> = read.iter().map(Vec::as_slice).collect();
        let mut cache = HostCache::default();
        self.begin(inputs, &mut cache);
        let hidden = self.hidden(&read, &mut cache);
        let ids: Vec<u32> = targets.iter().copied().flatten().copied().collect();
        let mut found = Vec::with_capacity(ids.len());
        for (hidden, ids) in hidden.chunks(TOKENS * self.width).zip(ids.chunks(TOKENS)) {
            let logits = self.head.times(hidden);
            let each = logits.chunks_exact(logits.len() / ids.len());
            found.extend(
                each.zip(ids)
                    .map(|(logits, &id)| logits[id as usize] - log_total(logits)),
            );
        }
        let mut rest = found.as_slice();
        targets
            .iter()
            .map(|target| {
                let (own, after) = rest.split_at(target.len());
                rest = after;
                own.to_vec()
            })
            .collect()
    }

    /// Decoder outputs as the head expects them, of all these tokens, row after row.
    fn hidden(&self, tokens: &[&[u32]], cache: &mut HostCache) -> Vec<f32> {
        let mut x = self.embed(tokens.iter().copied().flatten());
        cache.add_places(tokens.iter().map(|tokens| tokens.len()));
        let count = x.len() / self.width;
        for (i, (layer, cross)) in self.decoder.layers.iter().enumerate() {
            let normed = rms_norm(&x, &layer.attention_norm, self.epsilon);
            let qkv = layer.qkv.times(&normed);
            let [queries, keys, values] = parts(&qkv, count);
            let inner = queries.width;
            if cache.own.len() == i {
                cache.own.push(self.memory(inner));
            }
            cache.own[i].extend(keys, values);
            let attention = Attention {
                causal: true,
                ..self.attention(Some(self.decoder.bias(i)))
            };
            let memory = &cache.own[i];
            let mixed = attend(attention, queries, tokens, |row| {
                (memory, cache.rows[row].places.as_slice())
            });
            add(&mut x, &layer.o.times(&mixed));
            let queries = cross.q.times(&rms_norm(&x, &cross.norm, self.epsilon));
            let queries = Rows::new(&queries, count, inner);
            let mixed = attend(self.attention(None), queries, tokens, |row| {
                let input = &cache.rows[row].input;
                (&input.memories[i], &cache.everywhere[..input.tokens])
            });
            add(&mut x, &cross.o.times(&mixed));
            layer.feed_forward(&mut x, self.epsilon);
        }
        let mut last = rms_norm(&x, &self.decoder.norm, self.epsilon);
        scale(&mut last, self.scale);
        last
    }

    /// Weights that are rounded leave no reason to keep more of what they make.
    fn memory(&self, width: usize) -> Memory {
        Memory::new(width, self.heads, self.exact)
    }

    fn attention<'a>(&self, bias: Option<&'a DistanceBias>) -> Attention<'a> {
        Attention {
            heads: self.heads,
            // T5 folds the scale into its initialisation.
            scale: 1.0,
            bias,
            causal: false,
        }
    }

    fn embed<'a>(&self, tokens: impl Iterator<Item = &'a u32>) -> Vec<f32> {
        let embedding = self.embedding.as_ref().unwrap_or(&self.head);
        let mut x = Vec::new();
        for &token in tokens {
            embedding.copy_row(token as usize, &mut x);
        }
        x
    }
}

/// What the queries of each row's new tokens make of the places that the row sees, of which those
/// of the tokens themselves are the last where attention is causal.
fn attend<'a>(
    attention: Attention<'_>,
    queries: Rows<'_>,
    tokens: &[&[u32]],
    seen: impl Fn(usize) -> (&'a Memory, &'a [u32]),
) -> Vec<f32> {
    /// From so many tokens on, their queries are multiplied as a matrix.
    const MANY: usize = 16;
    let inner = queries.width;
    let mut out = vec![0.0; queries.count * inner];
    let mut rest = out.as_mut_slice();
    let mut few: Vec<Few<'_>> = Vec::new();
    // Queries come one below the other only where nothing stands between them.
    let rows: Vec<f32> = (0..queries.count)
        .flat_map(|i| queries.row(i))
        .copied()
        .collect();
    let mut rows = rows.as_slice();
    let mut row = 0;
    while row < tokens.len() {
        let (memory, places) = seen(row);
        // Beams of one input see the same of it.
        let alike = if attention.causal || tokens[row].len() > 1 {
            1
        } else {
            let same = |&other: &usize| {
                let (also, _) = seen(other);
                tokens[other].len() == 1 && std::ptr::eq(memory, also)
            };
            1 + (row + 1..tokens.len()).take_while(same).count()
        };
        let count: usize = tokens[row..row + alike]
            .iter()
            .map(|tokens| tokens.len())
            .sum();
        let (queries, after) = rows.split_at(count * inner);
        rows = after;
        let (own, after) = rest.split_at_mut(count * inner);
        rest = after;
        let begin = places.first().map_or(0, |&place| place as usize);
        let together = places.last().map_or(0, |&place| place as usize + 1) - begin;
        if count >= MANY && together == places.len() {
            let [keys, values] = memory.part(begin, together);
            let [keys, values] = [&keys, &values].map(|part| Rows::new(part, together, inner));
            own.copy_from_slice(&attention.of(Rows::new(queries, count, inner), keys, values));
        } else if attention.causal {
            let each = queries.chunks_exact(inner).zip(own.chunks_exact_mut(inner));
            for (i, (queries, out)) in each.enumerate() {
                few.push(Few {
                    attention,
                    queries,
                    memory,
                    places: &places[..places.len() + i + 1 - count],
                    out,
                });
            }
        } else {
            few.push(Few {
                attention,
                queries,
                memory,
                places,
                out: own,
            });
        }
        row += alike;
    }
    Few::attend(few, inner);
    out
}

impl<L> Stack<L> {
    fn bias(&self, layer: usize) -> &DistanceBias {
        &self.biases[layer.min(self.biases.len() - 1)]
    }
}

impl Layer {
    fn feed_forward(&self, x: &mut [f32], epsilon: f32) {
        let normed = rms_norm(x, &self.feed_forward_norm, epsilon);
        let mut projected = self.wi.times(&normed);
        let width = projected.len() * self.feed_forward_norm.len() / x.len();
        let hidden = if self.gated {
            self.activation.gated(&projected, width / 2)
        } else {
            self.activation.apply(&mut projected);
            projected
        };
        add(x, &self.wo.times(&hidden));
    }
}

/// Queries, keys and values of `count` tokens that were computed together, or only the last two.
fn parts<const N: usize>(computed: &[f32], count: usize) -> [Rows<'_>; N] {
    let width = computed.len() / count;
    let rows = Rows::new(computed, count, width);
    std::array::from_fn(|i| rows.columns(i * width / N, width / N))
}

impl HostCache {
    /// Goes on with these rows, in this order; a row may come more than once.
    pub(crate) fn follow(&mut self, rows: impl Iterator<Item = usize>) {
        self.rows = rows.map(|from| self.rows[from].clone()).collect();
        self.forget();
    }

    /// Each row gets places for its next tokens, behind all others.
    fn add_places(&mut self, tokens: impl Iterator<Item = usize>) {
        for (row, tokens) in self.rows.iter_mut().zip(tokens) {
            let taken = self.taken + tokens as u32;
            row.places.extend(self.taken..taken);
            self.taken = taken;
        }
    }

    /// Gives up the places that no row sees any more, once they are most of all.
    fn forget(&mut self) {
        const FEW: u32 = 1024;
        let seen: usize = self.rows.iter().map(|row| row.places.len()).sum();
        if self.taken < FEW || seen * 2 > self.taken as usize {
            return;
        }
        let mut kept: Vec<u32> = self
            .rows
            .iter()
            .flat_map(|row| row.places.iter().copied())
            .collect();
        kept.sort_unstable();
        kept.dedup();
        for memory in &mut self.own {
            memory.keep(&kept);
        }
        for row in &mut self.rows {
            for place in &mut row.places {
                // Every place of a row is kept.
                *place = kept.binary_search(place).unwrap_or_default() as u32;
            }
        }
        self.taken = kept.len() as u32;
    }
}

/// Makes the parts of a network of the tensors of a checkpoint.
struct Maker<'a, T> {
    config: &'a Config,
    tensors: &'a T,
    weights: WeightFormat,
}

impl<T: Tensors> Maker<'_, T> {
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        self.tensors.read(name, shape)
    }

    fn norm(&self, path: &str) -> Result<Vec<f32>, Error> {
        self.values(&format!("{path}.weight"), &[self.config.d_model])
    }

    /// Weights of one shape `[out, in]`, one below the other.
    fn matrix(&self, names: &[String], shape: [usize; 2]) -> Result<Matrix, Error> {
        let blocks = names
            .iter()
            .map(|name| self.numbers(&format!("{name}.weight"), &shape))
            .collect::<Result<_, _>>()?;
        Ok(self.stored(blocks, shape[1]))
    }

    /// Exact numbers stay where they lie; those that are rounded are read for it, so that no more
    /// of the file is in memory than is used.
    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Numbers, Error> {
        if self.weights == WeightFormat::F32 {
            self.tensors.numbers(name, shape)
        } else {
            self.values(name, shape).map(Numbers::Own)
        }
    }

    fn stored(&self, blocks: Vec<Numbers>, columns: usize) -> Matrix {
        if self.weights == WeightFormat::F32 {
            return Matrix::exact(blocks, columns);
        }
        let mut values = Vec::new();
        for block in blocks {
            match block {
                Numbers::Own(block) if values.is_empty() => values = block,
                block => values.extend_from_slice(&block),
            }
        }
        Matrix::new(values, columns, self.weights)
    }

    fn stack<L: Send>(
        &self,
        name: &str,
        layers: usize,
        layer: impl Fn(&str) -> Result<L, Error> + Sync,
    ) -> Result<Stack<L>, Error> {
        let path = |i: usize| format!("{name}.block.{i}.layer");
        let bias = |i| format!("{}.0.SelfAttention.relative_attention_bias.weight", path(i));
        let of_each = layers > 1 && self.tensors.has(&bias(1));
        Ok(Stack {
            layers: (0..layers)
                .into_par_iter()
                .map(|i| layer(&path(i)))
                .collect::<Result<_, _>>()?,
            biases: (0..if of_each { layers } else { 1 })
                .map(|i| self.bias(&bias(i), name == "encoder"))
                .collect::<Result<_, _>>()?,
            norm: self.norm(&format!("{name}.final_layer_norm"))?,
        })
    }

    fn bias(&self, name: &str, both_ways: bool) -> Result<DistanceBias, Error> {
        let buckets = self.config.relative_attention_num_buckets;
        let heads = self.config.num_heads;
        let span = self.config.relative_attention_max_distance;
        let values = self.values(name, &[buckets, heads])?;
        let bucket = |distance: i64| {
            if both_ways {
                bidirectional_bucket(distance, buckets, span)
            } else {
                causal_bucket(distance.min(0).unsigned_abs() as usize, buckets, span)
            }
        };
        Ok(DistanceBias::new(&values, heads, span, bucket))
    }

    /// `last`: the feed-forward layer's number in its block.
    fn layer(&self, path: &str, last: usize) -> Result<Layer, Error> {
        let Config { d_model, d_ff, .. } = *self.config;
        let inner = self.config.inner();
        let kind = self.config.feed_forward().ok_or(Error::Config {
            file: "config.json".into(),
            defect: "feed_forward_proj is unknown",
        })?;
        let at = format!("{path}.0.SelfAttention");
        let dense = format!("{path}.{last}.DenseReluDense");
        let wi: &[&str] = if kind.gated {
            &["wi_0", "wi_1"]
        } else {
            &["wi"]
        };
        let wi: Vec<String> = wi.iter().map(|name| format!("{dense}.{name}")).collect();
        Ok(Layer {
            attention_norm: self.norm(&format!("{path}.0.layer_norm"))?,
            qkv: self.matrix(
                &["q", "k", "v"].map(|name| format!("{at}.{name}")),
                [inner, d_model],
            )?,
            o: self.matrix(&[format!("{at}.o")], [d_model, inner])?,
            feed_forward_norm: self.norm(&format!("{path}.{last}.layer_norm"))?,
            wi: self.matrix(&wi, [d_ff, d_model])?,
            gated: kind.gated,
            activation: kind.activation,
            wo: self.matrix(&[format!("{dense}.wo")], [d_model, d_ff])?,
        })
    }

    fn cross(&self, path: &str) -> Result<Cross, Error> {
        let (inner, width) = (self.config.inner(), self.config.d_model);
        let at = format!("{path}.1.EncDecAttention");
        Ok(Cross {
            norm: self.norm(&format!("{path}.1.layer_norm"))?,
            q: self.matrix(&[format!("{at}.q")], [inner, width])?,
            kv: self.matrix(
                &["k", "v"].map(|name| format!("{at}.{name}")),
                [inner, width],
            )?,
            o: self.matrix(&[format!("{at}.o")], [width, inner])?,
        })
    }
}
