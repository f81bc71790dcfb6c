use idiolect_core::parse_date;
use idiolect_ingest::Options;

use crate::{Import, bytes};

fn note(name: &str, text: impl AsRef<[u8]>) -> Import {
    let options = Options {
        author: Some("ana".to_owned()),
        ..Options::default()
    };
    bytes(text, name, &options)
}

#[test]
fn a_post_says_who_wrote_it_and_when() {
    let post = "---\ntitle: \"A walk\"\ndate: 2011-03-04 05:06:07 +0100\nauthor: Ben\n---\n\n# A walk\n\nIt *rained*.\n\n> Theirs.\n";
    let import = bytes(post, "posts/walk.md", &Options::default());
    let document = &import.documents[0];
    assert_eq!(
        (document.author.as_str(), document.id.as_str()),
        ("Ben", "posts/walk.md")
    );
    assert_eq!(document.title.as_deref(), Some("A walk"));
    assert_eq!(
        document.date,
        Some(parse_date("2011-03-04T04:06:07Z").unwrap())
    );
    assert_eq!(document.text, "It rained.");
    assert_eq!(document.kind.as_deref(), Some("note"));
    assert_eq!(note("walk.md", post).documents[0].author, "ana");
}

#[test]
fn a_note_without_anything_is_named_by_its_file() {
    let import = note("2011-03-04 walk.markdown", "It rained.");
    let document = &import.documents[0];
    assert_eq!(document.title.as_deref(), Some("2011-03-04 walk"));
    assert_eq!(document.date, Some(parse_date("2011-03-04").unwrap()));
    let import = note("Wälder-und-Seen.md", "\u{feff}# Wälder\r\n\r\nNass.\r\n");
    let document = &import.documents[0];
    assert_eq!(
        (document.title.as_deref(), document.text.as_str()),
        (Some("Wälder"), "Nass.")
    );
    assert_eq!(document.date, None);
}

#[test]
fn drafts_and_empty_notes_are_skipped() {
    assert_eq!(
        note("x.md", "---\ndraft: true\n---\nText.").skipped(),
        [("draft", 1)]
    );
    assert_eq!(
        note("x.md", "+++\ndraft = true\n+++\nText.").skipped(),
        [("draft", 1)]
    );
    assert_eq!(
        note("x.md", "# Only a title\n").skipped(),
        [("empty_text", 1)]
    );
    assert_eq!(
        note("x.md", "```\ncode\n```\n").skipped(),
        [("empty_text", 1)]
    );
}

#[test]
fn broken_notes_are_problems() {
    for (text, problem) in [
        (
            &b"---\na: [b\n---\nText."[..],
            "the front matter is not valid YAML",
        ),
        (
            b"+++\na = \n+++\nText.",
            "x.md, line 2: the front matter is not valid TOML",
        ),
        (
            b"---\ndate: someday\n---\nText.",
            "x.md: `date` is neither RFC 3339 nor YYYY-MM-DD",
        ),
        (b"One.\n\n\0\x01\x02", "x.md: not a text"),
    ] {
        let import = note("x.md", text);
        assert!(
            import.problems[0].ends_with(problem),
            "{:?}",
            import.problems
        );
        assert_eq!(import.stats.items, 1);
    }
    let import = bytes("Text.", "x.md", &Options::default());
    assert_eq!(import.problems, ["x.md: no author is named: use --author"]);
}

#[test]
fn a_note_may_be_in_another_encoding() {
    let import = note("x.md", b"Un caf\xe9 apr\xe8s la pluie.");
    assert_eq!(import.texts(), ["Un café après la pluie."]);
}

#[test]
fn drafts_are_skipped_or_flagged() {
    for (path, text) in [
        ("x.md", "---\ndraft: true\n---\nText."),
        ("x.md", "---\nstatus: draft\n---\nText."),
        ("x.md", "{\n\"draft\": true\n}\nText."),
        ("blog/_drafts/x.md", "Text."),
    ] {
        assert_eq!(note(path, text).skipped(), [("draft", 1)]);
        let options = Options {
            author: Some("Ana".to_owned()),
            drafts: true,
            ..Options::default()
        };
        let import = bytes(text, path, &options);
        assert_eq!(import.documents[0].kind.as_deref(), Some("draft"));
    }
}

#[test]
fn what_is_left_out_of_a_note_is_told() {
    let import = note(
        "x.md",
        "---\ntitle: T\n---\nMine.\n\n> Theirs.\n\n```\nx\n```\n",
    );
    let told: Vec<_> = import
        .removed
        .iter()
        .map(|(text, reason)| (text.trim(), reason.to_string()))
        .collect();
    assert_eq!(
        told,
        [
            ("> Theirs.", "quote".to_owned()),
            ("```\nx\n```", "code".to_owned())
        ]
    );
}
