//! Shared by the tests: invented documents, a small encoder, an archive in a temporary folder.

use std::path::{Path, PathBuf};

use idiolect_archive::{Archive, Source};
use idiolect_core::{Document, Encoder, EncoderError};
use rusqlite::Connection;
use tempfile::TempDir;

/// An archive in a folder that goes away with it.
pub(crate) fn empty_archive() -> (TempDir, Archive) {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::create_or_open(&folder.path().join("archive")).unwrap();
    (folder, archive)
}

pub(crate) fn source(location: &str) -> Source {
    Source {
        location: location.to_owned(),
        format: "jsonl".to_owned(),
        content_hash: None,
    }
}

pub(crate) fn document(author: &str, id: &str, text: &str) -> Document {
    Document {
        id: id.to_owned(),
        ..Document::new(author, "", text)
    }
}

pub(crate) fn database(archive: &Archive) -> PathBuf {
    archive.dir().join("archive.sqlite")
}

/// Does something to the database behind the archive's back.
pub(crate) fn sql(archive: &Archive, sql: &str) {
    let connection = Connection::open(database(archive)).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// What a statement finds in the database.
pub(crate) fn number(archive: &Archive, sql: &str) -> i64 {
    let connection = Connection::open(database(archive)).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Whether any file in the archive's folder has these bytes.
pub(crate) fn is_in_files(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let file = std::fs::read(entry.unwrap().path()).unwrap();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

/// Counts letters: as good as any encoder to see whether vectors are kept, and needs no model.
pub(crate) struct Letters;

impl Encoder for Letters {
    fn identity(&self) -> &'static str {
        "letters-1"
    }

    fn dimensions(&self) -> usize {
        16
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        Ok(texts.iter().map(|text| letters(text)).collect())
    }
}

fn letters(text: &str) -> Vec<f32> {
    let mut counts = vec![0.0_f32; 16];
    for byte in text.bytes() {
        counts[usize::from(byte) % 16] += 1.0;
    }
    let length = counts.iter().map(|count| count * count).sum::<f32>().sqrt();
    if length > 0.0 {
        for count in &mut counts {
            *count /= length;
        }
    }
    counts
}
