use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use idiolect_core::{Encoder as _, ModelIdentity};
use idiolect_models::{Config, EncoderFacts, SentenceEncoder, Seq2Seq, Stored, WeightFormat};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Status;
use crate::context::{Context, Settings};
use crate::failure::Failure;
use crate::files;
use crate::open::{BUILTIN, is_plain_name, located};
use crate::printer::{BOLD, DIM};
use crate::settings::models_folder;

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// `builtin`, the name of an added model, or a folder
    #[arg(value_name = "NAME|DIR")]
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    /// The folder, or a file in it
    #[arg(value_name = "DIR|FILE")]
    path: PathBuf,
    /// Under this name [default: that of the folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    /// Name of an added model
    name: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Description {
    Writer(Writer),
    Encoder(EncoderDescription),
}

#[derive(Debug, Serialize)]
struct EncoderDescription {
    name: String,
    folder: PathBuf,
    architecture: String,
    sha256: String,
    dimensions: usize,
    layers: usize,
    heads: usize,
    vocabulary: usize,
    max_tokens: Option<usize>,
    licence: Option<String>,
}

#[derive(Debug, Serialize)]
struct Writer {
    name: String,
    folder: Option<PathBuf>,
    architecture: String,
    sha256: String,
    d_model: usize,
    encoder_layers: usize,
    decoder_layers: usize,
    heads: usize,
    vocabulary: usize,
    tokenizer: bool,
    licence: Option<String>,
}

pub(super) fn list(context: &mut Context) -> anyhow::Result<Status> {
    let mut names = vec![BUILTIN.to_owned()];
    names.extend(added()?);
    for name in names {
        match describe(&name, &context.settings) {
            Ok(model) if context.printer.json() => context.printer.object(&model)?,
            Ok(model) => context.printer.line(row(&model))?,
            Err(error) if context.printer.json() => context
                .printer
                .object(&json!({ "name": name, "error": format!("{error:#}") }))?,
            Err(error) => context.printer.line(format_args!(
                "{BOLD}{name}{BOLD:#}  cannot be used: {error:#}"
            ))?,
        }
    }
    Ok(Status::Done)
}

fn added() -> anyhow::Result<Vec<String>> {
    let entries = match fs_err::read_dir(models_folder()?) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_plain_name(&name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn describe(name: &str, settings: &Settings) -> anyhow::Result<Description> {
    let place = located(name)?;
    if place != BUILTIN && SentenceEncoder::is_folder(Path::new(&place)) {
        return Ok(Description::Encoder(describe_encoder(place.into())?));
    }
    let model = Seq2Seq::open(&place, &settings.device()?)?;
    let ModelIdentity { name, sha256 } = model.identity()?;
    let folder = (place != BUILTIN).then(|| PathBuf::from(place));
    let config: &Config = model.config();
    Ok(Description::Writer(Writer {
        name,
        architecture: architecture(config),
        sha256,
        d_model: config.d_model,
        encoder_layers: config.num_layers,
        decoder_layers: config.decoder_layers(),
        heads: config.num_heads,
        vocabulary: config.vocab_size,
        tokenizer: model.tokenizer().is_some(),
        licence: match &folder {
            Some(folder) => licence(&folder.join("README.md"))?,
            None => Some("MIT OR Apache-2.0".to_owned()),
        },
        folder,
    }))
}

fn describe_encoder(folder: PathBuf) -> anyhow::Result<EncoderDescription> {
    let encoder = SentenceEncoder::load(&folder)?;
    let (name, sha256) = encoder.identity().split_once('@').unwrap_or_default();
    let EncoderFacts {
        architecture,
        modules,
        dimensions,
        layers,
        heads,
        vocabulary,
        max_tokens,
    } = encoder.facts();
    Ok(EncoderDescription {
        name: name.to_owned(),
        architecture: format!("{architecture} encoder ({})", modules.join(", ")),
        sha256: sha256.to_owned(),
        dimensions,
        layers,
        heads,
        vocabulary,
        max_tokens,
        licence: licence(&folder.join("README.md"))?,
        folder,
    })
}

fn architecture(config: &Config) -> String {
    format!("{} ({})", config.model_type, config.feed_forward_proj)
}

/// What the model card's front matter says.
fn licence(card: &Path) -> anyhow::Result<Option<String>> {
    let text = match fs_err::read_to_string(card) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(text
        .lines()
        .skip(1)
        .take_while(|line| *line != "---")
        .find_map(|line| line.strip_prefix("license:"))
        .map(|licence| licence.trim().to_owned()))
}

fn row(model: &Description) -> String {
    let (name, about, sha256) = match model {
        Description::Writer(model) => (
            &model.name,
            format!(
                "{}, {}+{} layers of {}, {} tokens",
                model.architecture,
                model.encoder_layers,
                model.decoder_layers,
                model.d_model,
                model.vocabulary
            ),
            &model.sha256,
        ),
        Description::Encoder(model) => (
            &model.name,
            format!(
                "{}, {} layers, vectors of {}, {} tokens",
                model.architecture, model.layers, model.dimensions, model.vocabulary
            ),
            &model.sha256,
        ),
    };
    let hash = sha256.get(..12).unwrap_or_default();
    format!("{BOLD}{name}{BOLD:#}  {about}  {DIM}{hash}{DIM:#}")
}

pub(super) fn show(arguments: &ShowArguments, context: &mut Context) -> anyhow::Result<Status> {
    let model = describe(&arguments.name, &context.settings)?;
    if context.printer.json() {
        context.printer.object(&model)?;
        return Ok(Status::Done);
    }
    if let Value::Object(fields) = serde_json::to_value(&model)? {
        for (name, value) in fields {
            let value = match value {
                Value::String(text) => text,
                Value::Null => "not known".to_owned(),
                other => other.to_string(),
            };
            let name = name.replace('_', " ");
            context.printer.line(format_args!("{name}: {value}"))?;
        }
    }
    Ok(Status::Done)
}

/// The files that make a model folder, beside those of its weights.
const FILES: [&str; 8] = [
    "config.json",
    "tokenizer.json",
    "spiece.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "README.md",
    "LICENSE",
];

pub(super) fn add(arguments: &AddArguments, context: &mut Context) -> anyhow::Result<Status> {
    let given = fs_err::canonicalize(&arguments.path)?;
    let folder = if given.is_dir() {
        given.as_path()
    } else {
        given.parent().unwrap_or(&given)
    };
    let usual = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = arguments.name.clone().or(usual).unwrap_or_default();
    if !is_plain_name(&name) || name == BUILTIN {
        return Err(
            Failure::new("usage", format!("`{name}` cannot be a model's name"))
                .hint("choose another with `--name`")
                .into(),
        );
    }
    // A model that cannot be opened is not worth copying.
    let encoder = SentenceEncoder::is_folder(folder);
    let files = if encoder {
        SentenceEncoder::load(folder)?;
        SentenceEncoder::files(folder)?
    } else {
        let stored = Stored::load(folder)?;
        Seq2Seq::of_stored(
            &stored,
            &context.settings.device()?,
            Some(WeightFormat::F32),
        )?;
        let names = stored.weights().files().filter_map(Path::file_name);
        let others = FILES.iter().map(OsStr::new);
        names.chain(others).map(PathBuf::from).collect()
    };
    let models = models_folder()?;
    let place = models.join(&name);
    if place.exists() {
        return Err(
            Failure::new("model_exists", format!("there is a model `{name}` already"))
                .hint(format!(
                    "`idiolect models rm {name}` deletes it; `--name` takes another name"
                ))
                .into(),
        );
    }
    files::make_private_folder(&models)?;
    let draft = tempfile::Builder::new()
        .prefix(".adding")
        .tempdir_in(&models)?;
    for file in files {
        let (from, to) = (folder.join(&file), draft.path().join(&file));
        if from.exists() {
            fs_err::create_dir_all(to.parent().unwrap_or(draft.path()))?;
            fs_err::copy(&from, to)?;
        }
    }
    fs_err::rename(draft.keep(), &place)?;
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "name": name, "folder": place }))?;
    } else {
        let option = if encoder { "--encoder" } else { "--model" };
        context
            .printer
            .line(format_args!("added: use it with `{option} {name}`"))?;
    }
    Ok(Status::Done)
}

pub(super) fn remove(arguments: &RemoveArguments, context: &mut Context) -> anyhow::Result<Status> {
    let name = &arguments.name;
    let place = models_folder()?.join(name);
    if !is_plain_name(name) || !place.is_dir() {
        return Err(
            Failure::new("unknown_model", format!("there is no added model `{name}`"))
                .hint("`idiolect models ls` lists them")
                .into(),
        );
    }
    fs_err::remove_dir_all(&place)?;
    if context.printer.json() {
        context.printer.object(&json!({ "removed": name }))?;
    } else {
        context.printer.line(format_args!("removed {name}"))?;
    }
    Ok(Status::Done)
}
