//! `report.html`: what a run found, as a page that a person likes to read.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use idiolect_core::Entry;

use crate::page::{Mark, columns_plot, escaped, html_page, interval_plot};
use crate::prediction::Prediction;
use crate::resample::Interval;
use crate::table::{
    BITS_PER_BYTE, Comparison, Table, comparison, heading, is_about_style, lower_is_better, mark,
    shown,
};

/// One example as several rows wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct SideBySide {
    /// Of the example.
    pub id: String,
    /// What was given of the target.
    pub start: String,
    /// What the author wrote, the start included.
    pub truth: String,
    /// By row, in the order of the table: what was written, and the passages behind it.
    pub written: Vec<Written>,
}

/// One row's text of an example.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The row's name.
    pub row: String,
    /// Its text, the start included.
    pub text: String,
    /// The past passages that it was given.
    pub entries: Vec<Entry>,
}

/// The row whose gain is looked at more closely, where it is there; otherwise the last.
const MAIN: [&str; 3] = ["AuthorPred", "WithPast", "SynCtx"];

/// Rows that are no proposal but a control.
const CONTROLS: [&str; 6] = [
    "CopyStart",
    "PasteBest",
    "WrongAuthor",
    "RandomPast",
    "OracleSum",
    "OracleSyn",
];

/// Classes of the number of past documents: the last of each.
const PASTS: [usize; 6] = [4, 9, 19, 49, 99, usize::MAX];

/// So many authors are drawn at most.
const AUTHORS: usize = 200;

/// The whole page: the table with intervals, a plot a metric, gains by length of past and by author,
/// and examples side by side.
pub fn report_html(
    title: &str,
    table: &Table,
    predictions: &[Prediction],
    examples: &[SideBySide],
) -> String {
    let mut body = String::new();
    if let Some(main) = main_row(table) {
        write_lead(&mut body, table, main);
    }
    body.push_str(&report_body(table, predictions, examples));
    html_page(title, &body)
}

/// The page's inside, without a sentence on top.
pub fn report_body(table: &Table, predictions: &[Prediction], examples: &[SideBySide]) -> String {
    let mut body = String::new();
    let main = main_row(table);
    let _ = writeln!(body, "<p class=\"note\">{}</p>", escaped(&table.caption()));
    let (style, likeness): (Vec<&String>, Vec<&String>) = table
        .metrics
        .iter()
        .partition(|metric| is_about_style(metric));
    write_table(&mut body, table, &likeness);
    if !style.is_empty() {
        body.push_str("<h2>Style and copying</h2>\n<p class=\"note\">How far the continuation is from the author's in numbers that explain themselves (0 is best unless said otherwise), and how much of it stands word for word in the past that was given.</p>\n");
        write_table(&mut body, table, &style);
    }
    body.push_str("<h2>Every metric with its interval</h2>\n<div class=\"plots\">\n");
    for metric in &table.metrics {
        body.push_str(&metric_plot(table, metric));
    }
    body.push_str("</div>\n");
    if let (Some(main), Some(against)) = (main, table.against.as_deref()) {
        write_gains(&mut body, table, predictions, main, against);
    }
    write_examples(&mut body, examples);
    body.push_str("<h2>Signatures</h2>\n<dl>\n");
    for row in &table.rows {
        let _ = writeln!(
            body,
            "<dt>{}</dt><dd><code>{}</code></dd>",
            escaped(&row.row),
            escaped(&row.signature)
        );
    }
    body.push_str("</dl>\n");
    body
}

fn main_row(table: &Table) -> Option<&str> {
    let names = || table.rows.iter().map(|row| row.row.as_str());
    let named = MAIN
        .iter()
        .find_map(|main| names().find(|name| name == main));
    let proposal =
        |name: &&str| !CONTROLS.contains(name) && Some(*name) != table.against.as_deref();
    named.or_else(|| names().rfind(proposal))
}

/// The metric that gains are shown in: the one with the least variance.
fn main_metric(table: &Table) -> Option<&str> {
    [BITS_PER_BYTE, "rougeL_continuation"]
        .into_iter()
        .find(|metric| table.metrics.iter().any(|one| one == metric))
}

fn write_lead(out: &mut String, table: &Table, main: &str) {
    let Some(metric) = main_metric(table) else {
        return;
    };
    let cell = |row: &str| {
        let row = table.rows.iter().find(|one| one.row == row)?;
        row.scores.get(metric)
    };
    let Some((ours, against)) = cell(main).zip(table.against.as_deref()) else {
        return;
    };
    let Some(found) = ours.against else { return };
    let Interval { mean, low, high } = found.difference;
    let (better, low, high) = if lower_is_better(metric) {
        (-mean, -high, -low)
    } else {
        (mean, low, high)
    };
    let clear = low > 0.0 || high < 0.0;
    let wrong = cell("WrongAuthor").map_or(String::new(), |wrong| {
        format!(
            " With another author's past it is {}.",
            shown(metric, wrong.value.mean)
        )
    });
    let _ = writeln!(
        out,
        "<p class=\"lead\">{} of {main}: {} against {} of {}, a {} of {} (95 % interval of the gain: {} to {}){}.{wrong}</p>",
        escaped(&heading(metric)),
        shown(metric, ours.value.mean),
        cell(against).map_or_else(String::new, |cell| shown(metric, cell.value.mean)),
        escaped(against),
        if better >= 0.0 { "gain" } else { "loss" },
        shown(metric, better.abs()),
        shown(metric, low),
        shown(metric, high),
        if clear { "" } else { ": no clear difference" },
        main = escaped(main),
    );
}

fn write_table(out: &mut String, table: &Table, metrics: &[&String]) {
    out.push_str("<table>\n<tr><th></th>");
    for metric in metrics {
        let _ = write!(out, "<th>{}</th>", escaped(&heading(metric)));
    }
    out.push_str("</tr>\n");
    for row in &table.rows {
        let _ = write!(out, "<tr><td>{}</td>", escaped(&row.row));
        for metric in metrics {
            let Some(cell) = row.scores.get(*metric) else {
                out.push_str("<td>–</td>");
                continue;
            };
            let win_rate = cell.against.map_or(String::new(), |against| {
                format!(" title=\"{}\"", escaped(&against.win_rate.to_string()))
            });
            let _ = write!(
                out,
                "<td{win_rate}>{}{}<small>{} – {}</small></td>",
                shown(metric, cell.value.mean),
                mark(cell),
                shown(metric, cell.value.low),
                shown(metric, cell.value.high)
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

fn metric_plot(table: &Table, metric: &str) -> String {
    let marks: Vec<Mark> = table
        .rows
        .iter()
        .filter_map(|row| {
            let value = row.scores.get(metric)?.value;
            Some(Mark {
                label: row.row.clone(),
                shown: shown(metric, value.mean),
                value,
            })
        })
        .collect();
    let rule = table
        .rows
        .iter()
        .find(|row| Some(&row.row) == table.against.as_ref())
        .and_then(|row| Some(row.scores.get(metric)?.value.mean));
    // ROUGE is shown in percent.
    let unit: fn(f64) -> String = match shown(metric, 0.5).as_str() {
        "50.00" => |value| format!("{:.1}", value * 100.0),
        _ => |value| format!("{value:.2}"),
    };
    interval_plot(&heading(metric), &marks, rule, unit)
}

/// Where the gain comes from: by how much the author had written, and by author.
fn write_gains(
    out: &mut String,
    table: &Table,
    predictions: &[Prediction],
    main: &str,
    against: &str,
) {
    let Some(metric) = main_metric(table) else {
        return;
    };
    let of = |row: &str| -> Vec<&Prediction> {
        predictions.iter().filter(|one| one.row == row).collect()
    };
    let (ours, theirs) = (of(main), of(against));
    let sign = if lower_is_better(metric) { -1.0 } else { 1.0 };
    let gain = |found: &Comparison| {
        let mut value = found.difference;
        value.mean *= sign;
        (value.low, value.high) = if sign < 0.0 {
            (-value.high, -value.low)
        } else {
            (value.low, value.high)
        };
        value
    };
    let mut marks = Vec::new();
    let mut from = 0;
    for to in PASTS {
        let class: Vec<&Prediction> = ours
            .iter()
            .copied()
            .filter(|one| one.past_documents.is_some_and(|n| (from..=to).contains(&n)))
            .collect();
        if let Some(found) = comparison(&class, &theirs, metric, &table.resampling) {
            let label = if to == usize::MAX {
                format!("{from} or more")
            } else {
                format!("{from} to {to}")
            };
            let value = gain(&found);
            marks.push(Mark {
                label,
                shown: format!("{} of {}", shown(metric, value.mean), found.examples),
                value,
            });
        }
        from = to.saturating_add(1);
    }
    let name = heading(metric);
    let unit: fn(f64) -> String = |value| format!("{value:.3}");
    if !marks.is_empty() {
        let _ = write!(
            out,
            "<h2>Gain by how much the author had written</h2>\n<p class=\"note\">{} over {} in {}, upwards is better; to the right how many examples.</p>\n{}",
            escaped(main),
            escaped(against),
            escaped(&name),
            interval_plot("Past documents", &marks, Some(0.0), unit)
        );
    }
    let mut by_author: BTreeMap<&str, Vec<&Prediction>> = BTreeMap::new();
    for one in &ours {
        by_author.entry(&one.author).or_default().push(one);
    }
    let one_draw = crate::Resampling {
        resamples: 0,
        ..table.resampling
    };
    let mut columns: Vec<(String, f64)> = by_author
        .into_iter()
        .filter_map(|(author, examples)| {
            let found = comparison(&examples, &theirs, metric, &one_draw)?;
            let value = gain(&found).mean;
            let label = format!(
                "{author}: {} over {} examples",
                shown(metric, value),
                found.examples
            );
            Some((label, value))
        })
        .collect();
    columns.sort_by(|a, b| b.1.total_cmp(&a.1));
    let authors = columns.len();
    if authors > 1 {
        let better = columns.iter().filter(|(_, value)| *value > 0.0).count();
        columns.truncate(AUTHORS);
        let (one, several) = match table.unit.as_str() {
            "documents" => ("document", "documents"),
            _ => ("author", "authors"),
        };
        let _ = write!(
            out,
            "<h2>Gain by {one}</h2>\n<p class=\"note\">{better} of {authors} {several} gain; a column each, the pointer names it.</p>\n{}",
            columns_plot(&format!("Gain in {name}"), &columns)
        );
    }
}

fn write_examples(out: &mut String, examples: &[SideBySide]) {
    if examples.is_empty() {
        return;
    }
    out.push_str("<h2>Examples side by side</h2>\n");
    for (index, example) in examples.iter().enumerate() {
        let _ = write!(
            out,
            "<details{}><summary>{}</summary>\n<div class=\"sides\">\n",
            if index == 0 { " open" } else { "" },
            escaped(&example.id)
        );
        write_side(out, "What the author wrote", &example.truth, &example.start);
        for one in &example.written {
            write_side(out, &one.row, &one.text, &example.start);
        }
        out.push_str("</div>\n");
        let mut same: HashMap<String, Vec<&str>> = HashMap::new();
        for one in &example.written {
            let key = one.entries.iter().map(|entry| entry.document.as_str());
            same.entry(key.collect::<Vec<_>>().join("\n"))
                .or_default()
                .push(&one.row);
        }
        for one in &example.written {
            let key = one.entries.iter().map(|entry| entry.document.as_str());
            let rows = same.remove(&key.collect::<Vec<_>>().join("\n"));
            if let (Some(rows), false) = (rows, one.entries.is_empty()) {
                write_entries(out, &rows.join(", "), &one.entries);
            }
        }
        out.push_str("</details>\n");
    }
}

fn write_side(out: &mut String, name: &str, text: &str, start: &str) {
    let _ = write!(out, "<div><h3>{}</h3><p class=\"text\">", escaped(name));
    match text.strip_prefix(start) {
        Some(rest) => {
            let _ = write!(
                out,
                "<span class=\"start\">{}</span>{}",
                escaped(start),
                escaped(rest)
            );
        }
        None => out.push_str(&escaped(text)),
    }
    out.push_str("</p></div>\n");
}

fn write_entries(out: &mut String, rows: &str, entries: &[Entry]) {
    let _ = writeln!(
        out,
        "<details><summary>Past passages of {}</summary>",
        escaped(rows)
    );
    for entry in entries {
        let title = entry.title.as_deref().unwrap_or(&entry.document);
        let date = entry.date.map_or(String::new(), |date| {
            format!(", {}", date.strftime("%Y-%m-%d"))
        });
        let _ = writeln!(
            out,
            "<div class=\"passage\"><small>{}. {}{date}, score {:.3}</small><p class=\"text\">{}</p></div>",
            entry.rank,
            escaped(title),
            entry.score,
            escaped(entry.text.trim())
        );
    }
    out.push_str("</details>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Resampling;
    use crate::table::RowLabel;

    fn prediction(id: usize, row: &str, nll: f64) -> Prediction {
        Prediction {
            id: id.to_string(),
            author: format!("u{}", id % 4),
            row: row.to_owned(),
            prediction: Some("x".to_owned()),
            scores: BTreeMap::from([("rouge1".to_owned(), 0.4), ("style_delta".to_owned(), 1.0)]),
            nll: Some(nll),
            bytes: Some(100),
            past_documents: Some(id),
            trace: None,
        }
    }

    #[test]
    fn the_page_stands_alone_and_shows_every_row() {
        let mut predictions = Vec::new();
        for id in 0..12 {
            predictions.push(prediction(id, "ImmedCtx", 200.0));
            predictions.push(prediction(id, "SynCtx", 190.0 - id as f64));
            predictions.push(prediction(id, "WrongAuthor", 201.0));
        }
        let labels = ["ImmedCtx", "SynCtx", "WrongAuthor"].map(|row| RowLabel {
            row: row.to_owned(),
            signature: format!("a|b<c of {row}"),
        });
        let table = Table::new(
            &predictions,
            &labels,
            Some("ImmedCtx"),
            Resampling::default(),
        )
        .unwrap();
        let examples = [SideBySide {
            id: "ana/1".to_owned(),
            start: "Hi <Ana>,".to_owned(),
            truth: "Hi <Ana>, it rained.".to_owned(),
            written: vec![Written {
                row: "SynCtx".to_owned(),
                text: "Hi <Ana>, no.".to_owned(),
                entries: Vec::new(),
            }],
        }];
        let page = report_html("Mail & more", &table, &predictions, &examples);
        assert!(page.contains("<title>Mail &amp; more</title>"));
        assert!(page.contains("a|b&lt;c of SynCtx"));
        assert!(page.contains("<span class=\"start\">Hi &lt;Ana&gt;,</span> no."));
        assert!(
            page.contains("bits per byte ↓ of SynCtx: 2.662 against 2.885 of ImmedCtx, a gain of")
        );
        assert!(page.contains("With another author's past it is 2.900."));
        for part in [
            "Style and copying",
            "0 to 4",
            "10 to 19",
            "4 of 4 authors gain",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("<script") && !page.contains("http"));
    }
}
