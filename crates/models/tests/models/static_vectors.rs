//! Static token vectors against `model2vec`: see golden/README.md for how the numbers were made.

use crate::common::{floats, folder, golden, near, texts};
use idiolect_core::Encoder;
use idiolect_models::{Error, Precision, StaticEncoder, StaticVectors};

const FOLDERS: [(&str, f32); 5] = [
    ("wordpiece", 1e-5),
    ("unigram", 1e-5),
    ("weights-unlimited", 1e-5),
    // Computed in float16 by the package.
    ("half", 2e-3),
    ("int8", 1e-5),
];

fn load(name: &str) -> StaticEncoder {
    StaticEncoder::load(&folder("static").join(name)).unwrap()
}

#[test]
fn vectors_are_those_of_the_package() {
    for (name, tolerance) in FOLDERS {
        let golden = golden(&format!("static/{name}"));
        let texts = texts(&golden);
        let found = load(name).vectors(&texts);
        for (i, vector) in found.iter().enumerate() {
            let expected = floats(&golden["texts"][i]["vector"]);
            near(vector, &expected, tolerance, &format!("{name}, text {i}"));
        }
    }
}

#[test]
fn embeddings_for_comparison_have_length_one_or_zero() {
    for (name, tolerance) in FOLDERS {
        let golden = golden(&format!("static/{name}"));
        let encoder = load(name);
        assert_eq!(encoder.dimensions(), 16);
        let found = encoder.embed(&texts(&golden)).unwrap();
        for (i, vector) in found.iter().enumerate() {
            let mut expected = floats(&golden["texts"][i]["vector"]);
            let length = expected
                .iter()
                .map(|value| value * value)
                .sum::<f32>()
                .sqrt();
            if length > 0.0 {
                for value in &mut expected {
                    *value /= length;
                }
            }
            near(vector, &expected, tolerance, &format!("{name}, text {i}"));
        }
    }
}

#[test]
fn identities_tell_folders_apart() {
    let names: std::collections::HashSet<String> = FOLDERS
        .iter()
        .map(|(name, _)| load(name).identity().to_owned())
        .collect();
    assert_eq!(names.len(), FOLDERS.len());
    let again = load("int8");
    assert!(names.contains(again.identity()));
    assert!(again.identity().starts_with("int8@"));
}

fn vectors() -> StaticVectors {
    let tokens = 465;
    StaticVectors {
        dimensions: 4,
        embeddings: (0..40).map(|i| (i as f32 * 0.7).sin()).collect(),
        weights: Some((0..tokens).map(|i| 0.5 + (i % 7) as f32).collect()),
        mapping: Some((0..tokens).map(|i| i % 10).collect()),
        normalize: true,
        max_length: Some(99),
    }
}

#[test]
fn what_is_saved_loads_again() {
    let tokenizer = fs_err::read(folder("static/unigram/tokenizer.json")).unwrap();
    let text = ["the letter came on a grey morning"];
    let made = StaticEncoder::new("made", vectors(), &tokenizer).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    for (precision, tolerance) in [
        (Precision::F32, 0.0),
        (Precision::F16, 1e-3),
        (Precision::Bf16, 1e-2),
    ] {
        vectors()
            .save(temporary.path(), precision, Some(&tokenizer))
            .unwrap();
        let loaded = StaticEncoder::load(temporary.path()).unwrap();
        near(
            &loaded.vectors(&text)[0],
            &made.vectors(&text)[0],
            tolerance,
            "saved",
        );
    }
}

#[test]
fn an_encoder_inside_a_model_shares_its_tokenizer() {
    let tokenizer = fs_err::read(folder("static/unigram/tokenizer.json")).unwrap();
    let model = tempfile::tempdir().unwrap();
    let inside = model.path().join("encoder");
    vectors().save(&inside, Precision::F32, None).unwrap();
    assert_eq!(
        StaticEncoder::load(&inside).unwrap_err().to_string(),
        format!(
            "`{}` is not a model: tokenizer.json is missing",
            inside.display()
        )
    );
    fs_err::write(model.path().join("tokenizer.json"), tokenizer).unwrap();
    assert_eq!(StaticEncoder::load(&inside).unwrap().dimensions(), 4);
}

#[test]
fn vectors_that_do_not_fit_the_tokenizer_are_refused() {
    let tokenizer = fs_err::read(folder("static/unigram/tokenizer.json")).unwrap();
    let refused = |vectors| StaticEncoder::new("made", vectors, &tokenizer).unwrap_err();
    let few = StaticVectors {
        mapping: None,
        ..vectors()
    };
    assert!(matches!(
        refused(few),
        Error::Vocabulary {
            tokenizer: 465,
            model: 10
        }
    ));
    let far = StaticVectors {
        mapping: Some(vec![10; 465]),
        ..vectors()
    };
    assert!(matches!(
        refused(far),
        Error::TokenId {
            id: 10,
            vocabulary: 10
        }
    ));
    let short = StaticVectors {
        weights: Some(vec![1.0; 3]),
        ..vectors()
    };
    assert_eq!(
        refused(short).to_string(),
        "tensor `weights` has shape [3], expected [465]"
    );
    let short = StaticVectors {
        mapping: Some(vec![1; 3]),
        ..vectors()
    };
    assert!(matches!(refused(short), Error::Shape { .. }));
}

#[test]
fn other_models_are_not_encoders() {
    let error = StaticEncoder::load(&folder("t5-v1.1")).unwrap_err();
    assert!(
        error.to_string().ends_with("tokenizer.json is missing"),
        "{error}"
    );
    let temporary = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs_err::copy(folder("t5-v1.1").join(file), temporary.path().join(file)).unwrap();
    }
    let tokenizer = folder("static/unigram/tokenizer.json");
    fs_err::copy(tokenizer, temporary.path().join("tokenizer.json")).unwrap();
    let error = StaticEncoder::load(temporary.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("describes a `t5`, not model2vec"),
        "{error}"
    );
}
