use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};

use anyhow::Context as _;
use clap::Args;
use idiolect_training::examples::Split;
use idiolect_training::users::next_snippets;
use serde::Deserialize;
use serde_json::json;

use super::{Out, manifest};
use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::printer::counted;

/// Makes what the row UserID learns from: pairs of neighbouring snippets, told only who wrote them,
/// from the documents that are no example's target, validation and test users' included. It stands
/// beside the examples of `data build`, which say who the users and what the targets are.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect data build --archive many --out data
  idiolect data users --archive many --out data")]
pub(super) struct Arguments {
    #[command(flatten)]
    out: Out,
}

const FILE: &str = "users.jsonl.zst";

const LEVEL: i32 = 3;

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    #[derive(Deserialize)]
    struct Target {
        author: String,
        document: String,
    }
    let folder = &arguments.out.out;
    manifest(folder)?;
    let mut targets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for split in Split::ALL {
        let path = folder.join(format!("{}.jsonl.zst", split.name()));
        files::json_lines(&path, |_, target: Target| {
            targets
                .entry(target.author)
                .or_default()
                .insert(target.document);
            Ok(())
        })?;
    }
    let archive = context.settings.archive()?;
    let temporary = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write in `{}`", folder.display()))?;
    let mut file = zstd::Encoder::new(BufWriter::new(temporary), LEVEL)?;
    let (mut users, mut snippets) = (0, 0);
    for (author, targets) in &targets {
        let found = next_snippets(archive.documents(author)?, targets);
        users += usize::from(!found.is_empty());
        snippets += found.len();
        for next in &found {
            serde_json::to_writer(&mut file, next)?;
            file.write_all(b"\n")?;
        }
    }
    if snippets == 0 {
        return Err(Failure::new(
            "no_examples",
            "every document is a target, or one snippet long",
        )
        .hint("build with a lower `--max-examples`, or import more")
        .into());
    }
    file.finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .persist(folder.join(FILE))
        .with_context(|| format!("cannot write in `{}`", folder.display()))?;
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "users": users, "snippets": snippets }))?;
    } else {
        context.printer.line(format_args!(
            "{} of {}",
            counted(snippets, "snippet"),
            counted(users, "user")
        ))?;
    }
    Ok(Status::Done)
}
