//! Plain data of idiolect: documents, snippets, immediate contexts, moments in time, rankings, traces.
//!
//! This crate does no IO, knows no tensors and no database. Everything that crosses a seam between
//! the other crates is one of these types.
//!
//! ```
//! use idiolect_core::{Document, ImmediateContext, snippets};
//!
//! let document = Document::new("ana", "A walk", "It rained. We went all the same.");
//! assert_eq!(document.content(), "A walk\nIt rained. We went all the same.");
//! assert_eq!(ImmediateContext::of(&document.content()).as_str(), document.content());
//! assert_eq!(snippets(&document.content()), vec![0..39]);
//! ```

mod before;
mod characters;
mod context;
mod document;
mod encoder;
mod error;
mod ranked;
mod sentence_bounds;
mod snippet;
mod trace;

pub use before::Before;
pub use characters::{first_characters, last_characters, truncate_graphemes};
pub use context::{IMMEDIATE_CONTEXT_CHARACTERS, ImmediateContext};
pub use document::{Document, parse_date};
pub use encoder::{Encoder, EncoderError};
pub use error::Error;
pub use ranked::{Ranked, Ranking};
pub use snippet::{SNIPPET_CHARACTERS, Span, sentences, snippets, span_as_pair};
pub use trace::{
    Entry, FinishReason, KeywordSource, ModelIdentity, Reason, SummarySource, Timings, Trace,
};
