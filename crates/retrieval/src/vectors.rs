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

/// The inner product of `query` with stored bytes: of unit vectors, the cosine.
pub(crate) fn similarity(query: &Quantized, values: &[u8], scale: f32) -> f32 {
    let dot: i32 = query
        .values
        .iter()
        .zip(values)
        .map(|(&a, &b)| i32::from(a) * i32::from(b as i8))
        .sum();
    // Adding zero turns -0 into 0, so that equal scores have equal bits.
    dot as f32 * (query.scale * scale) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_close_and_symmetric() {
        let a = [0.6, -0.8, 0.0];
        let b = [0.0, -1.0, 0.0];
        let (a, b) = (quantize(&a), quantize(&b));
        let bytes = |q: &Quantized| q.values.iter().map(|&v| v as u8).collect::<Vec<_>>();
        let ab = similarity(&a, &bytes(&b), b.scale);
        assert!((ab - 0.8).abs() < 0.01, "{ab}");
        assert_eq!(ab, similarity(&b, &bytes(&a), a.scale));
    }

    #[test]
    fn nothing_and_not_a_number_are_zero() {
        let zero = quantize(&[0.0, f32::NAN, f32::INFINITY]);
        assert_eq!((zero.values, zero.scale), (vec![0, 0, 0], 0.0));
        assert_eq!(quantize(&[]).scale, 0.0);
        assert_eq!(quantize(&[f32::MIN_POSITIVE / 1e6, 0.0]).values.len(), 2);
    }
}
