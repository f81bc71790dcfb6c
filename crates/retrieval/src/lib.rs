//! Exact search of an author's past as of any moment.
mod error;
mod past;
mod segment;
pub use error::{NameError, PastError, SegmentError};
pub use past::{ExplainedTerm, Explanation, MemoryPast, Past, Query, SegmentsPast, Texts, TextsError};
pub use segment::{SEGMENT_VERSION, Segment, SegmentDocument, SegmentPart, Vectors, merge};
