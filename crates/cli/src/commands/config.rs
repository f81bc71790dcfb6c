use clap::{Arg, Args, CommandFactory, Subcommand};
use serde_json::{Map, Value, json};

use crate::Status;
use crate::arguments::Cli;
use crate::context::Context;
use crate::open::BUILTIN;
use crate::printer::{BOLD, DIM};
use crate::settings::{ConfigFile, config_path, data_folder, keys, models_folder};

/// Where the configuration is, what it says, what it may say.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The file is TOML; a key is an option's long name without the dashes:
  author = \"ana\"
  ranking = \"doc-by-snippet\"
What is typed counts before the environment, the environment before the file.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Action {
    /// Print where configuration, archive and models are
    Path,
    /// Print what holds outside the command line, and where each value comes from
    Show,
    /// Print the keys, what they take, and their environment variables
    Schema,
}

impl Arguments {
    pub(crate) fn works_without_settings(&self) -> bool {
        !matches!(self.action, Action::Show)
    }
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    match arguments.action {
        Action::Path => path(context)?,
        Action::Show => show(context)?,
        Action::Schema => schema(context)?,
    }
    Ok(Status::Done)
}

fn path(context: &mut Context) -> anyhow::Result<()> {
    let config = config_path()?;
    let data = data_folder()?;
    let archive = context.settings.archive.clone().unwrap_or(data);
    let models = models_folder()?;
    if context.printer.json() {
        context
            .printer
            .object(&json!({ "config": config, "archive": archive, "models": models }))?;
    } else {
        context
            .printer
            .line(format_args!("config   {}", config.display()))?;
        context
            .printer
            .line(format_args!("archive  {}", archive.display()))?;
        context
            .printer
            .line(format_args!("models   {}", models.display()))?;
    }
    Ok(())
}

fn show(context: &mut Context) -> anyhow::Result<()> {
    let command = Cli::command();
    let file = ConfigFile::load(&command)?;
    let mut object = Map::new();
    for (key, option) in keys(&command) {
        let (value, origin) = effective(&key, &option, &file)?;
        if context.printer.json() {
            object.insert(key, json!({ "value": value, "origin": origin }));
        } else {
            let value = value.as_deref().unwrap_or("(not set)");
            context
                .printer
                .line(format_args!("{key} = {value}  {DIM}# {origin}{DIM:#}"))?;
        }
    }
    if context.printer.json() {
        context.printer.object(&Value::Object(object))?;
    }
    Ok(())
}

/// A key's value and where it comes from, the command line aside.
fn effective(
    key: &str,
    option: &Arg,
    file: &ConfigFile,
) -> anyhow::Result<(Option<String>, &'static str)> {
    let environment = option.get_env().and_then(std::env::var_os);
    if let Some(value) = environment {
        return Ok((Some(value.to_string_lossy().into_owned()), "environment"));
    }
    if let Some(value) = file.get(key) {
        return Ok((Some(value.to_owned()), "file"));
    }
    let default = match (key, option.get_default_values().first()) {
        (_, Some(value)) => Some(value.to_string_lossy().into_owned()),
        ("archive", None) => Some(data_folder()?.display().to_string()),
        ("model" | "encoder", None) => Some(BUILTIN.to_owned()),
        (_, None) => None,
    };
    Ok((default, "default"))
}

fn schema(context: &mut Context) -> anyhow::Result<()> {
    let known = keys(&Cli::command());
    if context.printer.json() {
        let properties: Map<String, Value> = known
            .iter()
            .map(|(key, option)| (key.clone(), property(option)))
            .collect();
        context.printer.object(&json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "idiolect configuration",
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        }))?;
        return Ok(());
    }
    for (key, option) in known {
        let variable = variable(&option);
        let help = option
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        context
            .printer
            .line(format_args!("{BOLD}{key}{BOLD:#}  {DIM}{variable}{DIM:#}"))?;
        context.printer.line(format_args!("    {help}"))?;
        let choices = choices(&option);
        if !choices.is_empty() {
            context
                .printer
                .line(format_args!("    one of: {}", choices.join(", ")))?;
        }
    }
    Ok(())
}

fn property(option: &Arg) -> Value {
    let mut property = Map::new();
    property.insert("type".into(), json!(["string", "number", "boolean"]));
    if let Some(help) = option.get_help() {
        property.insert("description".into(), json!(help.to_string()));
    }
    let choices = choices(option);
    if !choices.is_empty() {
        property.insert("enum".into(), json!(choices));
    }
    if let Some(default) = option.get_default_values().first() {
        property.insert("default".into(), json!(default.to_string_lossy()));
    }
    property.insert("x-environment".into(), json!(variable(option)));
    Value::Object(property)
}

fn variable(option: &Arg) -> String {
    let name = option.get_env().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn choices(option: &Arg) -> Vec<String> {
    option
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect()
}
