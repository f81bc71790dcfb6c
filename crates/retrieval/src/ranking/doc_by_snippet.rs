use super::Candidate;
use crate::PastError;
use crate::past::Visible;
use crate::vectors::{Quantized, similarity};

/// RankDocBySnpt of paper §4.2: a document by the best of all its snippets.
pub(super) fn score<'a>(
    visible: &'a Visible,
    query: &Quantized,
) -> Result<impl Iterator<Item = Candidate<'a>>, PastError> {
    let mut parts = Vec::new();
    for part in &visible.parts {
        parts.push((part, part.segment.snippet_rows()?));
    }
    Ok(parts.into_iter().flat_map(move |(part, rows)| {
        part.positions().filter_map(move |position| {
            let score = part
                .segment
                .snippet_indices(position)
                .map(|index| similarity(query, rows.values(index), rows.scale(index)))
                .max_by(f32::total_cmp)?;
            Some(Candidate {
                score,
                part,
                position,
                snippet: None,
            })
        })
    }))
}
