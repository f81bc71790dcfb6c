use std::path::{Path, PathBuf};

use clap::Args;
use idiolect_evaluation::{
    FEWEST_USERS, Prediction, Resampling, RowComparison, RunComparison, compare, shown,
};

use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::printer::BOLD;

/// Tests two runs against each other over the examples that both have: the paired t-test of the
/// paper, and a paired bootstrap that resamples users. A row stands against the row of its name; ROUGE
/// is in percent, as in the table.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect eval compare results/large results/small
  idiolect eval compare a b --json | jq '.rows[] | {row: .row_a, bits: .scores.bits_per_byte}'")]
pub(super) struct Arguments {
    /// Folder that `eval --out` wrote, or its predictions.jsonl
    a: PathBuf,
    /// The other one
    b: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let resampling = Resampling {
        seed: context.settings.seed,
        ..Resampling::default()
    };
    let compared = compare(
        &predictions(&arguments.a)?,
        &predictions(&arguments.b)?,
        &resampling,
    )?;
    if context.printer.json() {
        context.printer.object(&compared)?;
    } else {
        print(&compared, context)?;
    }
    Ok(Status::Done)
}

fn predictions(path: &Path) -> anyhow::Result<Vec<Prediction>> {
    let file = if path.is_dir() {
        path.join("predictions.jsonl")
    } else {
        path.to_owned()
    };
    let mut predictions = Vec::new();
    files::json_lines(&file, |_, prediction| {
        predictions.push(prediction);
        Ok(())
    })?;
    if predictions.is_empty() {
        let shown = file.display();
        return Err(
            Failure::new("no_predictions", format!("`{shown}` is empty"))
                .hint("`idiolect eval --out DIR` writes predictions")
                .into(),
        );
    }
    Ok(predictions)
}

/// A difference in the units of the table, with its sign.
fn signed(metric: &str, difference: f64) -> String {
    let text = shown(metric, difference);
    if text.starts_with('-') {
        text
    } else {
        format!("+{text}")
    }
}

fn chance(p: Option<f64>) -> String {
    p.map_or_else(|| "–".to_owned(), |p| format!("{p:.4}"))
}

fn print(compared: &RunComparison, context: &mut Context) -> anyhow::Result<()> {
    let printer = &mut context.printer;
    for row in &compared.rows {
        printer.line(format_args!(
            "{BOLD}{} of A minus {} of B{BOLD:#}",
            row.row_a, row.row_b
        ))?;
        for (metric, found) in &row.scores {
            let difference = found.difference;
            printer.line(format_args!(
                "  {metric:<22} {} [{}, {}]  p {} (t-test), {} (bootstrap), {}, {} examples",
                signed(metric, difference.mean),
                signed(metric, difference.low),
                signed(metric, difference.high),
                chance(found.p_t_test),
                chance(found.p_bootstrap),
                found.win_rate,
                found.examples
            ))?;
        }
    }
    let untested = |row: &RowComparison| row.scores.values().any(|one| one.p_bootstrap.is_none());
    if compared.rows.iter().any(untested) {
        printer.note(format_args!(
            "no bootstrap p: resampling users says something from {FEWEST_USERS} users on"
        ));
    }
    let (a, b) = (compared.only_a, compared.only_b);
    if a + b > 0 {
        printer.note(format_args!(
            "{a} predictions only in A and {b} only in B were left out"
        ));
    }
    Ok(())
}
