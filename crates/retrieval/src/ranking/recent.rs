use super::Candidate;
use crate::past::Visible;

/// RecentDoc of paper §2: all scores are equal, so that the later comes first.
pub(super) fn score(visible: &Visible) -> impl Iterator<Item = Candidate<'_>> {
    visible.parts.iter().flat_map(|part| {
        part.positions().map(move |position| Candidate {
            score: 0.0,
            part,
            position,
            snippet: None,
        })
    })
}
