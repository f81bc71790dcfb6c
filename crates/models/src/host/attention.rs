#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    gemm::{Rows, times, times_transposed},
    memory::{Kept, Memory},
    simd::{add, add_scaled, add_scaled_half, dot, dot_half, scale, softmax_numerators, with_simd},
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
    /// Of a table `[buckets, heads]`; all distances beyond `span` share the bucket of that one.
    pub(crate) fn new(
        table: &[f32],
        heads: usize,
        span: usize,
        bucket: impl Fn(i64) -> usize,
    ) -> Self {
        let distances = || -(span as i64)..=span as i64;
        Self {
            heads: (0..heads)
                .map(|head| {
                    distances()
                        .map(|distance| table[bucket(distance) * heads + head])
                        .collect()
                })
                .collect(),
            span,
        }
    }

    /// Of one head, for keys before, at and behind a query.
    fn at(&self, head: usize, distance: isize) -> f32 {
        let span = self.span as isize;
        self.heads[head][(distance.clamp(-span, span) + span) as usize]
    }

    /// Of the keys 0, 1, … for a query at this place.
    pub(crate) fn row(&self, head: usize, query: usize, to: &mut [f32]) {
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

/// Attention of sequences that have one new token each: what is seen is read place after place.
pub(crate) struct Few<'a> {
    pub(crate) attention: Attention<'a>,
    /// Rows of all heads, one below the other, that see the same places.
    pub(crate) queries: &'a [f32],
    pub(crate) memory: &'a Memory,
    /// The places seen, in order; the last is a query's own, as far as the bias goes.
    pub(crate) places: &'a [u32],
    /// As long as the queries.
    pub(crate) out: &'a mut [f32],
}

impl Few<'_> {
    /// Computes all of them, shared among the threads.
    pub(crate) fn attend(each: Vec<Few<'_>>, width: usize) {
        /// Numbers of a memory for whose sake another thread is not woken.
        const LITTLE: usize = 1 << 15;
        let threads = rayon::current_num_threads();
        let much = each.iter().any(|few| few.places.len() * width >= LITTLE);
        let parts = if threads == 1 || !much || each.len() >= threads {
            1
        } else {
            threads.div_ceil(each.len())
        };
        let jobs: Vec<Heads<'_>> = each
            .into_iter()
            .flat_map(|few| few.in_parts(parts, width))
            .collect();
        if threads == 1 || jobs.len() == 1 || (parts == 1 && !much && jobs.len() < threads) {
            jobs.into_iter().for_each(with_simd);
        } else {
            jobs.into_par_iter().for_each(with_simd);
        }
    }
}

impl<'a> Few<'a> {
    /// Some heads each.
    fn in_parts(self, parts: usize, width: usize) -> Vec<Heads<'a>> {
        let Self {
            attention,
            queries,
            memory,
            places,
            out,
        } = self;
        let heads = attention.heads.div_ceil(parts);
        let share = width / attention.heads * heads;
        let mut found: Vec<Heads<'a>> = (0..attention.heads)
            .step_by(heads)
            .map(|first| Heads {
                attention,
                first,
                width,
                queries: Vec::new(),
                memory,
                places,
                out: Vec::new(),
            })
            .collect();
        let rows = queries.chunks_exact(width).zip(out.chunks_exact_mut(width));
        for (queries, out) in rows {
            let parts = queries.chunks(share).zip(out.chunks_mut(share));
            for (heads, (query, out)) in found.iter_mut().zip(parts) {
                heads.queries.push(query);
                heads.out.push(out);
            }
        }
        found
    }
}

/// Some heads of [`Few`].
struct Heads<'a> {
    attention: Attention<'a>,
    /// The first of them.
    first: usize,
    /// Of all heads.
    width: usize,
    queries: Vec<&'a [f32]>,
    memory: &'a Memory,
    places: &'a [u32],
    out: Vec<&'a mut [f32]>,
}

impl WithSimd for Heads<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let each = self.width / self.attention.heads;
        let count = self.places.len();
        let heads = self.out.first().map_or(0, |out| out.len() / each);
        // Query after query, head after head.
        let mut weights = vec![0.0_f32; self.queries.len() * heads * count];
        let begin = self.first * each;
        match &self.memory.keys {
            Kept::Whole(keys) => {
                self.scores(&mut weights, |place, head, query| {
                    let at = place * self.width + begin + head * each;
                    dot(simd, query, &keys[at..at + each])
                });
            }
            Kept::Halves(keys) => {
                self.scores(&mut weights, |place, head, query| {
                    let at = (place * self.width + begin + head * each) / 2;
                    dot_half(simd, &keys[at..at + each / 2], query)
                });
            }
        }
        for (i, weights) in weights.chunks_exact_mut(count).enumerate() {
            scale(weights, self.attention.scale);
            if let Some(bias) = self.attention.bias {
                let seen = &bias.heads[self.first + i % heads][..=bias.span];
                let (far, near) = weights.split_at_mut(count.saturating_sub(seen.len()));
                add(near, &seen[seen.len() - near.len()..]);
                for weight in far {
                    *weight += seen[0];
                }
            }
            let total = softmax_numerators(weights);
            scale(weights, 1.0 / total);
        }
        for out in &mut self.out {
            out.fill(0.0);
        }
        for (i, &place) in self.places.iter().enumerate() {
            let place = place as usize * self.width + begin;
            for (q, out) in self.out.iter_mut().enumerate() {
                for (head, out) in out.chunks_exact_mut(each).enumerate() {
                    let weight = weights[(q * heads + head) * count + i];
                    let at = place + head * each;
                    match &self.memory.values {
                        Kept::Whole(values) => {
                            let values = &values[at..at + each];
                            add_scaled(simd, out, weight, values);
                        }
                        Kept::Halves(values) => {
                            let values = &values[at / 2..][..each / 2];
                            add_scaled_half(simd, out, weight, values);
                        }
                    }
                }
            }
        }
    }
}

impl Heads<'_> {
    #[inline(always)]
    fn scores(&self, weights: &mut [f32], of: impl Fn(usize, usize, &[f32]) -> f32) {
        let each = self.width / self.attention.heads;
        let count = self.places.len();
        for (i, &place) in self.places.iter().enumerate() {
            let mut at = i;
            for query in &self.queries {
                for (head, query) in query.chunks_exact(each).enumerate() {
                    weights[at] = of(place as usize, head, query);
                    at += count;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    const HEADS: usize = 2;
    const EACH: usize = 6;
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
    fn expected(
        attention: Attention<'_>,
        queries: &[f32],
        keys: &[f32],
        values: &[f32],
    ) -> Vec<f64> {
        let (m, n) = (queries.len() / WIDTH, keys.len() / WIDTH);
        let mut out = vec![0.0; m * WIDTH];
        for query in 0..m {
            let place = n - m + query;
            let seen = if attention.causal { place + 1 } else { n };
            for at in (0..WIDTH).step_by(EACH) {
                let weights: Vec<f64> = (0..seen)
                    .map(|key| {
                        let product: f64 = (at..at + EACH)
                            .map(|i| {
                                f64::from(queries[query * WIDTH + i])
                                    * f64::from(keys[key * WIDTH + i])
                            })
                            .sum();
                        let distance = key as isize - place as isize;
                        let bias = attention
                            .bias
                            .map_or(0.0, |bias| bias.at(at / EACH, distance));
                        (product * f64::from(attention.scale) + f64::from(bias)).exp()
                    })
                    .collect();
                let total: f64 = weights.iter().sum();
                for (key, weight) in weights.iter().enumerate() {
                    for i in at..at + EACH {
                        out[query * WIDTH + i] +=
                            weight / total * f64::from(values[key * WIDTH + i]);
                    }
                }
            }
        }
        out
    }

    #[track_caller]
    fn near(found: &[f32], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let off = (f64::from(*found) - expected).abs();
            assert!(off < tolerance, "{found}, expected {expected}");
        }
    }

    #[test]
    fn attention_is_that_of_its_definition() {
        let bias = bias();
        for (m, n) in [(1, 1), (3, 3), (1, 30), (70, 70), (65, 150)] {
            let queries = random(m * WIDTH, 3);
            let (keys, values) = (random(n * WIDTH, 4), random(n * WIDTH, 5));
            let [key_rows, value_rows] = [&keys, &values].map(|all| Rows::new(all, n, WIDTH));
            for (bias, causal) in [(None, false), (Some(&bias), false), (Some(&bias), true)] {
                let attention = Attention {
                    heads: HEADS,
                    scale: 0.7,
                    bias,
                    causal,
                };
                let expected = expected(attention, &queries, &keys, &values);
                let found = attention.of(Rows::new(&queries, m, WIDTH), key_rows, value_rows);
                near(&found, &expected, 1e-5);
            }
        }
    }

    #[test]
    fn few_queries_see_what_many_do() {
        let bias = bias();
        for (m, n, exact) in [(1, 1, true), (1, 40, true), (4, 40, true), (4, 40, false)] {
            let queries = random(m * WIDTH, 3);
            let (keys, values) = (random(n * WIDTH, 4), random(n * WIDTH, 5));
            let mut memory = Memory::new(WIDTH, HEADS, exact);
            memory.extend(Rows::new(&keys, n, WIDTH), Rows::new(&values, n, WIDTH));
            // All queries are the last place's, as those of several beams of one input would be.
            for bias in [None, Some(&bias)] {
                let attention = Attention {
                    heads: HEADS,
                    scale: 0.7,
                    bias,
                    causal: false,
                };
                let expected: Vec<f64> = queries
                    .chunks_exact(WIDTH)
                    .flat_map(|query| expected(attention, query, &keys, &values))
                    .collect();
                let places: Vec<u32> = (0..n as u32).collect();
                for parts in [1, 2] {
                    let mut found = vec![0.0; m * WIDTH];
                    let few = Few {
                        attention,
                        queries: &queries,
                        memory: &memory,
                        places: &places,
                        out: &mut found,
                    };
                    few.in_parts(parts, WIDTH).into_iter().for_each(with_simd);
                    near(&found, &expected, if exact { 1e-5 } else { 5e-3 });
                }
            }
        }
    }

    #[test]
    fn a_memory_gives_back_its_places() {
        for exact in [true, false] {
            let rows: Vec<f32> = (0..6 * WIDTH).map(|i| i as f32).collect();
            let mut memory = Memory::new(WIDTH, HEADS, exact);
            memory.extend(Rows::new(&rows, 6, WIDTH), Rows::new(&rows, 6, WIDTH));
            assert_eq!(memory.part(1, 2)[1], rows[WIDTH..3 * WIDTH]);
            memory.keep(&[1, 4, 5]);
            assert_eq!(memory.part(0, 1)[0], rows[WIDTH..2 * WIDTH]);
            assert_eq!(memory.part(1, 2)[1], rows[4 * WIDTH..]);
        }
    }
}
