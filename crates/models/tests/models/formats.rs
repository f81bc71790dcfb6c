//! One model in every form that folders keep weights in (see golden/README.md), and what is wrong
//! with such files.

use std::path::Path;

use crate::common::{cpu, folder};
use idiolect_models::{Error, Parameters, Seq2Seq, Stored, T5, Weights};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A copy of one of the folders, with the config that they share.
fn copied(form: &str) -> TempDir {
    let made = tempfile::tempdir().unwrap();
    for entry in fs_err::read_dir(folder("formats").join(form)).unwrap() {
        let file = entry.unwrap();
        fs_err::copy(file.path(), made.path().join(file.file_name())).unwrap();
    }
    let config = folder("formats").join("config.json");
    fs_err::copy(config, made.path().join("config.json")).unwrap();
    made
}

fn read(folder: &Path) -> Result<Parameters, Error> {
    let stored = Stored::load(folder)?;
    let parameters = stored.parameters(&cpu())?;
    T5::new(&stored.config, &parameters)?;
    Ok(parameters)
}

fn values(form: &str) -> Vec<(String, Vec<f32>)> {
    let parameters = read(copied(form).path()).unwrap();
    let named = parameters.0.into_iter();
    named
        .map(|(name, parameter)| (name, parameter.values().unwrap()))
        .collect()
}

fn refused(folder: &Path) -> String {
    let error = read(folder).unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

#[test]
fn every_form_holds_the_same_model() {
    let expected = values("safetensors");
    assert_eq!(expected.len(), 26);
    for form in [
        "safetensors-shards",
        "pytorch",
        "pytorch-legacy",
        "pytorch-shards",
        "pytorch-intruder",
    ] {
        assert_eq!(values(form), expected, "{form}");
    }
    for (form, share) in [("pytorch-f16", 1.0 / 2048.0), ("pytorch-bf16", 1.0 / 256.0)] {
        for ((name, found), (same, expected)) in values(form).iter().zip(&expected) {
            assert_eq!(name, same);
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= expected.abs() * share + 1e-6,
                    "{form}, {name}"
                );
            }
        }
    }
}

#[test]
fn a_pickle_is_never_run() {
    let folder = copied("pytorch-intruder");
    let intruded = || Path::new("a-pickle-was-run").exists();
    assert!(!intruded());
    read(folder.path()).unwrap();
    assert!(!intruded());
}

#[test]
fn hashes_are_of_all_files() {
    let sha256 = |folder: &TempDir| {
        let stored = Stored::load(folder.path()).unwrap();
        stored.weights().sha256().unwrap()
    };
    for form in ["safetensors-shards", "pytorch"] {
        let (folder, again) = (copied(form), copied(form));
        assert_eq!(sha256(&folder), sha256(&again), "{form}");
    }
    let (one, other) = (copied("pytorch"), copied("pytorch-bf16"));
    assert_ne!(sha256(&one), sha256(&other));
    let model = Seq2Seq::load(one.path(), &cpu()).unwrap();
    assert_eq!(model.identity().unwrap().sha256, sha256(&one));
}

#[test]
fn files_are_those_that_a_copy_needs() {
    for form in ["safetensors", "pytorch-shards"] {
        let folder = copied(form);
        let weights = Weights::open(folder.path()).unwrap();
        let mut found: Vec<&Path> = weights.files().collect();
        found.sort();
        let mut expected: Vec<_> = fs_err::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|file| !file.ends_with("config.json"))
            .collect();
        expected.sort();
        assert_eq!(found, expected, "{form}");
    }
}

#[test]
fn one_safetensors_file_goes_before_all_others() {
    let folder = copied("safetensors");
    for (name, content) in [
        ("model.safetensors.index.json", "{"),
        ("pytorch_model.bin", "nothing"),
    ] {
        fs_err::write(folder.path().join(name), content).unwrap();
    }
    assert!(read(folder.path()).is_ok());
}

const INDEX: &str = "model.safetensors.index.json";
const SECOND: &str = "model-00002-of-00002.safetensors";

/// Changes the index of a folder of shards.
fn with_index(change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = copied("safetensors-shards");
    let path = folder.path().join(INDEX);
    let mut index: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    change(&mut index["weight_map"]);
    fs_err::write(&path, index.to_string()).unwrap();
    folder
}

#[test]
fn a_missing_shard_is_named() {
    let folder = copied("safetensors-shards");
    fs_err::remove_file(folder.path().join(SECOND)).unwrap();
    let index = folder.path().join(INDEX);
    let expected = format!("{} names `{SECOND}`, which is missing", index.display());
    assert_eq!(refused(folder.path()), expected);
}

#[test]
fn shards_elsewhere_are_refused() {
    let outside = copied("safetensors");
    let absolute = outside.path().join("model.safetensors");
    for shard in [
        "../model.safetensors",
        absolute.to_str().unwrap(),
        ".",
        "a/b",
    ] {
        let folder = with_index(|map| map["shared.weight"] = shard.into());
        let error = refused(folder.path());
        let expected = format!("names `{shard}`, which is not a file in its folder");
        assert!(error.ends_with(&expected), "{error}");
    }
}

#[test]
fn index_and_shards_must_agree() {
    let shared = "shared.weight";
    let folder = with_index(|map| {
        map.as_object_mut().unwrap().remove(shared);
    });
    let error = refused(folder.path());
    assert!(
        error.ends_with("tensor `shared.weight` has no place in this model"),
        "{error}"
    );
    let folder = with_index(|map| map["lm_head.weight"] = json!(SECOND));
    let error = refused(folder.path());
    let expected = format!("{SECOND}: tensor `lm_head.weight` is missing");
    assert!(error.ends_with(&expected), "{error}");
    let folder = copied("safetensors-shards");
    for broken in ["{", "[]", "{\"weight_map\": 3}"] {
        fs_err::write(folder.path().join(INDEX), broken).unwrap();
        assert!(refused(folder.path()).contains(INDEX));
    }
}

/// A safetensors file of the tensors of another, and of some more.
fn with_more(more: &[(&str, &[usize])]) -> TempDir {
    let folder = copied("safetensors");
    let path = folder.path().join("model.safetensors");
    let bytes = fs_err::read(&path).unwrap();
    let mut parameters = Parameters::from_safetensors(&bytes, &path, &cpu()).unwrap();
    for (name, shape) in more {
        let values = vec![0.5; shape.iter().product()];
        let parameter = idiolect_models::Parameter::new(values, shape, &cpu());
        parameters.0.push(((*name).to_owned(), parameter));
    }
    let bytes = parameters
        .to_safetensors(idiolect_models::Precision::F32)
        .unwrap();
    fs_err::write(&path, bytes).unwrap();
    folder
}

#[test]
fn tensors_without_a_place_are_named() {
    for name in [
        "encoder.block.1.layer.0.SelfAttention.q.weight",
        "decoder.block.0.layer.2.DenseReluDense.wi_0.weight",
        "classifier.weight",
    ] {
        let error = refused(with_more(&[(name, &[2, 3])]).path());
        let expected = format!("model.safetensors: tensor `{name}` has no place in this model");
        assert!(error.ends_with(&expected), "{error}");
    }
    // The embedding once more, but of another size.
    let error = refused(with_more(&[("encoder.embed_tokens.weight", &[3, 8])]).path());
    assert!(
        error.contains("`encoder.embed_tokens.weight` has no place"),
        "{error}"
    );
}

#[test]
fn harmless_tensors_are_left_out() {
    let folder = with_more(&[
        ("encoder.embed_tokens.weight", &[40, 8]),
        ("encoder.embeddings.position_ids", &[1, 512]),
        (
            "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
            &[32, 2],
        ),
    ]);
    assert_eq!(read(folder.path()).unwrap().0.len(), 26);
    // A head of its own is taken although the config says that there is none.
    let folder = with_more(&[("lm_head.weight", &[40, 8])]);
    assert_eq!(read(folder.path()).unwrap().0.len(), 27);
}

#[test]
fn an_untied_head_must_be_there() {
    let folder = copied("safetensors");
    let path = folder.path().join("config.json");
    let config = fs_err::read_to_string(&path).unwrap();
    let untied = config.replace(
        "\"tie_word_embeddings\": true",
        "\"tie_word_embeddings\": false",
    );
    fs_err::write(&path, untied).unwrap();
    let error = refused(folder.path());
    assert!(
        error.ends_with("model.safetensors: tensor `lm_head.weight` is missing"),
        "{error}"
    );
}

#[test]
fn checkpoints_of_pytorch_that_are_cut_short() {
    for form in ["pytorch", "pytorch-legacy"] {
        let folder = copied(form);
        let path = folder.path().join("pytorch_model.bin");
        let bytes = fs_err::read(&path).unwrap();
        for length in [0, 1, 100, bytes.len() / 2, bytes.len() - 1] {
            fs_err::write(&path, &bytes[..length]).unwrap();
            let error = refused(folder.path());
            assert!(
                error.contains("pytorch_model.bin"),
                "{form}, {length}: {error}"
            );
        }
    }
}

/// Whatever a folder holds, it is read or refused.
fn survives(folder: &Path) {
    if let Ok(stored) = Stored::load(folder) {
        if let Ok(parameters) = stored.parameters(&cpu()) {
            let _ = T5::new(&stored.config, &parameters);
        }
        let _ = stored.weights().sha256();
        if let Ok(Some(tokenizer)) = stored.tokenizer() {
            let ids = tokenizer.encode("A letter, ﬁve Ｗörds\u{200b} 😀 <extra_id_3>\u{0}");
            tokenizer.decode(&ids);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_bring_the_reader_down(
        form in 0..6_usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let (form, name) = [
            ("safetensors", "model.safetensors"),
            ("safetensors", "config.json"),
            ("safetensors-shards", INDEX),
            ("pytorch", "pytorch_model.bin"),
            ("pytorch-legacy", "pytorch_model.bin"),
            ("safetensors", "spiece.model"),
        ][form];
        let folder = copied(form);
        let file = folder.path().join(name);
        if name == "spiece.model" {
            let pieces = super::common::folder("spiece/plain/spiece.model");
            fs_err::copy(pieces, &file).unwrap();
        }
        let mut bytes = fs_err::read(&file).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        fs_err::write(&file, bytes).unwrap();
        survives(folder.path());
    }
}

#[test]
fn tensors_are_given_as_they_are_stored() {
    let folder = copied("pytorch-bf16");
    let weights = Weights::open(folder.path()).unwrap();
    let tensor = weights
        .tensor("encoder.final_layer_norm.weight", &[8])
        .unwrap();
    assert_eq!(tensor.precision, idiolect_models::Precision::Bf16);
    assert_eq!(
        (tensor.shape.as_slice(), tensor.bytes.len()),
        (&[8][..], 16)
    );
    assert!(
        weights
            .tensor("encoder.final_layer_norm.weight", &[9])
            .is_err()
    );
    assert!(weights.tensor("no such tensor", &[8]).is_err());
}
