use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use idiolect_core::{Document, Encoder};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::Serialize;

use crate::documents::AuthorSummary;
use crate::files::Turn;
use crate::origins::Near;
use crate::past::Latest;
use crate::schema::{self, Access};
use crate::segments::{self, Cut, Unindexed};
use crate::{Damage, Error, FORMAT_VERSION, documents, files, sound, upgrade};

/// What somebody wrote, or a hundred thousand people, in one SQLite file in a folder of its own.
///
/// Several processes may open the same archive: readers see the state of one moment, and one
/// writes at a time.
pub struct Archive {
    pub(crate) dir: PathBuf,
    pub(crate) connection: Connection,
    pub(crate) latest: RefCell<Option<Latest>>,
    /// What documents nearly repeat, of authors whose documents were imported.
    pub(crate) near: RefCell<Near>,
    /// How long to wait for others.
    patience: Duration,
    /// Kept between changes by one who asked for it.
    turn: Option<Turn>,
    kept_copy: Option<PathBuf>,
}

impl Archive {
    /// Opens the archive in `dir`; makes folder and archive where there are none, readable by
    /// their owner alone. One of an earlier format is upgraded, after a copy was made of it: see
    /// [`Archive::kept_copy`].
    ///
    /// # Errors
    /// [`Error::NewerVersion`], [`Error::NotAnArchive`], [`Error::Permission`], [`Error::Damaged`].
    pub fn create_or_open(dir: &Path) -> Result<Self, Error> {
        refuse_a_file(dir)?;
        Self::upgraded(dir, schema::create_or_open(dir)?)
    }

    /// Opens the archive in `dir` to read and to write. One of an earlier format is upgraded, as by
    /// [`Archive::create_or_open`].
    ///
    /// # Errors
    /// [`Error::NotFound`], and those of [`Archive::create_or_open`].
    pub fn open(dir: &Path) -> Result<Self, Error> {
        refuse_a_file(dir)?;
        Self::upgraded(dir, schema::open(dir, Access::Write)?)
    }

    /// Opens the archive in `dir` to read only; works where nothing may be written, and with every
    /// format that this version can upgrade.
    ///
    /// # Errors
    /// [`Error::NotFound`], and those of [`Archive::create_or_open`].
    pub fn open_read_only(dir: &Path) -> Result<Self, Error> {
        refuse_a_file(dir)?;
        Ok(Self::over(dir, schema::open(dir, Access::Read)?.0))
    }

    /// The folder it lies in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the archive lies as it was before this opening upgraded it; `None` if there was
    /// nothing to upgrade. The copy has everything that was in the archive, and is deleted when
    /// something is to be removed from it.
    pub fn kept_copy(&self) -> Option<&Path> {
        self.kept_copy.as_deref()
    }

    /// Sets how long writing waits for another process to finish before it fails with
    /// [`Error::Locked`]; a minute at first.
    ///
    /// # Errors
    /// None that is known; SQLite's.
    pub fn wait_at_most(&mut self, time: Duration) -> Result<(), Error> {
        self.patience = time;
        Ok(self.connection.busy_timeout(time.min(LONGEST_WAIT))?)
    }

    /// Waits until no other process is in the middle of an import or another change of several
    /// steps; from then on others wait until this archive is dropped. `waiting` is called once if
    /// it is not free at once. Without this, every single change waits for its own turn.
    ///
    /// # Errors
    /// [`Error::Locked`] where it does not get free within [`Archive::wait_at_most`].
    pub fn take_turn(&mut self, waiting: &mut dyn FnMut()) -> Result<(), Error> {
        if self.turn.is_none() {
            self.turn = Some(files::take_turn(&self.dir, self.patience, waiting)?);
        }
        Ok(())
    }

    /// The one author of what it holds; `None` where there are several, or nobody. Takes no longer
    /// with many documents, as [`Archive::authors`] does.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    pub fn only_author(&self) -> Result<Option<String>, Error> {
        documents::only_author(&self.connection)
    }

    /// Who wrote what it holds, by name.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    pub fn authors(&self) -> Result<Vec<AuthorSummary>, Error> {
        documents::authors(&self.connection)
    }

    /// The document of that id. Without an author it must be the only one of that id.
    ///
    /// # Errors
    /// [`Error::UnknownAuthor`], [`Error::UnknownDocument`], [`Error::AmbiguousDocument`].
    pub fn document(&self, author: Option<&str>, id: &str) -> Result<Document, Error> {
        documents::find(&self.connection, author, id)
    }

    /// All documents of an author, oldest first (the paper leaves the order open): those without a date
    /// by `n` and import, then those with one.
    ///
    /// # Errors
    /// [`Error::UnknownAuthor`].
    pub fn documents(&self, author: &str) -> Result<Vec<Document>, Error> {
        let key = documents::author_key(&self.connection, author)?;
        documents::in_time_order(&self.connection, key)
    }

    /// Visits every document in the order of import, until `each` fails. Importing them in this
    /// order makes the same archive. Where the file has lost documents, none is visited: see
    /// [`Archive::require_documents`].
    ///
    /// # Errors
    /// Those of `each`, [`Error::Damaged`], and whatever keeps the archive from being read.
    pub fn export<E: From<Error>>(
        &self,
        each: &mut dyn FnMut(&Document) -> Result<(), E>,
    ) -> Result<(), E> {
        self.require_documents()?;
        documents::each(&self.connection, each)
    }

    /// Makes everything anew that follows from the documents: snippets, terms and vectors. Without
    /// an encoder there are no vectors afterwards. All or nothing, as an import; an index is never
    /// replaced by one of a file that is damaged, as it may be all that tells of what is lost.
    ///
    /// # Errors
    /// [`Error::Encoder`], [`Error::Damaged`], and whatever keeps the archive from being written.
    pub fn rebuild(&mut self, encoder: Option<&dyn Encoder>) -> Result<Rebuilt, Error> {
        self.write(|transaction| {
            sound::require(transaction)?;
            transaction.execute_batch("DELETE FROM segments")?;
            let authors = documents::author_keys(transaction)?;
            let mut rebuilt = Rebuilt {
                authors: authors.len(),
                ..Rebuilt::default()
            };
            for author in authors {
                let stored = documents::of_author(transaction, author)?;
                let cuts: Vec<Cut> = stored.iter().map(|one| Cut::of(&one.document)).collect();
                let unindexed: Vec<Unindexed<'_>> = stored
                    .iter()
                    .zip(&cuts)
                    .map(|(one, cut)| Unindexed::new(author, one.key, &one.document, cut))
                    .collect();
                segments::add(transaction, &unindexed, encoder)?;
                for (one, cut) in stored.iter().zip(&cuts) {
                    documents::set_snippets(transaction, one.key, cut.spans.len())?;
                    rebuilt.snippets += cut.spans.len();
                }
                rebuilt.documents += stored.len();
            }
            Ok(rebuilt)
        })
    }

    /// Frees the files of every byte that no longer belongs to the archive: the database is
    /// written anew, and the write-ahead log is emptied. False while another process reads an
    /// earlier state; then old bytes remain in the log. Takes memory for the whole archive once:
    /// the copy is made there and not in a temporary file that others might find.
    ///
    /// # Errors
    /// Whatever keeps the archive from being written.
    pub fn erase(&mut self) -> Result<bool, Error> {
        self.in_turn(|archive| {
            archive.latest.replace(None);
            let connection = &archive.connection;
            connection.execute_batch("VACUUM")?;
            connection.busy_timeout(WAIT_TO_ERASE)?;
            let busy: bool =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            connection.busy_timeout(archive.patience.min(LONGEST_WAIT))?;
            Ok(!busy)
        })
    }

    /// Deletes the archive in `dir` and nothing else, and the folder where nothing else is in it.
    /// Gives what was deleted.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NotAnArchive`] where the file was not made by this software;
    /// [`Error::Locked`] while another process writes.
    pub fn purge(dir: &Path) -> Result<Vec<PathBuf>, Error> {
        let _turn = files::take_turn(dir, Duration::ZERO, &mut || {})?;
        match schema::open(dir, Access::Write) {
            Ok((mut connection, _)) => {
                connection.busy_timeout(Duration::ZERO)?;
                connection
                    .transaction_with_behavior(TransactionBehavior::Immediate)?
                    .rollback()?;
            }
            Err(Error::NotFound { dir, empty }) if files::existing(&dir).is_empty() => {
                return Err(Error::NotFound { dir, empty });
            }
            // What was begun, what a later version wrote and what is broken is ours all the same.
            Err(
                Error::NotFound { .. }
                | Error::NewerVersion { .. }
                | Error::Damaged(Damage::LogAlone { .. }),
            ) => {}
            Err(Error::Damaged(_)) if schema::is_marked(&files::database(dir)) => {}
            Err(other) => return Err(other),
        }
        files::delete(dir)
    }

    /// Runs `work` in one transaction that is written to the disk, or not at all.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.in_turn(|archive| {
            archive.latest.replace(None);
            let transaction = archive
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let outcome = work(&transaction)?;
            transaction.commit()?;
            Ok(outcome)
        })
    }

    /// Runs `work` while other processes that want to write wait.
    pub(crate) fn in_turn<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.turn.is_some() {
            return work(self);
        }
        self.take_turn(&mut || {})?;
        let outcome = work(self);
        self.turn = None;
        outcome
    }

    /// The archive behind a connection that may write, in this version's format.
    fn upgraded(dir: &Path, (connection, format): (Connection, i64)) -> Result<Self, Error> {
        let mut archive = Self::over(dir, connection);
        if format != FORMAT_VERSION {
            archive.kept_copy = archive.in_turn(upgrade::upgrade)?;
        }
        Ok(archive)
    }

    fn over(dir: &Path, connection: Connection) -> Self {
        Self {
            dir: dir.to_owned(),
            connection,
            latest: RefCell::new(None),
            near: RefCell::default(),
            patience: schema::WAIT,
            turn: None,
            kept_copy: None,
        }
    }
}

/// What [`Archive::rebuild`] went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// How many authors.
    pub authors: usize,
    /// How many documents.
    pub documents: usize,
    /// How many snippets they have.
    pub snippets: usize,
}

/// SQLite counts in milliseconds, and no further than this.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// How long to wait for readers before old bytes are left in the log.
const WAIT_TO_ERASE: Duration = Duration::from_secs(2);

/// An archive is a folder; a file in its place is somebody else's.
fn refuse_a_file(dir: &Path) -> Result<(), Error> {
    if dir.is_file() {
        return Err(Error::NotAnArchive {
            path: dir.to_owned(),
        });
    }
    Ok(())
}
