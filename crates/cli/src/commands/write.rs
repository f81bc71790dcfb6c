use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use idiolect_archive::require_encoder;
use idiolect_core::{
    Before, Encoder, Entry, FinishReason, ImmediateContext, KeywordSource, Ranking, SummarySource,
    Trace,
};
use idiolect_models::{Decoding, EarlyStopping, Strategy};
use idiolect_pipeline::{Request, Stages, personalize, plan, read_by_model};
use idiolect_retrieval::{MemoryPast, Past};
use serde::Serialize;

use crate::Status;
use crate::commands::authors::day;
use crate::context::Context;
use crate::files;
use crate::open::{self, as_encoder};
use crate::options::{DecodingOptions, PastOptions, StageOptions, Switch, at_least_one};
use crate::passage::excerpt;
use crate::printer::{BOLD, DIM, Printer, shorten};

/// Writes the rest of a document in its author's voice, from what they wrote before.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect write --title \"Plans for May\" \"Dear Ana,\"
  idiolect write --file draft.txt --words 120 --show-sources
  idiolect write --explain \"Dear Ana,\"        # the prompt, to paste into any other model
  idiolect write --no-personalize \"Dear Ana,\" # how it would be without the past
  echo \"Dear Ana,\" | idiolect write --json | jq .entries")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Arguments {
    /// The first words, or `-` for standard input
    #[arg(value_name = "START", conflicts_with = "file")]
    start: Option<String>,
    /// Subject or headline
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,
    /// Read the first words from this file; a line break at its very end is left out
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// About this many words, ending with a sentence
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    words: Option<usize>,
    /// Say on stderr which past passages were given to the model
    #[arg(long)]
    show_sources: bool,
    /// Print the prompt and write nothing
    #[arg(long)]
    explain: bool,
    /// Without the past: the same as `--ranking none --summary none --keywords none --own-words off`
    #[arg(long)]
    no_personalize: bool,
    /// The paper's plain form: beam search, no guard against repetition, `--own-words off`
    #[arg(long)]
    paper: bool,
    /// Leave START out of the text
    #[arg(long)]
    target_only: bool,
    #[command(flatten)]
    past: PastOptions,
    #[command(flatten)]
    stages: StageOptions,
    #[command(flatten)]
    decoding: DecodingOptions,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let request = request(arguments, context)?;
    request.immediate_context()?;
    let needs_no_archive = uses_no_past(&request) && arguments.past.author.is_none();
    let settings = &context.settings;
    // Both take a while and neither needs the other.
    let (model, past) = rayon::join(
        || settings.model(),
        || {
            if needs_no_archive {
                return Ok(None);
            }
            open::past(&settings.archive()?, &arguments.past).map(Some)
        },
    );
    let (model, past) = (model?, past?);
    let encoder = if request.ranking.is_dense() {
        settings.encoder()?
    } else {
        None
    };
    let stages = Stages::of(&model, as_encoder(encoder.as_ref()));
    let Some(past) = past else {
        let nothing = MemoryPast::new("", &[], &Before::Now, None)?;
        return write(arguments, context, &request, &nothing, &stages);
    };
    if let Some(encoder) = &encoder {
        require_encoder(&past, encoder.identity())?;
    }
    write(arguments, context, &request, &past, &stages)
}

fn request(arguments: &Arguments, context: &Context) -> anyhow::Result<Request> {
    let start = start(arguments)?;
    let stages = &arguments.stages;
    let request = Request::new(&start, arguments.past.before());
    let base = if arguments.paper {
        paper_decoding(request.decoding.max_tokens)
    } else {
        request.decoding.clone()
    };
    let request = Request {
        title: arguments.title.clone(),
        ranking: stages.ranking.ranking,
        diverse: stages.ranking.diverse,
        bm25: stages.ranking.bm25.value(),
        summary: stages.summary,
        keywords: stages.keywords,
        own_words: match stages.own_words {
            Some(switch) => switch == Switch::On,
            None => !arguments.paper && stages.ranking.ranking != Ranking::None,
        },
        decoding: Decoding {
            max_copy: stages.max_copy.unwrap_or(base.max_copy),
            ..arguments.decoding.over(base, context.settings.seed)?
        },
        words: arguments.words,
        target_only: arguments.target_only,
        ..request
    };
    Ok(if arguments.no_personalize {
        request.without_past()
    } else {
        request
    })
}

/// Beam search as in the paper (§5), without anything against repetition.
pub(crate) fn paper_decoding(max_tokens: usize) -> Decoding {
    Decoding {
        strategy: Strategy::Beam {
            beams: 4,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::False,
        },
        max_tokens,
        ..Decoding::default()
    }
}

fn start(arguments: &Arguments) -> anyhow::Result<String> {
    let path = match (&arguments.start, &arguments.file) {
        (Some(start), _) if start != "-" => return Ok(start.clone()),
        (_, Some(file)) => file.clone(),
        (None, None) if io::stdin().is_terminal() => return Ok(String::new()),
        (_, None) => PathBuf::from("-"),
    };
    let mut text = files::text(&path)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

fn uses_no_past(request: &Request) -> bool {
    request.ranking == Ranking::None
        && request.summary == SummarySource::None
        && request.keywords == KeywordSource::None
        && !request.own_words
}

fn write(
    arguments: &Arguments,
    context: &mut Context,
    request: &Request,
    past: &dyn Past,
    stages: &Stages<'_>,
) -> anyhow::Result<Status> {
    if arguments.explain {
        return explain(context, request, past, stages);
    }
    context
        .interrupt
        .graceful("interrupted: the text so far is kept");
    let trace = stream(context, |on_text| {
        Ok(personalize(request, past, stages, on_text)?)
    })?;
    if request.ranking != Ranking::None && !trace.entries.iter().any(|entry| entry.kept) {
        context
            .printer
            .note("not personalized: no past passage was found");
    }
    if arguments.show_sources {
        show_sources(&context.printer, &trace);
    }
    context.printer.detail(format_args!(
        "{}",
        serde_json::to_string(&trace.timings_ms)?
    ));
    Ok(match trace.finish_reason {
        FinishReason::Interrupted => Status::Interrupted,
        FinishReason::Stop | FinishReason::Length => Status::Done,
    })
}

/// Shows the text as it comes, or the whole Trace at the end with `--json`.
fn stream(
    context: &mut Context,
    writes: impl FnOnce(&mut dyn FnMut(&str) -> ControlFlow<()>) -> anyhow::Result<Trace>,
) -> anyhow::Result<Trace> {
    let Context {
        printer, interrupt, ..
    } = context;
    let mut closed = None;
    let mut trace = writes(&mut |text| {
        if !printer.json()
            && let Err(error) = printer.piece(text)
        {
            closed = Some(error);
        }
        if closed.is_some() || interrupt.requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    if let Some(error) = closed {
        return Err(error.into());
    }
    if printer.json() {
        shorten(&mut trace.request);
        shorten(&mut trace.decoding);
        printer.object(&trace)?;
    } else {
        printer.line("")?;
    }
    printer.flush()?;
    Ok(trace)
}

/// What the model would be given: a Trace without the text.
#[derive(Serialize)]
struct Explained<'a> {
    immediate_context: &'a ImmediateContext,
    entries: &'a [Entry],
    past_passages: &'a str,
    summary: &'a str,
    keywords: &'a [String],
    prompt: &'a str,
}

fn explain(
    context: &mut Context,
    request: &Request,
    past: &dyn Past,
    stages: &Stages<'_>,
) -> anyhow::Result<Status> {
    let plan = plan(request, past, stages)?;
    let prompt = plan.prompt.text();
    if context.printer.json() {
        context.printer.object(&Explained {
            immediate_context: &plan.immediate_context,
            entries: &plan.entries,
            past_passages: &plan.past_passages,
            summary: &plan.summary,
            keywords: &plan.keywords,
            prompt: &prompt,
        })?;
    } else {
        context.printer.line(prompt)?;
    }
    Ok(Status::Done)
}

/// The past passages, on stderr.
fn show_sources(printer: &Printer, trace: &Trace) {
    printer.note(format_args!(
        "\n{BOLD}Past passages given to the model{BOLD:#}"
    ));
    let read = read_by_model(&trace.entries, &trace.past_passages, &trace.prompt);
    if read.is_empty() {
        printer.note("(none)");
    }
    for &(entry, whole) in &read {
        let title = entry.title.as_deref().unwrap_or("(no title)");
        let date = entry
            .date
            .map(|date| format!("{}, ", day(date)))
            .unwrap_or_default();
        let fate = if whole {
            "given whole"
        } else {
            "its beginning given"
        };
        printer.note(format_args!(
            "{}. {title}  {DIM}{date}{}, score {:.4}, {fate}{DIM:#}\n   {}",
            entry.rank,
            entry.document,
            entry.score,
            excerpt(&entry.text)
        ));
    }
    let rest = trace.entries.len() - read.len();
    if rest > 0 {
        printer.note(format_args!(
            "and {rest} more that did not fit into what the model reads"
        ));
    }
    if !trace.summary.is_empty() {
        printer.note(format_args!("{BOLD}Summary{BOLD:#}  {}", trace.summary));
    }
    if !trace.keywords.is_empty() {
        printer.note(format_args!(
            "{BOLD}Key words{BOLD:#}  {}",
            trace.keywords.join(", ")
        ));
    }
}
