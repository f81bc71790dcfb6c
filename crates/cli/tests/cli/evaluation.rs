use std::fs;

use serde_json::Value;

use crate::support::{Home, many, snapshot};

#[test]
fn scores_are_those_of_the_reference_packages() {
    let home = Home::new();
    home.file("true.txt", "The cat sat on the mat.\n");
    home.file("written.txt", "The cat is on the mat.\n");
    let scores = home.json(&[
        "score",
        "--reference",
        "true.txt",
        "--prediction",
        "written.txt",
        "--json",
    ]);
    assert!((scores["rouge1"]["f1"].as_f64().unwrap() - 5.0 / 6.0).abs() < 1e-9);
    assert!((scores["rouge2"]["f1"].as_f64().unwrap() - 0.6).abs() < 1e-9);
    assert!((scores["bleu"]["score"].as_f64().unwrap() - 48.8923).abs() < 1e-4);
    assert_eq!(scores["n"], 1);
    snapshot!(home.run(&[
        "score", "--reference", "true.txt", "--prediction", "written.txt", "--metrics", "rouge1,rougeL,bleu",
        "--per-example", "pairs.jsonl",
    ]), @"
    exit: 0
    --- stdout
    rouge1     F1 0.8333  precision 0.8333  recall 0.8333
    rougeL     F1 0.8333  precision 0.8333  recall 0.8333
    bleu       48.8923
    1 pair
    rouge1|nrefs:1|mean:pairs|stemmer:no|as:rouge-score-0.1.2|idiolect:[VERSION]; rougeL|nrefs:1|mean:pairs|stemmer:no|as:rouge-score-0.1.2|idiolect:[VERSION]; bleu|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|as:sacrebleu-2.6.0|idiolect:[VERSION]
    ");
    assert!(
        fs::read_to_string(home.path().join("pairs.jsonl"))
            .unwrap()
            .starts_with("{\"bleu\":")
    );
    snapshot!(home.run(&[
        "score", "--reference", "true.txt", "--prediction", "written.txt", "--per-example", "./true.txt",
    ]), @"
    exit: 2
    --- stderr
    error: `--per-example ./true.txt` would write over what is scored
    hint: name another file
    ");
}

#[test]
fn style_and_verdicts_have_their_measures() {
    let home = Home::new();
    home.file(
        "true.txt",
        "\"Hi Ana,\\nI am here. Are you?\\nBest,\\nJo\"\n\"It is so, and so it was.\"\n",
    );
    home.file(
        "written.txt",
        "\"Hi Ana,\\nNo.\\nCheers,\\nJo\"\n\"It is so, and so it was.\"\n",
    );
    snapshot!(home.run(&["score", "--reference", "true.txt", "--prediction", "written.txt", "--metrics", "style"]), @"
    exit: 0
    --- stdout
    delta            0.3536
    greeting         1.0000
    length_ratio     0.7778
    punctuation      18.8889
    sentence_length  0.2750
    sentence_spread  0.1577
    sign_off         0.0000
    2 pairs
    style|mean:pairs|delta:120 function words, z over references|idiolect:[VERSION]
    ");
    home.file("answers.jsonl", "{\"truth\":true,\"score\":0.9}\n{\"truth\":false,\"score\":0.4}\n{\"truth\":true,\"score\":0.5}\n");
    snapshot!(home.run(&["score", "--verdicts", "answers.jsonl"]), @"
    exit: 0
    --- stdout
    answers            AUC 1.0000  c@1 0.8889  F0.5u 0.8333  F1 1.0000  Brier 0.8600  accuracy 0.6667
    3 pairs
    ");
    home.file("wrong.jsonl", "{\"truth\":true,\"score\":7}\n");
    snapshot!(home.run(&["score", "--verdicts", "wrong.jsonl"]), @"
    exit: 2
    --- stderr
    error: line 1 of `wrong.jsonl` has a score that is not from 0 to 1
    hint: 1 means surely the same author, 0 surely another, 0.5 no answer
    ");
}

#[test]
fn texts_may_be_json_strings_or_fields() {
    let home = Home::new();
    home.file("a.txt", "\"one\\ntwo\"\n\"three\"\n");
    home.file(
        "b.jsonl",
        "{\"text\":\"one\\ntwo\"}\n{\"text\":\"three\"}\n",
    );
    home.file("b.txt", "one two\nthree\n");
    let f1 = |arguments: &[&str]| home.json(arguments)["rouge1"]["f1"].as_f64().unwrap();
    assert!(
        f1(&[
            "score",
            "--reference",
            "a.txt",
            "--prediction",
            "b.txt",
            "--json"
        ]) > 0.999
    );
    let fields = [
        "score",
        "--reference",
        "b.jsonl",
        "--prediction",
        "b.jsonl",
        "--field",
        "text",
        "--json",
    ];
    assert!(f1(&fields) > 0.999);
    home.file("short.txt", "one\n");
    snapshot!(home.run(&["score", "--reference", "a.txt", "--prediction", "short.txt"]), @"
    exit: 2
    --- stderr
    error: 2 references, but 1 predictions
    hint: a prediction stands on the line of its reference; texts with line breaks are JSON strings
    ");
    snapshot!(home.run(&["score", "--reference", "b.jsonl", "--prediction", "b.jsonl", "--field", "body"]), @"
    exit: 2
    --- stderr
    error: line 1 of `b.jsonl` has no text in `body`
    hint: name the field that holds the text with `--field`
    ");
    snapshot!(home.run(&["score", "--reference", "a.txt", "--prediction", "a.txt", "--metrics", "rouge"]), @"
    exit: 2
    --- stderr
    error: invalid value 'rouge' for '--metrics <NAMES>': `rouge` is not a metric: use rouge1 to rouge9, rougeL, rougeLsum, bleu, chrf, meteor or style
    hint: the command's `--help` says what it takes
    ");
    snapshot!(home.run(&["score", "--reference", "b.jsonl", "--prediction", "b.txt", "--field", "text"]), @"
    exit: 2
    --- stderr
    error: line 1 of `b.txt` cannot be read: expected value
    hint: JSON Lines hold one whole JSON object a line: mend that line, or leave it out
    ");
}

#[test]
fn texts_become_vectors_of_length_one() {
    let home = Home::new();
    home.file("texts.txt", "rain in the garden\nthe roof of the hall\n");
    let vectors = home.json_lines(&["embed", "texts.txt"]);
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let squares = vector
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap().powi(2));
        assert!((squares.sum::<f64>() - 1.0).abs() < 1e-3);
    }
    snapshot!(home.run(&["embed", "texts.txt", "--encoder", "none"]), @"
    exit: 2
    --- stderr
    error: `--encoder none` embeds nothing
    hint: leave it out, or name an encoder's folder
    ");
}

#[test]
fn a_run_measures_the_same_examples_in_every_row() {
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--split", "0/0/100"]);
    let eval = [
        "eval",
        "--examples",
        "data",
        "--limit",
        "4",
        "--max-tokens",
        "6",
        "--beam",
        "1",
        "--rows",
        "CopyStart,PasteBest,ImmedCtx,RecentDoc,RankDocBM25,SynCtx,AuthorPred,WrongAuthor,RandomPast",
        "--out",
        "run",
    ];
    let printed = home.stdout(&eval);
    assert!(printed.starts_with("| | BLEU"), "{printed}");
    let read = |file: &str| fs::read_to_string(home.path().join("run").join(file)).unwrap();
    let predictions: Vec<Value> = read("predictions.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(predictions.len(), 9 * 4);
    let of =
        |row: &str| -> Vec<&Value> { predictions.iter().filter(|one| one["row"] == row).collect() };
    let ids = |row: &str| -> Vec<&Value> { of(row).iter().map(|one| &one["id"]).collect() };
    let authors: std::collections::BTreeSet<String> = of("CopyStart")
        .iter()
        .map(|one| one["author"].to_string())
        .collect();
    assert_eq!(
        authors.len(),
        4,
        "a limit takes one example of each author first"
    );
    for row in ["PasteBest", "ImmedCtx", "WrongAuthor", "RandomPast"] {
        assert_eq!(ids(row), ids("CopyStart"), "{row}");
    }
    for one in of("CopyStart") {
        assert_eq!(one["scores"]["rouge1_continuation"], 0.0);
        assert!(one["nll"].is_null());
    }
    for (one, other) in of("SynCtx").iter().zip(of("AuthorPred")) {
        assert_eq!(
            (&one["prediction"], &one["nll"]),
            (&other["prediction"], &other["nll"])
        );
    }
    for row in ["ImmedCtx", "WrongAuthor"] {
        assert!(of(row).iter().all(|one| one["nll"].as_f64().unwrap() > 0.0));
        assert!(
            of(row)
                .iter()
                .all(|one| one["bytes"].as_u64().unwrap() > 300)
        );
    }
    assert_ne!(of("WrongAuthor")[0]["nll"], of("AuthorPred")[0]["nll"]);
    let table: Value = serde_json::from_str(&read("table.json")).unwrap();
    assert_eq!(table["against"], "ImmedCtx");
    let against = &table["rows"][4]["scores"]["bits_per_byte"]["against"];
    assert!(against["p_bootstrap"].is_null(), "four users are too few");
    assert!(against["p_t_test"].is_number());
    let signature = |row: usize| table["rows"][row]["signature"].as_str().unwrap();
    assert!(signature(5).starts_with("past:doc-bm25|summary:ctx|keywords:ctx|split:test|limit:4|"));
    assert!(signature(2).starts_with("past:none|summary:none|keywords:none|split:test|limit:4|"));
    let report = read("report.html");
    assert!(report.starts_with("<!doctype html>") && report.contains("Examples side by side"));
    let trace = &of("AuthorPred")[0]["trace"];
    assert!(
        trace["prompt"]
            .as_str()
            .unwrap()
            .contains("past passages: ")
    );
    assert!(!trace["entries"].as_array().unwrap().is_empty());
    assert_eq!(trace["text"], of("AuthorPred")[0]["prediction"]);
    assert!(of("CopyStart")[0]["trace"].is_null());
    assert_eq!(of("PasteBest")[0]["scores"]["copied_share"], 1.0);
    assert!(of("ImmedCtx")[0]["scores"]["style_length_ratio"].is_number());
    assert!(of("ImmedCtx")[0]["past_documents"].as_u64().unwrap() >= 2);
    assert!(!home.path().join("run/predictions.partial.jsonl").exists());

    // An interrupted run: some predictions are there, the last line was cut.
    let whole = read("predictions.jsonl");
    let cut = &whole[..whole.len() * 2 / 3];
    home.file("run/predictions.partial.jsonl", cut);
    fs::remove_file(home.path().join("run/predictions.jsonl")).unwrap();
    let again = home.command(&eval).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("going on with a run"));
    assert_eq!(String::from_utf8_lossy(&again.stdout), printed);
    assert_eq!(read("predictions.jsonl").lines().count(), 9 * 4);

    let compared = home.json(&["eval", "compare", "run", "run", "--json"]);
    assert_eq!(
        compared["rows"][2]["scores"]["bits_per_byte"]["difference"]["mean"],
        0.0
    );
    let shown = home.stdout(&["eval", "compare", "run", "run"]);
    assert!(shown.contains("ImmedCtx of A minus ImmedCtx of B"));
    assert!(shown.contains("better for 0, equal for 4, worse for 0 of 4 users"));
}

#[test]
fn likelihoods_alone_come_without_text_or_folder() {
    let home = many();
    let run = |weights: &str| {
        home.json(&[
            "eval",
            "--split",
            "train",
            "--limit",
            "2",
            "--no-generate",
            "--rows",
            "ImmedCtx,RankDocDense",
            "--weights",
            weights,
            "--json",
        ])
    };
    let (table, rounded) = (run("f32"), run("int8"));
    assert_eq!(table["metrics"], serde_json::json!(["bits_per_byte"]));
    assert_eq!(table["rows"][1]["examples"], 2);
    let signature = |table: &Value| table["rows"][0]["signature"].as_str().unwrap().to_owned();
    assert!(!signature(&table).contains(" int8|"));
    assert!(signature(&rounded).contains(" int8|"));
    snapshot!(home.run(&["eval", "--rows", "UserName"]), @"
    exit: 2
    --- stderr
    error: there is no row `UserName`
    hint: the rows are CopyStart, PasteBest, ImmedCtx, UserID, LLMZeroShot, RecentDoc, RankDocBM25, RankDocDense, RankSnippet, RankDocBySnpt, SumCtxInd, SumCtx, SynCtxInd, SynCtx, AuthorPred, NoRankedEntries, RemoveDocStart, ImmedCtxAtEnd, WrongAuthor, RandomPast, OracleSum, OracleSyn, OwnWords, WrongWords; `paper` means all but the last four
    ");
    snapshot!(home.run(&["eval", "--rows", "CopyStart", "--against", "SumCtx"]), @"
    exit: 2
    --- stderr
    error: `SumCtx` is not among the rows of this run
    hint: add it to `--rows`
    ");
    snapshot!(home.run(&["eval", "--examples", "nowhere", "--rows", "CopyStart"]), @"
    exit: 2
    --- stderr
    error: failed to open file `nowhere`: No such file or directory (os error 2)
    hint: check the path
    ");
    snapshot!(home.run(&["eval", "compare", "a", "b"]), @"
    exit: 2
    --- stderr
    error: failed to open file `a`: No such file or directory (os error 2)
    hint: check the path
    ");
}
