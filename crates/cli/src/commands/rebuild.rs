use clap::Args;
use serde_json::json;

use crate::Status;
use crate::context::Context;
use crate::open::as_encoder;
use crate::printer::counted;

/// Makes everything anew that is derived from the documents: snippets, index, vectors; all of it
/// or nothing. Needed after a change of `--encoder`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect rebuild
  idiolect rebuild --encoder none")]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let mut archive = context.settings.archive_to_change(&context.printer)?;
    let encoder = context.settings.encoder()?;
    let rebuilt = archive.rebuild(as_encoder(encoder.as_ref()))?;
    let (authors, documents, snippets) = (rebuilt.authors, rebuilt.documents, rebuilt.snippets);
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "authors": authors, "documents": documents, "snippets": snippets }))?;
    } else {
        context.printer.line(format_args!(
            "{} of {} indexed anew, {}",
            counted(documents, "document"),
            counted(authors, "author"),
            counted(snippets, "snippet")
        ))?;
    }
    Ok(Status::Done)
}
