//! Inner products and distances of vectors with the widest instructions that the processor has.

#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Arch, Simd, WithSimd};

/// Vectors on the left that share each load of one on the right, and whose additions need not wait
/// for each other.
const TOGETHER: usize = 4;

/// The inner product of each on the left with each on the right: row after row, a row for each on
/// the left. All have one length.
pub(super) fn products(left: &[&[f32]], right: &[&[f32]]) -> Vec<f32> {
    Arch::new().dispatch(Products { left, right })
}

struct Products<'a> {
    left: &'a [&'a [f32]],
    right: &'a [&'a [f32]],
}

impl WithSimd for Products<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { left, right } = self;
        let mut found = vec![0.0; left.len() * right.len()];
        for (group, rows) in left
            .chunks(TOGETHER)
            .zip(found.chunks_mut((TOGETHER * right.len()).max(1)))
        {
            for (column, right_vector) in right.iter().enumerate() {
                if let &[a, b, c, d] = group {
                    for (row, product) in together(simd, [a, b, c, d], right_vector)
                        .into_iter()
                        .enumerate()
                    {
                        rows[row * right.len() + column] = product;
                    }
                } else {
                    for (row, left_vector) in group.iter().enumerate() {
                        let [product] = together(simd, [left_vector], right_vector);
                        rows[row * right.len() + column] = product;
                    }
                }
            }
        }
        found
    }
}

#[inline(always)]
fn together<S: Simd, const N: usize>(simd: S, left: [&[f32]; N], right: &[f32]) -> [f32; N] {
    let (right_wide, right_rest) = S::as_simd_f32s(right);
    let wide = left.map(|one| &S::as_simd_f32s(one).0[..right_wide.len()]);
    let mut lanes = [simd.splat_f32s(0.0); N];
    for (place, &right) in right_wide.iter().enumerate() {
        for (lanes, wide) in lanes.iter_mut().zip(wide) {
            *lanes = simd.mul_add_f32s(wide[place], right, *lanes);
        }
    }
    let mut sums = [0.0; N];
    for ((sum, lanes), left) in sums.iter_mut().zip(lanes).zip(left) {
        let rest = S::as_simd_f32s(left).1.iter().zip(right_rest);
        *sum = simd.reduce_sum_f32s(lanes) + rest.map(|(a, b)| a * b).sum::<f32>();
    }
    sums
}

/// Places of the rows, one after another in `rows`, whose distance from `from` squared is below
/// `limit`.
pub(super) fn nearer(from: &[f32], rows: &[f32], limit: f32) -> Vec<usize> {
    Arch::new().dispatch(Nearer { from, rows, limit })
}

struct Nearer<'a> {
    from: &'a [f32],
    rows: &'a [f32],
    limit: f32,
}

/// After so many numbers it is seen whether the sum is too great already.
const LOOK: usize = 64;

impl WithSimd for Nearer<'_> {
    type Output = Vec<usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<usize> {
        let rows = self.rows.chunks_exact(self.from.len().max(1)).enumerate();
        rows.filter(|(_, row)| is_nearer(simd, self.from, row, self.limit))
            .map(|(place, _)| place)
            .collect()
    }
}

#[inline(always)]
fn is_nearer<S: Simd>(simd: S, from: &[f32], row: &[f32], limit: f32) -> bool {
    let mut sum = 0.0;
    for (a, b) in from.chunks(LOOK).zip(row.chunks(LOOK)) {
        let ((a_wide, a_rest), (b_wide, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
        let mut lanes = simd.splat_f32s(0.0);
        for (&a, &b) in a_wide.iter().zip(b_wide) {
            let difference = simd.sub_f32s(a, b);
            lanes = simd.mul_add_f32s(difference, difference, lanes);
        }
        let rest = a_rest.iter().zip(b_rest);
        sum += simd.reduce_sum_f32s(lanes) + rest.map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        if sum >= limit {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_are_sums_of_products(
            length in 0_usize..70, left in 0_usize..10, right in 0_usize..6, seed in 0_u32..1000,
        ) {
            // Small integers, whose sums are exact in any order.
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 7) as f32 % 8.0 - 4.0;
            let vectors = |count: usize, from: usize| -> Vec<Vec<f32>> {
                (0..count).map(|v| (0..length).map(|i| number(from + v * 97 + i)).collect()).collect()
            };
            let (a, b) = (vectors(left, 0), vectors(right, 5000));
            let found = products(
                &a.iter().map(Vec::as_slice).collect::<Vec<_>>(),
                &b.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            );
            let expected: Vec<f32> = a.iter()
                .flat_map(|a| b.iter().map(move |b| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>()))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_distance_of_the_limit_is_not_below_it() {
        let mut far = vec![0.0; 100];
        far[99] = 4.0;
        let mut near = far.clone();
        near[99] = 3.99;
        let rows = [far, near].concat();
        assert_eq!(nearer(&[0.0; 100], &rows, 16.0), [1]);
    }
}
