/// The past in an author's segments: the one search kernel, whatever stores the bytes.
#[derive(Clone)]
pub struct SegmentsPast { /* … */ }

impl SegmentsPast {
    /// What of `parts`, all of one author, is visible `before` a moment (paper §10, order in time).
    /// Without any date among the author's documents, their order is `n`, then sequence, and
    /// [`Before::Document`] cuts there. Where only some are dated, the others are visible to
    /// [`Before::Now`] only, and the past of one of them is empty.
    ///
    /// # Errors
    /// [`PastError::UnknownDocument`] for [`Before::Document`] of an id that is not there.
    pub fn new(author: &str, parts: Vec<SegmentPart>, texts: Arc<dyn Texts>, before: &Before) -> Result<Self, PastError>;

    /// The same documents before another moment; costs no more than the cut.
    pub fn at(&self, before: &Before) -> Result<Self, PastError>;
}
