use serde::{Deserialize, Serialize};

/// How the learning rate goes with the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Linear warm-up, then falling with the square root of the step (paper §5.4).
    InverseSqrt,
    /// Linear warm-up, then level.
    Constant,
    /// Linear warm-up, then straight down to zero at the last step.
    Linear,
}

impl Schedule {
    /// The rate of step `t` (from 1) of `steps`, with `warmup` steps of warm-up (0 = none).
    /// Inverse-sqrt is `base · min(1, t/w) · sqrt(max(w,1)/max(t,w,1))`.
    pub fn rate(self, base: f64, t: u64, warmup: u64, steps: u64) -> f64 {
        let (t, w) = (t as f64, warmup as f64);
        let rise = if warmup == 0 { 1.0 } else { (t / w).min(1.0) };
        let fall = match self {
            Self::InverseSqrt => (w.max(1.0) / t.max(w).max(1.0)).sqrt(),
            Self::Constant => 1.0,
            Self::Linear => {
                let left = (steps as f64 - t + 1.0) / (steps as f64 - w).max(1.0);
                left.clamp(0.0, 1.0)
            }
        };
        base * rise * fall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_sqrt_rises_then_falls() {
        let rate = |t| Schedule::InverseSqrt.rate(0.001, t, 1000, 10_000);
        assert!((rate(1) - 1e-6).abs() < 1e-12);
        assert!((rate(1000) - 0.001).abs() < 1e-12);
        assert!((rate(4000) - 0.0005).abs() < 1e-12);
        assert!((Schedule::InverseSqrt.rate(0.1, 4, 0, 9) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn linear_ends_near_zero() {
        let rate = |t| Schedule::Linear.rate(1.0, t, 10, 110);
        assert!((rate(5) - 0.5).abs() < 1e-12);
        assert!((rate(11) - 1.0).abs() < 1e-12);
        assert!((rate(110) - 0.01).abs() < 1e-12);
    }
}
