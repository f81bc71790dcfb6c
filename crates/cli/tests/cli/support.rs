//! A home of its own for every test, and the binary in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A fresh home, which is also the working folder.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A home whose archive holds three authors: see [`LETTERS`].
    pub(crate) fn with_letters() -> Self {
        let home = Self::new();
        home.file("letters.jsonl", LETTERS);
        let output = home.command(&["import", "letters.jsonl"]).output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with its folders.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_idiolect"));
        command
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .args(arguments);
        command
    }

    /// Exit code, stdout and stderr, with what differs between runs and machines left out.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.shown(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn shown(&self, output: &Output) -> String {
        self.filtered(&shown(output))
    }

    /// Stdout of a run that must end well.
    pub(crate) fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Stdout as one JSON value.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.stdout(arguments)).unwrap()
    }

    /// Stdout as JSON Lines.
    pub(crate) fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let stdout = self.stdout(arguments);
        let lines = stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn filtered(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let real = fs::canonicalize(self.path()).unwrap();
        for path in [real.as_path(), self.path()] {
            text = text.replace(&path.display().to_string(), "[HOME]");
        }
        text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
    }
}

fn shown(output: &Output) -> String {
    let code = output
        .status
        .code()
        .map_or("none".to_owned(), |code| code.to_string());
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let mut text = format!("exit: {code}\n");
    for (name, stream) in [("stdout", stdout), ("stderr", stderr)] {
        if !stream.is_empty() {
            text = text + "--- " + name + "\n" + &stream;
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
    }
    text
}

/// Replaces what differs from run to run in a snapshot.
macro_rules! snapshot {
    ($shown:expr, @$expected:literal) => {{
        insta::with_settings!({
            filters => vec![
                (r"in \d+\.\d s", "in [TIME] s"),
                (r#""seconds":[0-9.e-]+"#, r#""seconds":[TIME]"#),
                (r"\d{4}-\d\d-\d\dT[0-9:.]+Z\b", "[MOMENT]"),
                (r"imported \d{4}-\d\d-\d\d", "imported [DAY]"),
                (r"\b[0-9a-f]{64}\b", "[HASH]"),
                (r"\b[0-9a-f]{12,}\b", "[HASH]"),
            ]
        }, {
            insta::assert_snapshot!($shown, @$expected);
        });
    }};
}
pub(crate) use snapshot;

/// Three authors: Ana with dates, Ben with places in an order, Cleo with one document.
pub(crate) const LETTERS: &str = concat!(
    r#"{"author":"ana","id":"a1","date":"2019-03-01","title":"The garden","text":"The garden is full of rain. I planted beans along the wall and the blackbird watched me do it. Nothing is up yet, but the beans will come."}"#,
    "\n",
    r#"{"author":"ana","id":"a2","date":"2019-05-02","title":"Beans","text":"The beans are up, all but the row by the gate. Rain again this morning. The blackbird has three young ones and no manners at all."}"#,
    "\n",
    r#"{"author":"ana","id":"a3","date":"2019-09-10","title":"A bridge","text":"We walked to the old bridge and back, nine miles, with bread and cheese. The river was low and brown and the bridge stood there like a cow."}"#,
    "\n",
    r#"{"author":"ana","id":"a4","date":"2020-03-03T08:00:00Z","title":"The garden again","text":"Digging again. The garden has forgotten everything I taught it last year, but the blackbird remembers me. Beans on Saturday if the rain stops."}"#,
    "\n",
    r#"{"author":"ben","n":1,"title":"Minutes","text":"The committee met at seven. The roof of the hall was discussed, and then it was discussed again."}"#,
    "\n",
    r#"{"author":"ben","n":2,"text":"The roof fund stands at four hundred pounds. Somebody must ask the bank about the rest of it."}"#,
    "\n",
    r#"{"author":"ben","n":3,"title":"Roof","text":"The roof is mended. The committee thanks everybody who held a ladder."}"#,
    "\n",
    r#"{"author":"cleo","date":"2021-01-01","text":"Snow at last. I went out before anybody had walked in it."}"#,
    "\n",
);

/// Twelve authors with eight long documents each, all of them different.
pub(crate) fn many() -> Home {
    let home = Home::new();
    let mut lines = String::new();
    for author in 0..12 {
        for n in 0..8 {
            let subject = ["garden", "bridge", "market", "orchard"][(author + n) % 4];
            let text: String = (0..8)
                .map(|i| {
                    format!(
                        "Writer {author} saw the {subject} on walk {n} and stopped at stone {i}. "
                    )
                })
                .collect();
            let line = serde_json::json!({
                "author": format!("writer {author}"), "n": n, "title": format!("Walk {n}"), "text": text,
            });
            lines += &line.to_string();
            lines.push('\n');
        }
    }
    home.file("many.jsonl", lines);
    home.stdout(&["import", "many.jsonl"]);
    home
}
