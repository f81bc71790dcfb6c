//! What the files of an archive let out, and what they withstand.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use crate::common::{Letters, database, document, empty_archive, source};
use idiolect_archive::{Archive, Error, Finding};
use idiolect_core::{Before, Encoder, EncoderError};
use idiolect_retrieval::Past;
use rusqlite::Connection;

/// Runs itself under several masks, since the mask is the whole process's.
#[cfg(unix)]
#[test]
fn files_are_their_owners_alone_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;

    if let Some(folder) = std::env::var_os("IDIOLECT_TEST_FOLDER") {
        let dir = Path::new(&folder).join("made/archive");
        let mut archive = Archive::create_or_open(&dir).unwrap();
        archive
            .import(&source("a"), &[document("ana", "1", "One.")], None)
            .unwrap();
        let files: Vec<_> = std::fs::read_dir(&dir).unwrap().flatten().collect();
        assert_eq!(files.len(), 3, "database, log and shared memory");
        for file in files {
            assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
        }
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(dir.parent().unwrap()), 0o700);
        assert_eq!(archive.check().unwrap().findings, []);
        return;
    }
    for mask in ["000", "022", "077", "277"] {
        let folder = tempfile::tempdir().unwrap();
        let status = std::process::Command::new("sh")
            .args(["-c", "umask $0; exec \"$@\"", mask])
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "safety::files_are_their_owners_alone_whatever_the_umask",
                "--nocapture",
            ])
            .env("IDIOLECT_TEST_FOLDER", folder.path())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "umask {mask}");
    }
}

#[cfg(unix)]
#[test]
fn files_open_to_others_are_found() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, archive) = empty_archive();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(database(&archive), open).unwrap();
    let findings = archive.check().unwrap().findings;
    assert!(findings.contains(&Finding::Permissions {
        path: database(&archive),
        mode: 0o644,
        expected: 0o600,
    }));
}

#[test]
fn there_is_an_archive_only_where_one_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("none");
    for opened in [Archive::open(&dir), Archive::open_read_only(&dir)] {
        let error = opened.err().unwrap();
        assert!(matches!(&error, Error::NotFound { dir: found, empty: false } if *found == dir));
        assert!(error.hint().unwrap().contains("idiolect import"));
    }
    assert!(!dir.exists());
    assert!(matches!(Archive::purge(&dir), Err(Error::NotFound { .. })));

    // What an interruption of the very first moment leaves behind.
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("archive.sqlite"), []).unwrap();
    assert!(matches!(Archive::open(&dir), Err(Error::NotFound { .. })));
    Archive::create_or_open(&dir).unwrap();
    Archive::open_read_only(&dir).unwrap();
}

#[test]
fn other_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let path = dir.join("archive.sqlite");
    let text = "Not a database, though it is long enough to have a header. ".repeat(20);
    std::fs::write(&path, &text).unwrap();
    let refuses = || {
        for error in [
            Archive::open(dir).err(),
            Archive::open_read_only(dir).err(),
            Archive::create_or_open(dir).err(),
            Archive::purge(dir).err(),
        ] {
            assert!(
                matches!(error, Some(Error::NotAnArchive { .. })),
                "{error:?}"
            );
        }
    };
    refuses();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

    std::fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE recipes(name TEXT)")
        .unwrap();
    refuses();
}

#[test]
fn purge_deletes_what_was_made_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("archive");
    drop(Archive::create_or_open(&dir).unwrap());
    let notes = dir.join("notes.txt");
    std::fs::write(&notes, "mine").unwrap();
    Archive::purge(&dir).unwrap();
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "mine");

    std::fs::remove_file(&notes).unwrap();
    drop(Archive::create_or_open(&dir).unwrap());
    assert!(Archive::purge(&dir).unwrap().contains(&dir));
    assert!(!dir.exists());
}

/// Does something in the middle of an import, then embeds or fails.
struct Meanwhile<F: Fn() -> Result<(), EncoderError> + Send + Sync>(F);

impl<F: Fn() -> Result<(), EncoderError> + Send + Sync> Encoder for Meanwhile<F> {
    fn identity(&self) -> &str {
        Letters.identity()
    }
    fn dimensions(&self) -> usize {
        Letters.dimensions()
    }
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        (self.0)()?;
        Letters.embed(texts)
    }
}

#[test]
fn a_failed_import_leaves_nothing() {
    let (_folder, mut archive) = empty_archive();
    let one = document("ana", "1", "One.");
    archive
        .import(&source("a"), std::slice::from_ref(&one), None)
        .unwrap();
    let more = [
        document("ana", "1", "Changed."),
        document("bo", "2", "Two."),
    ];

    let failing = Meanwhile(|| Err("no memory".into()));
    let error = archive
        .import(&source("b"), &more, Some(&failing))
        .unwrap_err();
    assert_eq!(error.to_string(), "the encoder failed: no memory");
    let panicking = Meanwhile(|| panic!("in the middle"));
    let panic = catch_unwind(AssertUnwindSafe(|| {
        archive.import(&source("b"), &more, Some(&panicking))
    }));
    assert!(panic.is_err());

    let dir = archive.dir().to_owned();
    drop(archive);
    let mut archive = Archive::open(&dir).unwrap();
    assert_eq!(archive.sources().unwrap().len(), 1);
    assert_eq!(archive.authors().unwrap().len(), 1);
    assert_eq!(archive.documents("ana").unwrap(), [one]);
    assert_eq!(archive.check().unwrap().findings, []);
    let outcome = archive.import(&source("b"), &more, Some(&Letters)).unwrap();
    assert_eq!((outcome.added, outcome.updated), (1, 1));
}

#[test]
fn a_reader_sees_one_state_while_another_writes() {
    let (_folder, mut archive) = empty_archive();
    let one = document("ana", "1", "One.");
    archive
        .import(&source("a"), &[one], Some(&Letters))
        .unwrap();
    let dir = archive.dir().to_owned();
    let reader = Archive::open_read_only(&dir).unwrap();
    let past = reader.past("ana", &Before::Now).unwrap();

    let during = Meanwhile(|| {
        let reader = Archive::open_read_only(&dir)?;
        let seen = reader.past("ana", &Before::Now)?;
        assert_eq!(seen.documents(), 1);
        assert_eq!(reader.document(None, "1")?.text, "One.");

        let mut second = Archive::open(&dir)?;
        second.wait_at_most(Duration::ZERO)?;
        let refused = second.import(&source("b"), &[document("bo", "1", "No.")], None);
        assert!(matches!(refused, Err(Error::Locked)));
        Ok(())
    });
    let two = [
        document("ana", "1", "Changed."),
        document("ana", "2", "Two."),
    ];
    archive.import(&source("a"), &two, Some(&during)).unwrap();

    let mut seen = Vec::new();
    past.visit(&mut |document| {
        seen.push(document.text.clone());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, ["One."], "what was opened before stays as it was");
    let now = reader.past("ana", &Before::Now).unwrap();
    assert_eq!(now.documents(), 2);
}

#[test]
fn writers_take_turns() {
    let (_folder, archive) = empty_archive();
    let dir = archive.dir().to_owned();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let dir = &dir;
            scope.spawn(move || {
                let mut archive = Archive::create_or_open(dir).unwrap();
                for at in 0..5 {
                    let one = document(&format!("author {writer}"), &at.to_string(), "A letter.");
                    let from = source(&writer.to_string());
                    archive.import(&from, &[one], Some(&Letters)).unwrap();
                }
            });
        }
    });
    let authors = archive.authors().unwrap();
    assert_eq!(authors.len(), 4);
    assert!(authors.iter().all(|author| author.documents == 5));
    assert_eq!(archive.check().unwrap().findings, []);
}

#[test]
fn several_may_make_the_same_archive_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("archive");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| Archive::create_or_open(&dir).map(drop).unwrap());
        }
    });
    assert_eq!(Archive::open(&dir).unwrap().authors().unwrap(), []);
}

/// For a user whom permissions bind, SQLite can make no log beside the database here.
#[cfg(unix)]
#[test]
fn an_archive_where_nothing_can_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let allow = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let (_folder, mut archive) = empty_archive();
    let one = document("ana", "1", "One.");
    archive
        .import(&source("a"), std::slice::from_ref(&one), None)
        .unwrap();
    let (dir, path) = (archive.dir().to_owned(), database(&archive));
    drop(archive);
    allow(&path, 0o400);
    allow(&dir, 0o500);
    let read = Archive::open_read_only(&dir).and_then(|archive| {
        archive.past("ana", &Before::Now)?;
        archive.documents("ana")
    });
    allow(&dir, 0o700);
    assert_eq!(read.unwrap(), [one]);
}

#[test]
fn what_is_open_for_reading_is_not_changed() {
    let (_folder, archive) = empty_archive();
    let mut reader = Archive::open_read_only(archive.dir()).unwrap();
    let error = reader
        .import(&source("a"), &[document("ana", "1", "One.")], None)
        .unwrap_err();
    assert!(matches!(error, Error::ReadOnly), "{error:?}");
    assert!(error.hint().is_some());
}
