use super::scan::scan_chosen;
use super::{Multiplier, Quantized};
use crate::segment::Rows;

/// From so many rows on, signs are looked at first. Fewer are compared exactly.
pub(crate) const SIGNS_FROM: usize = 50_000;
/// One of so many rows, those whose signs promise most, is compared exactly.
const ONE_OF: usize = 5;
/// More rows than one of so many cannot be asked for.
const MOST_WANTED: usize = 100;
/// Rows whose promises are computed at a time.
const BLOCK: usize = 1_024;
/// Promises that differ only in the bits of an `f32` behind these count as one.
const COUNTED_BITS: u32 = 14;

/// What is known of rows without looking at their numbers: which of these are positive, and how great
/// they are in the mean.
#[derive(Debug)]
pub(crate) struct Signs {
    /// One a number, the lowest bit first, each row filled up to whole bytes.
    bits: Vec<u8>,
    magnitudes: Vec<f32>,
    dimensions: usize,
}

impl Signs {
    pub(crate) fn of(rows: &Rows<'_>) -> Self {
        let count = rows.scales.len() / 4;
        let bytes = rows.dimensions.div_ceil(8);
        let (mut bits, mut magnitudes) = (vec![0; bytes * count], Vec::with_capacity(count));
        for row in 0..count {
            let values = rows.values(row);
            for (at, &value) in values.iter().enumerate() {
                bits[row * bytes + at / 8] |= u8::from(value as i8 > 0) << (at % 8);
            }
            let total: u64 = values
                .iter()
                .map(|&value| u64::from((value as i8).unsigned_abs()))
                .sum();
            magnitudes.push(total as f32 / rows.dimensions as f32 * rows.scale(row));
        }
        Self {
            bits,
            magnitudes,
            dimensions: rows.dimensions,
        }
    }

    /// About the inner product with each of the first `count` rows, as far as signs tell.
    fn promises(&self, query: &Multiplier, total: i32, count: usize, promises: &mut Vec<f32>) {
        let bytes = self.dimensions.div_ceil(8);
        let mut sums = [0; BLOCK];
        for first in (0..count).step_by(BLOCK) {
            let here = BLOCK.min(count - first);
            let sums = &mut sums[..here];
            query.sums(&self.bits[first * bytes..][..here * bytes], sums);
            let magnitudes = &self.magnitudes[first..][..here];
            let promise = |(&sum, &magnitude): (&i32, &f32)| (2 * sum - total) as f32 * magnitude;
            promises.extend(sums.iter().zip(magnitudes).map(promise));
        }
    }
}

/// Rows of one part, with their signs, and how many of them are asked about.
pub(crate) struct Signed<'a> {
    pub(crate) rows: Rows<'a>,
    pub(crate) signs: &'a Signs,
    pub(crate) count: usize,
}

/// Whether the best `wanted` of so many rows are looked for by signs first.
pub(crate) fn by_signs(rows: usize, wanted: usize) -> bool {
    rows >= SIGNS_FROM && wanted <= rows / MOST_WANTED
}

/// Calls `each` with the number of a part, a row and its exact score, for the rows whose signs promise
/// most. Which these are depends neither on how rows are spread over parts nor on the processor.
pub(crate) fn scan_by_signs(
    query: &Quantized,
    parts: &[Signed<'_>],
    each: &mut dyn FnMut(usize, usize, f32),
) {
    let multiplier = Multiplier::new(&query.values);
    let total = query.values.iter().map(|&value| i32::from(value)).sum();
    let mut promises = Vec::with_capacity(parts.iter().map(|part| part.count).sum());
    for part in parts {
        part.signs
            .promises(&multiplier, total, part.count, &mut promises);
    }
    let enough = enough(&promises, promises.len() / ONE_OF);
    let mut first = 0;
    for (number, part) in parts.iter().enumerate() {
        let own = &promises[first..first + part.count];
        first += part.count;
        let (mut chosen, mut count) = (vec![0; part.count], 0);
        for (row, &promise) in (0..).zip(own) {
            chosen[count] = row;
            count += usize::from(counted_as(promise) >= enough);
        }
        scan_chosen(query, &part.rows, &chosen[..count], &mut |row, score| {
            each(number, row, score);
        });
    }
}

/// The greatest number that at least `wanted` of the promises count as, or more.
fn enough(promises: &[f32], wanted: usize) -> u32 {
    let mut counts = vec![0_u32; 1 << COUNTED_BITS];
    for &promise in promises {
        counts[counted_as(promise) as usize] += 1;
    }
    let mut seen = 0;
    let counted = counts.iter().enumerate().rev();
    for (number, &count) in counted {
        seen += count as usize;
        if seen >= wanted {
            return number as u32;
        }
    }
    0
}

/// A number that grows with the promise.
fn counted_as(promise: f32) -> u32 {
    let bits = promise.to_bits();
    let ordered = if promise.is_sign_negative() {
        !bits
    } else {
        bits | 1 << 31
    };
    ordered >> (u32::BITS - COUNTED_BITS)
}
