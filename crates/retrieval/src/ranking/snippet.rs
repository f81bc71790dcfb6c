use super::top::{Scored, Top};
use super::{Candidate, best};
use crate::PastError;
use crate::past::Visible;
use crate::vectors::{Quantized, by_sketches, scan, scan_by_sketches};

/// RankSnippet of paper §4.2: how alike the embeddings of snippet and query are. Of very many
/// snippets, those whose sketches promise little are
/// not compared.
pub(super) fn rank<'a>(
    visible: &'a Visible,
    query: &Quantized,
    k: usize,
) -> Result<Vec<Candidate<'a>>, PastError> {
    let mut top = Top::new(k);
    let is_shown = |part: usize, index| {
        let part = &visible.parts[part];
        part.shows_all() || part.shows(part.segment.position_of(index))
    };
    if by_sketches(visible.snippets(), k) {
        let parts = visible.sketched_snippet_rows()?;
        scan_by_sketches(query, &parts, &mut |number, index, score| {
            if score >= top.least() && is_shown(number, index) {
                let (part, at) = (number as u32, index as u32);
                top.show(Scored { score, part, at });
            }
        });
    } else {
        for (number, part) in visible.parts.iter().enumerate() {
            let rows = part.segment.snippet_rows()?;
            scan(query, &rows, part.snippets(), &mut |first, scores| {
                top.show_all(scores, number as u32, first, |index| {
                    is_shown(number, index)
                });
            });
        }
    }
    let candidates = top.into_kept().into_iter().map(|scored| {
        let part = &visible.parts[scored.part as usize];
        let position = part.segment.position_of(scored.at as usize);
        let first = part.segment.snippets_before(position) as u32;
        Candidate {
            score: scored.score,
            part,
            position,
            snippet: Some(scored.at - first),
        }
    });
    Ok(best(k, candidates))
}
