use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use idiolect_models::WeightFormat;

use crate::commands::Command;
use crate::options::threads;
use crate::settings::ConfigFile;

/// Writes the rest of a document in its author's own voice, from what they wrote before.
///
/// Everything runs and stays on this computer; no command opens a connection.
#[derive(Debug, Parser)]
#[command(
    name = "idiolect",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    after_long_help = EXAMPLES
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  idiolect demo
  idiolect import mail.mbox --me me@example.org
  idiolect search \"the garden in spring\"
  idiolect write --title \"Plans for May\" \"Dear Ana,\"

Every option with `[env: …]` can also stand in the configuration file: `idiolect config schema`.";

/// Options of every command, accepted before and after its name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Folder of the archive [default: $XDG_DATA_HOME/idiolect]
    #[arg(long, global = true, value_name = "DIR", env = "IDIOLECT_ARCHIVE")]
    pub(crate) archive: Option<PathBuf>,
    /// Model that writes: `builtin`, the name of an added one, or its folder [default: builtin]
    #[arg(long, global = true, value_name = "NAME|DIR", env = "IDIOLECT_MODEL")]
    pub(crate) model: Option<String>,
    /// LoRA adapter for that model, in PEFT's folder format
    #[arg(long, global = true, value_name = "DIR", env = "IDIOLECT_ADAPTER")]
    pub(crate) adapter: Option<PathBuf>,
    /// Model that compares passages: `builtin`, a folder, or `none` [default: builtin]
    #[arg(
        long,
        global = true,
        value_name = "NAME|DIR|none",
        env = "IDIOLECT_ENCODER"
    )]
    pub(crate) encoder: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print no messages
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more messages
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to colour messages
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "IDIOLECT_COLOR",
        default_value = "auto"
    )]
    pub(crate) color: Color,
    /// Threads to compute with [default: all cores]
    #[arg(long, global = true, value_name = "N", env = "IDIOLECT_THREADS", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Where to compute: `cpu`, or `cuda` or `wgpu` in a build that has it
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "IDIOLECT_DEVICE",
        default_value = "cpu"
    )]
    pub(crate) device: String,
    /// How weights are kept on the CPU: exactly, in 16 bits, or in 8 [default: in 8 where they are
    /// stored so, else exactly]
    #[arg(long, global = true, value_name = "KIND", env = "IDIOLECT_WEIGHTS")]
    pub(crate) weights: Option<WeightKind>,
    /// Seed of everything random
    #[arg(
        long,
        global = true,
        value_name = "N",
        env = "IDIOLECT_SEED",
        default_value_t = 0
    )]
    pub(crate) seed: u64,
}

/// How weights are kept in memory on the CPU.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WeightKind {
    /// Exactly; in half the memory where that loses nothing
    F32,
    /// Rounded to 16 bits
    Bf16,
    /// Rounded to 8 bits with a scale a row: the fastest
    Int8,
}

impl From<WeightKind> for WeightFormat {
    fn from(kind: WeightKind) -> Self {
        match kind {
            WeightKind::F32 => Self::F32,
            WeightKind::Bf16 => Self::Bf16,
            WeightKind::Int8 => Self::Int8,
        }
    }
}

/// When messages are coloured.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What was typed, over the environment, over the configuration file.
pub(crate) struct Invocation {
    pub(crate) global: Global,
    pub(crate) command: Command,
}

impl Invocation {
    pub(crate) fn parse() -> anyhow::Result<Self> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let plain = Cli::command();
        let configured = ConfigFile::load(&plain).map(|file| file.as_defaults(plain.clone()));
        let (command, broken) = match configured {
            Ok(command) => (command, None),
            Err(error) => (plain, Some(error)),
        };
        let matches = command.try_get_matches_from(arguments)?;
        let cli = Cli::from_arg_matches(&matches)?;
        match broken {
            Some(error) if !cli.command.works_without_settings() => Err(error),
            _ => Ok(Self {
                global: cli.global,
                command: cli.command,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
