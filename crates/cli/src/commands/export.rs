use clap::Args;
use idiolect_core::Document;

use crate::Status;
use crate::context::Context;

/// Writes the archive as JSON Lines that `import` reads back.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect export > everything.jsonl
  idiolect export --author ana > ana.jsonl")]
pub(crate) struct Arguments {
    /// Only what this author wrote
    #[arg(long, value_name = "NAME", env = "IDIOLECT_AUTHOR")]
    author: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let archive = context.settings.archive()?;
    let mut written = 0;
    let mut failed = None;
    let mut write = |document: &Document| {
        if failed.is_none() {
            written += 1;
            failed = context.printer.object(document).err();
        }
        failed.is_none()
    };
    match &arguments.author {
        Some(author) => {
            archive.require_documents()?;
            for document in archive.documents(author)? {
                if !write(&document) {
                    break;
                }
            }
        }
        None => archive.export::<idiolect_archive::Error>(&mut |document| {
            write(document);
            Ok(())
        })?,
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(match written {
        0 => Status::Nothing,
        _ => Status::Done,
    })
}
