use std::fs;

use crate::support::{Home, snapshot};

#[test]
fn authors_and_sources_are_listed() {
    let home = Home::with_letters();
    snapshot!(home.run(&["authors"]), @"
    exit: 0
    --- stdout
    ana: 4 documents, 591 characters, 2019-03-01 to 2020-03-03
    ben: 3 documents, 271 characters
    cleo: 1 document, 57 characters, 2021-01-01 to 2021-01-01
    ");
    snapshot!(home.run(&["authors", "--json"]), @r#"
    exit: 0
    --- stdout
    {"author":"ana","documents":4,"characters":591,"first":"[MOMENT]","last":"[MOMENT]"}
    {"author":"ben","documents":3,"characters":271,"first":null,"last":null}
    {"author":"cleo","documents":1,"characters":57,"first":"[MOMENT]","last":"[MOMENT]"}
    "#);
    snapshot!(home.run(&["sources"]), @"
    exit: 0
    --- stdout
    1. [HOME]/letters.jsonl: 8 documents, imported [DAY]
    ");
    snapshot!(home.run(&["sources", "list", "--json"]), @r#"
    exit: 0
    --- stdout
    {"id":1,"location":"[HOME]/letters.jsonl","format":"jsonl","content_hash":null,"imported":"[MOMENT]","excluded":false,"documents":8,"problems":0,"near_duplicates":0}
    "#);
    snapshot!(home.run(&["sources", "show", "1"]), @"
    exit: 0
    --- stdout
    1. [HOME]/letters.jsonl: 8 documents, imported [DAY]
    ");
}

#[test]
fn a_source_is_removed_or_kept_out() {
    let home = Home::with_letters();
    snapshot!(home.run(&["sources", "remove", "1"]), @"
    exit: 2
    --- stderr
    error: nothing was deleted
    hint: `--yes` deletes without asking
    ");
    snapshot!(home.run(&["sources", "remove", "1", "--yes"]), @"
    exit: 0
    --- stdout
    8 documents deleted
    ");
    snapshot!(home.run(&["authors"]), @"
    exit: 1
    --- stderr
    the archive is empty
    ");
    home.stdout(&["import", "letters.jsonl"]);
    let id = home.json_lines(&["sources", "--json"])[0]["id"].to_string();
    snapshot!(home.run(&["sources", "exclude", &id, "--yes", "--json"]), @r#"
    exit: 0
    --- stdout
    {"source":2,"documents":8,"erased":true}
    "#);
    snapshot!(home.run(&["import", "letters.jsonl"]), @"
    exit: 2
    --- stderr
    error: the source [HOME]/letters.jsonl is excluded
    hint: `idiolect sources remove` forgets the exclusion
    ");
}

#[test]
fn a_rebuild_changes_no_result() {
    let home = Home::with_letters();
    let search = [
        "search",
        "garden rain",
        "--author",
        "ana",
        "--ranking",
        "snippet",
        "--json",
    ];
    let before = home.stdout(&search);
    snapshot!(home.run(&["rebuild"]), @"
    exit: 0
    --- stdout
    8 documents of 3 authors indexed anew, 8 snippets
    ");
    assert_eq!(home.stdout(&search), before);
    home.stdout(&["rebuild", "--encoder", "none"]);
    snapshot!(home.run(&search), @r#"
    exit: 2
    --- stderr
    error: the author's documents were indexed without an encoder or with several, the query is embedded by builtin@[HASH]
    hint: `idiolect rebuild` indexes everything anew with the encoder given
    {"error":{"code":"encoder","message":"the author's documents were indexed without an encoder or with several, the query is embedded by builtin@[HASH]","hint":"`idiolect rebuild` indexes everything anew with the encoder given"}}
    "#);
}

#[test]
fn the_doctor_finds_everything_in_order() {
    let home = Home::with_letters();
    let report = home.json(&["doctor", "--json"]);
    assert_eq!(
        (&report["documents"], &report["authors"]),
        (&8.into(), &3.into())
    );
    assert_eq!(report["wrong"], serde_json::json!([]));
    let text = home.stdout(&["doctor"]);
    assert!(text.ends_with("all in order\n") && !text.contains("blackbird"));
    snapshot!(
        home.run(&["doctor", "--archive", "nowhere", "--model", "none-such"])
            .lines()
            .filter(|line| !line.starts_with("threads") && !line.starts_with("system") && !line.starts_with("encoder"))
            .collect::<Vec<_>>()
            .join("\n"),
        @"
    exit: 1
    --- stdout
    version: [VERSION]
    device: cpu
    config: [HOME]/.config/idiolect/config.toml (not there)
    models: [HOME]/.local/share/idiolect/models (not there)
    archive: nowhere
    archive_state: not made yet
    model: unusable, see below
    WRONG  model: there is no model `none-such`
    "
    );
}

#[cfg(unix)]
#[test]
fn the_archive_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::with_letters();
    let folder = home.path().join(".local/share/idiolect");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn purge_leaves_nothing_but_what_was_imported() {
    let home = Home::with_letters();
    snapshot!(home.run(&["purge"]), @"
    exit: 2
    --- stderr
    error: nothing was deleted
    hint: `--yes` deletes without asking
    ");
    let output = home.stdout(&["purge", "--yes"]);
    assert!(output.lines().all(|line| line.starts_with("deleted ")));
    assert!(!home.path().join(".local/share/idiolect").exists());
    assert!(home.path().join("letters.jsonl").exists());
    snapshot!(home.run(&["purge", "--yes"]), @"
    exit: 1
    --- stderr
    there was nothing to delete
    ");
}

#[test]
fn settings_come_from_file_environment_and_command_line() {
    let home = Home::with_letters();
    home.file(
        ".config/idiolect/config.toml",
        "author = \"ben\"\nranking = \"recent\"\n",
    );
    let shown = home.stdout(&["config", "show"]);
    assert!(shown.contains("author = ben  # file\n"), "{shown}");
    assert!(shown.contains("beam = (not set)  # default\n"), "{shown}");
    assert!(shown.contains("model = builtin  # default\n"), "{shown}");
    let first = |home: &Home, more: &[&str]| {
        let mut arguments = vec!["search", "the", "--json"];
        arguments.extend(more);
        home.json_lines(&arguments)[0]["document"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(first(&home, &[]), "ben-3");
    assert_eq!(first(&home, &["--author", "ana"]), "a4");
    let output = home
        .command(&["--json", "search", "the"])
        .env("IDIOLECT_AUTHOR", "ana")
        .output()
        .unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("\"document\":\"a4\"")
    );
    snapshot!(home.run(&["config", "path"]), @"
    exit: 0
    --- stdout
    config   [HOME]/.config/idiolect/config.toml
    archive  [HOME]/.local/share/idiolect
    models   [HOME]/.local/share/idiolect/models
    ");
}

#[test]
fn the_schema_lists_every_key_with_its_variable() {
    let home = Home::new();
    let schema = home.json(&["config", "schema", "--json"]);
    let keys: Vec<String> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    snapshot!(keys.join(" "), @"adapter analyzer archive author beam bm25-b bm25-k1 color device early-stopping encoder keywords length-norm length-penalty max-copy max-tokens min-tokens model no-repeat-ngram own-words ranking repetition-penalty seed summary temperature threads top-k top-p weights word-vectors wordnet");
    for key in keys {
        let variable = format!("IDIOLECT_{}", key.to_uppercase().replace('-', "_"));
        assert_eq!(
            schema["properties"][&key]["x-environment"],
            variable.as_str()
        );
    }
}
