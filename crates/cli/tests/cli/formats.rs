//! What people hold, in at the one end and out at the other. The readers have tests of their own; these
//! tell what a user sees.

use std::path::PathBuf;

use crate::support::{Home, snapshot};

/// A home with the samples that the readers are tested with, or one of them.
fn with_sample(name: &str) -> Home {
    let home = Home::new();
    let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../ingest/tests/samples");
    for entry in std::fs::read_dir(samples).unwrap() {
        let path = entry.unwrap().path();
        let found = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.is_empty() || found == name {
            home.file(&format!("samples/{found}"), std::fs::read(&path).unwrap());
        }
    }
    home
}

#[test]
fn a_folder_of_everything_is_read_at_once() {
    let home = with_sample("");
    let arguments = [
        "import",
        "samples",
        "--author",
        "ana",
        "--me",
        "ana@example.org",
        "--me",
        "Ana",
        "--me",
        "user7",
        "--me",
        "U1",
    ];
    snapshot!(home.run(&[&arguments[..], &["--dry-run"]].concat()), @"
    exit: 0
    --- stdout
    61 read in [TIME] s (dry run: nothing was stored)
    26 added, 2 updated, 3 unchanged: 1 author, 28 new snippets
    left out of them: 3 code blocks, 17 quotes, 2 signatures
    2 skipped: auto reply
    3 skipped: deleted
    5 skipped: duplicate
    2 skipped: empty text
    1 skipped: forward
    6 skipped: no text
    9 skipped: other sender
    1 skipped: repost
    1 could not be read
      samples/table.csv, line 5: `date` is not a date
    ");
    snapshot!(home.run(&arguments), @"
    exit: 0
    --- stdout
    61 read in [TIME] s
    26 added, 2 updated, 3 unchanged: 1 author, 26 new snippets
    left out of them: 3 code blocks, 17 quotes, 2 signatures
    2 skipped: auto reply
    3 skipped: deleted
    5 skipped: duplicate
    2 skipped: empty text
    1 skipped: forward
    6 skipped: no text
    9 skipped: other sender
    1 skipped: repost
    1 could not be read
      samples/table.csv, line 5: `date` is not a date
    ");
    snapshot!(home.run(&arguments), @"
    exit: 0
    --- stdout
    61 read in [TIME] s
    0 added, 5 updated, 27 unchanged: 1 author, 2 new snippets
    left out of them: 3 code blocks, 17 quotes, 2 signatures
    2 skipped: auto reply
    3 skipped: deleted
    4 skipped: duplicate
    2 skipped: empty text
    1 skipped: forward
    6 skipped: no text
    9 skipped: other sender
    1 skipped: repost
    1 could not be read
      samples/table.csv, line 5: `date` is not a date
    ");
    snapshot!(home.run(&["sources"]), @"
    exit: 0
    --- stdout
    1. [HOME]/samples: 26 documents, 1 could not be read, imported [DAY]
    ");
}

#[test]
fn an_archive_of_a_mail_provider_is_read_in_place() {
    let home = with_sample("export.zip");
    snapshot!(home.run(&["import", "samples/export.zip", "--me", "ana@example.org", "--author", "ana"]), @"
    exit: 0
    --- stdout
    7 read in [TIME] s
    5 added, 0 updated, 0 unchanged: 1 author, 5 new snippets
    left out of them: 1 code block, 4 quotes, 1 signature
    1 skipped: auto reply
    1 skipped: other sender
    ");
    snapshot!(home.run(&["export"]), @r#"
    exit: 0
    --- stdout
    {"id":"samples/export.zip/Takeout/Drive/rain.docx","author":"ana","date":"[MOMENT]","n":null,"title":"Rain","text":"It rained & rained.","kind":"document","thread":null,"to":null}
    {"id":"samples/export.zip/Takeout/Notes/note.md","author":"ana","date":"[MOMENT]","n":null,"title":"The boat","text":"It rained on the boat and on me, see the list.\n\n- one\n- two\n\nA note.","kind":"note","thread":null,"to":null}
    {"id":"1@example.org","author":"ana","date":"[MOMENT]","n":null,"title":"The boat","text":"Yes, it rained.\n\nIt does. I mended the boat.\n\nFrom now on she floats.","kind":"mail","thread":"0@example.org","to":"ben@example.org"}
    {"id":"[HASH]","author":"ana","date":"[MOMENT]","n":null,"title":null,"text":"The café is open and the boat lies before it, where everybody can see it.","kind":"mail","thread":null,"to":null}
    {"id":"[HASH]","author":"ana","date":"[MOMENT]","n":null,"title":"The boat","text":"See below.","kind":"mail","thread":null,"to":null}
    "#);
    let shown = home.stdout(&["sources", "show", "1", "--removed"]);
    assert!(shown.contains("quote\n  | On 4 Jan 2004"), "{shown}");
    assert!(shown.contains(": code\n  | ```rust\n"), "{shown}");
}

#[test]
fn a_chat_needs_a_name() {
    let home = with_sample("_chat.txt");
    snapshot!(home.run(&["import", "samples/_chat.txt", "--json"]), @r#"
    exit: 2
    --- stderr
    error: samples/_chat.txt: it has messages of several people, and no address or name of yours is given
    hint: name them with --me ADDRESS (repeatable): only what they sent is kept
    {"error":{"code":"me_required","message":"samples/_chat.txt: it has messages of several people, and no address or name of yours is given","hint":"name them with --me ADDRESS (repeatable): only what they sent is kept"}}
    "#);
    snapshot!(home.run(&["import", "samples/_chat.txt", "--me", "Ana"]), @"
    exit: 0
    --- stdout
    5 read in [TIME] s
    2 added, 0 updated, 0 unchanged: 1 author, 2 new snippets
    2 skipped: no text
    1 skipped: other sender
    ");
    snapshot!(home.run(&["import", "samples/_chat.txt", "--me", "Anna"]), @"
    exit: 0
    --- stdout
    5 read in [TIME] s
    0 added, 0 updated, 0 unchanged: 0 authors, 0 new snippets
    1 skipped: no text
    4 skipped: other sender
    --- stderr
    nothing in it is from Anna: is that the address or the name that it was sent from?
    ");
}

#[test]
fn a_table_needs_a_column_of_texts() {
    let home = Home::new();
    home.file("diary.csv", "written;body\n05.01.2004;It rained.\n");
    snapshot!(home.run(&["import", "diary.csv", "--author", "ana"]), @"
    exit: 2
    --- stderr
    error: diary.csv: no column of the table is named `text`
    hint: name the columns with --map, as --map text=body,date=created
    ");
    snapshot!(home.run(&["import", "diary.csv", "--author", "ana", "--map", "text=body,date=written"]), @"
    exit: 0
    --- stdout
    1 read in [TIME] s
    1 added, 0 updated, 0 unchanged: 1 author, 1 new snippet
    ");
    snapshot!(home.run(&["export"]), @r#"
    exit: 0
    --- stdout
    {"id":"[HASH]","author":"ana","date":"[MOMENT]","n":null,"title":null,"text":"It rained.","kind":null,"thread":null,"to":null}
    "#);
}

#[test]
fn the_past_of_every_user_of_a_research_set_is_an_author() {
    let home = with_sample("questions.json");
    home.stdout(&["import", "samples/questions.json"]);
    snapshot!(home.run(&["authors"]), @"
    exit: 0
    --- stdout
    110: 2 documents, 37 characters, 2004-01-05 to 2005-01-01
    112: 1 document, 7 characters
    ");
}

#[test]
fn a_few_problems_are_shown_and_all_where_asked_for() {
    let home = Home::new();
    let lines: String = (0..12).map(|i| format!("{{\"author\": {i}}}\n")).collect();
    home.file("broken.jsonl", lines);
    let few = home.run(&["import", "broken.jsonl"]);
    assert!(
        few.contains("line 10:") && !few.contains("line 11:"),
        "{few}"
    );
    assert!(
        few.contains("hint: 2 more; `--problems` lists all of them"),
        "{few}"
    );
    let all = home.run(&["import", "broken.jsonl", "--problems"]);
    assert!(all.contains("line 12:") && !all.contains("hint"), "{all}");
}
