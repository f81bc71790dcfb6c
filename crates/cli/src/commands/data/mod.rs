//! `idiolect data`: from an archive to training data.

mod build;
mod pairs;
mod stats;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use idiolect_archive::Archive;
use idiolect_core::Document;
use idiolect_training::examples::{BuildOptions, Shares, SourceError};
use serde::Deserialize;

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::options::{RankingOptions, at_least_one};

/// Makes training data from an archive of many authors.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect import posts.jsonl --archive many
  idiolect data build --archive many --out data
  idiolect data stats data --html stats.html
  idiolect data pairs --archive many --out data")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make examples: what an author wrote, given what they had written before it
    Build(build::Arguments),
    /// Describe what `data build` made
    Stats(stats::Arguments),
    /// Make pairs of passages by one author and by two
    Pairs(pairs::Arguments),
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    match &arguments.action {
        Action::Build(arguments) => build::run(arguments, context),
        Action::Stats(arguments) => stats::run(arguments, context),
        Action::Pairs(arguments) => pairs::run(arguments, context),
    }
}

/// Version of the layout of the folder.
const FORMAT: u32 = 2;

/// The manifest of training data; it is written last, so data without one are not complete. Data of
/// another version are refused.
pub(crate) fn manifest(folder: &Path) -> anyhow::Result<PathBuf> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let path = folder.join(MANIFEST);
    let shown = folder.display();
    if !path.exists() {
        return Err(Failure::new(
            "no_data",
            format!("`{shown}` holds no complete training data"),
        )
        .hint("`idiolect data build --out DIR` makes them")
        .into());
    }
    match serde_json::from_str::<Format>(&files::text(&path)?) {
        Ok(Format { format: FORMAT }) => Ok(path),
        _ => Err(Failure::new(
            "other_version",
            format!("`{shown}` holds training data of another version"),
        )
        .hint("`idiolect data build` makes them anew")
        .into()),
    }
}

/// Which documents become examples; the same options divide the authors in the same way.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Examples")]
struct ExampleOptions {
    /// A target has more characters than this [default: 300]
    #[arg(long, value_name = "N")]
    min_chars: Option<usize>,
    /// A target's author wrote at least so many documents before it [default: 2]
    #[arg(long, value_name = "N")]
    min_past: Option<usize>,
    /// An author has at least so many examples [default: 5]
    #[arg(long, value_name = "N")]
    min_examples: Option<usize>,
    /// Of an author with more examples so many are drawn [default: 50]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_examples: Option<usize>,
    /// Shares of the authors for training, validation and test [default: 85/5/10]
    #[arg(long, value_name = "A/B/C")]
    split: Option<Shares>,
}

impl ExampleOptions {
    fn value(&self, ranking: Option<&RankingOptions>, seed: u64) -> BuildOptions {
        let defaults = BuildOptions::default();
        BuildOptions {
            min_chars: self.min_chars.unwrap_or(defaults.min_chars),
            min_past: self.min_past.unwrap_or(defaults.min_past),
            min_examples: self.min_examples.unwrap_or(defaults.min_examples),
            max_examples: self.max_examples.unwrap_or(defaults.max_examples),
            split: self.split.unwrap_or(defaults.split),
            seed,
            ranking: ranking.map_or(defaults.ranking, |options| options.ranking),
            diverse: ranking.is_some_and(|options| options.diverse),
            bm25: ranking.map_or(defaults.bm25, |options| options.bm25.value()),
            ranked: defaults.ranked,
        }
    }
}

/// Describes a complete folder; written last.
const MANIFEST: &str = "manifest.json";

/// The folder that data are written to, made where it is missing.
#[derive(Debug, Clone, Args)]
struct Out {
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Out {
    fn make(&self) -> anyhow::Result<&Path> {
        files::make_private_folder(&self.out)?;
        Ok(&self.out)
    }
}

fn authors(archive: &Archive) -> anyhow::Result<Vec<String>> {
    let authors: Vec<String> = archive
        .authors()?
        .into_iter()
        .map(|summary| summary.author)
        .collect();
    if authors.is_empty() {
        return Err(Failure::new("empty_archive", "the archive is empty")
            .hint("`idiolect import PATH` fills it")
            .into());
    }
    Ok(authors)
}

fn documents(archive: &Archive, author: &str) -> Result<Vec<Document>, SourceError> {
    Ok(archive.documents(author)?)
}
