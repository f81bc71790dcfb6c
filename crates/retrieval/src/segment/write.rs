use std::borrow::Cow;
use std::collections::HashSet;

use super::layout::{CHECKED_FROM, HEADER_BYTES, MAGIC, Record, TERM_BYTES, VECTORS_CHECKSUM};
use super::{SEGMENT_VERSION, When, postings};
use crate::{Analyzer, SegmentError};

/// A segment in the making: what building and merging have in common.
pub(super) struct Draft<'a> {
    analyzer: Analyzer,
    /// Identity and dimensions.
    encoder: Option<(&'a str, usize)>,
    /// As segments store them.
    documents: Vec<DraftDocument<'a>>,
    term_ends: Vec<u8>,
    term_texts: String,
    postings: Vec<u8>,
}

pub(super) struct DraftDocument<'a> {
    pub(super) id: &'a str,
    pub(super) when: When,
    /// Number of terms.
    pub(super) length: u32,
    /// Bytes of the content.
    pub(super) content: u32,
    /// Bytes of the content, ascending.
    pub(super) snippet_ends: Vec<u32>,
    /// The document's, then those of its snippets; empty without an encoder.
    pub(super) vectors: Vec<DraftVector<'a>>,
}

/// A vector as it is stored.
pub(super) struct DraftVector<'a> {
    pub(super) scale: f32,
    /// Signed numbers, a byte each.
    pub(super) values: Cow<'a, [u8]>,
}

/// Counts and offsets are 32-bit numbers.
pub(super) fn count(number: usize, unit: &'static str) -> Result<u32, SegmentError> {
    u32::try_from(number).map_err(|_| SegmentError::TooLarge {
        limit: u32::MAX,
        unit,
    })
}

impl<'a> Draft<'a> {
    /// A draft without terms of documents in any order, and by their index where each of them is stored.
    pub(super) fn new(
        analyzer: Analyzer,
        encoder: Option<(&'a str, usize)>,
        documents: Vec<DraftDocument<'a>>,
    ) -> Result<(Self, Vec<u32>), SegmentError> {
        let mut seen = HashSet::new();
        if let Some(twice) = documents.iter().find(|one| !seen.insert(one.id)) {
            return Err(SegmentError::DuplicateDocument {
                document: twice.id.to_owned(),
            });
        }
        count(documents.len(), "documents")?;
        let mut documents: Vec<_> = documents.into_iter().enumerate().collect();
        documents.sort_by_key(|(_, document)| (document.when.stored_order(), document.id));
        let mut positions = vec![0; documents.len()];
        for (position, &(index, _)) in documents.iter().enumerate() {
            positions[index] = position as u32;
        }
        let draft = Self {
            analyzer,
            encoder,
            documents: documents
                .into_iter()
                .map(|(_, document)| document)
                .collect(),
            term_ends: Vec::new(),
            term_texts: String::new(),
            postings: Vec::new(),
        };
        Ok((draft, positions))
    }

    /// Adds a term that is behind all others by its bytes: where its documents are stored, in any order,
    /// each once, and how often they have it.
    pub(super) fn add_term(
        &mut self,
        term: &str,
        postings: &mut [(u32, u32)],
    ) -> Result<(), SegmentError> {
        postings.sort_unstable();
        self.term_texts.push_str(term);
        postings::write(postings, &mut self.postings);
        for (end, unit) in [
            (self.term_texts.len(), "bytes of terms"),
            (self.postings.len(), "bytes of postings"),
        ] {
            self.term_ends.extend(count(end, unit)?.to_le_bytes());
        }
        Ok(())
    }

    pub(super) fn write(mut self) -> Result<Vec<u8>, SegmentError> {
        let (mut records, mut ids) = (Vec::new(), String::new());
        let mut snippet_ends: Vec<u32> = Vec::new();
        for document in &self.documents {
            ids.push_str(document.id);
            snippet_ends.extend(&document.snippet_ends);
            let record = Record {
                when: document.when,
                length: document.length,
                content: document.content,
                id_end: count(ids.len(), "bytes of ids")?,
                snippets_end: count(snippet_ends.len(), "snippets")?,
            };
            record.write(&mut records);
        }
        let analyzer = self.analyzer.to_string();
        let (encoder, dimensions) = self.encoder.unwrap_or_default();

        let index_bytes = HEADER_BYTES
            + records.len()
            + 4 * snippet_ends.len()
            + self.term_ends.len()
            + analyzer.len()
            + encoder.len()
            + ids.len()
            + self.term_texts.len()
            + self.postings.len();
        let vectors = self.documents.iter().flat_map(|one| &one.vectors);
        let vector_bytes: usize = vectors.map(|vector| 4 + vector.values.len()).sum();
        // Nothing is held twice but for a moment: a segment may be large.
        let mut bytes = Vec::with_capacity(index_bytes + vector_bytes);
        bytes.extend(MAGIC);
        bytes.extend(SEGMENT_VERSION.to_le_bytes());
        // Both checksums.
        bytes.extend([0; 8]);
        for (number, unit) in [
            (self.documents.len(), "documents"),
            (snippet_ends.len(), "snippets"),
            (self.term_ends.len() / TERM_BYTES, "terms"),
            (dimensions, "dimensions"),
            (analyzer.len(), "bytes of names"),
            (encoder.len(), "bytes of names"),
            (ids.len(), "bytes of ids"),
            (self.term_texts.len(), "bytes of terms"),
            (self.postings.len(), "bytes of postings"),
        ] {
            bytes.extend(count(number, unit)?.to_le_bytes());
        }
        debug_assert_eq!(bytes.len(), HEADER_BYTES);
        bytes.extend(records);
        bytes.extend(snippet_ends.iter().flat_map(|end| end.to_le_bytes()));
        bytes.extend(std::mem::take(&mut self.term_ends));
        bytes.extend(analyzer.as_bytes());
        bytes.extend(encoder.as_bytes());
        bytes.extend(ids.as_bytes());
        bytes.extend(std::mem::take(&mut self.term_texts).as_bytes());
        bytes.extend(std::mem::take(&mut self.postings));
        debug_assert_eq!(bytes.len(), index_bytes);
        self.write_vectors(&mut bytes);
        let checksum = crc32fast::hash(&bytes[index_bytes..]);
        bytes[VECTORS_CHECKSUM..VECTORS_CHECKSUM + 4].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[CHECKED_FROM..index_bytes]);
        bytes[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    fn write_vectors(&self, bytes: &mut Vec<u8>) {
        let whole = |document: &'_ DraftDocument<'_>| 0..document.vectors.len().min(1);
        let parts =
            |document: &'_ DraftDocument<'_>| document.vectors.len().min(1)..document.vectors.len();
        self.write_vectors_of(bytes, whole);
        self.write_vectors_of(bytes, parts);
    }

    fn write_vectors_of(
        &self,
        bytes: &mut Vec<u8>,
        which: impl Fn(&DraftDocument<'_>) -> std::ops::Range<usize>,
    ) {
        let vectors = || {
            self.documents
                .iter()
                .flat_map(|one| &one.vectors[which(one)])
        };
        for vector in vectors() {
            bytes.extend(vector.scale.to_bits().to_le_bytes());
        }
        for vector in vectors() {
            bytes.extend_from_slice(&vector.values);
        }
    }
}
