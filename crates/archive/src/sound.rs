//! Whether a database lost or mixed up anything: asked before what it holds is given out as
//! everything, or made into something else for good. Reads the file; searches never ask.

use rusqlite::{Connection, OptionalExtension};

use crate::{Archive, Damage, Error, schema};

impl Archive {
    /// Makes sure that no document is lost: tables and indexes of documents and authors agree. What
    /// is in a document is compared with its hash when it is read. [`Archive::export`] asks this
    /// by itself; the index of terms and vectors may be damaged all the same, so that documents can
    /// be got out of an archive of which the rest is lost.
    ///
    /// # Errors
    /// [`Error::Damaged`], and whatever keeps the archive from being read.
    pub fn require_documents(&self) -> Result<(), Error> {
        const NEEDED: [&str; 2] = ["authors", "documents"];
        let mut missing = schema::missing(&self.connection)?;
        missing.retain(|name| NEEDED.iter().any(|table| name.contains(table)));
        require_none(missing)?;
        for table in NEEDED {
            require_integrity(&self.connection, Some(table))?;
        }
        require_known(&self.connection, "author NOT IN (SELECT key FROM authors)")
    }
}

/// Makes sure that all tables and indexes are there, that every page is whole and belongs to one of
/// them, and that they agree with each other.
pub(crate) fn require(connection: &Connection) -> Result<(), Error> {
    require_none(schema::missing(connection)?)?;
    require_integrity(connection, None)?;
    require_known(
        connection,
        "author NOT IN (SELECT key FROM authors) OR source NOT IN (SELECT key FROM sources)",
    )
}

fn require_none(missing: Vec<String>) -> Result<(), Error> {
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::Damaged(Damage::Tables { missing }))
    }
}

/// SQLite's own check, of one table with its indexes or of the whole file. The quick one compares no
/// index with its table.
fn require_integrity(connection: &Connection, table: Option<&str>) -> Result<(), Error> {
    let verdict: String = match table {
        Some(table) => connection.query_row(
            "SELECT integrity_check FROM pragma_integrity_check(?1)",
            [table],
            |row| row.get(0),
        ),
        None => connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)),
    }?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(Error::Damaged(Damage::Malformed))
    }
}

/// A document without its author or source would be left out wherever these are joined.
fn require_known(connection: &Connection, orphaned: &str) -> Result<(), Error> {
    let found: Option<i64> = connection
        .query_row(
            &format!("SELECT key FROM documents WHERE {orphaned} LIMIT 1"),
            [],
            |row| row.get(0),
        )
        .optional()?;
    match found {
        None => Ok(()),
        Some(_) => Err(Error::Damaged(Damage::Malformed)),
    }
}
