//! Runs of `train` that are killed, adapt a model, learn from plain text, or go on over epochs.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Home, snapshot};
use crate::training::{in_repository, losses, metrics};

const KILLS: usize = 8;

/// Pairs of ids for the tiny golden models.
fn pairs(count: u32) -> String {
    (0..count)
        .map(|n| {
            let (a, b) = (n % 90 + 3, n * 7 % 90 + 3);
            json!({ "input_ids": [a, b, 1], "labels": [b, a, 1] }).to_string() + "\n"
        })
        .collect()
}

fn names(home: &Home, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(home.path().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn golden(name: &str) -> String {
    in_repository(&format!("crates/models/tests/golden/{name}"))
}

#[test]
fn a_run_killed_at_any_moment_ends_as_one_in_one_go() {
    let home = Home::new();
    home.file("pairs.jsonl", pairs(24));
    let config = golden("t5-v1.1/config.json");
    let arguments = |out: &'static str| {
        [
            ["train", "--examples", "pairs.jsonl"].as_slice(),
            &["--config", &config, "--out", out, "--steps", "40"],
            &["--batch", "4", "--lr", "0.01", "--warmup", "0"],
            &[
                "--checkpoint-every",
                "1",
                "--keep",
                "3",
                "--validation",
                "pairs.jsonl",
            ],
            &["--validate-every", "8", "--resume"],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>()
    };
    let run = |out| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_idiolect"));
        command
            .args(arguments(out))
            .current_dir(home.path())
            .env("HOME", home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    assert!(run("whole").status().unwrap().success());

    let killed = home.path().join("killed");
    let lines =
        || fs::read_to_string(killed.join("metrics.jsonl")).map_or(0, |text| text.lines().count());
    let mut moment = 3_usize;
    for kill in 0..KILLS {
        // A fixed walk through the moments: so many lines, then so many looks at a file more.
        moment = moment * 5 % 23;
        let until = (kill + 1) * 4 + moment % 3;
        let mut child = run("killed").spawn().unwrap();
        while lines() < until && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        for _ in 0..moment * 40 {
            lines();
        }
        // SIGKILL on Unix: no handler of ours runs.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(run("killed").status().unwrap().success());

    let without_time = |out| -> Vec<Value> {
        let mut lines = metrics(&home, out);
        for line in &mut lines {
            line.as_object_mut().unwrap().remove("tokens_per_second");
        }
        lines
    };
    assert_eq!(without_time("killed"), without_time("whole"));
    for file in [
        "model.safetensors",
        "best/model.safetensors",
        "checkpoint/tensors.safetensors",
    ] {
        let read = |out: &str| fs::read(home.path().join(out).join(file)).unwrap();
        assert!(read("killed") == read("whole"), "{file}");
    }
    let kept = ["checkpoint", "checkpoint-38", "checkpoint-39"];
    for out in ["killed", "whole"] {
        let mut found = names(&home, out);
        found.retain(|name| name.starts_with("checkpoint"));
        assert_eq!(found, kept, "{out}");
    }
}

#[test]
fn an_unfinished_run_is_not_begun_again_by_mistake() {
    let home = Home::new();
    home.file("pairs.jsonl", pairs(8));
    let config = golden("t5-v1.1/config.json");
    let train = [
        "train",
        "--examples",
        "pairs.jsonl",
        "--config",
        &config,
        "--out",
        "out",
        "--steps",
        "1",
    ];
    home.stdout(&train);
    fs::remove_file(home.path().join("out/model.safetensors")).unwrap();
    snapshot!(home.run(&train), @"
    exit: 2
    --- stderr
    error: `out` holds the checkpoint of a run that was not finished
    hint: go on from it with `--resume`, or name another `--out`
    ");
    home.stdout(&[&train[..], &["--resume"]].concat());
}

#[test]
fn epochs_files_validation_and_a_picture() {
    let home = Home::new();
    // A folder of files, one of them compressed, and one file beside it.
    home.file("data/a.jsonl", pairs(5));
    home.file("data/b.jsonl.zst", zstd(&pairs(6)));
    home.file("more.jsonl", pairs(9));
    let config = golden("t5-v1.1/config.json");
    let arguments = [
        ["train", "--examples", "data", "--examples", "more.jsonl"].as_slice(),
        &[
            "--config", &config, "--out", "out", "--epochs", "3", "--batch", "4",
        ],
        &[
            "--validation",
            "data/a.jsonl",
            "--validate-every",
            "5",
            "--warmup",
            "0",
        ],
        &["--plot", "--gradient-checkpointing", "--patience", "99"],
    ]
    .concat();
    let said = home.stdout(&arguments);
    // Twenty examples three times, four at a time.
    assert!(said.starts_with("step 15 of 15, last loss "), "{said}");
    assert_eq!(losses_of(&home).len(), 15);
    assert_eq!(metrics(&home, "out").len(), 18);
    let svg = fs::read_to_string(home.path().join("out/losses.svg")).unwrap();
    assert_eq!(svg.matches("<circle").count(), 3);
    assert!(names(&home, "out/best").contains(&"model.safetensors".to_owned()));

    // The ids are made once for the same files, and anew for others.
    let cache = || names(&home, "out/cache");
    let before = cache();
    assert_eq!(before.len(), 1);
    home.stdout(&[&arguments[..], &["--resume"]].concat());
    assert_eq!(cache(), before);
    home.file("more.jsonl", pairs(10));
    let other = home.run(&[&arguments[..], &["--resume"]].concat());
    assert!(other.contains("it was made with other examples"), "{other}");
    assert_eq!(cache().len(), 2);

    home.file("broken.jsonl", pairs(3) + "{\"input_ids\":[1]}\n");
    let broken = [
        "train",
        "--examples",
        "broken.jsonl",
        "--config",
        &config,
        "--out",
        "broken",
        "--json",
    ];
    snapshot!(home.run(&broken), @r#"
    exit: 2
    --- stderr
    error: line 4 of `broken.jsonl` cannot be read: its fields are not the expected ones
    hint: JSON Lines hold one whole JSON object a line: mend that line, or leave it out
    {"error":{"code":"invalid_json","message":"line 4 of `broken.jsonl` cannot be read: its fields are not the expected ones","hint":"JSON Lines hold one whole JSON object a line: mend that line, or leave it out"}}
    "#);
    assert!(names(&home, "broken/cache").is_empty());
}

fn losses_of(home: &Home) -> Vec<Value> {
    let mut lines = metrics(home, "out");
    lines.retain(|line| line.get("loss").is_some());
    lines
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

#[test]
fn an_adapter_is_trained_used_and_merged() {
    let home = Home::new();
    home.file("pairs.jsonl", pairs(8));
    let base = golden("t5-v1.1");
    let train = [
        "train",
        "--examples",
        "pairs.jsonl",
        "--model",
        &base,
        "--out",
        "ana",
        "--lora",
        "4",
        "--lora-targets",
        "q,v,wo",
        "--steps",
        "20",
        "--lr",
        "0.03",
        "--warmup",
        "0",
    ];
    home.stdout(&train);
    let fell = losses(&home, "ana");
    assert!(fell[19] < 0.9 * fell[0], "{fell:?}");
    let files = names(&home, "ana");
    assert!(files.contains(&"adapter_model.safetensors".to_owned()));
    assert!(!files.contains(&"model.safetensors".to_owned()));
    let config: Value =
        serde_json::from_slice(&fs::read(home.path().join("ana/adapter_config.json")).unwrap())
            .unwrap();
    assert_eq!(config["target_modules"], json!(["q", "v", "wo"]));
    assert_eq!(
        (&config["r"], &config["lora_alpha"]),
        (&json!(4), &json!(8))
    );
    assert_eq!(config["base_model_name_or_path"], base.as_str());

    home.file(
        "in.jsonl",
        "{\"input_ids\":[[5,6,1]],\"decoder_input_ids\":[[0,9]]}\n",
    );
    let forward = |more: &[&str]| {
        let arguments = [&["models", "forward", "in.jsonl"], more].concat();
        let logits = home.json(&arguments)["logits"].clone();
        serde_json::from_value::<Vec<Vec<Vec<f32>>>>(logits)
            .unwrap()
            .concat()
            .concat()
    };
    let adapted = forward(&["--model", &base, "--adapter", "ana"]);
    snapshot!(home.run(&["models", "merge", "--model", &base, "--adapter", "ana", "--out", "merged"]), @"
    exit: 0
    --- stdout
    t5-v1.1+ana: use it with `--model merged`
    ");
    assert_eq!(adapted, forward(&["--model", "merged"]));
    let plain = forward(&["--model", &base]);
    assert!(plain.iter().zip(&adapted).any(|(a, b)| (a - b).abs() > 0.1));

    // Further training begins where the adapter is.
    let more = [
        "train",
        "--examples",
        "pairs.jsonl",
        "--model",
        &base,
        "--adapter",
        "ana",
        "--out",
        "further",
        "--steps",
        "1",
        "--dropout",
        "0",
        "--json",
    ];
    let further = home.json(&more);
    assert!(further["loss"].as_f64().unwrap() < 0.95 * fell[0]);

    snapshot!(home.run(&["models", "forward", "in.jsonl", "--model", "ana"]), @"
    exit: 2
    --- stderr
    error: `ana` is an adapter, not a model
    hint: name the model it was made for with `--model`, and it with `--adapter ana`
    ");
    let other = golden("deep-encoder");
    snapshot!(home.run(&["models", "forward", "in.jsonl", "--model", &other, "--adapter", "ana", "--json"]), @r#"
    exit: 2
    --- stderr
    error: cannot use the adapter `ana`: the model has no layer for the adapter's `decoder.block.1.layer.0.SelfAttention.q.lora_A.weight`
    hint: an adapter goes with the model it was made for, and its layers are linear ones such as q, v, wo
    {"error":{"code":"model","message":"cannot use the adapter `ana`: the model has no layer for the adapter's `decoder.block.1.layer.0.SelfAttention.q.lora_A.weight`","hint":"an adapter goes with the model it was made for, and its layers are linear ones such as q, v, wo"}}
    "#);
    snapshot!(home.run(&["models", "merge", "--model", &base, "--out", "x"]), @"
    exit: 2
    --- stderr
    error: no adapter is named
    hint: name its folder with `--adapter DIR`, and its base with `--model`
    ");
    let config = golden("t5-v1.1/config.json");
    snapshot!(home.run(&["train", "--examples", "pairs.jsonl", "--config", &config, "--lora", "2", "--out", "x"]), @"
    exit: 2
    --- stderr
    error: an adapter needs a model to adapt
    hint: name it with `--model DIR|builtin`, and leave out the config
    ");
    snapshot!(home.run(&["train", "--examples", "pairs.jsonl", "--model", &base, "--lora", "2", "--lora-targets", "query", "--out", "x"]), @"
    exit: 2
    --- stderr
    error: the model has no layer for the adapter's `query`
    hint: an adapter goes with the model it was made for, and its layers are linear ones such as q, v, wo
    ");
}

#[test]
fn plain_text_is_learned_from() {
    let home = Home::new();
    let paragraph = |n: usize| {
        format!("Paragraph {n} is about the garden,\nthe bridge and {n} more things.\n\n")
    };
    home.file("corpus/a.txt", (0..40).map(paragraph).collect::<String>());
    let line =
        |n: usize| json!({ "title": format!("Walk {n}"), "text": paragraph(n) }).to_string() + "\n";
    home.file(
        "corpus/b.jsonl.zst",
        zstd(&(0..40).map(line).collect::<String>()),
    );
    home.file("held.txt", (50..60).map(paragraph).collect::<String>());
    let smoke = fs::read_to_string(in_repository(".ci/smoke/config.json")).unwrap();
    let tokenizer = in_repository("models/idiolect-small/tokenizer.json");
    let recipe = |folder: &str| {
        format!(
            "config = \"{folder}/config.json\"\ntokenizer = {tokenizer:?}\n\
             texts = [\"corpus\"]\nvalidation-texts = \"held.txt\"\n\
             lengths = {{ input = 48, target = 24 }}\n[tasks]\nspans = 2.0\nprefix = 1.0\n\
             [training]\nsteps = 4\nbatch = 4\nkeep = 2\n"
        )
    };
    home.file("plain/config.json", &smoke);
    home.file("plain.toml", recipe("plain"));
    snapshot!(home.run(&["train", "--recipe", "plain.toml", "--out", "x"]), @"
    exit: 2
    --- stderr
    error: the task `spans` needs tokens such as `<extra_id_0>`, and the tokenizer has none
    hint: take `prefix`, or make the model's vocab_size larger than the tokenizer's by 100
    ");
    home.file("larger/config.json", smoke.replace("8192", "8292"));
    home.file("larger.toml", recipe("larger"));
    home.stdout(&[
        "train",
        "--recipe",
        "larger.toml",
        "--out",
        "x",
        "--cache",
        "kept",
    ]);
    let lines = metrics(&home, "x");
    assert_eq!(lines.len(), 5);
    assert!(lines[4]["validation_loss"].as_f64().unwrap() > 0.0);
    // Stretches differ in length, so each task has its own.
    assert_eq!(names(&home, "kept").len(), 2);
    home.stdout(&[
        "train",
        "--recipe",
        "larger.toml",
        "--out",
        "y",
        "--cache",
        "kept",
    ]);
    assert_eq!(names(&home, "kept").len(), 2);
    assert_eq!(losses_in(&home, "x"), losses_in(&home, "y"));

    home.file(
        "none.toml",
        recipe("larger").replace("texts = [\"corpus\"]\n", ""),
    );
    snapshot!(home.run(&["train", "--recipe", "none.toml", "--out", "z"]), @r#"
    exit: 2
    --- stderr
    error: the task `spans` needs texts
    hint: name files or folders of plain text in the recipe: texts = "corpus"
    "#);
}

fn losses_in(home: &Home, out: &str) -> Vec<Value> {
    metrics(home, out)
        .iter()
        .filter_map(|line| line.get("loss").cloned())
        .collect()
}
