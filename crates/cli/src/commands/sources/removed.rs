//! What was left out of a source's documents.

use std::ops::ControlFlow;
use std::path::Path;

use idiolect_ingest::{Imported, Item, read};
use serde::Serialize;

use super::find;
use crate::Status;
use crate::commands::import::{options_of, place};
use crate::context::Context;
use crate::printer::harmless;

/// One part of an item that is not in its document.
#[derive(Serialize)]
struct Removed<'a> {
    author: &'a str,
    document: &'a str,
    location: &'a str,
    /// Bytes of the item's decoded text.
    start: usize,
    end: usize,
    reason: &'a str,
    /// `null` where the source is not there any more.
    text: Option<&'a str>,
}

/// Lists all of them: from the source, read once more as it was imported; where that cannot be, as the
/// archive remembers them.
pub(super) fn show(id: i64, context: &mut Context) -> anyhow::Result<Status> {
    let archive = context.settings.archive()?;
    let sources = archive.sources()?;
    let source = find(&sources, id)?;
    let options = archive
        .options_of_source(id)?
        .and_then(|text| options_of(&text));
    let path = Path::new(&source.location);
    if let Some(options) = options.filter(|_| path.exists()) {
        let mut failed = None;
        let each = &mut |item| {
            if let Item::Document(imported) = item
                && let Err(error) = print_document(&imported, context)
            {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        read(path, &options, each)?;
        return match failed {
            Some(error) => Err(error.into()),
            None => Ok(Status::Done),
        };
    }
    context
        .printer
        .note("the source cannot be read again: what was left out is listed without its text");
    for left_out in archive.left_out(id)? {
        let spans: Vec<(usize, usize, String)> = serde_json::from_str(&left_out.removed)?;
        for (start, end, reason) in &spans {
            let removed = Removed {
                author: &left_out.author,
                document: &left_out.document,
                location: &left_out.location,
                start: *start,
                end: *end,
                reason,
                text: None,
            };
            print(&removed, context)?;
        }
    }
    Ok(Status::Done)
}

fn print_document(imported: &Imported, context: &mut Context) -> std::io::Result<()> {
    let location = place(&imported.source, &imported.location);
    for one in &imported.removed {
        let text = imported
            .original
            .as_deref()
            .and_then(|whole| whole.get(one.span.clone()));
        let removed = Removed {
            author: &imported.document.author,
            document: &imported.document.id,
            location: &location,
            start: one.span.start,
            end: one.span.end,
            reason: &one.reason.to_string(),
            text,
        };
        print(&removed, context)?;
    }
    Ok(())
}

fn print(removed: &Removed<'_>, context: &mut Context) -> std::io::Result<()> {
    if context.printer.json() {
        return context.printer.object(removed);
    }
    let Removed {
        document,
        location,
        start,
        end,
        reason,
        text,
        ..
    } = removed;
    context.printer.line(format_args!(
        "{document} ({location}), bytes {start} to {end}: {reason}"
    ))?;
    for line in text.unwrap_or_default().trim_end().lines() {
        context
            .printer
            .line(format_args!("  | {}", harmless(line)))?;
    }
    Ok(())
}
