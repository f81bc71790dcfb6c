//! Transformer encoders against `sentence-transformers`, and folders of encoders, good and bad: see
//! golden/README.md for how the numbers were made.

use std::path::{Path, PathBuf};

use crate::common::{floats, folder, golden, ids, near, texts};
use idiolect_core::Encoder;
use idiolect_models::{Error, SentenceEncoder, TransformerEncoder};
use serde_json::{Value, json};
use tempfile::TempDir;

const FOLDERS: [&str; 9] = [
    "bert-mean",
    "bert-cls",
    "bert-plain",
    "roberta-dense",
    "xlm-r",
    "mpnet",
    "distilbert",
    "t5-gated",
    "t5-relu",
];

fn place(name: &str) -> PathBuf {
    folder("encoders").join(name)
}

fn load(name: &str) -> TransformerEncoder {
    TransformerEncoder::load(&place(name)).unwrap()
}

#[test]
fn texts_become_the_tokens_of_the_package() {
    for name in FOLDERS {
        let golden = golden(&format!("encoders/{name}"));
        let encoder = load(name);
        assert_eq!(
            encoder.facts().max_tokens,
            golden["max_seq_length"].as_u64().map(|most| most as usize),
            "{name}"
        );
        for one in golden["texts"].as_array().unwrap() {
            let text = one["text"].as_str().unwrap();
            assert_eq!(encoder.encode(text), ids(&one["ids"]), "{name}: {text}");
        }
    }
}

#[test]
fn vectors_are_those_of_the_package() {
    for name in FOLDERS {
        let golden = golden(&format!("encoders/{name}"));
        let encoder = load(name);
        let found = encoder.vectors(&texts(&golden));
        for (i, vector) in found.iter().enumerate() {
            let expected = floats(&golden["texts"][i]["vector"]);
            assert_eq!(expected.len(), encoder.dimensions(), "{name}");
            near(vector, &expected, 1e-5, &format!("{name}, text {i}"));
        }
    }
}

#[test]
fn hidden_states_are_those_of_the_package() {
    for name in FOLDERS {
        let golden = golden(&format!("encoders/{name}"));
        let encoder = load(name);
        let mut compared = 0;
        for one in golden["texts"].as_array().unwrap() {
            let Some(hidden) = one["hidden"].as_array() else {
                continue;
            };
            let ids = ids(&one["ids"]);
            let found = &encoder.forward(&[&ids]).unwrap()[0];
            assert_eq!(found.hidden.len(), hidden.len(), "{name}");
            for (found, expected) in found.hidden.iter().zip(hidden) {
                near(found, &floats(expected), 1e-5, name);
                compared += 1;
            }
            near(&found.pooled, &floats(&one["vector"]), 1e-5, name);
        }
        assert!(compared > 10, "{name}");
    }
}

#[test]
fn a_batch_is_its_texts_one_by_one() {
    for name in FOLDERS {
        let golden = golden(&format!("encoders/{name}"));
        let encoder = load(name);
        let texts = texts(&golden);
        let together = encoder.vectors(&texts);
        for (text, together) in texts.iter().zip(&together) {
            near(&encoder.vectors(&[text])[0], together, 5e-6, name);
        }
        let rows: Vec<Vec<u32>> = texts.iter().map(|text| encoder.encode(text)).collect();
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        for (found, together) in encoder.forward(&rows).unwrap().iter().zip(&together) {
            near(&found.pooled, together, 5e-6, name);
        }
    }
}

#[test]
fn embeddings_for_comparison_have_length_one() {
    for name in FOLDERS {
        let golden = golden(&format!("encoders/{name}"));
        let encoder = load(name);
        let texts = texts(&golden);
        let found = encoder.embed(&texts).unwrap();
        for (found, vector) in found.iter().zip(encoder.vectors(&texts)) {
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            let expected: Vec<f32> = vector.iter().map(|x| x / length).collect();
            near(found, &expected, 1e-6, name);
        }
    }
    assert!(load("bert-mean").embed(&[]).unwrap().is_empty());
}

#[test]
fn prompts_stand_before_texts() {
    for (name, prompts) in [
        ("bert-cls", ["query", "document"]),
        ("xlm-r", ["query", "passage"]),
    ] {
        let golden = golden(&format!("encoders/{name}"));
        let texts = &texts(&golden)[4..6];
        let plain = load(name);
        let mut identities = vec![plain.identity().to_owned()];
        for prompt in prompts {
            let encoder = load(name).with_prompt(prompt).unwrap();
            for (i, vector) in encoder.vectors(texts).iter().enumerate() {
                near(
                    vector,
                    &floats(&golden["prompted"][prompt][i]),
                    1e-5,
                    prompt,
                );
            }
            identities.push(encoder.identity().to_owned());
        }
        identities.sort_unstable();
        identities.dedup();
        // The one for queries is the usual one of `bert-cls`.
        assert_eq!(identities.len(), if name == "bert-cls" { 2 } else { 3 });
    }
    assert_eq!(
        load("xlm-r")
            .with_prompt("document")
            .unwrap_err()
            .to_string(),
        "the encoder has no prompt `document`, only: passage, query"
    );
}

#[test]
fn folders_are_told_apart() {
    let mut identities = Vec::new();
    for name in FOLDERS {
        let encoder = SentenceEncoder::open(&place(name).to_string_lossy()).unwrap();
        assert!(matches!(encoder, SentenceEncoder::Transformer(_)), "{name}");
        assert!(SentenceEncoder::is_folder(&place(name)), "{name}");
        assert!(encoder.identity().starts_with(&format!("{name}@")));
        identities.push(encoder.identity().to_owned());
    }
    identities.sort_unstable();
    identities.dedup();
    assert_eq!(identities.len(), FOLDERS.len());
    let made_static = folder("static/wordpiece");
    assert!(SentenceEncoder::is_folder(&made_static));
    assert!(!SentenceEncoder::is_folder(&folder("t5-v1.1")));
    let encoder = SentenceEncoder::load(&made_static).unwrap();
    assert!(matches!(encoder, SentenceEncoder::Static(_)));
    assert_eq!(encoder.facts().architecture, "model2vec");
    let facts = load("roberta-dense").facts();
    assert_eq!(facts.architecture, "roberta");
    assert_eq!(facts.modules, ["max", "mean", "dense"]);
    assert_eq!((facts.layers, facts.heads, facts.vocabulary), (2, 4, 400));
}

#[test]
fn a_model_that_writes_is_no_encoder_by_itself() {
    let temporary = copied("t5-gated");
    fs_err::remove_file(temporary.path().join("modules.json")).unwrap();
    let alone = TransformerEncoder::load(temporary.path()).unwrap();
    assert_eq!(alone.facts().modules, ["mean"]);
    assert_eq!(
        why(&folder("t5-v1.1")).rsplit('/').next().unwrap(),
        "config.json describes a `t5`, not a sentence encoder"
    );
}

#[test]
fn the_files_of_a_folder_are_all_it_needs() {
    for name in FOLDERS.iter().map(|name| format!("encoders/{name}")) {
        let from = folder(&name);
        let copy = tempfile::tempdir().unwrap();
        for file in SentenceEncoder::files(&from).unwrap() {
            let to = copy.path().join(&file);
            fs_err::create_dir_all(to.parent().unwrap()).unwrap();
            fs_err::copy(from.join(file), to).unwrap();
        }
        let text = ["the river had risen"];
        assert_eq!(
            SentenceEncoder::load(copy.path()).unwrap().vectors(&text),
            SentenceEncoder::load(&from).unwrap().vectors(&text)
        );
    }
}

/// A copy of a folder, to be broken.
fn copied(name: &str) -> TempDir {
    fn copy(from: &Path, to: &Path) {
        fs_err::create_dir_all(to).unwrap();
        for entry in fs_err::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let place = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &place);
            } else {
                fs_err::copy(entry.path(), place).unwrap();
            }
        }
    }
    let temporary = tempfile::tempdir().unwrap();
    copy(&place(name), temporary.path());
    temporary
}

/// Why a folder is refused once one key of a JSON file is another; the folder's own name left out.
fn refused(name: &str, file: &str, key: &str, value: Value) -> String {
    let temporary = copied(name);
    let path = temporary.path().join(file);
    let mut json: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    *json.pointer_mut(key).unwrap_or(&mut Value::Null) = value.clone();
    if json.pointer(key) != Some(&value) {
        json[key.trim_start_matches('/')] = value;
    }
    fs_err::write(&path, json.to_string()).unwrap();
    why(temporary.path())
}

fn why(folder: &Path) -> String {
    let error = TransformerEncoder::load(folder).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn configs_that_cannot_be_built_are_refused() {
    for (name, key, value, expected) in [
        (
            "bert-mean",
            "/model_type",
            json!("gpt2"),
            "config.json describes a `gpt2`, not bert, roberta, xlm-roberta, camembert, mpnet, distilbert or t5",
        ),
        (
            "bert-mean",
            "/num_attention_heads",
            json!(0),
            "config.json cannot be built: a size is zero or beyond a million",
        ),
        (
            "bert-mean",
            "/num_attention_heads",
            json!(5),
            "config.json cannot be built: the heads do not divide the hidden size",
        ),
        (
            "bert-mean",
            "/hidden_size",
            json!(u32::MAX),
            "config.json cannot be built: a size is zero or beyond a million",
        ),
        (
            "bert-mean",
            "/hidden_act",
            json!("mish"),
            "config.json cannot be built: the activation is unknown",
        ),
        (
            "bert-mean",
            "/layer_norm_eps",
            json!(0.0),
            "config.json cannot be built: layer_norm_eps is not above zero",
        ),
        (
            "bert-mean",
            "/position_embedding_type",
            json!("relative_key"),
            "config.json cannot be built: position_embedding_type is not `absolute`",
        ),
        (
            "bert-mean",
            "/is_decoder",
            json!(true),
            "config.json cannot be built: it is a decoder, whose tokens do not see later ones",
        ),
        (
            "bert-mean",
            "/vocab_size",
            json!(100),
            "tokenizer.json: the tokenizer has 149 pieces, the model 100",
        ),
        (
            "bert-mean",
            "/intermediate_size",
            json!(63),
            "model.safetensors: tensor `encoder.layer.0.intermediate.dense.weight` has shape [64, 32], expected [63, 32]",
        ),
        (
            "bert-mean",
            "/num_hidden_layers",
            json!(3),
            "model.safetensors: tensor `encoder.layer.2.attention.self.query.weight` is missing",
        ),
        (
            "xlm-r",
            "/pad_token_id",
            json!(129),
            "config.json cannot be built: there is no position for a token",
        ),
        (
            "mpnet",
            "/relative_attention_num_buckets",
            json!(16),
            "config.json cannot be built: relative_attention_num_buckets is not 32",
        ),
        (
            "t5-relu",
            "/num_heads",
            json!(0),
            "config.json cannot be built: a size is zero or beyond a million",
        ),
        (
            "t5-relu",
            "/relative_attention_max_distance",
            json!(1 << 20),
            "config.json cannot be built: heads and distances are too many together",
        ),
        (
            "t5-gated",
            "/num_layers",
            json!(3),
            "model.safetensors: tensor `encoder.block.2.layer.0.SelfAttention.q.weight` is missing",
        ),
    ] {
        let found = refused(name, "config.json", key, value);
        assert_eq!(found, expected, "{name} {key}");
    }
    let error = refused("bert-mean", "config.json", "/hidden_size", json!("wide"));
    assert!(
        error.starts_with("config.json cannot be understood"),
        "{error}"
    );
}

#[test]
fn modules_that_are_not_known_are_refused() {
    for (name, file, key, value, expected) in [
        (
            "bert-mean",
            "modules.json",
            "/1/path",
            json!("../../etc"),
            "modules.json names the folder `../../etc`, which is not inside the model's",
        ),
        (
            "bert-mean",
            "modules.json",
            "/1/path",
            json!("/etc"),
            "modules.json names the folder `/etc`, which is not inside the model's",
        ),
        (
            "bert-mean",
            "modules.json",
            "/1/path",
            json!("1_Pooling/../.."),
            "modules.json names the folder `1_Pooling/../..`, which is not inside the model's",
        ),
        (
            "bert-mean",
            "modules.json",
            "/2/type",
            json!("sentence_transformers.models.LSTM"),
            "modules.json asks for the module `LSTM`, which is not known",
        ),
        (
            "bert-mean",
            "modules.json",
            "/2/type",
            json!("custom.Normalize"),
            "modules.json asks for the module `custom.Normalize`, which is not known",
        ),
        (
            "bert-mean",
            "modules.json",
            "/0/type",
            json!("sentence_transformers.models.StaticEmbedding"),
            "modules.json cannot be built: the first module is no Transformer",
        ),
        (
            "bert-mean",
            "modules.json",
            "/1/type",
            json!("sentence_transformers.models.Normalize"),
            "modules.json cannot be built: no Pooling stands behind the Transformer",
        ),
        (
            "bert-mean",
            "1_Pooling/config.json",
            "/pooling_mode_lasttoken",
            json!(true),
            "1_Pooling/config.json sets pooling_mode to `lasttoken`, which is not known",
        ),
        (
            "bert-mean",
            "1_Pooling/config.json",
            "/include_prompt",
            json!(false),
            "1_Pooling/config.json sets include_prompt to `false`, which is not known",
        ),
        (
            "bert-mean",
            "1_Pooling/config.json",
            "/word_embedding_dimension",
            json!(31),
            "1_Pooling/config.json cannot be built: its dimension is not that of the hidden states",
        ),
        (
            "roberta-dense",
            "2_Dense/config.json",
            "/activation_function",
            json!("os.system"),
            "2_Dense/config.json sets activation_function to `os.system`, which is not known",
        ),
        (
            "roberta-dense",
            "2_Dense/config.json",
            "/use_residual",
            json!(true),
            "2_Dense/config.json sets use_residual to `true`, which is not known",
        ),
        (
            "roberta-dense",
            "2_Dense/config.json",
            "/in_features",
            json!(40),
            "2_Dense/config.json cannot be built: its in_features are not what the modules before it give",
        ),
        (
            "roberta-dense",
            "2_Dense/config.json",
            "/out_features",
            json!(23),
            "2_Dense/model.safetensors: tensor `linear.weight` has shape [24, 80], expected [23, 80]",
        ),
        (
            "roberta-dense",
            "sentence_bert_config.json",
            "/transformer_task",
            json!("fill-mask"),
            "sentence_bert_config.json sets transformer_task to `fill-mask`, which is not known",
        ),
        (
            "distilbert",
            "0_Transformer/sentence_bert_config.json",
            "/max_seq_length",
            json!(2),
            "0_Transformer/sentence_bert_config.json cannot be built: max_seq_length leaves no room for a text",
        ),
        (
            "bert-cls",
            "config_sentence_transformers.json",
            "/default_prompt_name",
            json!("passage"),
            "the encoder has no prompt `passage`, only: document, query",
        ),
    ] {
        assert_eq!(
            refused(name, file, key, value),
            expected,
            "{name} {file} {key}"
        );
    }
}

#[test]
fn missing_and_damaged_files_are_named() {
    for (name, file) in [
        ("bert-mean", "config.json"),
        ("bert-mean", "tokenizer.json"),
        ("bert-mean", "model.safetensors"),
        ("bert-mean", "1_Pooling/config.json"),
        ("roberta-dense", "2_Dense/model.safetensors"),
        ("distilbert", "0_Transformer/model.safetensors"),
    ] {
        let temporary = copied(name);
        let path = temporary.path().join(file);
        let whole = fs_err::read(&path).unwrap();
        for length in [0, 5, whole.len() / 2, whole.len() - 2] {
            fs_err::write(&path, &whole[..length]).unwrap();
            let error = why(temporary.path());
            assert!(error.contains(file), "{file}, {length} bytes: {error}");
        }
        fs_err::remove_file(&path).unwrap();
        let error = TransformerEncoder::load(temporary.path()).unwrap_err();
        assert!(
            matches!(error, Error::MissingFile { .. }),
            "{file}: {error}"
        );
    }
}

#[test]
fn tensors_that_are_no_numbers_are_named() {
    let temporary = copied("bert-mean");
    let path = temporary.path().join("model.safetensors");
    let whole = fs_err::read(&path).unwrap();
    let header: usize = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let tensors: Value = serde_json::from_slice(&whole[8..8 + header]).unwrap();
    for name in [
        "embeddings.LayerNorm.bias",
        "encoder.layer.1.output.dense.weight",
    ] {
        let begin = tensors[name]["data_offsets"][0].as_u64().unwrap() as usize;
        let mut broken = whole.clone();
        broken[8 + header + begin..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
        fs_err::write(&path, broken).unwrap();
        assert_eq!(
            why(temporary.path()),
            format!("model.safetensors: tensor `{name}` holds a value that is not a finite number")
        );
    }
}

#[test]
fn tokens_that_the_model_cannot_take_are_refused() {
    let encoder = load("bert-mean");
    let refused = |row: &[u32]| encoder.forward(&[&[2, 3], row]).unwrap_err();
    assert!(matches!(refused(&[]), Error::EmptyInput));
    assert!(matches!(
        refused(&[2, 149, 3]),
        Error::TokenId {
            id: 149,
            vocabulary: 149
        }
    ));
    assert!(matches!(
        refused(&[5; 65]),
        Error::TooLong {
            tokens: 65,
            most: 64
        }
    ));
    assert_eq!(encoder.forward(&[&[5; 64]]).unwrap()[0].hidden.len(), 64);
}
