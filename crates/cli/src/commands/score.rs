use std::path::{Path, PathBuf};

use clap::Args;
use idiolect_evaluation::{
    CorpusScores, Error, Metric, ScoreOptions, Scored, Verdict, score, verification,
};
use serde::Deserialize;
use serde_json::Value;

use crate::Status;
use crate::commands::eval::verification_line;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::options::WordNetOption;
use crate::printer::{DIM, Printer, counted};

/// Scores predictions against references, with the values of rouge-score, sacrebleu and NLTK.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect score --reference true.txt --prediction written.txt
  idiolect score --reference a.jsonl --prediction b.jsonl --field text --metrics rouge1,bleu --json
  idiolect score --reference true.txt --prediction written.txt --metrics style
  idiolect score --verdicts answers.jsonl      # lines of {\"truth\": true, \"score\": 0.8}")]
pub(crate) struct Arguments {
    /// True texts, one a line (JSON strings if every line is one)
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "verdicts",
        requires = "prediction"
    )]
    reference: Option<PathBuf>,
    /// Written texts, in the same order
    #[arg(long, value_name = "FILE", requires = "reference")]
    prediction: Option<PathBuf>,
    /// Instead: answers to "by the same author?", JSON Lines with `truth` and a `score` from 0 to 1,
    /// 0.5 being no answer: AUC, c@1, F0.5u, F1, Brier
    #[arg(long, value_name = "FILE", conflicts_with_all = ["reference", "metrics", "stemmer", "per_example", "field"])]
    verdicts: Option<PathBuf>,
    /// Both files are JSON Lines, and the text is in this field
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Which metrics: rouge1 to rouge9, rougeL, rougeLsum, bleu, chrf, meteor, style
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "rouge1,rouge2,rougeL,rougeLsum,bleu,chrf,meteor"
    )]
    metrics: Vec<Metric>,
    /// ROUGE compares stems
    #[arg(long)]
    stemmer: bool,
    #[command(flatten)]
    wordnet: WordNetOption,
    /// Write the scores of each pair to this file, a line a pair
    #[arg(long, value_name = "FILE")]
    per_example: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let (reference, prediction) = match arguments {
        Arguments {
            verdicts: Some(path),
            ..
        } => return verified(path, context),
        Arguments {
            reference: Some(reference),
            prediction: Some(prediction),
            ..
        } => (reference, prediction),
        // clap asks for one or the other.
        _ => return Ok(Status::Nothing),
    };
    let field = arguments.field.as_deref();
    let references = texts(reference, field)?;
    let predictions = texts(prediction, field)?;
    let wordnet = if arguments.metrics.contains(&Metric::Meteor) {
        arguments.wordnet.load()?
    } else {
        None
    };
    if wordnet.is_none() && arguments.metrics.contains(&Metric::Meteor) {
        context
            .printer
            .warning("METEOR without WordNet stops at stems: name its folder with `--wordnet DIR`");
    }
    let options = ScoreOptions {
        stemmer: arguments.stemmer,
        wordnet: wordnet.as_ref(),
    };
    let Scored { total, pairs } = score(&references, &predictions, &arguments.metrics, &options)?;
    if let Some(path) = &arguments.per_example {
        for read in [reference, prediction] {
            if same_file(path, read) {
                let shown = path.display();
                return Err(Failure::new(
                    "usage",
                    format!("`--per-example {shown}` would write over what is scored"),
                )
                .hint("name another file")
                .into());
            }
        }
        files::write_whole(path, &files::json_lines_of(&pairs)?)?;
    }
    if context.printer.json() {
        context.printer.object(&total)?;
    } else {
        print(&mut context.printer, &total)?;
    }
    Ok(Status::Done)
}

#[derive(Deserialize)]
struct Answer {
    truth: bool,
    score: f64,
}

fn verified(path: &Path, context: &mut Context) -> anyhow::Result<Status> {
    let mut verdicts = Vec::new();
    files::json_lines(path, |line, answer: Answer| {
        let Answer { truth, score } = answer;
        if !(0.0..=1.0).contains(&score) {
            let shown = path.display();
            return Err(Failure::new(
                "invalid_score",
                format!("line {line} of `{shown}` has a score that is not from 0 to 1"),
            )
            .hint("1 means surely the same author, 0 surely another, 0.5 no answer")
            .into());
        }
        verdicts.push(Verdict { truth, score });
        Ok(())
    })?;
    let Some(found) = verification(&verdicts) else {
        return Err(Error::NoPairs.into());
    };
    if context.printer.json() {
        context.printer.object(&found)?;
    } else {
        context.printer.line(verification_line("answers", &found))?;
        context.printer.line(counted(verdicts.len(), "pair"))?;
    }
    Ok(Status::Done)
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (fs_err::canonicalize(one), fs_err::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn texts(path: &Path, field: Option<&str>) -> anyhow::Result<Vec<String>> {
    let Some(field) = field else {
        return Ok(files::strings_or_lines(&files::text(path)?));
    };
    let mut texts = Vec::new();
    files::json_lines(path, |line, object: Value| {
        let text = object.get(field).and_then(Value::as_str).ok_or_else(|| {
            Failure::new(
                "missing_field",
                format!(
                    "line {line} of `{}` has no text in `{field}`",
                    path.display()
                ),
            )
            .hint("name the field that holds the text with `--field`")
        })?;
        texts.push(text.to_owned());
        Ok(())
    })?;
    Ok(texts)
}

fn print(printer: &mut Printer, total: &CorpusScores) -> anyhow::Result<()> {
    let CorpusScores {
        scores,
        n,
        signature,
    } = total;
    for (name, rouge) in &scores.rouge {
        printer.line(format_args!(
            "{name:<10} F1 {:.4}  precision {:.4}  recall {:.4}",
            rouge.f1, rouge.precision, rouge.recall
        ))?;
    }
    if let Some(bleu) = &scores.bleu {
        printer.line(format_args!("{:<10} {:.4}", "bleu", bleu.score))?;
    }
    if let Some(chrf) = &scores.chrf {
        printer.line(format_args!("{:<10} {:.4}", "chrf", chrf.score))?;
    }
    if let Some(meteor) = &scores.meteor {
        printer.line(format_args!("{:<10} {:.4}", "meteor", meteor.score))?;
    }
    if let Some(style) = &scores.style {
        for (name, value) in style.values() {
            printer.line(format_args!("{name:<16} {value:.4}"))?;
        }
    }
    printer.line(counted(*n, "pair"))?;
    printer.line(format_args!("{DIM}{signature}{DIM:#}"))?;
    Ok(())
}
