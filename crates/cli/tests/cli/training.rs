use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Home, many, snapshot};

/// Lines of a run's metrics.
pub(crate) fn metrics(home: &Home, out: &str) -> Vec<Value> {
    let text = fs::read_to_string(home.path().join(out).join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn losses(home: &Home, out: &str) -> Vec<f64> {
    metrics(home, out)
        .iter()
        .map(|line| line["loss"].as_f64().unwrap())
        .collect()
}

pub(crate) fn in_repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path).display().to_string()
}

#[test]
fn a_resumed_run_goes_on_to_the_same_losses() {
    let home = Home::new();
    let line = |n: u32| {
        format!(
            "{{\"input_ids\":[{},{},1],\"labels\":[{},1]}}\n",
            n + 5,
            n + 6,
            n + 7
        )
    };
    home.file("pairs.jsonl", (0..16).map(line).collect::<String>());
    let config = in_repository("crates/models/tests/golden/t5-v1.1/config.json");
    let train = |out: &str, steps: &str, more: &[&str]| {
        let mut arguments = vec![
            "train",
            "--examples",
            "pairs.jsonl",
            "--config",
            &config,
            "--out",
            out,
            "--steps",
            steps,
            "--batch",
            "4",
            "--lr",
            "0.05",
            "--warmup",
            "0",
        ];
        arguments.extend(more);
        home.stdout(&arguments)
    };
    train("whole", "6", &[]);
    train("parts", "4", &[]);
    train("parts", "6", &["--resume"]);
    let other = [
        "train",
        "--resume",
        "--examples",
        "pairs.jsonl",
        "--config",
        &config,
        "--out",
        "parts",
        "--batch",
        "8",
        "--steps",
        "8",
    ];
    snapshot!(home.run(&other), @"
    exit: 2
    --- stderr
    error: parts does not continue this run: it was made with other examples, rates or batches
    hint: start afresh in another --out, or without --resume
    ");
    let again = [
        "train",
        "--examples",
        "pairs.jsonl",
        "--config",
        &config,
        "--out",
        "parts",
    ];
    snapshot!(home.run(&again), @"
    exit: 2
    --- stderr
    error: `parts` holds a model already
    hint: go on from it with `--resume`, or name another `--out`
    ");
    fs_err::create_dir(home.path().join("lost")).unwrap();
    fs_err::copy(
        home.path().join("parts/model.safetensors"),
        home.path().join("lost/model.safetensors"),
    )
    .unwrap();
    let lost = [
        "train",
        "--resume",
        "--examples",
        "pairs.jsonl",
        "--config",
        &config,
        "--out",
        "lost",
    ];
    snapshot!(home.run(&lost), @"
    exit: 2
    --- stderr
    error: `lost` holds a model, and no checkpoint to go on from
    hint: go on from its weights with `--model lost` and another `--out`
    ");
    #[cfg(unix)]
    for file in ["metrics.jsonl", "checkpoint/position.json"] {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs_err::metadata(home.path().join("parts").join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
    let whole = losses(&home, "whole");
    assert_eq!(whole.len(), 6);
    for (one, other) in whole.iter().zip(losses(&home, "parts")) {
        assert!((one - other).abs() < 1e-5, "{one} {other}");
    }
    assert!(whole[5] < whole[0]);
    let keys: Vec<String> = metrics(&home, "whole")[0]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    snapshot!(keys.join(" "), @"step loss lr grad_norm tokens tokens_per_second");
    // The result is a model like any other.
    home.file("in.jsonl", "{\"input_ids\":[5,6,1]}\n");
    home.stdout(&[
        "models",
        "generate",
        "in.jsonl",
        "--model",
        "whole",
        "--max-tokens",
        "3",
    ]);
}

#[test]
fn a_recipe_trains_on_the_tasks_of_the_paper() {
    let home = many();
    home.stdout(&["data", "build", "--out", "data", "--split", "50/50/0"]);
    home.stdout(&["data", "pairs", "--out", "data", "--split", "50/50/0"]);
    let recipe = format!(
        "config = {:?}\ntokenizer = {:?}\nlengths = {{ input = 64, target = 96 }}\n\
         [tasks]\ngeneration = 1.0\nsummary = 0.5\nkeywords = 0.5\ndistinction = 1.0\n\
         [training]\nsteps = 3\nbatch = 2\n",
        in_repository(".ci/smoke/config.json"),
        in_repository("models/idiolect-small/tokenizer.json"),
    );
    home.file("recipe.toml", &recipe);
    home.stdout(&[
        "train",
        "--recipe",
        "recipe.toml",
        "--examples",
        "data",
        "--out",
        "model",
    ]);
    let lines = metrics(&home, "model");
    let validation = lines.last().unwrap();
    assert_eq!(lines.len(), 4);
    assert!(validation["validation_loss"].is_number() && validation.get("loss").is_none());
    assert!(validation["bits_per_byte"]["own"].is_number());
    let text = home.stdout(&[
        "write",
        "--author",
        "writer 3",
        "--model",
        "model",
        "--max-tokens",
        "3",
        "The garden",
    ]);
    assert!(text.starts_with("The garden"));

    // Training data in parts are the same data.
    let part = |name: &str| home.path().join("data").join(name);
    fs::rename(part("train.jsonl.zst"), part("train-0001.jsonl.zst")).unwrap();
    home.stdout(&[
        "train",
        "--recipe",
        "recipe.toml",
        "--examples",
        "data",
        "--out",
        "parts",
    ]);
    for (whole, parts) in lines.iter().zip(metrics(&home, "parts")) {
        assert_eq!(whole.get("loss"), parts.get("loss"));
    }

    home.file("wrong.toml", recipe.replace("summary =", "sumary ="));
    snapshot!(home.run(&["train", "--recipe", "wrong.toml", "--examples", "data", "--out", "x"]), @"
    exit: 2
    --- stderr
    error: cannot use `wrong.toml`: unknown variant `sumary`, expected one of `generation`, `summary`, `keywords`, `distinction`, `users`, `spans`, `prefix`
    hint: `idiolect train --help` shows a recipe
    ");
    snapshot!(home.run(&["train", "--recipe", "recipe.toml", "--examples", "x", "--out", "x"]), @"
    exit: 2
    --- stderr
    error: `x` holds no complete training data
    hint: `idiolect data build --out DIR` makes them
    ");
}

#[test]
fn the_built_in_model_is_a_start() {
    let home = Home::new();
    home.file(
        "texts.jsonl",
        "{\"input\":\"Dear Ana,\",\"target\":\"the garden is wet\"}\n",
    );
    home.stdout(&[
        "train",
        "--examples",
        "texts.jsonl",
        "--model",
        "builtin",
        "--out",
        "mine",
        "--steps",
        "1",
        "--warmup",
        "0",
        "--batch",
        "1",
    ]);
    let text = home.stdout(&["models", "show", "mine", "--json"]);
    let mine: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(mine["tokenizer"], true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for (file, mode) in [("mine", 0o700), ("mine/model.safetensors", 0o600)] {
            let metadata = fs::metadata(home.path().join(file)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file}");
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let home = Home::new();
    snapshot!(home.run(&["train", "--out", "x"]), @"
    exit: 2
    --- stderr
    error: the following required arguments were not provided: <--recipe <FILE>|--examples <FILE|DIR>>
    hint: usage: idiolect train --out <DIR> <--recipe <FILE>|--examples <FILE|DIR>>
    ");
    home.file("texts.jsonl", "{\"input\":\"a\",\"target\":\"b\"}\n");
    snapshot!(home.run(&["train", "--examples", "texts.jsonl", "--out", "x"]), @"
    exit: 2
    --- stderr
    error: nothing to start from
    hint: name sizes with `--config FILE`, or a model with `--model DIR|builtin`
    ");
    let config = in_repository("crates/models/tests/golden/t5-v1.1/config.json");
    snapshot!(home.run(&["train", "--examples", "texts.jsonl", "--config", &config, "--out", "x"]), @"
    exit: 2
    --- stderr
    error: the examples are texts, and the model has no tokenizer
    hint: give `input_ids` and `labels`, or put its tokenizer.json into the folder
    ");
    home.file("none.jsonl", "");
    snapshot!(home.run(&["train", "--examples", "none.jsonl", "--config", &config, "--out", "x"]), @"
    exit: 2
    --- stderr
    error: there are no examples to train on
    hint: make some with `idiolect data build`, or name a file with --examples
    ");
}
