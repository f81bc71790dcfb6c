//! Fits how far the author's own continuation model is believed, and measures what it is worth.
//!
//! `own-words DATA MODEL [AUTHORS]`: of four packs, so many authors with eight documents or more, the last
//! three documents of each. The few weights are fitted on every other author; on the rest, bits per byte of
//! the true continuations are printed without a past, with passages of the past in the input, with the
//! author's own words beside these, and with somebody else's, each difference with its 95 % interval from
//! resampling authors. Then the weights.

#![expect(clippy::print_stdout, reason = "what it finds is printed")]

mod fit;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result};
use idiolect_core::{Before, Document, ImmediateContext, Ranking, first_characters};
use idiolect_evaluation::{PairedLikelihood, Resampling, bits_saved};
use idiolect_models::{Belief, Evidence, OwnWords, Seq2Seq};
use idiolect_pipeline::{Prompt, past_passages};
use idiolect_retrieval::{Bm25, MemoryPast, Past, Query};
use idiolect_training::features::Target;
use serde::Deserialize;

const PACKS: [&str; 4] = ["mail_lists", "blogs", "reviews_imdb", "authored_clean"];
/// The last documents of an author, which are written anew.
const TARGETS: usize = 3;
const LEAST_DOCUMENTS: usize = 8;
/// Of a target.
const CHARACTERS: usize = 1_200;
const TOKENS: usize = 320;

/// One token of a true continuation.
struct Place {
    /// The generator's probability without a past, and with passages of it.
    alone: [f32; 2],
    /// What the author's earlier words say, and another author's.
    evidence: [Evidence; 2],
}

/// The continuation of one document.
struct Continuation {
    author: usize,
    places: Vec<Place>,
    bytes: u64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, model, ..] = arguments.as_slice() else {
        anyhow::bail!("usage: own-words DATA MODEL [AUTHORS]");
    };
    let authors = arguments.get(2).map_or(Ok(60), |text| text.parse())?;
    let model = Seq2Seq::open(model, &idiolect_models::device("cpu")?)?;
    let mut packs = Vec::new();
    for pack in PACKS {
        let authors = authors_of(&Path::new(data).join(format!("{pack}.jsonl.zst")), authors)?;
        packs.push(continuations(&authors, &model)?);
    }
    let belief = fit::fit(&half(&packs, 0));
    for (name, half) in PACKS.iter().zip(half(&packs, 1)) {
        report(name, &half, &belief);
    }
    println!("{belief:#?}");
    Ok(())
}

/// What every other author of each pack wrote.
fn half(packs: &[Vec<Continuation>], odd: usize) -> Vec<Vec<&Continuation>> {
    packs
        .iter()
        .map(|pack| pack.iter().filter(|one| one.author % 2 == odd).collect())
        .collect()
}

#[derive(Deserialize)]
struct Line {
    user: String,
    title: Option<String>,
    text: String,
    n: i64,
}

/// So many authors of a pack, spread over all, in order of their documents.
fn authors_of(pack: &Path, most: usize) -> Result<Vec<Vec<Document>>> {
    let mut found: BTreeMap<String, Vec<Document>> = BTreeMap::new();
    for line in BufReader::new(zstd::Decoder::new(fs_err::File::open(pack)?)?).lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let mut document = Document::new(
            &line.user,
            line.title.as_deref().unwrap_or_default(),
            &line.text,
        );
        document.id = line.n.to_string();
        document.n = Some(line.n);
        found.entry(line.user).or_default().push(document);
    }
    let mut authors: Vec<Vec<Document>> = found
        .into_values()
        .filter(|documents| documents.len() >= LEAST_DOCUMENTS)
        .collect();
    for documents in &mut authors {
        documents.sort_by_key(|document| document.n);
    }
    let step = (authors.len() / most).max(1);
    Ok(authors.into_iter().step_by(step).take(most).collect())
}

fn continuations(authors: &[Vec<Document>], model: &Seq2Seq) -> Result<Vec<Continuation>> {
    let tokenizer = model.tokenizer().context("the model has no tokenizer")?;
    let config = model.config();
    let tokens = |documents: &[Document]| -> OwnWords {
        let documents: Vec<Vec<u32>> = documents
            .iter()
            .map(|document| tokenizer.encode(&document.content()))
            .collect();
        let begins = tokenizer.begins_word(config.vocab_size);
        OwnWords::new(&documents, config.eos_token_id, begins, None)
    };
    let mut found = Vec::new();
    for (author, documents) in authors.iter().enumerate() {
        let past = MemoryPast::new(&documents[0].author, documents, &Before::Now, None)?;
        let other = tokens(&authors[(author + 1) % authors.len()]);
        for (at, document) in documents.iter().enumerate().skip(documents.len() - TARGETS) {
            let own = tokens(&documents[..at]);
            let whole = document.content();
            let content = first_characters(&whole, CHARACTERS);
            let end = (content.len() == whole.len()).then_some(config.eos_token_id);
            let target = Target::of(content, tokenizer, TOKENS, end);
            let context = ImmediateContext::of(content);
            let query = Query {
                text: context.as_str(),
                vector: None,
            };
            let ranked = past.at(&Before::Document(document.id.clone()))?.rank(
                &query,
                Ranking::DocBm25,
                &Bm25::default(),
                10,
            )?;
            let mut inputs = Vec::new();
            for past in ["", past_passages(&ranked).text.as_str()] {
                let prompt = Prompt::generation(context.as_str(), "", &[], past);
                inputs.push(prompt.fit_to(model, None)?.ids);
            }
            let log_probs = model.log_probs(&inputs, &vec![target.ids.clone(); inputs.len()])?;
            let places = (target.start_tokens..target.ids.len())
                .map(|at| Place {
                    alone: [log_probs[0][at].exp(), log_probs[1][at].exp()],
                    evidence: [&own, &other]
                        .map(|own| own.evidence(&target.ids[..at], target.ids[at])),
                })
                .collect();
            found.push(Continuation {
                author,
                places,
                bytes: target.bytes as u64,
            });
        }
    }
    Ok(found)
}

/// A name, and the probability of each place's token.
type Way<'a> = (&'a str, &'a dyn Fn(&Place) -> f32);

fn report(pack: &str, continuations: &[&Continuation], belief: &Belief) {
    let alone = |passages: usize| move |place: &Place| place.alone[passages];
    let mixed = |passages: usize, whose: usize| {
        move |place: &Place| belief.probability(&place.evidence[whose], place.alone[passages])
    };
    let ways: [Way<'_>; 5] = [
        ("no past", &alone(0)),
        ("passages of the past", &alone(1)),
        ("own words", &mixed(0, 0)),
        ("passages and own words", &mixed(1, 0)),
        ("passages and another's words", &mixed(1, 1)),
    ];
    let nats = |way: &dyn Fn(&Place) -> f32, one: &Continuation| -> f64 {
        one.places
            .iter()
            .map(|place| -f64::from(way(place)).ln())
            .sum()
    };
    let users: Vec<String> = continuations
        .iter()
        .map(|one| one.author.to_string())
        .collect();
    for (name, way) in &ways {
        let pairs: Vec<PairedLikelihood<'_>> = continuations
            .iter()
            .zip(&users)
            .map(|(one, user)| PairedLikelihood {
                user,
                nll_a: nats(ways[0].1, one),
                nll_b: nats(*way, one),
                bytes: one.bytes,
            })
            .collect();
        let bytes: u64 = pairs.iter().map(|pair| pair.bytes).sum();
        let bits = pairs.iter().map(|pair| pair.nll_b).sum::<f64>()
            / std::f64::consts::LN_2
            / bytes as f64;
        let Some(saved) = bits_saved(&pairs, &Resampling::default()) else {
            continue;
        };
        let saved = saved.difference;
        println!(
            "{pack}: {name}: {bits:.3} bits per byte, {:.3} [{:.3}, {:.3}] fewer than without a past",
            saved.mean, saved.low, saved.high
        );
    }
}
