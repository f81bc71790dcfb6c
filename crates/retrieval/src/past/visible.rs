use idiolect_core::Before;

use crate::segment::{Columns, When, partition_point};
use crate::vectors::Sketched;
use crate::{PastError, Segment, SegmentPart};

/// The documents of one author that may be seen, and nothing but them.
#[derive(Debug, Clone)]
pub(crate) struct Visible {
    pub(crate) parts: Vec<VisiblePart>,
    /// How many there are.
    pub(crate) documents: usize,
}

/// The visible documents of one segment: a prefix of it, without what was removed.
#[derive(Debug, Clone)]
pub(crate) struct VisiblePart {
    pub(crate) segment: Segment,
    /// Length of the prefix.
    cut: usize,
    /// Positions inside the prefix, ascending.
    removed: Vec<usize>,
}

impl Visible {
    /// What of `parts` is visible at a moment (the paper leaves the order open).
    pub(crate) fn before(parts: &[SegmentPart], before: &Before) -> Result<Self, PastError> {
        let everything: Vec<_> = parts.iter().map(VisiblePart::whole).collect();
        let moment = match before {
            Before::Now => return Ok(Self::new(everything)),
            Before::Time(time) => When::at(*time),
            Before::Document(id) => {
                let (part, position) =
                    find(&everything, id).ok_or_else(|| PastError::UnknownDocument {
                        document: id.clone(),
                    })?;
                part.segment.when(position)
            }
        };
        let author_has_dates = everything.iter().any(VisiblePart::starts_with_a_date);
        let is_earlier = |when: When| match moment {
            When::Dated { .. } => when.is_dated() && when < moment,
            When::Undated { .. } => !author_has_dates && when < moment,
        };
        let cut = |part: VisiblePart| {
            let segment = &part.segment;
            let cut = partition_point(part.cut, |at| is_earlier(segment.when(at)));
            part.until(cut)
        };
        Ok(Self::new(everything.into_iter().map(cut).collect()))
    }

    pub(crate) fn new(parts: Vec<VisiblePart>) -> Self {
        Self {
            documents: parts.iter().map(VisiblePart::documents).sum(),
            parts: parts
                .into_iter()
                .filter(|part| part.documents() > 0)
                .collect(),
        }
    }

    /// The part and the position of a visible document.
    pub(crate) fn find(&self, id: &str) -> Option<(&VisiblePart, usize)> {
        find(&self.parts, id)
    }

    /// Snippets of the visible documents, and of removed ones among them.
    pub(crate) fn snippets(&self) -> usize {
        self.parts.iter().map(VisiblePart::snippets).sum()
    }

    /// Vectors of these, by part.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub(crate) fn sketched_snippet_rows(&self) -> Result<Vec<Sketched<'_>>, PastError> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            parts.push(part.segment.sketched_snippet_rows(part.snippets())?);
        }
        Ok(parts)
    }

    /// Mean number of terms of a document; 0 without documents.
    pub(crate) fn average_length(&self) -> f64 {
        let total: u64 = self.parts.iter().map(VisiblePart::total_length).sum();
        total as f64 / self.documents.max(1) as f64
    }
}

fn find<'a>(parts: &'a [VisiblePart], id: &str) -> Option<(&'a VisiblePart, usize)> {
    parts.iter().find_map(|part| {
        let position = part.segment.position(id)?;
        part.shows(position).then_some((part, position))
    })
}

impl VisiblePart {
    /// Every document that is not removed.
    pub(crate) fn whole(part: &SegmentPart) -> Self {
        let cut = part.segment.documents();
        let mut removed: Vec<_> = part.removed.iter().map(|&at| at as usize).collect();
        removed.retain(|&at| at < cut);
        removed.sort_unstable();
        removed.dedup();
        Self {
            segment: part.segment.clone(),
            cut,
            removed,
        }
    }

    fn until(mut self, cut: usize) -> Self {
        self.removed.retain(|&at| at < cut);
        Self { cut, ..self }
    }

    /// Documents with a date lie first.
    fn starts_with_a_date(&self) -> bool {
        self.positions()
            .next()
            .is_some_and(|first| self.segment.when(first).is_dated())
    }

    fn documents(&self) -> usize {
        self.cut - self.removed.len()
    }

    fn total_length(&self) -> u64 {
        let removed = self.removed.iter();
        let removed = removed.map(|&at| u64::from(self.segment.length(at)));
        self.segment.length_before(self.cut) - removed.sum::<u64>()
    }

    /// Of every visible document, ascending.
    pub(crate) fn positions(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.cut).filter(|&at| self.shows(at))
    }

    /// Appends the visible documents that have `term`, by position, and how often they have it.
    pub(crate) fn postings(&self, term: &str, to: &mut Columns) {
        let before = to.len();
        self.segment.postings(term, self.cut, to);
        if !self.removed.is_empty() {
            to.retain_from(before, |position| self.shows(position as usize));
        }
    }

    /// Whether every position below the cut is visible.
    pub(crate) fn shows_all(&self) -> bool {
        self.removed.is_empty()
    }

    /// Snippets of documents below the cut, removed ones included.
    pub(crate) fn snippets(&self) -> usize {
        self.segment.snippets_before(self.cut)
    }

    /// Positions are below this.
    pub(crate) fn cut(&self) -> usize {
        self.cut
    }

    pub(crate) fn shows(&self, position: usize) -> bool {
        position < self.cut
            && (self.removed.is_empty() || self.removed.binary_search(&position).is_err())
    }
}
