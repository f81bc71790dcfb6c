use clap::Args;
use idiolect_archive::AuthorSummary;

use crate::Status;
use crate::context::Context;
use crate::printer::{BOLD, counted};

/// Lists the authors in the archive.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect authors
  idiolect authors --json | jq -r 'select(.documents >= 5).author'")]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let authors = context.settings.archive()?.authors()?;
    if context.printer.json() {
        for author in &authors {
            context.printer.object(author)?;
        }
    } else {
        for author in &authors {
            context.printer.line(row(author))?;
        }
    }
    if authors.is_empty() {
        context.printer.note("the archive is empty");
        return Ok(Status::Nothing);
    }
    Ok(Status::Done)
}

fn row(summary: &AuthorSummary) -> String {
    let AuthorSummary {
        author,
        documents,
        characters,
        first,
        last,
    } = summary;
    let dates = match (first, last) {
        (Some(first), Some(last)) => format!(", {} to {}", day(*first), day(*last)),
        _ => String::new(),
    };
    let documents = counted(*documents, "document");
    format!("{BOLD}{author}{BOLD:#}: {documents}, {characters} characters{dates}")
}

/// The day of a moment, in UTC.
pub(crate) fn day(moment: jiff::Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}
