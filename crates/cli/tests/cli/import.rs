use crate::support::{Home, LETTERS, snapshot};

#[test]
fn a_report_adds_up_and_a_second_import_adds_nothing() {
    let home = Home::new();
    home.file("letters.jsonl", LETTERS);
    snapshot!(home.run(&["import", "letters.jsonl"]), @"
    exit: 0
    --- stdout
    8 read in [TIME] s
    8 added, 0 updated, 0 unchanged: 3 authors, 8 new snippets
    ");
    snapshot!(home.run(&["import", "letters.jsonl", "--json"]), @r#"
    exit: 0
    --- stdout
    {"read":8,"added":0,"updated":0,"unchanged":8,"skipped":{},"problems":[],"authors":3,"snippets":0,"seconds":[TIME],"removed":{},"known":0,"near_duplicates":0,"ignored_fields":{},"dry_run":false,"interrupted":false}
    "#);
}

#[test]
fn broken_items_are_problems_and_the_rest_is_stored() {
    let home = Home::new();
    let mut bytes = b"{\"author\":\"ana\",\"text\":\"One.\"}\n{\"author\":\"ana\",\n".to_vec();
    bytes.extend(b"{\"author\":\"ana\",\"text\":\"caf\xe9\"}\n{\"author\":\"ana\"}\n[1]\n");
    bytes.extend(b"{\"author\":\"ana\",\"text\":\"\"}\n\n{\"text\":\"Whose?\"}\n");
    bytes.extend(b"{\"author\":\"ana\",\"text\":\"Two.\",\"mood\":\"fair\",\"date\":\"soon\"}\n");
    bytes.extend(b"{\"author\":\"ana\",\"text\":\"Three.\",\"mood\":\"fair\"}");
    home.file("mixed.jsonl", bytes);
    snapshot!(home.run(&["import", "mixed.jsonl", "-v"]), @"
    exit: 0
    --- stdout
    9 read in [TIME] s
    2 added, 0 updated, 0 unchanged: 1 author, 2 new snippets
    1 skipped: empty text
    6 could not be read
      mixed.jsonl, line 2: invalid JSON at column 16
      mixed.jsonl, line 3: not valid UTF-8
      mixed.jsonl, line 4: `text` is missing
      mixed.jsonl, line 5: not a JSON object
      mixed.jsonl, line 8: no author is named: use --author
      mixed.jsonl, line 9: `date` is neither RFC 3339 nor YYYY-MM-DD
    --- stderr
    2 documents stored
    fields not used: mood
    ");
    snapshot!(home.run(&["import", "mixed.jsonl", "--json"]), @r#"
    exit: 0
    --- stdout
    {"read":9,"added":0,"updated":0,"unchanged":2,"skipped":{"empty_text":1},"problems":[{"source":"mixed.jsonl","location":"line 2","reason":"invalid JSON at column 16"},{"source":"mixed.jsonl","location":"line 3","reason":"not valid UTF-8"},{"source":"mixed.jsonl","location":"line 4","reason":"`text` is missing"},{"source":"mixed.jsonl","location":"line 5","reason":"not a JSON object"},{"source":"mixed.jsonl","location":"line 8","reason":"no author is named: use --author"},{"source":"mixed.jsonl","location":"line 9","reason":"`date` is neither RFC 3339 nor YYYY-MM-DD"}],"authors":1,"snippets":0,"seconds":[TIME],"removed":{},"known":0,"near_duplicates":0,"ignored_fields":{"mood":2},"dry_run":false,"interrupted":false}
    "#);
    snapshot!(home.run(&["sources", "show", "1"]), @"
    exit: 0
    --- stdout
    1. [HOME]/mixed.jsonl: 2 documents, 6 could not be read, imported [DAY]
      mixed.jsonl, line 2: invalid JSON at column 16
      mixed.jsonl, line 3: not valid UTF-8
      mixed.jsonl, line 4: `text` is missing
      mixed.jsonl, line 5: not a JSON object
      mixed.jsonl, line 8: no author is named: use --author
      mixed.jsonl, line 9: `date` is neither RFC 3339 nor YYYY-MM-DD
    ");
}

#[test]
fn mail_keeps_what_one_sent() {
    let home = Home::new();
    let mbox = "From me@example.org Fri Mar  1 10:00:00 2019\n\
From: Me <me@example.org>\nTo: ana@example.org\nDate: Fri, 1 Mar 2019 10:00:00 +0000\nSubject: Beans\n\n\
Dear Ana,\nthe beans are up.\n\nOn Thu, Ana wrote:\n> are they?\n-- \nMe\n\n\
From ana@example.org Fri Mar  1 11:00:00 2019\n\
From: Ana <ana@example.org>\nTo: me@example.org\nDate: Fri, 1 Mar 2019 11:00:00 +0000\nSubject: Re: Beans\n\nGood.\n\n\
From me@example.org Fri Mar  1 12:00:00 2019\n\
From: Me <me@example.org>\nTo: ana@example.org\nDate: Fri, 1 Mar 2019 12:00:00 +0000\nSubject: Cut";
    home.file("sent.mbox", mbox);
    snapshot!(home.run(&["import", "sent.mbox"]), @"
    exit: 2
    --- stderr
    error: sent.mbox: it has messages of several people, and no address or name of yours is given
    hint: name them with --me ADDRESS (repeatable): only what they sent is kept
    ");
    snapshot!(home.run(&["import", "sent.mbox", "--me", "me@example.org", "--author", "me"]), @"
    exit: 0
    --- stdout
    3 read in [TIME] s
    1 added, 0 updated, 0 unchanged: 1 author, 1 new snippet
    left out of them: 1 quote, 1 signature
    1 skipped: other sender
    1 could not be read
      sent.mbox, line 23: the message is cut off
    ");
    snapshot!(home.run(&["export"]), @r#"
    exit: 0
    --- stdout
    {"id":"[HASH]","author":"me","date":"[MOMENT]","n":null,"title":"Beans","text":"Dear Ana,\nthe beans are up.","kind":"mail","thread":null,"to":"ana@example.org"}
    "#);
}

#[test]
fn notes_come_from_folders() {
    let home = Home::new();
    home.file(
        "notes/one.md",
        "---\ntitle: One\ndate: 2020-01-02\n---\nFirst note.\n",
    );
    home.file("notes/deep/two.md", "# Two\n\nSecond note.\n");
    home.file("notes/empty.md", "");
    home.file("notes/picture.png", [0_u8, 1, 2]);
    snapshot!(home.run(&["import", "notes", "--author", "ana"]), @"
    exit: 0
    --- stdout
    3 read in [TIME] s
    2 added, 0 updated, 0 unchanged: 1 author, 2 new snippets
    1 skipped: empty text
    ");
    snapshot!(home.run(&["authors"]), @"
    exit: 0
    --- stdout
    ana: 2 documents, 31 characters, 2020-01-02 to 2020-01-02
    ");
}

#[test]
fn notes_of_one_name_in_two_folders_are_two() {
    let home = Home::new();
    home.file("garden/index.md", "Herons stood in the beans.\n");
    home.file("work/index.md", "The minutes are late again.\n");
    snapshot!(home.run(&["import", "garden", "work", "--author", "ana"]), @"
    exit: 0
    --- stdout
    2 read in [TIME] s
    2 added, 0 updated, 0 unchanged: 1 author, 2 new snippets
    ");
    // One of them by itself is the same note.
    snapshot!(home.run(&["import", "work/index.md", "--author", "ana"]), @"
    exit: 0
    --- stdout
    1 read in [TIME] s
    0 added, 0 updated, 1 unchanged: 1 author, 0 new snippets
    ");
}

#[test]
fn nothing_below_an_excluded_folder_is_imported() {
    let home = Home::new();
    home.file("notes/one.md", "Not for the archive.\n");
    home.stdout(&["import", "notes", "--author", "ana"]);
    home.stdout(&["sources", "exclude", "1", "--yes"]);
    let refused = home
        .command(&["import", "notes/one.md", "--author", "ana", "--json"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("excluded"));
    let exported = home.command(&["export"]).output().unwrap();
    assert!(exported.stdout.is_empty());
}

#[test]
fn whoever_gives_another_address_is_told() {
    let home = Home::new();
    home.file(
        "mail.mbox",
        "From a Thu Jan  2 10:00:00 2020\nFrom: Ana <ana@example.org>\nDate: Thu, 2 Jan 2020 10:00:00 +0000\n\nThe beans are up.\n",
    );
    snapshot!(home.run(&["import", "mail.mbox", "--me", "anna@example.org"]), @"
    exit: 0
    --- stdout
    1 read in [TIME] s
    0 added, 0 updated, 0 unchanged: 0 authors, 0 new snippets
    1 skipped: other sender
    --- stderr
    nothing in it is from anna@example.org: is that the address or the name that it was sent from?
    ");
}

#[test]
fn authors_are_not_changed_by_a_setting() {
    let home = Home::new();
    home.file("letters.jsonl", LETTERS);
    let output = home
        .command(&["import", "letters.jsonl"])
        .env("IDIOLECT_AUTHOR", "zoe")
        .output()
        .unwrap();
    snapshot!(home.shown(&output), @"
    exit: 0
    --- stdout
    8 read in [TIME] s
    8 added, 0 updated, 0 unchanged: 3 authors, 8 new snippets
    ");
}

#[test]
fn what_cannot_be_read_is_found_before_anything_is_stored() {
    let home = Home::new();
    home.file("letters.jsonl", LETTERS);
    home.file("what", [0xff_u8, 0xfe, 0x00, 0x01]);
    for second in [&["what"] as &[&str], &["letters.jsonl", "--format", "mbox"]] {
        let mut arguments = vec!["import", "letters.jsonl"];
        arguments.extend(second);
        assert!(home.run(&arguments).starts_with("exit: 2\n"));
        assert!(!home.path().join(".local/share/idiolect").exists());
    }
}

#[test]
fn a_dry_run_stores_nothing() {
    let home = Home::new();
    home.file("letters.jsonl", LETTERS);
    snapshot!(home.run(&["import", "letters.jsonl", "--dry-run"]), @"
    exit: 0
    --- stdout
    8 read in [TIME] s (dry run: nothing was stored)
    8 added, 0 updated, 0 unchanged: 3 authors, 8 new snippets
    ");
    snapshot!(home.run(&["authors"]), @"
    exit: 2
    --- stderr
    error: there is no archive in [HOME]/.local/share/idiolect
    hint: `idiolect import PATH` makes one; `--archive DIR` names another folder
    ");
    home.stdout(&["import", "letters.jsonl"]);
    snapshot!(home.run(&["import", "letters.jsonl", "--dry-run"]), @"
    exit: 0
    --- stdout
    8 read in [TIME] s (dry run: nothing was stored)
    0 added, 0 updated, 8 unchanged: 3 authors, 0 new snippets
    ");
}

#[test]
fn standard_input_fields_and_dates_are_chosen() {
    let home = Home::new();
    let lines = "{\"who\":\"ana\",\"body\":\"Old.\",\"date\":\"2001-01-01\"}\n\
                 {\"who\":\"ana\",\"body\":\"New.\",\"date\":\"2021-01-01\"}\n";
    let output = home
        .command(&[
            "import",
            "-",
            "--format",
            "jsonl",
            "--map",
            "author=who,text=body",
        ])
        .args(["--since", "2020-01-01"])
        .write_stdin(lines)
        .output()
        .unwrap();
    snapshot!(home.shown(&output), @"
    exit: 0
    --- stdout
    2 read in [TIME] s
    1 added, 0 updated, 0 unchanged: 1 author, 1 new snippet
    1 skipped: outside dates
    ");
    snapshot!(home.run(&["export"]), @r#"
    exit: 0
    --- stdout
    {"id":"[HASH]","author":"ana","date":"[MOMENT]","n":null,"title":null,"text":"New.","kind":null,"thread":null,"to":null}
    "#);
}

#[test]
fn an_export_is_read_back_to_the_same_archive() {
    let home = Home::with_letters();
    let exported = home.stdout(&["export"]);
    home.file("export.jsonl", &exported);
    home.stdout(&["import", "export.jsonl", "--archive", "second"]);
    assert_eq!(home.stdout(&["export", "--archive", "second"]), exported);
    let only_ben = home.json_lines(&["export", "--author", "ben"]);
    assert!(only_ben.len() == 3 && only_ben.iter().all(|document| document["author"] == "ben"));
}

/// Puts a file's last change into the past, so that an import may believe its time.
fn settle(home: &Home, name: &str, seconds: u64) {
    let file = std::fs::File::options()
        .write(true)
        .open(home.path().join(name))
        .unwrap();
    let moment = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
    file.set_modified(moment).unwrap();
}

fn sent(body: &str) -> String {
    format!(
        "From - Mon Jan  5 10:30:00 2004\nFrom: me@example.org\nDate: Mon, 5 Jan 2004 10:30:00 +0000\n\n{body}\n\n"
    )
}

#[test]
fn of_a_grown_mailbox_only_what_is_new_is_read() {
    let home = Home::new();
    let mine = ["--me", "me@example.org", "--json"];
    let import = |more: &[&str]| home.stdout(&[&["import", "sent.mbox"], &mine[..], more].concat());
    let mut text = [sent("One."), sent("> Theirs.\nTwo.")].concat();
    home.file("sent.mbox", &text);
    settle(&home, "sent.mbox", 100);
    assert!(import(&[]).contains("\"added\":2,\"updated\":0,\"unchanged\":0"));
    let again = import(&[]);
    assert!(
        again.contains("\"read\":2,\"added\":0,\"updated\":0,\"unchanged\":2"),
        "{again}"
    );
    assert!(again.contains("\"known\":2"), "{again}");
    text.push_str(&sent("Three."));
    home.file("sent.mbox", &text);
    settle(&home, "sent.mbox", 50);
    let grown = import(&[]);
    assert!(
        grown.contains("\"read\":3,\"added\":1,\"updated\":0,\"unchanged\":2"),
        "{grown}"
    );
    assert!(grown.contains("\"known\":2"), "{grown}");
    // Everything is read where it is asked for, and where it is to be read otherwise.
    for more in [&["--again"][..], &["--keep-code"]] {
        assert!(import(more).contains("\"known\":0"));
    }
}

#[test]
fn what_was_left_out_can_be_seen() {
    let home = Home::new();
    home.file(
        "sent.mbox",
        sent("Yes.\n\nOn 5 Jan 2004, Ben wrote:\n> Shall we?\n-- \nMe"),
    );
    snapshot!(home.run(&["import", "sent.mbox", "--me", "me@example.org"]), @"
    exit: 0
    --- stdout
    1 read in [TIME] s
    1 added, 0 updated, 0 unchanged: 1 author, 1 new snippet
    left out of them: 1 quote, 1 signature
    ");
    settle(&home, "sent.mbox", 100);
    home.stdout(&["import", "sent.mbox", "--me", "me@example.org"]);
    let shown = home.stdout(&["sources", "show", "1", "--removed"]);
    assert!(
        shown.contains("bytes 6 to 44: quote\n  | On 5 Jan 2004, Ben wrote:\n  | > Shall we?\n"),
        "{shown}"
    );
    assert!(
        shown.contains("bytes 44 to 52: signature\n  | -- \n  | Me\n"),
        "{shown}"
    );
    std::fs::remove_file(home.path().join("sent.mbox")).unwrap();
    let shown = home.stdout(&["sources", "show", "1", "--removed", "--json"]);
    assert!(
        shown.contains("\"start\":6,\"end\":44,\"reason\":\"quote\",\"text\":null"),
        "{shown}"
    );
}

#[test]
fn a_text_is_stored_once_and_drafts_are_flagged() {
    let home = Home::new();
    let words: Vec<String> = (0..120).map(|i| format!("word{i}")).collect();
    home.file("one/a.txt", words.join(" "));
    home.file("one/b.txt", words[..115].join(" "));
    home.file("two/a.txt", words.join(" "));
    home.file("two/c.txt", "Something else.");
    for (dry, added) in [(true, 2), (false, 2), (false, 0)] {
        let mut arguments = vec!["import", "one", "--author", "me", "--json"];
        if dry {
            arguments.push("--dry-run");
        }
        let report = home.stdout(&arguments);
        assert!(report.contains(&format!("\"added\":{added}")), "{report}");
    }
    let report = home.stdout(&["import", "two", "--author", "me", "--json"]);
    // Its title is the name of its file.
    assert!(
        report.contains("\"added\":1") && report.contains("\"duplicate\":1"),
        "{report}"
    );
    snapshot!(home.run(&["sources"]), @"
    exit: 0
    --- stdout
    1. [HOME]/one: 2 documents, 1 nearly repeat another, imported [DAY]
    2. [HOME]/two: 2 documents, imported [DAY]
    ");
    home.stdout(&["sources", "remove", "1", "--yes"]);
    assert!(home.stdout(&["authors"]).contains("me: 2 documents"));
}

#[test]
fn an_export_is_the_same_archive() {
    let home = Home::new();
    home.file("letters.jsonl", LETTERS);
    home.stdout(&["import", "letters.jsonl"]);
    let exported = home.stdout(&["export"]);
    home.file("again.jsonl", &exported);
    home.stdout(&["import", "again.jsonl", "--archive", "other"]);
    assert_eq!(home.stdout(&["export", "--archive", "other"]), exported);
}
