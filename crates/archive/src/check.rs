//! Whether an archive is in order: what `idiolect doctor` asks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::segments::Extent;
use crate::{Archive, Damage, Error, files, schema, segments};

/// The state of an archive. Names no author and quotes no document: safe to show to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of its format.
    pub format_version: i64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// How many authors.
    pub authors: usize,
    /// How many documents.
    pub documents: usize,
    /// How many snippets.
    pub snippets: usize,
    /// How many indexes.
    pub segments: usize,
    /// Identities of the encoders of these; `None` stands for those without vectors.
    pub encoders: Vec<Option<String>>,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// Others than the owner may use a file or the folder.
    Permissions {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        expected: u32,
    },
    /// SQLite finds its file malformed.
    Database,
    /// The indexes of so many authors cannot be read or do not agree with their documents:
    /// `idiolect rebuild` makes them anew.
    Index {
        /// How many.
        authors: usize,
    },
    /// Vectors of several encoders, or some documents without: dense rankings fail for some
    /// authors until `idiolect rebuild`.
    Encoders,
}

impl Archive {
    /// Reads the whole archive and says what is in it and what is wrong with it.
    ///
    /// # Errors
    /// Whatever keeps it from being read at all.
    pub fn check(&self) -> Result<Report, Error> {
        let mut findings = permissions(&self.dir)?;
        if !self.is_sound()? {
            findings.push(Finding::Database);
        }
        let broken = self.broken_indexes()?;
        if broken > 0 {
            findings.push(Finding::Index { authors: broken });
        }
        let encoders = self.encoders()?;
        if encoders.len() > 1 {
            findings.push(Finding::Encoders);
        }
        let count = |sql: &str| self.connection.query_row(sql, [], |row| row.get(0));
        Ok(Report {
            format_version: schema::format(&self.connection)?,
            bytes: files::existing(&self.dir)
                .iter()
                .filter_map(|path| path.metadata().ok())
                .map(|metadata| metadata.len())
                .sum(),
            authors: count("SELECT count(DISTINCT author) FROM documents")?,
            documents: count("SELECT count(*) FROM documents")?,
            snippets: count("SELECT coalesce(sum(snippets), 0) FROM documents")?,
            segments: count("SELECT count(*) FROM segments")?,
            encoders,
            findings,
        })
    }

    /// Identities of the encoders that made the vectors in the archive; `None` among them stands
    /// for documents without. A query must be embedded by the same.
    ///
    /// # Errors
    /// Whatever keeps the archive from being read.
    pub fn encoders(&self) -> Result<Vec<Option<String>>, Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT DISTINCT encoder FROM segments ORDER BY encoder")?;
        Ok(statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    }

    fn is_sound(&self) -> Result<bool, Error> {
        let verdict = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        match verdict.map_err(Error::from) {
            Ok(verdict) => Ok(verdict == "ok"),
            Err(Error::Damaged(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Authors whose segments cannot be opened, or do not hold exactly their documents.
    fn broken_indexes(&self) -> Result<usize, Error> {
        let mut authors = self
            .connection
            .prepare("SELECT key, name FROM authors ORDER BY key")?;
        let mut ids = self
            .connection
            .prepare("SELECT id FROM documents WHERE author = ?1")?;
        let mut rows = authors.query([])?;
        let mut broken = 0;
        while let Some(row) = rows.next()? {
            let (key, name): (i64, String) = (row.get(0)?, row.get(1)?);
            let stored: BTreeSet<String> = ids
                .query_map([key], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            match segments::load(&self.connection, key, &name, Extent::Whole) {
                Ok(held) if segments::ids(&held).into_iter().eq(&stored) => {}
                Ok(_)
                | Err(Error::Damaged(Damage::Segment { .. } | Damage::Disagreement { .. })) => {
                    broken += 1;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(broken)
    }
}

/// Files that others than their owner may use. Where the system has no such bits, none.
fn permissions(dir: &Path) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let all = files::existing(dir)
        .into_iter()
        .map(|path| (path, 0o600))
        .chain([(dir.to_owned(), 0o700)]);
    for (path, expected) in all {
        if let Some(mode) = files::mode(&path)?
            && mode & !expected != 0
        {
            findings.push(Finding::Permissions {
                path,
                mode,
                expected,
            });
        }
    }
    Ok(findings)
}
