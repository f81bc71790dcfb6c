//! What the readers make of files as people hold them. All texts here are invented.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any_bytes;
mod archives;
mod chats;
mod documents;
mod hostile;
mod jsonl;
mod letters;
mod markdown;
mod mbox;
mod paths;
mod platforms;
mod resumed;
mod tables;

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    path::Path,
};

use idiolect_core::Document;
use idiolect_ingest::{Error, Format, Item, Mark, Options, RemovedReason, Stats, read, read_from};

/// Everything one import handed over.
#[derive(Debug, Default)]
struct Import {
    documents: Vec<Document>,
    removed: Vec<(String, RemovedReason)>,
    marks: HashMap<String, Mark>,
    /// Documents that marks stood for.
    known: usize,
    skipped: BTreeMap<String, usize>,
    problems: Vec<String>,
    stats: Stats,
}

impl Import {
    fn take(&mut self, item: Item) -> ControlFlow<()> {
        match item {
            Item::Document(imported) => {
                let original = imported.original.as_deref().unwrap_or_default();
                for removed in &imported.removed {
                    self.removed
                        .push((original[removed.span.clone()].to_owned(), removed.reason));
                }
                self.documents.push(imported.document);
            }
            Item::Skipped(reason) => *self.skipped.entry(reason.to_string()).or_default() += 1,
            Item::Problem(problem) => self.problems.push(problem.to_string()),
            Item::Finished { path, mark } => {
                self.marks.insert(path, mark);
            }
            Item::Known { mark, .. } => self.known += mark.documents,
        }
        ControlFlow::Continue(())
    }

    /// What the report calls `read`.
    fn items(&self) -> usize {
        self.documents.len() + self.skipped.values().sum::<usize>() + self.problems.len()
    }

    fn texts(&self) -> Vec<&str> {
        self.documents
            .iter()
            .map(|document| document.text.as_str())
            .collect()
    }

    fn skipped(&self) -> Vec<(&str, usize)> {
        self.skipped
            .iter()
            .map(|(reason, count)| (reason.as_str(), *count))
            .collect()
    }
}

fn try_bytes(bytes: &[u8], name: &str, options: &Options) -> Result<Import, Error> {
    let mut import = Import::default();
    let stats = read_from(bytes, name, options, &mut |item| import.take(item))?;
    import.stats = stats;
    assert_eq!(
        import.stats.items,
        import.items(),
        "every item is counted once"
    );
    Ok(import)
}

fn bytes(bytes: impl AsRef<[u8]>, name: &str, options: &Options) -> Import {
    try_bytes(bytes.as_ref(), name, options).unwrap()
}

fn try_path(path: &Path, options: &Options) -> Result<Import, Error> {
    let mut import = Import::default();
    let stats = read(path, options, &mut |item| import.take(item))?;
    import.stats = stats;
    assert_eq!(
        import.stats.items,
        import.items(),
        "every item is counted once"
    );
    Ok(import)
}

/// Options for one format, for the mail of `ana@example.org`.
fn ana(format: Format) -> Options {
    Options {
        format,
        me: vec!["ana@example.org".to_owned()],
        ..Options::default()
    }
}
