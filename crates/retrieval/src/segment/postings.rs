//! Which documents have a term, and how often.
//!
//! The postings of one term are its number of documents as a variable-length integer, then as many
//! whole blocks of 128 documents as there are, then the rest as pairs.
//!
//! ```text
//! block      width of its gaps: 1, 2 or 4, and 16 times the width of its frequencies: 0, 1, 2 or 4
//!            position of its last document, u32
//!            128 gaps: positions between a document and the one before, in ascending order
//!            128 frequencies: times the term is there; of width 0, all are 1
//! pair       gap, frequency: variable-length integers of 7 bits a byte, the lowest first
//! ```
//!
//! In format 1 all are pairs, to the end of the term's bytes, and there is no number in front.

use super::layout::u32_at;

/// Documents in a block.
const BLOCK: usize = 128;
/// In front of a block's gaps.
const BLOCK_HEADER: usize = 5;

/// Appends the postings of one term: positions in ascending order with their frequencies.
pub(super) fn write(documents: &[(u32, u32)], to: &mut Vec<u8>) {
    write_variable(documents.len() as u32, to);
    let mut next = 0;
    let mut gaps = documents.iter().map(|&(position, frequency)| {
        let gap = position - next;
        next = position + 1;
        (gap, frequency, position)
    });
    for _ in 0..documents.len() / BLOCK {
        let block: Vec<_> = gaps.by_ref().take(BLOCK).collect();
        let last = block.last().map_or(0, |&(_, _, position)| position);
        let gap_width = width(block.iter().map(|&(gap, ..)| gap));
        let frequency_width = if block.iter().all(|&(_, frequency, _)| frequency == 1) {
            0
        } else {
            width(block.iter().map(|&(_, frequency, _)| frequency))
        };
        to.push(gap_width | frequency_width << 4);
        to.extend(last.to_le_bytes());
        let gaps = block.iter().map(|&(gap, ..)| (gap, gap_width));
        let frequencies = block
            .iter()
            .map(|&(_, frequency, _)| (frequency, frequency_width));
        for (number, width) in gaps.chain(frequencies) {
            to.extend(&number.to_le_bytes()[..usize::from(width)]);
        }
    }
    for (gap, frequency, _) in gaps {
        write_variable(gap, to);
        write_variable(frequency, to);
    }
}

/// Bytes that each of `numbers` fits in: 1, 2 or 4.
fn width(numbers: impl Iterator<Item = u32>) -> u8 {
    match numbers.max() {
        Some(0x1_0000..) => 4,
        Some(0x100..) => 2,
        _ => 1,
    }
}

/// Postings as columns, to be used again and again.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// Ascending.
    pub(crate) positions: Vec<u32>,
    pub(crate) frequencies: Vec<u32>,
}

impl Columns {
    pub(crate) fn clear(&mut self) {
        self.positions.clear();
        self.frequencies.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Drops the documents, from the one at `start` on, whose position `keep` does not hold for.
    pub(crate) fn retain_from(&mut self, start: usize, keep: impl Fn(u32) -> bool) {
        let mut kept = start;
        for at in start..self.len() {
            if keep(self.positions[at]) {
                self.positions[kept] = self.positions[at];
                self.frequencies[kept] = self.frequencies[at];
                kept += 1;
            }
        }
        self.positions.truncate(kept);
        self.frequencies.truncate(kept);
    }

    /// Position and frequency of every document.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        let frequencies = self.frequencies.iter().copied();
        self.positions.iter().copied().zip(frequencies)
    }

    /// Appends the documents below `cut` of the postings in `bytes`, in the format of that version.
    /// Ends early where bytes are malformed.
    pub(super) fn read(&mut self, mut bytes: &[u8], version: u32, cut: u32) {
        let mut next = 0;
        if version > 1 {
            let documents = read_variable(&mut bytes).unwrap_or(0) as usize;
            for _ in 0..documents / BLOCK {
                if next >= cut {
                    return;
                }
                let Some(last) = self.read_block(&mut bytes, next) else {
                    return;
                };
                if last >= cut {
                    let block = &self.positions[self.len() - BLOCK..];
                    let beyond = BLOCK - block.partition_point(|&position| position < cut);
                    let kept = self.len() - beyond;
                    self.positions.truncate(kept);
                    self.frequencies.truncate(kept);
                    return;
                }
                next = last + 1;
            }
        }
        while let Some((gap, frequency)) = read_variable(&mut bytes).zip(read_variable(&mut bytes))
            && let Some(position) = next.checked_add(gap)
            && position < cut
        {
            self.positions.push(position);
            self.frequencies.push(frequency);
            next = position + 1;
        }
    }

    /// Appends a block whose first gap counts from `next`; its last position, `None` where it is
    /// malformed.
    fn read_block(&mut self, bytes: &mut &[u8], next: u32) -> Option<u32> {
        let (header, rest) = bytes.split_at_checked(BLOCK_HEADER)?;
        let (gap_width, frequency_width) = (usize::from(header[0] & 15), header[0] >> 4);
        let (gaps, rest) = rest.split_at_checked(BLOCK * gap_width)?;
        let (frequencies, rest) = rest.split_at_checked(BLOCK * usize::from(frequency_width))?;
        *bytes = rest;
        let before = self.positions.len();
        // With 64 bits no sum of 128 gaps goes round, so that positions do ascend up to the last.
        let mut next = u64::from(next);
        let mut advance = |gap: u32| {
            let position = next + u64::from(gap);
            next = position + 1;
            position as u32
        };
        match gap_width {
            1 => self
                .positions
                .extend(gaps.iter().map(|&gap| advance(gap.into()))),
            2 => self
                .positions
                .extend(numbers_of_two(gaps).map(&mut advance)),
            4 => self
                .positions
                .extend(numbers_of_four(gaps).map(&mut advance)),
            _ => return None,
        }
        match frequency_width {
            0 => self.frequencies.extend([1; BLOCK]),
            1 => self
                .frequencies
                .extend(frequencies.iter().map(|&frequency| u32::from(frequency))),
            2 => self.frequencies.extend(numbers_of_two(frequencies)),
            4 => self.frequencies.extend(numbers_of_four(frequencies)),
            _ => next = 0,
        }
        let last = u32_at(header, 1);
        if next == u64::from(last) + 1 && last < u32::MAX {
            Some(last)
        } else {
            self.positions.truncate(before);
            self.frequencies.truncate(before);
            None
        }
    }
}

fn numbers_of_two(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> {
    let (pairs, _) = bytes.as_chunks();
    pairs.iter().map(|&pair| u16::from_le_bytes(pair).into())
}

fn numbers_of_four(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> {
    let (quadruples, _) = bytes.as_chunks();
    quadruples.iter().map(|&four| u32::from_le_bytes(four))
}

/// Appends a variable-length integer.
fn write_variable(mut number: u32, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Takes a variable-length integer off the front; `None` where there is no whole one.
#[inline]
fn read_variable(from: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    let mut shift = 0;
    loop {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        if shift == 28 && byte > 0x0f {
            return None;
        }
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variable_integers_are_read_back() {
        for number in [0, 1, 127, 128, 300, 1 << 21, u32::MAX] {
            let mut bytes = Vec::new();
            write_variable(number, &mut bytes);
            let mut from = &bytes[..];
            assert_eq!(read_variable(&mut from), Some(number));
            assert!(from.is_empty());
            assert_eq!(read_variable(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(read_variable(&mut &[0xff; 9][..]), None);
    }

    /// Enough documents for several blocks, with gaps and frequencies of every width.
    fn documents() -> impl Strategy<Value = Vec<(u32, u32)>> {
        let gap = prop_oneof![8 => 0..2_u32, 1 => 0..300_u32, 1 => 0..100_000_u32];
        let frequency = prop_oneof![200 => Just(1_u32), 1 => 1..300_u32, 1 => Just(1 << 20)];
        proptest::collection::vec((gap, frequency), 0..600).prop_map(|gaps| {
            let mut next = 0;
            gaps.into_iter()
                .map(|(gap, frequency)| {
                    let position = next + gap;
                    next = position + 1;
                    (position, frequency)
                })
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn postings_are_read_back_up_to_any_cut(documents in documents(), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            write(&documents, &mut bytes);
            let end = documents.last().map_or(0, |&(position, _)| position + 1);
            for cut in [cut.index(end as usize + 1) as u32, end, u32::MAX] {
                let mut found = Columns::default();
                found.read(&bytes, 2, cut);
                let expected = documents.iter().copied().filter(|&(position, _)| position < cut);
                prop_assert!(found.pairs().eq(expected));
            }
        }

        #[test]
        fn whatever_is_read_ascends_below_the_cut(
            documents in documents(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
            version in 1..3_u32,
            cut in 0..2_000_u32,
        ) {
            let mut bytes = Vec::new();
            write(&documents, &mut bytes);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let mut found = Columns::default();
            found.read(&bytes, version, cut);
            prop_assert_eq!(found.positions.len(), found.frequencies.len());
            prop_assert!(found.positions.is_sorted_by(|a, b| a < b));
            prop_assert!(found.positions.iter().all(|&position| position < cut));
        }
    }
}
