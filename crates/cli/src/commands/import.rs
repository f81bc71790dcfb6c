use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use idiolect_archive::{Archive, Error as ArchiveError, Outcome, Source, SourceProblem};
use idiolect_core::{Document, parse_date, snippets};
use idiolect_ingest::{Error as IngestError, Field, Format, Item, Options, parse_mapping, read};
use idiolect_models::SentenceEncoder;
use jiff::Timestamp;
use serde::Serialize;

use crate::Status;
use crate::context::Context;
use crate::failure::{self, Failure};
use crate::interrupt::Interrupt;
use crate::open::{as_encoder, take_turn};
use crate::options::is_stdin;
use crate::printer::{BOLD, Printer, counted};
use crate::progress::Progress;

/// Adds what somebody wrote to the archive. What a report calls added is on the disk; the same
/// import again adds nothing, so an interrupted one is finished by running it again.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect import mail.mbox --me me@example.org --me me@work.example
  idiolect import ~/notes --author ana
  idiolect import posts.jsonl --map text=body,date=created
  zstd -dc posts.jsonl.zst | idiolect import - --format jsonl --dry-run")]
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
    /// Mail: keep what this address sent; repeatable, all are one author
    #[arg(long, value_name = "ADDRESS")]
    me: Vec<String>,
    /// JSON Lines: in which field each of text, author, id, date, title, kind, thread, to, n stands
    #[arg(long, value_name = "FIELD=COLUMN", value_delimiter = ',', value_parser = parse_mapping)]
    map: Vec<(Field, String)>,
    /// Only what was written at this time or later
    #[arg(long, value_name = "TIME", value_parser = parse_date)]
    since: Option<Timestamp>,
    /// Only what was written before this time
    #[arg(long, value_name = "TIME", value_parser = parse_date)]
    until: Option<Timestamp>,
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

/// How many problems a person is shown without `--problems`.
const PROBLEMS_SHOWN: usize = 10;

/// What became of every item: `read` = added + updated + unchanged + all skipped + problems.
#[derive(Debug, Default, Serialize)]
struct Report {
    read: usize,
    added: usize,
    updated: usize,
    unchanged: usize,
    skipped: BTreeMap<String, usize>,
    problems: Vec<ReportedProblem>,
    authors: usize,
    snippets: usize,
    seconds: f64,
    ignored_fields: BTreeMap<String, usize>,
    dry_run: bool,
    interrupted: bool,
}

#[derive(Debug, Clone, Serialize)]
struct ReportedProblem {
    source: String,
    location: String,
    reason: String,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let begun = Instant::now();
    let options = Options {
        format: arguments.format,
        author: arguments.author.clone(),
        me: arguments.me.clone(),
        map: arguments.map.iter().cloned().collect(),
        since: arguments.since,
        until: arguments.until,
    };
    check(arguments, &options)?;
    let store = if arguments.dry_run {
        Store::Nowhere(Box::new(Seen {
            archive: existing(context)?,
            documents: HashMap::new(),
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
        batch: Vec::new(),
        batch_begun: Instant::now(),
        progress: Progress::new(&context.printer),
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
    if report.skipped.get("other_sender") == Some(&report.read) {
        context.printer.note(format_args!(
            "none of these mails is from {}: is that the address they were sent from?",
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
    batch: Vec<Document>,
    batch_begun: Instant,
    progress: Progress,
    printer: &'a Printer,
}

/// Where documents go.
enum Store {
    Archive(Box<Kept>),
    /// `--dry-run`: into a comparison with what is stored and what was seen before.
    Nowhere(Box<Seen>),
}

struct Seen {
    archive: Option<Archive>,
    documents: HashMap<(String, String), Document>,
}

struct Kept {
    archive: Archive,
    encoder: Option<SentenceEncoder>,
}

impl Import<'_> {
    fn path(
        &mut self,
        path: &Path,
        options: &Options,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let source = source(path, options.format);
        let problems_before = self.report.problems.len();
        let mut failed = None;
        let read = read(path, options, &mut |item| {
            if let Err(error) = self.item(item, &source) {
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

    fn item(&mut self, item: Item, source: &Source) -> anyhow::Result<()> {
        self.report.read += 1;
        match item {
            Item::Document(document) => {
                if self.batch.is_empty() {
                    self.batch_begun = Instant::now();
                }
                if !self.authors.contains(&document.author) {
                    self.authors.insert(document.author.clone());
                }
                self.batch.push(document);
            }
            Item::Skipped(reason) => {
                *self.report.skipped.entry(reason.to_string()).or_default() += 1;
            }
            Item::Problem(problem) => self.report.problems.push(ReportedProblem {
                source: problem.source,
                location: problem.location,
                reason: problem.reason.to_string(),
            }),
        }
        if self.batch.len() >= BATCH_DOCUMENTS
            || (!self.batch.is_empty() && self.batch_begun.elapsed() >= BATCH_AGE)
        {
            self.store_batch(source)?;
        }
        let report = &self.report;
        self.progress.update(|| {
            format!(
                "{} read, {} stored",
                report.read,
                report.added + report.updated + report.unchanged
            )
        });
        Ok(())
    }

    fn store_batch(&mut self, source: &Source) -> anyhow::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let outcome = match &mut self.store {
            Store::Archive(kept) => {
                let encoder = as_encoder(kept.encoder.as_ref());
                kept.archive.import(source, &self.batch, encoder)?
            }
            Store::Nowhere(seen) => compare(seen, &self.batch)?,
        };
        self.batch.clear();
        let report = &mut self.report;
        report.added += outcome.added;
        report.updated += outcome.updated;
        report.unchanged += outcome.unchanged;
        report.snippets += outcome.snippets;
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
                location: match problem.location.as_str() {
                    "" => problem.source.clone(),
                    location => format!("{}, {location}", problem.source),
                },
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
        return Format::NAMES[format as usize];
    }
    let name = path.to_string_lossy();
    let name = name.trim_end_matches(".zst");
    match name.rsplit('.').next() {
        _ if path.is_dir() => "folder",
        Some("jsonl") => "jsonl",
        Some("mbox") => "mbox",
        Some("md" | "markdown") => "markdown",
        _ => Format::NAMES[Format::Auto as usize],
    }
}

/// What an import of these documents would do.
fn compare(seen: &mut Seen, documents: &[Document]) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    for document in documents {
        let key = (document.author.clone(), document.id.clone());
        let known = match seen.documents.get(&key) {
            Some(known) => Some(known.clone()),
            None => stored(seen.archive.as_ref(), document)?,
        };
        match known {
            Some(known) if known == *document => outcome.unchanged += 1,
            before => {
                outcome.snippets += snippets(&document.content()).len();
                match before {
                    Some(_) => outcome.updated += 1,
                    None => outcome.added += 1,
                }
            }
        }
        seen.documents.insert(key, document.clone());
    }
    Ok(outcome)
}

fn stored(archive: Option<&Archive>, document: &Document) -> anyhow::Result<Option<Document>> {
    let Some(archive) = archive else {
        return Ok(None);
    };
    match archive.document(Some(&document.author), &document.id) {
        Ok(known) => Ok(Some(known)),
        Err(ArchiveError::UnknownAuthor { .. } | ArchiveError::UnknownDocument { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn print(arguments: &Arguments, report: &Report, printer: &mut Printer) -> anyhow::Result<()> {
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
