mod removed;

use clap::{Args, Subcommand};
use idiolect_archive::{Removal, SourceSummary};
use serde::Serialize;
use serde_json::json;

use crate::Status;
use crate::commands::authors::day;
use crate::commands::confirmed;
use crate::context::Context;
use crate::failure::Failure;
use crate::printer::{BOLD, counted};

/// What was imported: lists it, shows, excludes or removes one source.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect sources
  idiolect sources show 2
  idiolect sources show 2 --removed  # quotes, signatures and the like that were left out
  idiolect sources remove 2          # as if it had never been imported
  idiolect sources exclude 3 --yes   # removed, and never imported again")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all of them (what `sources` alone does too)
    #[command(alias = "ls")]
    List,
    /// Show one, with the items that could not be read
    Show {
        /// Its number
        id: i64,
        /// List what was left out of its documents, too, with the text where the source is still there
        #[arg(long)]
        removed: bool,
    },
    /// Take out what came from one, and refuse to import it again
    Exclude {
        /// Its number
        id: i64,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Take out what came from one, and forget it
    #[command(alias = "rm")]
    Remove {
        /// Its number
        id: i64,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    match arguments.action {
        None | Some(Action::List) => list(context),
        Some(Action::Show { id, removed: false }) => show(id, context),
        Some(Action::Show { id, removed: true }) => {
            show(id, context)?;
            removed::show(id, context)
        }
        Some(Action::Exclude { id, yes }) => take_out(id, yes, true, context),
        Some(Action::Remove { id, yes }) => take_out(id, yes, false, context),
    }
}

fn list(context: &mut Context) -> anyhow::Result<Status> {
    let sources = context.settings.archive()?.sources()?;
    for source in &sources {
        if context.printer.json() {
            context.printer.object(source)?;
        } else {
            context.printer.line(row(source))?;
        }
    }
    if sources.is_empty() {
        context.printer.note("nothing was imported yet");
        return Ok(Status::Nothing);
    }
    Ok(Status::Done)
}

fn row(source: &SourceSummary) -> String {
    let SourceSummary {
        id,
        location,
        imported,
        excluded,
        documents,
        problems,
        near_duplicates,
        ..
    } = source;
    let excluded = if *excluded { ", excluded" } else { "" };
    let problems = match problems {
        0 => String::new(),
        count => format!(", {count} could not be read"),
    };
    let near = match near_duplicates {
        0 => String::new(),
        count => format!(", {count} nearly repeat another"),
    };
    format!(
        "{id}. {BOLD}{location}{BOLD:#}: {}{near}{problems}, imported {}{excluded}",
        counted(*documents, "document"),
        day(*imported)
    )
}

fn show(id: i64, context: &mut Context) -> anyhow::Result<Status> {
    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(flatten)]
        source: &'a SourceSummary,
        unread: &'a [idiolect_archive::SourceProblem],
    }
    let archive = context.settings.archive()?;
    let unread = archive.problems(id)?;
    let sources = archive.sources()?;
    let source = find(&sources, id)?;
    if context.printer.json() {
        context.printer.object(&Shown {
            source,
            unread: &unread,
        })?;
        return Ok(Status::Done);
    }
    context.printer.line(row(source))?;
    for problem in &unread {
        context
            .printer
            .line(format_args!("  {}: {}", problem.location, problem.reason))?;
    }
    Ok(Status::Done)
}

pub(super) fn find(
    sources: &[SourceSummary],
    id: i64,
) -> Result<&SourceSummary, idiolect_archive::Error> {
    sources
        .iter()
        .find(|source| source.id == id)
        .ok_or(idiolect_archive::Error::UnknownSource { id })
}

fn take_out(id: i64, yes: bool, exclude: bool, context: &mut Context) -> anyhow::Result<Status> {
    let mut archive = context.settings.archive_to_change(&context.printer)?;
    let sources = archive.sources()?;
    let source = find(&sources, id)?;
    let question = format!(
        "delete {} that came from {}?",
        counted(source.documents, "document"),
        source.location
    );
    if !confirmed(&question, yes)? {
        return Err(Failure::new("not_confirmed", "nothing was deleted")
            .hint("`--yes` deletes without asking")
            .into());
    }
    let removal = if exclude {
        archive.exclude_source(id)?
    } else {
        archive.remove_source(id)?
    };
    let Removal { documents, erased } = removal;
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "source": id, "documents": documents, "erased": erased }))?;
    } else {
        context
            .printer
            .line(format_args!("{} deleted", counted(documents, "document")))?;
    }
    if !erased {
        context.printer.warning(
            "another process still reads the archive, so their bytes are on the disk until the next removal",
        );
    }
    Ok(Status::Done)
}
