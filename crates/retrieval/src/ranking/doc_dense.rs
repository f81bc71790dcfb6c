use super::Candidate;
use crate::past::Visible;
use crate::vectors::{Quantized, similarity};

/// RankDocDense of paper §4.2: how alike the embeddings of document and query are.
pub(super) fn score<'a>(
    visible: &'a Visible,
    query: &Quantized,
) -> impl Iterator<Item = Candidate<'a>> {
    visible.parts.iter().flat_map(move |part| {
        part.positions().map(move |position| {
            let (values, scale) = part.segment.document_vector(position);
            Candidate {
                score: similarity(query, values, scale),
                part,
                position,
                snippet: None,
            }
        })
    })
}
