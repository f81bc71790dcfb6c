use std::collections::{HashMap, HashSet};

use super::write::{Draft, DraftDocument};
use super::{Columns, Rows, Segment, SegmentPart};
use crate::vectors::Quantized;
use crate::{PastError, SegmentError};

/// One segment of all documents of `parts` that are not removed; nothing of the removed ones
/// remains in it. Searching it gives what searching the parts gave.
///
/// # Errors
/// [`SegmentError::Mixed`] where analyzers or encoders differ; [`SegmentError::DuplicateDocument`]
/// where an id is left twice; [`SegmentError::VectorsUnread`].
pub fn merge(parts: &[SegmentPart]) -> Result<Vec<u8>, SegmentError> {
    let mut with_documents = parts
        .iter()
        .map(|part| &part.segment)
        .filter(|segment| segment.documents() > 0);
    let first = with_documents.next();
    let kind = |segment: &Segment| {
        (
            segment.analyzer(),
            segment.encoder().map(str::to_owned),
            segment.dimensions(),
        )
    };
    if with_documents.any(|segment| first.is_some_and(|first| kind(first) != kind(segment))) {
        return Err(SegmentError::Mixed);
    }
    let mut draft = Draft {
        analyzer: first.map(Segment::analyzer).unwrap_or_default(),
        encoder: first.and_then(|first| Some((first.encoder()?, first.dimensions()))),
        documents: Vec::new(),
        postings: HashMap::new(),
    };
    for part in parts {
        add_part(part, &mut draft)?;
    }
    draft.write()
}

fn add_part<'a>(part: &'a SegmentPart, draft: &mut Draft<'a>) -> Result<(), SegmentError> {
    let segment = &part.segment;
    let unread = |error| match error {
        PastError::Segment(error) => error,
        _ => SegmentError::VectorsUnread,
    };
    let vectors = match segment.encoder() {
        Some(_) => Some((
            segment.document_rows().map_err(unread)?,
            segment.snippet_rows().map_err(unread)?,
        )),
        None => None,
    };
    let removed: HashSet<usize> = part.removed.iter().map(|&at| at as usize).collect();
    let mut index_of = vec![None; segment.documents()];
    for position in (0..segment.documents()).filter(|at| !removed.contains(at)) {
        let snippets = segment.snippet_indices(position);
        index_of[position] = Some(draft.documents.len() as u32);
        draft.documents.push(DraftDocument {
            id: segment.id(position),
            when: segment.when(position),
            length: segment.length(position),
            content: segment.content_bytes(position) as u32,
            snippet_ends: snippets
                .clone()
                .map(|index| segment.snippet_end(index) as u32)
                .collect(),
            vectors: vectors.map_or_else(Vec::new, |(documents, of_snippets)| {
                std::iter::once(quantized(&documents, position))
                    .chain(snippets.map(|index| quantized(&of_snippets, index)))
                    .collect()
            }),
        });
    }
    let mut columns = Columns::default();
    for at in 0..segment.terms() {
        columns.clear();
        segment.postings_of(at, segment.documents(), &mut columns);
        let left: Vec<_> = columns
            .pairs()
            .filter_map(|(position, frequency)| Some((index_of[position as usize]?, frequency)))
            .collect();
        if !left.is_empty() {
            let term = String::from_utf8_lossy(segment.term(at)).into();
            draft.postings.entry(term).or_default().extend(left);
        }
    }
    Ok(())
}

fn quantized(rows: &Rows<'_>, row: usize) -> Quantized {
    Quantized {
        values: rows.values(row).iter().map(|&byte| byte as i8).collect(),
        scale: rows.scale(row),
    }
}
