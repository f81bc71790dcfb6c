//! The paper's tasks over the authored packs, in one model told apart by their instructions:
//! generation with summary and key words, both of these by weak labels, author distinction; beside
//! them general summaries and some of the pre-training, so that nothing is forgotten.

use std::{collections::HashMap, path::Path};

use anyhow::{Result, anyhow};
use idiolect_core::{Document, first_characters, sentences};
use idiolect_models::{Precision, StaticEncoder, Tokenizer};
use idiolect_pipeline::{PAST_CHARACTERS, Prompt, keywords_of};
use idiolect_retrieval::Analyzer;
use idiolect_training::{
    examples::{BuildOptions, Example, Shares, build_examples, survey},
    features::Featurizer,
    fit::{Features, OptimizerKind, Schedule, TaskData, TrainOptions},
    labels::Alike,
    pairs::{Pair, PairOptions, build_pairs},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

use crate::{
    corpus::{self, Author},
    pretraining::{self, cached, featurizer},
};

pub(crate) const INPUT: usize = 512;
const TARGET: usize = 160;
pub(crate) const SUMMARY: usize = 96;
/// As many key words as `write` shows the generator.
pub(crate) const KEYWORDS: usize = 12;
/// Of each text of a pair, so that some twenty pairs make a batch.
const PAIR_CHARACTERS: usize = 360;
/// The shortest and the longest text of a pair where lengths differ.
const PAIR_LENGTHS: std::ops::Range<usize> = 240..600;

/// One stretch of the tasks' training: who writes, and how much of each task.
pub(crate) struct Stage {
    /// Its folder; the weights that it begins with are in the one of `after`.
    pub(crate) name: &'static str,
    after: &'static str,
    steps: u64,
    lr: f64,
    seed: u64,
    /// Whether novels are authors too, their scenes documents, and long general documents make
    /// pairs for author distinction.
    general: bool,
    /// Whether every general document makes pairs, by passages of a few hundred characters, and the
    /// texts of pairs are of many lengths.
    passages: bool,
    /// Share of the paper's examples that begin with a few words only, as people's drafts do.
    short_starts: f64,
    /// Rates of generation, pre-training, summary, general summary, key words, distinction.
    rates: [f64; 6],
}

pub(crate) const STAGES: [Stage; 6] = [
    Stage {
        name: "tasks",
        after: "long",
        steps: 3_000,
        lr: 0.01,
        seed: 2,
        general: false,
        passages: false,
        short_starts: 0.0,
        rates: [0.25, 0.4, 0.05, 0.03, 0.06, 0.5],
    },
    Stage {
        name: "voices",
        after: "tasks",
        steps: 2_400,
        lr: 0.006,
        seed: 3,
        general: true,
        passages: false,
        short_starts: 0.0,
        rates: [0.5, 0.2, 0.06, 0.03, 0.08, 0.3],
    },
    Stage {
        name: "starts",
        after: "voices",
        steps: 900,
        lr: 0.004,
        seed: 4,
        general: true,
        passages: false,
        short_starts: 0.6,
        rates: [0.6, 0.15, 0.08, 0.01, 0.1, 0.1],
    },
    Stage {
        name: "passages",
        after: "starts",
        steps: 4_500,
        lr: 0.008,
        seed: 5,
        general: true,
        passages: true,
        short_starts: 0.4,
        rates: [0.35, 0.25, 0.08, 0.02, 0.1, 0.4],
    },
    Stage {
        name: "pairs",
        after: "passages",
        steps: 2_600,
        lr: 0.006,
        seed: 6,
        general: true,
        passages: true,
        short_starts: 0.4,
        rates: [0.14, 0.1, 0.06, 0.02, 0.2, 0.62],
    },
    Stage {
        name: "more-pairs",
        after: "pairs",
        steps: 2_200,
        lr: 0.005,
        seed: 7,
        general: true,
        passages: true,
        short_starts: 0.4,
        rates: [0.16, 0.12, 0.06, 0.02, 0.14, 0.62],
    },
];

/// Runs the stages one after the other, each from where it was left.
pub(crate) fn train(data: &Path, work: &Path) -> Result<()> {
    for stage in &STAGES {
        if !work.join(stage.name).join("model/config.json").exists() {
            carry_out(stage, data, work)?;
        }
    }
    Ok(())
}

fn carry_out(stage: &Stage, data: &Path, work: &Path) -> Result<()> {
    let json = fs_err::read(work.join("tokenizer.json"))?;
    let tokenizer = Tokenizer::from_bytes(&json)?;
    let device = idiolect_models::device("cpu")?;
    let config = pretraining::config()?;
    let authors = corpus::authors(data)?;
    let validation = pretraining::held(&authors, &tokenizer, INPUT)?;
    let before = work.join(stage.after).join("model");
    let parameters = pretraining::load(&before, &device)?;
    let tasks = tasks(stage, data, work, authors, &tokenizer)?;
    for task in &tasks {
        println!(
            "{}: {} examples, rate {}",
            task.name,
            task.source.len(),
            task.rate
        );
    }
    let options = TrainOptions {
        steps: stage.steps,
        batch: 8,
        batch_tokens: 5_600,
        optimizer: OptimizerKind::Adafactor {
            scale_parameter: true,
        },
        lr: stage.lr,
        schedule: Schedule::Linear,
        warmup: 20,
        clip: 1.0,
        dropout: 0.0,
        seed: stage.seed,
        validate_every: 200,
        checkpoint_seconds: 120,
        ..TrainOptions::default()
    };
    let out = work.join(stage.name);
    let parameters = pretraining::run(
        &config,
        parameters,
        &tasks,
        &validation,
        &out,
        &options,
        &device,
    )?;
    idiolect_models::save(
        &out.join("model"),
        &config,
        &parameters,
        Precision::F32,
        Some(&json),
    )?;
    Ok(())
}

fn tasks(
    stage: &Stage,
    data: &Path,
    work: &Path,
    authors: Vec<Author>,
    tokenizer: &Tokenizer,
) -> Result<Vec<TaskData>> {
    let mut authors: Vec<Author> = authors
        .into_iter()
        .filter(|author| !author.validation)
        .collect();
    if stage.general {
        authors.extend(corpus::novels(data)?);
    }
    let encoder = StaticEncoder::load(&work.join("encoder"))?;
    let examples = examples(&authors, &encoder)?;
    let mut random = StdRng::seed_from_u64(4);
    let mut generation = Vec::new();
    let mut summary = Vec::new();
    let mut keywords = Vec::new();
    let documents = featurizer(tokenizer, INPUT, TARGET);
    let answers = featurizer(tokenizer, INPUT, SUMMARY);
    for example in &examples {
        let start = if random.random::<f64>() < stage.short_starts {
            shorter(&example.immediate_context, &mut random)
        } else {
            &example.immediate_context
        };
        let started = Example {
            immediate_context: start.to_owned(),
            ..example.clone()
        };
        generation.push(generation_of(&started, &documents, &mut random));
        summary.extend(answers.summary(&started));
        keywords.extend(answers.keywords(&started, KEYWORDS));
    }
    let general = corpus::summaries(data)?
        .iter()
        .map(|pair| {
            let text = first_characters(&pair.document, PAST_CHARACTERS);
            answers.answer(&Prompt::summary(None, text), &pair.summary)
        })
        .collect();
    let before = cached(&work.join("long.features"), || Ok(Vec::new()))?;
    if stage.general {
        let (characters, most) = if stage.passages { (600, 8) } else { (1_200, 8) };
        authors.extend(corpus::documents_as_authors(data, characters, most)?);
    }
    let pairs = distinction(stage, &authors, &answers)?;
    let tasks = [
        ("generation", generation),
        ("pre-training", before),
        ("summary", summary),
        ("general summary", general),
        ("key words", keywords),
        ("author distinction", pairs),
    ];
    Ok(tasks
        .into_iter()
        .zip(stage.rates)
        .map(|((name, features), rate)| TaskData {
            name: name.to_owned(),
            rate,
            source: features.into(),
        })
        .collect())
}

/// The paper's examples with both labels; identical stems stand in for synonyms.
pub(crate) fn examples(authors: &[Author], encoder: &StaticEncoder) -> Result<Vec<Example>> {
    let options = BuildOptions {
        split: Shares([1, 0, 0]),
        max_examples: 60,
        ..BuildOptions::default()
    };
    let names: Vec<String> = authors.iter().map(|author| author.name.clone()).collect();
    let survey = survey(&names, &mut |name| Ok(documents(authors, name)), &options)?;
    let mut alike = Alike::default();
    alike.add_stems(&survey.vocabulary, Analyzer::English);
    let mut found = Vec::new();
    build_examples(
        &survey,
        &mut |name| Ok(documents(authors, name)),
        &alike,
        Some(encoder),
        &options,
        &mut |_, example| {
            found.push(example.clone());
            Ok(())
        },
    )?;
    Ok(found)
}

fn documents(authors: &[Author], name: &str) -> Vec<Document> {
    authors
        .iter()
        .find(|author| author.name == name)
        .map(|author| author.documents.clone())
        .unwrap_or_default()
}

/// The first words of a start: its title, if there is one, and some more.
fn shorter<'a>(start: &'a str, random: &mut StdRng) -> &'a str {
    let title = start.find('\n').map_or(0, |end| end + 1);
    let ends: Vec<usize> = start[title..]
        .match_indices(' ')
        .map(|(at, _)| title + at)
        .collect();
    match ends.len() {
        0 => start,
        count => &start[..ends[random.random_range(0..count)]],
    }
}

/// Generation with a summary and key words that are as imperfect as the model's own will be: label
/// words are dropped at random, and some examples have none at all.
fn generation_of(example: &Example, featurizer: &Featurizer<'_>, random: &mut StdRng) -> Features {
    if random.random::<f64>() > 0.7 {
        let held = featurizer.generation(example, "", &[], &example.past_passages);
        return held.features;
    }
    let summary: String = example
        .summary_label
        .split_inclusive(' ')
        .take(40)
        .filter(|_| random.random::<f64>() < 0.8)
        .collect();
    let mut words: Vec<String> = example
        .keyword_label
        .iter()
        .filter(|_| random.random::<f64>() < 0.6)
        .cloned()
        .collect();
    let others = example
        .keywords_ind
        .iter()
        .filter(|_| random.random::<f64>() < 0.2)
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    words.extend(keywords_of(&others, &example.past_passages));
    words.truncate(KEYWORDS);
    // Now and then there is no past at all, as for somebody's first document.
    let held = if random.random::<f64>() < 0.2 {
        featurizer.generation(example, "", &[], "")
    } else {
        featurizer.generation(example, &summary, &words, &example.past_passages)
    };
    held.features
}

fn distinction(
    stage: &Stage,
    authors: &[Author],
    featurizer: &Featurizer<'_>,
) -> Result<Vec<Features>> {
    let by_name: HashMap<&str, &Author> = authors
        .iter()
        .map(|author| (author.name.as_str(), author))
        .collect();
    let names: Vec<String> = authors.iter().map(|author| author.name.clone()).collect();
    let mut random = StdRng::seed_from_u64(6);
    let mut found = Vec::new();
    // Each time other documents meet, and other parts of them.
    for seed in 1..=4 {
        let options = PairOptions {
            max_per_author: 300,
            seed,
            ..PairOptions::default()
        };
        // Everybody here may be trained on, so there is no split to look at.
        build_pairs(
            &names,
            &[].into(),
            &mut |name| Ok(by_name[name].documents.clone()),
            &options,
            &mut |pair| {
                let mut part = |text| {
                    let characters = if stage.passages {
                        random.random_range(PAIR_LENGTHS)
                    } else {
                        PAIR_CHARACTERS
                    };
                    first_characters(from_anywhere(text, &mut random), characters).to_owned()
                };
                found.push(Pair {
                    first: part(&pair.first),
                    second: part(&pair.second),
                    ..pair.clone()
                });
                Ok(())
            },
        )
        .map_err(|error| anyhow!(error))?;
    }
    Ok(found
        .par_iter()
        .map(|pair| featurizer.distinction(pair))
        .collect())
}

/// A text from the start of one of its sentences on, as long as enough is left of it.
fn from_anywhere<'a>(text: &'a str, random: &mut StdRng) -> &'a str {
    let starts: Vec<usize> = sentences(text)
        .into_iter()
        .map(|sentence| sentence.start)
        .take_while(|&start| start == 0 || text.len() - start > PAIR_CHARACTERS)
        .collect();
    match starts.len() {
        0 => text,
        count => &text[starts[random.random_range(0..count)]..],
    }
}

/// A pair by the beginnings of both texts, so that neither is cut more than the other.
pub(crate) fn shortened(pair: &Pair) -> Pair {
    let cut = |text: &str| first_characters(text, PAIR_CHARACTERS).to_owned();
    Pair {
        first: cut(&pair.first),
        second: cut(&pair.second),
        ..pair.clone()
    }
}
