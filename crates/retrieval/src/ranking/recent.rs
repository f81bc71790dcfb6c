use super::Candidate;
use crate::past::Visible;

/// RecentDoc of paper §4.2: all scores are equal, so that the later comes first.
pub(super) fn score(visible: &Visible) -> impl Iterator<Item = Candidate<'_>> {
    visible.parts.iter().flat_map(|part| {
        // Latest first, so that most fall short of the best so far at once.
        part.positions().rev().map(move |position| Candidate {
            score: 0.0,
            part,
            position,
            snippet: None,
        })
    })
}
