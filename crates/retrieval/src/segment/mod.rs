//! One immutable blob for some documents of one author, searched in place.

mod build;
mod layout;
mod merge;
mod when;
mod write;

use std::{ops::Range, sync::Arc};

use idiolect_core::Span;
use jiff::Timestamp;

use layout::{Layout, RECORD_BYTES, Record, TERM_BYTES, read_variable, u32_at};

pub use build::{SegmentDocument, Vectors};
pub use merge::merge;
pub(crate) use when::When;

use crate::{Analyzer, SegmentError};

/// Version of the format that is written, and the only one that is read.
pub const SEGMENT_VERSION: u32 = 1;

/// A segment that was opened: its bytes, checked, and where in them everything lies. Cloning
/// shares the bytes.
///
/// Documents lie in time order, so that a moment's past is a prefix: first those with a date, by
/// date, then those without, by `n` and sequence. A document's *position* is its place in this
/// order, from 0. Methods that take a position panic beyond the last.
#[derive(Debug, Clone)]
pub struct Segment {
    bytes: Arc<[u8]>,
    layout: Layout,
    analyzer: Analyzer,
    encoder: Option<String>,
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
    /// Opens what [`Segment::build`] or [`merge`] wrote. Costs one pass of the checksum over the
    /// bytes and one over the tables; postings and vectors are not decoded.
    ///
    /// # Errors
    /// [`SegmentError`] for every other sequence of bytes.
    pub fn open(bytes: impl Into<Arc<[u8]>>) -> Result<Self, SegmentError> {
        let bytes = bytes.into();
        let layout = Layout::read(&bytes)?;
        let segment = Self {
            analyzer: layout.analyzer(&bytes)?,
            encoder: layout.encoder(&bytes)?,
            bytes,
            layout,
        };
        let inconsistent = |part| move || SegmentError::Inconsistent { part };
        segment
            .check_documents()
            .ok_or_else(inconsistent("documents"))?;
        segment.check_terms().ok_or_else(inconsistent("terms"))?;
        Ok(segment)
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

    /// The bytes it was opened from.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many documents it holds, removed ones included.
    pub fn documents(&self) -> usize {
        self.layout.documents
    }

    /// How many snippets it holds, those of removed documents included.
    pub fn snippets(&self) -> usize {
        self.layout.snippets
    }

    /// What made its terms.
    pub fn analyzer(&self) -> Analyzer {
        self.analyzer
    }

    /// Identity of the encoder that made its vectors; `None` if it has none.
    pub fn encoder(&self) -> Option<&str> {
        self.encoder.as_deref()
    }

    /// Length of its vectors; 0 if it has none.
    pub fn dimensions(&self) -> usize {
        self.layout.dimensions
    }

    /// Position of the document with this id.
    pub fn position(&self, id: &str) -> Option<usize> {
        (0..self.documents()).find(|&at| self.id_bytes(at) == id.as_bytes())
    }

    /// Id of the document at `position`.
    pub fn id(&self, position: usize) -> &str {
        std::str::from_utf8(self.id_bytes(position)).unwrap_or_default()
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
        self.record(position).when
    }

    /// Number of terms of the document at `position`.
    pub(crate) fn length(&self, position: usize) -> u32 {
        self.record(position).length
    }

    /// Bytes of the content of the document at `position`.
    pub(crate) fn content_bytes(&self, position: usize) -> usize {
        self.record(position).content as usize
    }

    /// Which of the segment's snippets are those of the document at `position`.
    pub(crate) fn snippet_indices(&self, position: usize) -> Range<usize> {
        let start = self.end_before(position, |record| record.snippets_end);
        start..self.record(position).snippets_end as usize
    }

    /// Documents that have `term`, by position, and how often they have it.
    pub(crate) fn postings(&self, term: &str) -> Postings<'_> {
        let at = partition_point(self.layout.terms, |at| self.term(at) < term.as_bytes());
        if at < self.layout.terms && self.term(at) == term.as_bytes() {
            self.postings_of(at)
        } else {
            Postings {
                bytes: &[],
                next: Some(0),
            }
        }
    }

    /// 8-bit numbers of the vector of the document at `position`, and their scale.
    pub(crate) fn document_vector(&self, position: usize) -> (&[u8], f32) {
        let layout = &self.layout;
        self.vector(&layout.document_vectors, &layout.document_scales, position)
    }

    /// The same for a snippet of the segment.
    pub(crate) fn snippet_vector(&self, index: usize) -> (&[u8], f32) {
        let layout = &self.layout;
        self.vector(&layout.snippet_vectors, &layout.snippet_scales, index)
    }

    fn id_bytes(&self, position: usize) -> &[u8] {
        let ids = &self.bytes[self.layout.ids.clone()];
        let start = self.end_before(position, |record| record.id_end);
        &ids[start..self.record(position).id_end as usize]
    }

    fn vector(&self, values: &Range<usize>, scales: &Range<usize>, at: usize) -> (&[u8], f32) {
        let start = values.start + at * self.layout.dimensions;
        let scale = u32_at(&self.bytes, scales.start + 4 * at);
        (
            &self.bytes[start..start + self.layout.dimensions],
            f32::from_bits(scale),
        )
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

    fn terms(&self) -> usize {
        self.layout.terms
    }

    fn term(&self, at: usize) -> &[u8] {
        &self.bytes[self.layout.term_texts.clone()][self.term_range(at, 0)]
    }

    fn postings_of(&self, at: usize) -> Postings<'_> {
        Postings {
            bytes: &self.bytes[self.layout.postings.clone()][self.term_range(at, 4)],
            next: Some(0),
        }
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

    /// Records can be read, are in order, and point inside the ids and snippets.
    fn check_documents(&self) -> Option<()> {
        let ids = std::str::from_utf8(&self.bytes[self.layout.ids.clone()]).ok()?;
        let mut last: Option<Record> = None;
        for position in 0..self.documents() {
            let record = self.try_record(position)?;
            let (id_start, first_snippet) =
                last.map_or((0, 0), |last| (last.id_end, last.snippets_end));
            let in_order =
                last.is_none_or(|last| last.when.stored_order() <= record.when.stored_order());
            let date_exists = !record.when.is_dated() || record.when.date().is_some();
            let id_is_text =
                id_start <= record.id_end && ids.is_char_boundary(record.id_end as usize);
            if !(in_order && date_exists && id_is_text) {
                return None;
            }
            self.check_snippets(first_snippet..record.snippets_end, record.content)?;
            last = Some(record);
        }
        let (ids_end, snippets_end) = last.map_or((0, 0), |last| (last.id_end, last.snippets_end));
        (ids_end as usize == ids.len() && snippets_end as usize == self.snippets()).then_some(())
    }

    /// Snippets of one document tile its content.
    fn check_snippets(&self, indices: Range<u32>, content: u32) -> Option<()> {
        if indices.start > indices.end || indices.end as usize > self.snippets() {
            return None;
        }
        let mut start = 0;
        for index in indices {
            let end = self.snippet_end(index as usize);
            if end <= start {
                return None;
            }
            start = end;
        }
        (start == content as usize).then_some(())
    }

    /// Terms are in order, and they and their postings fill their parts of the bytes.
    fn check_terms(&self) -> Option<()> {
        let texts = std::str::from_utf8(&self.bytes[self.layout.term_texts.clone()]).ok()?;
        let mut last = 0..0;
        let mut postings_end = 0;
        for at in 0..self.terms() {
            let text = self.term_range(at, 0);
            let postings = self.term_range(at, 4);
            // Slicing by `get` fails at an end that is too far, too early or inside a character.
            let in_order = at == 0 || texts.get(last) < texts.get(text.clone());
            if !in_order || texts.get(text.clone()).is_none() || postings.start > postings.end {
                return None;
            }
            postings_end = postings.end;
            last = text;
        }
        (last.end == texts.len() && postings_end == self.layout.postings.len()).then_some(())
    }
}

/// Pairs of position and frequency, by ascending position. Ends early where bytes are malformed.
pub(crate) struct Postings<'a> {
    bytes: &'a [u8],
    /// What the next difference is added to; `None` behind the greatest number.
    next: Option<u32>,
}

impl Iterator for Postings<'_> {
    type Item = (usize, u32);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let position = self.next?.checked_add(read_variable(&mut self.bytes)?)?;
        let frequency = read_variable(&mut self.bytes)?;
        self.next = position.checked_add(1);
        Some((position as usize, frequency))
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
