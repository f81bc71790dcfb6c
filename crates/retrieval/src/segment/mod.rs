//! One immutable blob for some documents of one author, searched in place.

mod build;
mod check;
mod layout;
mod merge;
mod postings;
mod stored;
mod when;
mod write;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use idiolect_core::Span;
use jiff::Timestamp;

use layout::{CHECKED_FROM, HEADER_BYTES, Layout, RECORD_BYTES, Record, TERM_BYTES, u32_at};
use stored::StoredVectors;

pub use build::{SegmentDocument, Vectors};
pub use merge::merge;
pub(crate) use postings::Columns;
pub(crate) use stored::Rows;
pub(crate) use when::When;

use crate::vectors::{Sketch, Sketched};
use crate::{Analyzer, PastError, SegmentError, TextsError};

/// Version of the format that is written. Version 1 is read, too.
pub const SEGMENT_VERSION: u32 = 2;

/// A segment that was opened: its bytes, checked, and where in them everything lies. Cloning
/// shares the bytes.
///
/// The bytes are an *index* and, behind it, the *vectors*, which are many times as long and which
/// only dense rankings need. They can be opened together or the index alone.
///
/// Documents lie in time order, so that a moment's past is a prefix: first those with a date, by
/// date, then those without, by `n` and sequence. A document's *position* is its place in this
/// order, from 0. Methods that take a position panic beyond the last.
#[derive(Debug, Clone)]
pub struct Segment(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    /// All of it or, at least, the index.
    bytes: Arc<[u8]>,
    layout: Layout,
    analyzer: Analyzer,
    encoder: Option<String>,
    vectors: StoredVectors,
    /// Of the snippets' vectors, when first asked for.
    sketch: OnceLock<Sketch>,
    /// Each document's number of terms, taken out of the records when first asked for.
    lengths: OnceLock<Lengths>,
}

/// How many terms documents have, by position.
#[derive(Debug)]
struct Lengths {
    each: Box<[u32]>,
    /// Of each and all in front of it.
    sums: Box<[u64]>,
}

/// A segment as far as it still counts.
#[derive(Debug, Clone)]
pub struct SegmentPart {
    /// The segment.
    pub segment: Segment,
    /// Positions of documents that were removed or replaced since, in any order.
    pub removed: Vec<u32>,
}

impl Segment {
    /// So many bytes tell how long the index is.
    pub const HEADER_BYTES: usize = HEADER_BYTES;

    /// Opens what [`Segment::build`] or [`merge`] wrote. Costs one pass of the checksums over the
    /// bytes and one over the tables; postings and vectors are not decoded.
    ///
    /// # Errors
    /// [`SegmentError`] for every other sequence of bytes.
    pub fn open(bytes: impl Into<Arc<[u8]>>) -> Result<Self, SegmentError> {
        let bytes = bytes.into();
        let layout = Layout::of_header(&bytes)?;
        let index = layout.index_bytes();
        if bytes.len() < index {
            return Err(SegmentError::Checksum);
        }
        let vectors = if layout.version == 1 {
            check_checksum(&bytes)?;
            StoredVectors::checked(Arc::clone(&bytes), &layout)?
        } else {
            check_checksum(&bytes[..index])?;
            StoredVectors::with_checksum(Arc::clone(&bytes), &bytes, &layout)?
        };
        Self::of_checked(bytes, layout, vectors)
    }

    /// How many of a segment's bytes are its index, by its first [`Self::HEADER_BYTES`]; of a
    /// segment of version 1, all. The number is not checked yet: compare it with how many bytes
    /// there are before making room for them.
    ///
    /// # Errors
    /// [`SegmentError::NotASegment`], [`SegmentError::Version`], or
    /// [`SegmentError::Inconsistent`] where the number would be too great for an address.
    pub fn index_bytes(header: &[u8]) -> Result<usize, SegmentError> {
        let layout = Layout::of_header(header)?;
        Ok(match layout.version {
            1 => layout.index_bytes() + layout.vector_bytes(),
            _ => layout.index_bytes(),
        })
    }

    /// Opens a segment by its index, the first [`Self::index_bytes`] of it. `read_vectors` gives
    /// the bytes behind the index; it is called when a dense ranking or a merge first needs them,
    /// again if it failed, and not at all where there are none.
    ///
    /// # Errors
    /// [`SegmentError`] for bytes that are not the index of a segment.
    pub fn open_index(
        index: impl Into<Arc<[u8]>>,
        read_vectors: impl Fn() -> Result<Arc<[u8]>, TextsError> + Send + Sync + 'static,
    ) -> Result<Self, SegmentError> {
        let bytes = index.into();
        let layout = Layout::of_header(&bytes)?;
        if layout.version == 1 {
            return Self::open(bytes);
        }
        if bytes.len() != layout.index_bytes() {
            return Err(SegmentError::Checksum);
        }
        check_checksum(&bytes)?;
        let vectors = StoredVectors::to_be_read(Box::new(read_vectors));
        Self::of_checked(bytes, layout, vectors)
    }

    /// `bytes` fit their checksums.
    fn of_checked(
        bytes: Arc<[u8]>,
        layout: Layout,
        vectors: StoredVectors,
    ) -> Result<Self, SegmentError> {
        let opened = Opened {
            analyzer: layout.analyzer(&bytes)?,
            encoder: layout.encoder(&bytes)?,
            bytes,
            layout,
            vectors,
            sketch: OnceLock::new(),
            lengths: OnceLock::new(),
        };
        opened.check()?;
        Ok(Self(Arc::new(opened)))
    }

    /// Makes a segment of documents in any order.
    ///
    /// # Errors
    /// [`SegmentError`] where ids repeat, snippets do not tile their document, vectors are not one
    /// a document and one a snippet, or a count exceeds the format's.
    pub fn build(
        documents: &[SegmentDocument<'_>],
        vectors: Option<&Vectors>,
        analyzer: Analyzer,
    ) -> Result<Vec<u8>, SegmentError> {
        build::build(documents, vectors, analyzer)
    }

    /// The index's bytes.
    pub fn index(&self) -> &[u8] {
        &self.0.bytes[..self.0.layout.index_bytes()]
    }

    /// How many documents it holds, removed ones included.
    pub fn documents(&self) -> usize {
        self.0.layout.documents
    }

    /// How many snippets it holds, those of removed documents included.
    pub fn snippets(&self) -> usize {
        self.0.layout.snippets
    }

    /// What made its terms.
    pub fn analyzer(&self) -> Analyzer {
        self.0.analyzer
    }

    /// Identity of the encoder that made its vectors; `None` if it has none.
    pub fn encoder(&self) -> Option<&str> {
        self.0.encoder.as_deref()
    }

    /// Length of its vectors; 0 if it has none.
    pub fn dimensions(&self) -> usize {
        self.0.layout.dimensions
    }

    /// Position of the document with this id.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.0.position(id.as_bytes())
    }

    /// Id of the document at `position`.
    pub fn id(&self, position: usize) -> &str {
        std::str::from_utf8(self.0.id_bytes(position)).unwrap_or_default()
    }

    /// Date of the document at `position`.
    pub fn date(&self, position: usize) -> Option<Timestamp> {
        self.when(position).date()
    }

    /// Snippet spans of the document at `position`, in bytes of its content.
    pub fn snippet_spans(&self, position: usize) -> impl Iterator<Item = Span> {
        let mut start = 0;
        self.snippet_indices(position).map(move |index| {
            let end = self.snippet_end(index);
            std::mem::replace(&mut start, end)..end
        })
    }

    /// The document at `position` as it was given, but for its content.
    pub(crate) fn moment_of(&self, position: usize) -> SegmentDocument<'_> {
        let (n, sequence) = match self.when(position) {
            When::Undated { n, sequence } => (Some(n), sequence),
            When::Dated { .. } => (None, 0),
        };
        SegmentDocument {
            id: self.id(position),
            date: self.date(position),
            n,
            sequence,
            content: "",
            snippets: &[],
        }
    }

    pub(crate) fn when(&self, position: usize) -> When {
        self.0.record(position).when
    }

    /// Number of terms of the document at `position`.
    pub(crate) fn length(&self, position: usize) -> u32 {
        self.0.record(position).length
    }

    /// Number of terms of every document, by position.
    pub(crate) fn lengths(&self) -> &[u32] {
        &self.all_lengths().each
    }

    /// Number of terms of the documents in front of `position`.
    pub(crate) fn length_before(&self, position: usize) -> u64 {
        position
            .checked_sub(1)
            .map_or(0, |last| self.all_lengths().sums[last])
    }

    fn all_lengths(&self) -> &Lengths {
        self.0.lengths.get_or_init(|| {
            let each: Box<[u32]> = (0..self.documents()).map(|at| self.length(at)).collect();
            let mut sum = 0;
            let sums = each.iter().map(|&length| {
                sum += u64::from(length);
                sum
            });
            Lengths {
                sums: sums.collect(),
                each,
            }
        })
    }

    /// Bytes of the content of the document at `position`.
    pub(crate) fn content_bytes(&self, position: usize) -> usize {
        self.0.record(position).content as usize
    }

    /// Which of the segment's snippets are those of the document at `position`.
    pub(crate) fn snippet_indices(&self, position: usize) -> Range<usize> {
        let ends = |record: &Record| record.snippets_end;
        self.0.end_before(position, ends)..self.0.record(position).snippets_end as usize
    }

    /// Position of the document that has the segment's snippet `index`.
    pub(crate) fn position_of(&self, index: usize) -> usize {
        let ends_before = |position| self.snippets_before(position + 1) <= index;
        partition_point(self.documents().saturating_sub(1), ends_before)
    }

    /// How many snippets the documents in front of `position` have.
    pub(crate) fn snippets_before(&self, position: usize) -> usize {
        self.0.end_before(position, |record| record.snippets_end)
    }

    /// Appends the documents below `cut` that have `term`, by position, and how often they have it.
    pub(crate) fn postings(&self, term: &str, cut: usize, to: &mut Columns) {
        let term = term.as_bytes();
        let at = partition_point(self.terms(), |at| self.term(at) < term);
        if at < self.terms() && self.term(at) == term {
            self.postings_of(at, cut, to);
        }
    }

    /// Vectors of the documents, by position.
    ///
    /// # Errors
    /// [`PastError::Vectors`] where they cannot be read, [`PastError::Segment`] where they are not
    /// those that were written.
    pub(crate) fn document_rows(&self) -> Result<Rows<'_>, PastError> {
        let layout = &self.0.layout;
        let bytes = self.0.vector_bytes()?;
        Ok(Rows {
            scales: &bytes[layout.document_scales.clone()],
            values: &bytes[layout.document_vectors.clone()],
            dimensions: layout.dimensions,
        })
    }

    /// Vectors of the segment's snippets.
    ///
    /// # Errors
    /// As [`Self::document_rows`].
    pub(crate) fn snippet_rows(&self) -> Result<Rows<'_>, PastError> {
        let layout = &self.0.layout;
        let bytes = self.0.vector_bytes()?;
        Ok(Rows {
            scales: &bytes[layout.snippet_scales.clone()],
            values: &bytes[layout.snippet_vectors.clone()],
            dimensions: layout.dimensions,
        })
    }

    /// The same with their sketches, of which the first `count` matter.
    ///
    /// # Errors
    /// As [`Self::document_rows`].
    pub(crate) fn sketched_snippet_rows(&self, count: usize) -> Result<Sketched<'_>, PastError> {
        let rows = self.snippet_rows()?;
        Ok(Sketched {
            rows,
            sketch: self.0.sketch.get_or_init(|| Sketch::of(&rows)),
            count,
        })
    }

    fn snippet_end(&self, index: usize) -> usize {
        self.0.snippet_end(index)
    }

    fn terms(&self) -> usize {
        self.0.layout.terms
    }

    fn term(&self, at: usize) -> &[u8] {
        self.0.term(at)
    }

    /// Appends the postings below `cut` of the term at that place.
    fn postings_of(&self, at: usize, cut: usize, to: &mut Columns) {
        let cut = cut.min(self.documents()) as u32;
        to.read(self.0.posting_bytes(at), self.0.layout.version, cut);
    }
}

impl Opened {
    fn position(&self, id: &[u8]) -> Option<usize> {
        let ids = &self.bytes[self.layout.ids.clone()];
        let records = &self.bytes[self.layout.records.clone()];
        let mut start = 0;
        records.chunks_exact(RECORD_BYTES).position(|record| {
            let end = Record::id_end_of(record);
            let is_it = end - start == id.len() && &ids[start..end] == id;
            start = end;
            is_it
        })
    }

    fn vector_bytes(&self) -> Result<&[u8], PastError> {
        self.vectors.bytes(&self.bytes, &self.layout)
    }

    fn id_bytes(&self, position: usize) -> &[u8] {
        let ids = &self.bytes[self.layout.ids.clone()];
        let start = self.end_before(position, |record| record.id_end);
        &ids[start..self.record(position).id_end as usize]
    }

    fn record(&self, position: usize) -> Record {
        const NEVER: Record = Record {
            when: When::Undated { n: 0, sequence: 0 },
            length: 0,
            content: 0,
            id_end: 0,
            snippets_end: 0,
        };
        // Every record was read when the segment was opened.
        self.try_record(position).unwrap_or(NEVER)
    }

    fn try_record(&self, position: usize) -> Option<Record> {
        let records = &self.bytes[self.layout.records.clone()];
        Record::read(&records[position * RECORD_BYTES..][..RECORD_BYTES])
    }

    fn end_before(&self, position: usize, end: impl Fn(&Record) -> u32) -> usize {
        match position.checked_sub(1) {
            Some(before) => end(&self.record(before)) as usize,
            None => 0,
        }
    }

    fn snippet_end(&self, index: usize) -> usize {
        u32_at(&self.bytes, self.layout.snippet_ends.start + 4 * index) as usize
    }

    fn term(&self, at: usize) -> &[u8] {
        &self.bytes[self.layout.term_texts.clone()][self.term_range(at, 0)]
    }

    fn posting_bytes(&self, at: usize) -> &[u8] {
        &self.bytes[self.layout.postings.clone()][self.term_range(at, 4)]
    }

    fn term_range(&self, at: usize, field: usize) -> Range<usize> {
        let end_of = |at: usize| {
            u32_at(
                &self.bytes,
                self.layout.term_ends.start + TERM_BYTES * at + field,
            ) as usize
        };
        at.checked_sub(1).map_or(0, end_of)..end_of(at)
    }
}

/// That of the index or, in version 1, of everything.
fn check_checksum(bytes: &[u8]) -> Result<(), SegmentError> {
    if u32_at(bytes, CHECKED_FROM - 4) == crc32fast::hash(&bytes[CHECKED_FROM..]) {
        Ok(())
    } else {
        Err(SegmentError::Checksum)
    }
}

/// The first of `0..count` for which `before` does not hold, if it holds for a prefix.
pub(crate) fn partition_point(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
