//! Documents as rows: written, read, listed.

use std::collections::BTreeSet;

use idiolect_core::Document;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::texts::{Packer, unpack};
use crate::{Damage, Error};

/// What the archive holds of one author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthorSummary {
    /// Name.
    pub author: String,
    /// How many documents.
    pub documents: usize,
    /// Unicode scalar values in their contents, titles included.
    pub characters: u64,
    /// Earliest date among them.
    pub first: Option<Timestamp>,
    /// Latest date among them.
    pub last: Option<Timestamp>,
}

/// A document and its place in the order of import.
pub(crate) struct Stored {
    pub(crate) key: i64,
    pub(crate) document: Document,
}

/// The columns that [`read`] reads, of `documents` joined with `authors`. Rows are chosen by key, so
/// that all of these come from the row and none from an index, which may be damaged.
const COLUMNS: &str = "d.id, a.name, d.date, d.n, d.title, d.text, d.kind, d.thread, d.recipient, d.key, \
     d.characters, d.content_hash, d.author FROM documents d JOIN authors a ON a.key = d.author";

pub(crate) fn authors(connection: &Connection) -> Result<Vec<AuthorSummary>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT a.name, count(*), sum(d.characters), min(d.date), max(d.date)
         FROM documents d JOIN authors a ON a.key = d.author GROUP BY d.author ORDER BY a.name",
    )?;
    let found = statement.query_map([], |row| {
        Ok(AuthorSummary {
            author: row.get(0)?,
            documents: row.get(1)?,
            characters: row.get(2)?,
            first: date(row, 3)?,
            last: date(row, 4)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(crate) fn only_author(connection: &Connection) -> Result<Option<String>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT name FROM authors a
         WHERE EXISTS (SELECT 1 FROM documents d WHERE d.author = a.key) LIMIT 2",
    )?;
    let mut names: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(names.pop().filter(|_| names.is_empty()))
}

/// The author's key; an error with similar names where there is none of that name.
pub(crate) fn author_key(connection: &Connection, author: &str) -> Result<i64, Error> {
    let key = connection
        .prepare_cached(
            "SELECT key FROM authors a WHERE name = ?1
             AND EXISTS (SELECT 1 FROM documents d WHERE d.author = a.key)",
        )?
        .query_row([author], |row| row.get(0))
        .optional()?;
    if let Some(key) = key {
        return Ok(key);
    }
    let names: Vec<String> = connection
        .prepare("SELECT name FROM authors")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Err(Error::UnknownAuthor {
        author: author.to_owned(),
        nearest: nearest(author, names),
    })
}

/// The one document of that id, of that author or of anyone.
pub(crate) fn find(
    connection: &Connection,
    author: Option<&str>,
    id: &str,
) -> Result<Document, Error> {
    if let Some(name) = author {
        let key = author_key(connection, name)?;
        return of_key(connection, key, id)?.ok_or_else(|| unknown(id, author));
    }
    let sql = format!(
        "SELECT {COLUMNS} WHERE d.key IN (SELECT key FROM documents WHERE id = ?1) ORDER BY a.name"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row, None, Some(id))?.document);
    }
    if found.len() > 1 {
        return Err(Error::AmbiguousDocument {
            id: id.to_owned(),
            authors: found.into_iter().map(|document| document.author).collect(),
        });
    }
    found.pop().ok_or_else(|| unknown(id, None))
}

fn unknown(id: &str, author: Option<&str>) -> Error {
    Error::UnknownDocument {
        id: id.to_owned(),
        author: author.map(str::to_owned),
    }
}

/// The content of a document.
pub(crate) fn content_of_key(connection: &Connection, key: i64) -> Result<String, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE d.key = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([key])?;
    match rows.next()? {
        Some(row) => Ok(read(row, None, None)?.document.content().into_owned()),
        None => Ok(String::new()),
    }
}

/// The document of that id, of the author with that key, if there is one.
pub(crate) fn of_key(
    connection: &Connection,
    author: i64,
    id: &str,
) -> Result<Option<Document>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
         WHERE d.key = (SELECT key FROM documents WHERE author = ?1 AND id = ?2)"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![author, id])?;
    match rows.next()? {
        Some(row) => Ok(Some(read(row, Some(author), Some(id))?.document)),
        None => Ok(None),
    }
}

/// Keys of all authors.
pub(crate) fn author_keys(connection: &Connection) -> Result<Vec<i64>, Error> {
    let mut statement = connection.prepare_cached("SELECT key FROM authors ORDER BY key")?;
    Ok(statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}

/// All documents of an author in the order of time.
pub(crate) fn in_time_order(connection: &Connection, author: i64) -> Result<Vec<Document>, Error> {
    let mut stored = of_author(connection, author)?;
    stored.sort_by(|a, b| {
        let (one, other) = (&a.document, &b.document);
        let by_date = one.date.cmp(&other.date);
        by_date.then_with(|| match one.date {
            None => {
                let place = |stored: &Stored| (stored.document.n.unwrap_or(i64::MAX), stored.key);
                place(a).cmp(&place(b))
            }
            Some(_) => one.id.cmp(&other.id),
        })
    });
    Ok(stored.into_iter().map(|stored| stored.document).collect())
}

/// Writes down how many snippets a document has.
pub(crate) fn set_snippets(
    connection: &Connection,
    key: i64,
    snippets: usize,
) -> Result<(), Error> {
    connection
        .prepare_cached("UPDATE documents SET snippets = ?2 WHERE key = ?1 AND snippets <> ?2")?
        .execute(params![key, snippets])?;
    Ok(())
}

/// All documents of an author in the order of import.
pub(crate) fn of_author(connection: &Connection, author: i64) -> Result<Vec<Stored>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
         WHERE d.key IN (SELECT key FROM documents WHERE author = ?1) ORDER BY d.key"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([author])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row, Some(author), None)?);
    }
    Ok(found)
}

/// Visits every document in the order of import.
pub(crate) fn each<E: From<Error>>(
    connection: &Connection,
    visit: &mut dyn FnMut(&Document) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!("SELECT {COLUMNS} ORDER BY d.key");
    let mut statement = connection.prepare(&sql).map_err(Error::from)?;
    let mut rows = statement.query([]).map_err(Error::from)?;
    while let Some(row) = rows.next().map_err(Error::from)? {
        visit(&read(row, None, None)?.document)?;
    }
    Ok(())
}

/// How many documents cannot be read, or are not what was stored.
pub(crate) fn damaged(connection: &Connection) -> Result<usize, Error> {
    let sql = format!("SELECT {COLUMNS} ORDER BY d.key");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut damaged = 0;
    while let Some(row) = rows.next()? {
        match read(row, None, None) {
            Ok(_) => {}
            Err(Error::Damaged(_)) => damaged += 1,
            Err(other) => return Err(other),
        }
    }
    Ok(damaged)
}

/// A document to be written.
pub(crate) struct NewRow<'a> {
    pub(crate) source: i64,
    pub(crate) document: &'a Document,
    pub(crate) hash: &'a [u8],
    pub(crate) snippets: usize,
}

impl NewRow<'_> {
    /// Writes a document of an author who has none of its id; gives its key.
    pub(crate) fn insert(
        &self,
        connection: &Connection,
        author: i64,
        packer: &mut Packer,
    ) -> Result<i64, Error> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO documents (author, id, date, n, source, content_hash, characters, snippets,
                 kind, thread, recipient, title, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        let document = self.document;
        Ok(statement.insert(params![
            author,
            document.id,
            document.date.map(written),
            document.n,
            self.source,
            self.hash,
            characters(document),
            self.snippets,
            document.kind,
            document.thread,
            document.to,
            document.title,
            packer.pack(&document.text)?,
        ])?)
    }

    /// Writes over the document of that key.
    pub(crate) fn replace(
        &self,
        connection: &Connection,
        key: i64,
        packer: &mut Packer,
    ) -> Result<(), Error> {
        let mut statement = connection.prepare_cached(
            "UPDATE documents SET date = ?2, n = ?3, source = ?4, content_hash = ?5, characters = ?6,
                 snippets = ?7, kind = ?8, thread = ?9, recipient = ?10, title = ?11, text = ?12
             WHERE key = ?1",
        )?;
        let document = self.document;
        statement.execute(params![
            key,
            document.date.map(written),
            document.n,
            self.source,
            self.hash,
            characters(document),
            self.snippets,
            document.kind,
            document.thread,
            document.to,
            document.title,
            packer.pack(&document.text)?,
        ])?;
        Ok(())
    }
}

/// SHA-256 over everything of a document but its id and author: equal exactly where an import has
/// nothing to change.
pub(crate) fn content_hash(document: &Document) -> Vec<u8> {
    let date = document.date.map(written);
    let n = document.n.map(|n| n.to_string());
    let mut hash = Sha256::new();
    for field in [
        &date,
        &n,
        &document.title,
        &Some(document.text.clone()),
        &document.kind,
        &document.thread,
        &document.to,
    ] {
        match field {
            // Lengths keep neighbouring fields apart.
            Some(value) => {
                hash.update((value.len() as u64 + 1).to_le_bytes());
                hash.update(value);
            }
            None => hash.update(0_u64.to_le_bytes()),
        }
    }
    hash.finalize().to_vec()
}

/// Reads the columns [`COLUMNS`], and makes sure that they are what was stored, and of the author
/// and id that were looked for.
fn read(row: &Row<'_>, author: Option<i64>, id: Option<&str>) -> Result<Stored, Error> {
    let named = Document {
        id: row.get(0)?,
        ..Document::new(&row.get::<_, String>(1)?, "", "")
    };
    let damage = Damage::Document {
        author: named.author.clone(),
        id: named.id.clone(),
    };
    match read_rest(row, named).map_err(Error::from) {
        Ok((stored, of, hash))
            if hash == content_hash(&stored.document)
                && author.is_none_or(|author| author == of)
                && id.is_none_or(|id| id == stored.document.id) =>
        {
            Ok(stored)
        }
        Ok(_) | Err(Error::Damaged(_)) => Err(Error::Damaged(damage)),
        Err(other) => Err(other),
    }
}

/// All columns but id and name of author, which are in `named`; key of the author and hash beside.
fn read_rest(row: &Row<'_>, named: Document) -> rusqlite::Result<(Stored, i64, Vec<u8>)> {
    let document = Document {
        date: date(row, 2)?,
        n: row.get(3)?,
        title: row.get(4)?,
        text: unpack(row.get_ref(5)?, row.get(10)?)?,
        kind: row.get(6)?,
        thread: row.get(7)?,
        to: row.get(8)?,
        ..named
    };
    let key = row.get(9)?;
    Ok((Stored { key, document }, row.get(12)?, row.get(11)?))
}

/// A moment as it is stored: as long whatever its digits, so that texts sort as times do.
pub(crate) fn written(moment: Timestamp) -> String {
    format!("{moment:.9}")
}

/// Reads what [`written`] wrote.
pub(crate) fn date(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get_ref(column)?
        .as_str_or_null()
        .map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
        })?
        .map(|text| {
            text.parse().map_err(|error: jiff::Error| {
                rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
            })
        })
        .transpose()
}

fn characters(document: &Document) -> i64 {
    document.content().chars().count() as i64
}

/// How many similar names an error shows.
const NEAREST: usize = 3;

/// Names that somebody who typed `wanted` may have meant: few edits away, or longer forms of it.
fn nearest(wanted: &str, authors: Vec<String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let most_edits = (wanted.chars().count() / 3).max(2);
    let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
    for author in authors {
        let name = author.to_lowercase();
        let edits = if !wanted.is_empty() && name.contains(&wanted) {
            0
        } else {
            strsim::osa_distance(&wanted, &name)
        };
        if edits <= most_edits {
            found.insert((edits, author));
        }
    }
    found
        .into_iter()
        .take(NEAREST)
        .map(|(_, author)| author)
        .collect()
}
