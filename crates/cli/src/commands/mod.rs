//! One file a command: its arguments, and the function that runs it.

mod analyze;
mod authors;
mod completions;
mod config;
mod data;
mod demo;
mod doctor;
mod embed;
mod eval;
mod export;
mod import;
mod man;
mod models;
mod prove;
mod purge;
mod rebuild;
mod score;
mod search;
mod sources;
mod train;
mod write;

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use clap::Subcommand;

use crate::Status;
use crate::context::Context;
use crate::files;

/// What idiolect can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it at work on a bundled author, without any set-up
    Demo(demo::Arguments),
    /// Add what somebody wrote to the archive
    Import(import::Arguments),
    /// Write the archive as JSON Lines that `import` reads back
    Export(export::Arguments),
    /// What was imported: list, show, exclude, remove
    Sources(sources::Arguments),
    /// List the authors in the archive
    Authors(authors::Arguments),
    /// Search an author's past
    Search(search::Arguments),
    /// Print the terms that search makes of a text
    Analyze(analyze::Arguments),
    /// Write the rest of a document in its author's voice
    Write(write::Arguments),
    /// Make training data from an archive
    Data(data::Arguments),
    /// Train a model
    Train(train::Arguments),
    /// Measure a model and its controls on held-out documents
    Eval(eval::Arguments),
    /// Prove it on your own writing: is your past worth anything?
    Prove(prove::Arguments),
    /// Score predictions against references
    Score(score::Arguments),
    /// Turn texts into vectors
    Embed(embed::Arguments),
    /// Models: list, show, add, remove, generate, merge, forward
    Models(models::Arguments),
    /// Check folders, permissions, archive and models; safe to paste into a report
    Doctor(doctor::Arguments),
    /// Where the configuration is, what it says, what it may say
    Config(config::Arguments),
    /// Print a shell's completions
    Completions(completions::Arguments),
    /// Print the manual page
    Man(man::Arguments),
    /// Make everything anew that is derived from the documents: snippets, index, vectors
    Rebuild(rebuild::Arguments),
    /// Delete the archive and the models that were added
    Purge(purge::Arguments),
}

impl Command {
    /// Whether it must run even where the configuration file is broken.
    pub(crate) fn works_without_settings(&self) -> bool {
        match self {
            Self::Config(arguments) => arguments.works_without_settings(),
            Self::Completions(_) | Self::Man(_) => true,
            _ => false,
        }
    }
}

/// Runs one command.
pub(crate) fn run(command: Command, context: &mut Context) -> anyhow::Result<Status> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments, context),
        Command::Import(arguments) => import::run(&arguments, context),
        Command::Export(arguments) => export::run(&arguments, context),
        Command::Sources(arguments) => sources::run(&arguments, context),
        Command::Authors(arguments) => authors::run(&arguments, context),
        Command::Search(arguments) => search::run(&arguments, context),
        Command::Analyze(arguments) => analyze::run(&arguments, context),
        Command::Write(arguments) => write::run(&arguments, context),
        Command::Data(arguments) => data::run(&arguments, context),
        Command::Train(arguments) => train::run(&arguments, context),
        Command::Eval(arguments) => eval::run(&arguments, context),
        Command::Prove(arguments) => prove::run(&arguments, context),
        Command::Score(arguments) => score::run(&arguments, context),
        Command::Embed(arguments) => embed::run(&arguments, context),
        Command::Models(arguments) => models::run(&arguments, context),
        Command::Doctor(arguments) => doctor::run(&arguments, context),
        Command::Config(arguments) => config::run(&arguments, context),
        Command::Completions(arguments) => completions::run(&arguments, context),
        Command::Man(arguments) => man::run(&arguments, context),
        Command::Rebuild(arguments) => rebuild::run(&arguments, context),
        Command::Purge(arguments) => purge::run(&arguments, context),
    }
}

/// A text given as an argument, or standard input for `-`.
fn argument_or_stdin(argument: &str) -> anyhow::Result<String> {
    match argument {
        "-" => files::text(Path::new("-")),
        text => Ok(text.to_owned()),
    }
}

/// Asks on a terminal before something is deleted; without one, or with any answer but yes, no.
fn confirmed(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(false);
    }
    write!(anstream::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
