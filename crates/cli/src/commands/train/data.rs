//! What a training run draws from: the tasks of a recipe, or plain pairs of input and target.

use std::path::Path;

use idiolect_models::{Seq2Seq, Tokenizer};
use idiolect_pipeline::{Prompt, guarded_greedy, keywords_of};
use idiolect_training::examples::{Example, Half};
use idiolect_training::features::Featurizer;
use idiolect_training::fit::{Features, Held, TaskData, ValidationSet};
use idiolect_training::pairs::Pair;
use serde::Deserialize;

use super::recipe::{Recipe, Summaries};
use crate::commands::data::manifest;
use crate::failure::Failure;
use crate::files;

/// The tasks that a recipe may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TaskName {
    Generation,
    Summary,
    Keywords,
    Distinction,
}

impl TaskName {
    fn name(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::Summary => "summary",
            Self::Keywords => "keywords",
            Self::Distinction => "distinction",
        }
    }
}

/// Everything that a recipe's run draws from and looks at.
pub(super) struct Data {
    pub(super) tasks: Vec<TaskData>,
    pub(super) validation: Vec<ValidationSet>,
}

impl Data {
    /// The tasks of a recipe, from the folder that `data build` wrote.
    pub(super) fn of_recipe(
        folder: &Path,
        recipe: &Recipe,
        featurizer: &Featurizer<'_>,
        writer: Option<&Seq2Seq>,
    ) -> anyhow::Result<Self> {
        manifest(folder)?;
        let examples: Vec<Example> = read(&folder.join("train.jsonl.zst"))?;
        let mut tasks = Vec::new();
        for (&task, &rate) in &recipe.tasks {
            let features = match task {
                TaskName::Generation => {
                    let given = given(&examples, &recipe.summaries, writer, featurizer)?;
                    examples
                        .iter()
                        .zip(&given)
                        .map(|(example, given)| given.generation(example, featurizer).features)
                        .collect()
                }
                TaskName::Summary => half_a(&examples)
                    .filter_map(|example| featurizer.summary(example))
                    .collect(),
                TaskName::Keywords => half_a(&examples)
                    .filter_map(|example| featurizer.keywords(example, usize::MAX))
                    .collect(),
                TaskName::Distinction => {
                    let path = folder.join("pairs.jsonl.zst");
                    if !path.exists() {
                        return Err(Failure::new("no_data", "the task `distinction` needs pairs")
                            .hint("`idiolect data pairs --out DIR` makes them, in the same folder")
                            .into());
                    }
                    let pairs: Vec<Pair> = read(&path)?;
                    pairs
                        .iter()
                        .map(|pair| featurizer.distinction(pair))
                        .collect()
                }
            };
            tasks.push(TaskData {
                name: task.name().to_owned(),
                rate,
                features,
            });
        }
        let held: Vec<Example> = read(&folder.join("validation.jsonl.zst"))?;
        let given = given(&held, &recipe.summaries, writer, featurizer)?;
        Ok(Self {
            tasks,
            validation: validation(&held, &given, featurizer),
        })
    }
}

/// What summarizer and synthesizer learn from: half of the users (paper §4.3).
fn half_a(examples: &[Example]) -> impl Iterator<Item = &Example> {
    examples.iter().filter(|example| example.half == Half::A)
}

/// Bits per byte of true continuations with their own past and with none.
fn validation(
    examples: &[Example],
    given: &[Given],
    featurizer: &Featurizer<'_>,
) -> Vec<ValidationSet> {
    if examples.is_empty() {
        return Vec::new();
    }
    let own = examples
        .iter()
        .zip(given)
        .map(|(example, given)| given.generation(example, featurizer));
    let none = examples
        .iter()
        .map(|example| featurizer.generation(example, "", &[], ""));
    vec![
        ValidationSet {
            name: "own".to_owned(),
            held: own.collect(),
        },
        ValidationSet {
            name: "none".to_owned(),
            held: none.collect(),
        },
    ]
}

/// The summary and key words that the generator reads.
#[derive(Debug, Clone, Default)]
struct Given {
    summary: String,
    keywords: Vec<String>,
}

impl Given {
    fn generation(&self, example: &Example, featurizer: &Featurizer<'_>) -> Held {
        let past = &example.past_passages;
        featurizer.generation(example, &self.summary, &self.keywords, past)
    }
}

const SUMMARY_TOKENS: usize = 48;
const KEYWORD_TOKENS: usize = 20;

fn given(
    examples: &[Example],
    summaries: &Summaries,
    writer: Option<&Seq2Seq>,
    featurizer: &Featurizer<'_>,
) -> anyhow::Result<Vec<Given>> {
    Ok(match (summaries, writer) {
        (Summaries::None, _) => vec![Given::default(); examples.len()],
        (Summaries::Labels, _) | (Summaries::Model(_), None) => examples
            .iter()
            .map(|example| Given {
                summary: example.summary_label.clone(),
                keywords: example.keyword_label.clone(),
            })
            .collect(),
        (Summaries::Model(_), Some(writer)) => {
            let summaries = written(writer, examples, SUMMARY_TOKENS, featurizer, |example| {
                let context = Some(example.immediate_context.as_str());
                Prompt::summary(context, &example.past_passages)
            })?;
            let keywords = written(writer, examples, KEYWORD_TOKENS, featurizer, |example| {
                Prompt::keywords(&example.immediate_context, &example.past_passages)
            })?;
            summaries
                .into_iter()
                .zip(keywords)
                .zip(examples)
                .map(|((summary, keywords), example)| Given {
                    summary,
                    keywords: keywords_of(&keywords, &example.past_passages),
                })
                .collect()
        }
    })
}

fn written(
    writer: &Seq2Seq,
    examples: &[Example],
    max_tokens: usize,
    featurizer: &Featurizer<'_>,
    prompt: impl Fn(&Example) -> Prompt,
) -> anyhow::Result<Vec<String>> {
    let inputs: Vec<Vec<u32>> = examples
        .iter()
        .map(|example| Ok(prompt(example).fit_to(writer, Some(featurizer.input))?.ids))
        .collect::<anyhow::Result<_>>()?;
    let answers = writer.generate_batch(&inputs, &guarded_greedy(max_tokens))?;
    Ok(answers
        .iter()
        .map(|answer| {
            let tokenizer = writer.tokenizer().unwrap_or(featurizer.tokenizer);
            tokenizer.decode(&answer.output_ids).trim().to_owned()
        })
        .collect())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let mut found = Vec::new();
    files::json_lines(path, |_, value| {
        found.push(value);
        Ok(())
    })?;
    Ok(found)
}

/// A line of plain sequence-to-sequence data.
#[derive(Deserialize)]
#[serde(untagged)]
enum Plain {
    Ids {
        input_ids: Vec<u32>,
        labels: Vec<u32>,
    },
    Texts {
        input: String,
        target: String,
    },
}

/// Plain data: ids are taken as they are, texts get their end token.
pub(super) fn plain(
    path: &Path,
    tokenizer: Option<&Tokenizer>,
    end: u32,
) -> anyhow::Result<TaskData> {
    let mut features = Vec::new();
    files::json_lines(path, |number, line: Plain| {
        features.push(match (line, tokenizer) {
            (Plain::Ids { input_ids, labels }, _) => Features {
                input: input_ids,
                target: labels,
            },
            (Plain::Texts { input, target }, Some(tokenizer)) => {
                let ids = |text: &str| {
                    let mut ids = tokenizer.encode(text);
                    ids.push(end);
                    ids
                };
                Features {
                    input: ids(&input),
                    target: ids(&target),
                }
            }
            (Plain::Texts { .. }, None) => {
                return Err(Failure::new(
                    "model",
                    format!("line {number} holds texts, and the model has no tokenizer"),
                )
                .hint("give `input_ids` and `labels`, or put its tokenizer.json into the folder")
                .into());
            }
        });
        Ok(())
    })?;
    Ok(TaskData {
        name: "examples".to_owned(),
        rate: 1.0,
        features,
    })
}
