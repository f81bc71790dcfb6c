use std::path::{Path, PathBuf};

use clap::Args;
use idiolect_evaluation::{CorpusScores, Metric, ScoreOptions, Scored, score};
use serde_json::Value;

use crate::Status;
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
  idiolect score --reference a.jsonl --prediction b.jsonl --field text --metrics rouge1,bleu --json")]
pub(crate) struct Arguments {
    /// True texts, one a line (JSON strings if every line is one)
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// Written texts, in the same order
    #[arg(long, value_name = "FILE")]
    prediction: PathBuf,
    /// Both files are JSON Lines, and the text is in this field
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Which metrics: rouge1 to rouge9, rougeL, rougeLsum, bleu, chrf, meteor
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
    let field = arguments.field.as_deref();
    let references = texts(&arguments.reference, field)?;
    let predictions = texts(&arguments.prediction, field)?;
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
        for read in [&arguments.reference, &arguments.prediction] {
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
    printer.line(counted(*n, "pair"))?;
    printer.line(format_args!("{DIM}{signature}{DIM:#}"))?;
    Ok(())
}
