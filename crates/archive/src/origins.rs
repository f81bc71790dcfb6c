//! What is known of a document beside itself: where in its source it stood, what was left out of it,
//! which other sources hold the same text, and which document it nearly repeats.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use idiolect_core::Document;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::documents::content_of_key;
use crate::sources::{Source, known};
use crate::{Archive, Error};

/// Where a document was found, and what was left out there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file and the place in it.
    pub location: String,
    /// What of the item is not in the document, as JSON; `None` where all of it is.
    pub removed: Option<String>,
}

/// How far a file of a source was read: kept for whoever reads it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMark {
    /// The file.
    pub path: String,
    /// The options it was read with; marks made with others are of no use.
    pub options: String,
    /// What its reader wrote down.
    pub mark: String,
}

/// What was left out of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Who wrote the document.
    pub author: String,
    /// Its id.
    pub document: String,
    /// The file and the place in it.
    pub location: String,
    /// As [`Origin::removed`].
    pub removed: String,
}

impl Archive {
    /// The marks of a source's files that were made with these options.
    ///
    /// # Errors
    /// Whatever keeps the archive from being read.
    pub fn marks(&self, location: &str, options: &str) -> Result<Vec<FileMark>, Error> {
        if !self.has_origins()? {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT f.path, f.mark FROM files f JOIN sources s ON s.key = f.source
             WHERE s.location = ?1 AND f.options = ?2",
        )?;
        let found = statement.query_map([location, options], |row| {
            Ok(FileMark {
                path: row.get(0)?,
                options: options.to_owned(),
                mark: row.get(1)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The options that a source was last read with, where a mark of it was kept.
    ///
    /// # Errors
    /// [`Error::UnknownSource`].
    pub fn options_of_source(&self, id: i64) -> Result<Option<String>, Error> {
        known(&self.connection, id)?;
        if !self.has_origins()? {
            return Ok(None);
        }
        Ok(self
            .connection
            .prepare_cached("SELECT options FROM files WHERE source = ?1 ORDER BY path LIMIT 1")?
            .query_row([id], |row| row.get(0))
            .optional()?)
    }

    /// What was left out of the documents of a source, in the order of import.
    ///
    /// # Errors
    /// [`Error::UnknownSource`].
    pub fn left_out(&self, id: i64) -> Result<Vec<LeftOut>, Error> {
        known(&self.connection, id)?;
        if !self.has_origins()? {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT a.name, d.id, o.location, o.removed FROM documents d
             JOIN authors a ON a.key = d.author JOIN origins o ON o.document = d.key
             WHERE d.source = ?1 AND o.removed IS NOT NULL ORDER BY d.key",
        )?;
        let found = statement.query_map([id], |row| {
            Ok(LeftOut {
                author: row.get(0)?,
                document: row.get(1)?,
                location: row.get(2)?,
                removed: row.get(3)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The id of a document of the same author with exactly this content.
    ///
    /// # Errors
    /// Whatever keeps the archive from being read.
    pub fn same_text(&self, document: &Document) -> Result<Option<String>, Error> {
        if !self.has_origins()? {
            return Ok(None);
        }
        let author: Option<i64> = self
            .connection
            .prepare_cached("SELECT key FROM authors WHERE name = ?1")?
            .query_row([&document.author], |row| row.get(0))
            .optional()?;
        let Some(author) = author else {
            return Ok(None);
        };
        let Some((key, _)) = same(&self.connection, author, &document.content())? else {
            return Ok(None);
        };
        Ok(self
            .connection
            .prepare_cached("SELECT id FROM documents WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?)
    }

    /// Whether the archive is of a format that has origins; one opened to be read may be older.
    pub(crate) fn has_origins(&self) -> Result<bool, Error> {
        Ok(crate::schema::format(&self.connection)? >= ORIGINS_SINCE)
    }
}

/// The first format that has origins.
pub(crate) const ORIGINS_SINCE: i64 = 3;

/// Writes down how far files of a source were read.
pub(crate) fn keep_marks(
    connection: &Connection,
    source: i64,
    marks: &[FileMark],
) -> Result<(), Error> {
    let mut write = connection.prepare_cached(
        "INSERT INTO files (source, path, options, mark) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (source, path) DO UPDATE SET options = excluded.options, mark = excluded.mark",
    )?;
    for mark in marks {
        write.execute(params![source, mark.path, mark.options, mark.mark])?;
    }
    Ok(())
}

/// A number that texts of one author share only where they are the same, chance aside.
fn text_key(author: i64, content: &str) -> i64 {
    let mut hash = Sha256::new();
    hash.update(author.to_le_bytes());
    hash.update(content);
    let hash = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_le_bytes(first)
}

/// The document of an author with exactly this content, and its source.
pub(crate) fn same(
    connection: &Connection,
    author: i64,
    content: &str,
) -> Result<Option<(i64, i64)>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT d.key, d.source FROM origins o JOIN documents d ON d.key = o.document
         WHERE o.same = ?1 AND d.author = ?2 ORDER BY d.key",
    )?;
    let found: Vec<(i64, i64)> = statement
        .query_map([text_key(author, content), author], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    for (key, source) in found {
        if content_of_key(connection, key)? == content {
            return Ok(Some((key, source)));
        }
    }
    Ok(None)
}

/// Writes down that a document came from another source too.
pub(crate) fn also_from(connection: &Connection, document: i64, source: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO also (document, source)
             SELECT ?1, ?2 WHERE (SELECT source FROM documents WHERE key = ?1) <> ?2",
        )?
        .execute([document, source])?;
    Ok(())
}

/// Writes down where a document came from, and what it nearly repeats; true where it does.
pub(crate) fn write(
    connection: &Connection,
    near: &mut Near,
    (author, key): (i64, i64),
    content: &str,
    origin: &Origin,
) -> Result<bool, Error> {
    let sketch = Sketch::of(content);
    let repeats = match &sketch {
        Some(sketch) => near.find(connection, author, key, sketch, content)?,
        None => None,
    };
    connection
        .prepare_cached(
            "INSERT INTO origins (document, location, same, sketch, near, removed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (document) DO UPDATE SET location = excluded.location,
                 same = excluded.same, sketch = excluded.sketch, near = excluded.near,
                 removed = excluded.removed",
        )?
        .execute(params![
            key,
            origin.location,
            text_key(author, content),
            sketch.as_ref().map(Sketch::bytes),
            repeats,
            origin.removed,
        ])?;
    if let Some(sketch) = sketch {
        near.add(author, key, &sketch);
    }
    Ok(repeats.is_some())
}

/// How many values a sketch has. Two texts agree in a share of them that is about the share of
/// phrases that they have in common.
const BINS: usize = 16;

/// How many values are looked up together: texts that agree in none of these groups are not compared.
const BAND: usize = 4;

/// From how many equal values on texts are compared phrase by phrase, and how many phrases of theirs
/// must then be shared.
const ALIKE: usize = 10;
const SHARED: f64 = 0.6;

/// Shorter texts have too few phrases to tell a draft from a set form.
const FEWEST_PHRASES: usize = 40;

/// The smallest hashes of a text's phrases of three words, one for each of some classes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sketch([u16; BINS]);

impl Sketch {
    fn of(content: &str) -> Option<Self> {
        let mut smallest = [u64::MAX; BINS];
        let mut count = 0;
        each_phrase(content, |phrase| {
            let bin = &mut smallest[phrase as usize % BINS];
            *bin = (*bin).min(phrase / BINS as u64);
            count += 1;
        });
        (count >= FEWEST_PHRASES).then(|| Self(smallest.map(|value| value as u16)))
    }

    fn bytes(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut values = [0; BINS];
        let mut pairs = bytes.chunks_exact(2);
        for value in &mut values {
            let pair = pairs.next()?;
            *value = u16::from_le_bytes([pair[0], pair[1]]);
        }
        Some(Self(values))
    }

    /// A number for each group of values, and the author.
    fn bands(&self, author: i64) -> impl Iterator<Item = u32> {
        self.0.chunks_exact(BAND).enumerate().map(move |(i, band)| {
            let mut hasher = DefaultHasher::new();
            (author, i, band).hash(&mut hasher);
            hasher.finish() as u32
        })
    }

    fn agreement(&self, other: &Self) -> usize {
        self.0
            .iter()
            .zip(other.0)
            .filter(|(a, b)| **a == *b)
            .count()
    }
}

/// Hashes of all phrases of three words.
fn phrases(content: &str) -> HashSet<u64> {
    let mut found = HashSet::new();
    each_phrase(content, |phrase| {
        found.insert(phrase);
    });
    found
}

/// Visits the hash of every phrase of three words, without regard to case and signs.
fn each_phrase(content: &str, mut visit: impl FnMut(u64)) {
    let mut words = content
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(word_hash);
    let (Some(mut a), Some(mut b)) = (words.next(), words.next()) else {
        return;
    };
    for c in words {
        let mixed = (a.rotate_left(21) ^ b.rotate_left(42) ^ c).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        visit(mixed ^ mixed >> 29);
        (a, b) = (b, c);
    }
}

/// FNV-1a: the words are short, and nobody gains by making two texts look alike.
fn word_hash(word: &str) -> u64 {
    let add = |hash: u64, c: char| (hash ^ u64::from(c)).wrapping_mul(0x0100_0000_01b3);
    let begun = 0xcbf2_9ce4_8422_2325_u64;
    if word.is_ascii() {
        let letters = word
            .bytes()
            .map(|byte| char::from(byte.to_ascii_lowercase()));
        return letters.fold(begun, add);
    }
    word.chars().flat_map(char::to_lowercase).fold(begun, add)
}

/// Of each group of values, hashed, the earliest document that has it, of the authors that were asked
/// for. Both are cut to 32 bits: what is found is compared with what is stored.
#[derive(Default)]
pub(crate) struct Near {
    documents: HashMap<u32, u32>,
    loaded: HashSet<i64>,
}

/// How many entries are held, about a million documents. Beyond them other authors are forgotten; of one
/// who has written more, later repetitions may not be seen.
const MOST_ENTRIES: usize = 4_000_000;

impl Near {
    /// The earliest document of the author's that is nearly the same, other than itself.
    fn find(
        &mut self,
        connection: &Connection,
        author: i64,
        key: i64,
        sketch: &Sketch,
        content: &str,
    ) -> Result<Option<i64>, Error> {
        self.load(connection, author)?;
        let mut candidates: Vec<i64> = sketch
            .bands(author)
            .filter_map(|band| self.documents.get(&band))
            .map(|candidate| i64::from(*candidate))
            .filter(|candidate| *candidate != key)
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        let mut read = connection.prepare_cached(
            "SELECT o.sketch FROM origins o JOIN documents d ON d.key = o.document
             WHERE o.document = ?1 AND d.author = ?2 AND o.sketch IS NOT NULL",
        )?;
        let mut own = None;
        for candidate in candidates {
            let stored: Option<Vec<u8>> = read
                .query_row([candidate, author], |row| row.get(0))
                .optional()?;
            let other = stored.as_deref().and_then(Sketch::read);
            if other.is_none_or(|other| other.agreement(sketch) < ALIKE) {
                continue;
            }
            let own = own.get_or_insert_with(|| phrases(content));
            let other = phrases(&content_of_key(connection, candidate)?);
            let shared = own.intersection(&other).count();
            if shared as f64 >= SHARED * (own.len() + other.len() - shared) as f64 {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    fn load(&mut self, connection: &Connection, author: i64) -> Result<(), Error> {
        if self.loaded.contains(&author) {
            return Ok(());
        }
        if self.documents.len() >= MOST_ENTRIES {
            *self = Self::default();
        }
        self.loaded.insert(author);
        let mut statement = connection.prepare_cached(
            "SELECT o.document, o.sketch FROM documents d JOIN origins o ON o.document = d.key
             WHERE d.author = ?1 AND o.sketch IS NOT NULL ORDER BY o.document",
        )?;
        let mut rows = statement.query([author])?;
        while let Some(row) = rows.next()? {
            let bytes: Vec<u8> = row.get(1)?;
            if let Some(sketch) = Sketch::read(&bytes) {
                self.insert(author, row.get(0)?, &sketch);
            }
        }
        Ok(())
    }

    /// Adds a document of an author who was asked for before.
    fn add(&mut self, author: i64, key: i64, sketch: &Sketch) {
        if self.loaded.contains(&author) {
            self.insert(author, key, sketch);
        }
    }

    fn insert(&mut self, author: i64, key: i64, sketch: &Sketch) {
        let Ok(key) = u32::try_from(key) else { return };
        for band in sketch.bands(author) {
            if self.documents.len() < MOST_ENTRIES {
                self.documents.entry(band).or_insert(key);
            }
        }
    }
}

/// Writes origins of documents that were stored before there were any.
pub(crate) fn fill(connection: &Connection) -> Result<(), Error> {
    let keys: Vec<(i64, i64)> = connection
        .prepare(
            "SELECT key, author FROM documents
             WHERE key NOT IN (SELECT document FROM origins) ORDER BY key",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut near = Near::default();
    for (key, author) in keys {
        let content = content_of_key(connection, key)?;
        write(
            connection,
            &mut near,
            (author, key),
            &content,
            &Origin::default(),
        )?;
    }
    Ok(())
}

/// Gives a source's documents that are in other sources too to those.
pub(crate) fn hand_over(connection: &Connection, source: i64) -> Result<(), Error> {
    connection.execute("DELETE FROM also WHERE source = ?1", [source])?;
    connection.execute(
        "UPDATE documents SET source = (SELECT min(source) FROM also WHERE document = key)
         WHERE source = ?1 AND key IN (SELECT document FROM also)",
        [source],
    )?;
    connection.execute(
        "DELETE FROM also WHERE source = (SELECT source FROM documents WHERE key = document)",
        [],
    )?;
    connection.execute("DELETE FROM files WHERE source = ?1", [source])?;
    Ok(())
}

/// What one import brings.
pub struct Delivery<'a> {
    /// Where from.
    pub source: &'a Source,
    /// Documents with their ids.
    pub documents: &'a [Document],
    /// Of each document where it was found.
    pub origins: &'a [Origin],
    /// Files of which everything is in the archive once the documents are.
    pub files: &'a [FileMark],
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that never repeat.
    fn text(words: std::ops::Range<usize>) -> String {
        words
            .map(|i| format!("word{i} "))
            .collect::<Vec<_>>()
            .concat()
    }

    #[test]
    fn a_sketch_tells_how_alike_texts_are() {
        let whole = Sketch::of(&text(0..300)).unwrap();
        let draft = Sketch::of(&text(0..280)).unwrap();
        let other = Sketch::of(&text(1000..1300)).unwrap();
        assert!(
            whole.agreement(&draft) >= ALIKE,
            "{}",
            whole.agreement(&draft)
        );
        assert!(whole.agreement(&other) < 3);
        assert_eq!(Sketch::read(&whole.bytes()), Some(whole));
        assert_eq!(Sketch::read(&[1, 2, 3]), None);
        assert_eq!(Sketch::of("Too short."), None);
        assert_eq!(Sketch::of(""), None);
    }
}
