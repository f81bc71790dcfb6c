use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use idiolect_training::examples::{BuildOptions, Shares, survey};
use idiolect_training::pairs::{PairOptions, SameAuthor, build_pairs};
use serde::Deserialize;
use serde_json::json;

use super::{ExampleOptions, MANIFEST, Out, authors, documents};
use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::options::at_least_one;

/// Makes pairs of passages, half of them by one author, to learn author distinction from; never
/// with an author of validation or test. Beside the examples of `data build` it divides the authors as
/// those are divided, and `--seed` draws only the pairs; elsewhere give the options and the seed that
/// `data build` was given.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect data pairs --archive many --out data
  idiolect data pairs --archive many --out data --max-per-author 20 --seed 3
  idiolect data pairs --archive many --out data --hard-negatives 50")]
pub(super) struct Arguments {
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    examples: ExampleOptions,
    /// Of an author with more documents so many begin a pair
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = at_least_one)]
    max_per_author: usize,
    /// Of the pairs of two authors, so many percent are hard: the other document is the one most like
    /// the first among those of other authors
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    hard_negatives: u8,
}

const FILE: &str = "pairs.jsonl.zst";

const LEVEL: i32 = 3;

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let seed = context.settings.seed;
    let options = match built(&arguments.out.out)? {
        Some(built) => built.checked(&arguments.examples)?,
        None => arguments.examples.value(None, seed),
    };
    let archive = context.settings.archive()?;
    let authors = authors(&archive)?;
    let mut load = |author: &str| documents(&archive, author);
    let survey = survey(&authors, &mut load, &options)?;

    let folder = arguments.out.make()?;
    let temporary = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write in `{}`", folder.display()))?;
    let mut file = zstd::Encoder::new(BufWriter::new(temporary), LEVEL)?;
    let mut same = 0;
    let mut different = 0;
    let pair_options = PairOptions {
        max_per_author: arguments.max_per_author,
        seed,
        hard_percent: arguments.hard_negatives,
    };
    build_pairs(
        &authors,
        &survey.splits,
        &mut load,
        &pair_options,
        &mut |pair| {
            match pair.label {
                SameAuthor::True => same += 1,
                SameAuthor::False => different += 1,
            }
            serde_json::to_writer(&mut file, pair)?;
            file.write_all(b"\n")
        },
    )?;
    if same + different == 0 {
        return Err(Failure::new("no_examples", "no pair could be made")
            .hint("pairs need two training authors of at least two documents each")
            .into());
    }
    file.finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .persist(folder.join(FILE))
        .with_context(|| format!("cannot write in `{}`", folder.display()))?;
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "true": same, "false": different }))?;
    } else {
        context.printer.line(format_args!(
            "{same} pairs of one author, {different} of two"
        ))?;
    }
    Ok(Status::Done)
}

/// How `data build` chose examples and divided the authors.
#[derive(Deserialize)]
struct Built {
    min_chars: usize,
    min_past: usize,
    min_examples: usize,
    max_examples: usize,
    split: [u32; 3],
    seed: u64,
}

#[derive(Deserialize)]
struct Manifest {
    options: Built,
}

/// What the folder's manifest says, where it has one.
fn built(folder: &Path) -> anyhow::Result<Option<Built>> {
    let path = folder.join(MANIFEST);
    if !path.exists() {
        return Ok(None);
    }
    let manifest: Manifest = serde_json::from_str(&files::text(&path)?).map_err(|_| {
        let shown = path.display();
        Failure::new("no_data", format!("`{shown}` is not of this version"))
            .hint("`idiolect data build` makes it anew, or name another `--out`")
    })?;
    Ok(Some(manifest.options))
}

impl Built {
    /// The same options again; what was typed must not say otherwise.
    fn checked(self, typed: &ExampleOptions) -> Result<BuildOptions, Failure> {
        let differs = [
            ("--min-chars", typed.min_chars, self.min_chars),
            ("--min-past", typed.min_past, self.min_past),
            ("--min-examples", typed.min_examples, self.min_examples),
            ("--max-examples", typed.max_examples, self.max_examples),
        ]
        .into_iter()
        .find(|(_, typed, built)| typed.is_some_and(|typed| typed != *built))
        .map(|(option, ..)| option)
        .or_else(|| {
            let other = typed.split.is_some_and(|split| split.0 != self.split);
            other.then_some("--split")
        });
        if let Some(option) = differs {
            return Err(Failure::new(
                "usage",
                format!("`{option}` differs from what `data build` wrote in this folder"),
            )
            .hint("leave it out, or name another `--out`"));
        }
        Ok(BuildOptions {
            min_chars: self.min_chars,
            min_past: self.min_past,
            min_examples: self.min_examples,
            max_examples: self.max_examples,
            split: Shares(self.split),
            seed: self.seed,
            ..BuildOptions::default()
        })
    }
}
