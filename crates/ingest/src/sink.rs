use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    fmt::Write,
    ops::ControlFlow,
    rc::Rc,
};

use idiolect_core::Document;
use sha2::{Digest, Sha256};

use crate::{
    Error, Format, Imported, Item, Mark, Options, Problem, Reason, Removed, SkipReason,
    export::Export,
    letters::{Letter, Letters},
    mark::MOST_PROBLEMS,
};

/// What was seen beside the items themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Files opened; standard input counts as one.
    pub files: usize,
    /// Items handed over: documents, skipped ones and problems together.
    pub items: usize,
    /// JSON Lines and CSV: how often each field that no document has was met. Beyond 256 names the
    /// rest is counted as `(others)`.
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
    /// A document, the whole text it was taken from, and what was left out of that.
    Reduced(Box<Document>, String, Vec<Removed>),
    /// A mail, whose end is compared with those of the mails around it before it is handed over.
    Letter(Box<Letter>),
    Skipped(SkipReason),
    Problem(Reason),
}

impl From<Result<Outcome, Reason>> for Outcome {
    fn from(result: Result<Outcome, Reason>) -> Self {
        result.unwrap_or_else(Self::Problem)
    }
}

/// Where in its file an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the file.
    File,
    /// It begins on this line, counted from 1.
    Line(usize),
    /// It is this one of several, counted from 1.
    Item(usize),
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        match place {
            Place::File => Self::new(),
            Place::Line(line) => format!("line {line}"),
            Place::Item(item) => format!("item {item}"),
        }
    }
}

/// What was counted in one file.
#[derive(Default)]
pub(crate) struct Tally {
    mark: Mark,
    /// More problems than a mark keeps.
    is_full: bool,
}

/// Something that waits behind mails that are not yet handed over.
pub(crate) enum Waiting {
    Letter {
        letter: Box<Letter>,
        source: String,
        place: Place,
        tally: Rc<RefCell<Tally>>,
    },
    Finished {
        path: String,
        mark: Mark,
        tally: Rc<RefCell<Tally>>,
    },
}

/// An id among those of one place: people's posts are numbered in many. Nothing where there is none.
pub(crate) fn apart(place: &str, id: &str) -> String {
    match id.trim() {
        "" => String::new(),
        id => format!("{place}-{id}"),
    }
}

/// Where every reader puts its items: fills in ids, keeps to the dates asked for, counts.
pub(crate) struct Sink<'a> {
    pub(crate) options: &'a Options,
    pub(crate) stats: Stats,
    /// The file being read, as problems name it.
    pub(crate) source: String,
    /// Whose an export is, as it says itself.
    pub(crate) owner: Owner,
    /// What the folder or archive being read is as a whole.
    pub(crate) export: Export,
    /// Whether what is read now lies in an archive.
    pub(crate) in_archive: bool,
    /// What ends the author's mails.
    pub(crate) letters: Letters,
    /// Lines of the file that were read: before it is, those of its known part; behind it, all.
    pub(crate) lines_before: usize,
    tally: Rc<RefCell<Tally>>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    each: &'a mut dyn FnMut(Item) -> ControlFlow<()>,
}

/// What an export says of the person who asked for it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Owner {
    /// Under which names or numbers their own items stand.
    pub(crate) ids: Vec<String>,
    /// Their name.
    pub(crate) name: Option<String>,
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
            owner: Owner::default(),
            export: Export::None,
            in_archive: false,
            letters: Letters::default(),
            lines_before: 0,
            tally: Rc::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            each,
        }
    }

    /// The format that was asked for; what lies in an archive is told from its name again.
    pub(crate) fn format(&self) -> Format {
        match self.options.format {
            Format::Zip if self.in_archive => Format::Auto,
            format => format,
        }
    }

    /// Hands one item over.
    pub(crate) fn put(&mut self, place: Place, outcome: Outcome) -> ControlFlow<()> {
        if let Outcome::Letter(letter) = outcome {
            if !self.dates_hold(&letter.document) {
                return self.put(place, Outcome::Skipped(SkipReason::OutsideDates));
            }
            self.letters.learn(&letter);
            self.waiting_bytes += letter.body.len();
            self.waiting.push_back(Waiting::Letter {
                letter,
                source: self.source.clone(),
                place,
                tally: Rc::clone(&self.tally),
            });
            return self.release(Letters::MOST, Letters::MOST_BYTES);
        }
        let source = self.source.clone();
        let tally = Rc::clone(&self.tally);
        self.hand_over(source, place, outcome, &tally)
    }

    fn hand_over(
        &mut self,
        source: String,
        place: Place,
        outcome: Outcome,
        tally: &RefCell<Tally>,
    ) -> ControlFlow<()> {
        let (document, original, removed) = match outcome {
            Outcome::Document(document) => (document, None, Vec::new()),
            Outcome::Reduced(document, original, removed) => {
                let original = (!removed.is_empty()).then_some(original);
                (document, original, removed)
            }
            Outcome::Letter(letter) => {
                let outcome = self.letters.open(*letter);
                return self.hand_over(source, place, outcome, tally);
            }
            Outcome::Skipped(reason) => return self.skipped(reason, tally),
            Outcome::Problem(reason) => {
                self.stats.items += 1;
                let problem = Problem {
                    source,
                    location: place.into(),
                    reason,
                };
                remember(&mut tally.borrow_mut(), &problem);
                return (self.each)(Item::Problem(problem));
            }
        };
        if !self.dates_hold(&document) {
            return self.skipped(SkipReason::OutsideDates, tally);
        }
        let mut document = document;
        fill_id(&mut document);
        self.stats.items += 1;
        tally.borrow_mut().mark.documents += 1;
        (self.each)(Item::Document(Box::new(Imported {
            document: *document,
            source,
            location: place.into(),
            original,
            removed,
        })))
    }

    fn skipped(&mut self, reason: SkipReason, tally: &RefCell<Tally>) -> ControlFlow<()> {
        self.stats.items += 1;
        let skipped = &mut tally.borrow_mut().mark.skipped;
        match skipped.get_mut(reason.name()) {
            Some(count) => *count += 1,
            None => {
                skipped.insert(reason.name().to_owned(), 1);
            }
        }
        (self.each)(Item::Skipped(reason))
    }

    /// Hands over what waits until no more than so many mails, of so many bytes, are left.
    fn release(&mut self, most: usize, most_bytes: usize) -> ControlFlow<()> {
        while self.waiting.len() > most || self.waiting_bytes > most_bytes {
            match self.waiting.pop_front() {
                Some(Waiting::Letter {
                    letter,
                    source,
                    place,
                    tally,
                }) => {
                    self.waiting_bytes -= letter.body.len();
                    self.hand_over(source, place, Outcome::Letter(letter), &tally)?;
                }
                Some(Waiting::Finished { path, mark, tally }) => {
                    self.finished(path, mark, &tally)?;
                }
                None => break,
            }
        }
        ControlFlow::Continue(())
    }

    /// Hands over all that waits.
    pub(crate) fn finish(&mut self) -> ControlFlow<()> {
        self.release(0, 0)
    }

    /// Under which names or numbers the author's own items stand: those given, else those that the
    /// export tells; in lower case.
    pub(crate) fn own_names(&self) -> Vec<String> {
        let given = &self.options.me;
        let names = if given.is_empty() {
            &self.owner.ids
        } else {
            given
        };
        names
            .iter()
            .map(|name| name.trim().to_lowercase())
            .collect()
    }

    /// Whose the author's own items are: the author given, else what the export calls them, else the
    /// first of their names.
    pub(crate) fn own_author(&self) -> Option<String> {
        let options = self.options;
        options
            .author
            .clone()
            .or_else(|| self.owner.name.clone())
            .or_else(|| options.me.first().cloned())
    }

    /// Both, for chats, of which nothing can be read without them.
    pub(crate) fn own(&self) -> Result<(String, Vec<String>), Error> {
        let names = self.own_names();
        match self.own_author() {
            Some(author) if !names.is_empty() => Ok((author, names)),
            _ => Err(Error::MeRequired {
                path: self.source.clone(),
            }),
        }
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
        self.put(Place::File, Outcome::Problem(Reason::File(Box::new(error))))
    }

    /// Begins to count for another file, the known part of it included.
    pub(crate) fn begin_file(&mut self, known: Option<&Mark>) {
        let mut mark = known.cloned().unwrap_or_default();
        self.letters.remember(&std::mem::take(&mut mark.learned));
        self.tally = Rc::new(RefCell::new(Tally {
            mark,
            is_full: false,
        }));
    }

    /// Passes on that a file was read to its end.
    pub(crate) fn end_file(&mut self, path: &str, mark: Mark) -> ControlFlow<()> {
        let tally = Rc::clone(&self.tally);
        let path = path.to_owned();
        if self.waiting.is_empty() {
            return self.finished(path, mark, &tally);
        }
        self.waiting
            .push_back(Waiting::Finished { path, mark, tally });
        ControlFlow::Continue(())
    }

    fn finished(
        &mut self,
        path: String,
        mut mark: Mark,
        tally: &RefCell<Tally>,
    ) -> ControlFlow<()> {
        let tally = tally.borrow();
        if tally.is_full {
            return ControlFlow::Continue(());
        }
        let counted = &tally.mark;
        mark.documents = counted.documents;
        mark.skipped.clone_from(&counted.skipped);
        mark.problems.clone_from(&counted.problems);
        if !mark.check.is_empty() {
            mark.learned = self.letters.learned();
        }
        (self.each)(Item::Finished { path, mark })
    }

    /// Passes on that a part of a file was not read again.
    pub(crate) fn known(&mut self, path: &str, mark: &Mark) -> ControlFlow<()> {
        (self.each)(Item::Known {
            path: path.to_owned(),
            mark: mark.clone(),
        })
    }
}

fn remember(tally: &mut Tally, problem: &Problem) {
    // What broke off may be whole the next time.
    let is_whole = !matches!(problem.reason, Reason::Read(_) | Reason::File(_));
    if !is_whole || tally.mark.problems.len() >= MOST_PROBLEMS {
        tally.is_full = true;
        return;
    }
    tally.mark.problems.push((
        problem.source.clone(),
        problem.location.clone(),
        problem.reason.to_string(),
    ));
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
