use super::Candidate;
use crate::PastError;
use crate::past::Visible;
use crate::vectors::{Quantized, similarity};

/// RankSnippet of paper §4.2: how alike the embeddings of snippet and query are.
pub(super) fn score<'a>(
    visible: &'a Visible,
    query: &Quantized,
) -> Result<impl Iterator<Item = Candidate<'a>>, PastError> {
    let mut parts = Vec::new();
    for part in &visible.parts {
        parts.push((part, part.segment.snippet_rows()?));
    }
    Ok(parts.into_iter().flat_map(move |(part, rows)| {
        part.positions().flat_map(move |position| {
            let indices = part.segment.snippet_indices(position);
            indices.zip(0..).map(move |(index, in_document)| Candidate {
                score: similarity(query, rows.values(index), rows.scale(index)),
                part,
                position,
                snippet: Some(in_document),
            })
        })
    }))
}
