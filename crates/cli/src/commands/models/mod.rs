//! `idiolect models`: the models at hand, and what they compute.

mod convert;
mod folder;
mod forward;
mod generate;

use clap::{Args, Subcommand};

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;

/// Lists, shows, adds and removes models, and runs one on its own.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect models ls
  idiolect models show my-model
  idiolect models add ~/downloads/flan-t5-small
  echo '{\"input\": \"Summarize the past passages …\"}' | idiolect models generate --model flan-t5-small")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the built-in model and the added ones
    #[command(alias = "list")]
    Ls,
    /// Show architecture, sizes, hash and licence of one
    Show(folder::ShowArguments),
    /// Copy a model folder to where `--model NAME` or `--encoder NAME` finds it
    Add(folder::AddArguments),
    /// Delete an added model
    #[command(alias = "remove")]
    Rm(folder::RemoveArguments),
    /// This version opens no connection
    #[command(hide = true)]
    Pull {
        /// Name of the model
        name: String,
    },
    /// Let a model write, without anything around it
    Generate(generate::Arguments),
    /// Write a model with an adapter in its weights
    Merge(convert::Arguments),
    /// Write a model with its weights in fewer bits, as `--weights` says
    Convert(convert::Arguments),
    /// Print the numbers that a model computes, to compare it with its original
    Forward(forward::Arguments),
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    match &arguments.action {
        Action::Ls => folder::list(context),
        Action::Show(arguments) => folder::show(arguments, context),
        Action::Add(arguments) => folder::add(arguments, context),
        Action::Rm(arguments) => folder::remove(arguments, context),
        Action::Pull { name } => Err(Failure::new(
            "no_network",
            format!("cannot pull `{name}`: this version opens no connection"),
        )
        .hint("download the model's folder yourself, then `idiolect models add DIR`")
        .into()),
        Action::Generate(arguments) => generate::run(arguments, context),
        Action::Merge(arguments) => convert::merge(arguments, context),
        Action::Convert(arguments) => convert::convert(arguments, context),
        Action::Forward(arguments) => forward::run(arguments, context),
    }
}
