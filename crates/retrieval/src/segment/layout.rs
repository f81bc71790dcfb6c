//! Where everything lies in a segment's bytes. All numbers are little endian.
//!
//! ```text
//! magic      8 bytes
//! version    u32
//! checksum   u32   CRC-32 of everything behind it
//! counts     u32   each: documents, snippets, terms, dimensions,
//!                  and bytes of: analyzer, encoder, ids, term texts, postings
//! records    36 bytes a document, see `Record`
//! snippets   u32 each: where it ends in its document's content; it starts where the last one ended
//! terms      8 bytes each: where its text ends (u32), where its postings end (u32)
//! analyzer, encoder: names
//! ids, term texts: one behind the other
//! postings   for each document that has the term, in order: positions between it and the one before,
//!            times it is
//!            there; both as variable-length integers of 7 bits a byte
//! vectors    of documents, then of snippets: their scales (f32), then their numbers (i8)
//! ```

use std::ops::Range;

use super::When;
use crate::{Analyzer, SEGMENT_VERSION, SegmentError};

pub(super) const MAGIC: [u8; 8] = *b"IDIOSEG\0";
/// The checksum covers what follows it.
pub(super) const CHECKED_FROM: usize = 16;
pub(super) const RECORD_BYTES: usize = 36;
pub(super) const TERM_BYTES: usize = 8;
const COUNTS: usize = 9;
/// With numbers of 8 bits, inner products of vectors this long still fit 32 bits.
pub(super) const MAX_DIMENSIONS: usize = 65_536;

#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) documents: usize,
    pub(super) snippets: usize,
    pub(super) terms: usize,
    pub(super) dimensions: usize,
    pub(super) records: Range<usize>,
    pub(super) snippet_ends: Range<usize>,
    pub(super) term_ends: Range<usize>,
    pub(super) analyzer: Range<usize>,
    pub(super) encoder: Range<usize>,
    pub(super) ids: Range<usize>,
    pub(super) term_texts: Range<usize>,
    pub(super) postings: Range<usize>,
    pub(super) document_scales: Range<usize>,
    pub(super) document_vectors: Range<usize>,
    pub(super) snippet_scales: Range<usize>,
    pub(super) snippet_vectors: Range<usize>,
}

/// One document's fixed-size facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) when: When,
    /// Number of terms.
    pub(super) length: u32,
    /// Bytes of the content.
    pub(super) content: u32,
    /// Where its id ends among the ids.
    pub(super) id_end: u32,
    /// Where its snippets end among all.
    pub(super) snippets_end: u32,
}

impl Layout {
    /// Checks magic, version, checksum, and that the counts add up to the length of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, SegmentError> {
        let header = CHECKED_FROM + 4 * COUNTS;
        if bytes.len() < header || bytes[..MAGIC.len()] != MAGIC {
            return Err(SegmentError::NotASegment);
        }
        let version = u32_at(bytes, 8);
        if version != SEGMENT_VERSION {
            return Err(SegmentError::Version { found: version });
        }
        if u32_at(bytes, 12) != crc32fast::hash(&bytes[CHECKED_FROM..]) {
            return Err(SegmentError::Checksum);
        }
        let mut counts = [0; COUNTS];
        for (i, count) in counts.iter_mut().enumerate() {
            *count = u32_at(bytes, CHECKED_FROM + 4 * i) as usize;
        }
        let [documents, snippets, terms, dimensions, names @ ..] = counts;
        let [analyzer, encoder, ids, term_texts, postings] = names;
        let mut next = Sections {
            end: header,
            fits: dimensions <= MAX_DIMENSIONS,
        };
        let vectors = usize::from(dimensions > 0);
        let layout = Self {
            documents,
            snippets,
            terms,
            dimensions,
            records: next.section(documents, RECORD_BYTES),
            snippet_ends: next.section(snippets, 4),
            term_ends: next.section(terms, TERM_BYTES),
            analyzer: next.section(analyzer, 1),
            encoder: next.section(encoder, 1),
            ids: next.section(ids, 1),
            term_texts: next.section(term_texts, 1),
            postings: next.section(postings, 1),
            document_scales: next.section(documents, 4 * vectors),
            document_vectors: next.section(documents, dimensions),
            snippet_scales: next.section(snippets, 4 * vectors),
            snippet_vectors: next.section(snippets, dimensions),
        };
        if next.fits && next.end == bytes.len() {
            Ok(layout)
        } else {
            Err(SegmentError::Inconsistent { part: "counts" })
        }
    }

    pub(super) fn analyzer(&self, bytes: &[u8]) -> Result<Analyzer, SegmentError> {
        std::str::from_utf8(&bytes[self.analyzer.clone()])
            .ok()
            .and_then(|name| name.parse().ok())
            .ok_or(SegmentError::Inconsistent { part: "analyzer" })
    }

    pub(super) fn encoder(&self, bytes: &[u8]) -> Result<Option<String>, SegmentError> {
        if self.dimensions == 0 {
            return Ok(None);
        }
        std::str::from_utf8(&bytes[self.encoder.clone()])
            .map(|name| Some(name.to_owned()))
            .map_err(|_| SegmentError::Inconsistent { part: "encoder" })
    }
}

/// Lays sections out one behind the other; what does not fit an address makes all of it wrong.
struct Sections {
    end: usize,
    fits: bool,
}

impl Sections {
    fn section(&mut self, count: usize, bytes_each: usize) -> Range<usize> {
        let start = self.end;
        match count
            .checked_mul(bytes_each)
            .and_then(|bytes| start.checked_add(bytes))
        {
            Some(end) => self.end = end,
            None => self.fits = false,
        }
        start..self.end
    }
}

impl Record {
    /// `None` where the date is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (first, second) = (u64_at(bytes, 0) as i64, u64_at(bytes, 8));
        let when = match u32_at(bytes, 16) {
            0 => When::Undated {
                n: first,
                sequence: second,
            },
            1 => When::Dated {
                seconds: first,
                nanoseconds: i32::try_from(second as i64).ok()?,
            },
            _ => return None,
        };
        Some(Self {
            when,
            length: u32_at(bytes, 20),
            content: u32_at(bytes, 24),
            id_end: u32_at(bytes, 28),
            snippets_end: u32_at(bytes, 32),
        })
    }

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let (first, second, dated) = match self.when {
            When::Undated { n, sequence } => (n, sequence, 0),
            When::Dated {
                seconds,
                nanoseconds,
            } => (seconds, i64::from(nanoseconds) as u64, 1),
        };
        to.extend(first.to_le_bytes());
        to.extend(second.to_le_bytes());
        for number in [
            dated,
            self.length,
            self.content,
            self.id_end,
            self.snippets_end,
        ] {
            to.extend(number.to_le_bytes());
        }
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

/// Appends a variable-length integer.
pub(super) fn write_variable(mut number: u32, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Takes a variable-length integer off the front; `None` where there is no whole one.
#[inline]
pub(super) fn read_variable(from: &mut &[u8]) -> Option<u32> {
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
}
