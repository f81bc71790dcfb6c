use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Home, snapshot};

/// A tiny T5 with random weights, with what `transformers` computes from it.
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/golden/t5-v1.1")
}

#[test]
fn a_model_in_shards_is_added_with_all_its_files() {
    let home = Home::new();
    let formats = golden().with_file_name("formats");
    let given = home.path().join("given");
    fs_err::create_dir(&given).unwrap();
    fs_err::copy(formats.join("config.json"), given.join("config.json")).unwrap();
    for file in fs_err::read_dir(formats.join("pytorch-shards")).unwrap() {
        let file = file.unwrap();
        fs_err::copy(file.path(), given.join(file.file_name())).unwrap();
    }
    home.stdout(&["models", "add", "given"]);
    let shown = home.json(&["models", "show", "given", "--json"]);
    assert_eq!(shown["vocabulary"], 40);
    fs_err::remove_file(given.join("pytorch_model-00002-of-00002.bin")).unwrap();
    snapshot!(home.run(&["models", "add", "given", "--name", "again"]), @"
    exit: 2
    --- stderr
    error: [HOME]/given/pytorch_model.bin.index.json names `pytorch_model-00002-of-00002.bin`, which is missing
    hint: copy all files of the model's folder
    ");
}

#[test]
fn a_model_is_added_shown_and_removed() {
    let home = Home::new();
    let golden = golden();
    let folder = golden.to_str().unwrap();
    snapshot!(home.run(&["models", "add", folder, "--name", "tiny"]), @"
    exit: 0
    --- stdout
    added: use it with `--model tiny`
    ");
    snapshot!(home.run(&["models", "show", "tiny"]), @"
    exit: 0
    --- stdout
    name: tiny
    folder: [HOME]/.local/share/idiolect/models/tiny
    architecture: t5 (gated-gelu)
    sha256: [HASH]
    d model: 32
    encoder layers: 2
    decoder layers: 2
    heads: 4
    vocabulary: 128
    tokenizer: false
    licence: not known
    ");
    let listed = home.json_lines(&["models", "ls", "--json"]);
    let names: Vec<&Value> = listed.iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["builtin", "tiny"]);
    snapshot!(home.run(&["models", "add", folder, "--name", "tiny"]), @"
    exit: 2
    --- stderr
    error: there is a model `tiny` already
    hint: `idiolect models rm tiny` deletes it; `--name` takes another name
    ");
    snapshot!(home.run(&["models", "rm", "tiny"]), @"
    exit: 0
    --- stdout
    removed tiny
    ");
    snapshot!(home.run(&["models", "rm", "tiny"]), @"
    exit: 2
    --- stderr
    error: there is no added model `tiny`
    hint: `idiolect models ls` lists them
    ");
    snapshot!(home.run(&["models", "rm", "../tiny"]), @"
    exit: 2
    --- stderr
    error: there is no added model `../tiny`
    hint: `idiolect models ls` lists them
    ");
    snapshot!(home.run(&["models", "show", "tiny"]), @"
    exit: 2
    --- stderr
    error: there is no model `tiny`
    hint: give a model's folder, or a name that `idiolect models ls` lists
    ");
    snapshot!(home.run(&["models", "pull", "tiny"]), @"
    exit: 2
    --- stderr
    error: cannot pull `tiny`: this version opens no connection
    hint: download the model's folder yourself, then `idiolect models add DIR`
    ");
}

#[test]
fn folders_that_are_no_model_are_named_with_what_is_wrong() {
    let home = Home::new();
    let golden = golden();
    let config = std::fs::read_to_string(golden.join("config.json")).unwrap();
    let weights = std::fs::read(golden.join("model.safetensors")).unwrap();
    let folder = |name: &str, config: &str, weights: &[u8]| {
        home.file(&format!("{name}/config.json"), config);
        home.file(&format!("{name}/model.safetensors"), weights);
    };
    let parsed: Value = serde_json::from_str(&config).unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = parsed.clone();
        changed[key] = value;
        changed.to_string()
    };
    folder("deeper", &with("num_layers", 9.into()), &weights);
    folder("wider", &with("d_model", 24.into()), &weights);
    folder("stranger", &with("model_type", "gpt2".into()), &weights);
    folder("cut", &config, &weights[..weights.len() / 2]);
    home.file("bare/config.json", &config);
    for name in ["deeper", "wider", "stranger", "cut", "bare"] {
        let shown = home.run(&["models", "show", name]);
        assert!(shown.starts_with("exit: 2\n"), "{shown}");
    }
    snapshot!(home.run(&["models", "show", "deeper"]), @"
    exit: 2
    --- stderr
    error: deeper/model.safetensors: tensor `encoder.block.2.layer.0.SelfAttention.q.weight` is missing
    hint: config.json and the weights do not belong together, or a copy broke off
    ");
    snapshot!(home.run(&["models", "show", "wider"]), @"
    exit: 2
    --- stderr
    error: wider/model.safetensors: tensor `shared.weight` has shape [128, 32], expected [128, 24]
    hint: config.json and the weights do not belong together, or a copy broke off
    ");
    snapshot!(home.run(&["models", "show", "stranger"]), @"
    exit: 2
    --- stderr
    error: stranger/config.json describes a `gpt2`, not t5, mt5 or umt5
    hint: --model takes folders of a T5 (1.0, 1.1, Flan, mT5, ByT5, UMT5), --encoder those of sentence-transformers or Model2Vec
    ");
    snapshot!(home.run(&["models", "show", "cut"]), @"
    exit: 2
    --- stderr
    error: cut/model.safetensors is damaged: incomplete metadata, file not fully covered
    hint: config.json and the weights do not belong together, or a copy broke off
    ");
    snapshot!(home.run(&["models", "show", "bare"]), @"
    exit: 2
    --- stderr
    error: `bare` is not a model: model.safetensors is missing
    hint: a model folder holds config.json, tokenizer.json and model.safetensors
    ");
    folder("garbled", "{", &weights);
    snapshot!(home.run(&["models", "show", "garbled"]), @"
    exit: 2
    --- stderr
    error: garbled/config.json cannot be understood: EOF while parsing an object at line 1 column 1
    hint: copy the model's folder again: the file is damaged or not what its name says
    ");
    folder("tokenless", &config, &weights);
    home.file("tokenless/tokenizer.json", "{}");
    snapshot!(home.run(&["models", "show", "tokenless"]), @"
    exit: 2
    --- stderr
    error: tokenless/tokenizer.json cannot be understood: Model missing. at line 1 column 2
    hint: copy the model's folder again: the file is damaged or not what its name says
    ");
    snapshot!(home.run(&["write", "x", "--no-personalize", "--device", "abacus"]), @"
    exit: 2
    --- stderr
    error: device `abacus` is not in this build
    hint: use --device cpu, or build with --features cuda or wgpu
    ");
}

#[test]
fn inputs_that_a_model_cannot_take_are_named() {
    let home = Home::new();
    let golden = golden();
    let generate = |lines: &str, more: &[&str]| {
        home.file("in.jsonl", lines);
        let mut arguments = vec!["models", "generate", "in.jsonl", "--model"];
        arguments.push(golden.to_str().unwrap());
        arguments.extend(more);
        home.run(&arguments)
    };
    snapshot!(generate("", &[]), @"
    exit: 1
    --- stderr
    there was no line to read
    ");
    let good = "{\"input_ids\":[5,1]}\n";
    let beyond = format!("{good}{{\"input_ids\":[128]}}\n");
    let answered = generate(&beyond, &["--max-tokens", "1"]);
    assert!(answered.contains("\"output_ids\""), "{answered}");
    let said = &answered[answered.find("--- stderr").unwrap()..];
    snapshot!(said, @"
    --- stderr
    error: line 2: token 128 lies beyond the vocabulary of 128
    hint: ids come from the tokenizer that belongs to this model
    ");
    let none = generate("{\"input_ids\":[]}\n", &[]);
    snapshot!(none, @"
    exit: 2
    --- stderr
    error: line 1: there is no token
    hint: ids come from the tokenizer that belongs to this model
    ");
    snapshot!(generate(good, &["--min-tokens", "9", "--max-tokens", "3"]), @"
    exit: 2
    --- stderr
    error: `--min-tokens 9` is more than `--max-tokens 3`
    hint: raise the one or lower the other
    ");
}

#[test]
fn a_model_without_a_tokenizer_works_with_ids() {
    let home = Home::new();
    let golden = golden();
    let folder = golden.to_str().unwrap();
    home.file(
        "in.jsonl",
        "{\"input_ids\":[5,6,7,1]}\n{\"input_ids\":[8,1]}\n",
    );
    let generate = |more: &[&str]| {
        let mut arguments = vec![
            "models",
            "generate",
            "in.jsonl",
            "--model",
            folder,
            "--max-tokens",
            "6",
        ];
        arguments.extend(more);
        home.json_lines(&arguments)
    };
    let together = generate(&[]);
    assert_eq!(together.len(), 2);
    assert!(together.iter().all(|answer| answer["text"].is_null()));
    for (alone, together) in generate(&["--batch", "1"]).iter().zip(&together) {
        assert_eq!(alone["output_ids"], together["output_ids"]);
    }
    assert!(generate(&["--beam", "3"])[0]["output_ids"].is_array());

    home.file(
        "forward.jsonl",
        "{\"input_ids\":[[5,6,7],[8,1,0]],\"attention_mask\":[[1,1,1],[1,1,0]],\"decoder_input_ids\":[[0,4],[0,9]]}\n",
    );
    let logits = home.json(&["models", "forward", "forward.jsonl", "--model", folder]);
    let rows = logits["logits"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0].as_array().unwrap().len()), (2, 2));
    snapshot!(home.run(&["models", "generate", "missing.jsonl", "--model", folder]), @"
    exit: 2
    --- stderr
    error: failed to open file `missing.jsonl`: No such file or directory (os error 2)
    hint: check the path
    ");
    home.file("text.jsonl", "{\"input\":\"hello\"}\n");
    snapshot!(home.run(&["models", "generate", "text.jsonl", "--model", folder]), @"
    exit: 2
    --- stderr
    error: the model has no tokenizer, so it cannot read `input`
    hint: give `input_ids`, or put its tokenizer.json into the folder
    ");
    home.file("broken.jsonl", "{\"input_ids\":[1]}\n{\"input_ids\":\n");
    let output = home
        .command(&[
            "models",
            "generate",
            "broken.jsonl",
            "--model",
            folder,
            "--batch",
            "4",
        ])
        .output()
        .unwrap();
    let answers = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(answers.lines().count(), 1, "the good line is answered");
    let failed = std::process::Output {
        stdout: Vec::new(),
        ..output
    };
    snapshot!(
        home.shown(&failed),
        @"
    exit: 2
    --- stderr
    error: line 2 of `broken.jsonl` cannot be read: EOF while parsing a value
    hint: JSON Lines hold one whole JSON object a line: mend that line, or leave it out
    "
    );
}

/// Tiny encoders with random weights, with what `sentence-transformers` computes from them.
fn encoder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../models/tests/golden/encoders")
        .join(name)
}

#[test]
fn an_encoder_is_added_shown_and_used() {
    let home = Home::with_letters();
    let folder = encoder("distilbert");
    snapshot!(home.run(&["models", "add", folder.to_str().unwrap(), "--name", "tiny"]), @"
    exit: 0
    --- stdout
    added: use it with `--encoder tiny`
    ");
    snapshot!(home.run(&["models", "show", "tiny"]), @"
    exit: 0
    --- stdout
    name: tiny
    folder: [HOME]/.local/share/idiolect/models/tiny
    architecture: distilbert encoder (mean, dense, normalize)
    sha256: [HASH]
    dimensions: 40
    layers: 2
    heads: 4
    vocabulary: 149
    max tokens: 30
    licence: not known
    ");
    let listed = home.json_lines(&["models", "ls", "--json"]);
    let names: Vec<&Value> = listed.iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["builtin", "tiny"]);

    let golden: Value =
        serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    let known = &golden["texts"][4];
    home.file("text.jsonl", known["text"].to_string());
    let vectors = home.json_lines(&["embed", "text.jsonl", "--encoder", "tiny"]);
    assert!(same(&vectors[0], &known["vector"]));
    let ids = &known["ids"];
    home.file("ids.jsonl", format!("{{\"input_ids\": [{ids}, {ids}]}}\n"));
    let found = home.json(&["models", "forward", "ids.jsonl", "--model", "tiny"]);
    for row in 0..2 {
        assert!(same(&found["pooled"][row], &known["vector"]));
        let states = known["hidden"].as_array().unwrap();
        for (place, state) in states.iter().enumerate() {
            assert!(same(&found["hidden"][row][place], state));
        }
    }

    home.stdout(&["rebuild", "--encoder", "tiny"]);
    let searched = ["search", "river", "--author", "ana", "--ranking", "snippet"];
    let found = home.json_lines(&[&searched[..], &["--encoder", "tiny", "--json"]].concat());
    assert!(!found.is_empty());
    let other = home.run(&searched);
    assert!(
        other.contains("the query is embedded by builtin@"),
        "{other}"
    );
}

fn same(found: &Value, expected: &Value) -> bool {
    let (found, expected) = (found.as_array().unwrap(), expected.as_array().unwrap());
    let near = |(x, y): (&Value, &Value)| (x.as_f64().unwrap() - y.as_f64().unwrap()).abs() < 1e-4;
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}

#[test]
fn encoders_that_cannot_be_used_are_named_with_what_is_wrong() {
    let home = Home::new();
    home.file(
        "outside/modules.json",
        "[{\"path\": \"../..\", \"type\": \"sentence_transformers.models.Transformer\"}]",
    );
    snapshot!(home.run(&["embed", "--encoder", "outside"]), @"
    exit: 2
    --- stderr
    error: outside/modules.json names the folder `../..`, which is not inside the model's
    hint: do not use this folder unless you know where it comes from
    ");
    let folder = encoder("bert-mean");
    snapshot!(home.run(&["write", "x", "--no-personalize", "--model", folder.to_str().unwrap()]).replace(folder.to_str().unwrap(), "[ENCODER]"), @"
    exit: 2
    --- stderr
    error: [ENCODER]/config.json describes a `bert`, not t5, mt5 or umt5
    hint: --model takes folders of a T5 (1.0, 1.1, Flan, mT5, ByT5, UMT5), --encoder those of sentence-transformers or Model2Vec
    ");
}
