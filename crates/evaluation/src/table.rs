//! Results of several rows as one table: `table.json`, `table.md`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::bits::{Likelihood, PairedLikelihood, bits_per_byte, bits_saved};
use crate::prediction::Prediction;
use crate::resample::{Interval, Resampling};
use crate::significance::{
    FEWEST_USERS, Observed, Paired, PairedBootstrap, WinRate, mean_interval, paired_bootstrap,
    paired_t_test, win_rate,
};

/// Name of the metric that predictions give as `nll` and `bytes`; lower is better.
pub const BITS_PER_BYTE: &str = "bits_per_byte";

/// Below this a difference is marked, as in the paper (paper §5).
pub const SIGNIFICANT: f64 = 0.01;

/// Rows by metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The row that the others are tested against.
    pub against: Option<String>,
    /// Names of the metrics, in the order of their columns.
    pub metrics: Vec<String>,
    /// In the order asked for.
    pub rows: Vec<Row>,
    /// How intervals were drawn.
    pub resampling: Resampling,
    /// What is drawn again for intervals: `users`, or `documents` where all are one person's.
    #[serde(default = "users")]
    pub unit: String,
    /// Version of this software.
    pub version: String,
}

fn users() -> String {
    "users".to_owned()
}

/// One configuration's results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub row: String,
    /// How many examples it has.
    pub examples: usize,
    /// Of how many users.
    pub users: usize,
    /// By metric; a metric that the row does not have is left out.
    pub scores: BTreeMap<String, Cell>,
    /// What it was made from.
    pub signature: String,
}

/// One metric of one row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Mean over examples, or all bits over all bytes, with its interval.
    #[serde(flatten)]
    pub value: Interval,
    /// Tests against the named row; `None` for that row itself and where there is none.
    pub against: Option<Comparison>,
}

/// A row, or a run, against another over the examples that both have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many examples both have.
    pub examples: usize,
    /// This minus the other.
    pub difference: Interval,
    /// Users for whom this is better.
    pub win_rate: WinRate,
    /// Paired t-test over examples, as in the paper; `None` for fewer than two.
    pub p_t_test: Option<f64>,
    /// Paired bootstrap over users; `None` for fewer than [`FEWEST_USERS`].
    pub p_bootstrap: Option<f64>,
}

/// A row's name and what to print below the table about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLabel {
    /// As in [`Prediction::row`].
    pub row: String,
    /// From [`crate::RunSignature`].
    pub signature: String,
}

impl Table {
    /// Gathers predictions into rows, in the order of `labels`.
    ///
    /// # Errors
    ///
    /// A label, or `against`, names a row without predictions.
    pub fn new(
        predictions: &[Prediction],
        labels: &[RowLabel],
        against: Option<&str>,
        resampling: Resampling,
    ) -> Result<Self, Error> {
        let mut by_row: BTreeMap<&str, Vec<&Prediction>> = BTreeMap::new();
        for prediction in predictions {
            by_row.entry(&prediction.row).or_default().push(prediction);
        }
        let find = |row: &str| {
            by_row.get(row).ok_or_else(|| Error::Row {
                row: row.to_owned(),
                known: by_row.keys().map(|&row| row.to_owned()).collect(),
            })
        };
        let other = against.map(find).transpose()?;
        let metrics = metrics_of(predictions);
        let mut rows = Vec::with_capacity(labels.len());
        for label in labels {
            let ours = find(&label.row)?;
            let other = other.filter(|_| against != Some(&label.row));
            let scores = metrics
                .iter()
                .filter_map(|metric| {
                    let value = value(ours, metric, &resampling)?;
                    let against =
                        other.and_then(|other| comparison(ours, other, metric, &resampling));
                    Some((metric.clone(), Cell { value, against }))
                })
                .collect();
            let users: BTreeSet<&str> = ours.iter().map(|one| one.author.as_str()).collect();
            rows.push(Row {
                row: label.row.clone(),
                examples: ours.len(),
                users: users.len(),
                scores,
                signature: label.signature.clone(),
            });
        }
        Ok(Self {
            against: against.map(str::to_owned),
            metrics,
            rows,
            resampling,
            unit: users(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// The table as Markdown, style and copying as a second one, signatures below.
    pub fn markdown(&self) -> String {
        let (style, likeness): (Vec<&String>, Vec<&String>) = self
            .metrics
            .iter()
            .partition(|metric| is_about_style(metric));
        let mut out = String::new();
        self.write_markdown(&mut out, &likeness);
        if !style.is_empty() {
            out.push_str("\nStyle and copying:\n\n");
            self.write_markdown(&mut out, &style);
        }
        let _ = write!(out, "\n{}\n\n", self.caption());
        for row in &self.rows {
            let _ = writeln!(out, "- `{}`: `{}`", row.row, row.signature);
        }
        out
    }

    fn write_markdown(&self, out: &mut String, metrics: &[&String]) {
        out.push_str("| |");
        for metric in metrics {
            let _ = write!(out, " {} |", heading(metric));
        }
        out.push_str("\n|---|");
        out.push_str(&"---|".repeat(metrics.len()));
        out.push('\n');
        for row in &self.rows {
            let _ = write!(out, "| {} |", row.row.replace('|', "\\|"));
            for metric in metrics {
                match row.scores.get(*metric) {
                    Some(cell) => {
                        let _ = write!(
                            out,
                            " {}{} [{}, {}] |",
                            shown(metric, cell.value.mean),
                            mark(cell),
                            shown(metric, cell.value.low),
                            shown(metric, cell.value.high)
                        );
                    }
                    None => out.push_str(" – |"),
                }
            }
            out.push('\n');
        }
    }

    /// One sentence on how to read the numbers.
    pub(crate) fn caption(&self) -> String {
        let examples = self.rows.iter().map(|row| row.examples).max().unwrap_or(0);
        let users = self.rows.iter().map(|row| row.users).max().unwrap_or(0);
        let unit = &self.unit;
        let of = if *unit == self::users() {
            format!(" of {users} users")
        } else {
            String::new()
        };
        let mut caption = format!(
            "{examples} examples{of}; ROUGE in percent; 95 % intervals from {} resamples of {unit}.",
            self.resampling.resamples
        );
        if let Some(against) = &self.against
            && users < FEWEST_USERS
        {
            let _ = write!(
                caption,
                " Differences from {against} are not marked: that takes {FEWEST_USERS} {unit}."
            );
        } else if let Some(against) = &self.against {
            let _ = write!(
                caption,
                " * differs from {against} with p < {SIGNIFICANT} both in the paired t-test over examples and in the paired bootstrap over {unit}."
            );
        }
        if self.rows.iter().any(|row| row.row == "AuthorPred") {
            caption.push_str(
                " AuthorPred is given what SynCtx is given: it differs from SynCtx only through the model.",
            );
        }
        caption
    }
}

/// Whether smaller values of a metric are better.
pub fn lower_is_better(metric: &str) -> bool {
    metric.starts_with(BITS_PER_BYTE)
        || metric.starts_with("copied_")
        || matches!(
            metric,
            "style_delta" | "style_sentence_length" | "style_sentence_spread" | "style_punctuation"
        )
}

/// Whether a metric stands in the second table: style and copying.
pub(crate) fn is_about_style(metric: &str) -> bool {
    metric.starts_with("style_") || metric.starts_with("copied_")
}

/// Metrics of any of the predictions, those of whole documents first.
pub(crate) fn metrics_of(predictions: &[Prediction]) -> Vec<String> {
    let mut metrics: BTreeSet<(bool, &str)> = BTreeSet::new();
    for prediction in predictions {
        for metric in prediction.scores.keys() {
            metrics.insert((metric.ends_with("_continuation"), metric));
        }
        if prediction.nll.is_some() && prediction.bytes.is_some() {
            metrics.insert((true, BITS_PER_BYTE));
        }
    }
    metrics
        .into_iter()
        .map(|(_, metric)| metric.to_owned())
        .collect()
}

/// The row's mean of a metric; `None` where no example has it.
fn value(ours: &[&Prediction], metric: &str, resampling: &Resampling) -> Option<Interval> {
    if metric == BITS_PER_BYTE {
        let likelihoods: Vec<Likelihood<'_>> = ours
            .iter()
            .filter_map(|one| {
                Some(Likelihood {
                    user: &one.author,
                    nll: one.nll?,
                    bytes: one.bytes?,
                })
            })
            .collect();
        return bits_per_byte(&likelihoods, resampling);
    }
    let observed: Vec<Observed<'_>> = ours
        .iter()
        .filter_map(|one| {
            Some(Observed {
                user: &one.author,
                value: *one.scores.get(metric)?,
            })
        })
        .collect();
    mean_interval(&observed, resampling)
}

/// Both rows over the examples that both have; `None` where there is none with that metric.
pub(crate) fn comparison(
    ours: &[&Prediction],
    theirs: &[&Prediction],
    metric: &str,
    resampling: &Resampling,
) -> Option<Comparison> {
    let by_id: HashMap<&str, &Prediction> =
        theirs.iter().map(|one| (one.id.as_str(), *one)).collect();
    let both = || {
        ours.iter()
            .filter_map(|one| Some((*one, *by_id.get(one.id.as_str())?)))
    };
    let (pairs, bootstrap): (Vec<Paired<'_>>, PairedBootstrap) = if metric == BITS_PER_BYTE {
        let likelihoods: Vec<PairedLikelihood<'_>> = both()
            .filter_map(|(a, b)| {
                // Only the same bytes can be compared.
                let bytes = a.bytes.filter(|bytes| b.bytes == Some(*bytes))?;
                Some(PairedLikelihood {
                    user: &a.author,
                    nll_a: a.nll?,
                    nll_b: b.nll?,
                    bytes,
                })
            })
            .collect();
        let pairs = likelihoods
            .iter()
            .filter(|one| one.bytes > 0)
            .map(|one| {
                let bits = |nll: f64| nll / std::f64::consts::LN_2 / one.bytes as f64;
                Paired {
                    user: one.user,
                    a: bits(one.nll_a),
                    b: bits(one.nll_b),
                }
            })
            .collect();
        (pairs, bits_saved(&likelihoods, resampling)?)
    } else {
        let pairs: Vec<Paired<'_>> = both()
            .filter_map(|(a, b)| {
                Some(Paired {
                    user: &a.author,
                    a: *a.scores.get(metric)?,
                    b: *b.scores.get(metric)?,
                })
            })
            .collect();
        let bootstrap = paired_bootstrap(&pairs, resampling)?;
        (pairs, bootstrap)
    };
    let mut win_rate = win_rate(&pairs)?;
    if lower_is_better(metric) {
        std::mem::swap(&mut win_rate.wins, &mut win_rate.losses);
        win_rate.rate = 1.0 - win_rate.rate;
    }
    let enough = win_rate.users() >= FEWEST_USERS;
    Some(Comparison {
        examples: pairs.len(),
        difference: bootstrap.difference,
        win_rate,
        p_t_test: paired_t_test(&pairs).map(|test| test.p),
        p_bootstrap: enough.then_some(bootstrap.p),
    })
}

/// `*` where both tests agree that the difference is no chance.
pub(crate) fn mark(cell: &Cell) -> &'static str {
    match cell.against {
        Some(Comparison {
            p_t_test: Some(p),
            p_bootstrap: Some(by_users),
            ..
        }) if p < SIGNIFICANT && by_users < SIGNIFICANT => "*",
        _ => "",
    }
}

/// A value as tables print it: ROUGE in percent, BLEU as it is, bits with three digits.
pub fn shown(metric: &str, value: f64) -> String {
    if metric.starts_with(BITS_PER_BYTE) || metric == "style_delta" {
        format!("{value:.3}")
    } else if metric.starts_with("rouge")
        || metric.starts_with("meteor")
        || matches!(metric, "copied_share" | "style_greeting" | "style_sign_off")
    {
        format!("{:.2}", value * 100.0)
    } else {
        format!("{value:.2}")
    }
}

/// A metric's name for readers.
pub(crate) fn heading(metric: &str) -> String {
    if metric == BITS_PER_BYTE {
        return "bits per byte ↓".to_owned();
    }
    match metric.strip_suffix("_continuation") {
        Some(whole) => format!("{}, continuation", heading(whole)),
        None => match metric {
            "bleu" => "BLEU (mean of pairs)".to_owned(),
            "style_delta" => "Burrows's Delta ↓".to_owned(),
            "style_sentence_length" => "sentence length ↓".to_owned(),
            "style_sentence_spread" => "its spread ↓".to_owned(),
            "style_punctuation" => "punctuation ↓".to_owned(),
            "style_greeting" => "greeting, %".to_owned(),
            "style_sign_off" => "closing, %".to_owned(),
            "style_length_ratio" => "length ratio".to_owned(),
            "copied_share" => "copied, % ↓".to_owned(),
            "copied_longest" => "longest copy, words ↓".to_owned(),
            _ => metric.replacen("rouge", "ROUGE-", 1),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions() -> Vec<Prediction> {
        let mut predictions = Vec::new();
        for number in 0..40 {
            for (row, gain) in [("ImmedCtx", 0.0), ("SynCtx", 0.1)] {
                predictions.push(Prediction {
                    id: format!("e{number}"),
                    author: format!("u{}", number % 20),
                    row: row.to_owned(),
                    prediction: None,
                    scores: BTreeMap::from([(
                        "rouge1".to_owned(),
                        0.3 + f64::from(number % 5) / 50.0 + gain,
                    )]),
                    nll: Some(200.0 - 100.0 * gain - f64::from(number % 3)),
                    bytes: Some(100),
                    past_documents: None,
                    trace: None,
                });
            }
        }
        predictions
    }

    fn labels() -> [RowLabel; 2] {
        ["ImmedCtx", "SynCtx"].map(|row| RowLabel {
            row: row.to_owned(),
            signature: format!("signature of {row}"),
        })
    }

    #[test]
    fn gains_are_tested_in_the_direction_that_is_better() {
        let resampling = Resampling {
            resamples: 1000,
            seed: 1,
        };
        let table = Table::new(&predictions(), &labels(), Some("ImmedCtx"), resampling).unwrap();
        assert_eq!(table.metrics, ["rouge1", BITS_PER_BYTE]);
        assert!(table.rows[0].scores["rouge1"].against.is_none());
        let row = &table.rows[1];
        assert_eq!((row.examples, row.users), (40, 20));
        for (metric, difference) in [
            ("rouge1", 0.1),
            (BITS_PER_BYTE, -10.0 / 100.0 / std::f64::consts::LN_2),
        ] {
            let found = row.scores[metric].against.unwrap();
            assert_eq!(found.examples, 40);
            assert!(
                (found.difference.mean - difference).abs() < 1e-12,
                "{metric}"
            );
            assert_eq!(found.win_rate.wins, 20, "{metric}");
            assert_eq!(found.win_rate.rate, 1.0, "{metric}");
            assert!(found.p_bootstrap.unwrap() < 0.01 && found.p_t_test.unwrap() < 0.01);
        }
        let markdown = table.markdown();
        assert!(
            markdown.starts_with(
                "| | ROUGE-1 | bits per byte ↓ |\n|---|---|---|\n| ImmedCtx | 34.00 ["
            )
        );
        assert!(markdown.contains("| SynCtx | 44.00* ["));
        assert!(markdown.contains("- `SynCtx`: `signature of SynCtx`\n"));
        let json = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<Table>(&json).unwrap(), table);
    }

    #[test]
    fn few_users_are_not_tested() {
        let mut few = predictions();
        few.retain(|one| ["u1", "u2", "u3", "u4", "u5"].contains(&one.author.as_str()));
        let table = Table::new(&few, &labels(), Some("ImmedCtx"), Resampling::default()).unwrap();
        let found = table.rows[1].scores["rouge1"].against.unwrap();
        assert_eq!((found.win_rate.users(), found.p_bootstrap), (5, None));
        let markdown = table.markdown();
        assert!(!markdown.contains('*'));
        assert!(markdown.contains("Differences from ImmedCtx are not marked: that takes 6 users."));
    }

    #[test]
    fn an_unknown_row_is_named_with_the_known_ones() {
        let error = Table::new(&predictions(), &labels(), Some("X"), Resampling::default());
        assert_eq!(
            error.unwrap_err().to_string(),
            "there is no row `X`: the results have ImmedCtx, SynCtx"
        );
    }
}
