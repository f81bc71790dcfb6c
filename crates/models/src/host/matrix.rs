#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{
    gemm::{Rows, times_transposed},
    int8::{Int8, PANEL, Vectors},
    simd::{dot, dot_half, halves, with_simd},
};
use crate::{WeightFormat, weights::Numbers};

/// A weight `[rows, columns]` laid out for products with vectors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    stored: Stored,
}

#[derive(Debug, Clone, PartialEq)]
enum Stored {
    /// Blocks of as many rows each, one below the other.
    F32(Vec<Numbers>),
    /// Each number holds two bf16 of its row: the one at its own place in the lower bits, the one
    /// half a row later in the upper.
    Bf16(Vec<u32>),
    Int8(Int8),
}

/// From this many bytes of weights on, threads share a product with few vectors.
const PARALLEL: usize = 1 << 17;
/// From so many vectors on, computing takes longer than reading weights.
const MANY: usize = 24;

impl Matrix {
    /// Rows of `columns` numbers one after the other. Weights that are to be exact take half the
    /// memory where nothing is lost by it.
    pub(crate) fn new(values: Vec<f32>, columns: usize, weights: WeightFormat) -> Self {
        let rows = values.len() / columns;
        let stored = match weights {
            WeightFormat::Int8 => Stored::Int8(Int8::new(&values, columns)),
            WeightFormat::Bf16 if columns.is_multiple_of(2) => {
                Stored::Bf16(halves(&values, columns))
            }
            _ => return Self::exact(vec![values.into()], columns),
        };
        Self {
            rows,
            columns,
            stored,
        }
    }

    /// Blocks of as many rows of `columns` numbers each, one below the other, as they are.
    pub(crate) fn exact(blocks: Vec<Numbers>, columns: usize) -> Self {
        const LOWER: u32 = 0xffff;
        let short = |value: &f32| value.to_bits() & LOWER == 0;
        let rows = blocks.iter().map(|block| block.len()).sum::<usize>() / columns;
        let halved =
            columns.is_multiple_of(2) && blocks.iter().all(|block| block.iter().all(short));
        let stored = if halved {
            let blocks = blocks.iter().flat_map(|block| halves(block, columns));
            Stored::Bf16(blocks.collect())
        } else {
            Stored::F32(blocks)
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
            Stored::F32(blocks) => {
                let each = self.rows / blocks.len();
                to.extend(&blocks[i / each][i % each * self.columns..][..self.columns]);
            }
            Stored::Bf16(values) => {
                let half = self.columns / 2;
                let row = &values[i * half..(i + 1) * half];
                to.extend(row.iter().map(|pair| f32::from_bits(pair << 16)));
                to.extend(row.iter().map(|pair| f32::from_bits(pair >> 16 << 16)));
            }
            Stored::Int8(values) => values.copy_row(i, to),
        }
    }

    /// W·x for each of the vectors in `x`, one after the other.
    pub(crate) fn times(&self, x: &[f32]) -> Vec<f32> {
        let vectors = x.len() / self.columns;
        match &self.stored {
            Stored::Int8(values) => self.times_int8(values, x, vectors),
            Stored::F32(blocks) if vectors >= MANY => self.times_many(blocks, x, vectors),
            Stored::Bf16(_) if vectors >= MANY => {
                let mut whole = Vec::with_capacity(self.rows * self.columns);
                for i in 0..self.rows {
                    self.copy_row(i, &mut whole);
                }
                self.times_many(&[whole.into()], x, vectors)
            }
            _ => self.in_parts(vectors, 1, |first, width, out| {
                self.few(first, width, x, out);
            }),
        }
    }

    fn times_many(&self, blocks: &[Numbers], x: &[f32], vectors: usize) -> Vec<f32> {
        let mut out = vec![0.0; vectors * self.rows];
        let each = self.rows / blocks.len();
        for (i, block) in blocks.iter().enumerate() {
            times_transposed(
                Rows::new(x, vectors, self.columns),
                Rows::new(block, each, self.columns),
                &mut out[i * each..],
                self.rows,
                true,
            );
        }
        out
    }

    fn times_int8(&self, values: &Int8, x: &[f32], vectors: usize) -> Vec<f32> {
        /// Of a part that one thread computes: some groups of what the kernel takes at once.
        const VECTORS: usize = 48;
        let x = Vectors::new(x, self.columns);
        if vectors < MANY {
            return self.in_parts(vectors, PANEL, |first, width, out| {
                values.products(first / PANEL, &x, 0, out, width);
            });
        }
        let mut out = vec![0.0; vectors * self.rows];
        out.par_chunks_mut(VECTORS * self.rows)
            .enumerate()
            .for_each(|(i, out)| values.products(0, &x, i * VECTORS, out, self.rows));
        out
    }

    /// Threads take some rows each, a multiple of `unit`: `compute` is told the first one, how many
    /// they are, and where their products go, vector after vector.
    fn in_parts(
        &self,
        vectors: usize,
        unit: usize,
        compute: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) -> Vec<f32> {
        let threads = rayon::current_num_threads();
        let mut out = vec![0.0; vectors * self.rows];
        if threads == 1 || self.bytes() < PARALLEL {
            compute(0, self.rows, &mut out);
            return out;
        }
        let share = self.rows.div_ceil(threads).next_multiple_of(unit);
        if vectors == 1 {
            out.par_chunks_mut(share)
                .enumerate()
                .for_each(|(i, out)| compute(i * share, out.len(), out));
            return out;
        }
        let parts: Vec<(usize, Vec<f32>)> = (0..self.rows.div_ceil(share))
            .into_par_iter()
            .map(|i| {
                let width = share.min(self.rows - i * share);
                let mut part = vec![0.0; vectors * width];
                compute(i * share, width, &mut part);
                (width, part)
            })
            .collect();
        for (i, (width, part)) in parts.iter().enumerate() {
            for (row, part) in out
                .chunks_exact_mut(self.rows)
                .zip(part.chunks_exact(*width))
            {
                row[i * share..][..*width].copy_from_slice(part);
            }
        }
        out
    }

    fn bytes(&self) -> usize {
        let numbers = self.rows * self.columns;
        match &self.stored {
            Stored::F32(_) => 4 * numbers,
            Stored::Bf16(_) => 2 * numbers,
            Stored::Int8(_) => numbers,
        }
    }

    /// The rows from `first` on times few vectors.
    fn few(&self, first: usize, width: usize, x: &[f32], out: &mut [f32]) {
        let columns = self.columns;
        match &self.stored {
            Stored::F32(blocks) => {
                let each = self.rows / blocks.len();
                let mut done = 0;
                while done < width {
                    let (block, row) = ((first + done) / each, (first + done) % each);
                    let count = (width - done).min(each - row);
                    with_simd(Few {
                        weights: &blocks[block][row * columns..][..count * columns],
                        x,
                        columns,
                        out: &mut out[done..],
                        stride: width,
                    });
                    done += count;
                }
            }
            Stored::Bf16(values) if x.len() == columns => with_simd(OneHalf {
                weights: &values[first * columns / 2..],
                x,
                out,
            }),
            _ => {
                // A few rows at a time are made whole, while they are in the cache.
                const ROWS: usize = 16;
                let mut whole = Vec::with_capacity(ROWS * columns);
                let vectors = x.len() / columns;
                let mut part = vec![0.0; vectors * ROWS];
                for begin in (0..width).step_by(ROWS) {
                    let rows = ROWS.min(width - begin);
                    whole.clear();
                    for i in 0..rows {
                        self.copy_row(first + begin + i, &mut whole);
                    }
                    with_simd(Few {
                        weights: &whole,
                        x,
                        columns,
                        out: &mut part[..vectors * rows],
                        stride: rows,
                    });
                    for (out, part) in out.chunks_exact_mut(width).zip(part.chunks_exact(rows)) {
                        out[begin..begin + rows].copy_from_slice(part);
                    }
                }
            }
        }
    }
}

/// Rows times few vectors: the products of a vector lie side by side, `stride` behind those of the
/// vector before.
struct Few<'a> {
    weights: &'a [f32],
    x: &'a [f32],
    columns: usize,
    out: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Few<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const VECTORS: usize = 4;
        /// They stay near while all vectors are multiplied with them.
        const ROWS: usize = 16;
        let Self {
            weights,
            x,
            columns,
            out,
            stride,
        } = self;
        let width = weights.len() / columns;
        let row = |i: usize| &weights[i * columns..(i + 1) * columns];
        for first in (0..width).step_by(ROWS) {
            let end = width.min(first + ROWS);
            let groups = x
                .chunks(VECTORS * columns)
                .zip(out.chunks_mut(VECTORS * stride));
            for (x, out) in groups {
                let mut i = first;
                if x.len() == VECTORS * columns {
                    let x = [0, 1, 2, 3].map(|v| &x[v * columns..(v + 1) * columns]);
                    // As many sums at once as there are registers for.
                    while S::REGISTER_COUNT >= 32 && i + 4 <= end {
                        let found = tile(simd, [0, 1, 2, 3].map(|r| row(i + r)), x);
                        for (r, found) in found.into_iter().enumerate() {
                            (0..VECTORS).for_each(|v| out[v * stride + i + r] = found[v]);
                        }
                        i += 4;
                    }
                    while i + 2 <= end {
                        let found = tile(simd, [0, 1].map(|r| row(i + r)), x);
                        for (r, found) in found.into_iter().enumerate() {
                            (0..VECTORS).for_each(|v| out[v * stride + i + r] = found[v]);
                        }
                        i += 2;
                    }
                }
                for (x, out) in x.chunks_exact(columns).zip(out.chunks_mut(stride)) {
                    for (i, out) in (i..end).zip(&mut out[i..end]) {
                        *out = dot(simd, row(i), x);
                    }
                }
            }
        }
    }
}

/// The inner products of some rows with some vectors, all of one length.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    rows: [&[f32]; R],
    x: [&[f32]; V],
) -> [[f32; V]; R] {
    let rows = rows.map(S::as_simd_f32s);
    let x = x.map(S::as_simd_f32s);
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    let count = rows.iter().map(|row| row.0.len()).min().unwrap_or(0);
    let wide_rows = rows.map(|row| &row.0[..count]);
    let wide_x = x.map(|x| &x.0[..count]);
    for i in 0..count {
        let x = wide_x.map(|x| x[i]);
        for (sums, row) in sums.iter_mut().zip(wide_rows) {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = simd.mul_add_e_f32s(row[i], x, *sum);
            }
        }
    }
    let mut found = [[0.0; V]; R];
    for ((found, sums), row) in found.iter_mut().zip(sums).zip(rows) {
        for ((found, sum), x) in found.iter_mut().zip(sums).zip(x) {
            let rest: f32 = row.1.iter().zip(x.1).map(|(a, b)| a * b).sum();
            *found = simd.reduce_sum_f32s(sum) + rest;
        }
    }
    found
}

/// Rows stored in halves times one vector.
struct OneHalf<'a> {
    weights: &'a [u32],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for OneHalf<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.weights.chunks_exact(self.x.len() / 2);
        for (row, out) in rows.zip(self.out) {
            *out = dot_half(simd, row, self.x);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

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
            (70, 130),
            (700, 800),
        ] {
            let whole = random(rows * columns, 1);
            let half = in_halves(&whole);
            let even = columns % 2 == 0;
            for (values, weights, halves, tolerance) in [
                (&whole, WeightFormat::F32, false, 1e-4),
                (&half, WeightFormat::F32, even, 1e-4),
                (&half, WeightFormat::Bf16, even, 1e-4),
                (&whole, WeightFormat::Bf16, even, 1e-3 * columns as f64),
                (&whole, WeightFormat::Int8, false, 2e-3 * columns as f64),
            ] {
                let matrix = Matrix::new(values.clone(), columns, weights);
                assert_eq!(matches!(matrix.stored, Stored::Bf16(_)), halves);
                for vectors in [1, 4, 7, 50] {
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
                            (f64::from(*found) - expected).abs() < tolerance,
                            "{rows} {columns} {weights:?} {found} {expected}"
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
            let matrix = Matrix::new(values.clone(), 6, WeightFormat::F32);
            let mut found = Vec::new();
            matrix.copy_row(3, &mut found);
            assert_eq!(found, values[18..24]);
        }
    }
}
