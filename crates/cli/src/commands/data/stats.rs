use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use idiolect_training::examples::{Example, Half, Split};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Status;
use crate::context::Context;
use crate::files;
use crate::printer::counted;

/// Describes what `data build` made.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect data stats data
  idiolect data stats data --json | jq .train.target_characters")]
pub(super) struct Arguments {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Of one split; means over its examples.
#[derive(Default, Serialize)]
struct Stats {
    examples: usize,
    authors: usize,
    half_a: usize,
    target_characters: f64,
    past_characters: f64,
    past_passages: f64,
    summary_label_characters: f64,
    keyword_label_words: f64,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let folder = &arguments.folder;
    super::manifest(folder)?;
    let mut object = Map::new();
    for split in Split::ALL {
        let stats = stats(&folder.join(format!("{}.jsonl.zst", split.name())))?;
        if context.printer.json() {
            object.insert(split.name().to_owned(), serde_json::to_value(&stats)?);
        } else {
            context.printer.line(format_args!(
                "{}: {} of {}; on average {:.0} characters to write, after {:.1} past \
                 passages of {:.0} characters, summary of {:.0} characters, {:.1} key words",
                split.name(),
                counted(stats.examples, "example"),
                counted(stats.authors, "author"),
                stats.target_characters,
                stats.past_passages,
                stats.past_characters,
                stats.summary_label_characters,
                stats.keyword_label_words
            ))?;
        }
    }
    if context.printer.json() {
        context.printer.object(&Value::Object(object))?;
    }
    Ok(Status::Done)
}

fn stats(path: &std::path::Path) -> anyhow::Result<Stats> {
    let mut stats = Stats::default();
    let mut authors = BTreeSet::new();
    files::json_lines(path, |_, example: Example| {
        stats.examples += 1;
        stats.half_a += usize::from(example.half == Half::A);
        stats.target_characters += characters(&example.target);
        stats.past_characters += characters(&example.past_passages);
        stats.past_passages += example.entries.len() as f64;
        stats.summary_label_characters += characters(&example.summary_label);
        stats.keyword_label_words += example.keyword_label.len() as f64;
        authors.insert(example.author);
        Ok(())
    })?;
    stats.authors = authors.len();
    let examples = stats.examples.max(1) as f64;
    for sum in [
        &mut stats.target_characters,
        &mut stats.past_characters,
        &mut stats.past_passages,
        &mut stats.summary_label_characters,
        &mut stats.keyword_label_words,
    ] {
        *sum /= examples;
    }
    Ok(stats)
}

fn characters(text: &str) -> f64 {
    text.chars().count() as f64
}
