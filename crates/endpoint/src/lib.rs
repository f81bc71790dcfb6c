//! Asks a language model behind an OpenAI-compatible endpoint, and keeps every answer in a file, so
//! that the same questions can be asked again without it.
//!
//! This is the only crate that opens a connection, and it opens one to the address it was given
//! and no other: redirections are not followed.

mod answers;
mod client;
mod error;

pub use answers::{Answer, Answers};
pub use client::{Endpoint, Question};
pub use error::{Error, Trouble};
