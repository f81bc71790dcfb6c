use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use clap::Args;
use idiolect_evaluation::{Prediction, Resampling, RowLabel, Table, report_html};

use super::save;
use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::printer::counted;

/// Makes one table of several runs over the same examples, as where each row has a model of its own. A
/// row that two runs have is taken from the first; an example that a row lacks is left out of all.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect eval join rows/ImmedCtx rows/SumCtx rows/AuthorPred --out table
  idiolect eval join rows/* --against RankDocBM25 --out table")]
pub(super) struct Arguments {
    /// Folders that `eval --out` wrote, in the order of their rows
    #[arg(value_name = "DIR", required = true)]
    runs: Vec<PathBuf>,
    /// Test every row against this one [default: ImmedCtx, where it is among them]
    #[arg(long, value_name = "ROW")]
    against: Option<String>,
    /// Folder for table.json, table.md and report.html
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let mut labels: Vec<RowLabel> = Vec::new();
    let mut predictions: Vec<Prediction> = Vec::new();
    for folder in &arguments.runs {
        let of_run = labels_of(folder)?;
        let is_new = |row: &str| labels.iter().all(|label| label.row != row);
        let taken: Vec<RowLabel> = of_run
            .into_iter()
            .filter(|label| is_new(&label.row))
            .collect();
        files::json_lines(
            &folder.join("predictions.jsonl"),
            |_, mut prediction: Prediction| {
                if taken.iter().any(|label| label.row == prediction.row) {
                    prediction.trace = None;
                    predictions.push(prediction);
                }
                Ok(())
            },
        )?;
        labels.extend(taken);
    }
    let before: BTreeSet<&str> = predictions.iter().map(|one| one.id.as_str()).collect();
    let before = before.len();
    let predictions = in_every_row(predictions, labels.len());
    let kept: BTreeSet<&str> = predictions.iter().map(|one| one.id.as_str()).collect();
    if kept.is_empty() {
        return Err(
            Failure::new("nothing_in_common", "no example is in all of these runs")
                .hint("measure all with the same examples, `--split`, `--limit` and `--seed`")
                .into(),
        );
    }
    if kept.len() < before {
        context.printer.note(format_args!(
            "{} left out: not in every run",
            counted(before - kept.len(), "example")
        ));
    }
    let against = arguments.against.clone().or_else(|| {
        let usual = "ImmedCtx";
        let is_there = labels.iter().any(|label| label.row == usual);
        is_there.then(|| usual.to_owned())
    });
    let resampling = Resampling {
        seed: context.settings.seed,
        ..Resampling::default()
    };
    let table = Table::new(&predictions, &labels, against.as_deref(), resampling)?;
    if let Some(out) = &arguments.out {
        files::make_private_folder(out)?;
        let page = report_html("Evaluation", &table, &predictions, &[]);
        save(out, &page, &table)?;
    }
    if context.printer.json() {
        context.printer.object(&table)?;
    } else {
        context.printer.line(table.markdown().trim_end())?;
    }
    Ok(Status::Done)
}

/// The rows of a finished run and what they were made from.
fn labels_of(folder: &Path) -> anyhow::Result<Vec<RowLabel>> {
    let path = folder.join("table.json");
    let shown = folder.display();
    if !path.exists() {
        return Err(Failure::new("no_run", format!("`{shown}` holds no finished run"))
            .hint("`idiolect eval --out DIR` makes one, and goes on with one that was interrupted")
            .into());
    }
    let table: Table = serde_json::from_str(&files::text(&path)?).map_err(|_| {
        Failure::new(
            "other_version",
            format!("`{shown}` is a run of another version"),
        )
        .hint("`idiolect eval` makes it anew")
    })?;
    Ok(table
        .rows
        .into_iter()
        .map(|row| RowLabel {
            row: row.row,
            signature: row.signature,
        })
        .collect())
}

/// The predictions of those examples that all rows have.
fn in_every_row(predictions: Vec<Prediction>, rows: usize) -> Vec<Prediction> {
    let mut count: HashMap<String, usize> = HashMap::new();
    for prediction in &predictions {
        *count.entry(prediction.id.clone()).or_default() += 1;
    }
    predictions
        .into_iter()
        .filter(|one| count.get(&one.id) == Some(&rows))
        .collect()
}
