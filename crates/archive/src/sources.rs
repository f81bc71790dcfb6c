//! Where documents came from, and how all that came from one place is taken out again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::documents::{author_key, date, written};
use crate::{Archive, Error, files, origins, segments};

/// What an import reads from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Path or name; importing from the same location again is the same source.
    pub location: String,
    /// Format it was read in: `jsonl`, `mbox`, `markdown` and the like.
    pub format: String,
    /// SHA-256 of its bytes, hexadecimal, where that is known.
    pub content_hash: Option<String>,
}

/// A source as `idiolect sources` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceSummary {
    /// What `sources show`, `exclude` and `remove` call it.
    pub id: i64,
    /// Path or name.
    pub location: String,
    /// Format it was read in.
    pub format: String,
    /// SHA-256 of its bytes, hexadecimal, where that is known.
    pub content_hash: Option<String>,
    /// When it was last imported.
    pub imported: Timestamp,
    /// Whether it is kept out.
    pub excluded: bool,
    /// How many documents the archive has from it.
    pub documents: usize,
    /// How many items of it could not be read.
    pub problems: usize,
    /// How many of its documents nearly repeat another of their author.
    pub near_duplicates: usize,
}

/// An item of a source that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceProblem {
    /// Where in the source: a line, a message, a file.
    pub location: String,
    /// What is wrong with it, without a word of its text.
    pub reason: String,
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Documents taken out.
    pub documents: usize,
    /// Whether no byte of them is left in any file of the archive. It is not while another process
    /// reads the state before the removal; [`Archive::erase`] tries again.
    pub erased: bool,
}

impl Archive {
    /// Where a document came from: the path or name that it was imported by.
    ///
    /// # Errors
    /// [`Error::UnknownAuthor`], [`Error::UnknownDocument`].
    pub fn location(&self, author: &str, document: &str) -> Result<String, Error> {
        let key = author_key(&self.connection, author)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT s.location FROM documents d JOIN sources s ON s.key = d.source
             WHERE d.author = ?1 AND d.id = ?2",
        )?;
        let found = statement.query_row(params![key, document], |row| row.get(0));
        found.optional()?.ok_or_else(|| Error::UnknownDocument {
            id: document.to_owned(),
            author: Some(author.to_owned()),
        })
    }

    /// Everything that was ever imported from and not removed, by id.
    pub fn sources(&self) -> Result<Vec<SourceSummary>, Error> {
        let (also, near) = if self.has_origins()? {
            (ALSO, NEAR)
        } else {
            ("0", "0")
        };
        let sql = format!(
            "SELECT s.key, s.location, s.format, s.content_hash, s.imported, s.excluded,
                 (SELECT count(*) FROM documents d WHERE d.source = s.key) + {also},
                 (SELECT count(*) FROM problems p WHERE p.source = s.key), {near}
             FROM sources s ORDER BY s.key"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement
            .query_map([], summary)?
            .collect::<Result<_, _>>()?)
    }

    /// The items of a source that could not be read, by location.
    pub fn problems(&self, id: i64) -> Result<Vec<SourceProblem>, Error> {
        known(&self.connection, id)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT location, reason FROM problems WHERE source = ?1 ORDER BY location",
        )?;
        let found = statement.query_map([id], |row| {
            Ok(SourceProblem {
                location: row.get(0)?,
                reason: row.get(1)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Remembers which items of a source could not be read, in the place of those of its earlier
    /// imports. Call it at the end of an import.
    ///
    /// # Errors
    /// [`Error::ExcludedSource`], and whatever keeps the archive from being written.
    pub fn record_problems(
        &mut self,
        source: &Source,
        problems: &[SourceProblem],
    ) -> Result<(), Error> {
        self.write(|transaction| {
            let id = upsert(transaction, source)?;
            transaction.execute("DELETE FROM problems WHERE source = ?1", [id])?;
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO problems VALUES (?1, ?2, ?3)")?;
            for problem in problems {
                insert.execute(params![id, problem.location, problem.reason])?;
            }
            Ok(())
        })
    }

    /// Takes all documents of a source out of the archive, but for those that came from another one too,
    /// and forgets the source. What is kept of
    /// the archive in an earlier format is deleted, as they are in it.
    ///
    /// # Errors
    /// [`Error::UnknownSource`], and whatever keeps the archive from being written.
    pub fn remove_source(&mut self, id: i64) -> Result<Removal, Error> {
        self.take_out(id, "DELETE FROM sources WHERE key = ?1")
    }

    /// Takes all documents of a source out of the archive as [`Archive::remove_source`] does, and
    /// refuses to import them again.
    ///
    /// # Errors
    /// [`Error::UnknownSource`], and whatever keeps the archive from being written.
    pub fn exclude_source(&mut self, id: i64) -> Result<Removal, Error> {
        self.take_out(id, "UPDATE sources SET excluded = 1 WHERE key = ?1")
    }
}

impl Archive {
    fn take_out(&mut self, id: i64, and_then: &str) -> Result<Removal, Error> {
        self.in_turn(|archive| {
            let documents = archive.write(|transaction| {
                known(transaction, id)?;
                origins::hand_over(transaction, id)?;
                let taken = ids_by_author(transaction, id)?;
                transaction.execute("DELETE FROM documents WHERE source = ?1", [id])?;
                let mut documents = 0;
                for ((author, name), ids) in taken {
                    documents += ids.len();
                    segments::bury(transaction, author, &name, &ids)?;
                }
                // What is buried elsewhere may have come from this source before another import
                // changed it.
                segments::drop_buried(transaction)?;
                transaction.execute("DELETE FROM problems WHERE source = ?1", [id])?;
                transaction.execute(
                    "DELETE FROM authors WHERE key NOT IN (SELECT author FROM documents)",
                    [],
                )?;
                transaction.execute(and_then, [id])?;
                Ok(documents)
            })?;
            archive.near.take();
            files::delete_copies(&archive.dir)?;
            let erased = archive.erase()?;
            Ok(Removal { documents, erased })
        })
    }
}

/// Ids of a source's documents, by key and name of their authors.
fn ids_by_author(
    connection: &Connection,
    source: i64,
) -> Result<BTreeMap<(i64, String), Vec<String>>, Error> {
    let mut statement = connection.prepare(
        "SELECT d.author, a.name, d.id FROM documents d JOIN authors a ON a.key = d.author
         WHERE d.source = ?1",
    )?;
    let mut rows = statement.query([source])?;
    let mut found: BTreeMap<_, Vec<String>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        found
            .entry((row.get(0)?, row.get(1)?))
            .or_default()
            .push(row.get(2)?);
    }
    Ok(found)
}

/// Documents that came from a source too.
const ALSO: &str = "(SELECT count(*) FROM also o WHERE o.source = s.key)";
const NEAR: &str = "(SELECT count(*) FROM documents d JOIN origins o ON o.document = d.key
     WHERE d.source = s.key AND o.near IS NOT NULL)";

fn summary(row: &Row<'_>) -> rusqlite::Result<SourceSummary> {
    Ok(SourceSummary {
        id: row.get(0)?,
        location: row.get(1)?,
        format: row.get(2)?,
        content_hash: row.get(3)?,
        imported: date(row, 4)?.unwrap_or(Timestamp::UNIX_EPOCH),
        excluded: row.get(5)?,
        documents: row.get(6)?,
        problems: row.get(7)?,
        near_duplicates: row.get(8)?,
    })
}

pub(crate) fn known(connection: &Connection, id: i64) -> Result<(), Error> {
    connection
        .prepare_cached("SELECT 1 FROM sources WHERE key = ?1")?
        .exists([id])?
        .then_some(())
        .ok_or(Error::UnknownSource { id })
}

/// The key of a source, written down as imported now.
///
/// # Errors
/// [`Error::ExcludedSource`] where it, one of the same bytes, or the folder it lies in is to be kept out.
pub(crate) fn upsert(connection: &Connection, source: &Source) -> Result<i64, Error> {
    let excluded = connection
        .prepare_cached(
            "SELECT location FROM sources WHERE excluded AND (location = ?1 OR content_hash = ?2
               OR substr(?1, 1, length(location) + 1) IN (location || '/', location || '\\'))",
        )?
        .query_row(params![source.location, source.content_hash], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(location) = excluded {
        return Err(Error::ExcludedSource { location });
    }
    let values = params![
        source.location,
        source.format,
        source.content_hash,
        written(Timestamp::now())
    ];
    let known = connection
        .prepare_cached(
            "UPDATE sources SET format = ?2, content_hash = ?3, imported = ?4 WHERE location = ?1
             RETURNING key",
        )?
        .query_row(values, |row| row.get(0))
        .optional()?;
    match known {
        Some(key) => Ok(key),
        None => Ok(connection
            .prepare_cached(
                "INSERT INTO sources (location, format, content_hash, imported)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .insert(values)?),
    }
}
