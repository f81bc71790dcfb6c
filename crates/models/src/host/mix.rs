#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};

use super::simd::{exp, with_simd};

/// Makes logits into those of a mixture: of their own softmax, by the share `rest`, and of `own`, whose
/// probabilities have been multiplied by their share. `total` is the natural log of the sum of the
/// exponentials, before and after.
pub(crate) fn mix(logits: &mut [f32], total: f32, rest: f32, own: &[f32]) {
    with_simd(Mix {
        logits,
        total,
        rest,
        own,
    });
}

struct Mix<'a> {
    logits: &'a mut [f32],
    total: f32,
    rest: f32,
    own: &'a [f32],
}

impl WithSimd for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (logit, own) in self.logits.iter_mut().zip(self.own) {
            *logit = ln(exp(*logit - self.total) * self.rest + own) + self.total;
        }
    }
}

/// Natural logarithm of a positive number that is not subnormal, in single precision: a polynomial of the
/// mantissa between √½ and √2 (Cephes' `logf`). Unlike the library's it becomes wide instructions.
#[inline(always)]
fn ln(x: f32) -> f32 {
    /// Bits of √½, so that subtracting them leaves the exponent of the mantissa's range in the upper bits.
    const HALF_ROOT: u32 = 0x3f35_04f3;
    let from_root = x.to_bits().wrapping_sub(HALF_ROOT);
    let exponent = (from_root as i32) >> 23;
    let mantissa = f32::from_bits((from_root & 0x007f_ffff) + HALF_ROOT);
    let exponent = exponent as f32;
    let r = mantissa - 1.0;
    let tail = 0.070_376_836;
    let tail = tail * r - 1.151_461e-1;
    let tail = tail * r + 1.167_699_9e-1;
    let tail = tail * r - 1.242_014_1e-1;
    let tail = tail * r + 1.424_932_3e-1;
    let tail = tail * r - 1.666_805_8e-1;
    let tail = tail * r + 2.000_071_5e-1;
    let tail = tail * r - 2.499_999_4e-1;
    let tail = tail * r + 0.333_333_3;
    let square = r * r;
    // ln 2 in two parts, the first of which the exponent can be multiplied with exactly.
    let small = tail * square * r + exponent * -2.121_944_4e-4 - 0.5 * square;
    small + r + exponent * 0.693_359_4
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ln<'a>(&'a mut [f32]);

    impl WithSimd for Ln<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            self.0.iter_mut().for_each(|x| *x = ln(*x));
        }
    }

    #[test]
    fn logarithms_within_two_units_of_the_last_place() {
        let x: Vec<f32> = (-3_000..3_000)
            .map(|i| (i as f32 / 40.0 + 0.003).exp())
            .chain([0.5, 0.707, 0.708, 1.0, 1.414, 1.415, 2.0, f32::MIN_POSITIVE])
            .collect();
        let mut found = x.clone();
        with_simd(Ln(&mut found));
        for (&x, found) in x.iter().zip(found) {
            let expected = f64::from(x).ln();
            let off = (f64::from(found) - expected).abs();
            let unit = f64::from(f32::EPSILON) * expected.abs().max(0.1);
            assert!(off < 2.0 * unit, "{x}: {found} {expected}");
        }
    }

    #[test]
    fn a_mixture_has_the_shares_it_should() {
        let mut logits = [2.0, -1.0, 0.5, -90.0];
        let total = logits.iter().map(|x: &f32| x.exp()).sum::<f32>().ln();
        let own = [0.0, 0.2, 0.0, 0.1];
        let expected = logits.iter().zip(own);
        let expected: Vec<f32> = expected
            .map(|(logit, own)| 0.7 * (logit - total).exp() + own)
            .collect();
        mix(&mut logits, total, 0.7, &own);
        for (logit, expected) in logits.iter().zip(expected) {
            assert!(((logit - total).exp() - expected).abs() < 1e-6);
        }
    }
}
