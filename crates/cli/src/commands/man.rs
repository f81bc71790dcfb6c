use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::Status;
use crate::arguments::Cli;
use crate::context::Context;
use crate::failure::Failure;

/// Prints the manual page.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect man | man -l -
  idiolect man write > idiolect-write.1")]
pub(crate) struct Arguments {
    /// The page of this command, not of all
    command: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let mut all = Cli::command();
    all.build();
    let page = match &arguments.command {
        None => all,
        Some(name) => all
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| {
                Failure::new("usage", format!("there is no command `{name}`"))
                    .hint("`idiolect --help` lists the commands")
            })?
            .name(format!("idiolect-{name}")),
    };
    let mut bytes = Vec::new();
    Man::new(page).render(&mut bytes)?;
    context.printer.whole(&bytes)?;
    Ok(Status::Done)
}
