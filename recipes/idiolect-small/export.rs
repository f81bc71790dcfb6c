//! Puts the parts together as `models/idiolect-small`, and measures what its card says.

use std::path::Path;

use anyhow::{Context, Result};
use idiolect_models::{Seq2Seq, Tokenizer};
use idiolect_training::{
    fit::bits_per_byte,
    pairs::{PairOptions, SameAuthor, build_pairs},
};

use crate::{
    corpus,
    pretraining::{self, END, featurizer},
    tasks::{INPUT, shortened},
};

/// Copies the trained parts into `folder` and prints the card's figures.
pub(crate) fn make(data: &Path, work: &Path, folder: &Path) -> Result<()> {
    let trained = work.join("passages/model");
    fs_err::create_dir_all(folder.join("encoder"))?;
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs_err::copy(trained.join(file), folder.join(file))?;
    }
    for file in ["config.json", "model.safetensors"] {
        fs_err::copy(
            work.join("encoder").join(file),
            folder.join("encoder").join(file),
        )?;
    }
    measure(data, folder)
}

/// Bits per byte with the author's past, without, and with another's, on the authors held back; and
/// how well the model tells authors apart.
pub(crate) fn measure(data: &Path, folder: &Path) -> Result<()> {
    let device = idiolect_models::device("cpu")?;
    let model = Seq2Seq::load(folder, &device)?;
    let tokenizer = model.tokenizer().context("the model has no tokenizer")?;
    let authors = corpus::authors(data)?;
    for set in pretraining::held(&authors, tokenizer, INPUT)? {
        let bits = bits_per_byte(&model, &set.held)?.unwrap_or(f64::NAN);
        println!("{}: {bits:.4} bits per byte", set.name);
    }
    distinction(&authors, tokenizer, &model)
}

fn distinction(authors: &[corpus::Author], tokenizer: &Tokenizer, model: &Seq2Seq) -> Result<()> {
    let held: Vec<&corpus::Author> = authors.iter().filter(|author| author.validation).collect();
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
    println!(
        "author distinction: AUC {:.3} on {} pairs",
        right / f64::max(compared, 1.0),
        labels.len()
    );
    Ok(())
}
