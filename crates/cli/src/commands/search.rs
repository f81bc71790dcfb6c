use anyhow::Context as _;
use clap::Args;
use idiolect_archive::require_encoder;
use idiolect_core::{Encoder, Ranked, Ranking, first_characters};
use idiolect_retrieval::{Explanation, Past, Query};
use serde::Serialize;

use crate::Status;
use crate::commands::argument_or_stdin;
use crate::commands::authors::day;
use crate::context::Context;
use crate::failure::Failure;
use crate::open;
use crate::options::{PastOptions, RankingOptions, at_least_one};
use crate::printer::{BOLD, DIM, Printer};

/// Searches an author's past.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect search \"the garden in spring\"
  idiolect search --ranking snippet -k 3 \"thank you for the book\"
  idiolect search --before 2020-01-01 --explain \"contract\"
  idiolect search --author ana --before doc:ana-17 --json \"rain\"")]
pub(crate) struct Arguments {
    /// What to look for, or `-` for standard input
    query: String,
    /// How many results
    #[arg(short = 'k', value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    k: usize,
    /// Say how each BM25 score comes about
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    past: PastOptions,
    #[command(flatten)]
    ranking: RankingOptions,
}

/// How much of a result a person is shown.
const EXCERPT_CHARACTERS: usize = 240;

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    ranked: &'a Ranked,
    #[serde(flatten)]
    explanation: Option<&'a Explanation>,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let ranking = arguments.ranking.ranking;
    if arguments.explain && ranking != Ranking::DocBm25 {
        let name = ranking.name();
        return Err(Failure::new(
            "usage",
            format!("`--explain` takes BM25 scores apart, not those of `{name}`"),
        )
        .hint("leave `--ranking` out, or `--explain`")
        .into());
    }
    let text = argument_or_stdin(&arguments.query)?;
    let archive = context.settings.archive()?;
    let past = open::past(&archive, &arguments.past)?;
    let vector = query_vector(context, ranking, &past, &text)?;
    let query = Query {
        text: &text,
        vector: vector.as_deref(),
    };
    let bm25 = arguments.ranking.bm25.value();
    let found = past.rank(&query, ranking, &bm25, arguments.k)?;
    for ranked in &found {
        let explanation = if arguments.explain {
            Some(past.explain(&query, &bm25, &ranked.document)?)
        } else {
            None
        };
        if context.printer.json() {
            context.printer.object(&Line {
                ranked,
                explanation: explanation.as_ref(),
            })?;
        } else {
            print(&mut context.printer, ranked, explanation.as_ref())?;
        }
    }
    if found.is_empty() {
        context.printer.note(format_args!(
            "nothing found in {} documents of `{}`",
            past.documents(),
            past.author()
        ));
        return Ok(Status::Nothing);
    }
    Ok(Status::Done)
}

fn query_vector(
    context: &Context,
    ranking: Ranking,
    past: &dyn Past,
    text: &str,
) -> anyhow::Result<Option<Vec<f32>>> {
    if !ranking.is_dense() {
        return Ok(None);
    }
    let Some(encoder) = context.settings.encoder()? else {
        return Ok(None);
    };
    require_encoder(past, encoder.identity())?;
    let vectors = encoder
        .embed(&[text])
        .map_err(|error| anyhow::anyhow!(error))
        .context("cannot embed the query")?;
    Ok(vectors.into_iter().next())
}

fn print(
    printer: &mut Printer,
    ranked: &Ranked,
    explanation: Option<&Explanation>,
) -> anyhow::Result<()> {
    let Ranked {
        rank,
        score,
        document,
        date,
        title,
        snippet,
        text,
        ..
    } = ranked;
    let title = title.as_deref().unwrap_or("(no title)");
    let date = date
        .map(|date| format!("{}, ", day(date)))
        .unwrap_or_default();
    let snippet = snippet
        .map(|n| format!(", snippet {n}"))
        .unwrap_or_default();
    printer.line(format_args!(
        "{rank}. {BOLD}{title}{BOLD:#}  {DIM}{date}{document}{snippet}, score {score:.4}{DIM:#}"
    ))?;
    printer.line(format_args!("   {}", excerpt(text)))?;
    if let Some(explanation) = explanation {
        explain(printer, explanation)?;
    }
    Ok(())
}

/// The beginning of a text in one line.
pub(crate) fn excerpt(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    let start = first_characters(&line, EXCERPT_CHARACTERS);
    if start.len() == line.len() {
        line
    } else {
        format!("{start}…")
    }
}

fn explain(printer: &mut Printer, explanation: &Explanation) -> anyhow::Result<()> {
    for term in &explanation.terms {
        printer.line(format_args!(
            "   {}: {:.4} × {}  (tf {}, in {} of {} documents, idf {:.4})",
            term.term,
            term.weight,
            term.count_in_query,
            term.tf,
            term.df,
            explanation.documents,
            term.idf
        ))?;
    }
    printer.line(format_args!(
        "   length {} terms, on average {:.1}",
        explanation.length, explanation.average_length
    ))?;
    Ok(())
}
