use super::{Multiplier, Quantized};
use crate::segment::Rows;

/// Rows whose scores are computed at a time.
const BLOCK: usize = 256;

/// Calls `each` with the scores of the first `count` of `rows`, some at a time, and the number of the
/// first of them.
pub(crate) fn scan(
    query: &Quantized,
    rows: &Rows<'_>,
    count: usize,
    each: &mut dyn FnMut(usize, &[f32]),
) {
    let multiplier = Multiplier::new(&query.values);
    let (mut products, mut scores) = ([0; BLOCK], [0.0; BLOCK]);
    for first in (0..count).step_by(BLOCK) {
        let here = BLOCK.min(count - first);
        let start = |row| (first + row) * rows.dimensions;
        multiplier.products(rows.values, start, &mut products[..here]);
        for (row, (score, &product)) in (first..).zip(scores.iter_mut().zip(&products[..here])) {
            *score = score_of(product, query.scale, rows.scale(row));
        }
        each(first, &scores[..here]);
    }
}

/// Calls `each` with each of `chosen` rows, in their order, and its score.
pub(super) fn scan_chosen(
    query: &Quantized,
    rows: &Rows<'_>,
    chosen: &[u32],
    each: &mut dyn FnMut(usize, f32),
) {
    let multiplier = Multiplier::new(&query.values);
    let mut products = [0; BLOCK];
    for chosen in chosen.chunks(BLOCK) {
        let products = &mut products[..chosen.len()];
        let start = |row: usize| chosen[row] as usize * rows.dimensions;
        multiplier.products(rows.values, start, products);
        for (&row, &product) in chosen.iter().zip(&*products) {
            let row = row as usize;
            each(row, score_of(product, query.scale, rows.scale(row)));
        }
    }
}

/// The inner product of what two vectors of 8-bit numbers stand for: of unit vectors, the cosine.
fn score_of(product: i32, query: f32, row: f32) -> f32 {
    // Adding zero turns -0 into 0, so that equal scores have equal bits.
    product as f32 * (query * row) + 0.0
}

#[cfg(test)]
mod tests {
    use super::super::quantize;
    use super::*;

    fn scores(query: &[f32], rows: &[&[f32]]) -> Vec<f32> {
        let quantized: Vec<_> = rows.iter().map(|row| quantize(row)).collect();
        let values = quantized.iter().flat_map(|row| &row.values);
        let values: Vec<u8> = values.map(|&value| value as u8).collect();
        let scales = quantized.iter().flat_map(|row| row.scale.to_le_bytes());
        let scales: Vec<u8> = scales.collect();
        let rows = Rows {
            scales: &scales,
            values: &values,
            dimensions: query.len(),
        };
        let mut found = Vec::new();
        scan(
            &quantize(query),
            &rows,
            quantized.len(),
            &mut |first, scores| {
                assert_eq!(first, found.len());
                found.extend(scores);
            },
        );
        found
    }

    #[test]
    fn scores_are_close_and_symmetric() {
        let (a, b) = ([0.6, -0.8, 0.0], [0.0, -1.0, 0.0]);
        let ab = scores(&a, &[&b])[0];
        assert!((ab - 0.8).abs() < 0.01, "{ab}");
        assert_eq!(ab, scores(&b, &[&a])[0]);
        assert_eq!(scores(&a, &[b.as_slice(); 700]), [ab; 700]);
        assert!(scores(&a, &[]).is_empty());
        let opposite = scores(&[-1.0, 0.0], &[&[0.0, 1.0]]);
        assert_eq!(opposite[0].to_bits(), 0);
    }
}
