use super::Candidate;
use crate::PastError;
use crate::past::Visible;
use crate::vectors::{Quantized, similarity};

/// RankDocDense of paper §4.2: how alike the embeddings of document and query are.
pub(super) fn score<'a>(
    visible: &'a Visible,
    query: &Quantized,
) -> Result<impl Iterator<Item = Candidate<'a>>, PastError> {
    let mut parts = Vec::new();
    for part in &visible.parts {
        parts.push((part, part.segment.document_rows()?));
    }
    Ok(parts.into_iter().flat_map(move |(part, rows)| {
        part.positions().map(move |position| Candidate {
            score: similarity(query, rows.values(position), rows.scale(position)),
            part,
            position,
            snippet: None,
        })
    }))
}
