//! The tokenizer against the package it comes from, through Python: see golden/README.md.

use std::path::Path;

use crate::common::{folder, golden, ids, json};
use idiolect_models::{Config, Error, Precision, Stored, Tokenizer, save, t5::random_parameters};
use serde_json::{Value, json as literal};
use tempfile::TempDir;

#[test]
fn ids_and_texts() {
    let tokenizer = Tokenizer::load(&folder("unigram/tokenizer.json")).unwrap();
    let golden = golden("unigram");
    assert_eq!(
        tokenizer.vocab_size() as u64,
        golden["vocabulary"].as_u64().unwrap()
    );
    for one in golden["texts"].as_array().unwrap() {
        let found = tokenizer.encode(one["text"].as_str().unwrap());
        assert_eq!(found, ids(&one["ids"]), "{one}");
        assert_eq!(tokenizer.decode(&found), one["decoded"].as_str().unwrap());
    }
    assert_eq!(tokenizer.id_of("</s>"), Some(1));
    assert_eq!(tokenizer.id_of("no such piece"), None);
}

#[test]
fn texts_grow_with_their_ids() {
    let tokenizer = Tokenizer::load(&folder("unigram/tokenizer.json")).unwrap();
    let golden = &golden("unigram")["prefixes"];
    let ids = ids(&golden["ids"]);
    for (n, decoded) in golden["decoded"].as_array().unwrap().iter().enumerate() {
        assert_eq!(tokenizer.decode(&ids[..n]), decoded.as_str().unwrap());
    }
}

/// A folder of a model with so many token vectors, without a tokenizer yet.
fn folder_of(vocabulary: usize) -> TempDir {
    let config: Config = serde_json::from_value(literal!({
        "vocab_size": vocabulary, "d_model": 4, "d_kv": 2, "d_ff": 4, "num_layers": 1, "num_heads": 2
    }))
    .unwrap();
    let made = tempfile::tempdir().unwrap();
    let device = idiolect_models::device("cpu").unwrap();
    let parameters = random_parameters(&config, 1, &device);
    save(made.path(), &config, &parameters, Precision::F32, None).unwrap();
    made
}

fn copy(from: &str, name: &str, to: &Path) {
    fs_err::copy(folder(from).join(name), to.join(name)).unwrap();
}

fn texts(golden: &Value) -> &Vec<Value> {
    golden["texts"].as_array().unwrap()
}

#[test]
fn a_sentencepiece_model_alone() {
    let golden = golden("spiece/plain");
    let folder = folder_of(200);
    copy("spiece/plain", "spiece.model", folder.path());
    copy("spiece/plain", "tokenizer_config.json", folder.path());
    let stored = Stored::load(folder.path()).unwrap();
    let tokenizer = stored.tokenizer().unwrap().unwrap();
    assert_eq!(tokenizer.vocab_size() as u64, golden["vocabulary"]);
    assert_eq!(tokenizer.id_of(golden["last"].as_str().unwrap()), Some(159));
    for one in texts(&golden) {
        let found = tokenizer.encode(one["text"].as_str().unwrap());
        assert_eq!(found, ids(&one["ids"]), "{one}");
        assert_eq!(tokenizer.decode(&found), one["decoded"].as_str().unwrap());
    }
    // What training writes beside a model made from this one.
    let again = Tokenizer::from_bytes(stored.tokenizer_json().unwrap()).unwrap();
    assert_eq!(
        again.encode("The letter came"),
        tokenizer.encode("The letter came")
    );
}

#[test]
fn extra_ids_are_a_hundred_where_the_folder_does_not_say() {
    let folder = folder_of(250);
    copy("spiece/plain", "spiece.model", folder.path());
    let stored = Stored::load(folder.path()).unwrap();
    let tokenizer = stored.tokenizer().unwrap().unwrap();
    assert_eq!(tokenizer.vocab_size(), 250);
    assert_eq!(tokenizer.id_of("<extra_id_99>"), Some(150));
    assert_eq!(tokenizer.id_of("<extra_id_0>"), Some(249));
}

/// Tokens that are spelled out, and the mark of a space, are taken as `transformers` takes them.
#[test]
fn bytes_of_unknown_characters_are_those_of_sentencepiece() {
    let file = folder("spiece/bytes/spiece.model");
    let golden = golden("spiece/bytes");
    let tokenizer =
        Tokenizer::from_sentencepiece(&fs_err::read(&file).unwrap(), 10, &file).unwrap();
    let mut compared = 0;
    for one in texts(&golden) {
        let text = one["text"].as_str().unwrap();
        if !text.contains(['<', '▁', '[']) {
            let found = tokenizer.encode(text);
            assert_eq!(found, ids(&one["sentencepiece"]), "{one}");
            assert_eq!(
                tokenizer.decode(&found),
                one["sentencepiece_decoded"],
                "{one}"
            );
            compared += 1;
        }
    }
    assert!(compared > 10);
}

#[test]
fn bytes_are_tokens_of_a_byt5() {
    let golden = json("spiece/byt5.json");
    let named = folder_of(400);
    let class = literal!({"tokenizer_class": "ByT5Tokenizer"}).to_string();
    fs_err::write(named.path().join("tokenizer_config.json"), class).unwrap();
    for folder in [folder_of(384), named] {
        let stored = Stored::load(folder.path()).unwrap();
        let tokenizer = stored.tokenizer().unwrap().unwrap();
        assert_eq!(tokenizer.vocab_size() as u64, golden["vocabulary"]);
        assert_eq!(tokenizer.id_of(golden["last"].as_str().unwrap()), Some(383));
        // Read again, as from a folder that training wrote, it is the same.
        let again = Tokenizer::from_bytes(stored.tokenizer_json().unwrap()).unwrap();
        for tokenizer in [&tokenizer, &again, &again.clone()] {
            for one in texts(&golden) {
                let found = tokenizer.encode(one["text"].as_str().unwrap());
                assert_eq!(found, ids(&one["ids"]), "{one}");
                assert_eq!(tokenizer.decode(&found), one["decoded"].as_str().unwrap());
            }
            let broken = &golden["broken"];
            let expected = broken["decoded"].as_str().unwrap();
            assert_eq!(tokenizer.decode(&ids(&broken["ids"])), expected);
        }
    }
    let without = folder_of(383);
    assert!(
        Stored::load(without.path())
            .unwrap()
            .tokenizer()
            .unwrap()
            .is_none()
    );
}

#[test]
fn tokenizers_that_do_not_fit_name_their_file() {
    let folder = folder_of(200);
    copy("spiece/plain", "spiece.model", folder.path());
    let error = Stored::load(folder.path())
        .unwrap()
        .tokenizer()
        .unwrap_err();
    let file = folder.path().join("spiece.model");
    assert_eq!(
        error.to_string(),
        format!(
            "{}: the tokenizer has 250 pieces, the model 200",
            file.display()
        )
    );
    let settings = folder.path().join("tokenizer_config.json");
    fs_err::write(&settings, r#"{"extra_ids": 1000000000000}"#).unwrap();
    let error = Stored::load(folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("has 1000000000000 pieces"),
        "{error}"
    );
    fs_err::write(&settings, "{").unwrap();
    assert!(matches!(
        Stored::load(folder.path()),
        Err(Error::Json { .. })
    ));
}

#[test]
fn damaged_sentencepiece_models() {
    let whole = fs_err::read(folder("spiece/plain/spiece.model")).unwrap();
    let file = Path::new("spiece.model");
    let refused = |bytes: &[u8]| Tokenizer::from_sentencepiece(bytes, 100, file).unwrap_err();
    // Without pieces; a piece cut short; of the kind BPE.
    let mut bpe = whole.clone();
    bpe.extend([0x12, 2, 0x18, 2]);
    for bytes in [&[][..], &whole[..whole.len() / 2], &[0xFF; 40], &bpe] {
        let error = refused(bytes);
        assert!(matches!(error, Error::SentencePiece { .. }), "{error}");
        assert!(error.hint().is_some());
    }
    assert!(
        refused(&bpe)
            .to_string()
            .ends_with("it is not of the kind Unigram")
    );
}
