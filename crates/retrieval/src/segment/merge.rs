/// One segment of all documents of `parts` that are not removed; nothing of the removed ones
/// remains in it. Searching it gives what searching the parts gave.
///
/// # Errors
/// [`SegmentError::Mixed`] where analyzers or encoders differ; [`SegmentError::DuplicateDocument`]
/// where an id is left twice.
pub fn merge(parts: &[SegmentPart]) -> Result<Vec<u8>, SegmentError>;
