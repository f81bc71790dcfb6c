//! What an author had written before a moment, and how it is asked.

mod memory;
mod segments;
mod visible;

use std::ops::ControlFlow;

use idiolect_core::{Document, Ranked, Ranking};
use serde::Serialize;

use crate::{Bm25, PastError};

pub use memory::MemoryPast;
pub use segments::SegmentsPast;
pub(crate) use visible::{Visible, VisiblePart};

/// One author's documents before one moment (paper §3: D_t). Nothing else is ever seen through it:
/// neither later documents, nor the draft itself, nor other authors', not even in statistics.
pub trait Past: Send + Sync {
    /// Whose past.
    fn author(&self) -> &str;

    /// How many documents are visible.
    fn documents(&self) -> usize;

    /// Identity of the encoder whose vectors the visible documents carry; a query's vector must
    /// come from the same. `None` where some document has none, or where there are several.
    fn encoder(&self) -> Option<&str>;

    /// The best `k` by `ranking` (paper §4.2), best first. Ties: the later first, then by document
    /// id, then by snippet. Documents that share no term with the query are left out by BM25.
    ///
    /// # Errors
    /// A dense ranking without vectors on both sides, or whatever keeps texts from being read.
    fn rank(
        &self,
        query: &Query<'_>,
        ranking: Ranking,
        bm25: &Bm25,
        k: usize,
    ) -> Result<Vec<Ranked>, PastError>;

    /// How BM25 comes to the score of a visible document.
    ///
    /// # Errors
    /// [`PastError::UnknownDocument`] if it is not visible.
    fn explain(
        &self,
        query: &Query<'_>,
        bm25: &Bm25,
        document: &str,
    ) -> Result<Explanation, PastError>;

    /// Every visible document, latest first, until `each` breaks off.
    ///
    /// # Errors
    /// Whatever keeps texts from being read.
    fn visit(&self, each: &mut dyn FnMut(&Document) -> ControlFlow<()>) -> Result<(), PastError>;
}

/// Where the texts of documents come from: the index itself holds none.
pub trait Texts: Send + Sync {
    /// The document of the author in question that has this id.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn document(&self, id: &str) -> Result<Document, TextsError>;
}

/// Why a text could not be read.
pub type TextsError = Box<dyn std::error::Error + Send + Sync>;

/// What a ranking found, in its place, without texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    /// Higher is better; what it means depends on the ranking.
    pub score: f32,
    /// Id of the document.
    pub document: &'a str,
    /// Index of the snippet in its document; `None` where whole documents are ranked.
    pub snippet: Option<u32>,
}

/// What is looked for (paper §3: x_t).
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Its words, for BM25.
    pub text: &'a str,
    /// Its embedding, for the dense rankings.
    pub vector: Option<&'a [f32]>,
}

/// A BM25 score taken apart: the sum of weight × count in the query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The query's distinct terms, in order of first appearance.
    pub terms: Vec<ExplainedTerm>,
    /// Visible documents.
    pub documents: usize,
    /// Mean number of terms of the visible documents.
    pub average_length: f64,
    /// Number of terms of this document.
    pub length: u32,
}

/// One term's part in an [`Explanation`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedTerm {
    /// As the analyzer makes it.
    pub term: String,
    /// Times it is in the document.
    pub tf: u32,
    /// Visible documents that have it.
    pub df: usize,
    /// ln(1 + (N − df + 0.5) / (df + 0.5)).
    pub idf: f64,
    /// idf × tf part; 0 where the document lacks the term.
    pub weight: f64,
    /// Times it is in the query.
    pub count_in_query: usize,
}
