//! What the card says: everything on authors held back, the same for every edition.

use std::{collections::HashSet, path::Path};

use anyhow::{Context, Result};
use idiolect_evaluation::{RougeKind, rouge};
use idiolect_models::{Decoding, Seq2Seq, StaticEncoder, Tokenizer};
use idiolect_pipeline::keywords_of;
use idiolect_training::{
    fit::bits_per_byte,
    pairs::{PairOptions, SameAuthor, build_pairs},
};

use crate::{
    corpus::{self, Author},
    pretraining::{self, END, featurizer},
    tasks::{INPUT, KEYWORDS, SUMMARY, examples, shortened},
};

/// Prints bits per byte with the author's past, without, and with another's; how near summaries and key
/// words come to their labels; and how well the model tells authors apart.
pub(crate) fn measure(data: &Path, work: &Path, folder: &Path) -> Result<()> {
    let device = idiolect_models::device("cpu")?;
    let model = Seq2Seq::load(folder, &device)?;
    let tokenizer = model.tokenizer().context("the model has no tokenizer")?;
    let authors = corpus::authors(data)?;
    for set in pretraining::held(&authors, tokenizer, INPUT)? {
        let bits = bits_per_byte(&model, &set.held)?.unwrap_or(f64::NAN);
        println!("{}: {bits:.4} bits per byte", set.name);
    }
    let held: Vec<Author> = authors
        .into_iter()
        .filter(|author| author.validation)
        .collect();
    let encoder = StaticEncoder::load(&work.join("encoder"))?;
    labels(&held, &encoder, tokenizer, &model)?;
    distinction(&held, tokenizer, &model)
}

/// ROUGE-L of summaries and F1 of key words, both against the weak labels, mean over examples.
fn labels(
    held: &[Author],
    encoder: &StaticEncoder,
    tokenizer: &Tokenizer,
    model: &Seq2Seq,
) -> Result<()> {
    /// Of so many examples, spread over all.
    const EXAMPLES: usize = 300;
    let all = examples(held, encoder)?;
    let answers = featurizer(tokenizer, INPUT, SUMMARY);
    let decoding = |max_tokens| Decoding {
        max_tokens,
        ..Decoding::default()
    };
    let (mut summaries, mut keywords) = (Vec::new(), Vec::new());
    for example in all.iter().step_by((all.len() / EXAMPLES).max(1)) {
        if let Some(asked) = answers.summary(example) {
            summaries.push((asked.input, &example.summary_label));
        }
        if let Some(asked) = answers.keywords(example, KEYWORDS) {
            keywords.push((asked.input, example));
        }
    }
    let inputs: Vec<Vec<u32>> = summaries.iter().map(|(input, _)| input.clone()).collect();
    let written = model.generate_batch(&inputs, &decoding(SUMMARY))?;
    let scores = written.iter().zip(&summaries).map(|(written, (_, label))| {
        let text = tokenizer.decode(&written.output_ids);
        rouge(label, &text, &[RougeKind::L], false)[0].f1
    });
    println!("summaries: ROUGE-L {:.4} on {}", mean(scores), inputs.len());

    let inputs: Vec<Vec<u32>> = keywords.iter().map(|(input, _)| input.clone()).collect();
    let written = model.generate_batch(&inputs, &decoding(SUMMARY))?;
    let scores = written
        .iter()
        .zip(&keywords)
        .map(|(written, (_, example))| {
            let text = tokenizer.decode(&written.output_ids);
            let found = keywords_of(&text, &example.past_passages);
            let found: HashSet<&String> = found.iter().collect();
            let label: HashSet<&String> = example.keyword_label.iter().take(KEYWORDS).collect();
            2.0 * found.intersection(&label).count() as f64 / (found.len() + label.len()) as f64
        });
    println!("key words: F1 {:.4} on {}", mean(scores), inputs.len());
    Ok(())
}

fn mean(scores: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for score in scores {
        sum += score;
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}

fn distinction(held: &[Author], tokenizer: &Tokenizer, model: &Seq2Seq) -> Result<()> {
    let names: Vec<String> = held.iter().map(|author| author.name.clone()).collect();
    let options = PairOptions {
        max_per_author: 10,
        seed: 9,
        ..PairOptions::default()
    };
    let featurizer = featurizer(tokenizer, INPUT, INPUT);
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    let mut documents = |name: &str| {
        let author = held.iter().find(|author| author.name == name);
        Ok(author
            .map(|author| author.documents.clone())
            .unwrap_or_default())
    };
    build_pairs(&names, &[].into(), &mut documents, &options, &mut |pair| {
        inputs.push(featurizer.distinction(&shortened(pair)).input);
        labels.push(pair.label == SameAuthor::True);
        Ok(())
    })?;
    let score = |answer: &str| -> Result<Vec<f32>> {
        let mut target = tokenizer.encode(answer);
        target.push(END);
        let rows = model.log_probs(&inputs, &vec![target; inputs.len()])?;
        Ok(rows.iter().map(|row| row.iter().sum()).collect())
    };
    let (same, other) = (score("true")?, score("false")?);
    let scores: Vec<f32> = same.iter().zip(&other).map(|(a, b)| a - b).collect();
    // The area under the curve is the share of (same, other) pairs that are ranked rightly.
    let (mut right, mut compared) = (0.0, 0.0);
    for (a, _) in scores.iter().zip(&labels).filter(|(_, same)| **same) {
        for (b, _) in scores.iter().zip(&labels).filter(|(_, same)| !**same) {
            right += f64::from(u8::from(a > b)) + 0.5 * f64::from(u8::from(a == b));
            compared += 1.0;
        }
    }
    let told = scores.iter().zip(&labels);
    let told = told
        .filter(|(score, same)| (**score > 0.0) == **same)
        .count();
    println!(
        "author distinction: AUC {:.3}, accuracy {:.3} on {} pairs",
        right / f64::max(compared, 1.0),
        told as f64 / labels.len().max(1) as f64,
        labels.len()
    );
    Ok(())
}
