use std::collections::{HashMap, HashSet};

use super::layout::{CHECKED_FROM, HEADER_BYTES, MAGIC, Record, VECTORS_CHECKSUM};
use super::{SEGMENT_VERSION, When, postings};
use crate::vectors::Quantized;
use crate::{Analyzer, SegmentError};

/// A segment in the making: what building and merging have in common.
pub(super) struct Draft<'a> {
    pub(super) analyzer: Analyzer,
    /// Identity and dimensions.
    pub(super) encoder: Option<(&'a str, usize)>,
    /// In any order.
    pub(super) documents: Vec<DraftDocument<'a>>,
    /// By term: index in `documents`, and how often the term is there; each index once.
    pub(super) postings: HashMap<Box<str>, Vec<(u32, u32)>>,
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
    pub(super) vectors: Vec<Quantized>,
}

/// Counts and offsets are 32-bit numbers.
pub(super) fn count(number: usize, unit: &'static str) -> Result<u32, SegmentError> {
    u32::try_from(number).map_err(|_| SegmentError::TooLarge {
        limit: u32::MAX,
        unit,
    })
}

impl Draft<'_> {
    pub(super) fn write(mut self) -> Result<Vec<u8>, SegmentError> {
        self.sort_documents()?;
        let mut terms: Vec<_> = std::mem::take(&mut self.postings).into_iter().collect();
        terms.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));

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
        let (mut term_ends, mut texts, mut columns) = (Vec::new(), String::new(), Vec::new());
        for (term, documents) in &terms {
            texts.push_str(term);
            postings::write(documents, &mut columns);
            term_ends.extend(count(texts.len(), "bytes of terms")?.to_le_bytes());
            term_ends.extend(count(columns.len(), "bytes of postings")?.to_le_bytes());
        }
        let analyzer = self.analyzer.to_string();
        let (encoder, dimensions) = self.encoder.unwrap_or_default();

        let mut bytes = Vec::new();
        bytes.extend(MAGIC);
        bytes.extend(SEGMENT_VERSION.to_le_bytes());
        // Both checksums.
        bytes.extend([0; 8]);
        for (number, unit) in [
            (self.documents.len(), "documents"),
            (snippet_ends.len(), "snippets"),
            (terms.len(), "terms"),
            (dimensions, "dimensions"),
            (analyzer.len(), "bytes of names"),
            (encoder.len(), "bytes of names"),
            (ids.len(), "bytes of ids"),
            (texts.len(), "bytes of terms"),
            (columns.len(), "bytes of postings"),
        ] {
            bytes.extend(count(number, unit)?.to_le_bytes());
        }
        debug_assert_eq!(bytes.len(), HEADER_BYTES);
        bytes.extend(records);
        bytes.extend(snippet_ends.iter().flat_map(|end| end.to_le_bytes()));
        bytes.extend(term_ends);
        bytes.extend(analyzer.as_bytes());
        bytes.extend(encoder.as_bytes());
        bytes.extend(ids.as_bytes());
        bytes.extend(texts.as_bytes());
        bytes.extend(columns);
        let index_bytes = bytes.len();
        self.write_vectors(&mut bytes);
        let checksum = crc32fast::hash(&bytes[index_bytes..]);
        bytes[VECTORS_CHECKSUM..VECTORS_CHECKSUM + 4].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[CHECKED_FROM..index_bytes]);
        bytes[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Brings documents into the order in which segments store them, and postings with them.
    fn sort_documents(&mut self) -> Result<(), SegmentError> {
        let mut seen = HashSet::new();
        if let Some(twice) = self.documents.iter().find(|one| !seen.insert(one.id)) {
            return Err(SegmentError::DuplicateDocument {
                document: twice.id.to_owned(),
            });
        }
        count(self.documents.len(), "documents")?;
        let mut documents: Vec<_> = std::mem::take(&mut self.documents)
            .into_iter()
            .enumerate()
            .collect();
        documents.sort_by_key(|(_, document)| (document.when.stored_order(), document.id));
        let mut positions = vec![0; documents.len()];
        for (position, &(index, _)) in documents.iter().enumerate() {
            positions[index] = position as u32;
        }
        for documents in self.postings.values_mut() {
            for (document, _) in documents.iter_mut() {
                *document = positions[*document as usize];
            }
            documents.sort_unstable();
        }
        self.documents = documents
            .into_iter()
            .map(|(_, document)| document)
            .collect();
        Ok(())
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
            bytes.extend(vector.values.iter().map(|&value| value as u8));
        }
    }
}
