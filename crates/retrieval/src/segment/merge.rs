use std::collections::{HashMap, HashSet};

use super::write::{Draft, DraftDocument};
use super::{Segment, SegmentPart};
use crate::SegmentError;
use crate::vectors::Quantized;

/// One segment of all documents of `parts` that are not removed; nothing of the removed ones
/// remains in it. Searching it gives what searching the parts gave.
///
/// # Errors
/// [`SegmentError::Mixed`] where analyzers or encoders differ; [`SegmentError::DuplicateDocument`]
/// where an id is left twice.
pub fn merge(parts: &[SegmentPart]) -> Result<Vec<u8>, SegmentError> {
    let mut with_documents = parts
        .iter()
        .map(|part| &part.segment)
        .filter(|segment| segment.documents() > 0);
    let first = with_documents.next();
    let kind = |segment: &Segment| {
        (
            segment.analyzer(),
            segment.encoder.clone(),
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
        add_part(part, &mut draft);
    }
    draft.write()
}

fn add_part<'a>(part: &'a SegmentPart, draft: &mut Draft<'a>) {
    let segment = &part.segment;
    let removed: HashSet<usize> = part.removed.iter().map(|&at| at as usize).collect();
    let mut index_of = vec![None; segment.documents()];
    for position in (0..segment.documents()).filter(|at| !removed.contains(at)) {
        index_of[position] = Some(draft.documents.len() as u32);
        draft.documents.push(DraftDocument {
            id: segment.id(position),
            when: segment.when(position),
            length: segment.length(position),
            content: segment.content_bytes(position) as u32,
            snippet_ends: segment
                .snippet_indices(position)
                .map(|index| segment.snippet_end(index) as u32)
                .collect(),
            vectors: vectors(segment, position),
        });
    }
    for at in 0..segment.terms() {
        let left: Vec<_> = segment
            .postings_of(at)
            .filter_map(|(position, frequency)| Some(((*index_of.get(position)?)?, frequency)))
            .collect();
        if !left.is_empty() {
            let term = String::from_utf8_lossy(segment.term(at)).into();
            draft.postings.entry(term).or_default().extend(left);
        }
    }
}

fn vectors(segment: &Segment, position: usize) -> Vec<Quantized> {
    if segment.encoder().is_none() {
        return Vec::new();
    }
    let quantized = |(bytes, scale): (&[u8], f32)| Quantized {
        values: bytes.iter().map(|&byte| byte as i8).collect(),
        scale,
    };
    let snippets = segment
        .snippet_indices(position)
        .map(|index| segment.snippet_vector(index));
    std::iter::once(segment.document_vector(position))
        .chain(snippets)
        .map(quantized)
        .collect()
}
