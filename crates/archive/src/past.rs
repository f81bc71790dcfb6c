//! The past of an author, read from the archive.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use idiolect_core::{Before, Document};
use idiolect_retrieval::{Past, PastError, SegmentPart, SegmentsPast, Texts, TextsError};
use rusqlite::Connection;

use crate::schema::{self, Access};
use crate::segments::Extent;
use crate::{Archive, Error, documents, segments};

/// One author's documents before one moment, as the archive was when [`Archive::past`] was called:
/// later imports and removals do not change it. It has a connection of its own and may outlive the
/// archive it came from.
pub type ArchivePast = SegmentsPast;

impl Archive {
    /// What `author` had written before a moment. Asking again for the same author costs no more
    /// than the cut, as long as the archive does not change.
    ///
    /// # Errors
    /// [`Error::UnknownAuthor`] with similar names; [`Error::UnknownDocument`] where `before` names
    /// a document that the author has not; [`Error::Damaged`] where their index is.
    pub fn past(&self, author: &str, before: &Before) -> Result<ArchivePast, Error> {
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        let latest = self
            .latest
            .take()
            .filter(|latest| latest.version == version);
        let latest = match latest {
            Some(latest) if latest.everything.author() == author => latest,
            other => {
                let snapshot = match other {
                    Some(latest) => latest.snapshot,
                    None => Arc::new(Snapshot::take(&self.dir)?),
                };
                let everything = Snapshot::past(&snapshot, author)?;
                Latest {
                    version,
                    snapshot,
                    everything,
                }
            }
        };
        let past = latest.everything.at(before);
        self.latest.replace(Some(latest));
        past.map_err(|error| match error {
            PastError::UnknownDocument { document } => Error::UnknownDocument {
                id: document,
                author: Some(author.to_owned()),
            },
            other => Error::Past(other),
        })
    }
}

/// Makes sure that a query embedded by the encoder of that identity may be compared with the
/// documents of `past`.
///
/// # Errors
/// [`Error::OtherEncoder`].
pub fn require_encoder(past: &dyn Past, identity: &str) -> Result<(), Error> {
    match past.encoder() {
        Some(stored) if stored == identity => Ok(()),
        _ if past.documents() == 0 => Ok(()),
        stored => Err(Error::OtherEncoder {
            stored: stored.map(str::to_owned),
            asked: identity.to_owned(),
        }),
    }
}

/// The author that was last asked for, opened.
pub(crate) struct Latest {
    /// SQLite's count of what other connections changed, as it was then.
    version: i64,
    snapshot: Arc<Snapshot>,
    everything: SegmentsPast,
}

/// The archive as it was at one moment: a connection inside a read transaction.
pub(crate) struct Snapshot {
    connection: Mutex<Connection>,
}

impl Snapshot {
    fn take(dir: &Path) -> Result<Self, Error> {
        let (connection, _) = schema::open(dir, Access::Read)?;
        // A transaction begins to see with its first read.
        connection.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1;")?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// All documents of an author.
    fn past(snapshot: &Arc<Self>, author: &str) -> Result<SegmentsPast, Error> {
        let (key, parts) = snapshot.with(|connection| {
            let key = documents::author_key(connection, author)?;
            let held = segments::load(connection, key, author, Extent::IndexOf(snapshot))?;
            let parts: Vec<SegmentPart> = held.into_iter().map(|held| held.part).collect();
            Ok((key, parts))
        })?;
        let texts = AuthorTexts {
            snapshot: Arc::clone(snapshot),
            author: key,
            name: author.to_owned(),
        };
        Ok(SegmentsPast::new(
            author,
            parts,
            Arc::new(texts),
            &Before::Now,
        )?)
    }

    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        read(
            &self
                .connection
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

struct AuthorTexts {
    snapshot: Arc<Snapshot>,
    author: i64,
    name: String,
}

impl Texts for AuthorTexts {
    fn document(&self, id: &str) -> Result<Document, TextsError> {
        let found = self
            .snapshot
            .with(|connection| documents::of_key(connection, self.author, id))?;
        let missing = || Error::UnknownDocument {
            id: id.to_owned(),
            author: Some(self.name.clone()),
        };
        Ok(found.ok_or_else(missing)?)
    }
}
