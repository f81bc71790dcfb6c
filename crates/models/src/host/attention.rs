#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    gemm::{Rows, times, times_transposed},
    simd::{add, add_scaled, dot, scale, softmax_numerators, with_simd},
};

/// Multi-head attention of the tokens of one sequence. Heads lie side by side in every row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub(crate) heads: usize,
    /// Scores are multiplied with this.
    pub(crate) scale: f32,
    /// Added to the scores.
    pub(crate) bias: Option<&'a DistanceBias>,
    /// Whether the last queries are the last keys, and no query sees a later key.
    pub(crate) causal: bool,
}

/// A bias for each head by the distance from query to key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DistanceBias {
    /// For each head the biases of the distances -span to span; beyond, the outermost hold.
    pub(crate) heads: Vec<Vec<f32>>,
    pub(crate) span: usize,
}

impl DistanceBias {
    /// Of one head, for keys before, at and behind a query.
    fn at(&self, head: usize, distance: isize) -> f32 {
        let span = self.span as isize;
        self.heads[head][(distance.clamp(-span, span) + span) as usize]
    }

    /// Of the keys 0, 1, … for a query at this place.
    fn row(&self, head: usize, query: usize, to: &mut [f32]) {
        for (key, to) in to.iter_mut().enumerate() {
            *to = self.at(head, key as isize - query as isize);
        }
    }
}

/// Queries that one thread computes at once: their scores stay in its cache.
const QUERIES: usize = 64;

impl Attention<'_> {
    /// What the queries make of the values, row by row: `[queries, width of a row]`.
    pub(crate) fn of(self, queries: Rows<'_>, keys: Rows<'_>, values: Rows<'_>) -> Vec<f32> {
        let mut out = vec![0.0; queries.count * queries.width];
        out.par_chunks_mut(QUERIES * queries.width)
            .enumerate()
            .for_each(|(i, out)| {
                let first = i * QUERIES;
                let count = out.len() / queries.width;
                let behind = keys.count.saturating_sub(queries.count);
                let seen = if self.causal {
                    behind + first + count
                } else {
                    keys.count
                };
                self.block(
                    queries.part(first, count),
                    keys.part(0, seen),
                    values.part(0, seen),
                    behind + first,
                    out,
                );
            });
        out
    }

    /// `place` is that of the first query among the keys.
    fn block(
        self,
        queries: Rows<'_>,
        keys: Rows<'_>,
        values: Rows<'_>,
        place: usize,
        out: &mut [f32],
    ) {
        let width = queries.width;
        let each = width / self.heads;
        let mut scores = vec![0.0; queries.count * keys.count];
        // The biases of all queries are parts of one row, since they depend on the distance alone.
        let mut bias = vec![0.0; queries.count + keys.count];
        for head in 0..self.heads {
            let at = head * each;
            times_transposed(
                queries.columns(at, each),
                keys.columns(at, each),
                &mut scores,
                keys.count,
                false,
            );
            if let Some(of) = self.bias {
                of.row(head, place + queries.count, &mut bias);
            }
            with_simd(Softmax {
                scores: &mut scores,
                keys: keys.count,
                scale: self.scale,
                bias: self.bias.map(|_| bias.as_slice()),
                causal: self.causal.then_some(place),
            });
            let scores = Rows::new(&scores, queries.count, keys.count);
            times(scores, values.columns(at, each), &mut out[at..], width);
        }
    }
}

/// Scores of one head, made into weights.
struct Softmax<'a> {
    scores: &'a mut [f32],
    keys: usize,
    scale: f32,
    /// Of a query behind the last one.
    bias: Option<&'a [f32]>,
    /// The first query's place, where later keys are not seen.
    causal: Option<usize>,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let queries = self.scores.len() / self.keys;
        for (i, row) in self.scores.chunks_exact_mut(self.keys).enumerate() {
            if self.scale != 1.0 {
                scale(row, self.scale);
            }
            if let Some(bias) = self.bias {
                add(row, &bias[queries - i..]);
            }
            let seen = self.causal.map_or(row.len(), |place| place + i + 1);
            let (row, unseen) = row.split_at_mut(seen);
            let total = softmax_numerators(row);
            scale(row, 1.0 / total);
            unseen.fill(0.0);
        }
    }
}

/// Keys and values that tokens have left, place after place: the keys of all heads, then the values.
pub(crate) type Memory = Vec<f32>;

/// Attention of one token to some places of a memory.
pub(crate) struct OneQuery<'a> {
    pub(crate) attention: Attention<'a>,
    pub(crate) query: &'a [f32],
    pub(crate) memory: &'a Memory,
    /// The places seen, in order; the last is the query's own, as far as the bias goes.
    pub(crate) places: &'a [u32],
    pub(crate) out: &'a mut [f32],
}

impl WithSimd for OneQuery<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            attention,
            query,
            memory,
            places,
            out,
        } = self;
        let width = query.len();
        let each = width / attention.heads;
        let count = places.len();
        // Head after head; memory is read place after place.
        let mut weights = vec![0.0_f32; attention.heads * count];
        for (i, &place) in places.iter().enumerate() {
            let keys = &memory[place as usize * 2 * width..][..width];
            let heads = query.chunks_exact(each).zip(keys.chunks_exact(each));
            for (head, (query, key)) in heads.enumerate() {
                weights[head * count + i] = attention.scale * dot(simd, query, key);
            }
        }
        for (head, weights) in weights.chunks_exact_mut(count).enumerate() {
            if let Some(bias) = attention.bias {
                let heads = &bias.heads[head][..=bias.span];
                let (far, near) = weights.split_at_mut(count.saturating_sub(heads.len()));
                add(near, &heads[heads.len() - near.len()..]);
                for weight in far {
                    *weight += heads[0];
                }
            }
            let total = softmax_numerators(weights);
            scale(weights, 1.0 / total);
        }
        out.fill(0.0);
        for (i, &place) in places.iter().enumerate() {
            let values = &memory[place as usize * 2 * width + width..][..width];
            let heads = out.chunks_exact_mut(each).zip(values.chunks_exact(each));
            for (head, (out, value)) in heads.enumerate() {
                add_scaled(simd, out, weights[head * count + i], value);
            }
        }
    }
}

/// Runs [`OneQuery`] for each.
pub(crate) fn attend_each(queries: Vec<OneQuery<'_>>) {
    if queries.len() == 1 {
        queries.into_iter().for_each(with_simd);
    } else {
        queries.into_par_iter().for_each(with_simd);
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    const HEADS: usize = 2;
    const EACH: usize = 5;
    const WIDTH: usize = HEADS * EACH;

    fn random(count: usize, seed: u64) -> Vec<f32> {
        let mut random = StdRng::seed_from_u64(seed);
        (0..count).map(|_| random.random::<f32>() - 0.5).collect()
    }

    fn bias() -> DistanceBias {
        let span = 9;
        DistanceBias {
            heads: (0..HEADS as u64)
                .map(|head| random(2 * span + 1, head))
                .collect(),
            span,
        }
    }

    /// By the definition, in f64.
    fn expected(attention: Attention<'_>, queries: &[f32], memory: &[f32]) -> Vec<f64> {
        let (m, n) = (queries.len() / WIDTH, memory.len() / (2 * WIDTH));
        let mut out = vec![0.0; m * WIDTH];
        for query in 0..m {
            let place = n - m + query;
            let seen = if attention.causal { place + 1 } else { n };
            for head in 0..HEADS {
                let weights: Vec<f64> = (0..seen)
                    .map(|key| {
                        let product: f64 = (0..EACH)
                            .map(|i| {
                                f64::from(queries[query * WIDTH + head * EACH + i])
                                    * f64::from(memory[key * 2 * WIDTH + head * EACH + i])
                            })
                            .sum();
                        let bias = attention
                            .bias
                            .map_or(0.0, |bias| bias.at(head, key as isize - place as isize));
                        (product * f64::from(attention.scale) + f64::from(bias)).exp()
                    })
                    .collect();
                let total: f64 = weights.iter().sum();
                for (key, weight) in weights.iter().enumerate() {
                    for i in 0..EACH {
                        out[query * WIDTH + head * EACH + i] += weight / total
                            * f64::from(memory[key * 2 * WIDTH + WIDTH + head * EACH + i]);
                    }
                }
            }
        }
        out
    }

    #[test]
    fn attention_is_that_of_its_definition() {
        let bias = bias();
        for (m, n) in [(1, 1), (3, 3), (1, 30), (70, 70), (65, 150)] {
            let queries = random(m * WIDTH, 3);
            let memory = random(n * 2 * WIDTH, 4);
            let keys = Rows {
                values: &memory,
                count: n,
                width: WIDTH,
                stride: 2 * WIDTH,
            };
            let values = Rows {
                values: &memory[WIDTH..],
                ..keys
            };
            for (bias, causal) in [(None, false), (Some(&bias), false), (Some(&bias), true)] {
                let attention = Attention {
                    heads: HEADS,
                    scale: 0.7,
                    bias,
                    causal,
                };
                let expected = expected(attention, &queries, &memory);
                let found = attention.of(Rows::new(&queries, m, WIDTH), keys, values);
                for (found, expected) in found.iter().zip(&expected) {
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-5,
                        "{m} {n} {causal}"
                    );
                }
                if !causal && bias.is_some() {
                    continue;
                }
                let last = &queries[(m - 1) * WIDTH..];
                let places: Vec<u32> = (0..n as u32).collect();
                let mut found = vec![0.0; WIDTH];
                attend_each(vec![OneQuery {
                    attention,
                    query: last,
                    memory: &memory,
                    places: &places,
                    out: &mut found,
                }]);
                for (found, expected) in found.iter().zip(&expected[(m - 1) * WIDTH..]) {
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-5,
                        "{m} {n} {causal}"
                    );
                }
            }
        }
    }
}
