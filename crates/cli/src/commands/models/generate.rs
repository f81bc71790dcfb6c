use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use idiolect_core::FinishReason;
use idiolect_models::{Decoding, Generated, Seq2Seq};
use serde::{Deserialize, Serialize};

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::options::{DecodingOptions, at_least_one, stdin_path};

/// Reads JSON Lines `{"input": TEXT}` or `{"input_ids": [ids]}`, and writes for each
/// `{"text", "output_ids", "log_probs", "finish_reason"}`, in order. Greedy unless told otherwise.
/// Text is given its end token, ids are taken as they are.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect models generate --model DIR --beam 4 inputs.jsonl > outputs.jsonl
  echo '{\"input_ids\": [37, 12, 1]}' | idiolect models generate --model DIR --max-tokens 20")]
pub(super) struct Arguments {
    /// JSON Lines, or `-` for standard input
    #[arg(value_name = "FILE", default_value_os_t = stdin_path(), hide_default_value = true)]
    file: PathBuf,
    /// How many are computed at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    batch: usize,
    #[command(flatten)]
    decoding: DecodingOptions,
}

#[derive(Deserialize)]
struct Line {
    input: Option<String>,
    input_ids: Option<Vec<u32>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    text: Option<String>,
    output_ids: &'a [u32],
    log_probs: &'a [f32],
    finish_reason: FinishReason,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let model = context.settings.model()?;
    let decoding = arguments
        .decoding
        .over(Decoding::default(), context.settings.seed)?;
    let mut lines = files::json_lines_of_file(&arguments.file)?;
    let mut any = false;
    let mut unreadable = None;
    let mut inputs = std::iter::from_fn(|| {
        if unreadable.is_some() {
            return None;
        }
        let line = lines.next()?;
        any = true;
        match line.and_then(|(number, line)| ids(line, number, &model)) {
            Ok(ids) => Some(ids),
            // The good lines before it are answered first.
            Err(error) => {
                unreadable = Some(error);
                None
            }
        }
    });
    // Answers come as inputs end, and are written in the order of the inputs.
    let mut early = BTreeMap::new();
    let mut next = 0;
    let mut unwritten = None;
    model.generate_each(&mut inputs, arguments.batch, &decoding, &mut |i, one| {
        early.insert(i, one);
        while let Some(one) = early.remove(&next) {
            next += 1;
            if let Err(error) = answer(&model, &one, context) {
                unwritten = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = unwritten.or(unreadable) {
        return Err(error);
    }
    if !any {
        context.printer.note("there was no line to read");
        return Ok(Status::Nothing);
    }
    Ok(Status::Done)
}

fn ids(line: Line, number: usize, model: &Seq2Seq) -> anyhow::Result<Vec<u32>> {
    match (line.input, line.input_ids) {
        (None, Some(ids)) => {
            let vocabulary = model.config().vocab_size;
            let wrong = match ids.iter().find(|&&id| id as usize >= vocabulary) {
                Some(id) => format!("token {id} lies beyond the vocabulary of {vocabulary}"),
                None if ids.is_empty() => "there is no token".to_owned(),
                None => return Ok(ids),
            };
            Err(Failure::new("token", format!("line {number}: {wrong}"))
                .hint("ids come from the tokenizer that belongs to this model")
                .into())
        }
        (Some(text), None) => {
            let tokenizer = model.tokenizer().ok_or_else(|| {
                Failure::new(
                    "model",
                    "the model has no tokenizer, so it cannot read `input`",
                )
                .hint("give `input_ids`, or put its tokenizer.json into the folder")
            })?;
            let mut ids = tokenizer.encode(&text);
            ids.push(model.config().eos_token_id);
            Ok(ids)
        }
        _ => Err(Failure::new(
            "invalid_json",
            format!("line {number} needs either `input` or `input_ids`"),
        )
        .hint("for example {\"input\": \"Dear Ana,\"} or {\"input_ids\": [37, 12, 1]}")
        .into()),
    }
}

fn answer(model: &Seq2Seq, generated: &Generated, context: &mut Context) -> anyhow::Result<()> {
    let Generated {
        output_ids,
        log_probs,
        finish_reason,
        ..
    } = generated;
    context.printer.object(&Answer {
        text: model
            .tokenizer()
            .map(|tokenizer| tokenizer.decode(output_ids)),
        output_ids,
        log_probs,
        finish_reason: *finish_reason,
    })?;
    Ok(context.printer.flush()?)
}
