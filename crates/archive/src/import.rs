use std::collections::{BTreeMap, BTreeSet, HashMap};

use idiolect_core::{Document, Encoder};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use crate::origins::{Delivery, Near, Origin};
use crate::segments::{self, Cut, Unindexed};
use crate::sources::{self, Source};
use crate::texts::Packer;
use crate::{Archive, Error, documents, origins};

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
    /// Not stored, as the same author has exactly this text under another id; its source was noted
    /// there.
    pub duplicates: usize,
    /// Of those added and updated, how many nearly repeat another of their author.
    pub near: usize,
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
        let delivery = Delivery {
            source,
            documents,
            origins: &[],
            files: &[],
        };
        self.take_in(&delivery, false, encoder)
    }

    /// Stores documents as [`Archive::import`] does, with where they were found and how far files
    /// were read. A text that its author has already, under whatever id, is not stored again: the
    /// source is noted with it.
    ///
    /// # Errors
    /// As [`Archive::import`].
    pub fn deliver(
        &mut self,
        delivery: &Delivery<'_>,
        encoder: Option<&dyn Encoder>,
    ) -> Result<Outcome, Error> {
        self.take_in(delivery, true, encoder)
    }

    fn take_in(
        &mut self,
        delivery: &Delivery<'_>,
        merge: bool,
        encoder: Option<&dyn Encoder>,
    ) -> Result<Outcome, Error> {
        let documents = delivery.documents;
        if let Some(nameless) = documents.iter().find(|document| document.id.is_empty()) {
            return Err(Error::MissingId {
                author: nameless.author.clone(),
            });
        }
        let mut near = self.near.take();
        let outcome = self.write(|transaction| {
            let source = sources::upsert(transaction, delivery.source)?;
            let mut batch = Batch {
                merge,
                ..Batch::default()
            };
            let mut packer = Packer::new()?;
            let nowhere = Origin::default();
            for (i, document) in documents.iter().enumerate() {
                let found = Found {
                    source,
                    document,
                    origin: delivery.origins.get(i).unwrap_or(&nowhere),
                };
                store(transaction, &found, &mut batch, &mut near, &mut packer)?;
            }
            origins::keep_marks(transaction, source, delivery.files)?;
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
        })?;
        // What is not in the archive must not be found again: it is kept only where all went well.
        self.near.replace(near);
        Ok(outcome)
    }
}

/// What an import has stored so far.
#[derive(Default)]
struct Batch<'a> {
    outcome: Outcome,
    /// Whether a text is stored once only.
    merge: bool,
    /// Keys of the authors met.
    authors: HashMap<&'a str, i64>,
    /// What is stored and not indexed, by author and place in the order of import.
    fresh: BTreeMap<(i64, i64), (&'a Document, Cut)>,
    /// Ids by author of what is indexed with what it was before.
    replaced: BTreeMap<i64, (&'a str, Vec<String>)>,
}

/// A document and where it was found.
struct Found<'a, 'b> {
    source: i64,
    document: &'a Document,
    origin: &'b Origin,
}

fn store<'a>(
    connection: &Connection,
    found: &Found<'a, '_>,
    batch: &mut Batch<'a>,
    near: &mut Near,
    packer: &mut Packer,
) -> Result<(), Error> {
    let &Found {
        source,
        document,
        origin,
    } = found;
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
        Some((key, present)) if present == hash => {
            batch.outcome.unchanged += 1;
            return origins::also_from(connection, key, source);
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
            if batch.merge
                && let Some((key, _)) = origins::same(connection, author, &document.content())?
            {
                batch.outcome.duplicates += 1;
                return origins::also_from(connection, key, source);
            }
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
    let repeats = origins::write(connection, near, (author, key), &cut.content, origin)?;
    batch.outcome.near += usize::from(repeats);
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
