use std::{collections::BTreeMap, fmt::Write, ops::ControlFlow};

use idiolect_core::Document;
use sha2::{Digest, Sha256};

use crate::{Error, Item, Options, Problem, Reason, SkipReason};

/// What was seen beside the items themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Files opened; standard input counts as one.
    pub files: usize,
    /// Items handed over: documents, skipped ones and problems together.
    pub items: usize,
    /// JSON Lines: how often each field that no document has was met. Beyond 256 names the rest is
    /// counted as `(others)`.
    pub ignored_fields: BTreeMap<String, usize>,
}

/// How many names of ignored fields are told apart, and how long they may be in bytes: a file must
/// not fill the memory with made-up names.
const IGNORED_NAMES: usize = 256;
const IGNORED_NAME_BYTES: usize = 128;

impl Stats {
    /// Counts one ignored field.
    pub(crate) fn ignore(&mut self, name: &str) {
        if let Some(count) = self.ignored_fields.get_mut(name) {
            *count += 1;
            return;
        }
        let fits = self.ignored_fields.len() < IGNORED_NAMES && name.len() <= IGNORED_NAME_BYTES;
        let name = if fits { name } else { "(others)" };
        *self.ignored_fields.entry(name.to_owned()).or_default() += 1;
    }
}

/// What a reader made of one line, message or note.
pub(crate) enum Outcome {
    Document(Box<Document>),
    Skipped(SkipReason),
    Problem(Reason),
}

/// Where every reader puts its items: fills in ids, keeps to the dates asked for, counts.
pub(crate) struct Sink<'a> {
    pub(crate) options: &'a Options,
    pub(crate) stats: Stats,
    /// The file being read, as problems name it.
    pub(crate) source: String,
    each: &'a mut dyn FnMut(Item) -> ControlFlow<()>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(
        options: &'a Options,
        each: &'a mut dyn FnMut(Item) -> ControlFlow<()>,
    ) -> Self {
        Self {
            options,
            stats: Stats::default(),
            source: String::new(),
            each,
        }
    }

    /// Hands one item over; `line` is where it begins, `None` where it is a whole file.
    pub(crate) fn put(&mut self, line: Option<usize>, outcome: Outcome) -> ControlFlow<()> {
        self.stats.items += 1;
        let item = match outcome {
            Outcome::Document(document) if !self.dates_hold(&document) => {
                Item::Skipped(SkipReason::OutsideDates)
            }
            Outcome::Document(mut document) => {
                fill_id(&mut document);
                Item::Document(*document)
            }
            Outcome::Skipped(reason) => Item::Skipped(reason),
            Outcome::Problem(reason) => Item::Problem(Problem {
                source: self.source.clone(),
                location: line.map(|line| format!("line {line}")).unwrap_or_default(),
                reason,
            }),
        };
        (self.each)(item)
    }

    fn dates_hold(&self, document: &Document) -> bool {
        let Options { since, until, .. } = self.options;
        match document.date {
            Some(date) => {
                since.is_none_or(|since| since <= date) && until.is_none_or(|until| date < until)
            }
            None => since.is_none() && until.is_none(),
        }
    }

    /// One file of a folder that cannot be read at all.
    pub(crate) fn file_problem(&mut self, error: Error) -> ControlFlow<()> {
        self.put(None, Outcome::Problem(Reason::File(Box::new(error))))
    }
}

/// The id given; else `AUTHOR-n` where `n` is given; else the first 16 hexadecimal digits of the
/// SHA-256 of the content.
fn fill_id(document: &mut Document) {
    if !document.id.is_empty() {
        return;
    }
    document.id = if let Some(n) = document.n {
        format!("{}-{n}", document.author)
    } else {
        let hash = Sha256::digest(document.content().as_bytes());
        hash.iter().take(8).fold(String::new(), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        })
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_given_one_else_made_from_n_else_from_the_content() {
        let mut given = Document::new("ana", "", "It rained.");
        given.id = "walk".to_owned();
        given.n = Some(3);
        fill_id(&mut given);
        assert_eq!(given.id, "walk");
        given.id.clear();
        fill_id(&mut given);
        assert_eq!(given.id, "ana-3");
        given.id.clear();
        given.n = None;
        fill_id(&mut given);
        // printf 'It rained.' | sha256sum | cut -c1-16
        assert_eq!(given.id, "8b38b558e4df5eb3");
    }

    #[test]
    fn ignored_fields_do_not_grow_without_end() {
        let mut stats = Stats::default();
        for i in 0..1000 {
            stats.ignore(&format!("field{i}"));
        }
        stats.ignore("field0");
        stats.ignore(&"x".repeat(10_000));
        assert_eq!(stats.ignored_fields.len(), IGNORED_NAMES + 1);
        assert_eq!(stats.ignored_fields["field0"], 2);
        assert_eq!(stats.ignored_fields["(others)"], 1000 - IGNORED_NAMES + 1);
    }
}
