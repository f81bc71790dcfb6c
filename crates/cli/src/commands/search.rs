use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use idiolect_archive::{Archive, require_encoder};
use idiolect_core::{Document, Encoder, Ranked, Ranking};
use idiolect_retrieval::{Explanation, Past, Query, diverse};
use serde::Serialize;
use serde_json::json;

use crate::Status;
use crate::commands::argument_or_stdin;
use crate::commands::authors::day;
use crate::context::Context;
use crate::failure::Failure;
use crate::open;
use crate::options::{PastOptions, RankingOptions, at_least_one};
use crate::passage::Sought;
use crate::printer::{BOLD, DIM, Printer, counted};

/// Searches an author's past.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect search \"the garden in spring\"
  idiolect search --ranking snippet -k 3 \"thank you for the book\"
  idiolect search --open \"the bridge\"            the best passage in its document
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
    /// Show the Nth result alone, in its whole document [default: the first]
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        conflicts_with_all = ["explain", "k"],
        value_parser = at_least_one
    )]
    open: Option<usize>,
    #[command(flatten)]
    past: PastOptions,
    #[command(flatten)]
    ranking: RankingOptions,
}

/// So many results more are ranked where some may be left out.
const NEAR_DUPLICATES: usize = 100;

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
    let wanted = arguments.open.unwrap_or(arguments.k);
    let mut found = if arguments.ranking.diverse {
        diverse(past.rank(
            &query,
            ranking,
            &bm25,
            wanted.saturating_add(NEAR_DUPLICATES),
        )?)
    } else {
        past.rank(&query, ranking, &bm25, wanted)?
    };
    found.truncate(wanted);
    if found.is_empty() {
        context.printer.note(format_args!(
            "nothing found in {} of `{}`",
            counted(past.documents(), "document"),
            past.author()
        ));
        return Ok(Status::Nothing);
    }
    let sought = Sought::new(&text, bm25.analyzer);
    if let Some(n) = arguments.open {
        let ranked = found.get(n - 1).ok_or_else(|| {
            Failure::new("usage", format!("there is no result {n}"))
                .hint(format!("the search has {}", counted(found.len(), "result")))
        })?;
        let document = archive.document(Some(past.author()), &ranked.document)?;
        if context.printer.json() {
            let span = [ranked.span.start, ranked.span.end];
            let object = json!({ "document": document, "span": span });
            context.printer.object(&object)?;
        } else {
            heading(&mut context.printer, ranked, &archive)?;
            opened(&mut context.printer, ranked, &document, &sought)?;
        }
        return Ok(Status::Done);
    }
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
            let printer = &mut context.printer;
            heading(printer, ranked, &archive)?;
            let text = without_title(ranked);
            printer.line(format_args!("   {}", sought.excerpt(text)))?;
            if let Some(explanation) = &explanation {
                explain(printer, explanation)?;
            }
        }
    }
    Ok(Status::Done)
}

/// A result in its document: every line of the passage has a bar before it.
fn opened(
    printer: &mut Printer,
    ranked: &Ranked,
    document: &Document,
    sought: &Sought,
) -> anyhow::Result<()> {
    let content = document.content();
    let mut start = 0;
    for line in content.split_inclusive('\n') {
        let end = start + line.len();
        let inside = ranked.snippet.is_some() && start < ranked.span.end && end > ranked.span.start;
        let bar = if inside { "│ " } else { "  " };
        printer.line(format_args!("{bar}{}", sought.mark(line.trim_end())))?;
        start = end;
    }
    Ok(())
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

/// Date, document and the name of the file it came from beside the title.
fn heading(printer: &mut Printer, ranked: &Ranked, archive: &Archive) -> anyhow::Result<()> {
    let Ranked {
        rank,
        score,
        document,
        author,
        date,
        title,
        snippet,
        ..
    } = ranked;
    let title = title.as_deref().unwrap_or("(no title)");
    let date = date
        .map(|date| format!("{}, ", day(date)))
        .unwrap_or_default();
    let snippet = snippet
        .map(|n| format!(", snippet {n}"))
        .unwrap_or_default();
    let location = archive.location(author, document)?;
    let source = Path::new(&location).file_name().map_or_else(
        || location.as_str().into(),
        |name| name.to_string_lossy().into_owned(),
    );
    printer.line(format_args!(
        "{rank}. {BOLD}{title}{BOLD:#}  {DIM}{date}{document}{snippet} in {source}, score {score:.4}{DIM:#}"
    ))?;
    Ok(())
}

/// The passage without the title, which stands above it already.
fn without_title(ranked: &Ranked) -> &str {
    let title = ranked.title.as_deref().unwrap_or_default();
    match ranked.text.strip_prefix(title) {
        Some(rest) if rest.starts_with('\n') => rest,
        _ => &ranked.text,
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
