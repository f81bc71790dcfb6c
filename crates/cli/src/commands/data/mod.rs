//! `idiolect data`: from an archive to training data.

mod build;
mod pairs;
mod stats;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use idiolect_archive::Archive;
use idiolect_core::Document;
use idiolect_training::examples::{BuildOptions, Shares, SourceError};

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::options::{RankingOptions, at_least_one};

/// Makes training data from an archive of many authors.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect import posts.jsonl --archive many
  idiolect data build --archive many --out data
  idiolect data stats data
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

/// Which documents become examples; the same options divide the authors in the same way.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Examples")]
struct ExampleOptions {
    /// A target has more characters than this
    #[arg(long, value_name = "N", default_value_t = 300)]
    min_chars: usize,
    /// A target's author wrote at least so many documents before it
    #[arg(long, value_name = "N", default_value_t = 2)]
    min_past: usize,
    /// An author has at least so many examples
    #[arg(long, value_name = "N", default_value_t = 5)]
    min_examples: usize,
    /// Of an author with more examples so many are drawn
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = at_least_one)]
    max_examples: usize,
    /// Shares of the authors for training, validation and test
    #[arg(long, value_name = "A/B/C", default_value = "85/5/10")]
    split: Shares,
}

impl ExampleOptions {
    fn value(&self, ranking: Option<&RankingOptions>, seed: u64) -> BuildOptions {
        let defaults = BuildOptions::default();
        BuildOptions {
            min_chars: self.min_chars,
            min_past: self.min_past,
            min_examples: self.min_examples,
            max_examples: self.max_examples,
            split: self.split,
            seed,
            ranking: ranking.map_or(defaults.ranking, |options| options.ranking),
            bm25: ranking.map_or(defaults.bm25, |options| options.bm25.value()),
            ranked: defaults.ranked,
        }
    }
}

/// The folder that data are written to, made where it is missing.
#[derive(Debug, Clone, Args)]
struct Out {
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Out {
    fn make(&self) -> anyhow::Result<&Path> {
        fs_err::create_dir_all(&self.out)?;
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
