//! The ranking strategies of paper §4.2 and one beyond them, one file each. They only score; the order among what they
//! scored is the same for all, and total.

pub(crate) mod doc_bm25;
mod doc_by_snippet;
mod doc_dense;
mod hybrid;
mod recent;
mod snippet;
mod top;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use idiolect_core::{Ranking, Span};

use crate::past::{Visible, VisiblePart};
use crate::vectors::{Quantized, quantize};
use crate::{Bm25, PastError, Query};

/// The best `k` of what is visible, best first. `analyzed` are the same documents as the query's
/// analyzer takes them apart.
pub(crate) fn rank<'a>(
    visible: &'a Visible,
    analyzed: &'a Visible,
    query: &Query<'_>,
    ranking: Ranking,
    bm25: &Bm25,
    k: usize,
) -> Result<Vec<Candidate<'a>>, PastError> {
    Ok(match ranking {
        Ranking::Recent => best(k, recent::score(visible)),
        Ranking::DocBm25 => doc_bm25::rank(analyzed, query.text, bm25, k),
        Ranking::DocDense => doc_dense::rank(visible, &comparable(visible, query)?, k)?,
        Ranking::Snippet => snippet::rank(visible, &comparable(visible, query)?, k)?,
        Ranking::DocBySnippet => doc_by_snippet::rank(visible, &comparable(visible, query)?, k)?,
        Ranking::Hybrid => {
            let vector = comparable(visible, query)?;
            hybrid::rank(visible, analyzed, query.text, &vector, bm25, k)?
        }
        Ranking::None => Vec::new(),
    })
}

/// A document or snippet with its score. Greater is better: by score, then the later, then the
/// smaller id, then the earlier snippet.
pub(crate) struct Candidate<'a> {
    pub(crate) score: f32,
    pub(crate) part: &'a VisiblePart,
    /// Of the document in the part's segment.
    pub(crate) position: usize,
    /// Index in the document.
    pub(crate) snippet: Option<u32>,
}

impl Candidate<'_> {
    /// Bytes of the document's content.
    pub(crate) fn span(&self) -> Span {
        let segment = &self.part.segment;
        self.snippet
            .and_then(|index| segment.snippet_spans(self.position).nth(index as usize))
            .unwrap_or(0..segment.content_bytes(self.position))
    }
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.part.segment, &other.part.segment);
        self.score
            .total_cmp(&other.score)
            .then_with(|| a.when(self.position).cmp(&b.when(other.position)))
            .then_with(|| b.id(other.position).cmp(a.id(self.position)))
            .then_with(|| other.snippet.cmp(&self.snippet))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_> {}

/// The best `k`, best first, in memory for no more than them.
fn best<'a>(k: usize, candidates: impl Iterator<Item = Candidate<'a>>) -> Vec<Candidate<'a>> {
    let mut kept = BinaryHeap::new();
    for candidate in candidates {
        if kept.len() < k {
            kept.push(Reverse(candidate));
        } else if let Some(mut worst) = kept.peek_mut()
            && candidate > worst.0
        {
            worst.0 = candidate;
        }
    }
    let sorted = kept.into_sorted_vec();
    sorted.into_iter().map(|Reverse(one)| one).collect()
}

/// The query's vector, if what is visible can be compared with it.
fn comparable(visible: &Visible, query: &Query<'_>) -> Result<Quantized, PastError> {
    let vector = query.vector.ok_or(PastError::NoQueryVector)?;
    let mut encoders = visible.parts.iter().map(|part| part.segment.encoder());
    let first = encoders.next().flatten();
    if encoders.any(|other| other != first) {
        return Err(PastError::MixedEncoders);
    }
    let documents = visible
        .parts
        .first()
        .map_or(0, |part| part.segment.dimensions());
    if documents == 0 {
        return Err(PastError::NoVectors);
    }
    if visible
        .parts
        .iter()
        .any(|part| part.segment.dimensions() != documents)
    {
        return Err(PastError::MixedEncoders);
    }
    if vector.len() != documents {
        return Err(PastError::Dimensions {
            query: vector.len(),
            documents,
        });
    }
    Ok(quantize(vector))
}
