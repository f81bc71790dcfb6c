use clap::Args;

use crate::Status;
use crate::commands::argument_or_stdin;
use crate::context::Context;
use crate::options::AnalyzerOption;

/// Prints the terms that search makes of a text, one a line.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect analyze \"The gardens' gates\"
  idiolect analyze --analyzer german - < brief.txt")]
pub(crate) struct Arguments {
    /// The text, or `-` for standard input
    text: String,
    #[command(flatten)]
    analyzer: AnalyzerOption,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let text = argument_or_stdin(&arguments.text)?;
    let terms = arguments.analyzer.analyzer.terms(&text);
    if context.printer.json() {
        context.printer.object(&terms)?;
    } else {
        for term in terms {
            context.printer.line(term)?;
        }
    }
    Ok(Status::Done)
}
