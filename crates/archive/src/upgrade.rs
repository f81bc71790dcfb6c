//! Archives of earlier formats become ones of this version's.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior, params};

use crate::schema::{self, Access};
use crate::texts::Packer;
use crate::{Archive, Error, FORMAT_VERSION, files, origins, segments, sound};

/// Upgrades an archive in one transaction and keeps a copy of it as it was, or does nothing if
/// somebody else was quicker. Gives where the copy is.
pub(crate) fn upgrade(archive: &mut Archive) -> Result<Option<PathBuf>, Error> {
    let dir = archive.dir.clone();
    let transaction = archive
        .connection
        .transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format = schema::format(&transaction)?;
    if format == FORMAT_VERSION {
        return Ok(None);
    }
    // What is lost would be missing from the copy too, and nothing would tell of it any more.
    sound::require(&transaction)?;
    let copy = files::copy_of_format(&dir, format);
    if let Err(error) = keep_copy(&dir, &copy) {
        files::throw_begun_copy_away(&dir)?;
        return Err(error);
    }
    if format < 2 {
        pack_texts(&transaction)?;
        segments::renew(&transaction)?;
    }
    transaction.execute_batch(schema::ORIGINS)?;
    origins::fill(&transaction)?;
    schema::mark(&transaction)?;
    transaction.commit()?;
    Ok(Some(copy))
}

/// Copies the archive as others see it while this process alone can write, and has not committed.
fn keep_copy(dir: &Path, copy: &Path) -> Result<(), Error> {
    let begun = files::begin_copy(dir)?;
    let (other, _) = schema::open(dir, Access::Read)?;
    other.execute("VACUUM INTO ?1", [begun.to_string_lossy()])?;
    files::finish_copy(&begun, copy)
}

/// Format 2: long texts are compressed.
fn pack_texts(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch(
        "ALTER TABLE documents RENAME TO documents_1;
         DROP INDEX documents_by_id;
         DROP INDEX documents_by_source;",
    )?;
    connection.execute_batch(schema::DOCUMENTS)?;
    let keys: Vec<i64> = connection
        .prepare("SELECT key FROM documents_1 ORDER BY key")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut read = connection.prepare("SELECT text FROM documents_1 WHERE key = ?1")?;
    let mut write = connection.prepare(
        "INSERT INTO documents SELECT key, author, id, date, n, source, content_hash, characters,
             snippets, kind, thread, recipient, title, ?2
         FROM documents_1 WHERE key = ?1",
    )?;
    let mut packer = Packer::new()?;
    for key in keys {
        let text: String = read.query_row([key], |row| row.get(0))?;
        write.execute(params![key, packer.pack(&text)?])?;
    }
    drop((read, write));
    // Keys of documents that were removed are not given to others.
    connection.execute_batch(
        "DELETE FROM sqlite_sequence WHERE name = 'documents';
         UPDATE sqlite_sequence SET name = 'documents' WHERE name = 'documents_1';
         DROP TABLE documents_1;",
    )?;
    Ok(())
}
