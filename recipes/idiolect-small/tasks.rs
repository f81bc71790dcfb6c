//! The paper's tasks over the authored packs, in one model told apart by their instructions:
//! generation with summary and key words, both of these by weak labels, author distinction; beside
//! them general summaries and some of the pre-training, so that nothing is forgotten.

use std::{collections::HashMap, path::Path};

use anyhow::{Result, anyhow};
use idiolect_core::Document;
use idiolect_models::{Precision, StaticEncoder, Tokenizer};
use idiolect_pipeline::{PAST_CHARACTERS, Prompt, join_keywords};
use idiolect_retrieval::Analyzer;
use idiolect_training::{
    examples::{BuildOptions, Example, Shares, Split, build_examples, survey},
    fit::{Features, OptimizerKind, Schedule, TaskData, TrainOptions},
    labels::Alike,
    pairs::{Pair, PairOptions, build_pairs},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    corpus::{self, Author},
    pretraining::{self, END, cached, features},
};

pub(crate) const INPUT: usize = 512;
const TARGET: usize = 160;
const SUMMARY: usize = 96;
/// As many key words as `write` shows the generator.
const KEYWORDS: usize = 12;
const STEPS: u64 = 300;

/// Trains on from the pre-trained weights.
pub(crate) fn train(data: &Path, work: &Path) -> Result<()> {
    let json = fs_err::read(work.join("tokenizer.json"))?;
    let tokenizer = Tokenizer::from_bytes(&json)?;
    let device = idiolect_models::device("cpu")?;
    let config = pretraining::config()?;
    let authors = corpus::authors(data)?;
    let validation = pretraining::held(&authors, &tokenizer, INPUT)?;
    let parameters = pretraining::load(&work.join("long/model"), &device)?;
    let tasks = tasks(data, work, &authors, &tokenizer)?;
    for task in &tasks {
        println!(
            "{}: {} examples, rate {}",
            task.name,
            task.features.len(),
            task.rate
        );
    }
    let options = TrainOptions {
        steps: STEPS,
        batch: 8,
        optimizer: OptimizerKind::Adafactor {
            scale_parameter: true,
        },
        lr: 0.006,
        schedule: Schedule::Linear,
        warmup: 20,
        clip: 1.0,
        dropout: 0.0,
        seed: 2,
        validate_every: 300,
        checkpoint_seconds: 120,
        ..TrainOptions::default()
    };
    let out = work.join("tasks");
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
        Precision::Bf16,
        Some(&json),
    )?;
    Ok(())
}

fn tasks(
    data: &Path,
    work: &Path,
    authors: &[Author],
    tokenizer: &Tokenizer,
) -> Result<Vec<TaskData>> {
    let authors: Vec<&Author> = authors.iter().filter(|author| !author.validation).collect();
    let encoder = StaticEncoder::load(&work.join("encoder"))?;
    let examples = examples(&authors, &encoder)?;
    let mut random = StdRng::seed_from_u64(4);
    let mut generation = Vec::new();
    let mut summary = Vec::new();
    let mut keywords = Vec::new();
    for example in &examples {
        generation.push(generation_of(example, tokenizer, &mut random));
        let start = example.immediate_context.as_str();
        if !example.summary_label.is_empty() {
            let prompt = Prompt::summary(Some(start), &example.past_passages);
            summary.push(answer(&prompt, &example.summary_label, SUMMARY, tokenizer));
        }
        let words = &example.keyword_label[..example.keyword_label.len().min(KEYWORDS)];
        if !words.is_empty() {
            let prompt = Prompt::keywords(start, &example.past_passages);
            keywords.push(answer(&prompt, &join_keywords(words), SUMMARY, tokenizer));
        }
    }
    let general = corpus::summaries(data)?
        .iter()
        .map(|pair| {
            let text = idiolect_core::first_characters(&pair.document, PAST_CHARACTERS);
            answer(
                &Prompt::summary(None, text),
                &pair.summary,
                SUMMARY,
                tokenizer,
            )
        })
        .collect();
    let task = |name: &str, rate, features| TaskData {
        name: name.to_owned(),
        rate,
        features,
    };
    let before = cached(&work.join("long.features"), || Ok(Vec::new()))?;
    Ok(vec![
        task("generation", 0.35, generation),
        task("pre-training", 0.2, before),
        task("summary", 0.1, summary),
        task("general summary", 0.08, general),
        task("key words", 0.12, keywords),
        task(
            "author distinction",
            0.15,
            distinction(&authors, tokenizer)?,
        ),
    ])
}

/// The paper's examples with both labels; identical stems stand in for synonyms.
fn examples(authors: &[&Author], encoder: &StaticEncoder) -> Result<Vec<Example>> {
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

fn documents(authors: &[&Author], name: &str) -> Vec<Document> {
    authors
        .iter()
        .find(|author| author.name == name)
        .map(|author| author.documents.clone())
        .unwrap_or_default()
}

/// Generation with a summary and key words that are as imperfect as the model's own will be: label
/// words are dropped at random, and some examples have none at all.
fn generation_of(example: &Example, tokenizer: &Tokenizer, random: &mut StdRng) -> Features {
    let context = idiolect_core::ImmediateContext::of(&example.target);
    let mut made = features(
        &context,
        &example.past_passages,
        &example.target,
        true,
        tokenizer,
        INPUT,
        TARGET,
    )
    .features;
    if random.random::<f64>() < 0.7 {
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
            .filter(|_| random.random::<f64>() < 0.2);
        words.extend(others.cloned());
        words.truncate(KEYWORDS);
        // Now and then there is no past at all, as for somebody's first document.
        let past = if random.random::<f64>() < 0.15 {
            ""
        } else {
            &example.past_passages
        };
        let prompt = if past.is_empty() {
            Prompt::generation(context.as_str(), "", &[], past)
        } else {
            Prompt::generation(context.as_str(), &summary, &words, past)
        };
        made.input = prompt
            .fit(&|text| tokenizer.encode(text), INPUT, Some(END))
            .ids;
    }
    made
}

fn distinction(authors: &[&Author], tokenizer: &Tokenizer) -> Result<Vec<Features>> {
    let names: Vec<String> = authors.iter().map(|author| author.name.clone()).collect();
    // Everybody here may be trained on, so there is no split to look at.
    let splits: HashMap<String, Split> = HashMap::new();
    let options = PairOptions {
        max_per_author: 60,
        seed: 1,
    };
    let mut found = Vec::new();
    build_pairs(
        &names,
        &splits.into_iter().collect(),
        &mut |name| Ok(documents(authors, name)),
        &options,
        &mut |pair| {
            let prompt = distinction_of(pair);
            found.push(answer(&prompt, pair.label.text(), SUMMARY, tokenizer));
            Ok(())
        },
    )
    .map_err(|error| anyhow!(error))?;
    Ok(found)
}

/// What the model is asked about a pair: the beginnings of both, so that neither is cut unevenly.
pub(crate) fn distinction_of(pair: &Pair) -> Prompt {
    let cut = |text: &str| idiolect_core::first_characters(text, 900).to_owned();
    Prompt::distinction(&cut(&pair.first), &cut(&pair.second))
}

fn answer(prompt: &Prompt, text: &str, longest: usize, tokenizer: &Tokenizer) -> Features {
    let mut target = tokenizer.encode(text);
    if target.len() > longest {
        target.truncate(longest);
    } else {
        target.push(END);
    }
    Features {
        input: prompt
            .fit(&|text| tokenizer.encode(text), INPUT, Some(END))
            .ids,
        target,
    }
}
