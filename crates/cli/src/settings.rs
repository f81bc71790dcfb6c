//! The configuration file. Its keys are the long names of the options that have an environment
//! variable, so that clap's definition is the only one: a value from the file becomes that option's
//! default, below the environment, below what was typed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Arg, Command};
use etcetera::BaseStrategy;
use toml::Value;

use crate::failure::Failure;

const APPLICATION: &str = "idiolect";

/// `$XDG_CONFIG_HOME/idiolect/config.toml`.
pub(crate) fn config_path() -> anyhow::Result<PathBuf> {
    let folders = base_folders()?;
    Ok(folders.config_dir().join(APPLICATION).join("config.toml"))
}

/// `$XDG_DATA_HOME/idiolect`: the archive, if no other is named, and the folder of added models.
pub(crate) fn data_folder() -> anyhow::Result<PathBuf> {
    Ok(base_folders()?.data_dir().join(APPLICATION))
}

/// Where `models add` puts models.
pub(crate) fn models_folder() -> anyhow::Result<PathBuf> {
    Ok(data_folder()?.join("models"))
}

fn base_folders() -> anyhow::Result<impl BaseStrategy> {
    etcetera::choose_base_strategy().map_err(|_| {
        Failure::new("config", "the home folder is not known")
            .hint("set HOME, or XDG_CONFIG_HOME and XDG_DATA_HOME")
            .into()
    })
}

/// What the configuration file holds, checked against the options that exist.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigFile {
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// Reads the file where there is one.
    pub(crate) fn load(command: &Command) -> anyhow::Result<Self> {
        let path = config_path()?;
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(error).context("cannot read the configuration"),
        };
        Self::parse(&text, &path, command)
    }

    fn parse(text: &str, path: &Path, command: &Command) -> anyhow::Result<Self> {
        let known = keys(command);
        let shown = path.display();
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Failure::new(
                "config",
                format!("cannot read `{shown}`: {}", error.message()),
            )
            .hint("`idiolect config schema` lists the keys and what they take")
        })?;
        let mut values = BTreeMap::new();
        for (key, value) in table {
            let Some(option) = known.get(&key) else {
                return Err(unknown(&key, &known, path).into());
            };
            let text = match value {
                Value::String(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Boolean(flag) => flag.to_string(),
                Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
                    return Err(Failure::new(
                        "config",
                        format!("`{key}` in `{shown}` must be a string or a number"),
                    )
                    .into());
                }
            };
            check(option, &text).map_err(|why| {
                Failure::new(
                    "config",
                    format!("`{key}` in `{shown}` has a wrong value: {why}"),
                )
                .hint("`idiolect config schema` lists the keys and what they take")
            })?;
            values.insert(key, text);
        }
        Ok(Self { values })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The same command with the file's values as defaults.
    pub(crate) fn as_defaults(&self, command: Command) -> Command {
        let names: Vec<String> = command
            .get_subcommands()
            .map(|sub| sub.get_name().to_owned())
            .collect();
        let mut command = command.mut_args(|option| match self.default_for(&option) {
            Some(value) => option.default_value(value.to_owned()),
            None => option,
        });
        for name in names {
            command = command.mut_subcommand(name, |sub| self.as_defaults(sub));
        }
        command
    }

    fn default_for(&self, option: &Arg) -> Option<&str> {
        option.get_env()?;
        self.get(option.get_long()?)
    }
}

/// Every option that a configuration file may hold, by key.
pub(crate) fn keys(command: &Command) -> BTreeMap<String, Arg> {
    let mut found = BTreeMap::new();
    collect(command, &mut found);
    found
}

fn collect(command: &Command, found: &mut BTreeMap<String, Arg>) {
    for option in command.get_arguments() {
        if let (Some(key), Some(_)) = (option.get_long(), option.get_env()) {
            found
                .entry(key.to_owned())
                .or_insert_with(|| option.clone());
        }
    }
    for sub in command.get_subcommands() {
        collect(sub, found);
    }
}

/// Lets the option's own parser judge a value.
fn check(option: &Arg, value: &str) -> Result<(), String> {
    let key = option.get_long().unwrap_or_default();
    Command::new("config")
        .no_binary_name(true)
        .arg(lone(option))
        .try_get_matches_from([format!("--{key}={value}")])
        .map(drop)
        .map_err(|error| Failure::usage(&error).message)
}

/// The option without its ties to others.
fn lone(option: &Arg) -> Arg {
    let key = option.get_long().unwrap_or_default().to_owned();
    Arg::new(key.clone())
        .long(key)
        .value_parser(option.get_value_parser().clone())
        .allow_negative_numbers(true)
}

fn unknown(key: &str, known: &BTreeMap<String, Arg>, path: &Path) -> Failure {
    let message = format!("`{}` holds an unknown key `{key}`", path.display());
    let nearest = known
        .keys()
        .map(|name| (strsim::damerau_levenshtein(key, name), name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let hint = match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "`idiolect config schema` lists the keys".to_owned(),
    };
    Failure::new("config", message).hint(hint)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::arguments::Cli;

    fn read(text: &str) -> Result<ConfigFile, (String, Option<String>)> {
        ConfigFile::parse(text, Path::new("config.toml"), &Cli::command()).map_err(|error| {
            let failure = error.downcast::<Failure>().unwrap();
            (failure.message, failure.hint)
        })
    }

    #[test]
    fn a_value_becomes_the_default_of_its_option_everywhere() {
        let file = read("seed = 7\nranking = \"recent\"").unwrap();
        let matches = file
            .as_defaults(Cli::command())
            .try_get_matches_from(["idiolect", "search", "x"])
            .unwrap();
        assert_eq!(matches.get_one::<u64>("seed"), Some(&7));
        let (_, search) = matches.subcommand().unwrap();
        assert_eq!(
            search.get_one::<idiolect_core::Ranking>("ranking"),
            Some(&idiolect_core::Ranking::Recent)
        );
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_errors() {
        let (message, hint) = read("rankin = \"recent\"").unwrap_err();
        assert_eq!(message, "`config.toml` holds an unknown key `rankin`");
        assert_eq!(hint.unwrap(), "did you mean `ranking`?");
        let (message, _) = read("threads = 0").unwrap_err();
        assert_eq!(
            message,
            "`threads` in `config.toml` has a wrong value: invalid value '0' for '--threads <threads>': must be 1 or more"
        );
    }
}
