use super::Candidate;
use crate::past::Visible;
use crate::vectors::{Quantized, similarity};

/// RankDocBySnpt of paper §4.2: a document by the best of all its snippets.
pub(super) fn score<'a>(
    visible: &'a Visible,
    query: &Quantized,
) -> impl Iterator<Item = Candidate<'a>> {
    visible.parts.iter().flat_map(move |part| {
        part.positions().filter_map(move |position| {
            let score = part
                .segment
                .snippet_indices(position)
                .map(|index| {
                    let (values, scale) = part.segment.snippet_vector(index);
                    similarity(query, values, scale)
                })
                .max_by(f32::total_cmp)?;
            Some(Candidate {
                score,
                part,
                position,
                snippet: None,
            })
        })
    })
}
