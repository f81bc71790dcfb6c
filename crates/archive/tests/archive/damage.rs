//! Files that are not as they were written: found out, or without effect; never a panic, never
//! another's text.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::Path;

use crate::common::{Letters, database, document, empty_archive, number, source, sql};
use idiolect_archive::{Archive, Damage, Error, FORMAT_VERSION, Finding};
use idiolect_core::{Before, Document, Encoder, Ranking};
use idiolect_retrieval::{Bm25, Past, Query};
use rusqlite::Connection;

#[test]
fn a_damaged_index_is_found_and_made_anew() {
    let (_folder, mut archive) = empty_archive();
    let documents = [document("ana", "1", "One."), document("bo", "1", "Two.")];
    archive.import(&source("a"), &documents, None).unwrap();
    let damages = [
        "UPDATE segments SET bytes = zeroblob(100) WHERE key = 1",
        "UPDATE segments SET bytes = substr(bytes, 1, 60) WHERE key = 1",
        "DELETE FROM segments WHERE key = 1",
        "INSERT INTO tombstones SELECT min(key), 7 FROM segments",
    ];
    for damage in damages {
        sql(&archive, damage);
        let findings = archive.check().unwrap().findings;
        assert_eq!(findings, [Finding::Index { authors: 1 }], "{damage}");
        archive.rebuild(None).unwrap();
        assert_eq!(archive.check().unwrap().findings, []);
        sql(
            &archive,
            "UPDATE segments SET key = key - (SELECT min(key) FROM segments) + 1",
        );
    }
    sql(&archive, damages[0]);
    let error = archive.past("ana", &Before::Now).err().unwrap();
    assert!(matches!(
        error,
        Error::Damaged(Damage::Segment { ref author, .. }) if author == "ana"
    ));
    assert!(error.hint().unwrap().contains("idiolect rebuild"));
    assert_eq!(archive.past("bo", &Before::Now).unwrap().documents(), 1);
}

#[test]
fn a_truncated_database_is_an_error() {
    let (_folder, mut archive) = empty_archive();
    let documents: Vec<_> = (0..200)
        .map(|at| document("ana", &at.to_string(), &"A garden in the rain. ".repeat(20)))
        .collect();
    archive.import(&source("a"), &documents, None).unwrap();
    let (dir, path) = (archive.dir().to_owned(), database(&archive));
    drop(archive);
    let whole = std::fs::read(&path).unwrap();
    for kept in [200, 8_192, 20_000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..kept]).unwrap();
        let asked = Archive::open_read_only(&dir).and_then(|archive| {
            let past = archive.past("ana", &Before::Now)?;
            let mut read = 0;
            past.visit(&mut |_| {
                read += 1;
                ControlFlow::Continue(())
            })?;
            Ok(read)
        });
        match asked {
            Ok(read) => assert_eq!(read, documents.len(), "{kept}"),
            Err(error) => assert!(!error.to_string().contains("garden"), "{error}"),
        }
    }
}

#[test]
fn a_broken_archive_can_be_purged() {
    let (_folder, mut archive) = empty_archive();
    archive
        .import(&source("a"), &[document("ana", "1", "One.")], None)
        .unwrap();
    let (dir, path) = (archive.dir().to_owned(), database(&archive));
    drop(archive);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..4_000].fill(0xAA);
    std::fs::write(&path, bytes).unwrap();
    let error = Archive::open(&dir)
        .and_then(|archive| archive.authors())
        .unwrap_err();
    assert!(
        matches!(error, Error::Damaged(Damage::Database(_))),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("move it aside"));
    Archive::purge(&dir).unwrap();
    assert!(!dir.exists());
}

#[test]
fn a_newer_version_is_refused() {
    let (_folder, archive) = empty_archive();
    let dir = archive.dir().to_owned();
    sql(&archive, "PRAGMA user_version = 99");
    drop(archive);
    for opened in [
        Archive::open(&dir),
        Archive::open_read_only(&dir),
        Archive::create_or_open(&dir),
    ] {
        let error = opened.err().unwrap();
        assert!(matches!(
            error,
            Error::NewerVersion {
                found: 99,
                supported: FORMAT_VERSION
            }
        ));
        assert!(error.hint().unwrap().contains("update idiolect"));
    }
    Archive::purge(&dir).unwrap();
}

#[test]
fn a_log_without_its_database_is_not_thrown_away() {
    let (_folder, mut archive) = empty_archive();
    archive
        .import(&source("a"), &[document("ana", "1", "One.")], None)
        .unwrap();
    let lost = tempfile::tempdir().unwrap();
    let log = lost.path().join("archive.sqlite-wal");
    std::fs::copy(archive.dir().join("archive.sqlite-wal"), &log).unwrap();
    let bytes = std::fs::read(&log).unwrap();
    assert!(!bytes.is_empty());
    let refuses = || {
        for opened in [
            Archive::open(lost.path()),
            Archive::open_read_only(lost.path()),
            Archive::create_or_open(lost.path()),
        ] {
            let error = opened.err().unwrap();
            assert!(
                matches!(error, Error::Damaged(Damage::LogAlone { .. })),
                "{error:?}"
            );
            assert!(error.hint().unwrap().contains("move it aside"));
        }
        assert!(std::fs::read(&log).unwrap() == bytes);
    };
    refuses();
    std::fs::write(lost.path().join("archive.sqlite"), []).unwrap();
    refuses();
    assert_eq!(Archive::purge(lost.path()).unwrap().len(), 3);
}

/// Two authors with documents of the same ids and lengths.
fn neighbours() -> Vec<Document> {
    let hours: Vec<String> = (0..12)
        .map(|hour| format!("At {hour} the garden was as it had been the hour before. "))
        .collect();
    let long = hours.concat();
    vec![
        document("ana", "1", "The garden was full of rain."),
        document("bo", "1", "The garden had not seen any."),
        document("ana", "2", &long),
        document("bo", "2", &long.replace("garden", "harbor")),
    ]
}

/// Asks for everything, and makes sure that what comes is what was stored; gives how much came.
fn read_all(dir: &Path, known: &HashMap<(&str, &str), &Document>) -> Result<usize, Error> {
    let archive = Archive::open_read_only(dir)?;
    let right = |author: &str, id: &str, text: &str| {
        let original = known.get(&(author, id));
        assert!(
            original.is_some_and(|one| one.text == text),
            "{author} {id}"
        );
    };
    let text = "The garden in the rain";
    let vector = Letters.embed(&[text]).unwrap().remove(0);
    let query = Query {
        text,
        vector: Some(&vector),
    };
    let mut found = 0;
    for author in ["ana", "bo"] {
        let past = archive.past(author, &Before::Now)?;
        for ranking in [Ranking::DocBm25, Ranking::DocDense] {
            for one in past.rank(&query, ranking, &Bm25::default(), 9)? {
                right(author, &one.document, &one.text);
                found += 1;
            }
        }
        for one in archive.documents(author)? {
            assert!(
                neighbours()
                    .iter()
                    .any(|known| known.author == author && known.text == one.text)
            );
            found += 1;
        }
        let one = archive.document(Some(author), "1")?;
        right(author, "1", &one.text);
    }
    Ok(found)
}

/// Of the indexes every byte is changed, of the rest of the file one in a few.
#[test]
fn a_changed_byte_is_found_out_or_without_effect() {
    let (_folder, mut archive) = empty_archive();
    let documents = neighbours();
    archive
        .import(&source("a"), &documents, Some(&Letters))
        .unwrap();
    let dir = archive.dir().to_owned();
    let path = database(&archive);
    let mut indexes = Vec::new();
    for key in [1, 2] {
        let connection = Connection::open(&path).unwrap();
        let bytes: Vec<u8> = connection
            .query_row("SELECT bytes FROM segments WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .unwrap();
        indexes.push(bytes);
    }
    drop(archive);
    // Without a log the file is all there is, and opening it is quick.
    let connection = Connection::open(&path).unwrap();
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    drop(connection);
    let known = documents
        .iter()
        .map(|one| ((one.author.as_str(), one.id.as_str()), one))
        .collect();
    let everything = read_all(&dir, &known).unwrap();
    assert_eq!(everything, 11);

    let whole = std::fs::read(&path).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let write = |at: usize, byte: u8| {
        (&file).seek(SeekFrom::Start(at as u64)).unwrap();
        (&file).write_all(&[byte]).unwrap();
    };
    let mut places: Vec<usize> = (0..whole.len()).step_by(97).collect();
    for index in &indexes {
        let start = whole
            .windows(index.len())
            .position(|window| window == index.as_slice())
            .unwrap();
        places.extend(start..start + index.len());
    }
    let mut detected = 0;
    for (turn, &at) in places.iter().enumerate() {
        write(at, whole[at] ^ [0x01, 0x80, 0xff, 0x03][turn % 4]);
        let read = read_all(&dir, &known);
        write(at, whole[at]);
        match read {
            Ok(found) => assert_eq!(found, everything, "byte {at}"),
            Err(error) => {
                assert!(!error.to_string().contains("garden"), "{error}");
                detected += 1;
            }
        }
    }
    let in_indexes: usize = indexes.iter().map(Vec::len).sum();
    assert!(detected >= in_indexes, "{detected} of {in_indexes}");
}

#[test]
fn an_index_that_points_at_another_author_shows_nothing_of_theirs() {
    let (_folder, mut archive) = empty_archive();
    let documents = neighbours();
    archive.import(&source("a"), &documents, None).unwrap();
    let swapped = number(&archive, "SELECT count(*) FROM segments");
    assert_eq!(swapped, 2);
    sql(
        &archive,
        "UPDATE segments SET bytes = (SELECT bytes FROM segments WHERE key = 2) WHERE key = 1",
    );
    // The same ids and lengths: only the texts themselves tell.
    let past = archive.past("ana", &Before::Now).unwrap();
    let query = Query {
        text: "garden rain",
        vector: None,
    };
    for one in past
        .rank(&query, Ranking::DocBm25, &Bm25::default(), 9)
        .unwrap()
    {
        assert_eq!(one.author, "ana");
        assert!(
            documents
                .iter()
                .any(|known| known.author == "ana" && known.text == one.text)
        );
    }
    sql(
        &archive,
        "UPDATE documents SET text = 'Not what was written.' WHERE key = 1",
    );
    let error = archive.document(Some("ana"), "1").unwrap_err();
    assert!(matches!(error, Error::Damaged(Damage::Document { ref id, .. }) if id == "1"));
}

#[test]
fn vectors_are_read_when_a_ranking_asks_for_them() {
    let (_folder, mut archive) = empty_archive();
    archive
        .import(&source("a"), &neighbours(), Some(&Letters))
        .unwrap();
    // The vectors lie at the end of a segment.
    sql(
        &archive,
        "UPDATE segments SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || X'7f' AS BLOB)",
    );
    let past = archive.past("ana", &Before::Now).unwrap();
    let text = "garden rain";
    let vector = Letters.embed(&[text]).unwrap().remove(0);
    let query = Query {
        text,
        vector: Some(&vector),
    };
    let rank = |ranking| past.rank(&query, ranking, &Bm25::default(), 9);
    assert_eq!(rank(Ranking::DocBm25).unwrap().len(), 2);
    assert_eq!(rank(Ranking::Recent).unwrap().len(), 2);
    let error = Error::from(rank(Ranking::DocDense).unwrap_err());
    assert!(
        error.hint().unwrap().contains("idiolect rebuild"),
        "{error}"
    );
    let findings = archive.check().unwrap().findings;
    assert_eq!(findings, [Finding::Index { authors: 2 }]);
    archive.rebuild(Some(&Letters)).unwrap();
    assert_eq!(archive.check().unwrap().findings, []);
}
