//! `idiolect train`: a model from examples.

mod data;
mod recipe;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use idiolect_models::t5::random_parameters;
use idiolect_models::{
    Config, Device, Parameters, Precision, Seq2Seq, Stored, T5, Tokenizer, folder, save,
};
use idiolect_training::features::Featurizer;
use idiolect_training::fit::{Metric, Outcome, Run, Schedule, TrainOptions, has_checkpoint, train};
use serde_json::json;

use self::data::{Data, plain};
use self::recipe::{OptimizerName, Recipe, Summaries, Training};
use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::open::located;
use crate::options::at_least_one;
use crate::progress::Progress;

/// Trains a model, on the tasks of a recipe or on plain pairs of input and target. The result is a
/// Hugging Face folder; `metrics.jsonl` beside it has a line a step. Ctrl-C keeps a checkpoint, from
/// which `--resume` goes on.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").args(["recipe", "examples"]).required(true).multiple(true)),
    after_long_help = "\
A recipe:
  examples = \"data\"              # what `data build` and `data pairs` wrote
  config = \"config.json\"         # both from scratch, from any T5's folder; leave them out to go
  tokenizer = \"tokenizer.json\"   # on from a model by `--model DIR` or `--model builtin`
  summaries = \"labels\"           # or \"none\", or { model = \"DIR\" }
  lengths = { input = 512, target = 512 }
  [tasks]                        # and their rates
  generation = 1.0
  summary = 0.25
  keywords = 0.25
  distinction = 1.0
  [training]                     # as the options below
  steps = 20000
  batch = 32

Examples:
  idiolect train --recipe recipe.toml --out my-model
  idiolect train --recipe recipe.toml --model flan-t5-small --out my-model --lr 0.0005 --resume
  idiolect train --recipe recipe.toml --model builtin --out mine --steps 500 --warmup 20
  idiolect train --examples pairs.jsonl --config config.json --out tiny --steps 100"
)]
pub(crate) struct Arguments {
    /// Tasks, rates, sizes and schedule
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// With a recipe the folder of `data build`; alone, JSON Lines {"input", "target"} or
    /// {"input_ids", "labels"}
    #[arg(long, value_name = "FILE|DIR")]
    examples: Option<PathBuf>,
    /// Start from scratch with the sizes in this config.json
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Optimiser steps [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Training")]
    steps: Option<u64>,
    /// Examples a forward pass [default: 16]
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = at_least_one)]
    batch: Option<usize>,
    /// Tokens a forward pass, padding too, a target's counted twice: as many examples of like length
    /// as fit, instead of --batch
    #[arg(long, value_name = "N", help_heading = "Training")]
    batch_tokens: Option<usize>,
    /// Forward passes a step [default: 1]
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = at_least_one)]
    accumulate: Option<usize>,
    /// [default: adafactor]
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    optimizer: Option<OptimizerName>,
    /// Adafactor: updates are not scaled by the size of their parameter
    #[arg(long, help_heading = "Training")]
    no_scale_parameter: bool,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "F", help_heading = "Training")]
    lr: Option<f64>,
    /// How the rate goes with the steps [default: inverse-sqrt]
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Training",
        value_parser = PossibleValuesParser::new(["inverse-sqrt", "constant", "linear"]).map(|name| schedule(&name))
    )]
    schedule: Option<Schedule>,
    /// Steps of linear warm-up, 0 for none [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Training")]
    warmup: Option<u64>,
    /// Longest gradient, 0 for any [default: 0]
    #[arg(long, value_name = "F", help_heading = "Training")]
    clip: Option<f64>,
    /// Share of activations dropped [default: the config's]
    #[arg(long, value_name = "F", help_heading = "Training")]
    dropout: Option<f64>,
    /// Take examples in their order
    #[arg(long, help_heading = "Training")]
    no_shuffle: bool,
    /// Steps between looks at validation, 0 for one at the end [default: 500]
    #[arg(long, value_name = "N", help_heading = "Training")]
    validate_every: Option<u64>,
    /// Go on from the checkpoint in --out
    #[arg(long, help_heading = "Training")]
    resume: bool,
}

fn schedule(name: &str) -> Schedule {
    match name {
        "constant" => Schedule::Constant,
        "linear" => Schedule::Linear,
        _ => Schedule::InverseSqrt,
    }
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let recipe = match &arguments.recipe {
        Some(path) => Recipe::read(path)?,
        None => Recipe::default(),
    };
    let device = context.settings.device()?;
    refuse_to_overwrite(arguments)?;
    let start = Start::open(arguments, &recipe, context, &device)?;
    let tokenizer = start
        .tokenizer
        .as_deref()
        .map(Tokenizer::from_bytes)
        .transpose()?;
    let data = data(arguments, &recipe, &start, tokenizer.as_ref(), context)?;
    let options = options(
        arguments,
        &recipe.training,
        start.config.dropout_rate,
        context.settings.seed,
    );
    files::make_private_folder(&arguments.out)?;
    context
        .interrupt
        .graceful("interrupted: writing a checkpoint after this step");

    let mut run = Run {
        config: &start.config,
        parameters: start.parameters,
        tasks: &data.tasks,
        validation: &data.validation,
        out: &arguments.out,
        resume: arguments.resume,
    };
    let mut watch = Watch::new(options.steps, context);
    let interrupt = context.interrupt.clone();
    let outcome = train(&mut run, &options, &device, &mut |metric| {
        watch.see(metric);
        if interrupt.requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    let (step, loss) = (watch.step, watch.loss);
    drop(watch);
    save(
        &arguments.out,
        &start.config,
        &run.parameters,
        Precision::F32,
        start.tokenizer.as_deref(),
    )?;
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "step": step, "loss": loss, "out": arguments.out }))?;
    } else {
        let loss = loss.map_or_else(String::new, |loss| format!(", last loss {loss:.4}"));
        context.printer.line(format_args!(
            "step {step} of {}{loss}: {}",
            options.steps,
            arguments.out.display()
        ))?;
    }
    if outcome == Outcome::Interrupted {
        context
            .printer
            .note("interrupted: the same command with `--resume` goes on from here");
        return Ok(Status::Interrupted);
    }
    Ok(Status::Done)
}

fn refuse_to_overwrite(arguments: &Arguments) -> Result<(), Failure> {
    let out = &arguments.out;
    if !out.join("model.safetensors").exists() {
        return Ok(());
    }
    let shown = out.display();
    if arguments.resume {
        return if has_checkpoint(out) {
            Ok(())
        } else {
            Err(Failure::new(
                "no_checkpoint",
                format!("`{shown}` holds a model, and no checkpoint to go on from"),
            )
            .hint(format!(
                "go on from its weights with `--model {shown}` and another `--out`"
            )))
        };
    }
    Err(
        Failure::new("model_exists", format!("`{shown}` holds a model already"))
            .hint("go on from it with `--resume`, or name another `--out`"),
    )
}

/// What training starts from.
struct Start {
    config: Config,
    parameters: Parameters,
    /// The bytes of its tokenizer.json.
    tokenizer: Option<Vec<u8>>,
}

impl Start {
    fn open(
        arguments: &Arguments,
        recipe: &Recipe,
        context: &Context,
        device: &Device,
    ) -> anyhow::Result<Self> {
        if let Some(config) = arguments.config.as_ref().or(recipe.config.as_ref()) {
            return Self::from_scratch(config, recipe, context.settings.seed, device);
        }
        let Some(name) = context.settings.model.as_deref() else {
            return Err(Failure::new("usage", "nothing to start from")
                .hint("name sizes with `--config FILE`, or a model with `--model DIR|builtin`")
                .into());
        };
        let stored = Stored::open(&located(name)?)?;
        let parameters = stored.parameters(device)?;
        // Both say what may be wrong with the folder before anything is written.
        T5::new(&stored.config, &parameters)?;
        stored.tokenizer()?;
        Ok(Self {
            parameters,
            tokenizer: stored.tokenizer_json().map(<[u8]>::to_vec),
            config: stored.config,
        })
    }

    fn from_scratch(
        config: &Path,
        recipe: &Recipe,
        seed: u64,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let named = config.file_name().is_some_and(|name| name == "config.json");
        let folder_of = config.parent().unwrap_or(Path::new(""));
        if !named {
            return Err(Failure::new(
                "usage",
                format!("`{}` is not named config.json", config.display()),
            )
            .hint("a model's sizes stand in a file of that name, as `transformers` writes it")
            .into());
        }
        let folder_of = if folder_of.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder_of
        };
        let config = folder::read_config(folder_of)?;
        let tokenizer = match &recipe.tokenizer {
            Some(path) => Some(fs_err::read(path)?),
            None => beside(folder_of)?,
        };
        Ok(Self {
            parameters: random_parameters(&config, seed, device),
            config,
            tokenizer,
        })
    }
}

/// The tokenizer in a model's folder.
fn beside(place: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let path = place.join("tokenizer.json");
    if path.exists() {
        Ok(Some(fs_err::read(path)?))
    } else {
        Ok(None)
    }
}

fn data(
    arguments: &Arguments,
    recipe: &Recipe,
    start: &Start,
    tokenizer: Option<&Tokenizer>,
    context: &Context,
) -> anyhow::Result<Data> {
    let examples = arguments.examples.as_ref().or(recipe.examples.as_ref());
    let examples = examples.ok_or_else(|| {
        Failure::new("usage", "no examples are named")
            .hint("name the folder that `idiolect data build` wrote with `--examples DIR`")
    })?;
    if arguments.recipe.is_none() {
        return Ok(Data {
            tasks: vec![plain(examples, tokenizer, start.config.eos_token_id)?],
            validation: Vec::new(),
        });
    }
    let tokenizer = tokenizer.ok_or_else(|| {
        Failure::new(
            "model",
            "a recipe's tasks are texts, and there is no tokenizer",
        )
        .hint("name a tokenizer.json in the recipe, or put one beside the config.json")
    })?;
    let writer = match &recipe.summaries {
        Summaries::Model(name) => Some(
            Seq2Seq::open(&located(name)?, &context.settings.device()?)
                .context("cannot open the model that writes summaries")?,
        ),
        Summaries::Labels | Summaries::None => None,
    };
    let featurizer = Featurizer {
        tokenizer,
        end: start.config.eos_token_id,
        input: recipe.lengths.input,
        target: recipe.lengths.target,
    };
    Data::of_recipe(examples, recipe, &featurizer, writer.as_ref())
}

/// What was typed over what the recipe says over the paper's.
fn options(arguments: &Arguments, recipe: &Training, dropout: f64, seed: u64) -> TrainOptions {
    let paper = TrainOptions::default();
    let optimizer = arguments
        .optimizer
        .or(recipe.optimizer)
        .unwrap_or(OptimizerName::Adafactor);
    let scale = !arguments.no_scale_parameter && recipe.scale_parameter.unwrap_or(true);
    TrainOptions {
        steps: arguments.steps.or(recipe.steps).unwrap_or(paper.steps),
        batch: arguments.batch.or(recipe.batch).unwrap_or(paper.batch),
        batch_tokens: (arguments.batch_tokens)
            .or(recipe.batch_tokens)
            .unwrap_or(paper.batch_tokens),
        accumulate: (arguments.accumulate)
            .or(recipe.accumulate)
            .unwrap_or(paper.accumulate),
        optimizer: optimizer.kind(scale),
        lr: arguments.lr.or(recipe.lr).unwrap_or(paper.lr),
        schedule: (arguments.schedule)
            .or(recipe.schedule)
            .unwrap_or(paper.schedule),
        warmup: arguments.warmup.or(recipe.warmup).unwrap_or(paper.warmup),
        clip: arguments.clip.or(recipe.clip).unwrap_or(paper.clip),
        dropout: arguments.dropout.or(recipe.dropout).unwrap_or(dropout),
        shuffle: !arguments.no_shuffle && recipe.shuffle.unwrap_or(true),
        seed,
        validate_every: (arguments.validate_every)
            .or(recipe.validate_every)
            .unwrap_or(paper.validate_every),
        checkpoint_seconds: recipe
            .checkpoint_seconds
            .unwrap_or(paper.checkpoint_seconds),
        patience: recipe.patience.unwrap_or(paper.patience),
    }
}

/// Follows a run for its progress line.
struct Watch {
    progress: Progress,
    begun: Instant,
    first: Option<u64>,
    steps: u64,
    step: u64,
    loss: Option<f64>,
    validation: String,
}

impl Watch {
    fn new(steps: u64, context: &Context) -> Self {
        Self {
            progress: Progress::new(&context.printer),
            begun: Instant::now(),
            first: None,
            steps,
            step: 0,
            loss: None,
            validation: String::new(),
        }
    }

    fn see(&mut self, metric: &Metric) {
        match metric {
            Metric::Step {
                step,
                loss,
                tokens_per_second,
                ..
            } => {
                let first = *self.first.get_or_insert(*step);
                let made = (step + 1 - first) as f64;
                let left = (self.steps - step) as f64 * self.begun.elapsed().as_secs_f64() / made;
                self.step = *step;
                self.loss = Some(*loss);
                let (steps, validation) = (self.steps, &self.validation);
                self.progress.update(|| {
                    let minutes = (left / 60.0).ceil();
                    format!(
                        "step {step} of {steps}, loss {loss:.3}, {tokens_per_second:.0} tokens/s, \
                         {minutes} min left{validation}"
                    )
                });
            }
            Metric::Validation {
                validation_loss, ..
            } => self.validation = format!(", validation {validation_loss:.3}"),
        }
    }
}
