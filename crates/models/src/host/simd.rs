//! Loops over slices with the widest vectors that the processor has.

#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Runs with the widest vectors that this processor has.
pub(crate) fn with_simd<Op: WithSimd>(work: Op) -> Op::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            return Simd::vectorize(simd, work);
        }
        if let Some(simd) = pulp::x86::V3::try_new() {
            return Simd::vectorize(simd, work);
        }
    }
    pulp::Arch::new().dispatch(work)
}

/// Threads share passes over more numbers than this.
pub(crate) const SHARE: usize = 1 << 16;

/// A nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x · Φ(x), Φ being the distribution function of the normal distribution.
    Gelu,
    /// The tanh form of GELU, which T5 1.1 uses.
    GeluTanh,
    /// x · sigmoid(x).
    Silu,
}

impl Activation {
    /// Applies it to every number.
    pub(crate) fn apply(self, x: &mut [f32]) {
        let part = |x: &mut [f32]| {
            with_simd(Activate {
                activation: self,
                x,
            });
        };
        if x.len() <= SHARE {
            part(x);
        } else {
            x.par_chunks_mut(SHARE).for_each(part);
        }
    }

    /// Applies it to the first half of each row of twice `width`, and multiplies with the second.
    pub(crate) fn gated(self, x: &[f32], width: usize) -> Vec<f32> {
        let mut made = vec![0.0; x.len() / 2];
        if made.len() <= SHARE {
            self.gated_into(x, width, &mut made);
        } else {
            let share = (SHARE / width).max(1) * width;
            x.par_chunks(2 * share)
                .zip(made.par_chunks_mut(share))
                .for_each(|(x, made)| self.gated_into(x, width, made));
        }
        made
    }

    /// [`Activation::gated`] by this thread, into numbers that are there.
    pub(crate) fn gated_into(self, x: &[f32], width: usize, made: &mut [f32]) {
        with_simd(Gate {
            activation: self,
            x,
            width,
            made,
        });
    }
}

struct Activate<'a> {
    activation: Activation,
    x: &'a mut [f32],
}

struct Gate<'a> {
    activation: Activation,
    x: &'a [f32],
    width: usize,
    made: &'a mut [f32],
}

impl WithSimd for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.x.chunks_exact(2 * self.width);
        for (row, made) in rows.zip(self.made.chunks_exact_mut(self.width)) {
            let (first, gate) = row.split_at(self.width);
            made.copy_from_slice(first);
            self.activation.of_each(made);
            for (made, gate) in made.iter_mut().zip(gate) {
                *made *= gate;
            }
        }
    }
}

impl Activation {
    /// Applies it to every number, as a part of code for wide vectors.
    #[inline(always)]
    pub(crate) fn of_each(self, x: &mut [f32]) {
        match self {
            Self::Relu => each(x, |x| x.max(0.0)),
            Self::Gelu => each(x, gelu),
            Self::GeluTanh => each(x, gelu_tanh),
            Self::Silu => each(x, |x| x / (1.0 + exp(-x))),
        }
    }
}

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.activation.of_each(self.x);
    }
}

/// x · Φ(x), Φ by Abramowitz & Stegun 7.1.26.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    const FACTORS: [f32; 5] = [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_74,
        0.254_829_6,
    ];
    let size = x.abs();
    let z = size * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut tail = 0.0;
    for factor in FACTORS {
        tail = (tail + factor) * t;
    }
    // Φ(-|x|)
    let tail = 0.5 * tail * exp(-z * z);
    (if x > 0.0 { x } else { 0.0 }) - size * tail
}

/// ½x(1 + tanh y) = x·σ(2y).
#[inline(always)]
pub(super) fn gelu_tanh(x: f32) -> f32 {
    const TWICE: f32 = 1.595_769;
    x / (1.0 + exp(-TWICE * x * (1.0 + 0.044_715 * x * x)))
}

/// eˣ within two units of the last place, without branches, so that a loop of it is made of vector
/// instructions. Below -87 it is as good as zero, above 88 it stays there.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Added to a number, it leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const BITS_OF_ONE: u32 = 0x3f80_0000;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first of which n can be multiplied with exactly.
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let tail = 1.987_569_1e-4;
    let tail = tail * r + 1.398_199_9e-3;
    let tail = tail * r + 8.333_452e-3;
    let tail = tail * r + 4.166_579_6e-2;
    let tail = tail * r + 1.666_666_5e-1;
    let tail = tail * r + 0.5;
    let near_one = tail * (r * r) + r + 1.0;
    near_one * f32::from_bits((shifted.to_bits() << 23).wrapping_add(BITS_OF_ONE))
}

/// Puts `of(x)` in the place of every x.
#[inline(always)]
pub(crate) fn each(values: &mut [f32], of: impl Fn(f32) -> f32) {
    for value in values {
        *value = of(*value);
    }
}

/// Lanes of the sums below: several vectors, so that an addition need not wait for the one before.
const LANES: usize = 32;

/// Σ of(x).
#[inline(always)]
pub(crate) fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += of(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += of(value);
    }
    lanes.into_iter().sum()
}

/// The greatest of(x), or minus infinity.
#[inline(always)]
pub(crate) fn greatest(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(of(value));
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = lane.max(of(value));
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Makes scores into e to the power of their distance from the greatest, and returns the sum.
#[inline(always)]
pub(crate) fn softmax_numerators(scores: &mut [f32]) -> f32 {
    let peak = greatest(scores, |score| score);
    for score in scores.iter_mut() {
        *score = exp(*score - peak);
    }
    sum(scores, |score| score)
}

/// ln Σ exp: what is subtracted from scores to make them log-probabilities.
pub(crate) fn log_total(scores: &[f32]) -> f32 {
    with_simd(LogTotal(scores))
}

struct LogTotal<'a>(&'a [f32]);

impl WithSimd for LogTotal<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        log_sum(self.0)
    }
}

/// [`log_total`], as a part of code for wide vectors.
#[inline(always)]
pub(super) fn log_sum(scores: &[f32]) -> f32 {
    let peak = greatest(scores, |score| score);
    peak + sum(scores, |score| exp(score - peak)).ln()
}

/// Index of the largest number, the first of several; `None` where all are minus infinity.
pub(crate) fn largest(scores: &[f32]) -> Option<usize> {
    let peak = with_simd(Greatest(scores));
    if peak == f32::NEG_INFINITY {
        return None;
    }
    scores.iter().position(|&score| score == peak)
}

struct Greatest<'a>(&'a [f32]);

impl WithSimd for Greatest<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        greatest(self.0, |score| score)
    }
}

/// The root-mean-square norm of each row, times the weight.
pub(crate) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut normed = vec![0.0; x.len()];
    rms_norm_into(x, weight, epsilon, &mut normed);
    normed
}

/// [`rms_norm`] into numbers that are there.
pub(crate) fn rms_norm_into(x: &[f32], weight: &[f32], epsilon: f32, normed: &mut [f32]) {
    with_simd(RmsNorm {
        x,
        weight,
        epsilon,
        normed,
    });
}

struct RmsNorm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    normed: &'a mut [f32],
}

impl WithSimd for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.weight.len();
        let rows = self.x.chunks_exact(width);
        for (row, normed) in rows.zip(self.normed.chunks_exact_mut(width)) {
            let square = sum(row, |value| value * value);
            let scale = 1.0 / (square / width as f32 + self.epsilon).sqrt();
            for ((to, &value), weight) in normed.iter_mut().zip(row).zip(self.weight) {
                *to = value * scale * weight;
            }
        }
    }
}

/// Adds number by number.
#[inline(always)]
pub(crate) fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// Multiplies every number.
#[inline(always)]
pub(crate) fn scale(values: &mut [f32], by: f32) {
    for value in values {
        *value *= by;
    }
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

/// Numbers rounded to bf16, two in one: a row's number in the lower bits, and that half a row later in
/// the upper ones. Rows have `columns` numbers, an even number.
pub(crate) fn halves(values: &[f32], columns: usize) -> Vec<u32> {
    let rounded = |value: f32| u32::from(half::bf16::from_f32(value).to_bits());
    let mut made = Vec::with_capacity(values.len() / 2);
    for row in values.chunks_exact(columns) {
        let (lower, upper) = row.split_at(columns / 2);
        let pairs = lower.iter().zip(upper);
        made.extend(pairs.map(|(&lower, &upper)| rounded(lower) | rounded(upper) << 16));
    }
    made
}

/// [`dot`] of a row stored in [`halves`].
#[inline(always)]
pub(crate) fn dot_half<S: Simd>(simd: S, row: &[u32], x: &[f32]) -> f32 {
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

/// [`add_scaled`] of a row stored in [`halves`].
#[inline(always)]
pub(crate) fn add_scaled_half<S: Simd>(simd: S, to: &mut [f32], weight: f32, from: &[u32]) {
    let (lower, upper) = to.split_at_mut(from.len());
    let (pairs, pairs_rest) = S::as_simd_u32s(from);
    let (lower, lower_rest) = S::as_mut_simd_f32s(lower);
    let (upper, upper_rest) = S::as_mut_simd_f32s(upper);
    let weights = simd.splat_f32s(weight);
    let width = simd.splat_u32s(16);
    let mask = simd.splat_u32s(0xffff_0000);
    for ((&pair, lower), upper) in pairs.iter().zip(lower).zip(upper) {
        let first = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(pair, width));
        let second = simd.transmute_f32s_u32s(simd.and_u32s(pair, mask));
        *lower = simd.mul_add_e_f32s(weights, first, *lower);
        *upper = simd.mul_add_e_f32s(weights, second, *upper);
    }
    for ((pair, lower), upper) in pairs_rest.iter().zip(lower_rest).zip(upper_rest) {
        *lower += weight * f32::from_bits(pair << 16);
        *upper += weight * f32::from_bits(pair >> 16 << 16);
    }
}

/// The numbers of rows stored in [`halves`].
pub(crate) fn whole(pairs: &[u32], columns: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(2 * pairs.len());
    for row in pairs.chunks_exact(columns / 2) {
        values.extend(row.iter().map(|pair| f32::from_bits(pair << 16)));
        values.extend(row.iter().map(|pair| f32::from_bits(pair >> 16 << 16)));
    }
    values
}

/// Sum of all lanes.
#[inline(always)]
fn total<S: Simd>(simd: S, sums: [S::f32s; 4]) -> f32 {
    let left = simd.add_f32s(sums[0], sums[1]);
    let right = simd.add_f32s(sums[2], sums[3]);
    simd.reduce_sum_f32s(simd.add_f32s(left, right))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    struct Exp<'a>(&'a mut [f32]);

    impl WithSimd for Exp<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            self.0.iter_mut().for_each(|x| *x = exp(*x));
        }
    }

    #[test]
    fn exponentials_within_two_units_of_the_last_place() {
        let x: Vec<f32> = (-8_700..8_800).map(|i| i as f32 / 100.0 + 0.003).collect();
        let mut found = x.clone();
        with_simd(Exp(&mut found));
        for (&x, found) in x.iter().zip(found) {
            let expected = f64::from(x.clamp(-87.0, 88.0)).exp();
            let off = (f64::from(found) - expected).abs() / expected;
            assert!(off < 2.0 * f64::from(f32::EPSILON), "{x}: {off}");
        }
        let mut extreme = [f32::NEG_INFINITY, -1e9, f32::INFINITY];
        with_simd(Exp(&mut extreme));
        assert!(extreme[0] < 1e-37 && extreme[1] < 1e-37 && extreme[2].is_finite());
    }

    /// erf by a series without cancellation.
    fn erf(z: f64) -> f64 {
        let (mut term, mut total, mut n) = (z, 0.0, 0.0);
        while f64::abs(term) > 1e-18 {
            total += term;
            n += 1.0;
            term *= 2.0 * z * z / (2.0 * n + 1.0);
        }
        total * 2.0 / std::f64::consts::PI.sqrt() * (-z * z).exp()
    }

    #[test]
    fn nonlinearities_are_exact_to_a_millionth() {
        for x in (-30_000..=30_000_i16).map(|i| f32::from(i) / 3_000.0) {
            let y = f64::from(x);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (y + 0.044_715 * y * y * y);
            for (activation, expected) in [
                (Activation::Gelu, 0.5 * y * (1.0 + erf(y / 2_f64.sqrt()))),
                (Activation::GeluTanh, 0.5 * y * (1.0 + inner.tanh())),
                (Activation::Silu, y / (1.0 + (-y).exp())),
                (Activation::Relu, y.max(0.0)),
            ] {
                let mut found = [x];
                activation.apply(&mut found);
                let off = f64::abs(f64::from(found[0]) - expected);
                // The numbers themselves are a millionth apart from 8 on.
                let allowed = 1e-6 * (y.abs() / 8.0).max(1.0);
                assert!(
                    off < allowed,
                    "{activation:?} of {x}: {} {expected}",
                    found[0]
                );
            }
        }
    }

    #[test]
    fn gates() {
        let x = [1.0, -1.0, 2.0, 3.0, 5.0, 6.0, -7.0, 8.0];
        let found = Activation::Relu.gated(&x, 2);
        assert_eq!(found, [2.0, 0.0, -35.0, 48.0]);
    }

    struct Add<'a>(&'a mut [f32], &'a [f32]);

    impl WithSimd for Add<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            add_scaled(simd, self.0, 0.25, self.1);
        }
    }

    #[test]
    fn scaled_sums() {
        let mut random = StdRng::seed_from_u64(4);
        let mut thirteen = || {
            (0..13)
                .map(|_| random.random::<f32>())
                .collect::<Vec<f32>>()
        };
        let (to, from) = (thirteen(), thirteen());
        let mut found = to.clone();
        with_simd(Add(&mut found, &from));
        for i in 0..13 {
            assert!((found[i] - (to[i] + 0.25 * from[i])).abs() < 1e-6);
        }
    }
}
