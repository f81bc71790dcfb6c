//! An import that is killed at any moment loses nothing that it said it had stored, and the same
//! command finishes it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::Home;

const KILLS: usize = 20;
const DOCUMENTS: usize = 12_000;

/// Many documents, so that there is time to kill in, in batches of several authors.
fn documents() -> String {
    (0..DOCUMENTS)
        .map(|n| {
            let author = n % 7;
            format!(
                "{{\"author\":\"author {author}\",\"id\":\"d{n}\",\"n\":{n},\"title\":\"Walk {n}\",\"text\":\"On walk {n} \
                 we saw {} birds, {} cows and no rain. The bridge at mile {} was closed, so we went round by the mill. \
                 Bread and cheese as always, and a long talk about the roof of the hall, which leaks.\"}}\n",
                n % 13,
                n % 17,
                n % 19
            )
        })
        .collect()
}

fn import(home: &Home) -> Child {
    Command::new(env!("CARGO_BIN_EXE_idiolect"))
        .args(["import", "many.jsonl", "--verbose", "--archive", "killed"])
        .current_dir(home.path())
        .env("HOME", home.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets the import say `reports` times that it stored something, goes on for up to as many turns of
/// reading as `more`, kills it, and gives what it last said.
fn import_and_kill(home: &Home, reports: usize) -> usize {
    let mut child = import(home);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = 0;
    for _ in 0..reports {
        match lines.next() {
            Some(line) => said = stored(&line.unwrap()).unwrap_or(said),
            None => break,
        }
    }
    // SIGKILL on Unix: no handler of ours runs.
    child.kill().unwrap();
    for line in lines.map_while(Result::ok) {
        said = stored(&line).unwrap_or(said);
    }
    child.wait().unwrap();
    said
}

/// `500 documents stored` says 500.
fn stored(line: &str) -> Option<usize> {
    line.strip_suffix(" documents stored")?.parse().ok()
}

fn exported(home: &Home, archive: &str) -> Vec<String> {
    let text = home.stdout(&["export", "--archive", archive]);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn an_import_killed_twenty_times_ends_as_one_in_one_go() {
    let home = Home::new();
    home.file("many.jsonl", documents());
    home.stdout(&["import", "many.jsonl", "--archive", "whole"]);
    let whole = exported(&home, "whole");
    assert_eq!(whole.len(), DOCUMENTS);

    // A fixed walk through the moments at which to kill: before anything was said, and after some.
    let mut moment = 7_usize;
    let mut kept = 0;
    for _ in 0..KILLS {
        moment = moment * 5 % 23;
        let said = import_and_kill(&home, moment % 12);
        let archive = home.path().join("killed");
        let there = if archive.exists() {
            home.command(&["export", "--archive", "killed"])
                .output()
                .unwrap()
                .stdout
        } else {
            Vec::new()
        };
        let there = String::from_utf8(there).unwrap().lines().count();
        assert!(
            there >= said,
            "{said} were reported as stored, {there} are there"
        );
        assert!(
            there >= kept,
            "{kept} were there before the last kill, {there} are there now"
        );
        kept = there;
    }
    assert!(import(&home).wait().unwrap().success());

    assert_eq!(exported(&home, "killed"), whole);
    for ranking in ["doc-bm25", "snippet"] {
        let search = |archive: &str| {
            home.stdout(&[
                "search",
                "the mill at mile 7 was closed",
                "--author",
                "author 3",
                "--ranking",
                ranking,
                "--archive",
                archive,
                "--json",
                "-k",
                "50",
            ])
        };
        assert_eq!(search("killed"), search("whole"), "{ranking}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_import_keeps_what_it_began_and_says_so() {
    let home = Home::new();
    home.file("many.jsonl", documents());
    let mut child = Command::new(env!("CARGO_BIN_EXE_idiolect"))
        .args(["import", "many.jsonl", "--verbose", "--json"])
        .current_dir(home.path())
        .env("HOME", home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(stored(&lines.next().unwrap().unwrap()), Some(500));
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(
        rest.iter()
            .any(|line| line.starts_with("interrupted: finishing"))
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let added = report["added"].as_u64().unwrap() as usize;
    assert!(report["interrupted"] == true && (500..DOCUMENTS).contains(&added));
    assert_eq!(report["read"], added);
    let exported = home.stdout(&["export"]);
    assert_eq!(exported.lines().count(), added);
}
