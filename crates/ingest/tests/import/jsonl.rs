use std::{
    collections::BTreeMap,
    io::{BufReader, Read},
    ops::ControlFlow,
};

use idiolect_core::{Document, parse_date};
use idiolect_ingest::{Field, Item, Options, read_from};
use proptest::prelude::*;

use crate::{Import, bytes};

fn jsonl(text: &str) -> Import {
    bytes(text, "x.jsonl", &Options::default())
}

#[test]
fn every_field_is_kept_as_it_is() {
    let import = jsonl(
        r#"{"id": "7", "author": "ana", "date": "2011-03-04T05:06:07+01:00", "title": " A  walk ", "text": "  It rained.\n> so\n-- \nAna ", "kind": "mail", "thread": "t", "to": "ben", "n": 3}"#,
    );
    let document = Document {
        id: "7".to_owned(),
        author: "ana".to_owned(),
        date: Some(parse_date("2011-03-04T04:06:07Z").unwrap()),
        n: Some(3),
        title: Some(" A  walk ".to_owned()),
        text: "  It rained.\n> so\n-- \nAna ".to_owned(),
        kind: Some("mail".to_owned()),
        thread: Some("t".to_owned()),
        to: Some("ben".to_owned()),
    };
    assert_eq!(import.documents, [document]);
}

#[test]
fn other_names_numbers_and_nulls_are_understood() {
    let import = jsonl(concat!(
        r#"{"user": "ana", "docid": 12, "text": "One.", "date": null, "title": null, "n": 4}"#,
        "\n",
        r#"{"user": "hashed", "author": "ana", "docid": "no", "id": "yes", "text": "Two.", "date": "2011-03-04"}"#,
        "\n",
        r#"{"author": null, "user": 5, "text": "Three.", "n": 4, "title": ""}"#,
        "\n",
        r#"{"author": "ana", "text": "Four."}"#,
    ));
    let found: Vec<_> = import
        .documents
        .iter()
        .map(|document| {
            (
                document.author.as_str(),
                document.id.as_str(),
                document.title.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("ana", "12", None),
            ("ana", "yes", None),
            ("5", "5-4", None),
            // printf 'Four.' | sha256sum | cut -c1-16
            ("ana", "2f7820a5325de015", None),
        ]
    );
}

#[test]
fn each_broken_line_is_one_problem_and_the_rest_is_read() {
    let mut lines: Vec<Vec<u8>> = [
        r#"{"author": "ana", "text": "One."}"#,
        r#"{"author": "ana", "text": "secret"#,
        "[1, 2]",
        "null",
        "",
        "   ",
        r#"{"author": "ana"}"#,
        r#"{"author": "ana", "text": null}"#,
        r#"{"author": "ana", "text": 7}"#,
        r#"{"author": "ana", "text": "x", "date": "secret"}"#,
        r#"{"author": "ana", "text": "x", "date": 5}"#,
        r#"{"author": "ana", "text": "x", "n": 1.5}"#,
        r#"{"author": ["ana"], "text": "x"}"#,
        r#"{"text": "x"}"#,
        r#"{"author": " ", "text": "x"}"#,
        r#"{"author": "ana", "text": " \n\t"}"#,
        r#"{"author": "ana", "text": "x"} {"author": "ana", "text": "y"}"#,
        r#"{"author": "ana", "text": "\ud800"}"#,
        r#"{"author": "ana", "text": "Two."}"#,
    ]
    .map(|line| line.as_bytes().to_vec())
    .to_vec();
    lines.insert(1, b"{\"author\": \"ana\", \"text\": \"\xff\"}\r".to_vec());
    let import = bytes(lines.join(&b'\n'), "x.jsonl", &Options::default());
    assert_eq!(import.texts(), ["One.", "Two."]);
    assert_eq!(import.skipped(), [("empty_text", 1)]);
    assert_eq!(
        import.problems,
        [
            "x.jsonl, line 2: not valid UTF-8",
            "x.jsonl, line 3: invalid JSON at column 33",
            "x.jsonl, line 4: not a JSON object",
            "x.jsonl, line 5: not a JSON object",
            "x.jsonl, line 8: `text` is missing",
            "x.jsonl, line 9: `text` is missing",
            "x.jsonl, line 10: `text` is not a string",
            "x.jsonl, line 11: `date` is neither RFC 3339 nor YYYY-MM-DD",
            "x.jsonl, line 12: `date` is not a string",
            "x.jsonl, line 13: `n` is not an integer",
            "x.jsonl, line 14: `author` is not a string or a number",
            "x.jsonl, line 15: no author is named: use --author",
            "x.jsonl, line 16: no author is named: use --author",
            "x.jsonl, line 18: invalid JSON at column 32",
            "x.jsonl, line 19: invalid JSON at column 34",
        ]
    );
    assert_eq!(import.stats.items, 18);
}

#[test]
fn a_mapping_names_the_columns_and_an_author_overrides() {
    let options = Options {
        author: Some("ana".to_owned()),
        map: BTreeMap::from([
            (Field::Text, "body".to_owned()),
            (Field::Title, "text".to_owned()),
        ]),
        ..Options::default()
    };
    let line = r#"{"author": "ben", "body": "It rained.", "text": "A walk", "title": "x", "score": {"a": [1]}, "up": 2}"#;
    let import = bytes(format!("{line}\n{line}\n{{}}"), "x.jsonl", &options);
    let document = &import.documents[0];
    assert_eq!(
        (
            document.author.as_str(),
            document.title.as_deref(),
            document.text.as_str()
        ),
        ("ana", Some("A walk"), "It rained.")
    );
    assert_eq!(import.problems, ["x.jsonl, line 3: `body` is missing"]);
    let ignored: Vec<_> = import
        .stats
        .ignored_fields
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(ignored, [("score", 2), ("title", 2), ("up", 2)]);
}

#[test]
fn dates_outside_the_asked_ones_are_skipped() {
    let options = Options {
        since: Some(parse_date("2011-01-01").unwrap()),
        until: Some(parse_date("2012-01-01").unwrap()),
        ..Options::default()
    };
    let lines: Vec<String> = [
        "\"2010-12-31\"",
        "\"2011-01-01\"",
        "\"2011-12-31\"",
        "\"2012-01-01\"",
        "null",
    ]
    .iter()
    .map(|date| format!("{{\"author\": \"ana\", \"text\": {date}, \"date\": {date}}}"))
    .collect();
    let import = bytes(lines[..4].join("\n"), "x.jsonl", &options);
    assert_eq!(import.texts(), ["2011-01-01", "2011-12-31"]);
    assert_eq!(import.skipped(), [("outside_dates", 2)]);
    let undated = "{\"author\": \"ana\", \"text\": \"x\"}";
    assert_eq!(
        bytes(undated, "x.jsonl", &options).skipped(),
        [("outside_dates", 1)]
    );
}

#[test]
fn windows_files_are_read() {
    let import = jsonl(
        "\u{feff}{\"author\": \"ana\", \"text\": \"One.\"}\r\n\r\n{\"author\": \"ana\", \"text\": \"Two.\"}\r\n",
    );
    assert_eq!(import.texts(), ["One.", "Two."]);
    assert_eq!(import.problems.len(), 0);
}

#[test]
fn compressed_files_are_read_and_a_cut_off_one_to_where_it_goes() {
    let mut state = 1_u32;
    let lines: Vec<String> = (0..5000)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{{\"author\": \"ana\", \"text\": \"Walk {i} {state}.\"}}")
        })
        .collect();
    let compressed = zstd::encode_all(lines.join("\n").as_bytes(), 1).unwrap();
    for name in ["x.jsonl.zst", "x"] {
        let import = bytes(&compressed, name, &Options::default());
        assert_eq!(import.documents.len(), 5000);
    }
    // A block is 128 KiB of text; the first one is whole.
    let import = bytes(
        &compressed[..compressed.len() * 9 / 10],
        "x.jsonl.zst",
        &Options::default(),
    );
    assert!(import.documents.len() > 1000, "{}", import.documents.len());
    assert_eq!(import.problems.len(), 1);
    assert!(
        import.problems[0].contains("cannot be read further"),
        "{}",
        import.problems[0]
    );
}

#[test]
fn a_line_of_a_hundred_megabytes_is_one_problem_and_is_not_held() {
    let long = "{\"author\": \"ana\", \"text\": \"".as_bytes();
    let rest = "\"}\n{\"author\": \"ana\", \"text\": \"Two.\"}\n".as_bytes();
    let reader = long
        .chain(std::io::repeat(b'a').take(100 << 20))
        .chain(rest);
    let mut import = Import::default();
    let stats = read_from(
        BufReader::new(reader),
        "-",
        &Options::default(),
        &mut |item| import.take(item),
    );
    assert_eq!(stats.unwrap().items, 2);
    assert_eq!(import.problems, ["-, line 1: longer than 64 MiB"]);
    assert_eq!(import.texts(), ["Two."]);
}

#[test]
fn whoever_takes_the_items_may_break_off() {
    let lines = "{\"author\": \"ana\", \"text\": \"x\"}\n".repeat(10);
    let mut seen = 0;
    let stats = read_from(
        lines.as_bytes(),
        "x.jsonl",
        &Options::default(),
        &mut |item| {
            assert!(matches!(item, Item::Document(_)));
            seen += 1;
            if seen == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
    assert_eq!((stats.unwrap().items, seen), (3, 3));
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,20}[\\n\"\\\\]?[\\PC\\n]{0,20}"
}

proptest! {
    #[test]
    fn a_written_document_is_read_back(
        (author, id, title) in (text(), text(), proptest::option::of(text())),
        (body, thread, n) in (text(), proptest::option::of(text()), proptest::option::of(any::<i64>())),
        second in proptest::option::of(-60_000_000_000_i64..200_000_000_000),
    ) {
        let document = Document {
            id,
            author,
            date: second.map(|second| jiff::Timestamp::from_second(second).unwrap()),
            n,
            title: title.filter(|title| !title.is_empty()),
            text: body,
            kind: None,
            thread,
            to: None,
        };
        let line = serde_json::to_string(&document).unwrap();
        let import = bytes(line, "x.jsonl", &Options::default());
        if document.author.trim().is_empty() {
            prop_assert_eq!(import.problems.len(), 1);
        } else if document.text.trim().is_empty() {
            prop_assert_eq!(import.skipped(), [("empty_text", 1)]);
        } else {
            let mut read = import.documents[0].clone();
            if document.id.is_empty() {
                prop_assert!(!read.id.is_empty());
                read.id.clear();
            }
            prop_assert_eq!(read, document);
        }
    }
}
