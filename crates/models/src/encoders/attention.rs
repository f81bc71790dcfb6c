//! Attention of one sequence to itself, all heads, without padding.

#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};

use super::numbers::softmax;
use crate::host::{DistanceBias, with_simd};

/// How queries and keys become shares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads<'a> {
    pub count: usize,
    /// Width of all heads together.
    pub inner: usize,
    pub scale: f32,
    pub bias: Option<&'a DistanceBias>,
}

/// What every token of one sequence makes of all its tokens: `projected` holds queries, keys and
/// values of token after token, `mixed` has room for as many values.
pub(super) fn attend(projected: &[f32], heads: Heads<'_>, mixed: &mut [f32]) {
    with_simd(Attend {
        projected,
        heads,
        mixed,
    });
}

/// Queries that are computed together.
const ROWS: usize = 4;
/// Rows that are read by wide vectors are filled up to a multiple of this.
const FILLED: usize = 32;

struct Attend<'a> {
    projected: &'a [f32],
    heads: Heads<'a>,
    mixed: &'a mut [f32],
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Heads { count, inner, .. } = self.heads;
        let (each, tokens) = (inner / count, self.mixed.len() / inner);
        let (wide, deep) = (
            tokens.next_multiple_of(FILLED),
            each.next_multiple_of(FILLED),
        );
        // Keys lie dimension by dimension, so that both products read rows.
        let (mut keys, mut values) = (vec![0.0; each * wide], vec![0.0; tokens * deep]);
        let (mut scores, mut sums) = (vec![0.0; ROWS * wide], vec![0.0; ROWS * deep]);
        let mut biases = vec![0.0; 2 * tokens - 1];
        for head in 0..count {
            let place = head * each;
            for (token, row) in self.projected.chunks_exact(3 * inner).enumerate() {
                for (i, &key) in row[inner + place..][..each].iter().enumerate() {
                    keys[i * wide + token] = key;
                }
                values[token * deep..][..each].copy_from_slice(&row[2 * inner + place..][..each]);
            }
            if let Some(bias) = self.heads.bias {
                // From the last token seen from the first to the other way round.
                bias.row(head, tokens - 1, &mut biases);
            }
            for first in (0..tokens).step_by(ROWS) {
                // Beyond the last row, it is computed again.
                let row = |i: usize| (first + i).min(tokens - 1);
                let queries: [&[f32]; ROWS] =
                    std::array::from_fn(|i| &self.projected[row(i) * 3 * inner + place..][..each]);
                multiply(simd, queries, &keys, wide, &mut scores);
                for (i, scores) in scores.chunks_exact_mut(wide).enumerate() {
                    let biases = &biases[tokens - 1 - row(i)..][..tokens];
                    let bias = self.heads.bias.map(|_| biases);
                    softmax(&mut scores[..tokens], self.heads.scale, bias);
                }
                let shares: [&[f32]; ROWS] = std::array::from_fn(|i| &scores[i * wide..][..tokens]);
                multiply(simd, shares, &values, deep, &mut sums);
                for (i, sums) in sums.chunks_exact(deep).enumerate() {
                    self.mixed[row(i) * inner + place..][..each].copy_from_slice(&sums[..each]);
                }
            }
        }
    }
}

/// Four rows times a matrix whose rows are `width` long.
#[inline(always)]
fn multiply<S: Simd>(simd: S, rows: [&[f32]; ROWS], by: &[f32], width: usize, out: &mut [f32]) {
    let wide = width / S::F32_LANES;
    let (by, _) = S::as_simd_f32s(by);
    let (out, _) = S::as_mut_simd_f32s(out);
    for column in (0..wide).step_by(2) {
        let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
        for (k, by) in by.chunks_exact(wide).enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let factor = simd.splat_f32s(row[k]);
                sums[0] = simd.mul_add_e_f32s(factor, by[column], sums[0]);
                sums[1] = simd.mul_add_e_f32s(factor, by[column + 1], sums[1]);
            }
        }
        for (sums, out) in sums.iter().zip(out.chunks_exact_mut(wide)) {
            out[column..column + 2].copy_from_slice(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn shares_of_values_by_scores() {
        let mut random = StdRng::seed_from_u64(7);
        let mut number = || random.random::<f32>() * 4.0 - 2.0;
        for (tokens, count, each, biased) in [
            (1, 1, 1, true),
            (3, 2, 12, false),
            (9, 3, 8, true),
            (40, 2, 33, true),
        ] {
            let inner = count * each;
            let projected: Vec<f32> = (0..tokens * 3 * inner).map(|_| number()).collect();
            let bias = DistanceBias {
                heads: (0..count)
                    .map(|_| (0..11).map(|_| number()).collect())
                    .collect(),
                span: 5,
            };
            let heads = Heads {
                count,
                inner,
                scale: 0.3,
                bias: biased.then_some(&bias),
            };
            let mut found = vec![0.0; tokens * inner];
            attend(&projected, heads, &mut found);
            for (place, found) in found.iter().enumerate() {
                let (query, column) = (place / inner, place % inner);
                let head = column / each;
                let weights: Vec<f64> = (0..tokens)
                    .map(|key| {
                        let at = |part: usize, token: usize, i: usize| {
                            f64::from(projected[(token * 3 + part) * inner + head * each + i])
                        };
                        let score: f64 = (0..each).map(|i| at(0, query, i) * at(1, key, i)).sum();
                        let distance = (key as i64 - query as i64).clamp(-5, 5) + 5;
                        let known = f64::from(bias.heads[head][distance as usize]);
                        (score * 0.3 + if biased { known } else { 0.0 }).exp()
                    })
                    .collect();
                let expected: f64 = weights
                    .iter()
                    .enumerate()
                    .map(|(key, weight)| {
                        weight * f64::from(projected[(key * 3 + 2) * inner + column])
                    })
                    .sum::<f64>()
                    / weights.iter().sum::<f64>();
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-4,
                    "{tokens} {place}"
                );
            }
        }
    }
}
