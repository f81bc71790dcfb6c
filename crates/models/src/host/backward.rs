//! Gradients of what is computed number by number.

#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};

use super::simd::{Activation, exp, gelu, gelu_tanh, log_sum, sum, with_simd};

/// The gradient of [`super::rms_norm`]: `gradient` becomes that of its input plus `beside`, which goes
/// past the norm; `of_weight` grows by that of the weight.
pub(crate) fn rms_norm_backward(
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    gradient: &[f32],
    beside: &mut [f32],
    of_weight: &mut [f32],
) {
    with_simd(NormBackward {
        x,
        weight,
        epsilon,
        gradient,
        beside,
        of_weight,
    });
}

struct NormBackward<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    gradient: &'a [f32],
    beside: &'a mut [f32],
    of_weight: &'a mut [f32],
}

impl WithSimd for NormBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.weight.len();
        let rows = self.x.chunks_exact(width);
        let gradients = self.gradient.chunks_exact(width);
        let mut products = vec![0.0; width];
        for ((x, gradient), beside) in rows.zip(gradients).zip(self.beside.chunks_exact_mut(width))
        {
            let square = sum(x, |value| value * value);
            let scale = 1.0 / (square / width as f32 + self.epsilon).sqrt();
            for ((product, of_weight), ((&x, &gradient), &weight)) in products
                .iter_mut()
                .zip(self.of_weight.iter_mut())
                .zip(x.iter().zip(gradient).zip(self.weight))
            {
                let common = x * gradient;
                *of_weight += common * scale;
                *product = common * weight;
            }
            let mean = sum(&products, |value| value) * scale * scale / width as f32;
            for ((beside, &x), (&gradient, &weight)) in beside
                .iter_mut()
                .zip(x)
                .zip(gradient.iter().zip(self.weight))
            {
                *beside += scale * (gradient * weight - x * mean);
            }
        }
    }
}

impl Activation {
    /// Makes projections into the gradients of them, given that of what the layer made of them:
    /// rows of `width`, or, where they are gated, of twice that.
    pub(crate) fn backward(
        self,
        projected: &mut [f32],
        gradient: &[f32],
        width: usize,
        gated: bool,
    ) {
        with_simd(GateBackward {
            activation: self,
            projected,
            gradient,
            width,
            gated,
        });
    }

    /// The activation and its slope.
    #[inline(always)]
    fn with_slope(self, x: f32) -> (f32, f32) {
        match self {
            Self::Relu => {
                if x > 0.0 {
                    (x, 1.0)
                } else {
                    (0.0, 0.0)
                }
            }
            Self::Gelu => {
                // x·Φ(x): Φ(x) + x·φ(x).
                const NORMAL: f32 = 0.398_942_3;
                let made = gelu(x);
                // Near zero Φ is not made/x.
                let share = if x.abs() > 1e-3 {
                    made / x
                } else {
                    0.5 + NORMAL * x
                };
                (made, share + x * NORMAL * exp(-0.5 * x * x))
            }
            Self::GeluTanh => {
                const TWICE: f32 = 1.595_769;
                let share = 1.0 / (1.0 + exp(-TWICE * x * (1.0 + 0.044_715 * x * x)));
                let steep = TWICE * (1.0 + 3.0 * 0.044_715 * x * x);
                (gelu_tanh(x), share + x * share * (1.0 - share) * steep)
            }
            Self::Silu => {
                let share = 1.0 / (1.0 + exp(-x));
                (x * share, share * (1.0 + x * (1.0 - share)))
            }
        }
    }
}

struct GateBackward<'a> {
    activation: Activation,
    projected: &'a mut [f32],
    gradient: &'a [f32],
    width: usize,
    gated: bool,
}

impl WithSimd for GateBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // A loop for each activation, so that none asks at every number which one it is.
        match self.activation {
            Activation::Relu => self.each(|x| Activation::Relu.with_slope(x)),
            Activation::Gelu => self.each(|x| Activation::Gelu.with_slope(x)),
            Activation::GeluTanh => self.each(|x| Activation::GeluTanh.with_slope(x)),
            Activation::Silu => self.each(|x| Activation::Silu.with_slope(x)),
        }
    }
}

impl GateBackward<'_> {
    #[inline(always)]
    fn each(self, of: impl Fn(f32) -> (f32, f32)) {
        let gradients = self.gradient.chunks_exact(self.width);
        if self.gated {
            let rows = self.projected.chunks_exact_mut(2 * self.width);
            for (row, gradient) in rows.zip(gradients) {
                let (first, gate) = row.split_at_mut(self.width);
                for ((x, gate), &gradient) in first.iter_mut().zip(gate).zip(gradient) {
                    let (made, slope) = of(*x);
                    *x = gradient * *gate * slope;
                    *gate = gradient * made;
                }
            }
        } else {
            let rows = self.projected.chunks_exact_mut(self.width);
            for (row, gradient) in rows.zip(gradients) {
                for (x, &gradient) in row.iter_mut().zip(gradient) {
                    *x = gradient * of(*x).1;
                }
            }
        }
    }
}

/// Negative log-likelihood of each row's target, summed; the logits become the gradient of that sum
/// times `weight`.
pub(crate) fn cross_entropy_backward(logits: &mut [f32], targets: &[u32], weight: f32) -> f64 {
    with_simd(CrossEntropy {
        logits,
        targets,
        weight,
    })
}

struct CrossEntropy<'a> {
    logits: &'a mut [f32],
    targets: &'a [u32],
    weight: f32,
}

impl WithSimd for CrossEntropy<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let vocabulary = self.logits.len() / self.targets.len().max(1);
        let mut nats = 0.0;
        for (row, &target) in self.logits.chunks_exact_mut(vocabulary).zip(self.targets) {
            let target = target as usize;
            let total = log_sum(row);
            nats += f64::from(total - row[target]);
            for logit in row.iter_mut() {
                *logit = self.weight * exp(*logit - total);
            }
            row[target] -= self.weight;
        }
        nats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_finite_differences() {
        for activation in [
            Activation::Relu,
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::Silu,
        ] {
            for x in (-60..=60).map(|i| i as f32 / 10.0 + 0.013) {
                let of = |x: f32| {
                    let mut one = [x];
                    activation.apply(&mut one);
                    f64::from(one[0])
                };
                let expected = (of(x + 1e-2) - of(x - 1e-2)) / 2e-2;
                let mut found = [x];
                activation.backward(&mut found, &[1.0], 1, false);
                assert!(
                    (f64::from(found[0]) - expected).abs() < 1e-3,
                    "{activation:?} {x}: {} {expected}",
                    found[0]
                );
                let mut gated = [x, 3.0];
                activation.backward(&mut gated, &[2.0], 1, true);
                assert!((f64::from(gated[0]) - 6.0 * expected).abs() < 1e-2);
                assert!((f64::from(gated[1]) - 2.0 * of(x)).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn cross_entropy() {
        let mut logits = [1.0, 2.0, 3.0, 0.0, 0.0, 0.0];
        let nats = cross_entropy_backward(&mut logits, &[2, 0], 0.5);
        assert!((nats - (0.407_606 + 3_f64.ln())).abs() < 1e-5, "{nats}");
        let expected = [
            0.045,
            0.122_4,
            0.332_6 - 0.5,
            1.0 / 6.0 - 0.5,
            1.0 / 6.0,
            1.0 / 6.0,
        ];
        for (found, expected) in logits.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }
}
