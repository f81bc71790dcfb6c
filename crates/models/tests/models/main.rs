//! Models against their references, and model folders, good and bad.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod common;
mod decoding;
mod folders;
mod formats;
mod network;
mod static_vectors;
mod tokenizer;
