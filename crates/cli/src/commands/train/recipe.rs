//! A recipe: which tasks at which rates, sizes and schedule, as one TOML file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use idiolect_training::features::Form;
use idiolect_training::fit::{OptimizerKind, Schedule};
use serde::Deserialize;

use super::data::TaskName;
use crate::failure::Failure;
use crate::files;

/// What a recipe says; what was typed counts before it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Recipe {
    /// Folders that `data build` and `data pairs` wrote.
    pub(super) examples: Paths,
    /// Plain text for `spans` and `prefix`: files, or folders of them.
    pub(super) texts: Paths,
    /// Plain text to look at while training.
    pub(super) validation_texts: Paths,
    /// A `config.json`, to start from scratch.
    pub(super) config: Option<PathBuf>,
    /// A `tokenizer.json`, for a start from scratch.
    pub(super) tokenizer: Option<PathBuf>,
    /// Whose summaries the generator reads in training.
    pub(super) summaries: Summaries,
    /// Whose key words it reads; as the summaries where nothing is said.
    pub(super) keywords: Option<Keywords>,
    /// In which form the generator is asked, the paper's where nothing is said.
    pub(super) form: FormName,
    /// How many of the training examples are used, spread over their authors by the seed.
    pub(super) limit: Option<usize>,
    /// How many of the validation examples are looked at.
    pub(super) validation_limit: Option<usize>,
    /// Longest input and target, in tokens.
    pub(super) lengths: Lengths,
    /// Rates of the tasks.
    pub(super) tasks: BTreeMap<TaskName, f64>,
    pub(super) training: Training,
    /// Trains an adapter and not the model.
    pub(super) lora: Option<Lora>,
}

/// One path or several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "OneOrSeveral")]
pub(super) struct Paths(pub(super) Vec<PathBuf>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl From<OneOrSeveral> for Paths {
    fn from(given: OneOrSeveral) -> Self {
        Self(match given {
            OneOrSeveral::One(path) => vec![path],
            OneOrSeveral::Several(paths) => paths,
        })
    }
}

/// An adapter to be trained.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lora {
    pub(super) rank: usize,
    pub(super) alpha: Option<f64>,
    pub(super) targets: Option<Vec<String>>,
}

/// Whose summaries the generator reads in training.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Summaries {
    /// The weak labels: what good ones would be.
    #[default]
    Labels,
    /// None.
    None,
    /// What this model makes: as noisy as when writing (paper §4.3).
    Model(String),
    /// What this model makes of the past alone: SumCtxInd.
    Independent(String),
}

/// Whose key words the generator reads in training.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Keywords {
    /// The weak labels.
    Labels,
    /// None.
    None,
    /// Frequent words of the past: SynCtxInd.
    Ind,
    /// What this model finds.
    Model(String),
}

impl Recipe {
    /// Whose key words the generator reads.
    pub(super) fn keywords(&self) -> Keywords {
        let as_summaries = || match &self.summaries {
            Summaries::Labels => Keywords::Labels,
            Summaries::None | Summaries::Independent(_) => Keywords::None,
            Summaries::Model(name) => Keywords::Model(name.clone()),
        };
        self.keywords.clone().unwrap_or_else(as_summaries)
    }
}

/// A form of the generator's task: the paper's, or one row of its Table 5.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FormName {
    #[default]
    Paper,
    /// Without past passages and all that is made of them: ImmedCtx.
    NoPast,
    /// Without past passages, with what the stages made of them: NoRankedEntries.
    NoEntries,
    /// The target begins behind the start: RemoveDocStart.
    NoStart,
    /// ImmedCtxAtEnd.
    ContextLast,
}

impl FormName {
    pub(super) fn form(self) -> Form {
        let paper = Form::PAPER;
        match self {
            Self::Paper => paper,
            Self::NoPast | Self::NoEntries => Form {
                entries: false,
                ..paper
            },
            Self::NoStart => Form {
                start: false,
                ..paper
            },
            Self::ContextLast => Form {
                context_last: true,
                ..paper
            },
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Lengths {
    pub(super) input: usize,
    pub(super) target: usize,
}

impl Default for Lengths {
    fn default() -> Self {
        Self {
            input: 512,
            target: 512,
        }
    }
}

/// The loop's options; each may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Training {
    pub(super) steps: Option<u64>,
    pub(super) epochs: Option<u64>,
    pub(super) batch: Option<usize>,
    pub(super) batch_tokens: Option<usize>,
    pub(super) accumulate: Option<usize>,
    pub(super) optimizer: Option<OptimizerName>,
    pub(super) scale_parameter: Option<bool>,
    pub(super) lr: Option<f64>,
    pub(super) schedule: Option<Schedule>,
    pub(super) warmup: Option<u64>,
    pub(super) clip: Option<f64>,
    pub(super) dropout: Option<f64>,
    pub(super) shuffle: Option<bool>,
    pub(super) validate_every: Option<u64>,
    pub(super) checkpoint_seconds: Option<u64>,
    pub(super) checkpoint_every: Option<u64>,
    pub(super) keep: Option<usize>,
    pub(super) gradient_checkpointing: Option<bool>,
    pub(super) patience: Option<u64>,
}

/// As users name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum OptimizerName {
    /// As T5 was trained
    Adafactor,
    /// Betas 0.9 and 0.999, no weight decay
    Adamw,
}

impl OptimizerName {
    pub(super) fn kind(self, scale_parameter: bool) -> OptimizerKind {
        match self {
            Self::Adafactor => OptimizerKind::Adafactor { scale_parameter },
            Self::Adamw => OptimizerKind::AdamW,
        }
    }
}

impl Recipe {
    /// Reads a recipe; paths in it are relative to it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = files::text(path)?;
        let mut recipe: Self = toml::from_str(&text).map_err(|error| {
            let shown = path.display();
            Failure::new(
                "recipe",
                format!("cannot use `{shown}`: {}", error.message()),
            )
            .hint("`idiolect train --help` shows a recipe")
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let singles = [&mut recipe.config, &mut recipe.tokenizer];
        let several = [
            &mut recipe.examples,
            &mut recipe.texts,
            &mut recipe.validation_texts,
        ];
        for inside in singles
            .into_iter()
            .flatten()
            .chain(several.into_iter().flat_map(|paths| &mut paths.0))
        {
            *inside = folder.join(&*inside);
        }
        Ok(recipe)
    }
}
