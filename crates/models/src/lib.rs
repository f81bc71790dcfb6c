//! T5 and sentence encoders: loading, forward passes, decoding, saving.

#[cfg(feature = "builtin")]
mod builtin;
mod decoding;
mod device;
mod encoders;
mod error;
pub mod folder;
mod generate;
mod host;
mod lora;
mod own_words;
mod parameters;
mod seq2seq;
mod static_encoder;
mod stored;
pub mod t5;
mod tensors;
mod tokenizer;
mod weight_format;
mod weights;

pub use decoding::{Decoding, EarlyStopping, Generated, Strategy};
pub use device::device;
pub use encoders::{EncodedTokens, EncoderFacts, SentenceEncoder, TransformerEncoder};
pub use error::Error;
pub use generate::Asked;
pub use lora::{Adapter, LoraOptions};
pub use own_words::{Belief, Evidence, OwnWords};
pub use parameters::{Parameter, Parameters, Precision};
pub use seq2seq::{Seq2Seq, save};
pub use static_encoder::{StaticEncoder, StaticVectors};
pub use stored::Stored;
pub use t5::{Batch, Config, T5, Targets};
pub use tokenizer::Tokenizer;
pub use weight_format::WeightFormat;
pub use weights::{StoredTensor, Weights};

/// Where tensors live.
pub use burn::tensor::Device;
