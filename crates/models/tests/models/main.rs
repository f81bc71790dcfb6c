//! Models against their references, and model folders, good and bad.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod common;
mod decoding;
mod encoders;
mod folders;
mod formats;
mod lora;
mod network;
mod static_vectors;
mod tokenizer;
