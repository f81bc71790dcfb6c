use std::path::PathBuf;

use clap::Args;
use idiolect_models::{Precision, T5, save};
use serde_json::json;

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::open::{located, merged};

/// Writes a model with an adapter in its weights: one folder that `--model` takes alone.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect models merge --model flan-t5-small --adapter ana --out flan-ana")]
pub(super) struct Arguments {
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let settings = &context.settings;
    let Some(adapter) = &settings.adapter else {
        return Err(Failure::new("usage", "no adapter is named")
            .hint("name its folder with `--adapter DIR`, and its base with `--model`")
            .into());
    };
    let out = &arguments.out;
    let shown = out.display();
    if out.join("model.safetensors").exists() {
        return Err(
            Failure::new("model_exists", format!("`{shown}` holds a model already"))
                .hint("name another `--out`")
                .into(),
        );
    }
    let stored = merged(&located(settings.model_name())?, adapter)?;
    let parameters = stored.parameters(&settings.device()?)?;
    // What does not make a model is not written.
    T5::new(&stored.config, &parameters)?;
    files::make_private_folder(out)?;
    save(
        out,
        &stored.config,
        &parameters,
        Precision::F32,
        stored.tokenizer_json(),
    )?;
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
