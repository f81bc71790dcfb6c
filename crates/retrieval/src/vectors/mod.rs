//! Embeddings as 8-bit numbers, and how alike they are.

mod dot;
mod scan;
mod sketch;

use dot::Multiplier;

pub(crate) use scan::scan;
pub(crate) use sketch::{Sketch, Sketched, by_sketches, scan_by_sketches};

/// A vector as 8-bit integers and the one number that scales them back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantized {
    pub(crate) values: Vec<i8>,
    pub(crate) scale: f32,
}

/// Scales the greatest of `vector` to ±127. Numbers that are not finite count as 0.
pub(crate) fn quantize(vector: &[f32]) -> Quantized {
    let finite = |x: f32| if x.is_finite() { x } else { 0.0 };
    let greatest = vector
        .iter()
        .fold(0.0_f32, |most, &x| most.max(finite(x).abs()));
    let scale = greatest / 127.0;
    if scale == 0.0 {
        return Quantized {
            values: vec![0; vector.len()],
            scale: 0.0,
        };
    }
    Quantized {
        values: vector
            .iter()
            .map(|&x| (finite(x) / scale).round() as i8)
            .collect(),
        scale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_not_a_number_are_zero() {
        let zero = quantize(&[0.0, f32::NAN, f32::INFINITY]);
        assert_eq!((zero.values, zero.scale), (vec![0, 0, 0], 0.0));
        assert_eq!(quantize(&[]).scale, 0.0);
        assert_eq!(quantize(&[f32::MIN_POSITIVE / 1e6, 0.0]).values.len(), 2);
    }
}
