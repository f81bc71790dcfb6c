//! Archives written by earlier versions stay readable.
//!
//! `tests/fixtures/format-1` was written by this file: `IDIOLECT_WRITE_FIXTURE=1 cargo test -p
//! idiolect-archive format_1`. Once a version is released its fixture is never written again;
//! a new format gets a folder of its own.

use std::path::{Path, PathBuf};

use crate::common::{Letters, document, source};
use idiolect_archive::{Archive, Error, SourceProblem};
use idiolect_core::{Before, Document, Encoder, Ranking};
use idiolect_retrieval::{Bm25, Past, Query};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1")
}

/// What the fixture holds, in the order of import.
fn contents() -> Vec<Document> {
    let dated = |id: &str, date: &str, title: &str, text: &str| Document {
        id: id.to_owned(),
        date: Some(idiolect_core::parse_date(date).unwrap()),
        ..Document::new("ana", title, text)
    };
    let numbered = |n: i64, text: &str| Document {
        n: Some(n),
        ..document("bo", &format!("bo-{n}"), text)
    };
    vec![
        Document {
            kind: Some("mail".to_owned()),
            thread: Some("garden".to_owned()),
            to: Some("bo".to_owned()),
            ..dated(
                "a1",
                "2020-05-01",
                "The garden",
                "The beans came up in spite of the rain. The fence did not hold.",
            )
        },
        dated(
            "a2",
            "2021-05-01T10:00:00.5Z",
            "Beans again",
            "This year the beans are late, and the fence is new.",
        ),
        numbered(2, "Čapek would have laughed at my garden."),
        numbered(1, "A first letter, without any date."),
    ]
}

fn write_fixture() {
    let dir = fixture();
    if dir.exists() {
        Archive::purge(&dir).unwrap();
    }
    let mut archive = Archive::create_or_open(&dir).unwrap();
    let mut contents = contents();
    let from = source("letters.jsonl");
    let before_its_change = Document {
        text: "The beans are late.".to_owned(),
        ..contents[1].clone()
    };
    let changed = std::mem::replace(&mut contents[1], before_its_change);
    archive.import(&from, &contents, Some(&Letters)).unwrap();
    archive.import(&from, &[changed], Some(&Letters)).unwrap();
    let problem = SourceProblem {
        location: "line 7".to_owned(),
        reason: "not JSON".to_owned(),
    };
    archive.record_problems(&from, &[problem]).unwrap();
    let other = [document("cy", "c1", "Something to be forgotten.")];
    archive.import(&source("diary.md"), &other, None).unwrap();
    archive.exclude_source(2).unwrap();
}

/// A copy to work on, as SQLite writes beside what it reads.
fn copy(folder: &Path) -> PathBuf {
    let dir = folder.join("archive");
    std::fs::create_dir(&dir).unwrap();
    let database = fixture().join("archive.sqlite");
    std::fs::copy(database, dir.join("archive.sqlite")).unwrap();
    dir
}

#[test]
fn format_1_is_read_and_written() {
    if std::env::var_os("IDIOLECT_WRITE_FIXTURE").is_some() {
        write_fixture();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut archive = Archive::open(&copy(folder.path())).unwrap();
    let mut seen = Vec::new();
    archive
        .export::<Error>(&mut |document| {
            seen.push(document.clone());
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, contents());

    let sources = archive.sources().unwrap();
    let listed: Vec<_> = sources
        .iter()
        .map(|one| {
            (
                one.location.as_str(),
                one.documents,
                one.problems,
                one.excluded,
            )
        })
        .collect();
    assert_eq!(
        listed,
        [("letters.jsonl", 4, 1, false), ("diary.md", 0, 0, true)]
    );

    let ids = |author: &str, before: &str, ranking| -> Vec<String> {
        let past = archive
            .past(author, &before.parse::<Before>().unwrap())
            .unwrap();
        let text = "the late beans";
        let vector = Letters.embed(&[text]).unwrap().remove(0);
        let query = Query {
            text,
            vector: Some(&vector),
        };
        let ranked = past.rank(&query, ranking, &Bm25::default(), 9).unwrap();
        ranked.into_iter().map(|one| one.document).collect()
    };
    assert_eq!(ids("ana", "now", Ranking::DocBm25), ["a2", "a1"]);
    assert_eq!(ids("ana", "2021-01-01", Ranking::DocBm25), ["a1"]);
    assert_eq!(ids("bo", "doc:bo-2", Ranking::DocDense), ["bo-1"]);
    assert_eq!(ids("bo", "now", Ranking::Recent), ["bo-2", "bo-1"]);

    let again = archive
        .import(&source("letters.jsonl"), &contents(), Some(&Letters))
        .unwrap();
    assert_eq!((again.added, again.updated, again.unchanged), (0, 0, 4));
}
