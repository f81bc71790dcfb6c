//! Model folders: what is saved loads again, and what is broken is named.

use std::path::Path;

use crate::common::{T5_FOLDERS, cpu, folder, golden, id_rows, model};
use idiolect_models::{
    Config, Error, Parameter, Parameters, Precision, Seq2Seq, StaticEncoder, Stored, T5,
    WeightFormat, folder::read_config, save, t5::random_parameters,
};
use tempfile::TempDir;

fn parameters(folder: &Path) -> Parameters {
    let file = folder.join("model.safetensors");
    Parameters::from_safetensors(&fs_err::read(&file).unwrap(), &file, &cpu()).unwrap()
}

fn tiny() -> Config {
    serde_json::from_value(serde_json::json!({
        "model_type": "t5", "vocab_size": 40, "d_model": 8, "d_kv": 4, "d_ff": 12,
        "num_layers": 1, "num_heads": 2, "feed_forward_proj": "gated-gelu"
    }))
    .unwrap()
}

/// A sound folder, to be broken.
fn sound() -> (TempDir, Parameters) {
    let temporary = tempfile::tempdir().unwrap();
    let made = random_parameters(&tiny(), 3, &cpu());
    save(temporary.path(), &tiny(), &made, Precision::F32, None).unwrap();
    Seq2Seq::load(temporary.path(), &cpu()).unwrap();
    (temporary, made)
}

fn weights_of(folder: &TempDir) -> String {
    folder
        .path()
        .join("model.safetensors")
        .display()
        .to_string()
}

fn refused(folder: &Path) -> Error {
    Seq2Seq::load(folder, &cpu()).unwrap_err()
}

#[test]
fn what_is_saved_in_full_loads_the_same() {
    for name in T5_FOLDERS {
        let golden = golden(name);
        let (inputs, labels) = (id_rows(&golden["input_ids"]), id_rows(&golden["labels"]));
        let original = model(name);
        let temporary = tempfile::tempdir().unwrap();
        let found = parameters(&folder(name));
        save(
            temporary.path(),
            original.config(),
            &found,
            Precision::F32,
            None,
        )
        .unwrap();
        let again = Seq2Seq::load(temporary.path(), &cpu()).unwrap();
        assert_eq!(
            original.log_probs(&inputs, &labels).unwrap(),
            again.log_probs(&inputs, &labels).unwrap(),
            "{name}"
        );
        assert_eq!(
            original.config().scales_outputs(),
            again.config().scales_outputs()
        );
    }
}

#[test]
fn what_is_saved_in_half_is_rounded() {
    for (precision, share) in [
        (Precision::Bf16, 1.0 / 256.0),
        (Precision::F16, 1.0 / 2048.0),
    ] {
        let temporary = tempfile::tempdir().unwrap();
        let found = parameters(&folder("mt5"));
        let config = read_config(&folder("mt5")).unwrap();
        save(temporary.path(), &config, &found, precision, None).unwrap();
        let again = parameters(temporary.path());
        assert_eq!(found.0.len(), again.0.len());
        for ((name, before), (same_name, after)) in found.0.iter().zip(&again.0) {
            assert_eq!(name, same_name);
            for (before, after) in before.values().unwrap().iter().zip(after.values().unwrap()) {
                // The smallest half-precision numbers have fewer bits.
                let most = before.abs() * share + 1e-7;
                assert!((before - after).abs() <= most, "{name}: {before} {after}");
            }
        }
    }
}

#[test]
fn what_is_saved_in_8_bits_is_what_rounding_makes() {
    for name in T5_FOLDERS {
        let golden = golden(name);
        let (inputs, labels) = (id_rows(&golden["input_ids"]), id_rows(&golden["labels"]));
        let exact = Stored::load(&folder(name)).unwrap();
        assert_eq!(exact.weight_format(), WeightFormat::F32);
        let rounded = Seq2Seq::of_stored(&exact, &cpu(), Some(WeightFormat::Int8)).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let found = exact.parameters(&cpu()).unwrap();
        save(
            temporary.path(),
            &exact.config,
            &found,
            Precision::Int8,
            None,
        )
        .unwrap();
        let again = Seq2Seq::load(temporary.path(), &cpu()).unwrap();
        assert_eq!(again.weight_format(), WeightFormat::Int8);
        let rows = rounded.log_probs(&inputs, &labels).unwrap();
        for (row, again) in rows.iter().zip(again.log_probs(&inputs, &labels).unwrap()) {
            for (one, other) in row.iter().zip(again) {
                assert!((one - other).abs() < 1e-4, "{name}: {one} {other}");
            }
        }
        // Whoever wants to compute exactly with what was rounded can.
        let whole = Stored::load(temporary.path()).unwrap();
        for (name, after) in &whole.parameters(&cpu()).unwrap().0 {
            let before = found.get(name).unwrap().values().unwrap();
            let most = before
                .iter()
                .fold(0.0_f32, |most, value| most.max(value.abs()));
            for (before, after) in before.iter().zip(after.values().unwrap()) {
                assert!((before - after).abs() <= most / 253.0, "{name}");
            }
        }
    }
}

#[test]
fn numbers_in_8_bits_need_a_scale_for_each_row() {
    let temporary = tempfile::tempdir().unwrap();
    let made = random_parameters(&tiny(), 3, &cpu());
    save(temporary.path(), &tiny(), &made, Precision::Int8, None).unwrap();
    let path = temporary.path().join("model.safetensors");
    let whole = fs_err::read(&path).unwrap();
    let renamed = |from: &str, to: &str| {
        let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        let json = std::str::from_utf8(&whole[8..8 + header]).unwrap();
        assert!(json.contains(from), "{json}");
        let json = json.replace(from, to);
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.extend(&whole[8 + header..]);
        fs_err::write(&path, bytes).unwrap();
        refused(temporary.path()).to_string()
    };
    let place = "decoder.block.0.layer.0.SelfAttention.k.weight";
    let found = renamed(&format!("\"{place}_scale\""), &format!("\"{place}_skale\""));
    assert!(found.contains(place), "{found}");
    let found = renamed("\"shape\":[8,1]", "\"shape\":[4,2]");
    assert!(found.contains("_scale"), "{found}");
}

#[test]
fn saved_folders_say_how_head_and_outputs_are() {
    for (name, tied, scaled) in [("t5-v1.1", false, false), ("t5-v1.0", true, true)] {
        let temporary = tempfile::tempdir().unwrap();
        let config = read_config(&folder(name)).unwrap();
        let found = parameters(&folder(name));
        save(temporary.path(), &config, &found, Precision::F32, None).unwrap();
        let bytes = fs_err::read(temporary.path().join("config.json")).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(written["tie_word_embeddings"], tied, "{name}");
        assert_eq!(written["scale_decoder_outputs"], scaled, "{name}");
    }
}

#[test]
fn missing_files() {
    let temporary = tempfile::tempdir().unwrap();
    let error = refused(temporary.path());
    assert!(matches!(
        error,
        Error::MissingFile {
            file: "config.json",
            ..
        }
    ));
    assert!(error.hint().is_some());
    fs_err::copy(
        folder("mt5").join("config.json"),
        temporary.path().join("config.json"),
    )
    .unwrap();
    assert!(matches!(
        refused(temporary.path()),
        Error::MissingFile {
            file: "model.safetensors",
            ..
        }
    ));
    assert!(matches!(
        refused(Path::new("no/such/folder")),
        Error::MissingFile { .. }
    ));
}

#[test]
fn a_missing_tensor() {
    let (temporary, made) = sound();
    let name = "decoder.block.0.layer.1.EncDecAttention.k.weight";
    let kept = Parameters(
        made.0
            .into_iter()
            .filter(|(known, _)| known != name)
            .collect(),
    );
    save(temporary.path(), &tiny(), &kept, Precision::F32, None).unwrap();
    let error = refused(temporary.path());
    assert_eq!(
        error.to_string(),
        format!("{}: tensor `{name}` is missing", weights_of(&temporary))
    );
    assert!(error.hint().is_some());
}

#[test]
fn a_tensor_of_another_shape() {
    let (temporary, mut made) = sound();
    let name = "encoder.block.0.layer.1.DenseReluDense.wo.weight";
    for (known, parameter) in &mut made.0 {
        if known == name {
            *parameter = Parameter::new(vec![0.0; 96], &[12, 8], &cpu());
        }
    }
    save(temporary.path(), &tiny(), &made, Precision::F32, None).unwrap();
    assert_eq!(
        refused(temporary.path()).to_string(),
        format!(
            "{}: tensor `{name}` has shape [12, 8], expected [8, 12]",
            weights_of(&temporary)
        )
    );
}

#[test]
fn a_number_that_is_none() {
    for value in [f32::NAN, f32::INFINITY] {
        let (temporary, mut made) = sound();
        let (name, parameter) = made.0.last_mut().unwrap();
        let mut values = parameter.values().unwrap();
        values[1] = value;
        *parameter = Parameter::new(values, &parameter.shape(), &cpu());
        let name = name.clone();
        save(temporary.path(), &tiny(), &made, Precision::F32, None).unwrap();
        assert_eq!(
            refused(temporary.path()).to_string(),
            format!(
                "{}: tensor `{name}` holds a value that is not a finite number",
                weights_of(&temporary)
            )
        );
    }
}

#[test]
fn a_weights_file_cut_short() {
    let (temporary, _) = sound();
    let file = temporary.path().join("model.safetensors");
    let bytes = fs_err::read(&file).unwrap();
    for length in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        fs_err::write(&file, &bytes[..length]).unwrap();
        let error = refused(temporary.path());
        assert!(matches!(error, Error::Weights { .. }), "{length}: {error}");
    }
}

#[test]
fn tensors_of_integers() {
    let (temporary, _) = sound();
    let file = temporary.path().join("model.safetensors");
    let bytes = fs_err::read(&file).unwrap();
    // The header tells what the bytes are.
    let mut changed = bytes.clone();
    let place = bytes
        .windows(5)
        .position(|five| five == b"\"F32\"")
        .unwrap();
    changed[place..place + 5].copy_from_slice(b"\"I32\"");
    fs_err::write(&file, &changed).unwrap();
    let error = refused(temporary.path()).to_string();
    assert!(
        error.ends_with("holds I32, expected F32, F16 or BF16"),
        "{error}"
    );
}

#[test]
fn configs_that_cannot_be_built() {
    let (temporary, _) = sound();
    let file = temporary.path().join("config.json");
    let sound: serde_json::Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
    let with = |key: &str, value: serde_json::Value| {
        let mut changed = sound.clone();
        changed[key] = value;
        fs_err::write(&file, serde_json::to_vec(&changed).unwrap()).unwrap();
        refused(temporary.path())
    };
    let error = with("model_type", "longt5".into());
    assert!(
        error.to_string().contains("describes a `longt5`"),
        "{error}"
    );
    let error = with("model_type", "bart".into());
    assert!(
        error
            .to_string()
            .ends_with("describes a `bart`, not t5, mt5 or umt5"),
        "{error}"
    );
    assert!(error.hint().is_some());
    for (key, value) in [
        ("num_heads", 0.into()),
        ("d_ff", (1_u64 << 40).into()),
        ("num_layers", (1_u64 << 20).into()),
        ("num_decoder_layers", (1_u64 << 20).into()),
        ("eos_token_id", serde_json::json!([1, 40])),
        ("feed_forward_proj", "swish".into()),
        ("eos_token_id", 40.into()),
        ("relative_attention_num_buckets", 1.into()),
        ("relative_attention_max_distance", (1_u64 << 40).into()),
    ] {
        let error = with(key, value);
        assert!(matches!(error, Error::Config { .. }), "{key}: {error}");
    }
    for (key, value) in [
        ("d_model", serde_json::Value::Null),
        ("vocab_size", (-1).into()),
        ("eos_token_id", serde_json::json!([])),
    ] {
        let error = with(key, value);
        assert!(matches!(error, Error::Json { .. }), "{key}: {error}");
    }
    fs_err::write(&file, "{\"vocab_size\": 40,").unwrap();
    assert!(matches!(refused(temporary.path()), Error::Json { .. }));
}

#[test]
fn a_tokenizer_with_more_pieces_than_the_model() {
    let (temporary, made) = sound();
    let tokenizer = fs_err::read(folder("unigram/tokenizer.json")).unwrap();
    save(
        temporary.path(),
        &tiny(),
        &made,
        Precision::F32,
        Some(&tokenizer),
    )
    .unwrap();
    assert_eq!(
        refused(temporary.path()).to_string(),
        format!(
            "{}: the tokenizer has 465 pieces, the model 40",
            temporary.path().join("tokenizer.json").display()
        )
    );
    fs_err::write(temporary.path().join("tokenizer.json"), "{}").unwrap();
    assert!(matches!(
        refused(temporary.path()),
        Error::TokenizerFile { .. }
    ));
}

#[test]
fn random_weights_are_the_same_for_the_same_seed() {
    let values = |seed| {
        random_parameters(&tiny(), seed, &cpu()).0[0]
            .1
            .values()
            .unwrap()
    };
    assert_eq!(values(1), values(1));
    assert_ne!(values(1), values(2));
    assert!(T5::new(&tiny(), &random_parameters(&tiny(), 1, &cpu())).is_ok());
}

#[test]
fn builds_without_a_builtin_model_say_so() {
    let without = cfg!(not(feature = "builtin"));
    assert_eq!(Seq2Seq::open("builtin", &cpu()).is_err(), without);
    assert_eq!(StaticEncoder::open("builtin").is_err(), without);
}

#[test]
fn sizes_that_are_claimed_are_not_made_room_for() {
    let (temporary, _) = sound();
    let file = temporary.path().join("config.json");
    let mut claimed: serde_json::Value =
        serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
    for (key, size) in [
        ("d_ff", 1 << 20),
        ("d_model", 1 << 20),
        ("vocab_size", 1 << 20),
    ] {
        claimed[key] = size.into();
        fs_err::write(&file, claimed.to_string()).unwrap();
        let error = refused(temporary.path());
        assert!(
            matches!(error, Error::InFile { .. } | Error::Config { .. }),
            "{key}: {error}"
        );
    }
    for key in ["num_heads", "d_kv"] {
        claimed[key] = (1 << 20).into();
    }
    fs_err::write(&file, claimed.to_string()).unwrap();
    assert!(matches!(refused(temporary.path()), Error::Config { .. }));
}

#[test]
fn ends_and_nulls_of_a_config() {
    let (temporary, made) = sound();
    let write = |name: &str, value: serde_json::Value| {
        fs_err::write(temporary.path().join(name), value.to_string()).unwrap();
    };
    let mut config = serde_json::to_value(tiny()).unwrap();
    for key in [
        "pad_token_id",
        "n_positions",
        "decoder_start_token_id",
        "scale_decoder_outputs",
    ] {
        config[key] = serde_json::Value::Null;
    }
    config["eos_token_id"] = serde_json::json!([1, 7, 9]);
    write("config.json", config.clone());
    let found = read_config(temporary.path()).unwrap();
    assert_eq!((found.pad_token_id, found.n_positions), (0, 512));
    assert_eq!(found.end_tokens(), [1, 7, 9]);
    // Saved, they are all there again.
    save(temporary.path(), &found, &made, Precision::F32, None).unwrap();
    assert_eq!(
        read_config(temporary.path()).unwrap().end_tokens(),
        [1, 7, 9]
    );
    write(
        "generation_config.json",
        serde_json::json!({"eos_token_id": [5, 9]}),
    );
    let found = read_config(temporary.path()).unwrap();
    assert_eq!((found.end_tokens(), found.eos_token_id), (vec![5, 9], 1));
    write("config.json", config.clone());
    write(
        "generation_config.json",
        serde_json::json!({"eos_token_id": null}),
    );
    assert_eq!(
        read_config(temporary.path()).unwrap().end_tokens(),
        [1, 7, 9]
    );
    config["eos_token_id"] = serde_json::Value::Null;
    write("config.json", config);
    assert_eq!(read_config(temporary.path()).unwrap().end_tokens(), [1]);
    write(
        "generation_config.json",
        serde_json::json!({"eos_token_id": 40}),
    );
    let error = read_config(temporary.path()).unwrap_err().to_string();
    assert!(
        error.contains("generation_config.json cannot be built"),
        "{error}"
    );
}
