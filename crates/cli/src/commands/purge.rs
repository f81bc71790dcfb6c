use std::path::{Path, PathBuf};

use clap::Args;
use idiolect_archive::{Archive, Error as ArchiveError};
use serde_json::json;

use crate::Status;
use crate::commands::confirmed;
use crate::context::Context;
use crate::failure::Failure;
use crate::settings::models_folder;

/// Deletes the archive, which is the default one or that of `--archive`, and the models that were
/// added. Everything else stays: what you imported from, other archives, the folders you named with
/// `--out`, your configuration file.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect purge
  idiolect purge --yes --archive ~/other-archive")]
pub(crate) struct Arguments {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let archive = context.settings.archive_folder()?;
    let models = models_folder()?;
    let question = if models.exists() {
        format!(
            "delete the archive in {} and the models in {}?",
            archive.display(),
            models.display()
        )
    } else {
        format!("delete the archive in {}?", archive.display())
    };
    if !confirmed(&question, arguments.yes)? {
        return Err(Failure::new("not_confirmed", "nothing was deleted")
            .hint("`--yes` deletes without asking")
            .into());
    }
    // The models first: they may lie in the archive's folder, which goes only when it is empty.
    let mut deleted = delete_folder(&models)?;
    match Archive::purge(&archive) {
        Ok(files) => deleted.extend(files),
        Err(ArchiveError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if context.printer.json() {
        context.printer.object(&json!({ "deleted": deleted }))?;
    } else {
        for path in &deleted {
            context
                .printer
                .line(format_args!("deleted {}", path.display()))?;
        }
    }
    if deleted.is_empty() {
        context.printer.note("there was nothing to delete");
        return Ok(Status::Nothing);
    }
    Ok(Status::Done)
}

fn delete_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    fs_err::remove_dir_all(folder)?;
    Ok(vec![folder.to_owned()])
}
