//! Readers that turn what people hold into documents and problems.
//!
//! [`read`] opens a file, a folder or standard input and hands over one [`Item`] after another: a
//! document, something left out on purpose, or something that could not be read. It holds one item
//! in memory at a time. An import never fails as a whole: only a path that cannot be opened, or that
//! holds nothing of a known kind, is an [`Error`].
//!
//! Mail, chats and pages are reduced to the author's own words; JSON Lines and tables are taken as they
//! are. One file here reads one format; archives are read in place.
//!
//! ```
//! use std::ops::ControlFlow;
//! use idiolect_ingest::{Item, Options, read_from};
//!
//! let mut texts = Vec::new();
//! let lines = "{\"author\": \"ana\", \"text\": \"It rained.\"}\nnonsense\n";
//! let stats = read_from(lines.as_bytes(), "example.jsonl", &Options::default(), &mut |item| {
//!     match item {
//!         Item::Document(imported) => texts.push(imported.document.text),
//!         Item::Skipped(reason) => texts.push(reason.to_string()),
//!         Item::Problem(problem) => texts.push(problem.to_string()),
//!         Item::Finished { .. } | Item::Known { .. } => {}
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(texts, ["It rained.", "example.jsonl, line 2: invalid JSON at column 2"]);
//! assert_eq!(stats.items, 2);
//! # Ok::<(), idiolect_ingest::Error>(())
//! ```

mod amazon;
mod charset;
mod csv_table;
mod dates;
mod docx;
mod eml;
mod error;
mod export;
mod flowed;
mod formats;
mod front_matter;
mod hackernews;
mod html;
mod html_page;
mod item;
mod json;
mod jsonl;
mod lamp;
mod letters;
mod lines;
mod mail;
mod mark;
mod markdown;
mod mbox;
mod medium;
mod nested;
mod odt;
mod options;
mod package;
mod quotes;
mod read;
mod reddit;
mod sink;
mod slack;
mod substack;
mod telegram;
mod text;
mod tweets;
mod unfolding;
mod whatsapp;
mod wordpress;
mod zip_archive;

pub use error::Error;
pub use item::{Imported, Item, Problem, Reason, Removed, RemovedReason, SkipReason};
pub use mark::Mark;
pub use options::{Field, Format, Options, Progress, parse_mapping};
pub use read::{read, read_from};
pub use sink::Stats;
