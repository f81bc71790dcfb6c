//! The small files of a folder of sentence-transformers: how long a text may be, and what is put
//! before it.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::config::Sizes;
use crate::Error;

/// Holds the prompts.
pub(super) const PROMPTS: &str = "config_sentence_transformers.json";

/// Where a Transformer's own settings may be; the first that is there counts.
pub(super) const LENGTHS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// A Transformer's own settings.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Settings {
    /// Overrides the truncation that tokenizer.json stores.
    max_seq_length: Option<usize>,
    #[serde(default)]
    pub do_lower_case: bool,
    transformer_task: Option<String>,
    module_output_name: Option<String>,
}

/// What may be put before a text.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Prompts {
    #[serde(default)]
    pub prompts: BTreeMap<String, Option<String>>,
    pub default_prompt_name: Option<String>,
}

impl Settings {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        for name in LENGTHS {
            let Some(found) = optional::<Self>(folder, name)? else {
                continue;
            };
            let wanted = [
                (
                    "transformer_task",
                    &found.transformer_task,
                    "feature-extraction",
                ),
                (
                    "module_output_name",
                    &found.module_output_name,
                    "token_embeddings",
                ),
            ];
            for (setting, value, known) in wanted {
                if let Some(other) = value.as_ref().filter(|value| *value != known) {
                    return Err(Error::Setting {
                        file: folder.join(name),
                        setting,
                        value: other.clone(),
                    });
                }
            }
            return Ok(found);
        }
        Ok(Self::default())
    }

    /// How many tokens of a text count, special ones among them: what the settings say, else what
    /// the tokenizer's say; never more than there are positions.
    pub(super) fn most_tokens(&self, folder: &Path, sizes: &Sizes) -> Result<Option<usize>, Error> {
        let told = match self.max_seq_length {
            Some(told) => Some(told),
            None => optional::<Value>(folder, "tokenizer_config.json")?
                .and_then(|config| config["model_max_length"].as_f64())
                // Where there is no limit, a number beyond all texts is written.
                .filter(|length| *length < 1e9)
                .map(|length| length as usize)
                .into_iter()
                .chain(sizes.positions)
                .min(),
        };
        Ok(told.into_iter().chain(sizes.capacity()).min())
    }
}

impl Prompts {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        Ok(optional(folder, PROMPTS)?.unwrap_or_default())
    }

    /// The text of the prompt of this name.
    pub(super) fn named(&self, name: &str) -> Result<String, Error> {
        match self.prompts.get(name) {
            Some(prompt) => Ok(prompt.clone().unwrap_or_default()),
            None => Err(Error::Prompt {
                name: name.to_owned(),
                known: self.prompts.keys().cloned().collect(),
            }),
        }
    }

    /// What is put before every text where nobody says otherwise.
    pub(super) fn usual(&self) -> Result<String, Error> {
        self.default_prompt_name
            .as_ref()
            .map_or(Ok(String::new()), |name| self.named(name))
    }
}

/// A JSON file that a folder need not have.
fn optional<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>, Error> {
    let file = folder.join(name);
    match fs_err::read(&file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| Error::Json { file, source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Read(error)),
    }
}
