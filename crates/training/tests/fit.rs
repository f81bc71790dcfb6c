//! The training loop against PyTorch's losses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::{ops::ControlFlow, path::Path};

use idiolect_models::{Adapter, LoraOptions, Parameters};
use idiolect_training::fit::{
    Held, Metric, OptimizerKind, Run, TrainError, TrainOptions, ValidationSet, steps, train,
};
use serde_json::Value;

use common::{GOLDEN, Golden, SCALED, options, trained};

const UNSCALED: OptimizerKind = OptimizerKind::Adafactor {
    scale_parameter: false,
};

fn agrees(folder: &str, run: &str, optimizer: OptimizerKind, lr: f64) {
    let folder = Path::new(GOLDEN).join(folder);
    let golden: Value =
        serde_json::from_slice(&fs_err::read(folder.join("golden.json")).unwrap()).unwrap();
    let trained = trained(&folder, &options(optimizer, lr, 20), None);
    let (found, norm) = (trained.losses, trained.norm);
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
    let (big, small) = (trained(&folder, &big, None), trained(&folder, &small, None));
    for (big, small) in big.losses.iter().zip(small.losses) {
        assert!((big - small).abs() < 1e-4, "{big} against {small}");
    }
    assert!((big.norm / small.norm - 1.0).abs() < 1e-5);
    for (big, small) in big.weights.iter().zip(small.weights) {
        assert!(
            (big - small).abs() < 1e-4 * big.abs().max(1.0),
            "{big} against {small}"
        );
    }
}

#[test]
fn validation_scores_what_follows_the_given_tokens() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    let device = idiolect_models::device("cpu").unwrap();
    let golden = Golden::read(&folder);
    let features = golden.tasks[0].source.get(0, 0);
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
fn the_best_weights_are_kept_also_over_a_break() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    let device = idiolect_models::device("cpu").unwrap();
    let golden = Golden::read(&folder);
    // What is learned of four pairs makes the loss of another one rise sooner or later.
    let validation = [ValidationSet {
        name: "other".to_owned(),
        held: vec![Held {
            features: idiolect_training::fit::Features {
                input: vec![9, 8, 7, 1],
                target: vec![40, 41, 42, 1],
            },
            given: 0,
            bytes: 0,
        }],
    }];
    let options = TrainOptions {
        validate_every: 1,
        ..options(SCALED, 0.05, 12)
    };
    let go = |stop: Option<u64>| {
        let out = tempfile::tempdir().unwrap();
        let best = std::cell::RefCell::new(Vec::new());
        let keep = |parameters: &Parameters| {
            let head = parameters.get("lm_head.weight").unwrap();
            best.borrow_mut().push(head.values().unwrap());
            Ok(())
        };
        let mut seen = Vec::new();
        for (resume, stop) in [(false, stop), (true, None)] {
            let mut run = Run {
                validation: &validation,
                best: Some(&keep),
                ..golden.run(out.path(), resume)
            };
            train(&mut run, &options, &device, &mut |metric| {
                if let Metric::Validation {
                    step,
                    validation_loss,
                    ..
                } = metric
                {
                    seen.push(*validation_loss);
                    if Some(*step) == stop {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        }
        (seen, best.into_inner())
    };
    let (seen, best) = go(None);
    let mut lowest = f64::INFINITY;
    let gains = seen.iter().filter(|&&loss| {
        let gain = loss < lowest;
        lowest = lowest.min(loss);
        gain
    });
    assert_eq!(gains.count(), best.len());
    assert!((2..seen.len()).contains(&best.len()), "{seen:?}");
    assert_eq!(go(Some(seen.len() as u64 - 3)), (seen, best));
}

#[test]
fn epochs_decide_the_steps() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    let golden = Golden::read(&folder);
    let options = TrainOptions {
        epochs: 3,
        batch: 3,
        accumulate: 2,
        shuffle: true,
        ..options(SCALED, 0.01, 1_000)
    };
    // Twelve examples are four batches are two steps.
    assert_eq!(steps(&golden.tasks, &options).unwrap(), 2);
    assert_eq!(trained(&folder, &options, None).losses.len(), 2);
    let wrong = TrainOptions { keep: 0, ..options };
    assert!(matches!(
        steps(&golden.tasks, &wrong),
        Err(TrainError::Option { name: "keep", .. })
    ));
}

#[test]
fn an_adapter_learns_and_its_base_stays() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    let device = idiolect_models::device("cpu").unwrap();
    let golden = Golden::read(&folder);
    let out = tempfile::tempdir().unwrap();
    let base = golden.run(out.path(), false).parameters;
    let lora = LoraOptions {
        rank: 4,
        alpha: 8.0,
        targets: vec!["q".to_owned(), "v".to_owned()],
    };
    let adapter = Adapter::new(&base, &lora, 1, &device).unwrap();
    let go = |resume: bool, steps: u64| {
        let mut run = Run {
            parameters: adapter.parameters.clone(),
            adapter: Some((&base, &adapter)),
            ..golden.run(out.path(), resume)
        };
        let mut losses = Vec::new();
        train(
            &mut run,
            &options(OptimizerKind::AdamW, 0.01, steps),
            &device,
            &mut |metric| {
                if let Metric::Step { loss, .. } = metric {
                    losses.push(*loss);
                }
                ControlFlow::Continue(())
            },
        )
        .unwrap();
        (losses, run.parameters)
    };
    let (whole, after) = go(false, 30);
    let full = trained(&folder, &options(OptimizerKind::AdamW, 0.01, 1), None);
    assert!((whole[0] - full.losses[0]).abs() < 1e-5);
    assert!(whole[29] < 0.8 * whole[0], "{whole:?}");
    let names: Vec<&String> = after.0.iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| name.contains(".lora_")));
    let (mut parts, _) = go(false, 12);
    parts.extend(go(true, 30).0);
    assert_eq!(whole, parts);
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
