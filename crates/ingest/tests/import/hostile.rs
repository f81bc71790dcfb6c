//! A sample of every format, whole, cut off, bent and blown up: bounded, reported, survived. The fuzz
//! targets begin with the same samples.

use std::{
    io::{Cursor, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use idiolect_ingest::{Format, Options};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{Import, ana, archives::zipped, bytes, try_bytes, try_path};

/// Files under `tests/samples`, what they are, and how many documents of Ana's are in them.
const SAMPLES: [(&str, &str, usize); 28] = [
    ("mail.mbox", "mbox", 3),
    ("letter.eml", "eml", 1),
    ("1.emlx", "emlx", 1),
    ("note.md", "markdown", 1),
    ("hugo.md", "markdown", 1),
    ("json.md", "markdown", 1),
    ("page.html", "html", 1),
    ("2004-01-05 essay.txt", "text", 1),
    ("rain.docx", "docx", 1),
    ("rain.odt", "odt", 1),
    ("lines.jsonl", "jsonl", 2),
    ("table.csv", "csv", 1),
    ("comments.csv", "reddit", 1),
    ("RC_2004-01.jsonl", "reddit", 2),
    ("reviews.jsonl", "amazon", 2),
    ("reviews.tsv", "amazon", 1),
    ("questions.json", "lamp", 3),
    ("result.json", "telegram", 2),
    ("_chat.txt", "whatsapp", 2),
    ("WhatsApp Chat with Ben.txt", "whatsapp", 1),
    ("2004-01-05.json", "slack", 1),
    ("tweets.js", "x", 1),
    ("1.rain.html", "substack", 1),
    ("2004-01-05_Rain-1.html", "medium", 1),
    ("blog.xml", "wordpress", 2),
    ("items.jsonl", "hackernews", 1),
    ("export.zip", "zip", 5),
    ("mail.mbox", "auto", 3),
];

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

/// Ana by whatever name a format knows her.
fn options(name: &str, format: Format) -> Options {
    let people = ["ana@example.org", "Ana", "user7", "U1"];
    // Dumps hold many authors, each with a name.
    let is_dump = matches!(format, Format::Reddit | Format::Amazon | Format::Lamp);
    Options {
        me: if is_dump {
            Vec::new()
        } else {
            people.map(str::to_owned).to_vec()
        },
        author: (name != "RC_2004-01.jsonl").then(|| "ana".to_owned()),
        ..ana(format)
    }
}

fn each_sample(mut check: impl FnMut(&str, &[u8], &Options, usize)) {
    for (name, format, documents) in SAMPLES {
        let content = std::fs::read(samples().join(name)).unwrap();
        let options = options(name, format.parse().unwrap());
        check(name, &content, &options, documents);
    }
}

#[test]
fn every_sample_is_read() {
    each_sample(|name, content, options, documents| {
        let import = bytes(content, name, options);
        assert_eq!(import.documents.len(), documents, "{name}: {import:?}");
        let kinds = import.problems.len();
        assert!(
            kinds == usize::from(name == "table.csv"),
            "{name}: {import:?}"
        );
    });
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// `try_bytes` checks that every item is counted once.
fn survives(content: &[u8], name: &str, options: &Options) {
    if let Ok(import) = try_bytes(content, name, options) {
        for document in &import.documents {
            assert!(!document.text.trim().is_empty(), "{name}");
            assert!(!document.id.is_empty(), "{name}");
        }
    }
}

#[test]
fn what_is_cut_off_anywhere_is_survived() {
    each_sample(|name, content, options, documents| {
        for end in 1..content.len() {
            let read = try_bytes(&content[..end], name, options);
            let found = read.map_or(0, |import| import.documents.len());
            // Half of a table's cell may look like a cell.
            assert!(found <= documents + 2, "{name}: {found}");
        }
    });
}

#[test]
fn what_is_bent_anywhere_is_survived() {
    let mut dice = Dice(1);
    each_sample(|name, content, options, _| {
        for _ in 0..300 {
            let mut bent = content.to_vec();
            for _ in 0..=dice.below(8) {
                let at = dice.below(bent.len());
                if bent.is_empty() {
                    break;
                }
                match dice.below(4) {
                    0 => bent[at] = dice.below(256) as u8,
                    1 => bent[at] ^= 1 << dice.below(8),
                    2 => {
                        let end = (at + dice.below(40)).min(bent.len());
                        bent.drain(at..end);
                    }
                    _ => {
                        let end = (at + dice.below(40)).min(bent.len());
                        let part = bent[at..end].to_vec();
                        let to = dice.below(bent.len());
                        bent.splice(to..to, part);
                    }
                }
            }
            survives(&bent, name, options);
        }
    });
}

#[test]
fn bytes_of_no_meaning_are_survived() {
    let mut dice = Dice(2);
    for name in Format::NAMES {
        let options = options("x", name.parse().unwrap());
        for length in [1, 2, 3, 10, 100, 1_000, 100_000] {
            let noise: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
            survives(&noise, "x", &options);
            survives(&vec![0; length], "x", &options);
            survives(&vec![b'{'; length], "x", &options);
        }
    }
}

/// How long anything here may take, in a build without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

fn in_time(content: &[u8], name: &str, options: &Options) -> Import {
    let begun = Instant::now();
    let import = try_bytes(content, name, options).unwrap_or_default();
    assert!(begun.elapsed() < PATIENCE, "{name}: {:?}", begun.elapsed());
    import
}

#[test]
fn what_lies_deep_in_itself_ends_in_time() {
    let times = |piece: &str| piece.repeat((1 << 20) / piece.len());
    for format in [
        "lamp",
        "telegram",
        "slack",
        "x",
        "hackernews",
        "reddit",
        "amazon",
        "jsonl",
    ] {
        let options = options("x", format.parse().unwrap());
        for piece in ["[", "{\"a\":", "[{\"messages\":[", "{\"tweet\":{\"text\":["] {
            let import = in_time(times(piece).as_bytes(), "x", &options);
            assert_eq!(import.documents.len(), 0);
            assert!(import.problems.len() <= 2, "{format}");
        }
    }
    for format in ["html", "substack", "medium", "markdown", "hackernews"] {
        let options = options("x", format.parse().unwrap());
        for piece in [
            "<div>",
            "<blockquote>",
            "<p",
            "</p>",
            "> ",
            "[[",
            "- \n ",
            "*a **b ",
            "<a href='",
        ] {
            in_time(times(piece).as_bytes(), "x", &options);
        }
    }
}

fn entity(name: &str, content: &str) -> String {
    format!("<!ENTITY e{name} \"{content}\">")
}

/// Ten entities of ten of the one before would be a gigabyte.
fn entities() -> String {
    let mut text = "<!DOCTYPE rss [<!ENTITY e0 \"ha ha ha ha\">".to_owned();
    for i in 1..10 {
        let before = format!("&e{};", i - 1).repeat(10);
        text.push_str(&entity(&i.to_string(), &before));
    }
    text + "<!ENTITY f SYSTEM \"file:///etc/passwd\">]>"
}

#[test]
fn entities_of_xml_are_not_unfolded_and_open_no_file() {
    let item = "<item><dc:creator>ana</dc:creator><content:encoded>Ha &e9;&f;.</content:encoded>\
        <wp:status>publish</wp:status><wp:post_type>post</wp:post_type></item>";
    let export = format!(
        "<?xml version=\"1.0\"?>{}<rss xmlns:wp=\"http://wordpress.org/export/1.2/\"><channel>{item}</channel></rss>",
        entities()
    );
    let import = in_time(export.as_bytes(), "blog.xml", &Options::default());
    assert_eq!(import.texts(), ["Ha ."]);
    let options = options("x", Format::Auto);
    let word = format!(
        "<?xml version=\"1.0\"?>{}<w:document><w:p><w:t>Ha &e9;&f;.</w:t></w:p></w:document>",
        entities()
    );
    let import = in_time(
        &zipped(&[("word/document.xml", word.as_bytes())]),
        "x.docx",
        &options,
    );
    assert_eq!(import.texts(), ["Ha ."]);
    let libre = format!(
        "{}<office:body><text:p>Ha &e9;&f;.</text:p></office:body>",
        entities()
    );
    let import = in_time(
        &zipped(&[("content.xml", libre.as_bytes())]),
        "x.odt",
        &options,
    );
    assert_eq!(import.texts(), ["Ha ."]);
}

#[test]
fn a_million_nested_parts_are_one_mail() {
    let part = |i| format!("Content-Type: multipart/mixed; boundary=\"{i}\"\n\n--{i}\n");
    let mut nested = String::from("From: ana@example.org\nMIME-Version: 1.0\n");
    nested.extend((0..1_000_000).map(part));
    nested += "Content-Type: text/plain\n\nDeep.\n";
    let import = in_time(nested.as_bytes(), "x.eml", &ana(Format::Auto));
    assert_eq!(import.items(), 1);
    let flat = format!(
        "From: ana@example.org\nContent-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
        "--b\nContent-Type: text/plain\n\nx\n".repeat(1_000_000)
    );
    assert_eq!(
        in_time(flat.as_bytes(), "x.eml", &ana(Format::Auto)).items(),
        1
    );
    let mails = format!(
        "From: ana@example.org\n{}\nDeep.\n",
        "Content-Type: message/rfc822\n\n".repeat(1_000_000)
    );
    assert_eq!(
        in_time(mails.as_bytes(), "x.eml", &ana(Format::Auto)).items(),
        1
    );
}

#[test]
fn packages_that_unfold_without_end_are_problems() {
    let spaces = vec![b' '; 80 << 20];
    let options = options("x", Format::Auto);
    for (name, part) in [("x.docx", "word/document.xml"), ("x.odt", "content.xml")] {
        let bomb = zipped(&[(part, &spaces)]);
        assert!(bomb.len() < 1 << 20);
        let import = in_time(&bomb, name, &options);
        assert_eq!(import.problems.len(), 1, "{name}");
        assert!(import.documents.is_empty());
    }
    // What an export says of itself is bounded as well.
    let import = in_time(
        &zipped(&[
            ("posts.csv", &spaces),
            ("posts/1.html", b"<p>It rained.</p>"),
        ]),
        "x.zip",
        &options,
    );
    assert!(import.items() <= 2);
}

#[test]
fn entries_lead_nowhere() {
    let options = options("x", Format::Auto);
    let outside = [
        "../x.md",
        "/x.md",
        "a/../../x.md",
        "..\\x.md",
        "C:\\x.md",
        "a/\0/x.md",
    ];
    for name in outside {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default();
        zip.start_file(name, stored).unwrap();
        zip.write_all(b"Out.").unwrap();
        zip.start_file("in.md", stored).unwrap();
        zip.write_all(b"In.").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in/x.zip");
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
        let import = try_path(&path, &options).unwrap();
        assert!(import.texts().contains(&"In."), "{name}");
        // Nothing is written beside it.
        let files = std::fs::read_dir(folder.path().join("in")).unwrap().count();
        assert_eq!(
            (files, std::fs::read_dir(folder.path()).unwrap().count()),
            (1, 1)
        );
    }
}

#[cfg(unix)]
#[test]
fn links_to_folders_and_parts_of_exports_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::create_dir(outside.path().join("posts")).unwrap();
    std::fs::write(outside.path().join("posts/1.rain.html"), "<p>Secret.</p>").unwrap();
    std::fs::write(
        outside.path().join("posts.csv"),
        "post_id,post_date,is_published,title\n1.rain,2004-01-05,true,Secret\n",
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["posts", "posts.csv"] {
        std::os::unix::fs::symlink(outside.path().join(name), folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("a.md"), "Mine.").unwrap();
    let import = try_path(folder.path(), &options("x", Format::Auto)).unwrap();
    assert_eq!(import.texts(), ["Mine."]);
}

#[test]
fn what_stands_for_something_longer_is_put_in_once() {
    let links =
        vec![r#"{"url": "https://t.co/a", "expanded_url": "https://t.co/a https://t.co/a"}"#; 60];
    let tweets = format!(
        r#"window.YTD.tweets.part0 = [{{"tweet": {{"full_text": "See https://t.co/a.", "entities": {{"urls": [{}]}}}}}}]"#,
        links.join(",")
    );
    let import = in_time(tweets.as_bytes(), "tweets.js", &options("x", Format::X));
    assert_eq!(import.texts(), ["See https://t.co/a https://t.co/a."]);
    let name = "n".repeat(1 << 20);
    let users = format!(r#"[{{"id": "U1", "name": "ana"}}, {{"id": "U2", "name": "{name}"}}]"#);
    let mentions = "<@U2>".repeat(100_000);
    let open = "<".repeat(1 << 20);
    let day = format!(
        r#"[{{"user": "U1", "ts": "1", "text": "{mentions}"}}, {{"user": "U1", "ts": "2", "text": "{open}"}}]"#
    );
    let export = zipped(&[
        ("users.json", users.as_bytes()),
        ("channels.json", b"[]"),
        ("general/2004-01-05.json", day.as_bytes()),
    ]);
    let import = in_time(&export, "slack.zip", &options("x", Format::Auto));
    let lengths: Vec<usize> = import.texts().iter().map(|text| text.len()).collect();
    assert_eq!(lengths, [300_000, 1 << 20]);
}
