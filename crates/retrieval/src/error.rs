use idiolect_core::EncoderError;
use thiserror::Error;

use crate::TextsError;

/// Why bytes are not a segment, or documents cannot be made into one.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SegmentError {
    /// Other bytes, or fewer than a header has.
    #[error("not a segment")]
    NotASegment,
    /// Written by another version of the format.
    #[error("segment format {found} is newer than the known {known}, or damaged", known = crate::SEGMENT_VERSION)]
    Version {
        /// What the header says.
        found: u32,
    },
    /// The bytes are not those that were written.
    #[error("segment is damaged: its checksum differs")]
    Checksum,
    /// The checksum holds, yet a part contradicts the others.
    #[error("segment is damaged: its {part} are inconsistent")]
    Inconsistent {
        /// Which part of the segment.
        part: &'static str,
    },
    /// More documents, terms or bytes than the format can count.
    #[error("more than a segment can hold: {limit} {unit}")]
    TooLarge {
        /// The limit.
        limit: u32,
        /// Of what.
        unit: &'static str,
    },
    /// Ids are unique in a segment.
    #[error("document `{document}` is there twice")]
    DuplicateDocument {
        /// Its id.
        document: String,
    },
    /// Snippets must tile their document's content.
    #[error("the snippets of document `{document}` do not tile it")]
    Snippets {
        /// Its id.
        document: String,
    },
    /// A vector too many or too few, or one of another length.
    #[error("{expected} vectors of {dimensions} numbers were expected")]
    Vectors {
        /// One a document, or one a snippet.
        expected: usize,
        /// Length of each.
        dimensions: usize,
    },
    /// A segment was opened without its vectors, and they could not be read when they were needed.
    #[error("the vectors of a segment could not be read")]
    VectorsUnread,
    /// Only segments of one analyzer and one encoder can be merged.
    #[error("segments of different analyzers or encoders cannot be merged")]
    Mixed,
}

/// Why an author's past cannot be searched.
#[derive(Debug, Error)]
pub enum PastError {
    /// No such document, or it is not visible at the chosen moment.
    #[error("no document `{document}` of this author is visible")]
    UnknownDocument {
        /// Its id.
        document: String,
    },
    /// Dense rankings compare vectors.
    #[error("this ranking needs the query's vector: give an encoder")]
    NoQueryVector,
    /// Dense rankings compare vectors.
    #[error("the documents have no vectors: index them with an encoder")]
    NoVectors,
    /// Vectors of different encoders are never compared.
    #[error("the documents were indexed with more than one encoder: index them again")]
    MixedEncoders,
    /// The query's encoder is not the documents'.
    #[error("the query's vector has {query} numbers, those of the documents {documents}")]
    Dimensions {
        /// Length of the query's vector.
        query: usize,
        /// Length of the documents' vectors.
        documents: usize,
    },
    /// The text is no longer the one that was indexed.
    #[error("document `{document}` is not the text that was indexed: index it again")]
    Stale {
        /// Its id.
        document: String,
    },
    /// The documents' texts could not be read.
    #[error("the text of a document could not be read")]
    Texts(#[source] TextsError),
    /// The documents' vectors could not be read.
    #[error("the vectors of the documents could not be read")]
    Vectors(#[source] TextsError),
    /// The encoder did not run.
    #[error("the encoder failed")]
    Encoder(#[source] EncoderError),
    /// A segment could not be made.
    #[error(transparent)]
    Segment(#[from] SegmentError),
}

/// A name that means nothing here.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum NameError {
    /// No such analyzer.
    #[error("`{0}` is not an analyzer: use english, plain or a language such as german")]
    Analyzer(String),
    /// No such length norm.
    #[error("`{0}` is not a length norm: use exact or lucene")]
    LengthNorm(String),
}
