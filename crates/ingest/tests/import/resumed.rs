//! A second import of what has grown meanwhile.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use idiolect_ingest::{Format, Options};

use crate::{Import, ana, try_path};

/// Writes a file as if it had been there for a while.
fn write(path: &Path, text: &str, age: u64) {
    fs::write(path, text).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(age))
        .unwrap();
}

fn again(path: &Path, before: &Import, options: &Options) -> Import {
    let options = Options {
        known: before.marks.clone(),
        ..options.clone()
    };
    try_path(path, &options).unwrap()
}

fn mail(body: &str) -> String {
    format!("From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\n\n{body}\n\n")
}

#[test]
fn of_a_grown_mailbox_only_what_is_new_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sent.mbox");
    let options = ana(Format::Auto);
    let end = "Ana Example\nana@example.org";
    let mut text = [0, 1, 2, 3]
        .map(|i| mail(&format!("Letter {i}.\n\n{end}")))
        .concat();
    write(&path, &text, 100);
    let first = try_path(&path, &options).unwrap();
    assert_eq!(first.documents.len(), 4);
    let same = again(&path, &first, &options);
    assert_eq!((same.documents.len(), same.known), (0, 4));

    text.push_str(&mail(&format!("Letter 4.\n\n{end}")));
    write(&path, &text, 50);
    let second = again(&path, &first, &options);
    // What the first import learned of signatures is known to the second.
    assert_eq!(second.texts(), ["Letter 4."]);
    assert_eq!(second.known, 4);
    assert_eq!(second.problems.len(), 0);

    // Something in the middle was taken out.
    write(
        &path,
        &text.replacen("Letter 1", "Letter one hundred", 1),
        20,
    );
    let third = again(&path, &first, &options);
    assert_eq!((third.documents.len(), third.known), (5, 0));
}

#[test]
fn lines_are_numbered_from_the_beginning_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    let options = Options {
        author: Some("ana".to_owned()),
        ..Options::default()
    };
    write(&path, "{\"text\": \"One.\"}\nbroken\n", 100);
    let first = try_path(&path, &options).unwrap();
    assert_eq!(first.problems.len(), 1);
    write(
        &path,
        "{\"text\": \"One.\"}\nbroken\n{\"text\": \"Three.\"}\nbroken\n",
        50,
    );
    let second = again(&path, &first, &options);
    assert_eq!(second.texts(), ["Three."]);
    assert!(
        second.problems[0].contains("line 4"),
        "{:?}",
        second.problems
    );
    let mark = &second.marks[&path.display().to_string()];
    assert_eq!((mark.documents, mark.problems.len(), mark.lines), (2, 2, 4));
}

#[test]
fn of_a_folder_only_changed_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        author: Some("ana".to_owned()),
        ..Options::default()
    };
    write(&folder.path().join("a.md"), "One.", 100);
    write(&folder.path().join("b.md"), "Two.", 100);
    let first = try_path(folder.path(), &options).unwrap();
    write(&folder.path().join("b.md"), "Too.", 50);
    write(&folder.path().join("c.md"), "Three.", 50);
    let second = again(folder.path(), &first, &options);
    assert_eq!(second.texts(), ["Too.", "Three."]);
    assert_eq!(second.known, 1);
}
