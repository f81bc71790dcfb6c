use super::Candidate;
use crate::past::Visible;
use crate::vectors::{Quantized, similarity};

/// RankSnippet of paper §4.2: how alike the embeddings of snippet and query are.
pub(super) fn score<'a>(
    visible: &'a Visible,
    query: &Quantized,
) -> impl Iterator<Item = Candidate<'a>> {
    visible.parts.iter().flat_map(move |part| {
        part.positions().flat_map(move |position| {
            let indices = part.segment.snippet_indices(position);
            indices.zip(0..).map(move |(index, in_document)| {
                let (values, scale) = part.segment.snippet_vector(index);
                Candidate {
                    score: similarity(query, values, scale),
                    part,
                    position,
                    snippet: Some(in_document),
                }
            })
        })
    })
}
