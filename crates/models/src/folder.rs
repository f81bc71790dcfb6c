//! Model folders in the Hugging Face layout.

use std::{io::Write, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Config, Error, t5::Ids};

const GENERATION: &str = "generation_config.json";

/// Reads and checks the `config.json` of a T5, and what a `generation_config.json` beside it says of
/// the tokens that end a text.
///
/// # Errors
/// [`Error::MissingFile`], [`Error::Json`], [`Error::Architecture`], [`Error::Config`].
pub fn read_config(folder: &Path) -> Result<Config, Error> {
    let mut config = parse_config(&read(folder, "config.json")?, &folder.join("config.json"))?;
    let generation = folder.join(GENERATION);
    if generation.exists() {
        let bytes = fs_err::read(&generation).map_err(Error::Read)?;
        add_generation_config(&mut config, &bytes, &generation)?;
    }
    Ok(config)
}

/// Understands and checks the bytes of a `config.json`; `file` only names it.
///
/// # Errors
/// [`Error::Json`], [`Error::Architecture`], [`Error::Config`].
pub fn parse_config(bytes: &[u8], file: &Path) -> Result<Config, Error> {
    let json = |source| Error::Json {
        file: file.to_owned(),
        source,
    };
    let mut value: Map<String, Value> = serde_json::from_slice(bytes).map_err(json)?;
    // A key that is null says nothing.
    value.retain(|_, value| !value.is_null());
    let kind = (value.get("model_type").and_then(Value::as_str)).unwrap_or("t5");
    if !matches!(kind, "t5" | "mt5" | "umt5") {
        return Err(Error::Architecture {
            file: file.to_owned(),
            found: kind.to_owned(),
            expected: "t5, mt5 or umt5",
        });
    }
    let ends = value.get("eos_token_id").cloned();
    let mut config: Config = serde_json::from_value(Value::Object(value)).map_err(json)?;
    if let Some(ends) = ends {
        set_ends(&mut config, ends).map_err(json)?;
    }
    check(config, file)
}

/// Texts that are written end where `generation_config.json` says; inputs and targets of training
/// keep the token of `config.json`.
fn add_generation_config(config: &mut Config, bytes: &[u8], file: &Path) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Generation {
        eos_token_id: Option<Value>,
    }

    let json = |source| Error::Json {
        file: file.to_owned(),
        source,
    };
    let generation: Generation = serde_json::from_slice(bytes).map_err(json)?;
    if let Some(ends) = generation.eos_token_id {
        set_ends(config, ends).map_err(json)?;
        *config = check(config.clone(), file)?;
    }
    Ok(())
}

fn set_ends(config: &mut Config, ends: Value) -> serde_json::Result<()> {
    let ends = serde_json::from_value::<Ids>(ends)?.all();
    config.end_token_ids = if ends == [config.eos_token_id] {
        Vec::new()
    } else {
        ends
    };
    Ok(())
}

fn check(config: Config, file: &Path) -> Result<Config, Error> {
    match config.defect() {
        Some(defect) => Err(Error::Config {
            file: file.to_owned(),
            defect,
        }),
        None => Ok(config),
    }
}

/// Writes `config.json` and, where there is more to say of the end of a text,
/// `generation_config.json`.
pub(crate) fn write_config(folder: &Path, config: &Config) -> Result<(), Error> {
    if !config.end_token_ids.is_empty() {
        let generation = json!({
            "decoder_start_token_id": config.decoder_start_token_id,
            "eos_token_id": config.end_token_ids,
            "pad_token_id": config.pad_token_id,
        });
        write_json(folder, GENERATION, &generation)?;
    }
    write_json(folder, "config.json", config)
}

/// What a model is called that lies in `folder`.
pub(crate) fn name(folder: &Path) -> String {
    folder
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Reads a file that the folder must have.
pub(crate) fn read(folder: &Path, file: &'static str) -> Result<Vec<u8>, Error> {
    fs_err::read(folder.join(file)).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Error::MissingFile {
                folder: folder.to_owned(),
                file,
            }
        } else {
            Error::Read(error)
        }
    })
}

/// Writes a file whole or not at all: first beside its place, then renamed. Only its owner can read
/// it, since weights may hold what they learned from.
pub(crate) fn write(folder: &Path, file: &str, bytes: &[u8]) -> Result<(), Error> {
    fs_err::create_dir_all(folder).map_err(Error::Write)?;
    let draft = folder.join(format!(".{file}.partial"));
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(&draft).map_err(Error::Write)?;
    opened.write_all(bytes).map_err(Error::Write)?;
    fs_err::rename(&draft, folder.join(file)).map_err(Error::Write)
}

pub(crate) fn write_json(folder: &Path, file: &str, value: &impl Serialize) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| Error::Json {
        file: folder.join(file),
        source,
    })?;
    bytes.push(b'\n');
    write(folder, file, &bytes)
}
