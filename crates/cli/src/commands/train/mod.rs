//! `idiolect train`: a model from examples.

mod data;
mod plot;
mod recipe;
mod sources;
mod start;
mod watch;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use idiolect_models::{Parameters, Precision, Seq2Seq, Tokenizer, save};
use idiolect_training::features::Featurizer;
use idiolect_training::fit::{
    Outcome, Run, Schedule, TrainOptions, ValidationSet, has_checkpoint, steps, train,
};
use serde_json::json;

use self::data::{Data, Pretrainer, plain, plain_held};
use self::recipe::{OptimizerName, Recipe, Summaries, Training};
use self::sources::Sources;
use self::start::Start;
use self::watch::Watch;
use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::open::located;
use crate::options::at_least_one;

/// Trains a model, on the tasks of a recipe or on plain pairs of input and target. The result is a
/// Hugging Face folder, or with `--lora` one of PEFT; `metrics.jsonl` beside it has a line a step,
/// `best` the weights with the lowest validation loss. Ctrl-C keeps a checkpoint, from which
/// `--resume` goes on, as it does after a crash.
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
  [lora]                         # only an adapter; alpha and targets may be left out
  rank = 8

A recipe that learns from plain text:
  texts = \"corpus\"               # files or folders: JSON Lines {\"text\"}, else text with a blank
  validation-texts = \"held.jsonl\" # line between texts; .zst too
  [tasks]
  spans = 1.0                    # T5's: 15 % of the tokens taken out, in spans of 3
  prefix = 0.5                   # to go on after a beginning

Examples:
  idiolect train --recipe recipe.toml --out my-model
  idiolect train --recipe recipe.toml --model flan-t5-small --out my-model --lr 0.0005 --resume
  idiolect train --recipe recipe.toml --model builtin --out mine --steps 500 --warmup 20
  idiolect train --examples pairs.jsonl --config config.json --out tiny --steps 100
  idiolect train --examples ana.jsonl --model flan-t5-small --lora 8 --epochs 3 --out ana
  idiolect write --model flan-t5-small --adapter ana \"Dear Ben,\""
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub(crate) struct Arguments {
    /// Tasks, rates, sizes and schedule
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// With a recipe the folder of `data build`; alone, JSON Lines {"input", "target"} or
    /// {"input_ids", "labels"}, also .zst, or a folder of them. May be given more than once
    #[arg(long, value_name = "FILE|DIR")]
    examples: Vec<PathBuf>,
    /// JSON Lines as for --examples, to look at while training
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "recipe")]
    validation: Option<PathBuf>,
    /// Start from scratch with the sizes in this config.json
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where token ids are kept, so that texts are tokenized once [default: OUT/cache]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Draw the losses as OUT/losses.svg
    #[arg(long)]
    plot: bool,
    /// Train only an adapter of this rank for --model, by adamw if nothing else is said
    #[arg(long, value_name = "RANK", help_heading = "Adapter", value_parser = at_least_one)]
    lora: Option<usize>,
    /// The adapter is scaled by this over its rank [default: twice the rank]
    #[arg(long, value_name = "F", help_heading = "Adapter", requires = "lora")]
    lora_alpha: Option<f64>,
    /// Layers that get one: of q, k, v, o, wi, wi_0, wi_1, wo, lm_head, or `all-linear` [default:
    /// q,v]
    #[arg(
        long,
        value_name = "LIST",
        help_heading = "Adapter",
        requires = "lora",
        value_delimiter = ','
    )]
    lora_targets: Option<Vec<String>>,
    /// Optimiser steps [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Training")]
    steps: Option<u64>,
    /// Instead of --steps: how often all examples are gone through
    #[arg(
        long,
        value_name = "N",
        help_heading = "Training",
        conflicts_with = "steps"
    )]
    epochs: Option<u64>,
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
    /// Compute cheap activations again rather than keep them, on devices other than the CPU: a third less
    /// memory, without dropout
    #[arg(long, help_heading = "Training")]
    gradient_checkpointing: bool,
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
    /// Looks without a gain after which training ends, 0 for never [default: 0]
    #[arg(long, value_name = "N", help_heading = "Training")]
    patience: Option<u64>,
    /// Steps between checkpoints, besides one every five minutes [default: 0, for none]
    #[arg(long, value_name = "N", help_heading = "Training")]
    checkpoint_every: Option<u64>,
    /// Checkpoints to keep, the newest counted [default: 1]
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = at_least_one)]
    keep: Option<usize>,
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
    let adapts = start.adapter.is_some();
    let options = options(arguments, &recipe.training, &start, context.settings.seed);
    let options = TrainOptions {
        steps: steps(&data.tasks, &options)?,
        ..options
    };
    let out = &arguments.out;
    files::make_private_folder(out)?;
    context
        .interrupt
        .graceful("interrupted: writing a checkpoint after this step");

    let keep = |folder: &Path, parameters: &Parameters| match &start.adapter {
        Some(adapter) => adapter
            .with(parameters.clone())
            .save(folder, start.base.as_deref()),
        None => save(
            folder,
            &start.config,
            parameters,
            Precision::F32,
            start.tokenizer.as_deref(),
        ),
    };
    let best = out.join("best");
    let keep_best = |parameters: &Parameters| Ok(keep(&best, parameters)?);
    let trained = start.adapter.as_ref().map(|adapter| &adapter.parameters);
    let mut run = Run {
        config: &start.config,
        parameters: trained.unwrap_or(&start.parameters).clone(),
        tasks: &data.tasks,
        validation: &data.validation,
        out,
        resume: arguments.resume,
        adapter: (start.adapter.as_ref()).map(|adapter| (&start.parameters, adapter)),
        best: Some(&keep_best),
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
    keep(out, &run.parameters)?;
    if arguments.plot {
        let drawn = plot::losses(&files::text(&out.join("metrics.jsonl"))?);
        files::write_whole(&out.join("losses.svg"), drawn.as_bytes())?;
    }
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "step": step, "loss": loss, "out": out }))?;
    } else {
        let loss = loss.map_or_else(String::new, |loss| format!(", last loss {loss:.4}"));
        context.printer.line(format_args!(
            "step {step} of {}{loss}: {}",
            options.steps,
            out.display()
        ))?;
        if adapts {
            let base = start.base.as_deref().unwrap_or("builtin");
            let shown = out.display();
            context.printer.note(format_args!(
                "an adapter: use it with `--model {base} --adapter {shown}`"
            ));
        }
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
    let shown = out.display();
    let holds = ["model.safetensors", "adapter_model.safetensors"]
        .iter()
        .any(|file| out.join(file).exists());
    let on = "go on from it with `--resume`, or name another `--out`";
    match (arguments.resume, holds, has_checkpoint(out)) {
        (true, true, false) => Err(Failure::new(
            "no_checkpoint",
            format!("`{shown}` holds a model, and no checkpoint to go on from"),
        )
        .hint(format!(
            "go on from its weights with `--model {shown}` and another `--out`"
        ))),
        (false, true, _) => {
            Err(Failure::new("model_exists", format!("`{shown}` holds a model already")).hint(on))
        }
        (false, false, true) => Err(Failure::new(
            "unfinished_run",
            format!("`{shown}` holds the checkpoint of a run that was not finished"),
        )
        .hint(on)),
        _ => Ok(()),
    }
}

/// Everything to draw from and to look at.
fn data(
    arguments: &Arguments,
    recipe: &Recipe,
    start: &Start,
    tokenizer: Option<&Tokenizer>,
    context: &Context,
) -> anyhow::Result<Data> {
    let examples = if arguments.examples.is_empty() {
        &recipe.examples.0
    } else {
        &arguments.examples
    };
    let sources = Sources {
        folder: (arguments.cache.clone()).unwrap_or_else(|| arguments.out.join("cache")),
        vocabulary: start.tokenizer.as_deref().unwrap_or_default(),
    };
    let end = start.config.eos_token_id;
    if arguments.recipe.is_none() {
        let validation = match &arguments.validation {
            Some(path) => vec![ValidationSet {
                name: "validation".to_owned(),
                held: plain_held(path, tokenizer, end)?,
            }],
            None => Vec::new(),
        };
        return Ok(Data {
            tasks: vec![plain(&sources, examples, tokenizer, end)?],
            validation,
        });
    }
    let tokenizer = tokenizer.ok_or_else(|| {
        Failure::new(
            "model",
            "a recipe's tasks are texts, and there is no tokenizer",
        )
        .hint("name a tokenizer.json in the recipe, or put one beside the config.json")
    })?;
    let mut data = Data::default();
    if recipe.tasks.keys().any(|task| task.is_from_examples()) {
        if examples.is_empty() {
            return Err(Failure::new("usage", "no examples are named")
                .hint("name the folder that `idiolect data build` wrote with `--examples DIR`")
                .into());
        }
        let writer = match &recipe.summaries {
            Summaries::Model(name) => Some(
                Seq2Seq::open(&located(name)?, &context.settings.device()?)
                    .context("cannot open the model that writes summaries")?,
            ),
            Summaries::Labels | Summaries::None => None,
        };
        let featurizer = Featurizer {
            tokenizer,
            end,
            input: recipe.lengths.input,
            target: recipe.lengths.target,
        };
        data.add_examples(&sources, examples, recipe, &featurizer, writer.as_ref())?;
    }
    let pretrainer = Pretrainer {
        tokenizer,
        vocabulary: start.config.vocab_size,
        end,
        input: recipe.lengths.input,
        target: recipe.lengths.target,
    };
    data.add_texts(&sources, recipe, &pretrainer)?;
    Ok(data)
}

/// What was typed over what the recipe says over the paper's.
fn options(arguments: &Arguments, recipe: &Training, start: &Start, seed: u64) -> TrainOptions {
    let paper = TrainOptions::default();
    // Adafactor scales its updates by the size of a weight, and half of a new adapter is zero.
    let usual = if start.adapter.is_some() {
        OptimizerName::Adamw
    } else {
        OptimizerName::Adafactor
    };
    let optimizer = arguments.optimizer.or(recipe.optimizer).unwrap_or(usual);
    let scale = !arguments.no_scale_parameter && recipe.scale_parameter.unwrap_or(true);
    let epochs_inside = recipe.epochs.filter(|_| arguments.steps.is_none());
    let dropout = start.config.dropout_rate;
    TrainOptions {
        steps: arguments.steps.or(recipe.steps).unwrap_or(paper.steps),
        epochs: (arguments.epochs).or(epochs_inside).unwrap_or(paper.epochs),
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
        checkpoint_every: (arguments.checkpoint_every)
            .or(recipe.checkpoint_every)
            .unwrap_or(paper.checkpoint_every),
        keep: arguments.keep.or(recipe.keep).unwrap_or(paper.keep),
        gradient_checkpointing: arguments.gradient_checkpointing
            || recipe.gradient_checkpointing.unwrap_or(false),
        patience: (arguments.patience)
            .or(recipe.patience)
            .unwrap_or(paper.patience),
    }
}
