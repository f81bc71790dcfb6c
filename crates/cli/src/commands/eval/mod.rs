//! `idiolect eval`: a results table with its controls.

mod compare;
mod examples;
mod measure;
mod pairs;
mod past;
mod rows;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use idiolect_core::Ranking;
use idiolect_evaluation::{
    Metric, Resampling, RowLabel, RunSignature, ScoreOptions, Table, metric_signature, report_html,
};
use idiolect_models::{Decoding, EarlyStopping, Seq2Seq, Strategy, WeightFormat};
use idiolect_training::examples::{BuildOptions, Example, Split};
use serde_json::{Value, json};

pub(crate) use self::measure::{Record, Run};
pub(crate) use self::pairs::verification_line;
pub(crate) use self::past::Pasts;
pub(crate) use self::rows::{Makes, PastSource, Row, StageSource, with};
pub(crate) use self::run::Maker;

use crate::Status;
use crate::commands::write::paper_decoding;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::options::{DecodingOptions, RankingOptions, at_least_one};
use crate::printer::counted;

/// Measures a model and its controls on held-out documents: ROUGE and BLEU of whole documents and of
/// continuations, and bits per byte of the true continuation, each with a 95 % interval from
/// resampling users.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "\
Rows: CopyStart, PasteBest, ImmedCtx, RecentDoc, RankDocBM25, RankDocDense, RankSnippet, RankDocBySnpt,
SumCtxInd, SumCtx, SynCtxInd, SynCtx, AuthorPred, WrongAuthor, RandomPast; `paper` means all of them.
OracleSum and OracleSyn are given the weak labels themselves: what a perfect summarizer or synthesizer adds.

Examples:
  idiolect eval --archive many --examples data --out results --limit 200
  idiolect eval --archive many --examples data --no-generate --rows ImmedCtx,AuthorPred,WrongAuthor
  idiolect eval --archive many --examples data --model my-model --rows paper --out mine
  idiolect eval compare mine results"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Test two runs against each other
    Compare(compare::Arguments),
    /// Measure author distinction on pairs of passages
    Pairs(pairs::Arguments),
}

#[derive(Debug, Args)]
struct RunArguments {
    /// Folder that `data build` made, or one of its files [default: made from the archive]
    #[arg(long, value_name = "DIR|FILE")]
    examples: Option<PathBuf>,
    /// Which part of the users
    #[arg(
        long,
        value_name = "NAME",
        default_value = "test",
        value_parser = PossibleValuesParser::new(["train", "validation", "test"]).map(|name| split(&name))
    )]
    split: Split,
    /// So many examples, spread over authors by the seed
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,
    /// Likelihoods only: minutes instead of hours
    #[arg(long)]
    no_generate: bool,
    /// Which configurations
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "CopyStart,PasteBest,ImmedCtx,RecentDoc,RankDocBM25,AuthorPred,WrongAuthor"
    )]
    rows: Vec<String>,
    /// Test every row against this one [default: ImmedCtx, where it is among them]
    #[arg(long, value_name = "ROW")]
    against: Option<String>,
    /// Folder for predictions.jsonl, table.json, table.md and report.html
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many examples are computed at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one)]
    batch: usize,
    #[command(flatten)]
    ranking: RankingOptions,
    #[command(flatten)]
    decoding: DecodingOptions,
}

fn split(name: &str) -> Split {
    Split::ALL
        .into_iter()
        .find(|split| split.name() == name)
        .unwrap_or(Split::Test)
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    match &arguments.action {
        Some(Action::Compare(arguments)) => compare::run(arguments, context),
        Some(Action::Pairs(arguments)) => pairs::run(arguments, context),
        None => measure(&arguments.run, context),
    }
}

const MAX_TOKENS: usize = 256;

fn measure(arguments: &RunArguments, context: &mut Context) -> anyhow::Result<Status> {
    let seed = context.settings.seed;
    let mut rows = rows::rows(&arguments.rows)?;
    let options = BuildOptions {
        seed,
        ranking: arguments.ranking.ranking,
        diverse: arguments.ranking.diverse,
        bm25: arguments.ranking.bm25.value(),
        ..BuildOptions::default()
    };
    let found = examples::examples(
        arguments.examples.as_deref(),
        arguments.split,
        &options,
        context,
    )?;
    let pasts = Pasts::new(
        context,
        &arguments.ranking,
        found.built_with,
        &found.examples,
    );
    let found = with_others(found.examples, &mut rows, &pasts, context)?;
    let against = against(arguments.against.as_deref(), &rows)?;
    let examples = examples::spread(found, arguments.limit, seed);
    let model = context.settings.model()?;
    let decoding = arguments.decoding.over(paper_decoding(MAX_TOKENS), seed)?;
    let weights = weights_label(&model)?;
    let labels: Vec<RowLabel> = rows
        .iter()
        .map(|row| label(row, arguments, &weights, &decoding, seed))
        .collect();
    let record = match &arguments.out {
        Some(out) => Some(Record::open(out, &described(&labels, &examples))?),
        None => None,
    };
    if let Some(already) = record.as_ref().map(Record::already).filter(|&n| n > 0) {
        context.printer.note(format_args!(
            "going on with a run that was interrupted: {} are there",
            counted(already, "prediction")
        ));
    }
    context
        .interrupt
        .graceful("interrupted: stopping after the examples at hand");
    let measured = {
        let context: &Context = context;
        let run = Run {
            context,
            examples: &examples,
            pasts,
            maker: Maker {
                model: &model,
                decoding: (!arguments.no_generate).then_some(&decoding),
                target_tokens: model.config().max_output(),
            },
            batch: arguments.batch,
            by_document: false,
        };
        run.rows(&rows, record)?
    };
    let Some(measured) = measured else {
        return Ok(Status::Interrupted);
    };
    let resampling = Resampling {
        seed,
        ..Resampling::default()
    };
    let table = Table::new(
        &measured.predictions,
        &labels,
        against.as_deref(),
        resampling,
    )?;
    if let Some(out) = &arguments.out {
        let page = report_html("Evaluation", &table, &measured.predictions, &measured.shown);
        save(out, &page, &table)?;
    }
    if context.printer.json() {
        context.printer.object(&table)?;
    } else {
        context.printer.line(table.markdown().trim_end())?;
    }
    Ok(Status::Done)
}

/// The examples that every row can be measured on: a wrong author's past asks for another author who
/// had written something by then. Where nobody ever had, that row is left out instead.
fn with_others(
    examples: Vec<Example>,
    rows: &mut Vec<Row>,
    pasts: &Pasts<'_>,
    context: &Context,
) -> anyhow::Result<Vec<Example>> {
    let of_others = |row: &Row| matches!(row.makes, Makes::Text(setup) if setup.past == PastSource::OtherAuthor);
    if !rows.iter().any(of_others) {
        return Ok(examples);
    }
    let mut has_another = Vec::with_capacity(examples.len());
    for example in &examples {
        has_another.push(pasts.has_another(example)?);
    }
    let without = has_another.iter().filter(|&&has| !has).count();
    if without == examples.len() {
        if rows.len() > 1 {
            rows.retain(|row| !of_others(row));
            context.printer.note(
                "row WrongAuthor left out: no other author of the split had written anything by then",
            );
        }
        return Ok(examples);
    }
    if without > 0 {
        context.printer.note(format_args!(
            "{} left out: for the row WrongAuthor, no other author had written anything by then",
            counted(without, "example")
        ));
    }
    let kept = examples.into_iter().zip(has_another);
    Ok(kept
        .filter_map(|(example, has)| has.then_some(example))
        .collect())
}

fn against(name: Option<&str>, rows: &[Row]) -> Result<Option<String>, Failure> {
    match name {
        Some(name) => {
            let row: Row = name.parse()?;
            if rows.contains(&row) {
                Ok(Some(row.name.to_owned()))
            } else {
                Err(Failure::new(
                    "usage",
                    format!("`{name}` is not among the rows of this run"),
                )
                .hint("add it to `--rows`"))
            }
        }
        None => Ok(rows
            .iter()
            .find(|row| row.name == "ImmedCtx")
            .map(|row| row.name.to_owned())),
    }
}

fn label(
    row: &Row,
    arguments: &RunArguments,
    weights: &str,
    decoding: &Decoding,
    seed: u64,
) -> RowLabel {
    let uses_model = matches!(row.makes, Makes::Text(_));
    let run = arguments.ranking.ranking.name();
    let run = if arguments.ranking.diverse {
        format!("{run} diverse")
    } else {
        run.to_owned()
    };
    let (past, summary, keywords) = match row.makes {
        Makes::Start => (Ranking::None.name().to_owned(), "none", "none"),
        Makes::BestPassage => (run.clone(), "none", "none"),
        Makes::Text(setup) => (
            match setup.past {
                PastSource::Own(ranking) => {
                    ranking.map_or_else(|| run.clone(), |ranking| ranking.name().to_owned())
                }
                PastSource::OwnAtRandom => "random".to_owned(),
                PastSource::OtherAuthor => format!("{run} of another author"),
            },
            setup.summary.name(),
            setup.keywords.name(),
        ),
    };
    // One file is measured whole, whatever `--split` says.
    let one_file = arguments
        .examples
        .as_ref()
        .is_some_and(|path| !path.is_dir());
    let signature = RunSignature {
        metrics: metrics(),
        past,
        summary: summary.to_owned(),
        keywords: keywords.to_owned(),
        split: (!one_file).then(|| arguments.split.name().to_owned()),
        limit: arguments.limit,
        seed,
        weights: if uses_model {
            weights.to_owned()
        } else {
            "none".to_owned()
        },
        decoding: if uses_model && !arguments.no_generate {
            shown(decoding)
        } else {
            "none".to_owned()
        },
    };
    RowLabel {
        row: row.name.to_owned(),
        signature: signature.to_string(),
    }
}

/// A run, as far as its predictions depend on it: a finished part of the same run is not made again.
pub(crate) fn described(labels: &[RowLabel], examples: &[Example]) -> Value {
    let ids: Vec<&str> = examples.iter().map(|example| example.id.as_str()).collect();
    let rows: BTreeMap<&str, &str> = labels
        .iter()
        .map(|label| (label.row.as_str(), label.signature.as_str()))
        .collect();
    json!({ "rows": rows, "examples": ids })
}

/// Which weights were measured, and how they were kept where that changes results.
pub(crate) fn weights_label(model: &Seq2Seq) -> anyhow::Result<String> {
    let (identity, format) = (model.identity()?, model.weight_format());
    let mut label = format!("{} {}", identity.name, identity.sha256);
    if format != WeightFormat::F32 {
        label = format!("{label} {}", format.name());
    }
    Ok(label)
}

pub(crate) fn shown(decoding: &Decoding) -> String {
    let strategy = match &decoding.strategy {
        Strategy::Greedy => "greedy".to_owned(),
        Strategy::Beam {
            beams,
            length_penalty,
            early_stopping,
        } => {
            let ends = match early_stopping {
                EarlyStopping::True => "true",
                EarlyStopping::False => "false",
                EarlyStopping::Never => "never",
            };
            format!("beam {beams}, length_penalty {length_penalty}, early_stopping {ends}")
        }
        Strategy::Sample {
            temperature,
            top_k,
            top_p,
        } => format!("sample, temperature {temperature}, top_k {top_k}, top_p {top_p}"),
    };
    format!(
        "{strategy}, max_tokens {}, no_repeat_ngram {}, repetition_penalty {}",
        decoding.max_tokens, decoding.no_repeat_ngram, decoding.repetition_penalty
    )
}

/// The table last: a folder that has one is complete.
pub(crate) fn save(out: &Path, page: &str, table: &Table) -> anyhow::Result<()> {
    files::write_whole(&out.join("table.md"), table.markdown().as_bytes())?;
    files::write_whole(&out.join("report.html"), page.as_bytes())?;
    let json = serde_json::to_vec_pretty(table)?;
    files::write_whole(&out.join("table.json"), &json)
}

/// What the metrics of every prediction are.
pub(crate) fn metrics() -> String {
    let metrics: Vec<Metric> = ["rouge1", "rouge2", "rougeL", "bleu", "style"]
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    metric_signature(&metrics, &ScoreOptions::default())
}
