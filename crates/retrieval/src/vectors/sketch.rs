use super::scan::scan_chosen;
use super::{Multiplier, Quantized};
use crate::segment::Rows;

/// From so many rows on, sketches are looked at first. Fewer rows are compared exactly.
pub(crate) const SKETCHED_FROM: usize = 50_000;
/// One of so many rows, those whose sketches promise most, is compared exactly.
const ONE_OF: usize = 32;
/// Asked for more than one of so many rows, all are compared exactly.
const MOST_WANTED: usize = 400;
/// Rows whose promises are computed at a time.
const BLOCK: usize = 1_024;
/// Promises are looked through by so many at once.
const CHUNK: usize = 32;
/// Promises that differ only in the bits of an `f32` behind these count as one.
const COUNTED_BITS: u32 = 14;

/// Rows in two bits a number: the sign, and whether the number is above the row's quadratic mean. Read
/// as −3, −1, 1 and 3 they stand for the row, but for a factor, with a cosine of about 0.94 where
/// its numbers are normally distributed.
#[derive(Debug)]
pub(crate) struct Sketch {
    /// As [`Multiplier::coarse_products`] wants them.
    bits: Vec<u8>,
    /// Of each row.
    factors: Vec<f32>,
    /// Of a row.
    bytes: usize,
}

impl Sketch {
    pub(crate) fn of(rows: &Rows<'_>) -> Self {
        let count = rows.scales.len() / 4;
        let bytes = rows.dimensions.div_ceil(4);
        let mut bits = vec![0; bytes * count];
        let mut factors = Vec::with_capacity(count);
        for (row, bits) in bits.chunks_exact_mut(bytes.max(1)).enumerate() {
            let values = rows.values(row);
            let squares = values.iter().map(|&value| i64::from(value as i8).pow(2));
            let squares: i64 = squares.sum();
            let (mut product, mut length) = (0, 0);
            for (at, &value) in values.iter().enumerate() {
                let value = i64::from(value as i8);
                let is_great = value * value * rows.dimensions as i64 > squares;
                let number: u8 = match (value > 0, is_great) {
                    (false, true) => 0,
                    (false, false) => 1,
                    (true, false) => 2,
                    (true, true) => 3,
                };
                bits[at % bytes] |= number << (at / bytes * 2);
                let meant = 2 * i64::from(number) - 3;
                product += meant * value;
                length += meant * meant;
            }
            factors.push(product as f32 / length as f32 * rows.scale(row));
        }
        Self {
            bits,
            factors,
            bytes,
        }
    }

    /// About the inner product with each of the first `count` rows.
    fn promises(&self, query: &Multiplier, total: i32, count: usize, promises: &mut Vec<f32>) {
        let mut products = [0; BLOCK];
        for first in (0..count).step_by(BLOCK) {
            let here = BLOCK.min(count - first);
            let products = &mut products[..here];
            query.coarse_products(
                &self.bits[first * self.bytes..][..here * self.bytes],
                products,
            );
            let factors = &self.factors[first..][..here];
            let promise =
                |(&product, &factor): (&i32, &f32)| (2 * product - 3 * total) as f32 * factor;
            promises.extend(products.iter().zip(factors).map(promise));
        }
    }
}

/// Rows of one part, in full and in brief, and how many of them are asked about.
pub(crate) struct Sketched<'a> {
    pub(crate) rows: Rows<'a>,
    pub(crate) sketch: &'a Sketch,
    pub(crate) count: usize,
}

/// Whether the best `wanted` of so many rows are looked for by sketches first.
pub(crate) fn by_sketches(rows: usize, wanted: usize) -> bool {
    rows >= SKETCHED_FROM && wanted <= rows / MOST_WANTED
}

/// Calls `each` with the number of a part, a row and its exact score, for the rows whose sketches
/// promise most. Which these are depends neither on how rows are spread over parts nor on the processor.
pub(crate) fn scan_by_sketches(
    query: &Quantized,
    parts: &[Sketched<'_>],
    each: &mut dyn FnMut(usize, usize, f32),
) {
    let multiplier = Multiplier::new(&query.values);
    let total = query.values.iter().map(|&value| i32::from(value)).sum();
    let mut promises = Vec::with_capacity(parts.iter().map(|part| part.count).sum());
    for part in parts {
        part.sketch
            .promises(&multiplier, total, part.count, &mut promises);
    }
    let enough = enough(&promises, promises.len() / ONE_OF);
    let mut rest = promises.as_slice();
    let mut chosen = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let (own, others) = rest.split_at(part.count);
        rest = others;
        chosen.clear();
        for (chunk, first) in own.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
            if chunk.iter().any(|&promise| promise >= enough) {
                let good = chunk
                    .iter()
                    .zip(first..)
                    .filter(|&(&promise, _)| promise >= enough);
                chosen.extend(good.map(|(_, row)| row));
            }
        }
        scan_chosen(query, &part.rows, &chosen, &mut |row, score| {
            each(number, row, score);
        });
    }
}

/// What at least `wanted` of the promises reach, and few more.
fn enough(promises: &[f32], wanted: usize) -> f32 {
    let mut counts = vec![0_u32; 1 << COUNTED_BITS];
    for &promise in promises {
        counts[(ordered(promise) >> (u32::BITS - COUNTED_BITS)) as usize] += 1;
    }
    let mut seen = 0;
    for (number, &count) in counts.iter().enumerate().rev() {
        seen += count as usize;
        if seen >= wanted {
            return in_order((number as u32) << (u32::BITS - COUNTED_BITS));
        }
    }
    f32::NEG_INFINITY
}

/// A number that grows with `promise`.
fn ordered(promise: f32) -> u32 {
    let bits = promise.to_bits();
    if promise.is_sign_negative() {
        !bits
    } else {
        bits | 1 << 31
    }
}

/// The promise that has this number.
fn in_order(ordered: u32) -> f32 {
    f32::from_bits(if ordered >> 31 == 0 {
        !ordered
    } else {
        ordered & !(1 << 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_wanted_promise_enough_and_few_more() {
        let promises: Vec<f32> = (-500..500).map(|number| number as f32 / 7.0).collect();
        for wanted in [1, 10, 100, 500, 999, 1_000] {
            let enough = enough(&promises, wanted);
            let last = promises[promises.len() - wanted];
            assert!(
                enough <= last && enough >= last - last.abs() / 16.0,
                "{wanted}"
            );
        }
    }

    #[test]
    fn the_order_of_promises_is_kept_both_ways() {
        let promises = [f32::NEG_INFINITY, -2.0, -0.0, 0.0, 1e-9, 3.0, f32::INFINITY];
        assert!(promises.map(ordered).is_sorted_by(|a, b| a < b));
        for promise in promises {
            assert_eq!(in_order(ordered(promise)).to_bits(), promise.to_bits());
        }
    }
}
