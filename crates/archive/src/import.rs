use std::collections::{BTreeMap, BTreeSet, HashMap};

use idiolect_core::{Document, Encoder};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use crate::segments::{self, Cut, Unindexed};
use crate::sources::{self, Source};
use crate::texts::Packer;
use crate::{Archive, Error, documents};

/// What became of the documents of one [`Archive::import`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Not in the archive before.
    pub added: usize,
    /// There before with another text, date or other field.
    pub updated: usize,
    /// There before just so.
    pub unchanged: usize,
    /// Snippets of those added and updated.
    pub snippets: usize,
}

impl Archive {
    /// Stores documents and their index in one transaction: when this returns they are on the disk,
    /// and when it fails nothing of them is. A document is told by author and id; its place in the
    /// order of import is that of its first. Without an encoder there are no vectors, and dense
    /// rankings fail until [`Archive::rebuild`].
    ///
    /// # Errors
    /// [`Error::MissingId`], [`Error::ExcludedSource`], [`Error::Encoder`], and whatever keeps the
    /// archive from being written.
    pub fn import(
        &mut self,
        source: &Source,
        documents: &[Document],
        encoder: Option<&dyn Encoder>,
    ) -> Result<Outcome, Error> {
        if let Some(nameless) = documents.iter().find(|document| document.id.is_empty()) {
            return Err(Error::MissingId {
                author: nameless.author.clone(),
            });
        }
        self.write(|transaction| {
            let source = sources::upsert(transaction, source)?;
            let mut batch = Batch::default();
            let mut packer = Packer::new()?;
            for document in documents {
                store(transaction, source, document, &mut batch, &mut packer)?;
            }
            for (&author, (name, ids)) in &batch.replaced {
                segments::bury(transaction, author, name, ids)?;
            }
            let unindexed: Vec<Unindexed<'_>> = batch
                .fresh
                .iter()
                .map(|(&(author, key), (document, cut))| Unindexed::new(author, key, document, cut))
                .collect();
            segments::add(transaction, &unindexed, encoder)?;
            let authors: BTreeSet<(i64, &str)> = batch
                .fresh
                .iter()
                .map(|((author, _), (document, _))| (*author, document.author.as_str()))
                .collect();
            for (author, name) in authors {
                segments::tidy(transaction, author, name)?;
            }
            batch.outcome.snippets = batch.fresh.values().map(|(_, cut)| cut.spans.len()).sum();
            Ok(batch.outcome)
        })
    }
}

/// What an import has stored so far.
#[derive(Default)]
struct Batch<'a> {
    outcome: Outcome,
    /// Keys of the authors met.
    authors: HashMap<&'a str, i64>,
    /// What is stored and not indexed, by author and place in the order of import.
    fresh: BTreeMap<(i64, i64), (&'a Document, Cut)>,
    /// Ids by author of what is indexed with what it was before.
    replaced: BTreeMap<i64, (&'a str, Vec<String>)>,
}

fn store<'a>(
    connection: &Connection,
    source: i64,
    document: &'a Document,
    batch: &mut Batch<'a>,
    packer: &mut Packer,
) -> Result<(), Error> {
    let author = match batch.authors.get(document.author.as_str()) {
        Some(&author) => author,
        None => author_key(connection, &document.author)?,
    };
    batch.authors.insert(&document.author, author);
    let hash = documents::content_hash(document);
    let present: Option<(i64, Vec<u8>)> = connection
        .prepare_cached("SELECT key, content_hash FROM documents WHERE author = ?1 AND id = ?2")?
        .query_row(params![author, document.id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let key = match present {
        Some((_, present)) if present == hash => {
            batch.outcome.unchanged += 1;
            return Ok(());
        }
        Some((key, _)) => {
            batch.outcome.updated += 1;
            if !batch.fresh.contains_key(&(author, key)) {
                let (_, ids) = batch
                    .replaced
                    .entry(author)
                    .or_insert_with(|| (&document.author, Vec::new()));
                ids.push(document.id.clone());
            }
            Some(key)
        }
        None => {
            batch.outcome.added += 1;
            None
        }
    };
    let cut = Cut::of(document);
    let row = documents::NewRow {
        source,
        document,
        hash: &hash,
        snippets: cut.spans.len(),
    };
    let key = match key {
        Some(key) => row.replace(connection, key, packer).map(|()| key)?,
        None => row.insert(connection, author, packer)?,
    };
    batch.fresh.insert((author, key), (document, cut));
    Ok(())
}

/// The author's key; a new one is written down.
fn author_key(connection: &Connection, name: &str) -> Result<i64, Error> {
    let known = connection
        .prepare_cached("SELECT key FROM authors WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    match known {
        Some(key) => Ok(key),
        None => Ok(connection
            .prepare_cached("INSERT INTO authors (name) VALUES (?1)")?
            .insert([name])?),
    }
}
