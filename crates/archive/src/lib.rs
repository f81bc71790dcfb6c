//! What idiolect keeps on disk: documents, where they came from, and the index to search them.
//!
//! An archive is one SQLite file in a folder that its owner alone may use. An import is one
//! transaction: what it reported as stored is on the disk, whatever happens next. Snippets, terms
//! and vectors follow from the documents, and [`Archive::rebuild`] makes them anew.
//!
//! ```
//! use idiolect_archive::{Archive, Source};
//! use idiolect_core::{Before, Document, Ranking};
//! use idiolect_retrieval::{Bm25, Past, Query};
//!
//! # let folder = tempfile::tempdir()?;
//! # let dir = folder.path().join("archive");
//! let mut archive = Archive::create_or_open(&dir)?;
//! let source = Source {
//!     location: "notes".to_owned(),
//!     format: "markdown".to_owned(),
//!     content_hash: None,
//! };
//! let mut walk = Document::new("ana", "A walk", "It rained. We went all the same.");
//! walk.id = "walk".to_owned();
//! let outcome = archive.import(&source, &[walk], None)?;
//! assert_eq!((outcome.added, outcome.snippets), (1, 1));
//!
//! let past = archive.past("ana", &Before::Now)?;
//! let query = Query { text: "rain", vector: None };
//! let ranked = past.rank(&query, Ranking::DocBm25, &Bm25::default(), 10)?;
//! assert_eq!(ranked[0].document, "walk");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod check;
mod documents;
mod error;
mod files;
mod import;
mod origins;
mod past;
mod schema;
mod segments;
mod sound;
mod sources;
mod texts;
mod upgrade;

pub use archive::{Archive, Rebuilt};
pub use check::{Finding, Report};
pub use documents::AuthorSummary;
pub use error::{Damage, Error};
pub use import::Outcome;
pub use origins::{Delivery, FileMark, LeftOut, Origin};
pub use past::{ArchivePast, require_encoder};
pub use schema::FORMAT_VERSION;
pub use sources::{Removal, Source, SourceProblem, SourceSummary};
