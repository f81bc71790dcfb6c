//! Opens what the settings name: archive, models, encoder, an author's past.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use idiolect_archive::{Archive, ArchivePast};
use idiolect_core::{Before, Encoder};
use idiolect_models::{Device, SentenceEncoder, Seq2Seq, Stored};

use crate::context::Settings;
use crate::failure::Failure;
use crate::options::PastOptions;
use crate::printer::Printer;
use crate::settings::{data_folder, models_folder};

pub(crate) const BUILTIN: &str = "builtin";

/// How many names an error lists.
const NAMES_SHOWN: usize = 5;

impl Settings {
    pub(crate) fn archive_folder(&self) -> anyhow::Result<PathBuf> {
        match &self.archive {
            Some(folder) => Ok(folder.clone()),
            None => data_folder(),
        }
    }

    /// An existing archive, for reading.
    pub(crate) fn archive(&self) -> anyhow::Result<Archive> {
        Ok(Archive::open_read_only(&self.archive_folder()?)?)
    }

    /// An existing archive, for changing it.
    pub(crate) fn archive_to_change(&self, printer: &Printer) -> anyhow::Result<Archive> {
        let mut archive = Archive::open(&self.archive_folder()?)?;
        take_turn(&mut archive, Duration::MAX, printer)?;
        Ok(archive)
    }

    pub(crate) fn device(&self) -> anyhow::Result<Device> {
        Ok(idiolect_models::device(&self.device)?)
    }

    pub(crate) fn model_name(&self) -> &str {
        self.model.as_deref().unwrap_or(BUILTIN)
    }

    pub(crate) fn encoder_name(&self) -> &str {
        self.encoder.as_deref().unwrap_or(BUILTIN)
    }

    pub(crate) fn model(&self) -> anyhow::Result<Seq2Seq> {
        let name = located(self.model_name())?;
        let stored = match &self.adapter {
            None => Stored::open(&name)?,
            Some(folder) => merged(&name, folder)?,
        };
        Ok(Seq2Seq::of_stored(&stored, &self.device()?, self.weights)?)
    }

    /// `None` if the user wants none.
    pub(crate) fn encoder(&self) -> anyhow::Result<Option<SentenceEncoder>> {
        match self.encoder_name() {
            "none" => Ok(None),
            name => Ok(Some(SentenceEncoder::open_as(
                &located(name)?,
                self.weights.unwrap_or_default(),
            )?)),
        }
    }
}

/// A model with an adapter in its weights.
pub(crate) fn merged(model: &str, adapter: &Path) -> anyhow::Result<Stored> {
    let stored = Stored::open(model)?;
    stored
        .with_adapter(adapter)
        .with_context(|| format!("cannot use the adapter `{}`", adapter.display()))
}

/// From here on no other process writes to the archive until this one ends; waits for one that
/// does, and says so. Also says where the archive was kept as it was, if it was upgraded.
pub(crate) fn take_turn(
    archive: &mut Archive,
    patience: Duration,
    printer: &Printer,
) -> anyhow::Result<()> {
    if let Some(copy) = archive.kept_copy() {
        printer.note(format_args!(
            "the archive was upgraded; as it was before it lies in {}",
            copy.display()
        ));
    }
    archive.wait_at_most(patience)?;
    archive.take_turn(&mut || printer.note("waiting for another idiolect to finish writing…"))?;
    Ok(())
}

/// The library's view of an encoder that may be there.
pub(crate) fn as_encoder(encoder: Option<&SentenceEncoder>) -> Option<&dyn Encoder> {
    encoder.map(|encoder| encoder as &dyn Encoder)
}

/// What stands behind a model's name: itself for the built-in one and for a folder, else the
/// folder of an added model.
pub(crate) fn located(name: &str) -> anyhow::Result<String> {
    let folder = Path::new(name);
    if folder.join("adapter_config.json").exists() && !folder.join("config.json").exists() {
        return Err(
            Failure::new("model", format!("`{name}` is an adapter, not a model"))
                .hint(format!(
                    "name the model it was made for with `--model`, and it with `--adapter {name}`"
                ))
                .into(),
        );
    }
    if name == BUILTIN || folder.exists() {
        return Ok(name.to_owned());
    }
    let added = models_folder()?.join(name);
    if is_plain_name(name) && added.is_dir() {
        return Ok(added.to_string_lossy().into_owned());
    }
    Err(
        Failure::new("unknown_model", format!("there is no model `{name}`"))
            .hint("give a model's folder, or a name that `idiolect models ls` lists")
            .into(),
    )
}

/// Whether a name names a folder in the folder of added models, and nothing outside it.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.')
}

/// The author that was named, or that `doc:ID` belongs to, or the only one.
pub(crate) fn author(archive: &Archive, options: &PastOptions) -> anyhow::Result<String> {
    if let Some(author) = &options.author {
        return Ok(author.clone());
    }
    if let Some(Before::Document(id)) = &options.before {
        return Ok(archive.document(None, id)?.author);
    }
    if let Some(author) = archive.only_author()? {
        return Ok(author);
    }
    let mut authors = archive.authors()?;
    match authors.len() {
        0 => Err(Failure::new("empty_archive", "the archive is empty")
            .hint("`idiolect import PATH` fills it")
            .into()),
        count => {
            authors.sort_by_key(|author| std::cmp::Reverse(author.documents));
            let names: Vec<String> = authors
                .iter()
                .take(NAMES_SHOWN)
                .map(|author| format!("`{}`", author.author))
                .collect();
            let more = if count > NAMES_SHOWN { ", …" } else { "" };
            Err(
                Failure::new("which_author", format!("the archive holds {count} authors"))
                    .hint(format!(
                        "choose one with `--author`: {}{more}",
                        names.join(", ")
                    ))
                    .into(),
            )
        }
    }
}

/// The past that the options ask for.
pub(crate) fn past(archive: &Archive, options: &PastOptions) -> anyhow::Result<ArchivePast> {
    let author = author(archive, options)?;
    Ok(archive.past(&author, &options.before())?)
}
