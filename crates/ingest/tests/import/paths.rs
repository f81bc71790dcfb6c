use std::{fs, path::Path};

use idiolect_ingest::{Error, Format, Options};

use crate::{ana, try_bytes, try_path};

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const MAIL: &str = "From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\n\nA mail.\n";
const LINE: &str = "{\"author\": \"ana\", \"text\": \"A line.\"}\n";

#[test]
fn a_folder_gives_what_it_holds_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, ".obsidian/hidden.md", "No.");
    write(root, ".git/x.md", "No.");
    write(root, ".gitignore", "*.md\n");
    write(root, "a/Deep Note.md", "A note.");
    write(root, "b.jsonl", LINE);
    write(root, "c.mbox", MAIL);
    write(root, "d.md", "");
    write(root, "e.jsonl", "");
    write(root, "f.MD", "Loud.");
    write(root, "g.mbox", "no mail");
    write(root, "picture.png", "no text");
    let import = try_path(root, &ana(Format::Auto)).unwrap();
    let problem = |name: &str, rest: &str| {
        let path = root.join(name).display().to_string();
        format!("{path}: {path}: {rest}")
    };
    assert_eq!(import.texts(), ["A line.", "A mail."]);
    assert_eq!(import.skipped(), [("empty_text", 1)]);
    assert_eq!(
        import.problems,
        [
            format!(
                "{}: no author is named: use --author",
                root.join("a/Deep Note.md").display()
            ),
            problem("e.jsonl", "the file is empty"),
            format!(
                "{}: no author is named: use --author",
                root.join("f.MD").display()
            ),
            problem("g.mbox", "not an mbox: no line begins with `From `"),
        ]
    );
    let options = Options {
        author: Some("Ana".to_owned()),
        format: Format::Markdown,
        ..Options::default()
    };
    let import = try_path(root, &options).unwrap();
    let ids: Vec<_> = import
        .documents
        .iter()
        .map(|document| document.id.as_str())
        .collect();
    let name = root.file_name().unwrap().to_string_lossy();
    assert_eq!(
        ids,
        [format!("{name}/a/Deep Note.md"), format!("{name}/f.MD")]
    );
    assert_eq!(import.stats.files, 3);
}

#[cfg(unix)]
#[test]
fn links_inside_a_folder_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret.md", "Secret.");
    write(folder.path(), "note.md", "A note.");
    std::os::unix::fs::symlink(
        outside.path().join("secret.md"),
        folder.path().join("link.md"),
    )
    .unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    let options = Options {
        author: Some("ana".to_owned()),
        ..Options::default()
    };
    let import = try_path(folder.path(), &options).unwrap();
    assert_eq!(import.texts(), ["A note."]);
    assert_eq!(import.skipped(), [("symlink", 1)]);
}

#[test]
fn what_cannot_be_read_at_all_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(folder.path(), "empty.jsonl", "");
    write(folder.path(), "note.md", "");
    write(folder.path(), "picture", "\u{1}\u{2}");
    write(folder.path(), "mail", MAIL);
    fs::create_dir(at("nothing")).unwrap();
    let fails = |name: &str, expected: &str| {
        let error = try_path(&at(name), &Options::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{}: {expected}", at(name).display())
        );
        assert!(!error.hint().unwrap().is_empty());
    };
    fails("absent.jsonl", "no such file or folder");
    fails("empty.jsonl", "the file is empty");
    fails("note.md", "the file is empty");
    fails("picture", "its format is not known");
    fails(
        "mail",
        "it has messages of several people, and no address or name of yours is given",
    );
    fails("nothing", "the folder holds no documents");
    #[cfg(unix)]
    fails("mail/x", "cannot be read: Not a directory (os error 20)");
}

#[test]
fn the_format_is_told_from_the_first_bytes_where_no_name_tells_it() {
    let options = Options {
        author: Some("ana".to_owned()),
        ..ana(Format::Auto)
    };
    for (text, document) in [
        (LINE, "A line."),
        (MAIL, "A mail."),
        ("\u{feff}\n {\"text\": \"A line.\"}", "A line."),
        ("---\ntitle: x\n---\nA note.", "A note."),
    ] {
        let import = try_bytes(text.as_bytes(), "-", &options).unwrap();
        assert_eq!(import.texts(), [document]);
    }
    let error = try_bytes(b"Hello.", "-", &options).unwrap_err();
    assert!(matches!(error, Error::UnknownFormat { path } if path == "-"));
}
