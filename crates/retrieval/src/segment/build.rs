use idiolect_core::{Encoder, EncoderError, Span};
use jiff::Timestamp;

use super::When;
use super::layout::MAX_DIMENSIONS;
use super::write::{Draft, DraftDocument, DraftVector, count};
use crate::analysis::Terms;
use crate::vectors::{Quantized, quantize};
use crate::{Analyzer, SegmentError};

/// What a segment needs to know of a document. The text itself is not kept.
#[derive(Debug, Clone)]
pub struct SegmentDocument<'a> {
    /// Unique per author.
    pub id: &'a str,
    /// When it was written.
    pub date: Option<Timestamp>,
    /// Position in the author's order where there is no date.
    pub n: Option<i64>,
    /// Its place in the order of import, as a number that grows over the author's whole archive.
    pub sequence: u64,
    /// Title, line break and text ([`idiolect_core::Document::content`]).
    pub content: &'a str,
    /// Bytes of the content; they tile it ([`idiolect_core::snippets`]).
    pub snippets: &'a [Span],
}

/// Embeddings of documents and snippets; a segment keeps them as 8-bit integers with one scale
/// each.
#[derive(Debug, Clone)]
pub struct Vectors {
    /// Identity of the encoder that made them.
    pub encoder: String,
    /// Length of each, from 1 to 65,536.
    pub dimensions: usize,
    /// One a document, of its whole content, in the order the documents are given.
    pub documents: Vec<Vec<f32>>,
    /// One a snippet: those of the first document, then those of the second, and so on.
    pub snippets: Vec<Vec<f32>>,
}

impl Vectors {
    /// Embeds the contents and the snippets of `documents`.
    ///
    /// # Errors
    /// The encoder's.
    pub fn embed(
        documents: &[SegmentDocument<'_>],
        encoder: &dyn Encoder,
    ) -> Result<Self, EncoderError> {
        let contents: Vec<_> = documents.iter().map(|one| one.content).collect();
        let snippets: Vec<_> = documents
            .iter()
            .flat_map(|one| {
                one.snippets
                    .iter()
                    .map(|span| one.content.get(span.clone()))
            })
            .map(Option::unwrap_or_default)
            .collect();
        Ok(Self {
            encoder: encoder.identity().to_owned(),
            dimensions: encoder.dimensions(),
            documents: encoder.embed(&contents)?,
            snippets: encoder.embed(&snippets)?,
        })
    }

    /// Whether there is one of the right length for each document and snippet.
    fn check(&self, documents: &[SegmentDocument<'_>]) -> Result<(), SegmentError> {
        if self.dimensions > MAX_DIMENSIONS {
            return Err(SegmentError::TooLarge {
                limit: MAX_DIMENSIONS as u32,
                unit: "dimensions",
            });
        }
        let snippets = documents.iter().map(|one| one.snippets.len()).sum();
        for (vectors, expected) in [
            (&self.documents, documents.len()),
            (&self.snippets, snippets),
        ] {
            let lengths_fit = vectors.iter().all(|one| one.len() == self.dimensions);
            if vectors.len() != expected || !lengths_fit || self.dimensions == 0 {
                return Err(SegmentError::Vectors {
                    expected,
                    dimensions: self.dimensions,
                });
            }
        }
        Ok(())
    }
}

/// See [`super::Segment::build`].
pub(super) fn build(
    documents: &[SegmentDocument<'_>],
    vectors: Option<&Vectors>,
    analyzer: Analyzer,
) -> Result<Vec<u8>, SegmentError> {
    if let Some(vectors) = vectors {
        vectors.check(documents)?;
    }
    let mut terms = Terms::new(analyzer);
    let mut drafts = Vec::with_capacity(documents.len());
    let mut snippets_before = 0;
    for (index, document) in documents.iter().enumerate() {
        let snippets = snippets_before..snippets_before + document.snippets.len();
        snippets_before = snippets.end;
        drafts.push(DraftDocument {
            id: document.id,
            when: When::new(document.date, document.n, document.sequence),
            length: terms.add(document.content, count(index, "documents")?),
            content: count(document.content.len(), "bytes of a document")?,
            snippet_ends: snippet_ends(document)?,
            vectors: vectors.map_or_else(Vec::new, |all| {
                std::iter::once(&all.documents[index])
                    .chain(&all.snippets[snippets])
                    .map(|vector| draft_vector(vector))
                    .collect()
            }),
        });
    }
    let encoder = vectors.map(|all| (all.encoder.as_str(), all.dimensions));
    let (mut draft, positions) = Draft::new(analyzer, encoder, drafts)?;
    for (term, mut postings) in terms.in_order() {
        for (document, _) in &mut postings {
            *document = positions[*document as usize];
        }
        draft.add_term(&term, &mut postings)?;
    }
    draft.write()
}

fn draft_vector(vector: &[f32]) -> DraftVector<'static> {
    let Quantized { values, scale } = quantize(vector);
    DraftVector {
        scale,
        values: values.into_iter().map(|value| value as u8).collect(),
    }
}

fn snippet_ends(document: &SegmentDocument<'_>) -> Result<Vec<u32>, SegmentError> {
    let wrong = || SegmentError::Snippets {
        document: document.id.to_owned(),
    };
    let mut ends = Vec::with_capacity(document.snippets.len());
    let mut start = 0;
    for span in document.snippets {
        if span.start != start || span.end <= start || !document.content.is_char_boundary(span.end)
        {
            return Err(wrong());
        }
        ends.push(count(span.end, "bytes of a document")?);
        start = span.end;
    }
    if start == document.content.len() {
        Ok(ends)
    } else {
        Err(wrong())
    }
}
