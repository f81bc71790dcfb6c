use std::collections::BTreeMap;

use serde::Serialize;

use super::Arguments;
use crate::printer::{BOLD, Printer, counted};

/// How many problems a person is shown without `--problems`.
const PROBLEMS_SHOWN: usize = 10;

/// What became of every item: `read` = added + updated + unchanged + all skipped + problems.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) read: usize,
    pub(super) added: usize,
    pub(super) updated: usize,
    pub(super) unchanged: usize,
    pub(super) skipped: BTreeMap<String, usize>,
    pub(super) problems: Vec<ReportedProblem>,
    pub(super) authors: usize,
    pub(super) snippets: usize,
    pub(super) seconds: f64,
    /// Parts of items that are not in their documents, by reason.
    pub(super) removed: BTreeMap<String, usize>,
    /// How many of the unchanged were not read again, as their files are as they were.
    pub(super) known: usize,
    /// How many of those added and updated nearly repeat another of their author.
    pub(super) near_duplicates: usize,
    pub(super) ignored_fields: BTreeMap<String, usize>,
    pub(super) dry_run: bool,
    pub(super) interrupted: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct ReportedProblem {
    pub(super) source: String,
    pub(super) location: String,
    pub(super) reason: String,
}

/// `3 quotes`, `2 patches`.
fn parts(count: usize, reason: &str) -> String {
    match (reason, count) {
        ("code", _) => counted(count, "code block"),
        ("patch", 0 | 2..) => format!("{count} patches"),
        _ => counted(count, reason),
    }
}

pub(super) fn print(
    arguments: &Arguments,
    report: &Report,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    if printer.json() {
        return Ok(printer.object(report)?);
    }
    let Report {
        read,
        added,
        updated,
        unchanged,
        skipped,
        problems,
        authors,
        snippets,
        seconds,
        removed,
        known,
        near_duplicates,
        ..
    } = report;
    let would = if report.dry_run {
        " (dry run: nothing was stored)"
    } else {
        ""
    };
    printer.line(format_args!(
        "{BOLD}{read} read{BOLD:#} in {seconds:.1} s{would}"
    ))?;
    printer.line(format_args!(
        "{added} added, {updated} updated, {unchanged} unchanged: {}, {}",
        counted(*authors, "author"),
        counted(*snippets, "new snippet")
    ))?;
    if *known > 0 {
        printer.line(format_args!(
            "{known} of the unchanged were known, and not read again"
        ))?;
    }
    if *near_duplicates > 0 {
        printer.line(format_args!(
            "{near_duplicates} nearly repeat another of their author"
        ))?;
    }
    if !removed.is_empty() {
        let counts: Vec<String> = removed
            .iter()
            .map(|(reason, count)| parts(*count, reason))
            .collect();
        printer.line(format_args!("left out of them: {}", counts.join(", ")))?;
    }
    for (reason, count) in skipped {
        let reason = reason.replace('_', " ");
        printer.line(format_args!("{count} skipped: {reason}"))?;
    }
    if !problems.is_empty() {
        printer.line(format_args!("{} could not be read", problems.len()))?;
    }
    let shown = if arguments.problems {
        problems.len()
    } else {
        PROBLEMS_SHOWN
    };
    for problem in problems.iter().take(shown) {
        let ReportedProblem {
            source,
            location,
            reason,
        } = problem;
        let comma = if location.is_empty() { "" } else { ", " };
        printer.line(format_args!("  {source}{comma}{location}: {reason}"))?;
    }
    if problems.len() > shown {
        printer.note(format_args!(
            "hint: {} more; `--problems` lists all of them",
            problems.len() - shown
        ));
    }
    if !report.ignored_fields.is_empty() {
        let fields: Vec<&str> = report.ignored_fields.keys().map(String::as_str).collect();
        printer.detail(format_args!("fields not used: {}", fields.join(", ")));
    }
    if report.interrupted {
        printer.note("interrupted: everything above is stored; the same command goes on from here");
    }
    Ok(())
}
