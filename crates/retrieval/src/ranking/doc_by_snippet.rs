use super::top::{Scored, Top};
use super::{Candidate, best};
use crate::PastError;
use crate::past::{Visible, VisiblePart};
use crate::vectors::{Quantized, by_sketches, scan, scan_by_sketches};

/// The next document is looked for among so many before it is looked for by halving.
const NEAR: usize = 16;

/// RankDocBySnpt of paper §4.2: a document by the best of all its snippets. Of very many snippets,
/// those whose sketches promise little are
/// not compared.
pub(super) fn rank<'a>(
    visible: &'a Visible,
    query: &Quantized,
    k: usize,
) -> Result<Vec<Candidate<'a>>, PastError> {
    let mut top = Top::new(k);
    let mut show = |part: usize, position: usize, score| {
        if visible.parts[part].shows(position) {
            let (part, at) = (part as u32, position as u32);
            top.show(Scored { score, part, at });
        }
    };
    if by_sketches(visible.snippets(), k) {
        let parts = visible.sketched_snippet_rows()?;
        let mut document: Option<Scored> = None;
        scan_by_sketches(query, &parts, &mut |number, index, score| {
            let segment = &visible.parts[number].segment;
            // Rows come in their order, those of one document one behind the other.
            if let Some(best) = &mut document
                && best.part == number as u32
                && segment.snippet_indices(best.at as usize).contains(&index)
            {
                best.score = best.score.max(score);
                return;
            }
            let position = match document.take() {
                Some(best) => {
                    show(best.part as usize, best.at as usize, best.score);
                    let next = best.at as usize + 1;
                    let near = (next..next + NEAR).find(|&position| {
                        best.part == number as u32
                            && position < segment.documents()
                            && segment.snippet_indices(position).contains(&index)
                    });
                    near.unwrap_or_else(|| segment.position_of(index))
                }
                None => segment.position_of(index),
            };
            let (part, at) = (number as u32, position as u32);
            document = Some(Scored { score, part, at });
        });
        if let Some(best) = document {
            show(best.part as usize, best.at as usize, best.score);
        }
    } else {
        for (number, part) in visible.parts.iter().enumerate() {
            score(part, query, &mut |position, score| {
                show(number, position, score);
            })?;
        }
    }
    let candidates = top.into_kept().into_iter().map(|scored| Candidate {
        score: scored.score,
        part: &visible.parts[scored.part as usize],
        position: scored.at as usize,
        snippet: None,
    });
    Ok(best(k, candidates))
}

/// Calls `each` with the documents below the cut that have snippets, by position, and their scores.
fn score(
    part: &VisiblePart,
    query: &Quantized,
    each: &mut dyn FnMut(usize, f32),
) -> Result<(), PastError> {
    let segment = &part.segment;
    let rows = segment.snippet_rows()?;
    let mut documents =
        (0..part.cut()).map(|position| (position, segment.snippet_indices(position)));
    let mut document = documents.next();
    let mut best = f32::NEG_INFINITY;
    scan(query, &rows, part.snippets(), &mut |first, scores| {
        let end = first + scores.len();
        let mut start = first;
        while let Some((position, indices)) = &document
            && (start < end || indices.is_empty())
        {
            let own = &scores[start - first..indices.end.clamp(start, end) - first];
            best = own.iter().copied().fold(best, f32::max);
            if indices.end > end {
                return;
            }
            if !indices.is_empty() {
                each(*position, best);
            }
            start = indices.end.max(start);
            best = f32::NEG_INFINITY;
            document = documents.next();
        }
    });
    Ok(())
}
