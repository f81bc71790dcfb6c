use idiolect_core::{Document, Encoder, EncoderError, Span};
use jiff::Timestamp;

/// What a segment needs to know of a document. The text itself is not kept.
#[derive(Debug, Clone)]
pub struct SegmentDocument<'a> {
    /// Unique per author.
    pub id: &'a str,
    /// When it was written.
    pub date: Option<Timestamp>,
    /// Position in the author's order where there is no date.
    pub n: Option<i64>,
    /// When it was first imported, as a number that grows over the author's whole archive.
    pub sequence: u64,
    /// Title, line break and text ([`Document::content`]).
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
    /// Length of each.
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
    ) -> Result<Self, EncoderError>;
}
