//! An import that is killed at any moment, meets another one, readers, a full disk or a place where
//! nothing can be written, loses nothing that it said it had stored, and the same command finishes
//! it.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Output, Stdio};

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

/// Starts the binary with its stderr to be read line by line.
fn start(home: &Home, arguments: &[&str], stdin: Stdio) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_idiolect"))
        .args(arguments)
        .current_dir(home.path())
        .env("HOME", home.path())
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, lines)
}

/// An import that has stored some documents and is at work as long as its input lasts; `more.jsonl`
/// holds another one.
fn importing(home: &Home) -> (Child, ChildStdin, Lines<BufReader<ChildStderr>>) {
    home.file(
        "more.jsonl",
        r#"{"author":"ben","id":"b1","text":"Another text."}"#,
    );
    let arguments = ["import", "-", "--format", "jsonl", "--verbose"];
    let (mut first, mut said) = start(home, &arguments, Stdio::piped());
    let mut input = first.stdin.take().unwrap();
    input.write_all(documents().as_bytes()).unwrap();
    assert_eq!(stored(&said.next().unwrap().unwrap()), Some(500));
    (first, input, said)
}

fn failure(output: &Output) -> serde_json::Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let object = stderr.lines().find(|line| line.starts_with('{')).unwrap();
    serde_json::from_str(object).unwrap()
}

#[test]
fn of_two_imports_one_waits() {
    let home = Home::new();
    let (mut first, input, said) = importing(&home);

    let refused = home
        .command(&["import", "more.jsonl", "--no-wait", "--json"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(failure(&refused)["error"]["code"], "archive_in_use");
    let reader = home.stdout(&["export"]);
    assert!(reader.lines().count() >= 500);

    let (mut second, mut waits) = start(&home, &["import", "more.jsonl"], Stdio::null());
    assert_eq!(
        waits.next().unwrap().unwrap(),
        "waiting for another idiolect to finish writing…"
    );
    drop(input);
    let last = said
        .map_while(Result::ok)
        .filter_map(|line| stored(&line))
        .last();
    assert_eq!(last, Some(DOCUMENTS));
    assert!(first.wait().unwrap().success());
    assert!(second.wait().unwrap().success());
    assert_eq!(home.stdout(&["export"]).lines().count(), DOCUMENTS + 1);
}

#[test]
fn one_that_waits_goes_on_when_the_other_is_killed() {
    let home = Home::new();
    let (mut first, _input, _said) = importing(&home);
    let (mut second, mut waits) = start(&home, &["import", "more.jsonl"], Stdio::null());
    assert!(waits.next().unwrap().unwrap().starts_with("waiting"));
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(second.wait().unwrap().success());
    assert!(home.stdout(&["export"]).lines().count() > 500);
}

#[test]
fn a_reader_during_an_import_sees_whole_batches() {
    let home = Home::new();
    home.file("many.jsonl", documents());
    home.stdout(&["import", "many.jsonl", "--archive", "whole"]);
    let whole = exported(&home, "whole");
    let (mut child, said) = start(
        &home,
        &["import", "many.jsonl", "--verbose", "--archive", "killed"],
        Stdio::null(),
    );
    let mut seen = 0;
    for line in said {
        let reported = stored(&line.unwrap()).unwrap_or(0);
        let now = exported(&home, "killed");
        assert!(
            now.len() >= reported.max(seen),
            "{} of {reported}",
            now.len()
        );
        assert_eq!(now, whole[..now.len()]);
        seen = now.len();
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(seen, DOCUMENTS);
}

/// Runs one test of this file again where a small file system of its own is mounted at the path it
/// gets; false where none can be.
#[cfg(target_os = "linux")]
fn on_a_small_disk(test: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    // Others neither see the mount nor have to take it away.
    let root = ["--mount", "--propagation", "private"];
    let user = ["--user", "--map-root-user", "--mount"];
    let mounted = [&root[..], &user[..]].into_iter().find(|&options| {
        let output = Command::new("unshare")
            .args(options)
            .args(["mount", "-t", "tmpfs", "-o", "size=64m", "none"])
            .arg(folder.path())
            .output();
        output.is_ok_and(|output| output.status.success())
    });
    let Some(options) = mounted else {
        return false;
    };
    let output = Command::new("unshare")
        .args(options)
        .args([
            "sh",
            "-c",
            "mount -t tmpfs -o size=64m none \"$0\" && exec \"$@\"",
        ])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(SMALL_DISK, folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    true
}

#[cfg(target_os = "linux")]
const SMALL_DISK: &str = "IDIOLECT_TEST_SMALL_DISK";

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_an_import_and_room_lets_it_finish() {
    let Some(disk) = std::env::var_os(SMALL_DISK) else {
        if !on_a_small_disk("kill::a_full_disk_ends_an_import_and_room_lets_it_finish") {
            println!("skipped: no file system can be mounted here");
        }
        return;
    };
    let home = Home::new();
    home.file("many.jsonl", documents());
    home.stdout(&["import", "many.jsonl", "--archive", "whole"]);
    let whole = exported(&home, "whole");
    let archive = Path::new(&disk).join("archive");
    let archive = archive.to_str().unwrap();
    let ballast = Path::new(&disk).join("ballast");
    std::fs::write(&ballast, vec![1; 56 << 20]).unwrap();

    let arguments = [
        "import",
        "many.jsonl",
        "--verbose",
        "--json",
        "--archive",
        archive,
    ];
    let mut said = 0;
    // Again with the disk as full as it was left.
    for _ in 0..2 {
        let output = home.command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(failure(&output)["error"]["code"], "disk_full");
        let stderr = String::from_utf8_lossy(&output.stderr);
        said = stderr
            .lines()
            .filter_map(stored)
            .next_back()
            .unwrap_or(said);
        assert!((500..DOCUMENTS).contains(&said), "{said}");
        let there = exported(&home, archive);
        assert!(there.len() >= said, "{} of {said}", there.len());
        assert_eq!(there, whole[..there.len()]);
    }

    // Not a byte is left: what is stored can be read all the same.
    let fill = |at: usize| std::fs::write(Path::new(&disk).join(format!("fill-{at}")), [1; 4096]);
    let fills = (0..4_096).take_while(|&at| fill(at).is_ok()).count();
    assert!(exported(&home, archive).len() >= said);
    for at in 0..=fills {
        std::fs::remove_file(Path::new(&disk).join(format!("fill-{at}"))).ok();
    }
    std::fs::remove_file(&ballast).unwrap();
    assert!(home.command(&arguments).output().unwrap().status.success());
    assert_eq!(exported(&home, archive), whole);
}

#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_written_an_archive_is_read() {
    let Some(disk) = std::env::var_os(SMALL_DISK) else {
        if !on_a_small_disk("kill::where_nothing_can_be_written_an_archive_is_read") {
            println!("skipped: no file system can be mounted here");
        }
        return;
    };
    let home = Home::new();
    home.file("many.jsonl", documents());
    let whole = Path::new(&disk).join("whole");
    let killed = Path::new(&disk).join("killed");
    let archives = [whole.to_str().unwrap(), killed.to_str().unwrap()];
    home.stdout(&["import", "many.jsonl", "--archive", archives[0]]);
    // The other one is left with a log.
    let arguments = [
        "import",
        "many.jsonl",
        "--verbose",
        "--archive",
        archives[1],
    ];
    let (mut child, mut said) = start(&home, &arguments, Stdio::null());
    assert_eq!(stored(&said.next().unwrap().unwrap()), Some(500));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(killed.join("archive.sqlite-wal").exists());

    let remounted = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(&disk)
        .status()
        .unwrap();
    assert!(remounted.success());
    let kept = [DOCUMENTS, 500];
    for (archive, kept) in archives.into_iter().zip(kept) {
        assert!(exported(&home, archive).len() >= kept);
        for reading in [
            &["search", "the mill", "--author", "author 3"][..],
            &["authors"],
            &["sources"],
        ] {
            home.stdout(&[reading, &["--archive", archive]].concat());
        }
        for writing in [
            &["import", "many.jsonl"][..],
            &["sources", "remove", "1", "--yes"],
            &["rebuild"],
        ] {
            let arguments = [writing, &["--json", "--archive", archive]].concat();
            let output = home.command(&arguments).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{writing:?}");
            assert_eq!(
                failure(&output)["error"]["code"],
                "read_only",
                "{writing:?}"
            );
        }
    }
}
