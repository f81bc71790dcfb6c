//! `docs/reproduction.md`: our tables beside the paper's, and what they say about its claims.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use idiolect_core::first_characters;
use idiolect_evaluation::{
    BITS_PER_BYTE, Cell, Comparison, Prediction, Resampling, RowLabel, Table, compare, shown,
};
use serde_json::Value;

use crate::claims::{CONTROLS, Claim, PAPER};
use crate::options::Options;
use crate::paper::{ABLATION, CORPORA, Corpus, TABLES, scores};
use crate::plan::{ORDER, PLANS, Task, corpus_folder};

/// The paper's metrics, as ours are named.
const PAPERS: [&str; 4] = ["bleu", "rouge1", "rouge2", "rougeL"];

/// What the paper does not report.
const OURS: [&str; 5] = [
    "bleu_continuation",
    "rouge1_continuation",
    "rougeL_continuation",
    BITS_PER_BYTE,
    "copied_share",
];

/// What claims are judged by.
const JUDGES: [&str; 3] = ["rouge1", "rouge1_continuation", BITS_PER_BYTE];

/// Writes the page from whatever results there are.
pub(crate) fn write(options: &Options) -> Result<()> {
    let mut page = INTRODUCTION.to_owned();
    for corpus in CORPORA {
        let folder = corpus_folder(corpus, options);
        if let Some(results) = Results::read(&folder)? {
            section(&mut page, corpus, &folder, &results)?;
        } else {
            let table = TABLES.iter().find(|table| table.corpus.name == corpus.name);
            let _ = write!(
                page,
                "\n## {}\n\n{}. No row is finished yet: `recipes/{}` makes them.\n",
                capitalized(corpus.name),
                capitalized(corpus.about),
                table.map_or("", |table| table.name)
            );
        }
    }
    fs_err::write(&options.page, page)?;
    println!("{}", options.page.display());
    Ok(())
}

const INTRODUCTION: &str = "\
# The paper's tables, made again

Li and others, *Teach LLMs to Personalize* (arXiv:2308.07968), trains a T5 of 11 billion parameters on mail, book reviews
and Reddit. None of these can be had or shared, and few people have such a model. Here the same rows are made on
writing that can be had, with a model that fits into an e-mail, by the same steps for every row from one starting
checkpoint. So no number below can be compared with the paper's as such; what can be compared is how rows stand to
each other.

This page is made from the results files by `recipes/reproduction-report`; each row is one command, such as `recipes/table2-mail SumCtx`.
Rows, controls and metrics are defined in `idiolect eval --help`; in brackets are 95 % intervals from resampling users.
No row is left out because it disappoints.

- **Ranking below summaries and key words** is the best of the paper's table for that kind of writing: BM25 for mail, documents by their
  best snippet for reviews, snippets for blogs.
- **SumCtx and SynCtx** train a summarizer and a synthesizer first, on half of the users; SumCtxInd's learns from general summaries
  and no user. Generators read in training what these models say, as they will in the test.
- **AuthorPred** and the rows of Table 5 see as many documents a step as the others, and as many pairs of author distinction beside them.
- **UserID** learns the next snippet of documents that are nobody's target, the test users' too; it writes one snippet.
- **WrongAuthor** and **RandomPast** are AuthorPred with another past; **OracleSum** and **OracleSyn** are given the weak labels.
";

/// All that is known of one corpus.
struct Results {
    predictions: Vec<Prediction>,
    table: Table,
    settings: Value,
    costs: BTreeMap<String, f64>,
    /// Rows that are not there.
    missing: Vec<&'static str>,
}

impl Results {
    /// `None` where no row is finished.
    fn read(folder: &Path) -> Result<Option<Self>> {
        let mut labels: Vec<RowLabel> = Vec::new();
        let mut all: Vec<Prediction> = Vec::new();
        for rows in PLANS.iter().flat_map(|plan| plan.measured) {
            let run = folder.join("results").join(rows[rows.len() - 1]);
            let Ok(text) = fs_err::read_to_string(run.join("table.json")) else {
                continue;
            };
            let table: Table = serde_json::from_str(&text)
                .with_context(|| format!("{} is of another version", run.display()))?;
            labels.extend(table.rows.into_iter().map(|row| RowLabel {
                row: row.row,
                signature: row.signature,
            }));
            let file = fs_err::File::open(run.join("predictions.jsonl"))?;
            for line in BufReader::new(file).lines() {
                let mut prediction: Prediction = serde_json::from_str(&line?)?;
                prediction.trace = None;
                prediction.prediction = None;
                all.push(prediction);
            }
        }
        if labels.is_empty() {
            return Ok(None);
        }
        labels.sort_by_key(|label| ORDER.iter().position(|row| *row == label.row));
        let predictions = common(all, &labels);
        let against = labels.iter().find(|label| label.row == "ImmedCtx");
        let table = Table::new(
            &predictions,
            &labels,
            against.map(|label| label.row.as_str()),
            Resampling::default(),
        )?;
        let read = |name: &str| -> Result<Value> {
            Ok(serde_json::from_str(&fs_err::read_to_string(
                folder.join(name),
            )?)?)
        };
        let missing = ORDER
            .into_iter()
            .filter(|row| labels.iter().all(|label| label.row != *row))
            .collect();
        Ok(Some(Self {
            predictions,
            table,
            settings: read("settings.json")?,
            costs: serde_json::from_value(read("cost.json")?)?,
            missing,
        }))
    }

    fn of(&self, row: &str) -> Vec<Prediction> {
        let found = self.predictions.iter().filter(|one| one.row == row);
        found.cloned().collect()
    }

    fn cell(&self, row: &str, metric: &str) -> Option<&Cell> {
        let row = self.table.rows.iter().find(|one| one.row == row)?;
        row.scores.get(metric)
    }

    /// One row against another, by metric.
    fn compared(&self, rows: [&str; 2]) -> Option<BTreeMap<String, Comparison>> {
        let [ours, theirs] = rows.map(|row| self.of(row));
        if ours.is_empty() || theirs.is_empty() {
            return None;
        }
        let mut found = compare(&ours, &theirs, &Resampling::default()).ok()?;
        found.rows.pop().map(|row| row.scores)
    }
}

/// The predictions of examples that every row has.
fn common(all: Vec<Prediction>, labels: &[RowLabel]) -> Vec<Prediction> {
    let mut ids: Option<BTreeSet<String>> = None;
    for label in labels {
        let of_row: BTreeSet<String> = all
            .iter()
            .filter(|one| one.row == label.row)
            .map(|one| one.id.clone())
            .collect();
        ids = Some(match ids {
            None => of_row,
            Some(ids) => ids.intersection(&of_row).cloned().collect(),
        });
    }
    let ids = ids.unwrap_or_default();
    all.into_iter()
        .filter(|one| ids.contains(&one.id))
        .collect()
}

fn section(page: &mut String, corpus: &Corpus, folder: &Path, results: &Results) -> Result<()> {
    let settings = &results.settings;
    let data: Value = serde_json::from_str(&fs_err::read_to_string(
        folder
            .join(format!("data-{}", corpus.ranking))
            .join("manifest.json"),
    )?)?;
    let counts = &data["counts"];
    let _ = write!(
        page,
        "\n## {}\n\n{}: {}. Training {} examples of {} users, test {} of {}; of these {} and {} are used, spread over users. \
         {} steps a row from `{}` ({}).\n",
        capitalized(corpus.name),
        capitalized(corpus.about),
        corpus.packs.join(", "),
        counts["train"]["examples"],
        counts["train"]["authors"],
        counts["test"]["examples"],
        counts["test"]["authors"],
        settings["training_examples"],
        results.table.rows.first().map_or(0, |row| row.examples),
        settings["steps"],
        settings["start"]["name"].as_str().unwrap_or_default(),
        first_characters(settings["start"]["sha256"].as_str().unwrap_or_default(), 12),
    );
    whole_documents(page, corpus, results);
    continuations(page, results);
    if !results.missing.is_empty() {
        let _ = writeln!(page, "\nNot run: {}.", results.missing.join(", "));
    }
    page.push_str("\n### What the paper says of it\n\n");
    claims(page, corpus, results, &PAPER);
    page.push_str("\n### What it does not say\n\n");
    claims(page, corpus, results, &CONTROLS);
    copied_start(page, results);
    ablation(page, results);
    costs(page, results);
    page.push_str("\nSignatures:\n\n");
    for row in &results.table.rows {
        let _ = writeln!(page, "- `{}`: `{}`", row.row, row.signature);
    }
    Ok(())
}

fn whole_documents(page: &mut String, corpus: &Corpus, results: &Results) {
    page.push_str(
        "\n| whole documents, % | Bleu | R-1 | R-2 | R-L | paper: Bleu | R-1 | R-2 | R-L |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in &results.table.rows {
        let _ = write!(page, "| {} |", row.row);
        for metric in PAPERS {
            let _ = write!(
                page,
                " {} |",
                with_interval(results.cell(&row.row, metric), metric)
            );
        }
        match scores(corpus, &row.row) {
            Some(paper) => {
                for value in paper {
                    let _ = write!(page, " {value:.2} |");
                }
            }
            None => page.push_str(" – | – | – | – |"),
        }
        page.push('\n');
    }
    let _ = writeln!(
        page,
        "\n\\* differs from ImmedCtx with p < 0.01 in the paired t-test over examples and in the bootstrap over users."
    );
}

fn continuations(page: &mut String, results: &Results) {
    page.push_str(
        "\n| without the given start | Bleu | R-1 | R-L | bits per byte | copied from the past |\n|---|---|---|---|---|---|\n",
    );
    for row in &results.table.rows {
        let _ = write!(page, "| {} |", row.row);
        for metric in OURS {
            let _ = write!(
                page,
                " {} |",
                with_interval(results.cell(&row.row, metric), metric)
            );
        }
        page.push('\n');
    }
}

fn with_interval(cell: Option<&Cell>, metric: &str) -> String {
    let Some(cell) = cell else {
        return "–".to_owned();
    };
    let [mean, low, high] =
        [cell.value.mean, cell.value.low, cell.value.high].map(|value| shown(metric, value));
    let mark = match cell.against {
        Some(Comparison {
            p_t_test: Some(t),
            p_bootstrap: Some(bootstrap),
            ..
        }) if t < 0.01 && bootstrap < 0.01 => "\\*",
        _ => "",
    };
    format!("{mean}{mark} [{low}, {high}]")
}

fn claims(page: &mut String, corpus: &Corpus, results: &Results, claims: &[Claim]) {
    page.push_str(
        "| claim | rows | R-1 | R-1 of the continuation | bits per byte |\n|---|---|---|---|---|\n",
    );
    for claim in claims {
        let rows = claim.rows(corpus);
        let _ = write!(page, "| {} | {} − {} |", claim.says, rows[0], rows[1]);
        match results.compared(rows) {
            None => page.push_str(" not run | | |"),
            Some(found) => {
                for metric in JUDGES {
                    match found.get(metric) {
                        None => page.push_str(" – |"),
                        Some(one) => {
                            let signed = |value: f64| {
                                let text = shown(metric, value);
                                let sign = if text.starts_with('-') { "" } else { "+" };
                                format!("{sign}{text}")
                            };
                            let difference = one.difference;
                            let _ = write!(
                                page,
                                " {} [{}, {}]: {} |",
                                signed(difference.mean),
                                signed(difference.low),
                                signed(difference.high),
                                claim.verdict(one, metric == BITS_PER_BYTE)
                            );
                        }
                    }
                }
            }
        }
        page.push('\n');
    }
}

/// How much of a score is the given start alone.
fn copied_start(page: &mut String, results: &Results) {
    let mean = |row: &str, metric| results.cell(row, metric).map(|cell| cell.value.mean);
    let (Some(start), Some(whole)) = (mean("CopyStart", "rouge1"), mean("ImmedCtx", "rouge1"))
    else {
        return;
    };
    page.push_str("\n### What the copied start does\n\n");
    let _ = write!(
        page,
        "The 150 characters that every row is given score R-1 {} by themselves (CopyStart), of {} that ImmedCtx has.",
        shown("rouge1", start),
        shown("rouge1", whole)
    );
    let best = results
        .table
        .rows
        .iter()
        .filter(|row| !row.row.starts_with("Oracle"))
        .filter_map(|row| Some((row.scores.get("rouge1")?.value.mean, row.row.as_str())))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((score, row)) = best {
        let rest = |row| mean(row, "rouge1_continuation").unwrap_or_default();
        let _ = write!(
            page,
            " The best row, {row}, is {} above ImmedCtx with the start counted and {} without it.",
            shown("rouge1", score - whole),
            shown("rouge1_continuation", rest(row) - rest("ImmedCtx"))
        );
    }
    page.push('\n');
}

fn ablation(page: &mut String, results: &Results) {
    if ABLATION.iter().all(|(row, _)| results.of(row).is_empty()) {
        return;
    }
    page.push_str(
        "\n### Table 5: the change against AuthorPred\n\n| | Bleu | R-1 | R-2 | R-L | paper: Bleu | R-1 | R-2 | R-L |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for (row, paper) in ABLATION {
        let _ = write!(page, "| {row} |");
        let found = results.compared([row, "AuthorPred"]);
        for metric in PAPERS {
            match found.as_ref().and_then(|found| found.get(metric)) {
                None => page.push_str(" not run |"),
                Some(one) => {
                    let [mean, low, high] =
                        [one.difference.mean, one.difference.low, one.difference.high]
                            .map(|value| shown(metric, value));
                    let _ = write!(page, " {mean} [{low}, {high}] |");
                }
            }
        }
        for value in paper {
            let _ = write!(page, " {value:+.2} |");
        }
        page.push('\n');
    }
}

fn costs(page: &mut String, results: &Results) {
    let hours = |seconds: f64| seconds / 3600.0;
    let of = |kind: &str| -> f64 {
        let found = results
            .costs
            .iter()
            .filter(|(step, _)| step.starts_with(kind));
        hours(found.map(|(_, seconds)| seconds).sum())
    };
    let trained = PLANS
        .iter()
        .filter(|plan| plan.task != Task::Nothing)
        .filter_map(|plan| results.costs.get(&format!("train {}", plan.name)))
        .count();
    let _ = write!(
        page,
        "\n### What it cost\n\n{:.1} hours on the clock beside other work: data {:.1}, training {:.1} ({trained} generators and their stages), \
         measuring {:.1}.\n",
        hours(results.costs.values().sum()),
        of("import") + of("data"),
        of("train"),
        of("eval")
    );
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}
