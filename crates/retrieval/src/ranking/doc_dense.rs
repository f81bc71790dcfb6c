use super::top::Top;
use super::{Candidate, best};
use crate::PastError;
use crate::past::Visible;
use crate::vectors::{Quantized, scan};

/// RankDocDense of paper §4.2: how alike the embeddings of document and query are.
pub(super) fn rank<'a>(
    visible: &'a Visible,
    query: &Quantized,
    k: usize,
) -> Result<Vec<Candidate<'a>>, PastError> {
    let mut top = Top::new(k);
    for (part, number) in visible.parts.iter().zip(0..) {
        let rows = part.segment.document_rows()?;
        scan(query, &rows, part.cut(), &mut |first, scores| {
            top.show_all(scores, number, first, |at| part.shows(at));
        });
    }
    let candidates = top.into_kept().into_iter().map(|scored| Candidate {
        score: scored.score,
        part: &visible.parts[scored.part as usize],
        position: scored.at as usize,
        snippet: None,
    });
    Ok(best(k, candidates))
}
