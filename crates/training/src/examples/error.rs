use idiolect_core::EncoderError;
use idiolect_retrieval::PastError;
use thiserror::Error;

/// Why examples, pairs or labels could not be made.
#[derive(Debug, Error)]
pub enum DataError {
    /// Not three shares such as `85/5/10`.
    #[error("`{0}` is not a split: use three shares such as 85/5/10")]
    Shares(String),
    /// An author's documents could not be read.
    #[error("the documents of `{author}` could not be read: {source}")]
    Documents {
        /// Whose.
        author: String,
        /// Why.
        source: SourceError,
    },
    /// An example could not be handed on.
    #[error("an example could not be written: {0}")]
    Write(#[source] std::io::Error),
    /// A document's past could not be searched.
    #[error(transparent)]
    Past(#[from] PastError),
    /// Snippets could not be embedded.
    #[error("the encoder failed: {0}")]
    Encoder(#[source] EncoderError),
    /// A dense ranking compares embeddings.
    #[error("the ranking `{0}` needs an encoder")]
    NoEncoder(&'static str),
    /// A file of word vectors could not be read.
    #[error("the word vectors could not be read: {0}")]
    ReadVectors(#[source] std::io::Error),
    /// A line of a file of word vectors.
    #[error("line {line} of the word vectors is not a word and as many numbers as line 1 has")]
    Vector {
        /// From 1.
        line: usize,
    },
}

/// Why an author's documents could not be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;
