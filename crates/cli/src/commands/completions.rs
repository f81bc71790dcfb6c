use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Status;
use crate::arguments::Cli;
use crate::context::Context;

/// Prints a shell's completions.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect completions bash > ~/.local/share/bash-completion/completions/idiolect
  idiolect completions zsh > ~/.zfunc/_idiolect
  idiolect completions fish > ~/.config/fish/completions/idiolect.fish")]
pub(crate) struct Arguments {
    /// For which shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "idiolect",
        &mut script,
    );
    context.printer.whole(&script)?;
    Ok(Status::Done)
}
