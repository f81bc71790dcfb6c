use std::collections::HashMap;

use super::top::{Scored, Top};
use super::{Candidate, best};
use crate::PastError;
use crate::past::{Visible, VisiblePart};
use crate::vectors::{Quantized, by_signs, scan, scan_by_signs};

/// RankDocBySnpt of paper §4.2: a document by the best of all its snippets. Of very many snippets,
/// those whose signs promise little are not compared.
pub(super) fn rank<'a>(
    visible: &'a Visible,
    query: &Quantized,
    k: usize,
) -> Result<Vec<Candidate<'a>>, PastError> {
    let mut top = Top::new(k);
    let mut show = |part: usize, position: usize, score| {
        let (part, at) = (part as u32, position as u32);
        top.show(Scored { score, part, at });
    };
    if by_signs(visible.snippets(), k) {
        let mut best: HashMap<(usize, usize), f32> = HashMap::new();
        let parts = visible.signed_snippet_rows()?;
        scan_by_signs(query, &parts, &mut |number, index, score| {
            let position = visible.parts[number].segment.position_of(index);
            let best = best.entry((number, position)).or_insert(score);
            *best = best.max(score);
        });
        for ((number, position), score) in best {
            if visible.parts[number].shows(position) {
                show(number, position, score);
            }
        }
    } else {
        for (number, part) in visible.parts.iter().enumerate() {
            score(part, query, &mut |position, score| {
                show(number, position, score)
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

/// Calls `each` with the visible documents that have snippets, by position, and their scores.
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
            if !indices.is_empty() && part.shows(*position) {
                each(*position, best);
            }
            start = indices.end.max(start);
            best = f32::NEG_INFINITY;
            document = documents.next();
        }
    });
    Ok(())
}
