//! Each kind of bad input: a clear error with a hint, an exit code that says so, never a panic.

use std::fs;

use crate::support::{Home, snapshot};

#[test]
fn paths_that_hold_nothing_to_import() {
    let home = Home::new();
    home.file("empty.jsonl", "");
    fs::create_dir(home.path().join("nothing")).unwrap();
    home.file("nothing/picture.png", [1_u8]);
    home.file("what", [0xff_u8, 0xfe, 0x00, 0x01]);
    snapshot!(home.run(&["import", "missing.jsonl"]), @"
    exit: 2
    --- stderr
    error: missing.jsonl: no such file or folder
    hint: check the spelling; `-` reads standard input
    ");
    snapshot!(home.run(&["import", "missing.jsonl", "--json"]), @r#"
    exit: 2
    --- stderr
    error: missing.jsonl: no such file or folder
    hint: check the spelling; `-` reads standard input
    {"error":{"code":"missing_path","message":"missing.jsonl: no such file or folder","hint":"check the spelling; `-` reads standard input"}}
    "#);
    snapshot!(home.run(&["import", "nothing"]), @"
    exit: 1
    --- stdout
    0 read in [TIME] s
    0 added, 0 updated, 0 unchanged: 0 authors, 0 new snippets
    --- stderr
    error: nothing: the folder holds no documents
    hint: nothing in it has a format that is known, or hidden files alone do: `idiolect import --help` lists the formats
    ");
    snapshot!(home.run(&["import", "empty.jsonl"]), @"
    exit: 1
    --- stdout
    0 read in [TIME] s
    0 added, 0 updated, 0 unchanged: 0 authors, 0 new snippets
    --- stderr
    error: empty.jsonl: the file is empty
    hint: export it again: an import needs at least one document
    ");
    snapshot!(home.run(&["import", "what"]), @"
    exit: 2
    --- stderr
    error: what: its format is not known
    hint: name it with --format: `idiolect import --help` lists the formats
    ");
}

#[test]
fn wrong_usage() {
    let home = Home::new();
    snapshot!(home.run(&["serch", "x"]), @"
    exit: 2
    --- stderr
    error: unrecognized subcommand 'serch'
    hint: did you mean `search`?
    ");
    snapshot!(home.run(&["pruge", "--yes"]), @"
    exit: 2
    --- stderr
    error: unrecognized subcommand 'pruge'
    hint: did you mean `prove`?
    ");
    snapshot!(home.run(&["search"]), @"
    exit: 2
    --- stderr
    error: the following required arguments were not provided: <QUERY>
    hint: usage: idiolect search <QUERY>
    ");
    snapshot!(home.run(&["search", "x", "--rankin", "recent"]), @"
    exit: 2
    --- stderr
    error: unexpected argument '--rankin' found
    hint: did you mean `--ranking`?
    ");
    snapshot!(home.run(&["search", "x", "--ranking", "best", "--json"]), @r#"
    exit: 2
    --- stderr
    error: invalid value 'best' for '--ranking <NAME>' [possible values: recent, doc-bm25, doc-dense, snippet, doc-by-snippet, hybrid, none]
    hint: the command's `--help` says what it takes
    {"error":{"code":"usage","message":"invalid value 'best' for '--ranking <NAME>' [possible values: recent, doc-bm25, doc-dense, snippet, doc-by-snippet, hybrid, none]","hint":"the command's `--help` says what it takes"}}
    "#);
    snapshot!(home.run(&["search", "x", "--before", "yesterday"]), @"
    exit: 2
    --- stderr
    error: invalid value 'yesterday' for '--before <TIME|doc:ID>': `yesterday` is not a time: use RFC 3339 or YYYY-MM-DD
    hint: the command's `--help` says what it takes
    ");
    snapshot!(home.run(&["search", "x", "--bm25-b", "2"]), @"
    exit: 2
    --- stderr
    error: invalid value '2' for '--bm25-b <B>': must be from 0 to 1
    hint: the command's `--help` says what it takes
    ");
    snapshot!(home.run(&["write", "x", "--beam", "0"]), @"
    exit: 2
    --- stderr
    error: invalid value '0' for '--beam <N>': must be 1 or more
    hint: the command's `--help` says what it takes
    ");
    snapshot!(home.run(&["search", "x", "--ranking", "recent", "--explain"]), @"
    exit: 2
    --- stderr
    error: `--explain` takes BM25 scores apart, not those of `recent`
    hint: leave `--ranking` out, or `--explain`
    ");
    snapshot!(home.run(&["import", "x", "--map", "words=body"]), @"
    exit: 2
    --- stderr
    error: invalid value 'words=body' for '--map <FIELD=COLUMN>': `words=body` does not map a field: use FIELD=COLUMN, FIELD one of text, author, id, date, title, kind, thread, to, n
    hint: the command's `--help` says what it takes
    ");
}

#[test]
fn archives_that_cannot_be_used() {
    let home = Home::new();
    snapshot!(home.run(&["search", "x"]), @"
    exit: 2
    --- stderr
    error: there is no archive in [HOME]/.local/share/idiolect
    hint: `idiolect import PATH` makes one; `--archive DIR` names another folder
    ");
    let home = Home::with_letters();
    let database = fs::read_dir(home.path().join(".local/share/idiolect"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension != "db-wal" && extension != "db-shm")
        })
        .unwrap();
    let mut bytes = fs::read(&database).unwrap();
    // SQLite keeps `user_version` in bytes 60 to 63.
    bytes[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    snapshot!(home.run(&["search", "x"]), @"
    exit: 2
    --- stderr
    error: the archive has format 9999, this version reads formats up to 3
    hint: update idiolect, or name another folder with `--archive DIR`
    ");
    snapshot!(home.run(&["import", "letters.jsonl"]), @"
    exit: 2
    --- stderr
    error: the archive has format 9999, this version reads formats up to 3
    hint: update idiolect, or name another folder with `--archive DIR`
    ");
    fs::write(
        &database,
        b"not a database at all, but long enough to be looked at closely",
    )
    .unwrap();
    snapshot!(home.run(&["authors"]), @"
    exit: 2
    --- stderr
    error: [HOME]/.local/share/idiolect/archive.sqlite is not an archive of idiolect
    hint: name another folder with `--archive DIR`
    ");
}

#[test]
fn authors_and_documents_that_are_not_there() {
    let home = Home::with_letters();
    snapshot!(home.run(&["search", "x"]), @"
    exit: 2
    --- stderr
    error: the archive holds 3 authors
    hint: choose one with `--author`: `ana`, `ben`, `cleo`
    ");
    snapshot!(home.run(&["search", "x", "--author", "anna"]), @"
    exit: 2
    --- stderr
    error: no author `anna` in the archive
    hint: did you mean `ana`?
    ");
    snapshot!(home.run(&["search", "x", "--author", "ana", "--before", "doc:a9"]), @"
    exit: 2
    --- stderr
    error: no document `a9` of author `ana`
    hint: `idiolect search` and `idiolect export` show ids
    ");
    snapshot!(home.run(&["search", "zebra", "--author", "ana"]), @"
    exit: 1
    --- stderr
    nothing found in 4 documents of `ana`
    ");
    home.file(
        "same.jsonl",
        "{\"author\":\"dora\",\"id\":\"a1\",\"text\":\"Mine.\"}\n",
    );
    home.stdout(&["import", "same.jsonl"]);
    snapshot!(home.run(&["search", "x", "--before", "doc:a1"]), @"
    exit: 2
    --- stderr
    error: 2 authors have a document `a1`
    hint: say whose with `--author`: `ana` or `dora`
    ");
    snapshot!(home.run(&["sources", "show", "77"]), @"
    exit: 2
    --- stderr
    error: no source 77
    hint: `idiolect sources` lists them
    ");
    snapshot!(home.run(&["export", "--author", "nobody"]), @"
    exit: 2
    --- stderr
    error: no author `nobody` in the archive
    hint: `idiolect authors` lists them
    ");
}

#[test]
fn drafts_with_nothing_in_them() {
    let home = Home::with_letters();
    snapshot!(home.run(&["write", "--author", "ana"]), @"
    exit: 2
    --- stderr
    error: there is nothing to go on with: no title and no first words
    hint: give the first words, or a title
    ");
    snapshot!(home.run(&["write", "--author", "ana", "--json", "  "]), @r#"
    exit: 2
    --- stderr
    error: there is nothing to go on with: no title and no first words
    hint: give the first words, or a title
    {"error":{"code":"empty_start","message":"there is nothing to go on with: no title and no first words","hint":"give the first words, or a title"}}
    "#);
    home.file("latin.txt", b"caf\xe9");
    snapshot!(home.run(&["write", "--author", "ana", "--file", "latin.txt"]), @"
    exit: 2
    --- stderr
    error: `latin.txt` is not UTF-8
    hint: convert it first, for example with `iconv -t UTF-8`
    ");
    snapshot!(home.run(&["write", "--author", "ana", "--file", "missing.txt"]), @"
    exit: 2
    --- stderr
    error: failed to open file `missing.txt`: No such file or directory (os error 2)
    hint: check the path
    ");
    snapshot!(home.run(&["write", "--author", "ana", "--encoder", "none", "--ranking", "snippet", "The"]), @"
    exit: 2
    --- stderr
    error: the ranking `snippet` needs an encoder
    hint: choose an encoder, or a ranking without one: recent, doc-bm25
    ");
}

#[test]
fn settings_that_say_nothing() {
    let home = Home::with_letters();
    home.file(".config/idiolect/config.toml", "rankin = \"recent\"\n");
    snapshot!(home.run(&["authors"]), @"
    exit: 2
    --- stderr
    error: `[HOME]/.config/idiolect/config.toml` holds an unknown key `rankin`
    hint: did you mean `ranking`?
    ");
    snapshot!(home.run(&["config", "path"]), @"
    exit: 0
    --- stdout
    config   [HOME]/.config/idiolect/config.toml
    archive  [HOME]/.local/share/idiolect
    models   [HOME]/.local/share/idiolect/models
    ");
    home.file(".config/idiolect/config.toml", "bm25-b = 7\n");
    snapshot!(home.run(&["authors"]), @"
    exit: 2
    --- stderr
    error: `bm25-b` in `[HOME]/.config/idiolect/config.toml` has a wrong value: invalid value '7' for '--bm25-b <bm25-b>': must be from 0 to 1
    hint: `idiolect config schema` lists the keys and what they take
    ");
    home.file(".config/idiolect/config.toml", "ranking = \n");
    snapshot!(home.run(&["authors"]), @"
    exit: 2
    --- stderr
    error: cannot read `[HOME]/.config/idiolect/config.toml`: string values must be quoted, expected literal string
    hint: `idiolect config schema` lists the keys and what they take
    ");
    let output = home
        .command(&["authors"])
        .env("IDIOLECT_ARCHIVE", "")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
