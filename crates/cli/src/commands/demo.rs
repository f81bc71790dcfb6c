use std::ops::ControlFlow;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use idiolect_archive::{Archive, Source};
use idiolect_core::{Before, Document, Trace, first_characters};
use idiolect_ingest::{Item, Options, read_from};
use idiolect_pipeline::{Plan, Request, Stages, carry_out, personalize, plan, read_by_model};
use idiolect_retrieval::Past;
use serde::Serialize;

use crate::Status;
use crate::context::Context;
use crate::open::as_encoder;
use crate::passage::excerpt;
use crate::printer::{BOLD, DIM, Printer, shorten};

/// Shows idiolect at work on a bundled author: it goes on with one of their documents, given only
/// what they wrote before it, and then once more without the past.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect demo
  idiolect demo --author summers
  idiolect demo --json | jq .with_past.entries")]
pub(crate) struct Arguments {
    /// In whose voice
    #[arg(long, value_name = "NAME", default_value = "chesterton")]
    author: Author,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Author {
    /// G. K. Chesterton, The Innocence of Father Brown (1911)
    Chesterton,
    /// Ed Summers, inkdroid.org (2006 to 2026)
    Summers,
}

/// A bundled author, and which of their documents plays the draft.
struct Sample {
    name: &'static str,
    credit: &'static str,
    documents: &'static [u8],
    draft: &'static str,
}

impl Author {
    fn sample(self) -> Sample {
        match self {
            Self::Chesterton => Sample {
                name: "G. K. Chesterton",
                credit: "G. K. Chesterton, The Innocence of Father Brown (1911), public domain",
                documents: include_bytes!("../../../../samples/chesterton.jsonl"),
                draft: "The Three Tools of Death, 3",
            },
            Self::Summers => Sample {
                name: "Ed Summers",
                credit: "Ed Summers, inkdroid.org, CC BY 4.0",
                documents: include_bytes!("../../../../samples/summers.jsonl"),
                draft: "Curation Communities",
            },
        }
    }
}

/// How much of the draft is given, and about how much is written.
const START_WORDS: usize = 12;
const WORDS: usize = 110;
const MAX_TOKENS: usize = 220;

/// How much of the author's own text is shown for comparison.
const ORIGINAL_CHARACTERS: usize = 600;

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let sample = arguments.author.sample();
    let documents = documents(&sample)?;
    let draft = documents
        .iter()
        .find(|document| document.title.as_deref() == Some(sample.draft))
        .context("the bundled sample lacks its draft")?;
    let encoder = context.settings.encoder()?;
    let encoder = as_encoder(encoder.as_ref());
    let model = context.settings.model()?;

    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut archive = Archive::create_or_open(&folder.path().join("archive"))?;
    let source = Source {
        location: "bundled sample".to_owned(),
        format: "jsonl".to_owned(),
        content_hash: None,
    };
    archive.import(&source, &documents, encoder)?;
    let before = Before::Document(draft.id.clone());
    let past = archive.past(sample.name, &before)?;

    let start = first_words(&draft.text, START_WORDS);
    let mut request = Request {
        title: draft.title.clone(),
        words: Some(WORDS),
        ..Request::new(start, before)
    };
    request.decoding.max_tokens = MAX_TOKENS;
    request.decoding.seed = context.settings.seed;
    let stages = Stages::of(&model, encoder);
    context.interrupt.graceful("interrupted");

    let mut show = Show { context };
    show.draft(&sample, sample.draft, start)?;
    let plan = plan(&request, &past, &stages)?;
    show.plan(&plan, past.documents())?;
    let with_past = show.text("What idiolect writes, given this past", |on_text| {
        Ok(carry_out(plan, &request, &stages, on_text)?)
    })?;
    if show.context.interrupt.requested() {
        return Ok(Status::Interrupted);
    }
    let request = request.without_past();
    let without_past = show.text("The same without the past", |on_text| {
        Ok(personalize(&request, &past, &stages, on_text)?)
    })?;
    show.end(draft, &with_past, &without_past)?;
    Ok(if context.interrupt.requested() {
        Status::Interrupted
    } else {
        Status::Done
    })
}

/// The documents of the bundled authors, each in their order.
pub(super) fn samples() -> anyhow::Result<Vec<Vec<Document>>> {
    Author::value_variants()
        .iter()
        .map(|author| documents(&author.sample()))
        .collect()
}

fn documents(sample: &Sample) -> anyhow::Result<Vec<Document>> {
    let mut documents = Vec::new();
    read_from(
        sample.documents,
        "sample.jsonl",
        &Options::default(),
        &mut |item| {
            if let Item::Document(imported) = item {
                documents.push(imported.document);
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok(documents)
}

/// The first `n` words of a text, as they stand there.
fn first_words(text: &str, n: usize) -> &str {
    let end = text.split_whitespace().take(n).last().map_or(0, |word| {
        word.as_ptr() as usize + word.len() - text.as_ptr() as usize
    });
    &text[..end]
}

/// Prints what happens as it happens; nothing before the end with `--json`.
struct Show<'a> {
    context: &'a mut Context,
}

impl Show<'_> {
    fn printer(&mut self) -> Option<&mut Printer> {
        let printer = &mut self.context.printer;
        (!printer.json()).then_some(printer)
    }

    fn heading(&mut self, text: &str) -> anyhow::Result<()> {
        if let Some(printer) = self.printer() {
            printer.line(format_args!("\n{BOLD}{text}{BOLD:#}"))?;
        }
        Ok(())
    }

    fn draft(&mut self, sample: &Sample, title: &str, start: &str) -> anyhow::Result<()> {
        if let Some(printer) = self.printer() {
            printer.line(format_args!("{DIM}{}{DIM:#}", sample.credit))?;
        }
        self.heading("The draft so far")?;
        if let Some(printer) = self.printer() {
            printer.line(title)?;
            printer.line(format_args!("{start} …"))?;
        }
        Ok(())
    }

    fn plan(&mut self, plan: &Plan, documents: usize) -> anyhow::Result<()> {
        self.heading(&format!(
            "Past passages given to the model, out of {documents} earlier documents"
        ))?;
        let Some(printer) = self.printer() else {
            return Ok(());
        };
        let read = read_by_model(&plan.entries, &plan.past_passages, &plan.input.text);
        for (entry, _) in read {
            let title = entry.title.as_deref().unwrap_or("(no title)");
            printer.line(format_args!(
                "{}. {title}  {DIM}score {:.2}{DIM:#}\n   {}",
                entry.rank,
                entry.score,
                excerpt(&entry.text)
            ))?;
        }
        for (heading, text) in [
            ("Summary", plan.summary.clone()),
            ("Key words", plan.keywords.join(", ")),
        ] {
            let text = if text.is_empty() { "(none)" } else { &text };
            printer.line(format_args!("\n{BOLD}{heading}{BOLD:#}\n{text}"))?;
        }
        Ok(())
    }

    fn text(
        &mut self,
        heading: &str,
        writes: impl FnOnce(&mut dyn FnMut(&str) -> ControlFlow<()>) -> anyhow::Result<Trace>,
    ) -> anyhow::Result<Trace> {
        self.heading(heading)?;
        let Context {
            printer, interrupt, ..
        } = &mut *self.context;
        let mut closed = None;
        let mut trace = writes(&mut |text| {
            if !printer.json() {
                closed = printer.piece(text).err();
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
        if let Some(printer) = self.printer() {
            printer.line("")?;
        }
        shorten(&mut trace.request);
        shorten(&mut trace.decoding);
        Ok(trace)
    }

    fn end(
        &mut self,
        draft: &Document,
        with_past: &Trace,
        without_past: &Trace,
    ) -> anyhow::Result<()> {
        self.heading("What the author wrote")?;
        let Some(printer) = self.printer() else {
            self.context.printer.object(&Shown {
                author: &draft.author,
                with_past,
                without_past,
                original: &draft.content(),
            })?;
            return Ok(());
        };
        printer.line(format_args!(
            "{} …",
            first_characters(&draft.text, ORIGINAL_CHARACTERS)
        ))?;
        printer.line(format_args!(
            "\n{BOLD}The same with your own writing{BOLD:#}"
        ))?;
        for command in [
            "idiolect import mail.mbox --me me@example.org --author me",
            "idiolect search \"the garden in spring\"",
            "idiolect write --title \"Plans for May\" \"Dear Ana,\" --show-sources",
        ] {
            printer.line(format_args!("  {command}"))?;
        }
        Ok(())
    }
}

/// All of it, with `--json`.
#[derive(Serialize)]
struct Shown<'a> {
    author: &'a str,
    with_past: &'a Trace,
    without_past: &'a Trace,
    original: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_end_with_a_word() {
        assert_eq!(first_words("a b\n c d", 3), "a b\n c");
        assert_eq!(first_words("a b", 3), "a b");
        assert_eq!(first_words("", 3), "");
    }

    #[test]
    fn every_sample_has_its_draft_and_a_past() {
        for author in Author::value_variants() {
            let sample = author.sample();
            let documents = documents(&sample).unwrap();
            let place = documents
                .iter()
                .position(|document| document.title.as_deref() == Some(sample.draft))
                .unwrap();
            assert!(place >= 20, "{}", sample.name);
        }
    }
}
