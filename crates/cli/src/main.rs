//! The command `idiolect`: parses arguments, calls the libraries, prints, and maps what happened to
//! an exit code. Nothing else lives here.

mod arguments;
mod commands;
mod context;
mod explain;
mod failure;
mod files;
mod interrupt;
mod open;
mod options;
mod passage;
mod printer;
mod progress;
mod settings;

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::arguments::Invocation;
use crate::context::Context;
use crate::failure::{Failure, Report, is_broken_pipe};
use crate::interrupt::Interrupt;
use crate::printer::Printer;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Exit code 0.
    Done,
    /// It ran, but nothing was found or a check failed: 1.
    Nothing,
    /// The user ended it, and what was finished by then is kept: 130.
    Interrupted,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Done => Self::from(0),
            Status::Nothing => Self::from(1),
            Status::Interrupted => Self::from(130),
        }
    }
}

fn main() -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    match Invocation::parse() {
        Ok(invocation) => run(invocation),
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(shown) if is_request_for_text(shown.kind()) => {
                // Help or a version; the only way this fails is a closed pipe, which is no error.
                drop(shown.print());
                ExitCode::from(u8::from(shown.use_stderr()) * 2)
            }
            Ok(wrong) => fail(&Failure::usage(&wrong).into(), json),
            Err(error) => fail(&error, json),
        },
    }
}

fn is_request_for_text(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

fn run(invocation: Invocation) -> ExitCode {
    let json = invocation.global.json;
    let printer = Printer::new(&invocation.global);
    let result = Interrupt::install().and_then(|interrupt| {
        let mut context = Context::new(&invocation, printer, interrupt)?;
        let status = commands::run(invocation.command, &mut context)?;
        context.printer.flush()?;
        Ok(status)
    });
    match result {
        Ok(status) => status.into(),
        Err(error) => fail(&error, json),
    }
}

fn fail(error: &anyhow::Error, json: bool) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::from(0);
    }
    Report::of(error).print(json);
    ExitCode::from(2)
}
