//! Pre-training in the shape of the task: any long document, book or author is one user, earlier
//! passages are the past, ranked as `personalize` ranks them, and the next passage is the target.
//! A share of examples has a worn copy of the target in its past, so that copying pays from the
//! first step.

use std::{ops::ControlFlow, path::Path, time::Instant};

use anyhow::{Context, Result};
use idiolect_core::{
    Before, Document, IMMEDIATE_CONTEXT_CHARACTERS, ImmediateContext, Ranking, first_characters,
};
use idiolect_models::{Config, Device, Parameters, Tokenizer, t5::random_parameters};
use idiolect_pipeline::{Prompt, past_passages};
use idiolect_retrieval::{Bm25, MemoryPast, Past, Query};
use idiolect_training::features::{Featurizer, Target};
use idiolect_training::fit::{
    Features, Held, Metric, OptimizerKind, Run, Schedule, TaskData, TrainOptions, ValidationSet,
    train as fit,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use rayon::prelude::*;

use crate::corpus::{self, Author, hash};

/// The sizes of the model: 9.1 million weights, 18 MB in half precision.
pub(crate) fn config() -> Result<Config> {
    serde_json::from_value(serde_json::json!({
        "vocab_size": 8192, "d_model": 256, "d_kv": 64, "d_ff": 768, "num_layers": 3,
        "num_decoder_layers": 4, "num_heads": 4, "feed_forward_proj": "gated-relu",
        "dropout_rate": 0.0, "tie_word_embeddings": true, "scale_decoder_outputs": true,
        "n_positions": 512, "n_target_positions": 256,
    }))
    .context("the sizes are not a config")
}

/// The end token of the vocabulary.
pub(crate) const END: u32 = 1;

/// One stretch of training: lengths in tokens, and how much copying is forced.
struct Phase {
    name: &'static str,
    input: usize,
    target: usize,
    /// Share of examples whose past holds a worn copy of the target.
    copies: f64,
    examples: usize,
    steps: u64,
    batch: usize,
    lr: f64,
    warmup: u64,
    schedule: Schedule,
}

const PHASES: [Phase; 2] = [
    Phase {
        name: "short",
        input: 144,
        target: 56,
        copies: 0.5,
        examples: 40_000,
        steps: 900,
        batch: 16,
        lr: 0.012,
        warmup: 30,
        schedule: Schedule::Constant,
    },
    Phase {
        name: "long",
        input: 384,
        target: 128,
        copies: 0.15,
        examples: 60_000,
        steps: 380,
        batch: 8,
        lr: 0.01,
        warmup: 20,
        schedule: Schedule::Linear,
    },
];

/// Characters of the target that validation looks at, and how many examples a set has.
const HELD_CHARACTERS: usize = 600;
const HELD_TOKENS: usize = 256;
const HELD_EXAMPLES: usize = 96;

/// Runs the phases one after the other, each from where it was left.
pub(crate) fn train(data: &Path, work: &Path) -> Result<()> {
    let tokenizer = Tokenizer::load(&work.join("tokenizer.json"))?;
    let device = idiolect_models::device("cpu")?;
    let config = config()?;
    let authors = corpus::authors(data)?;
    let validation = held(&authors, &tokenizer, 512)?;
    let users = users(data, &authors)?;
    println!("{} users to learn from", users.len());
    let mut parameters = random_parameters(&config, 1, &device);
    println!("{} weights", parameters.count());
    for phase in &PHASES {
        let out = work.join(phase.name);
        let done = out.join("model");
        if done.join("config.json").exists() {
            parameters = load(&done, &device)?;
            continue;
        }
        let started = Instant::now();
        let features = cached(&work.join(format!("{}.features", phase.name)), || {
            examples(&users, &tokenizer, phase)
        })?;
        println!(
            "{}: {} examples in {:.0?}",
            phase.name,
            features.len(),
            started.elapsed()
        );
        let tasks = [TaskData {
            name: phase.name.to_owned(),
            rate: 1.0,
            source: features.into(),
        }];
        let options = TrainOptions {
            steps: phase.steps,
            batch: phase.batch,
            optimizer: OptimizerKind::Adafactor {
                scale_parameter: true,
            },
            lr: phase.lr,
            schedule: phase.schedule,
            warmup: phase.warmup,
            clip: 1.0,
            dropout: 0.0,
            seed: 1,
            validate_every: 300,
            checkpoint_seconds: 120,
            ..TrainOptions::default()
        };
        parameters = run(
            &config,
            parameters,
            &tasks,
            &validation,
            &out,
            &options,
            &device,
        )?;
        let json = fs_err::read(work.join("tokenizer.json"))?;
        let exact = idiolect_models::Precision::F32;
        idiolect_models::save(&done, &config, &parameters, exact, Some(&json))?;
    }
    Ok(())
}

/// Trains and tells about it.
pub(crate) fn run(
    config: &Config,
    parameters: Parameters,
    tasks: &[TaskData],
    validation: &[ValidationSet],
    out: &Path,
    options: &TrainOptions,
    device: &Device,
) -> Result<Parameters> {
    let mut run = Run {
        config,
        parameters,
        tasks,
        validation,
        out,
        resume: true,
        adapter: None,
        best: None,
    };
    let started = Instant::now();
    fit(&mut run, options, device, &mut |metric| {
        match metric {
            Metric::Step {
                step,
                loss,
                tokens_per_second,
                ..
            } if step % 20 == 0 => {
                println!(
                    "{:6.0?} {step} loss {loss:.4} {tokens_per_second:.0} tokens/s",
                    started.elapsed()
                );
            }
            Metric::Validation {
                step,
                validation_loss,
                bits_per_byte,
            } => {
                println!(
                    "{:6.0?} {step} VALIDATION {validation_loss:.4} {bits_per_byte:.4?}",
                    started.elapsed()
                );
            }
            Metric::Step { .. } => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok(run.parameters)
}

pub(crate) fn load(folder: &Path, device: &Device) -> Result<Parameters> {
    let file = folder.join("model.safetensors");
    Ok(Parameters::from_safetensors(
        &fs_err::read(&file)?,
        &file,
        device,
    )?)
}

/// A user and how many targets may be taken from them.
struct User {
    documents: Vec<Document>,
    targets: usize,
}

/// Books, long documents, and the authors that are not held back.
fn users(data: &Path, authors: &[Author]) -> Result<Vec<User>> {
    let mut users = Vec::new();
    for (pack, limit) in [("general_novels", 120), ("general_clean", 4)] {
        for (i, text) in corpus::general(data, pack)?.iter().enumerate() {
            // A book is several users, so that its past stays near.
            let passages = passages(text, &format!("{pack}{i}"));
            for part in passages.chunks(400).filter(|part| part.len() >= 3) {
                users.push(User {
                    documents: part.to_vec(),
                    targets: limit,
                });
            }
        }
    }
    for author in authors.iter().filter(|author| !author.validation) {
        let documents: Vec<Document> = author
            .documents
            .iter()
            .flat_map(|document| passages(&document.content(), &document.author))
            .zip(0..)
            .map(|(passage, n)| Document {
                id: n.to_string(),
                n: Some(n),
                ..passage
            })
            .collect();
        users.push(User {
            documents,
            targets: 80,
        });
    }
    Ok(users)
}

/// Whole sentences up to some 700 characters each, as documents in order.
fn passages(text: &str, author: &str) -> Vec<Document> {
    const PASSAGE_CHARACTERS: usize = 700;
    corpus::whole_sentences(text, PASSAGE_CHARACTERS)
        .into_iter()
        .filter(|passage| passage.trim().len() > 2 * IMMEDIATE_CONTEXT_CHARACTERS)
        .zip(0..)
        .map(|(passage, n)| Document {
            id: n.to_string(),
            n: Some(n),
            ..Document::new(author, "", passage.trim())
        })
        .collect()
}

/// What `make` makes, kept in a file between runs: lengths and ids as 16-bit numbers.
pub(crate) fn cached(
    file: &Path,
    make: impl FnOnce() -> Result<Vec<Features>>,
) -> Result<Vec<Features>> {
    if !file.exists() {
        let mut bytes = Vec::new();
        for one in make()? {
            for ids in [&one.input, &one.target] {
                bytes.extend(u16::try_from(ids.len())?.to_le_bytes());
                for &id in ids {
                    bytes.extend(u16::try_from(id)?.to_le_bytes());
                }
            }
        }
        let draft = file.with_extension("partial");
        fs_err::write(&draft, bytes)?;
        fs_err::rename(draft, file)?;
    }
    let bytes = fs_err::read(file)?;
    let mut numbers = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|&two| u32::from(u16::from_le_bytes(two)));
    let mut row = || -> Option<Vec<u32>> {
        let length = numbers.next()?;
        Some(numbers.by_ref().take(length as usize).collect())
    };
    let mut found = Vec::new();
    while let (Some(input), Some(target)) = (row(), row()) {
        found.push(Features { input, target });
    }
    Ok(found)
}

/// Examples of a phase, spread over all users.
fn examples(users: &[User], tokenizer: &Tokenizer, phase: &Phase) -> Result<Vec<Features>> {
    let wanted: usize = users
        .iter()
        .map(|user| user.targets.min(user.documents.len()))
        .sum();
    let share = (phase.examples as f64 / wanted as f64).min(1.0);
    let made: Vec<Vec<Features>> = users
        .par_iter()
        .enumerate()
        .map(|(i, user)| {
            let mut random = StdRng::seed_from_u64(i as u64 ^ hash(phase.name));
            // Some users with all their targets: an index serves many examples then.
            if random.random::<f64>() >= share || user.documents.len() < 3 {
                return Ok(Vec::new());
            }
            let count = user.targets.min(user.documents.len());
            let author = &user.documents[0].author;
            let all = MemoryPast::new(author, &user.documents, &Before::Now, None)?;
            (0..count)
                .map(|_| {
                    let target = random.random_range(2..user.documents.len());
                    let target = &user.documents[target];
                    let past = all.at(&Before::Document(target.id.clone()))?;
                    example(target, &past, tokenizer, phase, &mut random)
                })
                .collect::<Result<Vec<_>>>()
        })
        .collect::<Result<_>>()?;
    Ok(made.into_iter().flatten().collect())
}

fn example(
    target: &Document,
    past: &dyn Past,
    tokenizer: &Tokenizer,
    phase: &Phase,
    random: &mut StdRng,
) -> Result<Features> {
    let content = target.content();
    let context = ImmediateContext::of(&content);
    let query = Query {
        text: context.as_str(),
        vector: None,
    };
    let mut ranked = past.rank(&query, Ranking::DocBm25, &Bm25::default(), 6)?;
    if random.random::<f64>() < phase.copies {
        // The worn copy takes a place that is surely inside what is shown.
        let mut copy = ranked.first().cloned();
        if let Some(copy) = &mut copy {
            copy.text = worn(&content, random);
        }
        ranked.truncate(phase.input / 80);
        let place = random.random_range(0..=ranked.len().min(1));
        for (entry, copy) in copy.into_iter().zip([place]) {
            ranked.insert(copy, entry);
        }
    }
    let past = past_passages(&ranked).text;
    let featurizer = featurizer(tokenizer, phase.input, phase.target);
    Ok(passage(&content, &past, &featurizer).features)
}

pub(crate) fn featurizer(tokenizer: &Tokenizer, input: usize, target: usize) -> Featurizer<'_> {
    Featurizer {
        tokenizer,
        end: END,
        input,
        target,
    }
}

/// The generator's task with a past alone. A passage has no end token: more text comes after it.
fn passage(content: &str, past: &str, featurizer: &Featurizer<'_>) -> Held {
    let context = ImmediateContext::of(content);
    let prompt = Prompt::generation(context.as_str(), "", &[], past);
    let target = Target::of(content, featurizer.tokenizer, featurizer.target, None);
    featurizer.held(&prompt, target)
}

/// The text with some words dropped and some swapped.
fn worn(text: &str, random: &mut StdRng) -> String {
    let mut words: Vec<&str> = text
        .split_inclusive(' ')
        .filter(|_| random.random::<f64>() > 0.08)
        .collect();
    for i in 1..words.len() {
        if random.random::<f64>() < 0.04 {
            words.swap(i - 1, i);
        }
    }
    words.concat()
}

/// Documents of the authors held back, with their own past, none, and another author's.
pub(crate) fn held(
    authors: &[Author],
    tokenizer: &Tokenizer,
    input: usize,
) -> Result<Vec<ValidationSet>> {
    let authors: Vec<&Author> = authors
        .iter()
        .filter(|author| author.validation && author.documents.len() >= 5)
        .collect();
    let pasts: Vec<MemoryPast> = authors
        .iter()
        .map(|author| MemoryPast::new(&author.name, &author.documents, &Before::Now, None))
        .collect::<Result<_, _>>()?;
    let mut places: Vec<(usize, usize)> = authors
        .iter()
        .enumerate()
        .flat_map(|(i, author)| (2..author.documents.len()).take(12).map(move |j| (i, j)))
        .collect();
    places.shuffle(&mut StdRng::seed_from_u64(5));
    places.truncate(HELD_EXAMPLES);
    let mut sets = ["own", "none", "wrong"].map(|name| ValidationSet {
        name: name.to_owned(),
        held: Vec::new(),
    });
    for (i, j) in places {
        let document = &authors[i].documents[j];
        let content = document.content();
        let content = first_characters(&content, HELD_CHARACTERS);
        let context = ImmediateContext::of(content);
        let query = Query {
            text: context.as_str(),
            vector: None,
        };
        let bm25 = Bm25::default();
        let own = pasts[i].at(&Before::Document(document.id.clone()))?;
        let own = own.rank(&query, Ranking::DocBm25, &bm25, 10)?;
        let other = &pasts[(i + 1) % pasts.len()];
        let other = other.rank(&query, Ranking::DocBm25, &bm25, 10)?;
        for (set, past) in sets.iter_mut().zip([
            past_passages(&own).text,
            String::new(),
            past_passages(&other).text,
        ]) {
            let featurizer = featurizer(tokenizer, input, HELD_TOKENS);
            set.held.push(passage(content, &past, &featurizer));
        }
    }
    println!(
        "{} examples held back, of {} authors",
        sets[0].held.len(),
        authors.len()
    );
    Ok(sets.into())
}
