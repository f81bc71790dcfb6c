//! Whether an archive is in order: what `idiolect doctor` asks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde::Serialize;

use crate::segments::Extent;
use crate::{Archive, Damage, Error, documents, files, schema, segments, sound};

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
    /// SQLite finds its file malformed, or what is in it does not fit together.
    Database,
    /// Tables or indexes of the database are gone.
    Tables {
        /// What they are called.
        missing: Vec<String>,
    },
    /// So many documents cannot be read, or are not what was stored.
    Documents {
        /// How many.
        damaged: usize,
    },
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
        let connection = &self.connection;
        let format_version = schema::format(connection)?;
        let file = file_finding(connection)?;
        // Of a damaged file, what can still be read is counted; the finding says the rest.
        let is_sound = file.is_none();
        findings.extend(file);
        let damaged = or_default(documents::damaged(connection), is_sound)?;
        if damaged > 0 {
            findings.push(Finding::Documents { damaged });
        }
        let encoders = or_default(self.encoders(), is_sound)?;
        // A damaged file is not to be indexed anew, so nobody is told to.
        if is_sound {
            let broken = self.broken_indexes()?;
            if broken > 0 {
                findings.push(Finding::Index { authors: broken });
            }
            if encoders.len() > 1 {
                findings.push(Finding::Encoders);
            }
        }
        let count = |sql: &str| {
            let counted = connection.query_row(sql, [], |row| row.get(0));
            or_default(counted.map_err(Error::from), is_sound)
        };
        Ok(Report {
            format_version,
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

    /// Authors whose segments cannot be opened, or do not hold exactly their documents.
    fn broken_indexes(&self) -> Result<usize, Error> {
        let mut ids = self
            .connection
            .prepare("SELECT id FROM documents WHERE author = ?1")?;
        let mut broken = 0;
        for key in documents::author_keys(&self.connection)? {
            let mut stored: BTreeSet<Vec<u8>> = BTreeSet::new();
            let mut rows = ids.query([key])?;
            while let Some(row) = rows.next()? {
                stored.insert(bytes(row.get_ref(0)?).to_owned());
            }
            // Errors would name the author; these are only counted.
            match segments::load(&self.connection, key, "", Extent::Whole) {
                Ok(held)
                    if segments::ids(&held)
                        .into_iter()
                        .map(str::as_bytes)
                        .eq(stored.iter().map(Vec::as_slice)) => {}
                Ok(_) | Err(Error::Damaged(_)) => broken += 1,
                Err(other) => return Err(other),
            }
        }
        Ok(broken)
    }
}

/// The bytes of a text as they are, UTF-8 or not.
fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

/// What is wrong with the file as a whole.
fn file_finding(connection: &Connection) -> Result<Option<Finding>, Error> {
    match sound::require(connection) {
        Ok(()) => Ok(None),
        Err(Error::Damaged(Damage::Tables { missing })) => Ok(Some(Finding::Tables { missing })),
        Err(Error::Damaged(_)) => Ok(Some(Finding::Database)),
        Err(other) => Err(other),
    }
}

/// What was read, or nothing where the file is known not to be sound.
fn or_default<T: Default>(read: Result<T, Error>, is_sound: bool) -> Result<T, Error> {
    match read {
        Err(Error::Damaged(_)) if !is_sound => Ok(T::default()),
        read => read,
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
