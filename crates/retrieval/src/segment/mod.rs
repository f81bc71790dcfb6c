//! One immutable blob for some documents of one author, searched in place.

mod build;
mod layout;
mod merge;
mod write;

use std::{cmp::Ordering, sync::Arc};

use idiolect_core::Span;
use jiff::Timestamp;

pub use build::{SegmentDocument, Vectors};
pub use merge::merge;

use crate::{Analyzer, SegmentError};
use layout::Layout;

/// Version of the format that is written, and the only one that is read.
pub const SEGMENT_VERSION: u32 = 1;

/// A segment that was opened: its bytes, checked, and where in them everything lies. Cloning
/// shares the bytes.
///
/// Documents lie in time order, so that a moment's past is a prefix: first those with a date, by
/// date, then those without, by `n` and sequence. A document's *position* is its place in this
/// order, from 0.
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

/// Where a document stands in time. Later is greater; what has no date is earlier than what has
/// one, and stands by `n` (without one: behind all that have one), then by import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum When {
    Undated { n: i64, sequence: u64 },
    Dated { seconds: i64, nanoseconds: i32 },
}

impl Segment {
    /// Opens what [`Segment::build`] or [`merge`] wrote. Costs one pass of the checksum over the
    /// bytes and one over the tables; nothing is decoded.
    ///
    /// # Errors
    /// [`SegmentError`] for every other sequence of bytes.
    pub fn open(bytes: impl Into<Arc<[u8]>>) -> Result<Self, SegmentError> {
        let bytes = bytes.into();
        let layout = Layout::read(&bytes)?;
        let analyzer = layout.analyzer(&bytes)?;
        let encoder = layout.encoder(&bytes)?;
        let segment = Self {
            bytes,
            layout,
            analyzer,
            encoder,
        };
        segment.check_documents()?;
        segment.check_terms()?;
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
    pub fn position(&self, id: &str) -> Option<u32> {
        (0..self.layout.documents)
            .find(|&at| self.id(at) == id)
            .map(|at| at as u32)
    }

    /// Id of the document at `position`.
    ///
    /// # Panics
    /// Beyond the last position.
    pub fn id(&self, position: usize) -> &str {
        std::str::from_utf8(self.id_bytes(position)).unwrap_or_default()
    }

    /// Date of the document at `position`.
    ///
    /// # Panics
    /// Beyond the last position.
    pub fn date(&self, position: usize) -> Option<Timestamp> {
        match self.when(position) {
            When::Dated {
                seconds,
                nanoseconds,
            } => Timestamp::new(seconds, nanoseconds).ok(),
            When::Undated { .. } => None,
        }
    }
}
