//! What is taken out of an archive is in none of its files afterwards.

use crate::common::{Letters, database, document, empty_archive, is_in_files, number, source};
use idiolect_core::Before;
use rusqlite::Connection;

#[test]
fn a_removed_sentence_is_in_no_file() {
    let (_folder, mut archive) = empty_archive();
    let kept = document("ana", "1", "The garden was quiet.");
    let secret = document(
        "ana",
        "secret-id",
        "Nobody knows about the quagmire at Zzyzx.",
    );
    archive
        .import(&source("a"), std::slice::from_ref(&kept), Some(&Letters))
        .unwrap();
    archive
        .import(&source("b"), &[secret], Some(&Letters))
        .unwrap();
    let dir = archive.dir().to_owned();
    let traces: [&[u8]; 4] = [b"Nobody knows about", b"quagmir", b"zzyzx", b"secret-id"];
    for trace in traces {
        assert!(
            is_in_files(&dir, trace),
            "{}",
            String::from_utf8_lossy(trace)
        );
    }

    // While somebody still reads the earlier state it cannot be wiped out.
    let past = archive.past("ana", &Before::Now).unwrap();
    let removal = archive.remove_source(2).unwrap();
    assert_eq!((removal.documents, removal.erased), (1, false));
    drop(past);
    assert!(archive.erase().unwrap());
    for trace in traces {
        assert!(
            !is_in_files(&dir, trace),
            "{}",
            String::from_utf8_lossy(trace)
        );
    }
    assert_eq!(archive.documents("ana").unwrap(), [kept]);
    assert_eq!(archive.check().unwrap().findings, []);
}

/// What a source brought is indexed in several segments, changed by another source, merged in parts.
#[test]
fn nothing_of_an_excluded_source_is_left_behind_by_changes_and_merges() {
    let (_folder, mut archive) = empty_archive();
    let text = |at: usize| format!("Nobody knows about the quagmire at Zzyzx {at}.");
    for at in 0..12 {
        let one = document("ana", &format!("secret-{at}"), &text(at));
        archive
            .import(&source("b"), &[one], Some(&Letters))
            .unwrap();
    }
    let other = document("bo", "secret-13", &text(13));
    archive
        .import(&source("b"), &[other], Some(&Letters))
        .unwrap();
    // Another source changes some, and adds to what stays.
    for at in [3, 11] {
        let changed = document("ana", &format!("secret-{at}"), "A plain sentence.");
        archive
            .import(&source("a"), &[changed], Some(&Letters))
            .unwrap();
    }
    assert!(number(&archive, "SELECT count(*) FROM segments") > 2);
    assert!(number(&archive, "SELECT count(*) FROM tombstones") > 0);
    let dir = archive.dir().to_owned();
    let traces: [&[u8]; 4] = [b"Nobody knows about", b"quagmir", b"zzyzx", b"secret-13"];
    for trace in traces {
        assert!(
            is_in_files(&dir, trace),
            "{}",
            String::from_utf8_lossy(trace)
        );
    }
    let removal = archive.exclude_source(1).unwrap();
    assert_eq!((removal.documents, removal.erased), (11, true));
    for trace in traces {
        assert!(
            !is_in_files(&dir, trace),
            "{}",
            String::from_utf8_lossy(trace)
        );
    }
    assert_eq!(archive.documents("ana").unwrap().len(), 2);
    assert_eq!(archive.check().unwrap().findings, []);
    assert!(archive.past("bo", &Before::Now).is_err());
}

/// Only the changed texts came from the excluded source: none is a document of it any more.
#[test]
fn what_another_source_replaced_goes_with_the_source_it_came_from() {
    let (_folder, mut archive) = empty_archive();
    let secret = document("ana", "1", "Nobody knows about the quagmire at Zzyzx.");
    let plain = document("ana", "1", "A plain sentence.");
    let more: Vec<_> = (2..6)
        .map(|at| document("ana", &at.to_string(), "Another plain sentence."))
        .collect();
    archive.import(&source("more"), &more, None).unwrap();
    archive.import(&source("b"), &[secret], None).unwrap();
    archive.import(&source("a"), &[plain], None).unwrap();
    let removal = archive.remove_source(2).unwrap();
    assert_eq!((removal.documents, removal.erased), (0, true));
    for trace in [b"quagmir".as_slice(), b"zzyzx"] {
        assert!(!is_in_files(archive.dir(), trace));
    }
    assert_eq!(archive.documents("ana").unwrap().len(), 5);
}

/// Documents that change again and again leave no more behind than what they are.
#[test]
fn merges_drop_what_was_replaced() {
    let (_folder, mut archive) = empty_archive();
    for round in 0..40 {
        let changed: Vec<_> = (0..4)
            .map(|at| {
                let text =
                    format!("In round {round} the letter {at} says something else, word{round}.");
                document("ana", &at.to_string(), &text)
            })
            .collect();
        archive
            .import(&source("a"), &changed, Some(&Letters))
            .unwrap();
    }
    assert!(number(&archive, "SELECT count(*) FROM segments") <= 3);
    assert!(number(&archive, "SELECT sum(documents) FROM segments") <= 12);
    assert!(number(&archive, "SELECT count(*) FROM tombstones") <= 8);
    assert_eq!(
        number(
            &archive,
            "SELECT count(*) FROM tombstones WHERE segment NOT IN (SELECT key FROM segments)"
        ),
        0
    );
}

#[test]
fn a_removed_text_that_was_compressed_is_in_no_file() {
    let (_folder, mut archive) = empty_archive();
    let text = "Nobody knows about the quagmire at Zzyzx, and nobody will. ".repeat(40);
    archive
        .import(&source("b"), &[document("ana", "1", &text)], None)
        .unwrap();
    let stored: Vec<u8> = Connection::open(database(&archive))
        .unwrap()
        .query_row("SELECT text FROM documents", [], |row| row.get(0))
        .unwrap();
    assert!(stored.len() < 512 && is_in_files(archive.dir(), &stored));
    assert!(archive.remove_source(1).unwrap().erased);
    for start in (0..stored.len() - 8).step_by(8) {
        assert!(!is_in_files(archive.dir(), &stored[start..start + 8]));
    }
}
