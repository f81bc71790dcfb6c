use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use idiolect_archive::{
    Archive, Delivery, Error as ArchiveError, FileMark, Origin, Outcome, Source,
};
use idiolect_core::{Document, snippets};
use idiolect_models::SentenceEncoder;

use crate::open::as_encoder;

/// What is to be stored together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) documents: Vec<Document>,
    pub(super) origins: Vec<Origin>,
    pub(super) files: Vec<FileMark>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.files.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.documents.clear();
        self.origins.clear();
        self.files.clear();
    }
}

/// Where documents go.
pub(super) enum Store {
    Archive(Box<Kept>),
    /// `--dry-run`: into a comparison with what is stored and what was seen before.
    Nowhere(Box<Seen>),
}

pub(super) struct Seen {
    pub(super) archive: Option<Archive>,
    /// Hashes of documents by author and id.
    pub(super) documents: HashMap<u64, u64>,
    /// Hashes of contents and their authors.
    pub(super) contents: HashSet<u64>,
}

pub(super) struct Kept {
    pub(super) archive: Archive,
    pub(super) encoder: Option<SentenceEncoder>,
}

impl Store {
    /// Stores a batch, or finds out what that would do.
    pub(super) fn store(&mut self, source: &Source, batch: &Batch) -> anyhow::Result<Outcome> {
        match self {
            Self::Archive(kept) => {
                let delivery = Delivery {
                    source,
                    documents: &batch.documents,
                    origins: &batch.origins,
                    files: &batch.files,
                };
                let encoder = as_encoder(kept.encoder.as_ref());
                Ok(kept.archive.deliver(&delivery, encoder)?)
            }
            Self::Nowhere(seen) => compare(seen, &batch.documents),
        }
    }

    /// The archive that there is.
    pub(super) fn archive(&self) -> Option<&Archive> {
        match self {
            Self::Archive(kept) => Some(&kept.archive),
            Self::Nowhere(seen) => seen.archive.as_ref(),
        }
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What an import of these documents would do. Hashes stand for what was seen before: a dry run of a
/// large file must not hold all of it.
fn compare(seen: &mut Seen, documents: &[Document]) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    for document in documents {
        let text = document.content();
        let key = hash(&(&document.author, &document.id));
        let content = hash(&(&document.author, &text));
        let whole = hash(&fields(document));
        let known = if let Some(known) = seen.documents.get(&key) {
            Some(*known)
        } else {
            let stored = stored(seen.archive.as_ref(), document)?;
            stored.map(|stored| hash(&fields(&stored)))
        };
        match known {
            Some(known) if known == whole => outcome.unchanged += 1,
            None if seen.contents.contains(&content)
                || is_stored(seen.archive.as_ref(), document)? =>
            {
                outcome.duplicates += 1;
                continue;
            }
            before => {
                outcome.snippets += snippets(&text).len();
                match before {
                    Some(_) => outcome.updated += 1,
                    None => outcome.added += 1,
                }
            }
        }
        seen.documents.insert(key, whole);
        seen.contents.insert(content);
    }
    Ok(outcome)
}

/// All of a document, to be hashed.
fn fields(document: &Document) -> impl Hash {
    let Document {
        id,
        author,
        date,
        n,
        title,
        text,
        kind,
        thread,
        to,
    } = document;
    ((id, author, date, n), (title, text, kind, thread, to))
}

fn is_stored(archive: Option<&Archive>, document: &Document) -> anyhow::Result<bool> {
    Ok(match archive {
        Some(archive) => archive.same_text(document)?.is_some(),
        None => false,
    })
}

fn stored(archive: Option<&Archive>, document: &Document) -> anyhow::Result<Option<Document>> {
    let Some(archive) = archive else {
        return Ok(None);
    };
    match archive.document(Some(&document.author), &document.id) {
        Ok(known) => Ok(Some(known)),
        Err(ArchiveError::UnknownAuthor { .. } | ArchiveError::UnknownDocument { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
