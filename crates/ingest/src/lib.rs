//! Readers that turn what people hold into documents and problems.
//!
//! [`read`] opens a file, a folder or standard input and hands over one [`Item`] after another: a
//! document, something left out on purpose, or something that could not be read. It holds one item
//! in memory at a time. An import never fails as a whole: only a path that cannot be opened, or that
//! holds nothing of a known kind, is an [`Error`].
//!
//! Mail is reduced to the author's own words; JSON Lines are taken as they are. One file here reads
//! one format.
//!
//! ```
//! use std::ops::ControlFlow;
//! use idiolect_ingest::{Item, Options, read_from};
//!
//! let mut texts = Vec::new();
//! let lines = "{\"author\": \"ana\", \"text\": \"It rained.\"}\nnonsense\n";
//! let stats = read_from(lines.as_bytes(), "example.jsonl", &Options::default(), &mut |item| {
//!     match item {
//!         Item::Document(document) => texts.push(document.text),
//!         Item::Skipped(reason) => texts.push(reason.to_string()),
//!         Item::Problem(problem) => texts.push(problem.to_string()),
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(texts, ["It rained.", "example.jsonl, line 2: invalid JSON at column 2"]);
//! assert_eq!(stats.items, 2);
//! # Ok::<(), idiolect_ingest::Error>(())
//! ```

mod error;
mod flowed;
mod front_matter;
mod html;
mod item;
mod jsonl;
mod lines;
mod mail;
mod markdown;
mod mbox;
mod nested;
mod options;
mod quotes;
mod read;
mod sink;

pub use error::Error;
pub use item::{Item, Problem, Reason, SkipReason};
pub use options::{Field, Format, Options, parse_mapping};
pub use read::{read, read_from};
pub use sink::Stats;
