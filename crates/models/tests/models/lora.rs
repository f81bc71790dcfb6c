//! Adapters against PEFT: see golden/README.md for how the numbers were made.

use std::path::Path;

use idiolect_models::{
    Adapter, Error, LoraOptions, Parameter, Parameters, Seq2Seq, Stored, folder::read_config, t5,
};

use crate::common::{cpu, floats, folder, id_rows, json, near};

const BASE: &str = "t5-v1.1";

fn base() -> Parameters {
    Stored::load(&folder(BASE))
        .unwrap()
        .parameters(&cpu())
        .unwrap()
}

fn last_logits(model: &Seq2Seq, golden: &serde_json::Value) -> Vec<f32> {
    let inputs = id_rows(&golden["input_ids"]);
    let decoder = id_rows(&golden["decoder_input_ids"]);
    let rows = model.logits(&[&inputs[0]], &[&decoder[0]]).unwrap();
    rows[0].last().unwrap().clone()
}

#[test]
fn merged_adapters_give_the_logits_of_peft() {
    for name in ["plain", "patterns"] {
        let golden = json(&format!("lora/{name}/golden.json"));
        let stored = Stored::load(&folder(BASE)).unwrap();
        let plain = last_logits(&Seq2Seq::of_stored(&stored, &cpu(), None).unwrap(), &golden);
        let merged = stored.with_adapter(&folder("lora").join(name)).unwrap();
        assert_eq!(merged.name, format!("{BASE}+{name}"));
        let found = last_logits(&Seq2Seq::of_stored(&merged, &cpu(), None).unwrap(), &golden);
        let expected = floats(&golden["logits"]);
        near(&found, &expected, 1e-5, name);
        let moved = plain
            .iter()
            .zip(&expected)
            .any(|(a, b)| (a - b).abs() > 0.1);
        assert!(moved, "{name} must change something");
    }
}

#[test]
fn what_is_saved_reads_back_the_same() {
    let out = tempfile::tempdir().unwrap();
    let adapter = Adapter::load(&folder("lora/patterns"), &cpu()).unwrap();
    adapter.save(out.path(), Some(BASE)).unwrap();
    let again = Adapter::load(out.path(), &cpu()).unwrap();
    let base = base();
    let (one, other) = (
        adapter.applied(&base).unwrap(),
        again.applied(&base).unwrap(),
    );
    for ((name, one), (_, other)) in one.0.iter().zip(&other.0) {
        assert_eq!(one.values().unwrap(), other.values().unwrap(), "{name}");
    }
    let read = |folder: &Path| -> serde_json::Value {
        serde_json::from_slice(&fs_err::read(folder.join("adapter_config.json")).unwrap()).unwrap()
    };
    let (ours, theirs) = (read(out.path()), read(&folder("lora/patterns")));
    for key in [
        "peft_type",
        "task_type",
        "r",
        "lora_alpha",
        "target_modules",
        "bias",
        "use_rslora",
        "alpha_pattern",
        "rank_pattern",
    ] {
        assert_eq!(ours[key], theirs[key], "{key}");
    }
}

#[test]
fn a_new_adapter_changes_nothing_yet() {
    let base = base();
    let options = |targets: &[&str]| LoraOptions {
        rank: 3,
        alpha: 6.0,
        targets: targets.iter().map(|&target| target.to_owned()).collect(),
    };
    let adapter = Adapter::new(&base, &options(&["q", "v"]), 1, &cpu()).unwrap();
    // Six attentions, two targets each, A and B.
    assert_eq!(adapter.parameters.0.len(), 24);
    let applied = adapter.applied(&base).unwrap();
    for ((name, one), (_, other)) in applied.0.iter().zip(&base.0) {
        assert_eq!(one.values().unwrap(), other.values().unwrap(), "{name}");
    }
    let all = Adapter::new(&base, &options(&["all-linear"]), 1, &cpu()).unwrap();
    assert_eq!(all.parameters.0.len(), 2 * (6 * 4 + 4 * 3));
    let wrong = Adapter::new(&base, &options(&["q", "query"]), 1, &cpu());
    assert!(matches!(wrong, Err(Error::NoLayer { name }) if name == "query"));
}

#[test]
fn adapters_that_do_not_fit_are_refused() {
    let adapter = Adapter::load(&folder("lora/plain"), &cpu()).unwrap();
    let shallow = read_config(&folder("deep-encoder")).unwrap();
    let other = t5::random_parameters(&shallow, 1, &cpu());
    assert!(matches!(
        adapter.applied(&other),
        Err(Error::NoLayer { .. })
    ));
    let mut narrow = read_config(&folder(BASE)).unwrap();
    narrow.d_model = 16;
    let other = t5::random_parameters(&narrow, 1, &cpu());
    assert!(matches!(adapter.applied(&other), Err(Error::Shape { .. })));
    let mut half = adapter.parameters.clone();
    half.0.pop();
    assert!(matches!(
        adapter.with(half).applied(&base()),
        Err(Error::MissingTensor { .. })
    ));

    let out = tempfile::tempdir().unwrap();
    let write = |key: &str, value: serde_json::Value| {
        let mut config = json("lora/plain/adapter_config.json");
        config[key] = value;
        let bytes = serde_json::to_vec(&config).unwrap();
        fs_err::write(out.path().join("adapter_config.json"), bytes).unwrap();
        Adapter::load(out.path(), &cpu()).unwrap_err()
    };
    assert!(matches!(
        write("r", 4.into()),
        Error::MissingFile {
            file: "adapter_model.safetensors",
            ..
        }
    ));
    assert!(
        matches!(write("peft_type", "IA3".into()), Error::Architecture { found, .. } if found == "IA3")
    );
    for (key, value) in [
        ("use_dora", true.into()),
        ("bias", "all".into()),
        ("modules_to_save", serde_json::json!(["lm_head"])),
        ("alpha_pattern", serde_json::json!({"block\\.[01].*q": 2})),
    ] {
        assert!(matches!(write(key, value), Error::Config { .. }), "{key}");
    }
    assert!(matches!(write("r", "four".into()), Error::Json { .. }));
    let foreign = Parameters(vec![(
        "base_model.model.shared.lora_embedding_A".to_owned(),
        Parameter::new(vec![0.0; 4], &[2, 2], &cpu()),
    )]);
    let bytes = foreign
        .to_safetensors(idiolect_models::Precision::F32)
        .unwrap();
    fs_err::write(out.path().join("adapter_model.safetensors"), bytes).unwrap();
    assert!(
        matches!(write("r", 4.into()), Error::NoLayer { name } if name == "shared.lora_embedding_A")
    );
}
