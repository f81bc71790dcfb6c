//! Where everything lies in a segment's bytes. All numbers are little endian.
//!
//! ```text
//! index, format 2
//!    0  magic       8 bytes, "IDIOSEG\0"
//!    8  version     u32
//!   12  checksum    u32   CRC-32 of the index behind it: of bytes 16 to the end of the postings
//!   16  checksum    u32   CRC-32 of the vectors: of everything behind the index
//!   20  counts      u32   each: documents, snippets, terms, dimensions,
//!                         and bytes of: analyzer, encoder, ids, term texts, postings
//!   56  records     36 bytes a document, in time order:
//!                     0  when     dated: seconds since 1970 (i64), nanoseconds (i64)
//!                                 undated: n (i64, the greatest without one), sequence (u64)
//!                    16  dated    u32   1 or 0
//!                    20  length   u32   number of terms
//!                    24  content  u32   bytes of the content
//!                    28  id       u32   where its id ends among the ids
//!                    32  snippets u32   where its snippets end among all
//!       snippets    u32 each: where it ends in its document's content; it starts where the last one
//!                   ended
//!       terms       8 bytes each, by their bytes: where its text ends (u32), where its postings end (u32)
//!       analyzer, encoder: names
//!       ids, term texts: one behind the other
//!       postings    see `postings`
//! vectors, behind the index, where dimensions are not 0
//!       of documents: their scales (f32), then their numbers (i8, as many as dimensions)
//!       of snippets: the same
//! ```
//!
//! Format 1 differs in three things: the checksum at 12 covers everything behind it, vectors
//! included; the counts begin at 16, the records at 52; and all postings are pairs.

use std::ops::Range;

use super::When;
use crate::{Analyzer, SEGMENT_VERSION, SegmentError};

pub(super) const MAGIC: [u8; 8] = *b"IDIOSEG\0";
/// The index's checksum covers what follows it.
pub(super) const CHECKED_FROM: usize = 16;
/// Where format 2 keeps the checksum of the vectors.
pub(super) const VECTORS_CHECKSUM: usize = 16;
pub(super) const RECORD_BYTES: usize = 36;
pub(super) const TERM_BYTES: usize = 8;
const COUNTS: usize = 9;
/// Bytes in front of the records.
pub(super) const HEADER_BYTES: usize = CHECKED_FROM + 4 + 4 * COUNTS;
/// With numbers of 8 bits, inner products of vectors this long still fit 32 bits.
pub(super) const MAX_DIMENSIONS: usize = 65_536;

#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Of the format, 1 or 2.
    pub(super) version: u32,
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
    /// These four count from the end of the index.
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
    /// Reads the header alone: magic, version and where everything would lie. Nothing is checked
    /// against a checksum yet.
    pub(super) fn of_header(header: &[u8]) -> Result<Self, SegmentError> {
        if header.len() < CHECKED_FROM || header[..MAGIC.len()] != MAGIC {
            return Err(SegmentError::NotASegment);
        }
        let version = u32_at(header, 8);
        let counts_at = match version {
            1 => CHECKED_FROM,
            SEGMENT_VERSION => CHECKED_FROM + 4,
            found => return Err(SegmentError::Version { found }),
        };
        let records = counts_at + 4 * COUNTS;
        if header.len() < records {
            return Err(SegmentError::NotASegment);
        }
        let mut counts = [0; COUNTS];
        for (i, count) in counts.iter_mut().enumerate() {
            *count = u32_at(header, counts_at + 4 * i) as usize;
        }
        let [documents, snippets, terms, dimensions, names @ ..] = counts;
        let [analyzer, encoder, ids, term_texts, postings] = names;
        let vectors = usize::from(dimensions > 0);
        let mut behind = Sections {
            end: 0,
            fits: dimensions <= MAX_DIMENSIONS,
        };
        let mut next = Sections {
            end: records,
            fits: true,
        };
        let layout = Self {
            version,
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
            document_scales: behind.section(documents, 4 * vectors),
            document_vectors: behind.section(documents, dimensions),
            snippet_scales: behind.section(snippets, 4 * vectors),
            snippet_vectors: behind.section(snippets, dimensions),
        };
        let whole = next.end.checked_add(behind.end);
        if next.fits && behind.fits && whole.is_some() {
            Ok(layout)
        } else {
            Err(SegmentError::Inconsistent { part: "counts" })
        }
    }

    /// Bytes in front of the vectors.
    pub(super) fn index_bytes(&self) -> usize {
        self.postings.end
    }

    /// Bytes of the vectors.
    pub(super) fn vector_bytes(&self) -> usize {
        self.snippet_vectors.end
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

    /// Where the id ends, of a record that is not read further.
    pub(super) fn id_end_of(bytes: &[u8]) -> usize {
        u32_at(bytes, 28) as usize
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
