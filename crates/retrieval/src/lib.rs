//! Exact search of an author's past as of any moment.
//!
//! Documents lie in immutable [`Segment`]s of bytes, in time order, so what was written before a
//! moment is a prefix of each, and every statistic is one of exactly these documents. A
//! [`Past`] is asked for the best of them by one of the paper's five rankings, or by the two of them that
//! promise most together. This crate
//! knows neither files nor databases: whoever stores the bytes hands them over.
//!
//! ```
//! use idiolect_core::{Before, Document, Ranking};
//! use idiolect_retrieval::{Bm25, MemoryPast, Past, Query};
//!
//! let texts = ["We walked to the sea.", "The seas are rough.", "A letter about the sea."];
//! let documents: Vec<Document> = texts
//!     .into_iter()
//!     .zip(1..)
//!     .map(|(text, n)| Document {
//!         id: format!("ana-{n}"),
//!         n: Some(n),
//!         ..Document::new("ana", "", text)
//!     })
//!     .collect();
//!
//! let before = Before::Document("ana-3".into());
//! let past = MemoryPast::new("ana", &documents, &before, None)?;
//! let query = Query { text: "a walk by the sea", vector: None };
//! let found = past.rank(&query, Ranking::DocBm25, &Bm25::default(), 10)?;
//!
//! let ids: Vec<&str> = found.iter().map(|ranked| ranked.document.as_str()).collect();
//! assert_eq!(ids, ["ana-1", "ana-2"]);
//! # Ok::<(), idiolect_retrieval::PastError>(())
//! ```

mod analysis;
mod bm25;
mod diverse;
mod error;
mod past;
mod ranking;
mod segment;
mod vectors;
mod walk;

pub use analysis::{Analyzer, Language, snowball_stop_words, words};
pub use bm25::{Bm25, LengthNorm};
pub use diverse::diverse;
pub use error::{NameError, PastError, SegmentError};
pub use past::{
    ExplainedTerm, Explanation, Found, MemoryPast, Past, Query, SegmentsPast, Texts, TextsError,
};
pub use segment::{SEGMENT_VERSION, Segment, SegmentDocument, SegmentPart, Vectors, merge};
pub use walk::{Earlier, Walk};
