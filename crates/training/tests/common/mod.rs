//! Runs of the training loop on the golden models.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use idiolect_models::{Config, Parameters, folder::read_config};
use idiolect_training::fit::{
    Features, Metric, OptimizerKind, Outcome, Run, Schedule, TaskData, TrainOptions, train,
};
use serde_json::Value;

pub(crate) const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/tests/golden");
pub(crate) const SCALED: OptimizerKind = OptimizerKind::Adafactor {
    scale_parameter: true,
};
fn ids(value: &Value) -> Vec<u32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|id| id.as_i64().unwrap().try_into().ok())
        .collect()
}

fn task(rows: &Value) -> TaskData {
    let inputs = rows["input_ids"].as_array().unwrap();
    let labels = rows["labels"].as_array().unwrap();
    TaskData {
        name: "golden".to_owned(),
        rate: 1.0,
        source: inputs
            .iter()
            .zip(labels)
            .map(|(input, target)| Features {
                input: ids(input),
                target: ids(target),
            })
            .collect::<Vec<_>>()
            .into(),
    }
}

pub(crate) fn options(optimizer: OptimizerKind, lr: f64, steps: u64) -> TrainOptions {
    TrainOptions {
        steps,
        batch: 4,
        optimizer,
        lr,
        schedule: Schedule::Constant,
        warmup: 0,
        dropout: 0.0,
        shuffle: false,
        validate_every: 0,
        ..TrainOptions::default()
    }
}

/// A golden folder's model before a run, and its four pairs.
pub(crate) struct Golden {
    pub(crate) config: Config,
    pub(crate) tasks: [TaskData; 1],
    file: PathBuf,
    bytes: Vec<u8>,
}

impl Golden {
    pub(crate) fn read(folder: &Path) -> Self {
        let golden: Value =
            serde_json::from_slice(&fs_err::read(folder.join("golden.json")).unwrap()).unwrap();
        let file = folder.join("model.safetensors");
        Self {
            config: read_config(folder).unwrap(),
            tasks: [task(&golden["training"])],
            bytes: fs_err::read(&file).unwrap(),
            file,
        }
    }

    pub(crate) fn run<'a>(&'a self, out: &'a Path, resume: bool) -> Run<'a> {
        let device = idiolect_models::device("cpu").unwrap();
        Run {
            config: &self.config,
            parameters: Parameters::from_safetensors(&self.bytes, &self.file, &device).unwrap(),
            tasks: &self.tasks,
            validation: &[],
            out,
            resume,
            adapter: None,
            best: None,
        }
    }
}

/// What came of a run.
pub(crate) struct Trained {
    /// Before each update.
    pub(crate) losses: Vec<f64>,
    /// Of the first gradient.
    pub(crate) norm: f64,
    /// All weights afterwards.
    pub(crate) weights: Vec<f32>,
}

/// Trains a golden folder's model on its four pairs, in two parts where it is to be resumed.
pub(crate) fn trained(folder: &Path, options: &TrainOptions, resume_at: Option<u64>) -> Trained {
    let out = tempfile::tempdir().unwrap();
    let device = idiolect_models::device("cpu").unwrap();
    let golden = Golden::read(folder);
    let (mut losses, mut norm, mut weights) = (Vec::new(), 0.0, Vec::new());
    let mut go = |resume: bool, stop: Option<u64>| {
        let mut run = golden.run(out.path(), resume);
        let outcome = train(&mut run, options, &device, &mut |metric| {
            if let Metric::Step {
                step,
                loss,
                grad_norm,
                ..
            } = metric
            {
                losses.push(*loss);
                if *step == 1 {
                    norm = *grad_norm;
                }
                if Some(*step) == stop {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        let named = run.parameters.0.iter();
        weights = named
            .flat_map(|(_, parameter)| parameter.values().unwrap())
            .collect();
        outcome
    };
    if let Some(step) = resume_at {
        assert_eq!(go(false, Some(step)), Outcome::Interrupted);
    }
    assert_eq!(go(resume_at.is_some(), None), Outcome::Done);
    let lines = fs_err::read_to_string(out.path().join("metrics.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), losses.len());
    Trained {
        losses,
        norm,
        weights,
    }
}
