//! The training loop against PyTorch's losses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{ops::ControlFlow, path::Path};

use idiolect_models::Parameters;
use idiolect_training::fit::{
    Held, OptimizerKind, Run, TrainError, TrainOptions, ValidationSet, train,
};
use serde_json::Value;

use common::{GOLDEN, Golden, SCALED, losses, options};

const UNSCALED: OptimizerKind = OptimizerKind::Adafactor {
    scale_parameter: false,
};

fn agrees(folder: &str, run: &str, optimizer: OptimizerKind, lr: f64) {
    let folder = Path::new(GOLDEN).join(folder);
    let golden: Value =
        serde_json::from_slice(&fs_err::read(folder.join("golden.json")).unwrap()).unwrap();
    let (found, norm) = losses(&folder, &options(optimizer, lr, 20), None);
    let expected: Vec<f64> = golden["training"]["runs"][run]["losses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|loss| loss.as_f64().unwrap())
        .collect();
    assert_eq!(found.len(), 20);
    for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let relative = (found - expected).abs() / expected;
        assert!(
            relative < 1e-3,
            "{run} step {step}: {found} against {expected}"
        );
    }
    let expected = golden["training"]["gradient_norm"].as_f64().unwrap();
    assert!(
        (norm - expected).abs() / expected < 1e-3,
        "{norm} against {expected}"
    );
}

#[test]
fn twenty_steps_of_adafactor_give_the_losses_of_transformers() {
    for folder in ["t5-v1.1", "t5-v1.0", "tied-gated", "deep-encoder"] {
        agrees(folder, "adafactor_0.001", SCALED, 0.001);
    }
    agrees("t5-v1.1", "adafactor_0.02", SCALED, 0.02);
    agrees("t5-v1.1", "adafactor_0.001_unscaled", UNSCALED, 0.001);
}

#[test]
fn twenty_steps_of_adamw_give_the_losses_of_torch() {
    agrees("t5-v1.1", "adamw_0.001", OptimizerKind::AdamW, 0.001);
    agrees("tied-gated", "adamw_0.001", OptimizerKind::AdamW, 0.001);
}

#[test]
fn accumulated_batches_are_one_big_batch() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    let big = options(SCALED, 0.01, 3);
    let small = TrainOptions {
        batch: 1,
        accumulate: 4,
        ..big.clone()
    };
    let (big, _) = losses(&folder, &big, None);
    let (small, _) = losses(&folder, &small, None);
    for (big, small) in big.iter().zip(small) {
        assert!((big - small).abs() < 1e-4, "{big} against {small}");
    }
}

#[test]
fn validation_scores_what_follows_the_given_tokens() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    let device = idiolect_models::device("cpu").unwrap();
    let golden = Golden::read(&folder);
    let features = golden.tasks[0].features[0].clone();
    let out = tempfile::tempdir().unwrap();
    let set = |given| ValidationSet {
        name: format!("after {given}"),
        held: vec![Held {
            features: features.clone(),
            given,
            bytes: 10,
        }],
    };
    let validation = [set(0), set(3)];
    let mut run = Run {
        validation: &validation,
        ..golden.run(out.path(), false)
    };
    let mut seen = Vec::new();
    train(&mut run, &options(SCALED, 0.0, 1), &device, &mut |metric| {
        seen.push(serde_json::to_value(metric).unwrap());
        ControlFlow::Continue(())
    })
    .unwrap();
    let line = &seen[1];
    assert!(line.get("loss").is_none() && line["validation_loss"].as_f64().unwrap() > 0.0);
    let bits = |name: &str| line["bits_per_byte"][name].as_f64().unwrap();
    assert!(bits("after 0") > bits("after 3") && bits("after 3") > 0.0);
}

#[test]
fn a_run_goes_on_only_with_the_same_batches() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    let device = idiolect_models::device("cpu").unwrap();
    let golden = Golden::read(&folder);
    let out = tempfile::tempdir().unwrap();
    let go = |resume, options: &TrainOptions| {
        let mut run = golden.run(out.path(), resume);
        train(&mut run, options, &device, &mut |_| {
            ControlFlow::Continue(())
        })
    };
    let first = options(SCALED, 0.001, 1);
    go(false, &first).unwrap();
    let second = TrainOptions { steps: 2, ..first };
    for other in [
        TrainOptions {
            batch: 2,
            ..second.clone()
        },
        TrainOptions {
            accumulate: 2,
            ..second.clone()
        },
        TrainOptions {
            shuffle: true,
            ..second.clone()
        },
    ] {
        let result = go(true, &other);
        assert!(matches!(result, Err(TrainError::Checkpoint { .. })));
    }
    go(true, &second).unwrap();
}

#[test]
fn nothing_to_train_on_is_an_error() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    let device = idiolect_models::device("cpu").unwrap();
    let golden = Golden::read(&folder);
    let out = tempfile::tempdir().unwrap();
    let mut run = Run {
        parameters: Parameters::default(),
        tasks: &[],
        ..golden.run(out.path(), false)
    };
    let result = train(&mut run, &TrainOptions::default(), &device, &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(matches!(result, Err(TrainError::NoExamples)));
}
