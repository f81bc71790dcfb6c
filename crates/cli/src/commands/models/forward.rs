use std::path::PathBuf;

use clap::Args;
use idiolect_models::Seq2Seq;
use serde::{Deserialize, Serialize};

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::options::stdin_path;

/// Reads JSON Lines `{"input_ids": [[…]], "attention_mask": [[…]], "decoder_input_ids": [[…]]}`, the
/// mask being optional, and writes for each `{"logits": [[[…]]]}`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect models forward --model DIR batch.jsonl > logits.jsonl
  echo '{\"input_ids\": [[5, 1]], \"decoder_input_ids\": [[0]]}' | idiolect models forward --model DIR")]
pub(super) struct Arguments {
    /// JSON Lines, or `-` for standard input
    #[arg(value_name = "FILE", default_value_os_t = stdin_path(), hide_default_value = true)]
    file: PathBuf,
}

#[derive(Deserialize)]
struct Line {
    input_ids: Vec<Vec<u32>>,
    attention_mask: Option<Vec<Vec<u8>>>,
    decoder_input_ids: Vec<Vec<u32>>,
}

#[derive(Serialize)]
struct Answer {
    logits: Vec<Vec<Vec<f32>>>,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let model = context.settings.model()?;
    let mut any = false;
    files::json_lines(&arguments.file, |number, line: Line| {
        any = true;
        let logits = logits(&line, number, &model)?;
        Ok(context.printer.object(&Answer { logits })?)
    })?;
    if !any {
        context.printer.note("there was no line to read");
        return Ok(Status::Nothing);
    }
    Ok(Status::Done)
}

fn logits(line: &Line, number: usize, model: &Seq2Seq) -> anyhow::Result<Vec<Vec<Vec<f32>>>> {
    let wrong = |what: &str| {
        Failure::new("invalid_json", format!("line {number}: {what}"))
            .hint("`idiolect models forward --help` shows a line")
    };
    if line.input_ids.len() != line.decoder_input_ids.len() {
        return Err(wrong("`input_ids` and `decoder_input_ids` differ in rows").into());
    }
    let mut rows: Vec<&[u32]> = line.input_ids.iter().map(Vec::as_slice).collect();
    if let Some(mask) = &line.attention_mask {
        if mask.len() != rows.len() {
            return Err(wrong("`input_ids` and `attention_mask` differ in rows").into());
        }
        for (row, mask) in rows.iter_mut().zip(mask) {
            let seen = mask.iter().take_while(|&&bit| bit == 1).count();
            if mask.len() != row.len() || mask[seen..].contains(&1) {
                return Err(
                    wrong("`attention_mask` must be ones, then zeros, as long as its row").into(),
                );
            }
            *row = &row[..seen];
        }
    }
    let decoder: Vec<&[u32]> = line.decoder_input_ids.iter().map(Vec::as_slice).collect();
    Ok(model.logits(&rows, &decoder)?)
}
