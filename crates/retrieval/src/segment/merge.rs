use std::collections::HashSet;

use super::write::{Draft, DraftDocument, DraftVector};
use super::{Columns, Rows, Segment, SegmentPart};
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
    let analyzer = first.map(Segment::analyzer).unwrap_or_default();
    let encoder = first.and_then(|first| Some((first.encoder()?, first.dimensions())));
    let mut documents = Vec::new();
    // Of each part, by place: the index in `documents`.
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        kept.push(add_documents(part, &mut documents)?);
    }
    let (mut draft, positions) = Draft::new(analyzer, encoder, documents)?;
    for index in kept.iter_mut().flatten().flatten() {
        *index = positions[*index as usize];
    }
    merge_terms(parts, &kept, &mut draft)?;
    draft.write()
}

/// Adds the documents of a part that are not removed; by place in the part, where each is in
/// `documents`.
fn add_documents<'a>(
    part: &'a SegmentPart,
    documents: &mut Vec<DraftDocument<'a>>,
) -> Result<Vec<Option<u32>>, SegmentError> {
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
        index_of[position] = Some(documents.len() as u32);
        documents.push(DraftDocument {
            id: segment.id(position),
            when: segment.when(position),
            length: segment.length(position),
            content: segment.content_bytes(position) as u32,
            snippet_ends: snippets
                .clone()
                .map(|index| segment.snippet_end(index) as u32)
                .collect(),
            vectors: vectors.map_or_else(Vec::new, |(documents, of_snippets)| {
                std::iter::once(draft_vector(documents, position))
                    .chain(snippets.map(|index| draft_vector(of_snippets, index)))
                    .collect()
            }),
        });
    }
    Ok(index_of)
}

/// Walks through the terms of all parts side by side, so that no more is held than the postings of one.
fn merge_terms(
    parts: &[SegmentPart],
    kept: &[Vec<Option<u32>>],
    draft: &mut Draft<'_>,
) -> Result<(), SegmentError> {
    let mut next = vec![0; parts.len()];
    let (mut columns, mut postings) = (Columns::default(), Vec::new());
    loop {
        let ahead = parts.iter().zip(&next);
        let Some(term) = ahead
            .filter(|(part, at)| **at < part.segment.terms())
            .map(|(part, at)| part.segment.term(*at))
            .min()
        else {
            return Ok(());
        };
        postings.clear();
        for ((part, at), kept) in parts.iter().zip(&mut next).zip(kept) {
            let segment = &part.segment;
            if *at < segment.terms() && segment.term(*at) == term {
                columns.clear();
                segment.postings_of(*at, segment.documents(), &mut columns);
                let left = |(position, frequency)| Some((kept[position as usize]?, frequency));
                postings.extend(columns.pairs().filter_map(left));
                *at += 1;
            }
        }
        if !postings.is_empty() {
            draft.add_term(&String::from_utf8_lossy(term), &mut postings)?;
        }
    }
}

fn draft_vector(rows: Rows<'_>, row: usize) -> DraftVector<'_> {
    DraftVector {
        scale: rows.scale(row),
        values: rows.values(row).into(),
    }
}
