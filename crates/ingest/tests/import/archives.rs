use std::io::{Cursor, Write};

use idiolect_ingest::{Error, Format, Options};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{Import, ana, bytes, try_bytes, try_path};

/// An archive of files of these names.
pub(crate) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(crate) fn zip(files: &[(&str, &str)], options: &Options) -> Import {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    bytes(zipped(&files), "export.zip", options)
}

const MAIL: &str = "From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\n\nA mail.\n";

#[test]
fn an_archive_is_read_as_a_folder_is() {
    let options = Options {
        author: Some("Ana".to_owned()),
        ..ana(Format::Auto)
    };
    let import = zip(
        &[
            ("Takeout/Mail/All mail.mbox", MAIL),
            ("Takeout/Notes/note.md", "A note."),
            ("Takeout/picture.png", "no text"),
            ("__MACOSX/._note.md", "no note"),
        ],
        &options,
    );
    let mut texts = import.texts();
    texts.sort_unstable();
    assert_eq!(texts, ["A mail.", "A note."]);
    assert_eq!(import.problems, <[String; 0]>::default());
    let note = import
        .documents
        .iter()
        .find(|one| one.text == "A note.")
        .unwrap();
    assert_eq!(note.id, "export.zip/Takeout/Notes/note.md");
    // From the disk too, and with a problem that names the entry.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.zip");
    std::fs::write(
        &path,
        zipped(&[("a/x.md", b"---\na: [\n---\n"), ("a/y.md", b"Yes.")]),
    )
    .unwrap();
    let import = try_path(&path, &options).unwrap();
    assert_eq!(import.texts(), ["Yes."]);
    assert!(import.problems[0].starts_with(&format!("{}/a/x.md", path.display())));
}

#[test]
fn an_archive_cannot_reach_out_or_unfold_without_end() {
    let options = Options {
        author: Some("Ana".to_owned()),
        ..Options::default()
    };
    let import = zip(&[("../../x.md", "Out."), ("y.md", "In.")], &options);
    assert_eq!(import.texts(), ["In."]);
    assert_eq!(
        import.problems,
        ["export.zip/../../x.md: its name leads out of the archive"]
    );

    let zeros = vec![b' '; 100 << 20];
    let bomb = zipped(&[("x.jsonl", &zeros), ("y.jsonl", b"{\"text\": \"x\"}")]);
    assert!(bomb.len() < 1 << 20);
    let import = bytes(bomb, "bomb.zip", &options);
    assert!(
        import
            .problems
            .iter()
            .any(|problem| problem.contains("unfolds to more than 200 times")),
        "{:?}",
        import.problems
    );
    assert!(import.documents.is_empty());
    let bomb = zstd::encode_all(zeros.as_slice(), 1).unwrap();
    let import = bytes(bomb, "bomb.jsonl.zst", &options);
    assert!(
        import.problems[0].contains("unfolds to more than 200 times"),
        "{:?}",
        import.problems
    );

    let inner = zipped(&[("x.md", b"Deep.")]);
    let import = bytes(
        zipped(&[("inner.zip", &inner), ("y.md", b"Here.")]),
        "outer.zip",
        &options,
    );
    assert_eq!(import.texts(), ["Here."]);
    assert_eq!(
        import.problems,
        ["outer.zip/inner.zip: the archive is damaged: it is an archive within an archive"]
    );
}

#[test]
fn a_link_in_an_archive_is_not_followed() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_symlink("x.md", "/etc/passwd", options).unwrap();
    zip.start_file("y.md", options).unwrap();
    zip.write_all(b"Mine.").unwrap();
    let file = zip.finish().unwrap().into_inner();
    let options = Options {
        author: Some("Ana".to_owned()),
        ..Options::default()
    };
    let import = bytes(file, "x.zip", &options);
    assert_eq!(import.texts(), ["Mine."]);
    assert_eq!(import.skipped(), [("symlink", 1)]);
}

#[test]
fn damaged_archives_are_problems() {
    let options = Options {
        author: Some("Ana".to_owned()),
        ..Options::default()
    };
    let whole = zipped(&[("x.md", "It rained. ".repeat(100).as_bytes())]);
    let import = bytes(&whole[..whole.len() / 2], "x.zip", &options);
    assert_eq!(
        import.problems,
        ["x.zip: the archive is damaged: its directory cannot be read"]
    );
    let mut bent = whole;
    let middle = bent.len() / 3;
    bent[middle] ^= 0xff;
    let import = bytes(bent, "x.zip", &options);
    assert_eq!(import.items(), 1);
    let empty = try_bytes(&zipped(&[("x.png", b"no")]), "x.zip", &options);
    assert!(matches!(empty, Err(Error::NoDocuments { .. })));
}
