//! The training loop: Adafactor with the paper's schedule by default (paper §5.4), validation,
//! checkpoints from which a run continues to the same losses, metrics as JSON Lines.

mod cache;
mod checkpoint;
mod contrastive;
mod error;
mod gradients;
mod mixture;
mod objective;
mod optimizer;
mod schedule;
mod source;
mod validation;

use std::{collections::BTreeMap, io::Write, ops::ControlFlow, path::Path, time::Instant};

use burn::tensor::Device;
use idiolect_models::{Adapter, Config, Parameters};
use serde::{Deserialize, Serialize};

pub use cache::{CacheKey, CacheWriter, TokenCache};
pub use checkpoint::has_checkpoint;
pub use contrastive::{ContrastiveOptions, ContrastivePair, train_token_vectors};
pub use error::TrainError;
pub use mixture::{Drawn, Sampler, TaskData};
pub use objective::{Objective, Packer, Pretraining, Spans};
pub use optimizer::OptimizerKind;
pub use schedule::Schedule;
pub use source::{Features, Source};
pub use validation::{Held, ValidationSet, bits_per_byte};

use checkpoint::Position;
use gradients::{Engine, Network, Step, norm, shorten};
use mixture::mix;
use optimizer::{Gradients, Optimizing};

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainOptions {
    /// Optimiser steps in all; where `epochs` is not 0, those it takes.
    pub steps: u64,
    /// How often all examples of the tasks are gone through, 0 for as long as the steps last. With
    /// several tasks, as many examples are drawn as make that often of all together.
    pub epochs: u64,
    /// Examples a forward pass.
    pub batch: usize,
    /// Where not 0, a forward pass takes as many examples of like length as have so many tokens,
    /// an input's counted once and a target's twice, padding too; `batch` is then only how many
    /// that is about.
    pub batch_tokens: usize,
    /// Forward passes an optimiser step.
    pub accumulate: usize,
    /// Which optimiser.
    pub optimizer: OptimizerKind,
    /// Its base rate.
    pub lr: f64,
    /// How the rate goes with the steps.
    pub schedule: Schedule,
    /// Steps of linear warm-up, 0 for none.
    pub warmup: u64,
    /// Gradients are shortened to this norm, 0 for never.
    pub clip: f64,
    /// Share of activations dropped.
    pub dropout: f64,
    /// Whether examples are drawn in random order.
    pub shuffle: bool,
    /// Seed of order and dropout.
    pub seed: u64,
    /// Steps between validations, 0 for only one at the end.
    pub validate_every: u64,
    /// Seconds between checkpoints.
    pub checkpoint_seconds: u64,
    /// Steps between further checkpoints, 0 for none.
    pub checkpoint_every: u64,
    /// Checkpoints that are kept, the newest counted.
    pub keep: usize,
    /// Whether cheap activations are computed again for the gradients rather than kept, on devices
    /// other than the CPU: the same numbers in about a third less memory, but none is saved where
    /// there is dropout. On the CPU little is kept in any case.
    pub gradient_checkpointing: bool,
    /// Validations without improvement after which training ends early, 0 for never.
    pub patience: u64,
}

impl Default for TrainOptions {
    /// The paper's: Adafactor at 0.001, 1,000 steps of warm-up, inverse square root.
    fn default() -> Self {
        Self {
            steps: 10_000,
            epochs: 0,
            batch: 16,
            batch_tokens: 0,
            accumulate: 1,
            optimizer: OptimizerKind::Adafactor {
                scale_parameter: true,
            },
            lr: 0.001,
            schedule: Schedule::InverseSqrt,
            warmup: 1_000,
            clip: 0.0,
            dropout: 0.1,
            shuffle: true,
            seed: 0,
            validate_every: 500,
            checkpoint_seconds: 300,
            checkpoint_every: 0,
            keep: 1,
            gradient_checkpointing: false,
            patience: 0,
        }
    }
}

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Metric {
    /// An optimiser step.
    Step {
        /// From 1.
        step: u64,
        /// Mean over target tokens, in nats, before the update.
        loss: f64,
        /// The step's learning rate.
        lr: f64,
        /// Norm of all gradients together, before clipping.
        grad_norm: f64,
        /// Target tokens of the step.
        tokens: usize,
        /// Input and target tokens a second, this step.
        tokens_per_second: f64,
    },
    /// A look at examples held back.
    Validation {
        /// After so many steps.
        step: u64,
        /// Mean over target tokens of all sets, in nats.
        validation_loss: f64,
        /// Bits per byte of each set's scored part, by the set's name.
        bits_per_byte: BTreeMap<String, f64>,
    },
}

/// A model being trained.
pub struct Run<'a> {
    /// Its sizes.
    pub config: &'a Config,
    /// Its weights; at the end, the trained ones.
    pub parameters: Parameters,
    /// What to draw from.
    pub tasks: &'a [TaskData],
    /// What to look at now and then.
    pub validation: &'a [ValidationSet],
    /// Where checkpoints and metrics go.
    pub out: &'a Path,
    /// Whether to go on from the checkpoint there.
    pub resume: bool,
    /// Where `parameters` are an adapter's: the base, which stays as it is, and how they are applied.
    pub adapter: Option<(&'a Parameters, &'a Adapter)>,
    /// Gets the weights whenever validation is better than ever before.
    pub best: Option<&'a Keep<'a>>,
}

/// Keeps weights somewhere.
pub type Keep<'a> = dyn Fn(&Parameters) -> Result<(), TrainError> + 'a;

impl<'a> Run<'a> {
    fn network(&self) -> Network<'a> {
        Network {
            config: self.config,
            adapter: self.adapter,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps were made, or validation stopped improving.
    Done,
    /// The observer ended it; a checkpoint holds the position.
    Interrupted,
}

/// Trains until all steps are made, validation stops improving, or `observe` breaks off. The
/// weights in `run` are then the trained ones; a checkpoint is written at the end in any case.
///
/// # Errors
/// [`TrainError`], by cause; the last checkpoint stays.
pub fn train(
    run: &mut Run<'_>,
    options: &TrainOptions,
    device: &Device,
    observe: &mut dyn FnMut(&Metric) -> ControlFlow<()>,
) -> Result<Outcome, TrainError> {
    check(options)?;
    let mut sampler = Sampler::new(run.tasks, options).ok_or(TrainError::NoExamples)?;
    let steps = steps_of(options, &sampler);
    let options = &TrainOptions {
        steps,
        ..options.clone()
    };
    let mut optimizing = Optimizing::new(options.optimizer);
    let mut position = Position::start(run.tasks, options);
    if run.resume
        && let Some(found) =
            checkpoint::read(run.out, &mut run.parameters, &mut optimizing, device)?
    {
        if let Some(why) = found.unfit_for(&position) {
            return Err(TrainError::Checkpoint {
                file: run.out.to_owned(),
                why,
            });
        }
        position = Position {
            drawing: position.drawing,
            ..found
        };
        for _ in 0..position.step * options.accumulate as u64 {
            sampler.next_batch();
        }
    }
    let engine = Engine::new(device, options.batch)?;
    let mut metrics = open_metrics(run.out, position.step)?;
    let behind = position.seconds;
    let (started, mut saved) = (Instant::now(), Instant::now());
    let mut outcome = Outcome::Done;
    while position.step < steps {
        let step = position.step + 1;
        let metric = train_step(
            run,
            options,
            step,
            &mut sampler,
            &engine,
            &mut optimizing,
            device,
        )?;
        position.step = step;
        position.seconds = behind + started.elapsed().as_secs_f64();
        let mut flow = record(&mut metrics, &metric, observe)?;
        let last = step == steps;
        if (falls_on(step, options.validate_every) || last)
            && !run.validation.is_empty()
            && flow.is_continue()
        {
            let metric = validation::validate(run, step, device)?;
            if let Metric::Validation {
                validation_loss, ..
            } = metric
            {
                judge(run, &mut position, validation_loss)?;
            }
            flow = record(&mut metrics, &metric, observe)?;
        }
        if falls_on(step, options.checkpoint_every)
            || saved.elapsed().as_secs() >= options.checkpoint_seconds
        {
            let keep = options.keep;
            checkpoint::write(run.out, &position, &run.parameters, &optimizing, keep)?;
            saved = Instant::now();
        }
        if flow.is_break() {
            outcome = Outcome::Interrupted;
            break;
        }
        if options.patience > 0 && position.without_gain >= options.patience {
            break;
        }
    }
    let keep = options.keep;
    checkpoint::write(run.out, &position, &run.parameters, &optimizing, keep)?;
    Ok(outcome)
}

/// How many steps a run makes.
///
/// # Errors
/// [`TrainError::NoExamples`], and options that cannot be.
pub fn steps(tasks: &[TaskData], options: &TrainOptions) -> Result<u64, TrainError> {
    check(options)?;
    let sampler = Sampler::new(tasks, options).ok_or(TrainError::NoExamples)?;
    Ok(steps_of(options, &sampler))
}

fn steps_of(options: &TrainOptions, sampler: &Sampler) -> u64 {
    sampler.batches_left().map_or(options.steps, |batches| {
        batches.div_ceil(options.accumulate as u64)
    })
}

fn falls_on(step: u64, every: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}

/// Remembers the lowest validation loss, and keeps the weights that have it.
fn judge(run: &Run<'_>, position: &mut Position, loss: f64) -> Result<(), TrainError> {
    if position.best.is_none_or(|best| loss < best) {
        position.best = Some(loss);
        position.without_gain = 0;
        if let Some(keep) = run.best {
            keep(&run.parameters)?;
        }
    } else {
        position.without_gain += 1;
    }
    Ok(())
}

/// One optimiser step: all its forward passes share one mean over their target tokens.
fn train_step(
    run: &mut Run<'_>,
    options: &TrainOptions,
    step: u64,
    sampler: &mut Sampler,
    engine: &Engine,
    optimizing: &mut Optimizing,
    device: &Device,
) -> Result<Metric, TrainError> {
    let started = Instant::now();
    let mut learning = device.clone().autodiff();
    // Dropout depends on the step alone, so that a resumed run repeats it.
    learning.seed(options.seed.wrapping_add(step));
    if options.gradient_checkpointing {
        learning = learning.gradient_checkpointing();
    }
    let of_drawn = |drawn: Drawn| {
        // An objective makes another example of the same text each time.
        let seed = mix(
            mix(options.seed, drawn.task as u64, drawn.round),
            drawn.example as u64,
            0,
        );
        run.tasks[drawn.task].source.get(drawn.example, seed)
    };
    let batches: Vec<Vec<Features>> = (0..options.accumulate)
        .map(|_| sampler.next_batch().into_iter().map(of_drawn).collect())
        .filter(|batch: &Vec<Features>| !batch.is_empty())
        .collect();
    let rows = batches.iter().flatten();
    let tokens = rows.clone().map(|row| row.target.len()).sum();
    let seen = rows.map(|row| row.input.len()).sum::<usize>() + tokens;
    let mut loss = 0.0;
    let mut gradients = Gradients::new();
    for (i, batch) in batches.iter().enumerate() {
        let of_batch = Step {
            tokens,
            dropout: options.dropout,
            seed: mix(options.seed, step, i as u64),
        };
        let (part, more) =
            engine.compute(run.network(), &run.parameters, batch, of_batch, &learning)?;
        loss += part;
        gradients::add(&mut gradients, more);
    }
    let grad_norm = norm(&gradients)?;
    if !loss.is_finite() || !grad_norm.is_finite() {
        return Err(TrainError::Diverged { step });
    }
    if options.clip > 0.0 && grad_norm > options.clip {
        shorten(&mut gradients, options.clip / grad_norm);
    }
    let lr = options
        .schedule
        .rate(options.lr, step, options.warmup, options.steps);
    optimizing.step(lr, &mut run.parameters, gradients);
    Ok(Metric::Step {
        step,
        loss,
        lr,
        grad_norm,
        tokens,
        tokens_per_second: seen as f64 / started.elapsed().as_secs_f64(),
    })
}

fn check(options: &TrainOptions) -> Result<(), TrainError> {
    let wrong = |name, must| Err(TrainError::Option { name, must });
    if options.batch == 0 || options.accumulate == 0 {
        wrong("batch", "at least 1")
    } else if !(options.lr.is_finite() && options.lr >= 0.0) {
        wrong("lr", "zero or more")
    } else if !(0.0..1.0).contains(&options.dropout) {
        wrong("dropout", "from 0 to below 1")
    } else if !(options.clip.is_finite() && options.clip >= 0.0) {
        wrong("clip", "zero or more")
    } else if options.keep == 0 {
        wrong("keep", "at least 1")
    } else {
        Ok(())
    }
}

/// Opens `metrics.jsonl` and drops the lines of steps that will be made again.
fn open_metrics(out: &Path, step: u64) -> Result<fs_err::File, TrainError> {
    let file = TrainError::File;
    fs_err::create_dir_all(out).map_err(file)?;
    let path = out.join("metrics.jsonl");
    let kept: String = match fs_err::read_to_string(&path) {
        Ok(text) if step > 0 => text
            .lines()
            .filter(|line| {
                serde_json::from_str::<serde_json::Value>(line)
                    .is_ok_and(|value| value["step"].as_u64().is_some_and(|n| n <= step))
            })
            .fold(String::new(), |kept, line| kept + line + "\n"),
        _ => String::new(),
    };
    // Under another name until it is whole: a crash here must not lose the lines there were.
    let draft = out.join("metrics.jsonl.partial");
    let mut metrics = checkpoint::create_private(&draft).map_err(file)?;
    metrics.write_all(kept.as_bytes()).map_err(file)?;
    fs_err::rename(draft, path).map_err(file)?;
    Ok(metrics)
}

fn record(
    metrics: &mut fs_err::File,
    metric: &Metric,
    observe: &mut dyn FnMut(&Metric) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, TrainError> {
    let mut line = serde_json::to_string(metric).map_err(|error| TrainError::File(error.into()))?;
    line.push('\n');
    metrics
        .write_all(line.as_bytes())
        .map_err(TrainError::File)?;
    Ok(observe(metric))
}
