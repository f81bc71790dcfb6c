use std::path::{Path, PathBuf};

use clap::Args;
use idiolect_models::{EncodedTokens, SentenceEncoder, Seq2Seq, TransformerEncoder};
use serde::{Deserialize, Serialize};

use crate::Status;
use crate::context::{Context, Settings};
use crate::failure::Failure;
use crate::files;
use crate::open::{BUILTIN, located};
use crate::options::stdin_path;

/// Reads JSON Lines `{"input_ids": [[…]], "attention_mask": [[…]], "decoder_input_ids": [[…]]}`, the
/// mask being optional, and writes for each `{"logits": [[[…]]]}`. A sentence encoder needs no
/// `decoder_input_ids`; for it `{"hidden": [[[…]]], "pooled": [[…]]}` is written: the last hidden state of each
/// token that the mask leaves, and each row's vector.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect models forward --model DIR batch.jsonl > logits.jsonl
  echo '{\"input_ids\": [[5, 1]], \"decoder_input_ids\": [[0]]}' | idiolect models forward --model DIR
  echo '{\"input_ids\": [[101, 4542, 102]]}' | idiolect models forward --model all-MiniLM-L6-v2")]
pub(super) struct Arguments {
    /// JSON Lines, or `-` for standard input
    #[arg(value_name = "FILE", default_value_os_t = stdin_path(), hide_default_value = true)]
    file: PathBuf,
}

#[derive(Deserialize)]
struct Line {
    input_ids: Vec<Vec<u32>>,
    attention_mask: Option<Vec<Vec<u8>>>,
    decoder_input_ids: Option<Vec<Vec<u32>>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Writer {
        logits: Vec<Vec<Vec<f32>>>,
    },
    Encoder {
        hidden: Vec<Vec<Vec<f32>>>,
        pooled: Vec<Vec<f32>>,
    },
}

enum Model {
    Writer(Box<Seq2Seq>),
    Encoder(Box<TransformerEncoder>),
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let model = model(&context.settings)?;
    let mut any = false;
    files::json_lines(&arguments.file, |number, line: Line| {
        any = true;
        let answer = match &model {
            Model::Writer(model) => Answer::Writer {
                logits: logits(&line, number, model)?,
            },
            Model::Encoder(model) => {
                let encoded = model.forward(&rows(&line, number)?)?;
                let (hidden, pooled) = encoded
                    .into_iter()
                    .map(|EncodedTokens { hidden, pooled }| (hidden, pooled))
                    .unzip();
                Answer::Encoder { hidden, pooled }
            }
        };
        Ok(context.printer.object(&answer)?)
    })?;
    if !any {
        context.printer.note("there was no line to read");
        return Ok(Status::Nothing);
    }
    Ok(Status::Done)
}

fn model(settings: &Settings) -> anyhow::Result<Model> {
    let place = located(settings.model_name())?;
    if place == BUILTIN || !SentenceEncoder::is_folder(Path::new(&place)) {
        return Ok(Model::Writer(Box::new(settings.model()?)));
    }
    match SentenceEncoder::load(Path::new(&place))? {
        SentenceEncoder::Transformer(encoder) => Ok(Model::Encoder(encoder)),
        SentenceEncoder::Static(_) => Err(Failure::new(
            "usage",
            "an encoder of static token vectors has no hidden states",
        )
        .hint("`idiolect embed` prints its vectors")
        .into()),
    }
}

fn logits(line: &Line, number: usize, model: &Seq2Seq) -> anyhow::Result<Vec<Vec<Vec<f32>>>> {
    let Some(decoder) = &line.decoder_input_ids else {
        return Err(wrong(number, "`decoder_input_ids` are missing"));
    };
    if line.input_ids.len() != decoder.len() {
        return Err(wrong(
            number,
            "`input_ids` and `decoder_input_ids` differ in rows",
        ));
    }
    let decoder: Vec<&[u32]> = decoder.iter().map(Vec::as_slice).collect();
    Ok(model.logits(&rows(line, number)?, &decoder)?)
}

/// Each input as far as its mask goes.
fn rows(line: &Line, number: usize) -> anyhow::Result<Vec<&[u32]>> {
    let mut rows: Vec<&[u32]> = line.input_ids.iter().map(Vec::as_slice).collect();
    if let Some(mask) = &line.attention_mask {
        if mask.len() != rows.len() {
            return Err(wrong(
                number,
                "`input_ids` and `attention_mask` differ in rows",
            ));
        }
        for (row, mask) in rows.iter_mut().zip(mask) {
            let seen = mask.iter().take_while(|&&bit| bit == 1).count();
            if mask.len() != row.len() || mask[seen..].contains(&1) {
                return Err(wrong(
                    number,
                    "`attention_mask` must be ones, then zeros, as long as its row",
                ));
            }
            *row = &row[..seen];
        }
    }
    Ok(rows)
}

fn wrong(number: usize, what: &str) -> anyhow::Error {
    Failure::new("invalid_json", format!("line {number}: {what}"))
        .hint("`idiolect models forward --help` shows a line")
        .into()
}
