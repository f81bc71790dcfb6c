//! T5 and sentence encoders: loading, forward passes, decoding, saving.

#[cfg(feature = "builtin")]
mod builtin;
mod device;
mod error;
pub mod folder;
mod parameters;
mod seq2seq;
pub mod t5;
mod tokenizer;

pub use device::device;
pub use error::Error;
pub use parameters::{Parameter, Parameters, Precision};
pub use seq2seq::{Seq2Seq, save};
pub use t5::{Batch, Config, T5, Targets};
pub use tokenizer::Tokenizer;

/// Where tensors live.
pub use burn::tensor::Device;
