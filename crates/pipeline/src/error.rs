use idiolect_core::EncoderError;
use idiolect_retrieval::PastError;
use thiserror::Error;

/// Why nothing could be written.
#[derive(Debug, Error)]
pub enum Error {
    /// Neither title nor start.
    #[error("there is nothing to go on with: no title and no first words")]
    EmptyDraft,
    /// A dense ranking was asked for without an encoder.
    #[error("the ranking `{ranking}` needs an encoder")]
    NoEncoder {
        /// Name of the ranking.
        ranking: &'static str,
    },
    /// Vectors of different encoders are never compared.
    #[error("the past was indexed with the encoder `{past}`, not with `{given}`")]
    OtherEncoder {
        /// Identity of the past's encoder.
        past: String,
        /// Identity of the one that was given.
        given: String,
    },
    /// A model without a tokenizer cannot read text.
    #[error("the model `{model}` has no tokenizer")]
    NoTokenizer {
        /// Name of the model.
        model: String,
    },
    /// The draft could not be embedded.
    #[error("the encoder failed: {0}")]
    Encoder(#[source] EncoderError),
    /// The past could not be searched.
    #[error(transparent)]
    Past(#[from] PastError),
    /// A model could not run.
    #[error(transparent)]
    Model(#[from] idiolect_models::Error),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::EmptyDraft => Some("give the first words, or a title"),
            Self::NoEncoder { .. } => {
                Some("choose an encoder, or a ranking without one: recent, doc-bm25")
            }
            Self::OtherEncoder { .. } => {
                Some("choose the encoder of the past, or index the past again with this one")
            }
            Self::NoTokenizer { .. } => Some("put its tokenizer.json into the model's folder"),
            Self::Model(error) => error.hint(),
            Self::Encoder(_) | Self::Past(_) => None,
        }
    }
}
