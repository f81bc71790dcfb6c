//! Archives written by earlier versions stay readable.
//!
//! `tests/fixtures/format-N` was written by this file when N was the format's version:
//! `IDIOLECT_WRITE_FIXTURE=1 cargo test -p idiolect-archive this_format`. The fixture of a version that
//! was followed by another is never written again.

use std::path::{Path, PathBuf};

use crate::common::{Letters, document, empty_archive, source};
use idiolect_archive::{Archive, Error, FORMAT_VERSION, SourceProblem};
use idiolect_core::{Before, Document, Encoder, Ranking};
use idiolect_retrieval::{Bm25, Past, Query};
use rusqlite::Connection;

fn fixture(format: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fixtures.join(format!("format-{format}"))
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

/// A document whose text is stored compressed from format 2 on.
fn long() -> Document {
    let days: Vec<String> = (1..=40)
        .map(|day| format!("On day {day} of the journey it rained, and we read to each other. "))
        .collect();
    document("dora", "journey", &days.concat())
}

fn write_fixture() {
    let dir = fixture(&FORMAT_VERSION.to_string());
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
    archive
        .import(&source("journey.md"), &[long()], Some(&Letters))
        .unwrap();
}

/// A copy to work on, as SQLite writes beside what it reads.
fn copy(format: &str, folder: &Path) -> PathBuf {
    let dir = folder.join("archive");
    std::fs::create_dir(&dir).unwrap();
    let database = fixture(format).join("archive.sqlite");
    std::fs::copy(database, dir.join("archive.sqlite")).unwrap();
    dir
}

/// All that can be asked of the fixture.
fn assert_holds_contents(archive: &Archive) {
    let mut seen = Vec::new();
    archive
        .export::<Error>(&mut |document| {
            seen.push(document.clone());
            Ok(())
        })
        .unwrap();
    seen.retain(|document| document.author != "dora");
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
        listed[..2],
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
    assert_eq!(ids("ana", "now", Ranking::DocDense), ["a2", "a1"]);
    assert_eq!(ids("bo", "doc:bo-2", Ranking::DocDense), ["bo-1"]);
    assert_eq!(ids("bo", "now", Ranking::Recent), ["bo-2", "bo-1"]);
}

fn version(database: &Path) -> i64 {
    Connection::open(database)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// The definitions of all tables, to compare an upgraded archive with a new one.
fn tables(archive: &Archive) -> Vec<String> {
    let connection = Connection::open(archive.dir().join("archive.sqlite")).unwrap();
    let mut statement = connection
        .prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name")
        .unwrap();
    let found = statement.query_map([], |row| row.get::<_, String>(0));
    found
        .unwrap()
        .map(|sql| sql.unwrap().replace('"', ""))
        .collect()
}

#[test]
fn this_format_is_read_and_written() {
    if std::env::var_os("IDIOLECT_WRITE_FIXTURE").is_some() {
        write_fixture();
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(&copy(&FORMAT_VERSION.to_string(), folder.path())).unwrap();
    assert_eq!(archive.kept_copy(), None);
    assert_eq!(archive.documents("dora").unwrap(), [long()]);
    assert_holds_contents(&archive);
}

/// `format-1-long` was written by the command that wrote format 1, `idiolect import --encoder none`,
/// from a line of JSON with [`long`] on standard input.
#[test]
fn long_texts_of_format_1_are_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = copy("1-long", folder.path());
    let reader = Archive::open_read_only(&dir).unwrap();
    assert_eq!(reader.documents("dora").unwrap(), [long()]);
    drop(reader);
    let archive = Archive::open(&dir).unwrap();
    assert_eq!(archive.documents("dora").unwrap(), [long()]);
    assert_eq!(archive.past("dora", &Before::Now).unwrap().documents(), 1);
    let stored: (String, i64) = Connection::open(dir.join("archive.sqlite"))
        .unwrap()
        .query_row(
            "SELECT typeof(text), length(text) FROM documents",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(stored.0, "blob");
    assert!(stored.1 * 4 < long().text.len() as i64, "{stored:?}");
}

#[test]
fn format_2_is_read_as_it_is_and_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let dir = copy("2", folder.path());
    let reader = Archive::open_read_only(&dir).unwrap();
    assert_holds_contents(&reader);
    assert_eq!(reader.marks("letters.jsonl", "").unwrap(), []);
    assert_eq!(reader.same_text(&contents()[2]).unwrap(), None);
    drop(reader);
    let archive = Archive::open(&dir).unwrap();
    assert_holds_contents(&archive);
    let (_folder, new) = empty_archive();
    assert_eq!(tables(&archive), tables(&new));
    let kept = archive.kept_copy().unwrap();
    assert_eq!(version(kept), 2);
    // Texts that were stored before are known.
    assert_eq!(
        archive.same_text(&contents()[2]).unwrap().as_deref(),
        Some("bo-2")
    );
}

#[test]
fn format_1_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let dir = copy("1", folder.path());
    let before = std::fs::read(dir.join("archive.sqlite")).unwrap();
    let archive = Archive::open_read_only(&dir).unwrap();
    assert_holds_contents(&archive);
    assert_eq!(archive.check().unwrap().format_version, 1);
    drop(archive);
    assert!(std::fs::read(dir.join("archive.sqlite")).unwrap() == before);
}

#[test]
fn format_1_is_upgraded_and_a_copy_kept() {
    let folder = tempfile::tempdir().unwrap();
    let dir = copy("1", folder.path());
    let mut archive = Archive::open(&dir).unwrap();
    assert_holds_contents(&archive);
    assert_eq!(archive.check().unwrap().format_version, FORMAT_VERSION);
    let (_folder, new) = empty_archive();
    assert_eq!(tables(&archive), tables(&new));
    let again = archive
        .import(&source("letters.jsonl"), &contents(), Some(&Letters))
        .unwrap();
    assert_eq!((again.added, again.updated, again.unchanged), (0, 0, 4));
    let new = document("ana", "a3", "One more.");
    archive
        .import(&source("b"), &[new], Some(&Letters))
        .unwrap();
    let last = archive.documents("ana").unwrap().remove(0);
    assert_eq!(last.id, "a3", "undated");

    let kept = archive.kept_copy().unwrap().to_owned();
    assert_eq!(kept, dir.join("archive-format-1.sqlite"));
    assert_eq!(version(&kept), 1);
    drop(archive);
    assert_eq!(Archive::open(&dir).unwrap().kept_copy(), None);

    // The copy is an archive by itself.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(&kept, other.join("archive.sqlite")).unwrap();
    assert_holds_contents(&Archive::open_read_only(&other).unwrap());
}

#[cfg(unix)]
#[test]
fn a_kept_copy_is_its_owners_alone_and_goes_with_what_is_removed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let dir = copy("1", folder.path());
    // What an upgrade that was interrupted leaves behind.
    std::fs::write(dir.join("archive.sqlite-copy"), "half a copy").unwrap();
    let mut archive = Archive::open(&dir).unwrap();
    let kept = archive.kept_copy().unwrap().to_owned();
    let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!dir.join("archive.sqlite-copy").exists());
    archive.remove_source(1).unwrap();
    assert!(!kept.exists());
    drop(archive);

    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = copy("1", &other);
    drop(Archive::open(&other).unwrap());
    std::fs::write(other.join("archive-format-x.sqlite"), "mine").unwrap();
    Archive::purge(&other).unwrap();
    let left: Vec<_> = std::fs::read_dir(&other).unwrap().flatten().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn several_may_upgrade_the_same_archive_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = copy("1", folder.path());
    let kept: usize = std::thread::scope(|scope| {
        let openings: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let archive = Archive::open(&dir).unwrap();
                    assert_holds_contents(&archive);
                    usize::from(archive.kept_copy().is_some())
                })
            })
            .collect();
        openings.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(kept, 1);
    assert_eq!(version(&dir.join("archive-format-1.sqlite")), 1);
}

#[test]
fn an_upgrade_that_fails_leaves_the_archive_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let dir = copy("1", folder.path());
    let in_the_way = dir.join("archive-format-1.sqlite");
    std::fs::create_dir(&in_the_way).unwrap();
    std::fs::write(in_the_way.join("notes.txt"), "mine").unwrap();
    assert!(matches!(Archive::open(&dir), Err(Error::Io(_))));
    assert_eq!(version(&dir.join("archive.sqlite")), 1);
    assert!(!dir.join("archive.sqlite-copy").exists());
    assert_holds_contents(&Archive::open_read_only(&dir).unwrap());
    std::fs::rename(&in_the_way, dir.join("notes")).unwrap();
    let archive = Archive::open(&dir).unwrap();
    assert_holds_contents(&archive);
    assert!(archive.kept_copy().is_some());
}
