#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// A weight `[rows, columns]` laid out for products with few vectors, where all the time goes into
/// reading it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    stored: Stored,
}

/// Weights as they are, or, where nothing is lost by it, in half the memory.
#[derive(Debug, Clone, PartialEq)]
enum Stored {
    F32(Vec<f32>),
    /// Each number holds two bf16 of its row: the one at its own place in the lower bits, the one
    /// half a row later in the upper.
    Bf16(Vec<u32>),
}

/// From this many multiplications on, threads share a product.
const PARALLEL: usize = 1 << 19;

impl Matrix {
    pub(crate) fn new(values: Vec<f32>, columns: usize) -> Self {
        const LOWER: u32 = 0xffff;
        let exact =
            columns.is_multiple_of(2) && values.iter().all(|value| value.to_bits() & LOWER == 0);
        let rows = values.len() / columns;
        let stored = if exact {
            let half = columns / 2;
            Stored::Bf16(
                values
                    .chunks_exact(columns)
                    .flat_map(|row| {
                        let (lower, upper) = row.split_at(half);
                        lower
                            .iter()
                            .zip(upper)
                            .map(|(lower, upper)| lower.to_bits() >> 16 | upper.to_bits())
                    })
                    .collect(),
            )
        } else {
            Stored::F32(values)
        };
        Self {
            rows,
            columns,
            stored,
        }
    }

    /// Appends row `i` to `to`.
    pub(crate) fn copy_row(&self, i: usize, to: &mut Vec<f32>) {
        match &self.stored {
            Stored::F32(values) => to.extend(&values[i * self.columns..(i + 1) * self.columns]),
            Stored::Bf16(values) => {
                let half = self.columns / 2;
                let row = &values[i * half..(i + 1) * half];
                to.extend(row.iter().map(|pair| f32::from_bits(pair << 16)));
                to.extend(row.iter().map(|pair| f32::from_bits(pair >> 16 << 16)));
            }
        }
    }

    /// W·x for each of the vectors in `x`, one after the other.
    pub(crate) fn times(&self, x: &[f32]) -> Vec<f32> {
        let vectors = x.len() / self.columns;
        // Row by row, so that each row of the weight is read once.
        let mut by_row = vec![0.0; vectors * self.rows];
        if self.rows * self.columns * vectors < PARALLEL {
            self.product(0, x, &mut by_row);
        } else {
            let share = self.rows.div_ceil(rayon::current_num_threads());
            by_row
                .par_chunks_mut(share * vectors)
                .enumerate()
                .for_each(|(i, part)| self.product(i * share, x, part));
        }
        if vectors == 1 {
            return by_row;
        }
        (0..vectors)
            .flat_map(|vector| by_row[vector..].iter().step_by(vectors).copied())
            .collect()
    }

    /// The rows from `first` on times all vectors: as many rows as `out` has room for.
    fn product(&self, first: usize, x: &[f32], out: &mut [f32]) {
        let columns = self.columns;
        match &self.stored {
            Stored::F32(values) => with_simd(Product {
                weights: &values[first * columns..],
                x,
                columns,
                out,
            }),
            Stored::Bf16(values) => with_simd(HalfProduct {
                weights: &values[first * columns / 2..],
                x,
                columns,
                out,
            }),
        }
    }
}

/// Runs with the widest vectors that this processor has.
pub(crate) fn with_simd<Op: WithSimd>(work: Op) -> Op::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, work);
    }
    pulp::Arch::new().dispatch(work)
}

struct Product<'a> {
    weights: &'a [f32],
    x: &'a [f32],
    columns: usize,
    out: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let vectors = self.x.len() / self.columns;
        let rows = self.weights.chunks_exact(self.columns);
        for (row, out) in rows.zip(self.out.chunks_exact_mut(vectors)) {
            for (x, out) in self.x.chunks_exact(self.columns).zip(out) {
                *out = dot(simd, row, x);
            }
        }
    }
}

struct HalfProduct<'a> {
    weights: &'a [u32],
    x: &'a [f32],
    columns: usize,
    out: &'a mut [f32],
}

impl WithSimd for HalfProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let vectors = self.x.len() / self.columns;
        let rows = self.weights.chunks_exact(self.columns / 2);
        for (row, out) in rows.zip(self.out.chunks_exact_mut(vectors)) {
            for (x, out) in self.x.chunks_exact(self.columns).zip(out) {
                *out = dot_half(simd, row, x);
            }
        }
    }
}

/// Σ a·b of two slices of one length.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = S::as_simd_f32s(a);
    let (b, b_rest) = S::as_simd_f32s(b);
    let (a_fours, a_ones) = pulp::as_arrays::<4, _>(a);
    let (b_fours, b_ones) = pulp::as_arrays::<4, _>(b);
    let mut sums = [simd.splat_f32s(0.0); 4];
    for (a, b) in a_fours.iter().zip(b_fours) {
        for i in 0..4 {
            sums[i] = simd.mul_add_e_f32s(a[i], b[i], sums[i]);
        }
    }
    for (&a, &b) in a_ones.iter().zip(b_ones) {
        sums[0] = simd.mul_add_e_f32s(a, b, sums[0]);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    total(simd, sums) + rest
}

/// [`dot`] of a row stored in halves.
#[inline(always)]
fn dot_half<S: Simd>(simd: S, row: &[u32], x: &[f32]) -> f32 {
    let (lower, upper) = x.split_at(row.len());
    let (pairs, pairs_rest) = S::as_simd_u32s(row);
    let (lower, lower_rest) = S::as_simd_f32s(lower);
    let (upper, upper_rest) = S::as_simd_f32s(upper);
    let (twos, ones) = pulp::as_arrays::<2, _>(pairs);
    let (lower_twos, lower_ones) = pulp::as_arrays::<2, _>(lower);
    let (upper_twos, upper_ones) = pulp::as_arrays::<2, _>(upper);
    let width = simd.splat_u32s(16);
    let mask = simd.splat_u32s(0xffff_0000);
    let first = |pair| simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(pair, width));
    let second = |pair| simd.transmute_f32s_u32s(simd.and_u32s(pair, mask));
    let mut sums = [simd.splat_f32s(0.0); 4];
    for ((pair, lower), upper) in twos.iter().zip(lower_twos).zip(upper_twos) {
        for i in 0..2 {
            sums[i] = simd.mul_add_e_f32s(first(pair[i]), lower[i], sums[i]);
            sums[i + 2] = simd.mul_add_e_f32s(second(pair[i]), upper[i], sums[i + 2]);
        }
    }
    for ((&pair, &lower), &upper) in ones.iter().zip(lower_ones).zip(upper_ones) {
        sums[0] = simd.mul_add_e_f32s(first(pair), lower, sums[0]);
        sums[2] = simd.mul_add_e_f32s(second(pair), upper, sums[2]);
    }
    let rest: f32 = pairs_rest
        .iter()
        .zip(lower_rest.iter().zip(upper_rest))
        .map(|(&pair, (lower, upper))| {
            f32::from_bits(pair << 16) * lower + f32::from_bits(pair >> 16 << 16) * upper
        })
        .sum();
    total(simd, sums) + rest
}

#[inline(always)]
fn total<S: Simd>(simd: S, sums: [S::f32s; 4]) -> f32 {
    let left = simd.add_f32s(sums[0], sums[1]);
    let right = simd.add_f32s(sums[2], sums[3]);
    simd.reduce_sum_f32s(simd.add_f32s(left, right))
}

/// Adds `weight` times `from` to `to`.
#[inline(always)]
pub(crate) fn add_scaled<S: Simd>(simd: S, to: &mut [f32], weight: f32, from: &[f32]) {
    let (to, to_rest) = S::as_mut_simd_f32s(to);
    let (from, from_rest) = S::as_simd_f32s(from);
    let weights = simd.splat_f32s(weight);
    for (to, &from) in to.iter_mut().zip(from) {
        *to = simd.mul_add_e_f32s(weights, from, *to);
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to += weight * from;
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    struct Add<'a>(&'a mut [f32], &'a [f32]);

    impl WithSimd for Add<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            add_scaled(simd, self.0, 0.25, self.1);
        }
    }

    fn random(count: usize, seed: u64) -> Vec<f32> {
        let mut random = StdRng::seed_from_u64(seed);
        (0..count).map(|_| random.random::<f32>() - 0.5).collect()
    }

    fn in_halves(values: &[f32]) -> Vec<f32> {
        values
            .iter()
            .map(|&value| half::bf16::from_f32(value).to_f32())
            .collect()
    }

    #[test]
    fn products_of_any_shape_and_storage() {
        for (rows, columns) in [
            (1, 1),
            (3, 7),
            (5, 2),
            (9, 24),
            (4, 62),
            (17, 256),
            (700, 800),
        ] {
            let whole = random(rows * columns, 1);
            for (values, halves) in [
                (whole.clone(), false),
                (in_halves(&whole), columns % 2 == 0),
            ] {
                let matrix = Matrix::new(values.clone(), columns);
                assert_eq!(matches!(matrix.stored, Stored::Bf16(_)), halves);
                for vectors in [1, 4] {
                    let x = random(vectors * columns, 2);
                    let found = matrix.times(&x);
                    assert_eq!(found.len(), vectors * rows);
                    for (i, found) in found.iter().enumerate() {
                        let (vector, row) = (i / rows, i % rows);
                        let expected: f64 = (0..columns)
                            .map(|j| {
                                f64::from(values[row * columns + j])
                                    * f64::from(x[vector * columns + j])
                            })
                            .sum();
                        assert!(
                            (f64::from(*found) - expected).abs() < 1e-4,
                            "{rows} {columns} {found} {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let whole = random(5 * 6, 3);
        for values in [whole.clone(), in_halves(&whole)] {
            let matrix = Matrix::new(values.clone(), 6);
            let mut found = Vec::new();
            matrix.copy_row(3, &mut found);
            assert_eq!(found, values[18..24]);
        }
    }

    #[test]
    fn scaled_sums() {
        let (to, from) = (random(13, 4), random(13, 5));
        let mut found = to.clone();
        with_simd(Add(&mut found, &from));
        for i in 0..13 {
            assert!((found[i] - (to[i] + 0.25 * from[i])).abs() < 1e-6);
        }
    }
}
