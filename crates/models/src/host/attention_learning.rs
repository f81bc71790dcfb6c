//! Attention with gradients. Weights of attention are not kept: of each query only the logarithm of
//! the sum of its exponentials is, from which they are computed again, a block of queries at a time
//! (the way of FlashAttention, Dao et al., arXiv 2205.14135).

#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};

use super::{
    attention::DistanceBias,
    dropout::{Dropout, row_number},
    gemm::{Rows, add_times, add_transposed_times, times, times_transposed},
    simd::{add, dot, exp, log_sum, with_simd},
};

/// One sequence's attention, in training.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attending<'a> {
    pub(crate) heads: usize,
    /// Added to the scores.
    pub(crate) bias: Option<&'a DistanceBias>,
    /// Whether the last queries are the last keys, and no query sees a later key.
    pub(crate) causal: bool,
    pub(crate) queries: Rows<'a>,
    pub(crate) keys: Rows<'a>,
    pub(crate) values: Rows<'a>,
    /// What is dropped, by a number for each query and one for the first head.
    pub(crate) dropout: Option<(Dropout, &'a [u32], u32)>,
}

/// Where gradients of one sequence's queries, keys and values go, all heads side by side; each is
/// added to what is there.
pub(crate) struct Gradients<'a> {
    pub(crate) queries: &'a mut [f32],
    pub(crate) keys: &'a mut [f32],
    pub(crate) values: &'a mut [f32],
    /// Of the bias of each distance, for each head.
    pub(crate) bias: Option<&'a mut DistanceGradient>,
}

/// Sums for each head and each distance from query to key.
#[derive(Debug, Clone)]
pub(crate) struct DistanceGradient {
    heads: Vec<Vec<f32>>,
    /// Where distance zero stands.
    zero: usize,
}

impl DistanceGradient {
    /// Zeros, for distances below `longest` either way.
    pub(crate) fn new(heads: usize, longest: usize) -> Self {
        Self {
            heads: vec![vec![0.0; 2 * longest + 1]; heads],
            zero: longest,
        }
    }

    /// Adds the sums to a table `[buckets, heads]`.
    pub(crate) fn add_to(&self, table: &mut [f32], bucket: impl Fn(i64) -> usize) {
        let heads = self.heads.len();
        for place in 0..=2 * self.zero {
            let row = bucket(place as i64 - self.zero as i64) * heads;
            for (to, from) in table[row..row + heads].iter_mut().zip(&self.heads) {
                *to += from[place];
            }
        }
    }
}

/// Queries whose weights are computed at once, so that they stay in a processor's cache.
const QUERIES: usize = 64;

impl Attending<'_> {
    /// What the queries make of the values, into rows of all heads; `totals` gets for each query and
    /// each head in it the logarithm of its exponentials' sum.
    pub(crate) fn forward(self, out: &mut [f32], totals: &mut [f32]) {
        let heads = self.heads;
        let (width, each) = (self.queries.width, self.queries.width / heads);
        let mut scores = Vec::new();
        let mut bias = Vec::new();
        for block in self.blocks() {
            for head in 0..heads {
                let at = head * each;
                self.scores(&block, head, &mut scores, &mut bias);
                with_simd(Weights {
                    block: &block,
                    scores: &mut scores,
                    bias: (!bias.is_empty()).then_some(&bias),
                    totals: &mut totals[block.first * heads + head..],
                    heads,
                    dropout: self.dropout_of(&block, head),
                });
                times(
                    Rows::new(&scores, block.count, block.seen),
                    self.values.part(0, block.seen).columns(at, each),
                    &mut out[block.first * width + at..],
                    width,
                );
            }
        }
    }

    /// Adds the gradients, given that of `out` and what [`Attending::forward`] made.
    pub(crate) fn backward(
        self,
        gradient: Rows<'_>,
        out: Rows<'_>,
        totals: &[f32],
        to: &mut Gradients<'_>,
    ) {
        let heads = self.heads;
        let (width, each) = (self.queries.width, self.queries.width / heads);
        let (mut weights, mut slopes, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        for block in self.blocks() {
            for head in 0..heads {
                let at = head * each;
                let queries = block.of(self.queries).columns(at, each);
                let gradient = block.of(gradient).columns(at, each);
                let out = block.of(out).columns(at, each);
                let keys = self.keys.part(0, block.seen).columns(at, each);
                let values = self.values.part(0, block.seen).columns(at, each);
                self.scores(&block, head, &mut weights, &mut bias);
                slopes.resize(weights.len(), 0.0);
                times_transposed(gradient, values, &mut slopes, block.seen, false);
                with_simd(OfScores {
                    block: &block,
                    weights: &mut weights,
                    slopes: &mut slopes,
                    bias: (!bias.is_empty()).then_some(&bias),
                    totals: &totals[block.first * heads + head..],
                    heads,
                    gradient,
                    out,
                    dropout: self.dropout_of(&block, head),
                    of_bias: to
                        .bias
                        .as_deref_mut()
                        .map(|bias| (&mut bias.heads[head], bias.zero)),
                });
                let rows = |values| Rows::new(values, block.count, block.seen);
                add_transposed_times(rows(&weights), gradient, &mut to.values[at..], width);
                add_transposed_times(rows(&slopes), queries, &mut to.keys[at..], width);
                let of_queries = &mut to.queries[block.first * width + at..];
                add_times(rows(&slopes), keys, of_queries, width);
            }
        }
    }

    fn blocks(&self) -> impl Iterator<Item = Block> + use<> {
        let (queries, keys) = (self.queries.count, self.keys.count);
        let causal = self.causal;
        let behind = keys.saturating_sub(queries);
        (0..queries).step_by(QUERIES).map(move |first| {
            let count = QUERIES.min(queries - first);
            let place = behind + first;
            Block {
                first,
                count,
                place,
                seen: if causal { place + count } else { keys },
                causal,
            }
        })
    }

    /// Products of queries and keys, and the biases as seen from a query behind the block's last.
    fn scores(&self, block: &Block, head: usize, scores: &mut Vec<f32>, bias: &mut Vec<f32>) {
        let each = self.queries.width / self.heads;
        scores.resize(block.count * block.seen, 0.0);
        times_transposed(
            self.queries
                .part(block.first, block.count)
                .columns(head * each, each),
            self.keys.part(0, block.seen).columns(head * each, each),
            scores,
            block.seen,
            false,
        );
        if let Some(of) = self.bias {
            bias.resize(block.count + block.seen, 0.0);
            of.row(head, block.place + block.count, bias);
        }
    }

    fn dropout_of(&self, block: &Block, head: usize) -> Option<Drops<'_>> {
        self.dropout.map(|(dropout, tokens, place)| Drops {
            dropout,
            tokens: &tokens[block.first..block.first + block.count],
            place: place + head as u32,
        })
    }
}

/// Some queries that are computed together.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    count: usize,
    /// The first one's place among the keys.
    place: usize,
    /// How many keys the last one sees.
    seen: usize,
    causal: bool,
}

impl Block {
    fn of<'a>(&self, rows: Rows<'a>) -> Rows<'a> {
        rows.part(self.first, self.count)
    }

    /// How many keys the block's query `i` sees.
    fn seen_by(&self, i: usize) -> usize {
        if self.causal {
            self.place + i + 1
        } else {
            self.seen
        }
    }
}

#[derive(Clone, Copy)]
struct Drops<'a> {
    dropout: Dropout,
    tokens: &'a [u32],
    place: u32,
}

/// Makes scores into weights of which some are dropped.
struct Weights<'a> {
    block: &'a Block,
    scores: &'a mut [f32],
    bias: Option<&'a [f32]>,
    totals: &'a mut [f32],
    heads: usize,
    dropout: Option<Drops<'a>>,
}

impl WithSimd for Weights<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Block { count, seen, .. } = *self.block;
        let mut factors = vec![1.0; seen];
        for (i, row) in self.scores.chunks_exact_mut(seen).enumerate() {
            if let Some(bias) = self.bias {
                add(row, &bias[count - i..]);
            }
            let (row, unseen) = row.split_at_mut(self.block.seen_by(i));
            unseen.fill(0.0);
            let total = log_sum(row);
            self.totals[i * self.heads] = total;
            if let Some(drops) = self.dropout {
                let number = row_number(drops.tokens[i], drops.place);
                drops.dropout.factors(number, &mut factors);
                for (score, factor) in row.iter_mut().zip(&factors) {
                    *score = exp(*score - total) * factor;
                }
            } else {
                for score in row {
                    *score = exp(*score - total);
                }
            }
        }
    }
}

/// Makes scores into weights again, and the gradients of weights into those of scores.
struct OfScores<'a> {
    block: &'a Block,
    weights: &'a mut [f32],
    slopes: &'a mut [f32],
    bias: Option<&'a [f32]>,
    totals: &'a [f32],
    heads: usize,
    gradient: Rows<'a>,
    out: Rows<'a>,
    dropout: Option<Drops<'a>>,
    of_bias: Option<(&'a mut Vec<f32>, usize)>,
}

impl WithSimd for OfScores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Block {
            count, seen, place, ..
        } = *self.block;
        let mut factors = vec![1.0; seen];
        let rows = self
            .weights
            .chunks_exact_mut(seen)
            .zip(self.slopes.chunks_exact_mut(seen));
        for (i, (weights, slopes)) in rows.enumerate() {
            if let Some(bias) = self.bias {
                add(weights, &bias[count - i..]);
            }
            let (weights, unseen) = weights.split_at_mut(self.block.seen_by(i));
            let (slopes, unseen_slopes) = slopes.split_at_mut(weights.len());
            unseen.fill(0.0);
            unseen_slopes.fill(0.0);
            let total = self.totals[i * self.heads];
            // Σ weight · its gradient, which is also the product of what came out and its gradient.
            let mean = dot(simd, self.gradient.row(i), self.out.row(i));
            if let Some(drops) = self.dropout {
                let number = row_number(drops.tokens[i], drops.place);
                drops.dropout.factors(number, &mut factors);
                for ((weight, slope), factor) in weights.iter_mut().zip(&mut *slopes).zip(&factors)
                {
                    let whole = exp(*weight - total);
                    *weight = whole * factor;
                    *slope = whole * (*slope * factor - mean);
                }
            } else {
                for (weight, slope) in weights.iter_mut().zip(&mut *slopes) {
                    *weight = exp(*weight - total);
                    *slope = *weight * (*slope - mean);
                }
            }
            if let Some((of_bias, zero)) = &mut self.of_bias {
                add(&mut of_bias[*zero - (place + i)..], slopes);
            }
        }
    }
}
