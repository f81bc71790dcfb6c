mod progress;
mod reading;
mod report;
mod store;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use idiolect_archive::{Archive, Error as ArchiveError, FileMark, Origin, Source, SourceProblem};
use idiolect_core::parse_date;
use idiolect_ingest::{
    Error as IngestError, Field, Format, Imported, Item, Mark, Options, Progress as Bytes,
    parse_mapping, read,
};
use jiff::Timestamp;

use crate::Status;
use crate::context::Context;
use crate::failure::{self, Failure};
use crate::interrupt::Interrupt;
use crate::open::take_turn;
use crate::options::is_stdin;
use crate::printer::Printer;
use crate::progress::Progress;
use report::{Report, ReportedProblem, print};
use store::{Batch, Kept, Seen, Store};

pub(crate) use reading::{options_of, place};

/// Adds what somebody wrote to the archive. What a report calls added is on the disk; the same
/// import again adds nothing, so an interrupted one is finished by running it again.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect import mail.mbox --me me@example.org --me me@work.example
  idiolect import takeout.zip --me me@example.org
  idiolect import ~/notes --author ana
  idiolect import posts.jsonl --map text=body,date=created
  idiolect import chat-with-ben.zip --me Ana
  zstd -dc posts.jsonl.zst | idiolect import - --format jsonl --dry-run

Formats, told from names and first bytes:
  mail            mbox, Maildir, .eml, .emlx, Gmail Takeout         --me ADDRESS
  notes, pages    Markdown (Obsidian, Jekyll, Hugo), .txt, .html, .docx, .odt
  tables, lines   .jsonl, .csv, .tsv                                --map
  chats           Telegram result.json, WhatsApp _chat.txt, Slack   --me NAME
  platforms       Reddit, X, Substack, Medium, WordPress, Hacker News
  research        Pushshift .zst, Amazon reviews, LaMP and LongLaMP questions
Archives (.zip) and folders of any of these are read in place.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub(crate) struct Arguments {
    /// Files and folders, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What they are
    #[arg(
        long,
        value_name = "NAME",
        default_value = "auto",
        value_parser = PossibleValuesParser::new(Format::NAMES).try_map(|name| name.parse::<Format>())
    )]
    format: Format,
    /// All documents are this author's; only as typed here, never from the environment or the
    /// configuration
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Mail: keep what this address sent; chats and platforms: what somebody of this name did;
    /// repeatable, all are one author
    #[arg(long, value_name = "ADDRESS")]
    me: Vec<String>,
    /// JSON Lines, CSV: in which field each of text, author, id, date, title, kind, thread, to, n stands
    #[arg(long, value_name = "FIELD=COLUMN", value_delimiter = ',', value_parser = parse_mapping)]
    map: Vec<(Field, String)>,
    /// Only what was written at this time or later
    #[arg(long, value_name = "TIME", value_parser = parse_date)]
    since: Option<Timestamp>,
    /// Only what was written before this time
    #[arg(long, value_name = "TIME", value_parser = parse_date)]
    until: Option<Timestamp>,
    /// Keep blocks of code, and patches in mails
    #[arg(long)]
    keep_code: bool,
    /// Keep what is not published, or not sent; its kind is `draft`
    #[arg(long)]
    drafts: bool,
    /// Read everything again, also files that are as they were
    #[arg(long)]
    again: bool,
    /// Read and report, store nothing
    #[arg(long)]
    dry_run: bool,
    /// Fail at once where another idiolect is writing to the archive, rather than wait for it
    #[arg(long)]
    no_wait: bool,
    /// List every item that could not be read, not the first few
    #[arg(long)]
    problems: bool,
}

/// A batch is stored when it has this many documents, or is this old.
const BATCH_DOCUMENTS: usize = 500;
const BATCH_AGE: Duration = Duration::from_secs(2);

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let begun = Instant::now();
    let options = Options {
        format: arguments.format,
        author: arguments.author.clone(),
        me: arguments.me.clone(),
        map: arguments.map.iter().cloned().collect(),
        since: arguments.since,
        until: arguments.until,
        keep_code: arguments.keep_code,
        drafts: arguments.drafts,
        known: HashMap::new(),
        progress: None,
    };
    check(arguments, &options)?;
    let store = if arguments.dry_run {
        Store::Nowhere(Box::new(Seen {
            archive: existing(context)?,
            documents: HashMap::new(),
            contents: HashSet::new(),
        }))
    } else {
        Store::Archive(Box::new(Kept {
            encoder: context.settings.encoder()?,
            archive: open_to_write(arguments.no_wait, context)?,
        }))
    };
    context
        .interrupt
        .graceful("interrupted: finishing what was begun, then stopping");
    let mut import = Import {
        report: Report::default(),
        authors: BTreeSet::new(),
        store,
        batch: Batch::default(),
        batch_begun: Instant::now(),
        progress: Progress::new(&context.printer),
        options: reading::written(&options),
        again: arguments.again,
        printer: &context.printer,
    };
    for path in &arguments.paths {
        import.path(path, &options, &context.interrupt)?;
        if context.interrupt.requested() {
            import.report.interrupted = true;
            break;
        }
    }
    let mut report = import.finish();
    report.dry_run = arguments.dry_run;
    report.seconds = begun.elapsed().as_secs_f64();
    print(arguments, &report, &mut context.printer)?;
    let stored = report.added + report.updated + report.unchanged;
    if stored == 0 && report.skipped.contains_key("other_sender") {
        context.printer.note(format_args!(
            "nothing in it is from {}: is that the address or the name that it was sent from?",
            arguments.me.join(" or ")
        ));
    }
    Ok(match (report.interrupted, report.read) {
        (true, _) => Status::Interrupted,
        (false, 0) => Status::Nothing,
        (false, _) => Status::Done,
    })
}

/// The archive, made where there is none, in which no other process writes until this one ends.
fn open_to_write(no_wait: bool, context: &Context) -> anyhow::Result<Archive> {
    let mut archive = Archive::create_or_open(&context.settings.archive_folder()?)?;
    let patience = if no_wait {
        Duration::ZERO
    } else {
        Duration::MAX
    };
    take_turn(&mut archive, patience, &context.printer)?;
    Ok(archive)
}

/// Finds what is wrong with paths and options before anything is stored, or an archive made.
fn check(arguments: &Arguments, options: &Options) -> anyhow::Result<()> {
    if let (Some(since), Some(until)) = (arguments.since, arguments.until)
        && since >= until
    {
        return Err(Failure::new("usage", "`--since` is not before `--until`")
            .hint("exchange them: documents from `--since` on and before `--until` are taken")
            .into());
    }
    let files = || arguments.paths.iter().filter(|path| !is_stdin(path));
    for path in files() {
        can_be_opened(path)?;
    }
    for path in files() {
        // What a pipe gives, it gives once.
        if !(path.is_file() || path.is_dir()) {
            continue;
        }
        match read(path, options, &mut |_| ControlFlow::Break(())) {
            Ok(_) | Err(IngestError::Empty { .. } | IngestError::NoDocuments { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn can_be_opened(path: &Path) -> Result<(), IngestError> {
    let shown = path.display().to_string();
    match fs_err::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(IngestError::Missing { path: shown })
        }
        Err(source) => Err(IngestError::Unreadable {
            path: shown,
            source,
        }),
    }
}

fn existing(context: &Context) -> anyhow::Result<Option<Archive>> {
    match Archive::open_read_only(&context.settings.archive_folder()?) {
        Ok(archive) => Ok(Some(archive)),
        Err(ArchiveError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// One run over all paths.
struct Import<'a> {
    report: Report,
    authors: BTreeSet<String>,
    store: Store,
    batch: Batch,
    /// As marks remember the options.
    options: String,
    again: bool,
    batch_begun: Instant,
    progress: Progress,
    printer: &'a Printer,
}

impl Import<'_> {
    fn path(
        &mut self,
        path: &Path,
        options: &Options,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let source = source(path, options.format);
        let bytes = Arc::new(Bytes::default());
        let options = Options {
            known: self.known(&source)?,
            progress: Some(Arc::clone(&bytes)),
            ..options.clone()
        };
        let meter = progress::Meter::new(bytes);
        let problems_before = self.report.problems.len();
        let mut failed = None;
        let read = read(path, &options, &mut |item| {
            if let Err(error) = self.item(item, &source, &meter) {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            if interrupt.requested() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if let Some(error) = failed {
            return Err(error);
        }
        match read {
            Ok(stats) => {
                for (name, count) in stats.ignored_fields {
                    *self.report.ignored_fields.entry(name).or_default() += count;
                }
            }
            // Nothing is wrong with these paths but that there is nothing in them.
            Err(error @ (IngestError::Empty { .. } | IngestError::NoDocuments { .. })) => {
                failure::Report::of(&error.into()).print(self.printer.json());
            }
            Err(error) => return Err(error.into()),
        }
        self.store_batch(&source)?;
        if !interrupt.requested() {
            self.remember_problems(&source, problems_before)?;
        }
        Ok(())
    }

    /// Marks of the source's files that were made with these options.
    fn known(&self, source: &Source) -> anyhow::Result<HashMap<String, Mark>> {
        let Some(archive) = self.store.archive().filter(|_| !self.again) else {
            return Ok(HashMap::new());
        };
        let marks = archive.marks(&source.location, &self.options)?;
        let read = marks.into_iter().filter_map(|file| {
            // One that a later version wrote in another form is none.
            let mark = serde_json::from_str(&file.mark).ok()?;
            Some((file.path, mark))
        });
        Ok(read.collect())
    }

    fn item(&mut self, item: Item, source: &Source, meter: &progress::Meter) -> anyhow::Result<()> {
        let report = &mut self.report;
        match item {
            Item::Document(imported) => {
                report.read += 1;
                if self.batch.is_empty() {
                    self.batch_begun = Instant::now();
                }
                self.document(*imported);
            }
            Item::Skipped(reason) => {
                report.read += 1;
                *report.skipped.entry(reason.to_string()).or_default() += 1;
            }
            Item::Problem(problem) => {
                report.read += 1;
                report.problems.push(ReportedProblem {
                    source: problem.source,
                    location: problem.location,
                    reason: problem.reason.to_string(),
                });
            }
            Item::Finished { path, mark } => {
                if self.batch.is_empty() {
                    self.batch_begun = Instant::now();
                }
                self.batch.files.push(FileMark {
                    path,
                    options: self.options.clone(),
                    mark: serde_json::to_string(&mark)?,
                });
            }
            Item::Known { mark, .. } => self.take_over(mark),
        }
        if self.batch.documents.len() >= BATCH_DOCUMENTS
            || (!self.batch.is_empty() && self.batch_begun.elapsed() >= BATCH_AGE)
        {
            self.store_batch(source)?;
        }
        let report = &self.report;
        self.progress.update(|| {
            let stored = report.added + report.updated + report.unchanged;
            meter.line(report.read, stored)
        });
        Ok(())
    }

    fn document(&mut self, imported: Imported) {
        let Imported {
            document,
            source,
            location,
            removed,
            ..
        } = imported;
        if !self.authors.contains(&document.author) {
            self.authors.insert(document.author.clone());
        }
        for one in &removed {
            *self
                .report
                .removed
                .entry(one.reason.to_string())
                .or_default() += 1;
        }
        self.batch.documents.push(document);
        self.batch.origins.push(Origin {
            location: reading::place(&source, &location),
            removed: reading::spans(&removed),
        });
    }

    /// Counts what a mark stands for as what it was.
    fn take_over(&mut self, mark: Mark) {
        let report = &mut self.report;
        report.read += mark.documents + mark.problems.len();
        report.unchanged += mark.documents;
        report.known += mark.documents;
        for (reason, count) in mark.skipped {
            report.read += count;
            *report.skipped.entry(reason).or_default() += count;
        }
        for (source, location, reason) in mark.problems {
            report.problems.push(ReportedProblem {
                source,
                location,
                reason,
            });
        }
    }

    fn store_batch(&mut self, source: &Source) -> anyhow::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let outcome = self.store.store(source, &self.batch)?;
        self.batch.clear();
        let report = &mut self.report;
        report.added += outcome.added;
        report.updated += outcome.updated;
        report.unchanged += outcome.unchanged;
        report.snippets += outcome.snippets;
        report.near_duplicates += outcome.near;
        if outcome.duplicates > 0 {
            *report.skipped.entry("duplicate".to_owned()).or_default() += outcome.duplicates;
        }
        let stored = report.added + report.updated + report.unchanged;
        self.printer
            .detail(format_args!("{stored} documents stored"));
        Ok(())
    }

    fn remember_problems(&mut self, source: &Source, before: usize) -> anyhow::Result<()> {
        let Store::Archive(kept) = &mut self.store else {
            return Ok(());
        };
        let problems: Vec<SourceProblem> = self.report.problems[before..]
            .iter()
            .map(|problem| SourceProblem {
                location: reading::place(&problem.source, &problem.location),
                reason: problem.reason.clone(),
            })
            .collect();
        Ok(kept.archive.record_problems(source, &problems)?)
    }

    fn finish(mut self) -> Report {
        self.report.authors = self.authors.len();
        self.report
    }
}

fn source(path: &Path, format: Format) -> Source {
    let location = match fs_err::canonicalize(path) {
        Ok(whole) if !is_stdin(path) => whole.display().to_string(),
        _ => path.display().to_string(),
    };
    Source {
        location,
        format: format_name(path, format).to_owned(),
        content_hash: None,
    }
}

/// The format asked for, or as much as the path tells of it.
fn format_name(path: &Path, format: Format) -> &'static str {
    if format != Format::Auto {
        return format.name();
    }
    if path.is_dir() {
        return "folder";
    }
    let name = path.to_string_lossy().to_lowercase();
    let format = match name.trim_end_matches(".zst").rsplit('.').next() {
        Some("jsonl" | "ndjson") => Format::Jsonl,
        Some("mbox" | "mbx") => Format::Mbox,
        Some("md" | "markdown") => Format::Markdown,
        Some("html" | "htm" | "xhtml") => Format::Html,
        Some("txt") => Format::Text,
        Some("csv" | "tsv") => Format::Csv,
        Some("docx") => Format::Docx,
        Some("odt") => Format::Odt,
        Some("eml") => Format::Eml,
        Some("emlx") => Format::Emlx,
        Some("zip") => Format::Zip,
        _ => Format::Auto,
    };
    format.name()
}
