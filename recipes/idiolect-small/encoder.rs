//! The sentence encoder: static token vectors trained by contrast. The first 150 characters of a
//! document belong to its own snippets; the snippets of other documents in the batch do not, and
//! documents of the same author or book are put together to make that hard.

use std::{ops::ControlFlow, path::Path};

use anyhow::Result;
use idiolect_core::{Encoder, ImmediateContext, snippets};
use idiolect_models::{Parameter, Parameters, Precision, StaticEncoder, StaticVectors, Tokenizer};
use idiolect_training::fit::{ContrastiveOptions, ContrastivePair, train_token_vectors};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::index};
use rayon::prelude::*;

use crate::{corpus, vocabulary};

const DIMENSIONS: usize = 128;
const PAIRS_A_BATCH: usize = 256;
/// So many documents of one author in a batch.
const PAIRS_OF_ONE: usize = 8;
const STEPS: u64 = 3_000;

/// A document as the trainer sees it.
struct Text {
    start: Vec<u32>,
    snippets: Vec<Vec<u32>>,
}

/// Trains the encoder and writes its folder.
pub(crate) fn make(data: &Path, work: &Path) -> Result<()> {
    let json = fs_err::read(work.join("tokenizer.json"))?;
    let tokenizer = Tokenizer::from_bytes(&json)?;
    let device = idiolect_models::device("cpu")?;
    let groups = groups(data, &tokenizer)?;
    println!("{} groups of documents", groups.len());
    let mut random = StdRng::seed_from_u64(3);
    let mut parameters = Parameters(vec![
        (
            "embeddings".to_owned(),
            Parameter::new(
                (0..vocabulary::SIZE * DIMENSIONS)
                    .map(|_| random.random_range(-0.1..0.1))
                    .collect(),
                &[vocabulary::SIZE, DIMENSIONS],
                &device,
            ),
        ),
        (
            "weights".to_owned(),
            Parameter::new(rarity(&groups), &[vocabulary::SIZE], &device),
        ),
    ]);
    let options = ContrastiveOptions {
        steps: STEPS,
        lr: 0.01,
        temperature: 0.05,
    };
    train_token_vectors(
        &mut parameters,
        &options,
        &device,
        &mut |_| batch(&groups, &mut random),
        &mut |step, loss| {
            if step % 50 == 0 {
                println!("{step} loss {loss:.4}");
            }
            ControlFlow::Continue(())
        },
    )?;
    let values = |name: &str| -> Result<Vec<f32>> {
        Ok(parameters
            .get(name)
            .map(Parameter::values)
            .transpose()?
            .unwrap_or_default())
    };
    let vectors = StaticVectors {
        dimensions: DIMENSIONS,
        embeddings: values("embeddings")?,
        weights: Some(values("weights")?),
        mapping: None,
        normalize: true,
        max_length: None,
    };
    let folder = work.join("encoder");
    vectors.save(&folder, Precision::F16, Some(&json))?;
    measure(data, &StaticEncoder::load(&folder)?)
}

/// Documents with at least two snippets, by author or book; others by pack.
fn groups(data: &Path, tokenizer: &Tokenizer) -> Result<Vec<Vec<Text>>> {
    let mut contents: Vec<Vec<String>> = corpus::authors(data)?
        .iter()
        .filter(|author| !author.validation)
        .map(|author| {
            author
                .documents
                .iter()
                .map(|document| document.content().into_owned())
                .collect()
        })
        .collect();
    for book in corpus::general(data, "general_novels")? {
        let bounds: Vec<usize> = snippets(&book)
            .iter()
            .step_by(8)
            .map(|span| span.start)
            .collect();
        contents.push(
            bounds
                .windows(2)
                .map(|w| book[w[0]..w[1]].trim().to_owned())
                .collect(),
        );
    }
    let general = corpus::general(data, "general_clean")?;
    // Neighbours in the pack come from one source, so they are not easy to tell apart either.
    contents.extend(general.chunks(40).map(|chunk| {
        chunk
            .iter()
            .map(|text| idiolect_core::first_characters(text, 6_000).to_owned())
            .collect()
    }));
    Ok(contents
        .par_iter()
        .map(|texts| {
            texts
                .iter()
                .filter_map(|text| text_of(text, tokenizer))
                .collect()
        })
        .filter(|texts: &Vec<Text>| texts.len() > 1)
        .collect())
}

fn text_of(content: &str, tokenizer: &Tokenizer) -> Option<Text> {
    let start = tokenizer.encode(ImmediateContext::of(content).as_str());
    // The first snippet holds the start itself: nothing to learn from.
    let snippets: Vec<Vec<u32>> = snippets(content)
        .into_iter()
        .skip(1)
        .take(24)
        .map(|span| tokenizer.encode(&content[span]))
        .filter(|ids| !ids.is_empty())
        .map(|mut ids| {
            ids.truncate(120);
            ids
        })
        .collect();
    (!start.is_empty() && !snippets.is_empty()).then_some(Text { start, snippets })
}

/// Frequent tokens start with little weight.
fn rarity(groups: &[Vec<Text>]) -> Vec<f32> {
    let mut counts = vec![0.0_f32; vocabulary::SIZE];
    for id in groups
        .iter()
        .flatten()
        .flat_map(|text| text.snippets.iter().flatten())
    {
        counts[*id as usize] += 1.0;
    }
    let total: f32 = counts.iter().sum();
    counts
        .iter()
        .map(|count| 1e-3 / (1e-3 + count / total))
        .collect()
}

fn batch(groups: &[Vec<Text>], random: &mut StdRng) -> Vec<ContrastivePair> {
    let mut pairs = Vec::with_capacity(PAIRS_A_BATCH);
    while pairs.len() < PAIRS_A_BATCH {
        let group = &groups[random.random_range(0..groups.len())];
        let count = PAIRS_OF_ONE
            .min(group.len())
            .min(PAIRS_A_BATCH - pairs.len());
        for i in index::sample(random, group.len(), count) {
            let text = &group[i];
            pairs.push(ContrastivePair {
                start: text.start.clone(),
                snippet: text.snippets[random.random_range(0..text.snippets.len())].clone(),
            });
        }
    }
    pairs
}

/// How often, among all snippets of the authors held back, the best for a document's start is one
/// of that document's.
fn measure(data: &Path, encoder: &StaticEncoder) -> Result<()> {
    let (mut found, mut asked, mut chance) = (0.0, 0.0, 0.0);
    for author in corpus::authors(data)?
        .iter()
        .filter(|author| author.validation)
    {
        let contents: Vec<_> = author.documents.iter().map(|one| one.content()).collect();
        let mut owners = Vec::new();
        let mut texts: Vec<&str> = Vec::new();
        for (i, content) in contents.iter().enumerate() {
            for span in snippets(content).into_iter().skip(1) {
                owners.push(i);
                texts.push(&content[span]);
            }
        }
        let starts: Vec<ImmediateContext> = contents
            .iter()
            .map(|content| ImmediateContext::of(content))
            .collect();
        let starts: Vec<&str> = starts.iter().map(ImmediateContext::as_str).collect();
        let embed = |texts: &[&str]| encoder.embed(texts).map_err(|error| anyhow::anyhow!(error));
        let (starts, snippets) = (embed(&starts)?, embed(&texts)?);
        for (i, start) in starts.iter().enumerate() {
            let own = owners.iter().filter(|&&owner| owner == i).count();
            if own == 0 {
                continue;
            }
            let cosine =
                |one: &Vec<f32>| -> f32 { one.iter().zip(start).map(|(a, b)| a * b).sum() };
            let best = snippets
                .iter()
                .zip(&owners)
                .max_by(|a, b| cosine(a.0).total_cmp(&cosine(b.0)));
            found += f64::from(u8::from(best.is_some_and(|(_, &owner)| owner == i)));
            asked += 1.0;
            chance += own as f64 / owners.len() as f64;
        }
    }
    let share = |n: f64| 100.0 * n / f64::max(asked, 1.0);
    println!(
        "best snippet is the document's own: {:.1} % of {asked} (by chance {:.1} %)",
        share(found),
        share(chance)
    );
    Ok(())
}
