use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use idiolect_core::Encoder;

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files::{strings_or_lines, text};
use crate::options::stdin_path;

/// Turns texts, one a line or as JSON strings, into vectors, one JSON array a line.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect embed sentences.txt > vectors.jsonl
  echo \"rain in the garden\" | idiolect embed")]
pub(crate) struct Arguments {
    /// The texts, or `-` for standard input
    #[arg(value_name = "FILE", default_value_os_t = stdin_path(), hide_default_value = true)]
    file: PathBuf,
}

/// How many texts are embedded at once.
const BATCH: usize = 256;

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let Some(encoder) = context.settings.encoder()? else {
        return Err(Failure::new("usage", "`--encoder none` embeds nothing")
            .hint("leave it out, or name an encoder's folder")
            .into());
    };
    let texts = strings_or_lines(&text(&arguments.file)?);
    for batch in texts.chunks(BATCH) {
        let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
        let vectors = encoder
            .embed(&batch)
            .map_err(|error| anyhow::anyhow!(error))
            .context("cannot embed")?;
        for vector in &vectors {
            context.printer.object(vector)?;
        }
    }
    if texts.is_empty() {
        context.printer.note("there was no line to read");
        return Ok(Status::Nothing);
    }
    Ok(Status::Done)
}
