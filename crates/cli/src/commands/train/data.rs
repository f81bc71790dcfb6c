//! What a training run draws from: the tasks of a recipe, or plain pairs of input and target.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use idiolect_models::{Seq2Seq, Tokenizer};
use idiolect_pipeline::{Prompt, guarded_greedy, keywords_of};
use idiolect_training::examples::{Example, Half};
use idiolect_training::features::{Featurizer, Form};
use idiolect_training::fit::{
    Features, Held, Objective, Packer, Pretraining, Source, Spans, TaskData, ValidationSet,
};
use idiolect_training::pairs::Pair;
use idiolect_training::users::NextSnippet;
use rayon::prelude::*;
use serde::Deserialize;

use super::recipe::{FormName, Keywords, Recipe, Summaries};
use super::sources::{Sources, each_text, files_in, shards};
use crate::commands::data::manifest;
use crate::commands::eval::spread;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::open::located;

/// The tasks that a recipe may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TaskName {
    Generation,
    Summary,
    Keywords,
    Distinction,
    Users,
    Spans,
    Prefix,
}

impl TaskName {
    fn name(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::Summary => "summary",
            Self::Keywords => "keywords",
            Self::Distinction => "distinction",
            Self::Users => "users",
            Self::Spans => "spans",
            Self::Prefix => "prefix",
        }
    }

    /// Whether it learns from what `data build` made, and not from plain text.
    pub(super) fn is_from_examples(self) -> bool {
        !matches!(self, Self::Spans | Self::Prefix)
    }
}

/// Everything that a run draws from and looks at.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) tasks: Vec<TaskData>,
    pub(super) validation: Vec<ValidationSet>,
}

impl Data {
    /// The tasks of a recipe that learn from the folders that `data build` wrote.
    pub(super) fn add_examples(
        &mut self,
        sources: &Sources<'_>,
        folders: &[PathBuf],
        recipe: &Recipe,
        featurizer: &Featurizer<'_>,
        writers: &Writers,
        seed: u64,
    ) -> anyhow::Result<()> {
        for folder in folders {
            manifest(folder)?;
        }
        let all = |name: &str| -> anyhow::Result<Vec<PathBuf>> {
            let shards: Vec<Vec<PathBuf>> = folders
                .iter()
                .map(|folder| shards(folder, name))
                .collect::<anyhow::Result<_>>()?;
            Ok(shards.concat())
        };
        let train = all("train")?;
        let drawn = Drawn::of(&train, recipe.limit, seed)?;
        let lengths = format!(
            "{} {} {}{}",
            featurizer.input, featurizer.target, featurizer.end, drawn.how
        );
        let form = recipe.form.form();
        for (&task, &rate) in &recipe.tasks {
            let name = task.name();
            let source = match task {
                TaskName::Generation => {
                    let how = format!("{lengths} {} {:?}", writers.how(recipe)?, recipe.form);
                    sources.of_lines(name, &how, &train, |examples: Vec<Example>| {
                        let examples = drawn.among(examples);
                        let given = given(&examples, recipe, writers, featurizer)?;
                        let made = examples.par_iter().zip(&given);
                        Ok(made
                            .map(|(example, given)| {
                                given.generation(example, form, featurizer).features
                            })
                            .collect())
                    })?
                }
                TaskName::Summary => {
                    sources.of_lines(name, &lengths, &train, |examples: Vec<Example>| {
                        Ok(half_a(&drawn.among(examples))
                            .filter_map(|example| featurizer.summary(example))
                            .collect())
                    })?
                }
                TaskName::Keywords => {
                    sources.of_lines(name, &lengths, &train, |examples: Vec<Example>| {
                        Ok(half_a(&drawn.among(examples))
                            .filter_map(|example| featurizer.keywords(example, usize::MAX))
                            .collect())
                    })?
                }
                TaskName::Distinction => {
                    let pairs = all("pairs")?;
                    if pairs.is_empty() {
                        return Err(Failure::new("no_data", "the task `distinction` needs pairs")
                            .hint("`idiolect data pairs --out DIR` makes them, in the same folder")
                            .into());
                    }
                    sources.of_lines(name, &lengths, &pairs, |pairs: Vec<Pair>| {
                        let made = pairs.par_iter();
                        Ok(made.map(|pair| featurizer.distinction(pair)).collect())
                    })?
                }
                TaskName::Users => {
                    let snippets = all("users")?;
                    if snippets.is_empty() {
                        return Err(Failure::new("no_data", "the task `users` needs snippets")
                            .hint("`idiolect data users --out DIR` makes them, in the same folder")
                            .into());
                    }
                    sources.of_lines(name, &lengths, &snippets, |lines: Vec<NextSnippet>| {
                        let made = lines.par_iter();
                        Ok(made.map(|next| featurizer.next_snippet(next)).collect())
                    })?
                }
                TaskName::Spans | TaskName::Prefix => continue,
            };
            self.tasks.push(TaskData {
                name: name.to_owned(),
                rate,
                source,
            });
        }
        let mut held: Vec<Example> = Vec::new();
        let paths = all("validation")?;
        let drawn = Drawn::of(&paths, recipe.validation_limit, seed)?;
        for path in paths {
            files::json_lines(&path, |_, example: Example| {
                held.extend(drawn.among(vec![example]));
                Ok(())
            })?;
        }
        let given = given(&held, recipe, writers, featurizer)?;
        self.validation
            .extend(validation(&held, &given, form, featurizer));
        Ok(())
    }

    /// The tasks of a recipe that learn from plain text.
    pub(super) fn add_texts(
        &mut self,
        sources: &Sources<'_>,
        recipe: &Recipe,
        pretrainer: &Pretrainer<'_>,
    ) -> anyhow::Result<()> {
        let tasks = recipe
            .tasks
            .iter()
            .filter(|(task, _)| !task.is_from_examples());
        for (&task, &rate) in tasks {
            let name = task.name();
            let texts = files_in(&recipe.texts.0)?;
            if texts.is_empty() {
                return Err(
                    Failure::new("usage", format!("the task `{name}` needs texts"))
                        .hint(
                            "name files or folders of plain text in the recipe: texts = \"corpus\"",
                        )
                        .into(),
                );
            }
            let objective = pretrainer.objective(task)?;
            let stretch = objective.stretch(pretrainer.input);
            let how = format!("{stretch} {}", pretrainer.end);
            let source = sources.filled("texts", &how, &texts, |push| {
                pretrainer.stretches(&texts, stretch, push)
            })?;
            self.tasks.push(TaskData {
                name: name.to_owned(),
                rate,
                source: source.with_objective(objective.clone()),
            });
            let held = files_in(&recipe.validation_texts.0)?;
            if !held.is_empty() {
                let mut looked = Vec::new();
                pretrainer.stretches(&held, stretch, &mut |stretch| {
                    looked.push(Held {
                        features: objective.example(&stretch.input, looked.len() as u64),
                        given: 0,
                        bytes: 0,
                    });
                    Ok(())
                })?;
                self.validation.push(ValidationSet {
                    name: name.to_owned(),
                    held: looked,
                });
            }
        }
        Ok(())
    }
}

/// Turns plain text into stretches of tokens and these into examples.
pub(super) struct Pretrainer<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    /// How many ids the model knows.
    pub(super) vocabulary: usize,
    pub(super) end: u32,
    pub(super) input: usize,
    pub(super) target: usize,
}

impl Pretrainer<'_> {
    fn objective(&self, task: TaskName) -> anyhow::Result<Pretraining> {
        let objective = match task {
            TaskName::Spans => Objective::Spans(Spans::new(self.sentinels()?)),
            _ => Objective::Prefix {
                input: self.input,
                target: self.target,
            },
        };
        Ok(Pretraining {
            objective,
            end: self.end,
        })
    }

    /// `<extra_id_0>` and so on; where the tokenizer has none, the ids that the model has beyond it,
    /// from the last one down, as T5's are.
    fn sentinels(&self) -> anyhow::Result<Vec<u32>> {
        let named: Vec<u32> = (0..)
            .map_while(|n| self.tokenizer.id_of(&format!("<extra_id_{n}>")))
            .collect();
        if !named.is_empty() {
            return Ok(named);
        }
        let spare = self.tokenizer.vocab_size()..self.vocabulary;
        let beyond: Vec<u32> = spare.rev().take(100).map(|id| id as u32).collect();
        if beyond.is_empty() {
            return Err(Failure::new(
                "no_sentinels",
                "the task `spans` needs tokens such as `<extra_id_0>`, and the tokenizer has none",
            )
            .hint(
                "take `prefix`, or make the model's vocab_size larger than the tokenizer's by 100",
            )
            .into());
        }
        Ok(beyond)
    }

    fn stretches(
        &self,
        texts: &[PathBuf],
        stretch: usize,
        push: &mut dyn FnMut(&Features) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut packer = Packer::new(stretch, self.end);
        each_text(texts, |block| {
            let ids: Vec<Vec<u32>> = block
                .par_iter()
                .map(|text| self.tokenizer.encode(text))
                .collect();
            for text in ids {
                packer.push(&text).iter().try_for_each(&mut *push)?;
            }
            Ok(())
        })?;
        packer.finish().iter().try_for_each(push)
    }
}

/// What summarizer and synthesizer learn from: half of the users (paper §4.3).
fn half_a(examples: &[Example]) -> impl Iterator<Item = &Example> {
    examples.iter().filter(|example| example.half == Half::A)
}

/// Which examples are used.
struct Drawn {
    /// By their ids; `None`: all of them.
    ids: Option<HashSet<String>>,
    /// What the choice depends on, beside the examples.
    how: String,
}

impl Drawn {
    /// As many as `limit` says, spread over their authors.
    fn of(paths: &[PathBuf], limit: Option<usize>, seed: u64) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Named {
            id: String,
            author: String,
        }
        let Some(limit) = limit else {
            return Ok(Self {
                ids: None,
                how: String::new(),
            });
        };
        let mut names: Vec<Named> = Vec::new();
        for path in paths {
            files::json_lines(path, |_, named| {
                names.push(named);
                Ok(())
            })?;
        }
        let kept = spread(
            names,
            |one| (one.author.as_str(), one.id.as_str()),
            Some(limit),
            seed,
        );
        Ok(Self {
            ids: Some(kept.into_iter().map(|one| one.id).collect()),
            how: format!(" {limit} {seed}"),
        })
    }

    fn among(&self, mut examples: Vec<Example>) -> Vec<Example> {
        if let Some(ids) = &self.ids {
            examples.retain(|example| ids.contains(&example.id));
        }
        examples
    }
}

/// Bits per byte of true continuations with their own past and with none.
fn validation(
    examples: &[Example],
    given: &[Given],
    form: Form,
    featurizer: &Featurizer<'_>,
) -> Vec<ValidationSet> {
    if examples.is_empty() {
        return Vec::new();
    }
    let own = examples
        .iter()
        .zip(given)
        .map(|(example, given)| given.generation(example, form, featurizer));
    let none = examples
        .iter()
        .map(|example| featurizer.generation_in(form, example, "", &[], ""));
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

/// The models that write summaries and find key words for the generator's training.
#[derive(Debug, Default)]
pub(super) struct Writers {
    summarizer: Option<Seq2Seq>,
    synthesizer: Option<Seq2Seq>,
}

impl Writers {
    /// Those that a recipe names.
    pub(super) fn open(recipe: &Recipe, context: &Context) -> anyhow::Result<Self> {
        let open = |name: &str| {
            let opened = Seq2Seq::open(&located(name)?, &context.settings.device()?);
            opened.with_context(|| format!("cannot open `{name}`, which writes for the generator"))
        };
        if recipe.form == FormName::NoPast {
            return Ok(Self::default());
        }
        let summarizer = match &recipe.summaries {
            Summaries::Model(name) | Summaries::Independent(name) => Some(open(name)?),
            Summaries::Labels | Summaries::None => None,
        };
        let synthesizer = match recipe.keywords() {
            Keywords::Model(name) => Some(open(&name)?),
            Keywords::Labels | Keywords::None | Keywords::Ind => None,
        };
        Ok(Self {
            summarizer,
            synthesizer,
        })
    }

    /// What generation examples depend on, beside the examples that they are made from.
    fn how(&self, recipe: &Recipe) -> anyhow::Result<String> {
        let weights = |model: &Option<Seq2Seq>| -> anyhow::Result<String> {
            let identity = model.as_ref().map(Seq2Seq::identity).transpose()?;
            Ok(identity.map_or_else(String::new, |identity| identity.sha256))
        };
        let (summarizer, synthesizer) = (weights(&self.summarizer)?, weights(&self.synthesizer)?);
        Ok(format!(
            "{:?} {summarizer} {:?} {synthesizer}",
            recipe.summaries,
            recipe.keywords()
        ))
    }
}

/// What of the past the generator reads.
#[derive(Debug, Clone, Default)]
struct Given {
    summary: String,
    keywords: Vec<String>,
}

impl Given {
    fn generation(&self, example: &Example, form: Form, featurizer: &Featurizer<'_>) -> Held {
        let past = &example.past_passages;
        featurizer.generation_in(form, example, &self.summary, &self.keywords, past)
    }
}

const SUMMARY_TOKENS: usize = 48;
const KEYWORD_TOKENS: usize = 20;

fn given(
    examples: &[Example],
    recipe: &Recipe,
    writers: &Writers,
    featurizer: &Featurizer<'_>,
) -> anyhow::Result<Vec<Given>> {
    if recipe.form == FormName::NoPast {
        return Ok(vec![Given::default(); examples.len()]);
    }
    let summaries: Vec<String> = match (&recipe.summaries, &writers.summarizer) {
        (Summaries::Labels, _) => examples
            .iter()
            .map(|example| example.summary_label.clone())
            .collect(),
        (_, None) => vec![String::new(); examples.len()],
        (summaries, Some(writer)) => {
            let independent = matches!(summaries, Summaries::Independent(_));
            written(writer, examples, SUMMARY_TOKENS, featurizer, |example| {
                let context = (!independent).then_some(example.immediate_context.as_str());
                Prompt::summary(context, &example.past_passages)
            })?
        }
    };
    let keywords: Vec<Vec<String>> = match (recipe.keywords(), &writers.synthesizer) {
        (Keywords::Labels, _) => examples
            .iter()
            .map(|example| example.keyword_label.clone())
            .collect(),
        (Keywords::Ind, _) => examples
            .iter()
            .map(|example| example.keywords_ind.clone())
            .collect(),
        (Keywords::None | Keywords::Model(_), None) | (Keywords::None, Some(_)) => {
            vec![Vec::new(); examples.len()]
        }
        (Keywords::Model(_), Some(writer)) => {
            let found = written(writer, examples, KEYWORD_TOKENS, featurizer, |example| {
                Prompt::keywords(&example.immediate_context, &example.past_passages)
            })?;
            found
                .iter()
                .zip(examples)
                .map(|(answer, example)| keywords_of(answer, &example.past_passages))
                .collect()
        }
    };
    Ok(summaries
        .into_iter()
        .zip(keywords)
        .map(|(summary, keywords)| Given { summary, keywords })
        .collect())
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

impl Plain {
    /// Ids are taken as they are, texts get their end token.
    fn features(self, tokenizer: Option<&Tokenizer>, end: u32) -> Result<Features, Failure> {
        match (self, tokenizer) {
            (Self::Ids { input_ids, labels }, _) => Ok(Features {
                input: input_ids,
                target: labels,
            }),
            (Self::Texts { input, target }, Some(tokenizer)) => {
                let ids = |text: &str| {
                    let mut ids = tokenizer.encode(text);
                    ids.push(end);
                    ids
                };
                Ok(Features {
                    input: ids(&input),
                    target: ids(&target),
                })
            }
            (Self::Texts { .. }, None) => Err(Failure::new(
                "model",
                "the examples are texts, and the model has no tokenizer",
            )
            .hint("give `input_ids` and `labels`, or put its tokenizer.json into the folder")),
        }
    }
}

/// Plain data to learn from.
pub(super) fn plain(
    sources: &Sources<'_>,
    paths: &[PathBuf],
    tokenizer: Option<&Tokenizer>,
    end: u32,
) -> anyhow::Result<TaskData> {
    let files = files_in(paths)?;
    let source: Source = sources.of_lines("examples", &end.to_string(), &files, |lines| {
        let made = lines.into_par_iter();
        Ok(made
            .map(|line: Plain| line.features(tokenizer, end))
            .collect::<Result<_, _>>()?)
    })?;
    Ok(TaskData {
        name: "examples".to_owned(),
        rate: 1.0,
        source,
    })
}

/// Plain data to look at.
pub(super) fn plain_held(
    path: &Path,
    tokenizer: Option<&Tokenizer>,
    end: u32,
) -> anyhow::Result<Vec<Held>> {
    let mut held = Vec::new();
    for file in files_in(&[path.to_owned()])? {
        files::json_lines(&file, |_, line: Plain| {
            let bytes = match &line {
                Plain::Texts { target, .. } => target.len(),
                Plain::Ids { .. } => 0,
            };
            held.push(Held {
                features: line.features(tokenizer, end)?,
                given: 0,
                bytes,
            });
            Ok(())
        })?;
    }
    Ok(held)
}
