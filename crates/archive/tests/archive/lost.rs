//! What is lost or altered in the file is said, and never made into the whole: not by an export, a
//! rebuild or an upgrade.

use std::path::Path;

use crate::common::{database, document, empty_archive, number, source, sql};
use idiolect_archive::{Archive, Damage, Error, Finding};
use idiolect_core::{Before, Document};
use idiolect_retrieval::Past;
use rusqlite::Connection;
use tempfile::TempDir;

const DOCUMENTS: usize = 60;
const PAGE: usize = 8_192;
const TABLE_LEAF: u8 = 0x0d;

fn text(at: usize) -> String {
    format!("Walk {at:02}: {}", "the garden in the rain. ".repeat(15))
}

/// An archive of several pages, all of it in its one file.
fn stored() -> (TempDir, Archive) {
    let (folder, mut archive) = empty_archive();
    let documents: Vec<_> = (0..DOCUMENTS)
        .map(|at| document("ana", &format!("walk-{at:02}"), &text(at)))
        .collect();
    archive.import(&source("a"), &documents, None).unwrap();
    let (dir, path) = (archive.dir().to_owned(), database(&archive));
    drop(archive);
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    drop(connection);
    (folder, Archive::open(&dir).unwrap())
}

/// Changes bytes of the file; `change` gets them and where a text begins among them.
fn change(path: &Path, text: &str, change: impl FnOnce(&mut [u8], usize)) {
    let mut bytes = std::fs::read(path).unwrap();
    let start = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    change(&mut bytes, start);
    std::fs::write(path, bytes).unwrap();
}

/// Makes the page that a place is on forget its last row.
fn lose_a_row(bytes: &mut [u8], place: usize) {
    let page = place / PAGE * PAGE;
    assert_eq!(bytes[page], TABLE_LEAF);
    bytes[page + 4] -= 1;
}

/// What an export gave before it ended, and how it ended.
fn exported(archive: &Archive) -> (Vec<Document>, Result<(), Error>) {
    let mut seen = Vec::new();
    let ended = archive.export(&mut |document| {
        seen.push(document.clone());
        Ok(())
    });
    (seen, ended)
}

/// Makes sure that nothing is given out as the whole, and that the index stays as it was.
fn assert_refused(mut archive: Archive) {
    assert_eq!(archive.check().unwrap().findings, [Finding::Database]);
    let (seen, ended) = exported(&archive);
    assert!(seen.is_empty());
    for error in [ended.unwrap_err(), archive.rebuild(None).unwrap_err()] {
        assert!(
            matches!(error, Error::Damaged(Damage::Malformed)),
            "{error:?}"
        );
        assert!(error.hint().unwrap().contains("put a copy"));
    }
    assert_eq!(number(&archive, "SELECT max(key) FROM segments"), 1);
    let past = archive.past("ana", &Before::Now).unwrap();
    assert_eq!(past.documents(), DOCUMENTS);
}

#[test]
fn a_lost_row_is_never_made_final() {
    let (_folder, archive) = stored();
    let (dir, path) = (archive.dir().to_owned(), database(&archive));
    drop(archive);
    change(&path, &text(17), lose_a_row);
    let archive = Archive::open(&dir).unwrap();
    let left = archive.documents("ana").unwrap().len();
    assert_eq!(left, DOCUMENTS - 1, "nothing else tells");
    assert_refused(archive);
}

#[test]
fn an_altered_id_is_found() {
    let (_folder, archive) = stored();
    let (dir, path) = (archive.dir().to_owned(), database(&archive));
    drop(archive);
    change(&path, &text(17), |bytes, start| {
        let id = bytes[..start]
            .windows(7)
            .rposition(|window| window == b"walk-17")
            .unwrap();
        assert_eq!(id / PAGE, start / PAGE);
        bytes[id + 4] = b',';
    });
    assert_refused(Archive::open(&dir).unwrap());
}

#[test]
fn damaged_documents_are_counted() {
    let (_folder, mut archive) = stored();
    for damage in [
        "UPDATE documents SET text = 'Not what was written.' WHERE key = 1",
        "UPDATE documents SET text = CAST(X'57ff' AS TEXT) WHERE key = 2",
        "UPDATE documents SET title = CAST(X'ff' AS TEXT) WHERE key = 3",
        "UPDATE documents SET text = zeroblob(40) WHERE key = 4",
        "UPDATE documents SET date = 'never' WHERE key = 5",
    ] {
        sql(&archive, damage);
    }
    let report = archive.check().unwrap();
    assert_eq!(report.findings, [Finding::Documents { damaged: 5 }]);
    assert_eq!(report.documents, DOCUMENTS);
    for at in 0..5 {
        let wanted = format!("walk-{at:02}");
        let error = archive.document(Some("ana"), &wanted).unwrap_err();
        assert!(
            matches!(error, Error::Damaged(Damage::Document { ref id, .. }) if *id == wanted),
            "{error:?}"
        );
    }
    assert!(archive.document(Some("ana"), "walk-05").is_ok());
    let error = archive.rebuild(None).unwrap_err();
    assert!(matches!(error, Error::Damaged(Damage::Document { .. })));
    assert_eq!(number(&archive, "SELECT max(key) FROM segments"), 1);
}

#[test]
fn text_that_is_not_utf_8_is_damage() {
    let (_folder, archive) = stored();
    sql(
        &archive,
        "UPDATE authors SET name = CAST(X'616eff' AS TEXT);
         UPDATE sources SET location = CAST(X'ff' AS TEXT);",
    );
    for error in [
        archive.authors().unwrap_err(),
        archive.sources().unwrap_err(),
        exported(&archive).1.unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::Damaged(Damage::Database(_))),
            "{error:?}"
        );
        assert!(error.hint().unwrap().contains("put a copy"));
    }
    let findings = archive.check().unwrap().findings;
    assert_eq!(findings, [Finding::Documents { damaged: DOCUMENTS }]);
}

#[test]
fn a_missing_table_is_found() {
    let (_folder, mut archive) = stored();
    sql(
        &archive,
        "PRAGMA foreign_keys = OFF; DROP TABLE sources; DROP INDEX documents_by_source;",
    );
    let report = archive.check().unwrap();
    let lost = [
        "documents_by_source",
        "sources",
        "sqlite_autoindex_sources_1",
    ];
    assert_eq!(
        report.findings,
        [Finding::Tables {
            missing: lost.map(str::to_owned).to_vec()
        }]
    );
    assert_eq!(report.documents, DOCUMENTS);
    let error = archive.sources().unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error:?}");
    let error = archive.rebuild(None).unwrap_err();
    assert!(matches!(error, Error::Damaged(Damage::Tables { .. })));

    sql(&archive, "PRAGMA foreign_keys = OFF; DROP TABLE documents;");
    let report = archive.check().unwrap();
    assert!(matches!(
        &report.findings[..],
        [Finding::Tables { missing }] if missing.iter().any(|name| name == "documents")
    ));
    assert_eq!(report.documents, 0);
    let (seen, ended) = exported(&archive);
    assert!(seen.is_empty());
    let error = ended.unwrap_err();
    assert!(error.to_string().contains("`documents`"), "{error}");
    assert!(error.hint().unwrap().contains("put a copy"));
}

/// What is kept apart from the documents may be lost without them.
#[test]
fn documents_are_exported_from_an_archive_of_which_the_rest_is_lost() {
    let (_folder, archive) = stored();
    sql(
        &archive,
        "PRAGMA foreign_keys = OFF; DROP TABLE tombstones; DROP TABLE segments;",
    );
    let (seen, ended) = exported(&archive);
    ended.unwrap();
    assert_eq!(seen.len(), DOCUMENTS);
}

#[test]
fn an_empty_file_is_told_from_none() {
    let folder = tempfile::tempdir().unwrap();
    let error = Archive::open_read_only(folder.path()).err().unwrap();
    assert!(matches!(error, Error::NotFound { empty: false, .. }));
    std::fs::write(folder.path().join("archive.sqlite"), []).unwrap();
    let error = Archive::open_read_only(folder.path()).err().unwrap();
    assert!(matches!(error, Error::NotFound { empty: true, .. }));
    assert!(error.to_string().contains("holds nothing"), "{error}");
    assert!(error.hint().unwrap().contains("put a copy"));
    let made = Archive::create_or_open(folder.path()).unwrap();
    assert_eq!(made.check().unwrap().documents, 0);
}

#[test]
fn a_damaged_archive_is_not_upgraded() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.sqlite");
    std::fs::copy(fixture.join("archive.sqlite"), &path).unwrap();
    let dir = folder.path();
    let documents = exported(&Archive::open_read_only(dir).unwrap()).0;
    change(&path, &documents[0].text, lose_a_row);
    let damaged = std::fs::read(&path).unwrap();
    let error = Archive::open(dir).err().unwrap();
    assert!(
        matches!(error, Error::Damaged(Damage::Malformed)),
        "{error:?}"
    );
    assert!(std::fs::read(&path).unwrap() == damaged);
    let findings = Archive::open_read_only(dir)
        .unwrap()
        .check()
        .unwrap()
        .findings;
    assert!(findings.contains(&Finding::Database));
    let copies = std::fs::read_dir(dir).unwrap();
    assert!(
        copies
            .flatten()
            .all(|file| file.file_name() != "archive-format-1.sqlite")
    );
}

#[test]
fn a_file_in_place_of_the_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "mine").unwrap();
    for opened in [
        Archive::create_or_open(&path),
        Archive::open(&path),
        Archive::open_read_only(&path),
    ] {
        let error = opened.err().unwrap();
        assert!(
            matches!(&error, Error::NotAnArchive { path: named } if *named == path),
            "{error:?}"
        );
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}
