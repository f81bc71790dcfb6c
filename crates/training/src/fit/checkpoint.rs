//! What a run can be continued from: weights, optimiser, position, seed, written whole or not at
//! all. The newest lies in `checkpoint`, older ones that are kept in `checkpoint-STEP`.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, TensorData};
use idiolect_models::{Parameter, Parameters};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::{TaskData, TrainError, TrainOptions, optimizer::Optimizing};

/// Everything of a position but the tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Format of the checkpoint.
    pub version: u32,
    /// Optimiser steps made.
    pub step: u64,
    /// Seed of the run.
    pub seed: u64,
    /// The optimiser, as it was set.
    pub optimizer: super::OptimizerKind,
    /// What its batches were drawn from and how; missing in the first checkpoints there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Drawing>,
    /// Seconds of training behind it.
    pub seconds: f64,
    /// The lowest validation loss so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<f64>,
    /// Looks at validation since then.
    #[serde(default)]
    pub without_gain: u64,
}

/// Everything that decides which examples a step sees: with another, a resumed run would not be the
/// run that was interrupted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Drawing {
    batch: usize,
    batch_tokens: usize,
    accumulate: usize,
    #[serde(default)]
    epochs: u64,
    shuffle: bool,
    /// Rate and number of examples of each task.
    tasks: Vec<(f64, usize)>,
}

impl Drawing {
    pub(super) fn new(tasks: &[TaskData], options: &TrainOptions) -> Self {
        Self {
            batch: options.batch,
            batch_tokens: options.batch_tokens,
            accumulate: options.accumulate,
            epochs: options.epochs,
            shuffle: options.shuffle,
            tasks: tasks
                .iter()
                .map(|task| (task.rate, task.source.len()))
                .collect(),
        }
    }
}

impl Position {
    /// A run's position before its first step.
    pub(super) fn start(tasks: &[TaskData], options: &TrainOptions) -> Self {
        Self {
            version: VERSION,
            step: 0,
            seed: options.seed,
            optimizer: options.optimizer,
            drawing: Some(Drawing::new(tasks, options)),
            seconds: 0.0,
            best: None,
            without_gain: 0,
        }
    }

    /// Why a run that would start as `start` cannot go on from here.
    pub(super) fn unfit_for(&self, start: &Self) -> Option<&'static str> {
        if (self.seed, self.optimizer) != (start.seed, start.optimizer) {
            Some("it was made with another seed or optimiser")
        } else if self.drawing.is_some() && self.drawing != start.drawing {
            Some("it was made with other examples, rates or batches")
        } else {
            None
        }
    }
}

/// The only format there is.
pub(super) const VERSION: u32 = 1;
const FOLDER: &str = "checkpoint";
const DRAFT: &str = "checkpoint.partial";
const POSITION: &str = "position.json";

/// Writes `OUT/checkpoint` anew and keeps so many, this one counted. A crash at any moment leaves the
/// one before or the new one.
pub(super) fn write(
    out: &Path,
    position: &Position,
    parameters: &Parameters,
    optimizing: &Optimizing,
    keep: usize,
) -> Result<(), TrainError> {
    let mut stored: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, parameter) in &parameters.0 {
        let bytes = bytes_of(&parameter.values()?);
        stored.push((format!("model/{name}"), parameter.shape(), bytes));
    }
    for (name, data) in optimizing.tensors() {
        let shape = data.shape().to_vec();
        let values = data.iter::<f32>().collect::<Vec<_>>();
        stored.push((format!("optimizer/{name}"), shape, bytes_of(&values)));
    }
    let weights = |source| idiolect_models::Error::Weights {
        file: out.join(FOLDER),
        source,
    };
    let mut views = Vec::with_capacity(stored.len());
    for (name, shape, bytes) in &stored {
        views.push((
            name.as_str(),
            TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(weights)?,
        ));
    }
    let tensors = safetensors::serialize(views, None).map_err(weights)?;
    let json =
        serde_json::to_vec_pretty(position).map_err(|error| TrainError::File(error.into()))?;

    let draft = out.join(DRAFT);
    let file = TrainError::File;
    remove(&draft)?;
    make_private_folder(&draft).map_err(file)?;
    write_through(&draft.join("tensors.safetensors"), &tensors)?;
    write_through(&draft.join(POSITION), &json)?;
    let newest = out.join(FOLDER);
    if newest.exists() {
        // One that cannot be read is of no use: it takes a name that is not kept.
        let step = position_in(&newest).map_or(position.step, |before| before.step);
        let older = out.join(format!("{FOLDER}-{step}"));
        remove(&older)?;
        fs_err::rename(&newest, older).map_err(file)?;
    }
    fs_err::rename(&draft, newest).map_err(file)?;
    let older = older(out).map_err(file)?;
    let before = older.iter().filter(|(step, _)| *step < position.step);
    let kept: Vec<u64> = before
        .map(|&(step, _)| step)
        .take(keep.saturating_sub(1))
        .collect();
    for (step, folder) in older {
        if !kept.contains(&step) {
            remove(&folder)?;
        }
    }
    // After a power cut the names, too, are what they were made to be.
    #[cfg(unix)]
    fs_err::File::open(out)
        .and_then(|folder| folder.sync_all())
        .map_err(file)?;
    Ok(())
}

/// The folders `checkpoint-STEP`, the latest first.
fn older(out: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match fs_err::read_dir(out) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let step = name
            .and_then(|name| name.strip_prefix(FOLDER)?.strip_prefix('-'))
            .and_then(|step| step.parse().ok());
        if let Some(step) = step {
            found.push((step, path));
        }
    }
    found.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
    Ok(found)
}

fn position_in(folder: &Path) -> Option<Position> {
    serde_json::from_slice(&fs_err::read(folder.join(POSITION)).ok()?).ok()
}

/// Reads the checkpoint of a run; `None` where it has none yet.
pub(super) fn read(
    out: &Path,
    parameters: &mut Parameters,
    optimizing: &mut Optimizing,
    device: &Device,
) -> Result<Option<Position>, TrainError> {
    let Some(folder) = of_run(out) else {
        return Ok(None);
    };
    let unfit = |why| TrainError::Checkpoint {
        file: folder.clone(),
        why,
    };
    let json = fs_err::read(folder.join(POSITION)).map_err(TrainError::File)?;
    let position: Position =
        serde_json::from_slice(&json).map_err(|_| unfit("position.json cannot be understood"))?;
    if position.version != VERSION {
        return Err(unfit("it was written by another version"));
    }
    let bytes = fs_err::read(folder.join("tensors.safetensors")).map_err(TrainError::File)?;
    let tensors =
        SafeTensors::deserialize(&bytes).map_err(|_| unfit("tensors.safetensors is damaged"))?;
    let mut states = Vec::new();
    for (name, view) in tensors.iter() {
        if let Some(name) = name.strip_prefix("optimizer/") {
            let data = TensorData::new(values_of(view.data()), view.shape().to_vec());
            states.push((name.to_owned(), data));
        }
    }
    for (name, parameter) in &mut parameters.0 {
        let view = tensors
            .tensor(&format!("model/{name}"))
            .map_err(|_| unfit("a weight is missing"))?;
        if view.shape() != parameter.shape() {
            return Err(unfit("a weight has another shape"));
        }
        *parameter = Parameter::new(values_of(view.data()), view.shape(), device);
    }
    if position.step > 0 && !optimizing.restore(parameters, states, position.step, device) {
        return Err(unfit("the optimiser's state is incomplete"));
    }
    Ok(Some(position))
}

/// Whether there is a checkpoint in `out` that a run can go on from.
pub fn has_checkpoint(out: &Path) -> bool {
    of_run(out).is_some()
}

/// A crash between the two renames leaves only older ones.
fn of_run(out: &Path) -> Option<PathBuf> {
    let older = older(out).unwrap_or_default().into_iter();
    std::iter::once(out.join(FOLDER))
        .chain(older.map(|(_, folder)| folder))
        .find(|folder| folder.join(POSITION).exists())
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn values_of(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values
        .iter()
        .map(|&value| f32::from_le_bytes(value))
        .collect()
}

/// Weights may hold what they learned from, so only their owner gets at them.
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A file made anew that only its owner can read and write.
pub(super) fn create_private(path: &Path) -> std::io::Result<fs_err::File> {
    // An old file would keep the permissions it has.
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write_through(file: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    use std::io::Write;

    let mut opened = create_private(file).map_err(TrainError::File)?;
    opened.write_all(bytes).map_err(TrainError::File)?;
    opened.sync_all().map_err(TrainError::File)
}

fn remove(folder: &Path) -> Result<(), TrainError> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(TrainError::File(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use idiolect_models::device;

    use super::*;
    use crate::fit::OptimizerKind;

    fn names(out: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs_err::read_dir(out)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn write_step(out: &Path, step: u64, keep: usize) {
        let cpu = device("cpu").unwrap();
        let weights = vec![(
            "w".to_owned(),
            Parameter::new(vec![step as f32], &[1], &cpu),
        )];
        let position = Position {
            step,
            ..Position::start(&[], &TrainOptions::default())
        };
        let optimizing = Optimizing::new(OptimizerKind::AdamW);
        write(out, &position, &Parameters(weights), &optimizing, keep).unwrap();
    }

    #[test]
    fn the_last_ones_are_kept() {
        let out = tempfile::tempdir().unwrap();
        for step in [2, 4, 6, 8] {
            write_step(out.path(), step, 3);
        }
        assert_eq!(
            names(out.path()),
            ["checkpoint", "checkpoint-4", "checkpoint-6"]
        );
        assert_eq!(position_in(&of_run(out.path()).unwrap()).unwrap().step, 8);
        // The same step again takes no place from another.
        write_step(out.path(), 8, 3);
        assert_eq!(
            names(out.path()),
            ["checkpoint", "checkpoint-4", "checkpoint-6"]
        );
        write_step(out.path(), 9, 1);
        assert_eq!(names(out.path()), ["checkpoint"]);
    }

    #[test]
    fn after_a_crash_between_the_renames_the_one_before_is_found() {
        let out = tempfile::tempdir().unwrap();
        assert!(!has_checkpoint(out.path()));
        write_step(out.path(), 2, 2);
        write_step(out.path(), 4, 2);
        fs_err::rename(out.path().join(FOLDER), out.path().join("checkpoint-4")).unwrap();
        assert!(has_checkpoint(out.path()));
        assert_eq!(position_in(&of_run(out.path()).unwrap()).unwrap().step, 4);
        write_step(out.path(), 6, 2);
        assert_eq!(names(out.path()), ["checkpoint", "checkpoint-4"]);
    }
}
