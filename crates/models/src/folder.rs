//! Model folders in the Hugging Face layout.

use std::{io::Write, path::Path};

use serde::Serialize;

use crate::{Config, Error};

/// Reads and checks the `config.json` of a T5.
///
/// # Errors
/// [`Error::MissingFile`], [`Error::Json`], [`Error::Architecture`], [`Error::Config`].
pub fn read_config(folder: &Path) -> Result<Config, Error> {
    parse_config(&read(folder, "config.json")?, &folder.join("config.json"))
}

pub(crate) fn parse_config(bytes: &[u8], file: &Path) -> Result<Config, Error> {
    let json = |source| Error::Json {
        file: file.to_owned(),
        source,
    };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(json)?;
    let kind = value["model_type"].as_str().unwrap_or("t5");
    if !matches!(kind, "t5" | "mt5") {
        return Err(Error::Architecture {
            file: file.to_owned(),
            found: kind.to_owned(),
            expected: "t5 or mt5",
        });
    }
    let config: Config = serde_json::from_value(value).map_err(json)?;
    match config.defect() {
        Some(defect) => Err(Error::Config {
            file: file.to_owned(),
            defect,
        }),
        None => Ok(config),
    }
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
