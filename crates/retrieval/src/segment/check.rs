//! What a right checksum does not say: that the tables point where they may. Everything that reads a
//! segment relies on it.

use std::ops::Range;

use super::Opened;
use super::layout::Record;
use crate::SegmentError;

impl Opened {
    /// # Errors
    /// [`SegmentError::Inconsistent`].
    pub(super) fn check(&self) -> Result<(), SegmentError> {
        let inconsistent = |part| move || SegmentError::Inconsistent { part };
        self.check_documents()
            .ok_or_else(inconsistent("documents"))?;
        self.check_terms().ok_or_else(inconsistent("terms"))
    }

    /// Records can be read, are in order, and point inside the ids and snippets.
    fn check_documents(&self) -> Option<()> {
        let ids = std::str::from_utf8(&self.bytes[self.layout.ids.clone()]).ok()?;
        let mut last: Option<Record> = None;
        for position in 0..self.layout.documents {
            let record = self.try_record(position)?;
            let (id_start, first_snippet) =
                last.map_or((0, 0), |last| (last.id_end, last.snippets_end));
            let in_order =
                last.is_none_or(|last| last.when.stored_order() <= record.when.stored_order());
            let date_exists = !record.when.is_dated() || record.when.date().is_some();
            let id_is_text =
                id_start <= record.id_end && ids.is_char_boundary(record.id_end as usize);
            if !(in_order && date_exists && id_is_text) {
                return None;
            }
            self.check_snippets(first_snippet..record.snippets_end, record.content)?;
            last = Some(record);
        }
        let (ids_end, snippets_end) = last.map_or((0, 0), |last| (last.id_end, last.snippets_end));
        (ids_end as usize == ids.len() && snippets_end as usize == self.layout.snippets)
            .then_some(())
    }

    /// Snippets of one document tile its content.
    fn check_snippets(&self, indices: Range<u32>, content: u32) -> Option<()> {
        if indices.start > indices.end || indices.end as usize > self.layout.snippets {
            return None;
        }
        let mut start = 0;
        for index in indices {
            let end = self.snippet_end(index as usize);
            if end <= start {
                return None;
            }
            start = end;
        }
        (start == content as usize).then_some(())
    }

    /// Terms are in order, and they and their postings fill their parts of the bytes.
    fn check_terms(&self) -> Option<()> {
        let texts = std::str::from_utf8(&self.bytes[self.layout.term_texts.clone()]).ok()?;
        let mut last = 0..0;
        let mut postings_end = 0;
        for at in 0..self.layout.terms {
            let text = self.term_range(at, 0);
            let postings = self.term_range(at, 4);
            // Slicing by `get` fails at an end that is too far, too early or inside a character.
            let in_order = at == 0 || texts.get(last) < texts.get(text.clone());
            if !in_order || texts.get(text.clone()).is_none() || postings.start > postings.end {
                return None;
            }
            postings_end = postings.end;
            last = text;
        }
        (last.end == texts.len() && postings_end == self.layout.postings.len()).then_some(())
    }
}
