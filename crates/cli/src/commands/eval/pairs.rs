use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use idiolect_evaluation::{Verdict, Verification, char_ngram_verdicts, verification};
use idiolect_models::Seq2Seq;
use idiolect_pipeline::Prompt;
use idiolect_training::pairs::{Pair, SameAuthor};
use serde::Serialize;

use super::examples::drawn;
use super::weights_label;
use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::options::at_least_one;
use crate::printer::counted;
use crate::progress::Progress;

/// Measures how well the model tells one author from two, on pairs that `data pairs` made: AUC, c@1,
/// F0.5u, F1 and Brier as in PAN, beside a comparison of character n-grams that knows no model.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect data pairs --archive many --out data
  idiolect eval pairs data/pairs.jsonl.zst --limit 500")]
pub(super) struct Arguments {
    /// Pairs, a JSON object a line
    #[arg(value_name = "FILE")]
    pairs: PathBuf,
    /// So many pairs, drawn by the seed
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,
    /// How many pairs are computed at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one)]
    batch: usize,
}

#[derive(Serialize)]
struct Found {
    pairs: usize,
    model: Verification,
    character_ngrams: Verification,
    signature: String,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let mut pairs: Vec<Pair> = Vec::new();
    files::json_lines(&arguments.pairs, |_, pair| {
        pairs.push(pair);
        Ok(())
    })?;
    let seed = context.settings.seed;
    if let Some(limit) = arguments.limit {
        let mut place = 0;
        pairs.sort_by_cached_key(|pair| {
            place += 1;
            drawn(seed, &format!("{place} {}", pair.authors[0]))
        });
        pairs.truncate(limit);
    }
    let model = context.settings.model()?;
    context.interrupt.graceful("interrupted");
    let mut progress = Progress::new(&context.printer);
    let mut verdicts = Vec::with_capacity(pairs.len());
    for batch in pairs.chunks(arguments.batch) {
        if context.interrupt.requested() {
            return Ok(Status::Interrupted);
        }
        progress.update(|| format!("{} of {} pairs", verdicts.len(), pairs.len()));
        verdicts.extend(judged(&model, batch)?);
    }
    drop(progress);
    let texts: Vec<(&str, &str)> = pairs
        .iter()
        .map(|pair| (pair.first.as_str(), pair.second.as_str()))
        .collect();
    let by_ngrams: Vec<Verdict> = char_ngram_verdicts(&texts)
        .into_iter()
        .zip(&pairs)
        .map(|(score, pair)| Verdict {
            truth: pair.label == SameAuthor::True,
            score,
        })
        .collect();
    let (Some(by_model), Some(by_ngrams)) = (verification(&verdicts), verification(&by_ngrams))
    else {
        let shown = arguments.pairs.display();
        return Err(Failure::new("no_examples", format!("`{shown}` is empty"))
            .hint("`idiolect data pairs --out DIR` makes pairs")
            .into());
    };
    let found = Found {
        pairs: pairs.len(),
        model: by_model,
        character_ngrams: by_ngrams,
        signature: format!(
            "verification|pan|auc|c@1|f0.5u|f1|brier|limit:{}|seed:{seed}|weights:{}|idiolect:{}",
            arguments
                .limit
                .map_or_else(|| "no".to_owned(), |limit| limit.to_string()),
            weights_label(&model)?,
            env!("CARGO_PKG_VERSION")
        ),
    };
    if context.printer.json() {
        context.printer.object(&found)?;
        return Ok(Status::Done);
    }
    let printer = &mut context.printer;
    for (name, measures) in [
        ("the model", &found.model),
        ("character n-grams", &found.character_ngrams),
    ] {
        printer.line(verification_line(name, measures))?;
    }
    printer.line(counted(found.pairs, "pair"))?;
    printer.line(&found.signature)?;
    Ok(Status::Done)
}

/// All measures in one line.
pub(crate) fn verification_line(name: &str, measures: &Verification) -> String {
    let auc = measures
        .auc
        .map_or_else(|| "–".to_owned(), |auc| format!("{auc:.4}"));
    format!(
        "{name:<18} AUC {auc}  c@1 {:.4}  F0.5u {:.4}  F1 {:.4}  Brier {:.4}  accuracy {:.4}",
        measures.c_at_1, measures.f05_u, measures.f1, measures.brier, measures.accuracy
    )
}

/// How likely the model finds `true` beside `false`.
fn judged(model: &Seq2Seq, pairs: &[Pair]) -> anyhow::Result<Vec<Verdict>> {
    let tokenizer = model
        .tokenizer()
        .context("the model has no tokenizer, so it cannot be measured on text")?;
    let answers = [SameAuthor::True, SameAuthor::False].map(|answer| {
        let mut ids = tokenizer.encode(answer.text());
        ids.push(model.config().eos_token_id);
        ids
    });
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for pair in pairs {
        let fitted = Prompt::distinction(&pair.first, &pair.second).fit_to(model, None)?;
        for answer in &answers {
            inputs.push(fitted.ids.clone());
            targets.push(answer.clone());
        }
    }
    let log_probs = model.log_probs(&inputs, &targets)?;
    let total = |row: &Vec<f32>| row.iter().map(|&p| f64::from(p)).sum::<f64>();
    Ok(log_probs
        .chunks(2)
        .zip(pairs)
        .filter_map(|(both, pair)| {
            let [same, different] = both else { return None };
            Some(Verdict {
                truth: pair.label == SameAuthor::True,
                score: 1.0 / (1.0 + (total(different) - total(same)).exp()),
            })
        })
        .collect())
}
