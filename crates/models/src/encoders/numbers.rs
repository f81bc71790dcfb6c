//! The passes over single numbers, written so that compilers make wide instructions of them: no
//! branches, no calls, sums in lanes.

#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::host::{self, SHARE, softmax_numerators, sum, with_simd};

/// A layer norm, or, without a bias, T5's that only divides by the root of the mean square.
#[derive(Debug)]
pub(super) struct Norm {
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
    pub epsilon: f32,
}

impl Norm {
    /// Norms row after row.
    pub(super) fn apply(&self, x: &mut [f32]) {
        shared(self, x, self.weight.len());
    }

    #[inline(always)]
    fn row(&self, row: &mut [f32]) {
        let count = row.len() as f32;
        let Some(bias) = &self.bias else {
            let scale = 1.0 / (sum(row, |x| x * x) / count + self.epsilon).sqrt();
            for (x, weight) in row.iter_mut().zip(&self.weight) {
                *x = *x * scale * weight;
            }
            return;
        };
        let mean = sum(row, |x| x) / count;
        let variance = sum(row, |x| (x - mean) * (x - mean)) / count;
        let scale = 1.0 / (variance + self.epsilon).sqrt();
        for ((x, weight), bias) in row.iter_mut().zip(&self.weight).zip(bias) {
            *x = (*x - mean) * scale * weight + bias;
        }
    }
}

/// Work on rows that is compiled for the widest vectors there are; `run` must be inlined always.
trait Pass: Sync {
    fn run(&self, rows: &mut [f32]);
}

impl Pass for Norm {
    #[inline(always)]
    fn run(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.weight.len()) {
            self.row(row);
        }
    }
}

/// Adds other rows.
struct Add<'a>(&'a [f32]);

impl Pass for Add<'_> {
    #[inline(always)]
    fn run(&self, rows: &mut [f32]) {
        for (x, y) in rows.iter_mut().zip(self.0) {
            *x += y;
        }
    }
}

/// Adds the same to each row.
struct AddBias<'a>(&'a [f32]);

impl Pass for AddBias<'_> {
    #[inline(always)]
    fn run(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.0.len()) {
            for (x, bias) in row.iter_mut().zip(self.0) {
                *x += bias;
            }
        }
    }
}

/// Adds `y`, and to each row the bias.
pub(super) fn add(x: &mut [f32], y: &[f32], bias: Option<&[f32]>) {
    wide(&Add(y), x);
    if let Some(bias) = bias {
        add_bias(x, bias);
    }
}

/// Adds the bias to each row.
pub(super) fn add_bias(x: &mut [f32], bias: &[f32]) {
    shared(&AddBias(bias), x, bias.len());
}

/// Shares of `scale` · score + bias.
#[inline(always)]
pub(super) fn softmax(scores: &mut [f32], scale: f32, bias: Option<&[f32]>) {
    match bias {
        Some(bias) => {
            for (score, bias) in scores.iter_mut().zip(bias) {
                *score = *score * scale + bias;
            }
        }
        None => host::scale(scores, scale),
    }
    let total = softmax_numerators(scores);
    host::scale(scores, 1.0 / total);
}

/// Brings a vector to length 1 as torch does: a length of almost nothing counts as 10⁻¹².
pub(super) fn normalize(x: &mut [f32]) {
    let length = x.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    for x in x {
        *x /= length;
    }
}

/// Runs over parts of whole rows, on several threads where it is worth it.
fn shared(pass: &impl Pass, x: &mut [f32], width: usize) {
    if x.len() <= SHARE {
        return wide(pass, x);
    }
    let part = (SHARE / width).max(1) * width;
    x.par_chunks_mut(part).for_each(|rows| wide(pass, rows));
}

fn wide(pass: &impl Pass, rows: &mut [f32]) {
    struct Wide<'a, P> {
        pass: &'a P,
        rows: &'a mut [f32],
    }

    impl<P: Pass> WithSimd for Wide<'_, P> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            self.pass.run(self.rows);
        }
    }

    with_simd(Wide { pass, rows });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_whatever_the_scores() {
        let scores: Vec<f32> = (0..37_u8).map(|i| f32::from(i).sin() * 300.0).collect();
        let bias: Vec<f32> = (0..37_u8).map(|i| f32::from(i).cos()).collect();
        let mut found = scores.clone();
        softmax(&mut found, 0.25, Some(&bias));
        let exact: Vec<f64> = scores
            .iter()
            .zip(&bias)
            .map(|(score, bias)| (f64::from(*score) * 0.25 + f64::from(*bias)).exp())
            .collect();
        let total: f64 = exact.iter().sum();
        for (found, exact) in found.iter().zip(exact) {
            assert!((f64::from(*found) - exact / total).abs() < 1e-6);
        }
    }

    #[test]
    fn norms_of_any_width() {
        for width in [1_u8, 7, 16, 37] {
            let n = f64::from(width);
            let row: Vec<f32> = (0..width).map(|i| f32::from(i).sin() + 3.0).collect();
            let weight: Vec<f32> = (0..width).map(|i| f32::from(i) * 0.1 + 0.5).collect();
            let exact: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
            let mean = exact.iter().sum::<f64>() / n;
            for bias in [None, Some(vec![0.25; usize::from(width)])] {
                let (middle, added) = if bias.is_some() {
                    (mean, 0.25)
                } else {
                    (0.0, 0.0)
                };
                let square = exact.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / n;
                let norm = Norm {
                    weight: weight.clone(),
                    bias,
                    epsilon: 1e-5,
                };
                let mut found = [row.clone(), row.clone()].concat();
                norm.apply(&mut found);
                for (i, found) in found.iter().enumerate() {
                    let i = i % usize::from(width);
                    let expected =
                        (exact[i] - middle) / (square + 1e-5).sqrt() * f64::from(weight[i]) + added;
                    assert!((f64::from(*found) - expected).abs() < 1e-5, "{width} {i}");
                }
            }
        }
    }

    #[test]
    fn nothing_becomes_no_number() {
        let mut zeros = [0.0; 4];
        normalize(&mut zeros);
        assert_eq!(zeros, [0.0; 4]);
    }
}
