//! Rows that are asked in another way than the paper's last one, and those of several runs together.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::Value;

use crate::support::{Home, many, snapshot};
use crate::training::{in_repository, metrics};

fn predictions(home: &Home, run: &str) -> Vec<Value> {
    let path = home.path().join(run).join("predictions.jsonl");
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of<'a>(predictions: &'a [Value], row: &str) -> Vec<&'a Value> {
    predictions.iter().filter(|one| one["row"] == row).collect()
}

/// A language model on this computer: answers so many questions with the same text, and gives them
/// back.
fn language_model(questions: usize, answer: &'static str) -> (String, JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let handle = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..questions {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(reader.read_line(&mut head).unwrap(), 0);
            }
            let head = head.to_lowercase();
            let (_, length) = head.split_once("content-length: ").unwrap();
            let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            asked.push(serde_json::from_slice(&body).unwrap());
            let said = serde_json::json!({
                "choices": [{ "message": { "content": answer }, "finish_reason": "stop" }],
            })
            .to_string();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{said}",
                said.len()
            )
            .unwrap();
        }
        asked
    });
    (address, handle)
}

#[test]
fn what_table_5_takes_away_is_not_there() {
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--split", "0/0/100"]);
    home.stdout(&[
        "eval",
        "--examples",
        "data",
        "--limit",
        "3",
        "--max-tokens",
        "5",
        "--beam",
        "1",
        "--rows",
        "ImmedCtx,UserID,AuthorPred,NoRankedEntries,RemoveDocStart,ImmedCtxAtEnd",
        "--out",
        "run",
    ]);
    let found = predictions(&home, "run");
    let prompts = |row: &str| -> Vec<String> {
        of(&found, row)
            .iter()
            .map(|one| one["trace"]["prompt"].as_str().unwrap().to_owned())
            .collect()
    };
    for (row, example) in ["ImmedCtx", "NoRankedEntries"]
        .iter()
        .flat_map(|row| prompts(row).into_iter().map(move |prompt| (row, prompt)))
    {
        assert!(!example.contains("past passages:"), "{row}");
    }
    for (whole, without) in prompts("AuthorPred").iter().zip(prompts("NoRankedEntries")) {
        let (kept, _) = whole.split_once(" past passages: ").unwrap();
        assert!(without.starts_with(kept), "the stages' words are the same");
    }
    for prompt in prompts("ImmedCtxAtEnd") {
        let (before, _) = prompt.split_once(" passage start: ").unwrap();
        assert!(before.contains("past passages: "));
    }
    for prompt in prompts("UserID") {
        assert!(
            prompt.starts_with("Finish the passage in the user voice user: writer "),
            "{prompt}"
        );
        assert!(!prompt.contains("past passages:"));
    }
    for row in ["UserID", "RemoveDocStart"] {
        for (one, other) in of(&found, row).iter().zip(of(&found, "ImmedCtx")) {
            let start = one["trace"]["immediate_context"].as_str().unwrap();
            assert!(one["prediction"].as_str().unwrap().starts_with(start));
            assert_eq!(one["bytes"], other["bytes"], "the same part is scored");
        }
    }
    let table: Value =
        serde_json::from_str(&fs::read_to_string(home.path().join("run/table.json")).unwrap())
            .unwrap();
    let signature = |row: usize| table["rows"][row]["signature"].as_str().unwrap();
    assert!(signature(1).starts_with("past:user id|"));
    assert!(signature(1).contains("start put in front"));
    assert!(signature(3).starts_with("past:doc-bm25, for the stages alone|"));
    assert!(signature(5).starts_with("past:doc-bm25, context last|"));
}

#[test]
fn a_user_is_learned_from_what_is_no_target() {
    let home = many();
    snapshot!(home.run(&["data", "users", "--out", "data"]), @"
    exit: 2
    --- stderr
    error: `data` holds no complete training data
    hint: `idiolect data build --out DIR` makes them
    ");
    home.stdout(&["data", "build", "--out", "data", "--split", "50/0/50"]);
    let made = home.json(&["data", "users", "--out", "data", "--json"]);
    // Two documents of each of the twelve are nobody's target.
    assert_eq!(made["users"], 12);
    let packed = fs::read(home.path().join("data/users.jsonl.zst")).unwrap();
    let text = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len() as u64, made["snippets"].as_u64().unwrap());
    for line in &lines {
        let document = line["document"].as_str().unwrap();
        assert!(
            document.ends_with("-0") || document.ends_with("-1"),
            "{document}"
        );
    }

    let recipe = format!(
        "config = {:?}\ntokenizer = {:?}\nlengths = {{ input = 64, target = 96 }}\n\
         examples = \"data\"\nlimit = 7\nvalidation-limit = 2\nform = \"no-start\"\n\
         summaries = {{ independent = \"builtin\" }}\nkeywords = \"ind\"\n\
         [tasks]\nTASK\n[training]\nsteps = 2\nbatch = 2\n",
        in_repository(".ci/smoke/config.json"),
        in_repository("models/idiolect-small/tokenizer.json"),
    );
    for (task, out) in [("users = 1.0", "by-name"), ("generation = 1.0", "by-past")] {
        home.file("recipe.toml", recipe.replace("TASK", task));
        home.stdout(&["train", "--recipe", "recipe.toml", "--out", out]);
        assert!(metrics(&home, out)[1]["loss"].as_f64().unwrap() > 0.0);
    }
    fs::remove_file(home.path().join("data/users.jsonl.zst")).unwrap();
    home.file("recipe.toml", recipe.replace("TASK", "users = 1.0"));
    snapshot!(home.run(&["train", "--recipe", "recipe.toml", "--out", "again"]), @"
    exit: 2
    --- stderr
    error: the task `users` needs snippets
    hint: `idiolect data users --out DIR` makes them, in the same folder
    ");
}

#[test]
fn a_language_model_is_asked_once() {
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--split", "0/0/100"]);
    let eval = |more: &[&str]| {
        let fixed = [
            ["eval", "--examples", "data", "--limit", "3"].as_slice(),
            &["--max-tokens", "5", "--rows", "CopyStart,LLMZeroShot"],
        ]
        .concat();
        home.command(&[fixed.as_slice(), more].concat())
            .output()
            .unwrap()
    };
    // Two answers come, then nobody is there any more.
    let (address, server) = language_model(2, " and so on. It rained.");
    let asked_of = [
        "--endpoint",
        &address,
        "--endpoint-model",
        "big",
        "--out",
        "run",
    ];
    let broken = eval(&[asked_of.as_slice(), &["--endpoint-retries", "0"]].concat());
    assert_eq!(broken.status.code(), Some(2));
    let said = String::from_utf8_lossy(&broken.stderr);
    assert!(said.contains(
        "row LLMZeroShot sends starts, summaries, key words and past passages to 127.0.0.1:"
    ));
    assert!(said.contains("gave no answer in 1 attempts"), "{said}");
    assert!(said.contains("hint: answers that came are kept"), "{said}");
    let asked = server.join().unwrap();
    assert_eq!(asked[0]["model"], "big");
    assert_eq!(asked[0]["max_tokens"], 5);
    let question = asked[0]["messages"][0]["content"].as_str().unwrap();
    assert!(question.contains("\n\npassage start:\n") && question.contains("\n\npast passages:\n"));

    // What was paid for is not asked again.
    let (address, server) = language_model(1, " and so on. It rained.");
    let whole = eval(&[
        "--endpoint",
        &address,
        "--endpoint-model",
        "big",
        "--out",
        "run",
    ]);
    assert!(whole.status.success(), "{}", home.shown(&whole));
    assert_eq!(server.join().unwrap().len(), 1);
    let found = predictions(&home, "run");
    for one in of(&found, "LLMZeroShot") {
        let start = one["trace"]["immediate_context"].as_str().unwrap();
        assert_eq!(one["prediction"], format!("{start} and so on. It rained."));
        assert!(one["nll"].is_null());
        assert_eq!(one["trace"]["model"]["name"], "big");
    }

    // The same again without anybody to ask, by the recorded answers.
    let again = eval(&["--answers", "run/answers.jsonl", "--out", "offline"]);
    assert!(again.status.success(), "{}", home.shown(&again));
    assert_eq!(again.stdout, whole.stdout);
    snapshot!(home.shown(&eval(&["--answers", "run/answers.jsonl", "--endpoint-model", "small"])), @"
    exit: 2
    --- stderr
    at hand: 3 recorded answers
    error: row LLMZeroShot: model `small` was not asked this before
    hint: name its address with `--endpoint URL`; recorded answers fit the same examples, model name, summaries, key words and `--max-tokens`
    ");
    snapshot!(home.shown(&eval(&[])), @"
    exit: 2
    --- stderr
    error: the row LLMZeroShot has nobody to ask, and no recorded answers
    hint: name an OpenAI-compatible address with `--endpoint URL`, or recorded answers with `--answers FILE`
    ");
    snapshot!(home.shown(&eval(&["--endpoint", "localhost:1", "--out", "x"])), @"
    exit: 2
    --- stderr
    error: `localhost:1` is not an address that begins with http:// or https://
    hint: an OpenAI-compatible address ends before `/chat/completions`: http://localhost:8080/v1
    ");
    snapshot!(home.shown(&eval(&["--endpoint", &address])), @"
    exit: 2
    --- stderr
    error: the answers for LLMZeroShot would be lost
    hint: name a folder with `--out`, or a file with `--answers`
    ");
    home.file("other.jsonl", "{\"id\": 3}\n");
    snapshot!(home.shown(&eval(&["--answers", "other.jsonl"])), @"
    exit: 2
    --- stderr
    error: cannot use `other.jsonl`: line 1 of the recorded answers in `other.jsonl` is not one
    hint: `--answers` names a file that `eval` wrote, or one that is not there yet
    ");

    // Where it was not asked for by name, it is left out.
    let paper = home
        .command(&[
            "eval",
            "--examples",
            "data",
            "--limit",
            "1",
            "--no-generate",
            "--rows",
            "paper",
        ])
        .output()
        .unwrap();
    assert!(paper.status.success(), "{}", home.shown(&paper));
    assert!(String::from_utf8_lossy(&paper.stderr).contains("row LLMZeroShot left out"));
    assert!(!String::from_utf8_lossy(&paper.stdout).contains("LLMZeroShot"));
}

#[test]
fn runs_with_a_model_each_make_one_table() {
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--split", "0/0/100"]);
    let eval = |rows: &str, limit: &str, out: &str| {
        home.stdout(
            &[
                [
                    "eval",
                    "--examples",
                    "data",
                    "--no-generate",
                    "--rows",
                    rows,
                ]
                .as_slice(),
                &["--limit", limit, "--summarizer", "builtin", "--out", out],
            ]
            .concat(),
        );
    };
    eval("CopyStart,ImmedCtx", "8", "a");
    eval("SumCtx", "6", "b");
    eval("ImmedCtx", "2", "c");
    let joined = home
        .command(&["eval", "join", "a", "b", "c", "--out", "table", "--json"])
        .output()
        .unwrap();
    assert!(joined.status.success(), "{}", home.shown(&joined));
    assert!(String::from_utf8_lossy(&joined.stderr).contains("2 examples left out"));
    let table: Value = serde_json::from_slice(&joined.stdout).unwrap();
    let rows: Vec<&Value> = table["rows"].as_array().unwrap().iter().collect();
    let names: Vec<&str> = rows
        .iter()
        .map(|row| row["row"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["CopyStart", "ImmedCtx", "SumCtx"]);
    assert!(rows.iter().all(|row| row["examples"] == 6));
    assert_eq!(table["against"], "ImmedCtx");
    assert!(
        rows[2]["signature"]
            .as_str()
            .unwrap()
            .contains(", summaries by builtin ")
    );
    assert!(
        !rows[1]["signature"]
            .as_str()
            .unwrap()
            .contains("summaries by")
    );
    assert!(home.path().join("table/report.html").exists());
    snapshot!(home.run(&["eval", "join", "a", "data"]), @"
    exit: 2
    --- stderr
    error: `data` holds no finished run
    hint: `idiolect eval --out DIR` makes one, and goes on with one that was interrupted
    ");
}

#[test]
fn examples_that_cannot_be_measured_are_named() {
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--split", "50/0/50"]);
    let eval = |more: &[&str]| {
        let fixed = ["eval", "--no-generate", "--rows", "ImmedCtx,RankDocBM25"];
        home.run(&[fixed.as_slice(), more].concat())
    };
    snapshot!(eval(&["--examples", "data", "--split", "validation"]), @"
    exit: 2
    --- stderr
    error: there is no example in `validation`
    hint: choose another `--split`, or build with other shares
    ");
    // Nine examples are few, and no reason to fail.
    let few = home.json(&[
        "eval",
        "--no-generate",
        "--rows",
        "ImmedCtx,RankDocBM25",
        "--examples",
        "data",
        "--limit",
        "9",
        "--json",
    ]);
    assert_eq!(few["rows"][0]["examples"], 9);
    let manifest = home.path().join("data/manifest.json");
    let older = fs::read_to_string(&manifest)
        .unwrap()
        .replace("\"format\": 2", "\"format\": 1");
    fs::write(&manifest, older).unwrap();
    snapshot!(eval(&["--examples", "data"]), @"
    exit: 2
    --- stderr
    error: `data` holds training data of another version
    hint: `idiolect data build` makes them anew
    ");
    snapshot!(eval(&["--examples", "data/test.jsonl.zst"]), @"
    exit: 2
    --- stderr
    error: `data` holds training data of another version
    hint: `idiolect data build` makes them anew
    ");
    home.file("lines.jsonl", "{\"id\":\"a\",\"author\":\"b\"}\n");
    snapshot!(eval(&["--examples", "lines.jsonl"]), @"
    exit: 2
    --- stderr
    error: line 1 of `lines.jsonl` cannot be read: missing field `document`
    hint: JSON Lines hold one whole JSON object a line: mend that line, or leave it out
    ");
    let recipe = format!(
        "config = {:?}\ntokenizer = {:?}\nexamples = \"data\"\n[tasks]\ngeneration = 1.0\n",
        in_repository(".ci/smoke/config.json"),
        in_repository("models/idiolect-small/tokenizer.json"),
    );
    home.file("recipe.toml", recipe);
    snapshot!(home.run(&["train", "--recipe", "recipe.toml", "--out", "x"]), @"
    exit: 2
    --- stderr
    error: `data` holds training data of another version
    hint: `idiolect data build` makes them anew
    ");
}

#[test]
fn predictions_belong_to_their_references() {
    let home = Home::new();
    home.file(
        "true.jsonl",
        "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":2,\"text\":\"two\"}\n",
    );
    home.file(
        "mixed.jsonl",
        "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":3,\"text\":\"two\"}\n",
    );
    home.file("bare.jsonl", "{\"text\":\"one\"}\n{\"text\":\"two\"}\n");
    let score = |prediction: &str| {
        home.run(&[
            "score",
            "--reference",
            "true.jsonl",
            "--prediction",
            prediction,
            "--field",
            "text",
            "--metrics",
            "rougeL",
        ])
    };
    assert!(score("bare.jsonl").starts_with("exit: 0\n"));
    snapshot!(score("mixed.jsonl"), @"
    exit: 2
    --- stderr
    error: prediction 2 of `mixed.jsonl` has another `id` than reference 2
    hint: put both files in the same order, with a line for each example
    ");
}
