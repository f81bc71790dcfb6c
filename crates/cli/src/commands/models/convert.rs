use std::path::PathBuf;

use clap::Args;
use idiolect_models::{Precision, Stored, T5, WeightFormat, save};
use serde_json::json;

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::open::{located, merged};

/// Where a model goes that is written anew: one folder that `--model` takes alone.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect models merge --model flan-t5-small --adapter ana --out flan-ana
  idiolect models convert --model flan-t5-small --weights int8 --out flan-small-8")]
pub(super) struct Arguments {
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes a model with an adapter in its weights.
pub(super) fn merge(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let settings = &context.settings;
    let Some(adapter) = &settings.adapter else {
        return Err(Failure::new("usage", "no adapter is named")
            .hint("name its folder with `--adapter DIR`, and its base with `--model`")
            .into());
    };
    let stored = merged(&located(settings.model_name())?, adapter)?;
    write(&stored, arguments, context)
}

/// Writes a model with its weights in other numbers.
pub(super) fn convert(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let settings = &context.settings;
    if settings.weights.is_none() {
        return Err(
            Failure::new("usage", "it is not said how weights are to be kept")
                .hint("add `--weights int8`, `bf16` or `f32`")
                .into(),
        );
    }
    let stored = Stored::open(&located(settings.model_name())?)?;
    write(&stored, arguments, context)
}

fn write(stored: &Stored, arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let out = &arguments.out;
    let shown = out.display();
    if out.join("model.safetensors").exists() {
        return Err(
            Failure::new("model_exists", format!("`{shown}` holds a model already"))
                .hint("name another `--out`")
                .into(),
        );
    }
    let parameters = stored.parameters(&context.settings.device()?)?;
    // What does not make a model is not written.
    T5::new(&stored.config, &parameters)?;
    let precision = match context.settings.weights.unwrap_or_default() {
        WeightFormat::F32 => Precision::F32,
        WeightFormat::Bf16 => Precision::Bf16,
        WeightFormat::Int8 => Precision::Int8,
    };
    files::make_private_folder(out)?;
    let tokenizer = stored.tokenizer_json();
    save(out, &stored.config, &parameters, precision, tokenizer)?;
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "name": stored.name, "out": out }))?;
    } else {
        context.printer.line(format_args!(
            "{}: use it with `--model {shown}`",
            stored.name
        ))?;
    }
    Ok(Status::Done)
}
