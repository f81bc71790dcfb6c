use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use idiolect_core::Encoder;
use idiolect_retrieval::{Analyzer, LengthNorm};
use idiolect_training::examples::{
    BuildOptions, Built, DataError, Example, Resume, Split, Survey, build_examples_from, survey,
};
use idiolect_training::labels::{Alike, WordVectors};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ExampleOptions, FORMAT, MANIFEST, Out, authors, documents};
use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::open::as_encoder;
use crate::options::{RankingOptions, WordNetOption};
use crate::printer::{counted, shortest};
use crate::progress::Progress;

/// Makes examples from an archive: for every document that can be a target what its author had
/// written before it, ranked as `write` ranks it, and what summary and key words should have been.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect data build --archive many --out data
  idiolect data build --archive many --out data --ranking doc-by-snippet --split 90/5/5
  idiolect data build --archive many --out data --word-vectors glove.840B.300d.txt")]
pub(super) struct Arguments {
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    examples: ExampleOptions,
    #[command(flatten)]
    ranking: RankingOptions,
    #[command(flatten)]
    wordnet: WordNetOption,
    /// Word vectors in GloVe's text format, `.zst` or plain: near words count as similar
    #[arg(
        long,
        value_name = "FILE",
        env = "IDIOLECT_WORD_VECTORS",
        help_heading = "Labels"
    )]
    word_vectors: Option<PathBuf>,
}

const LEVEL: i32 = 3;

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let options = arguments
        .examples
        .value(Some(&arguments.ranking), context.settings.seed);
    let archive = context.settings.archive()?;
    let authors = authors(&archive)?;
    let encoder = context.settings.encoder()?;
    let encoder = as_encoder(encoder.as_ref());
    let mut load = |author: &str| documents(&archive, author);
    context.printer.detail("going through the authors");
    let survey = survey(&authors, &mut load, &options)?;
    if survey.splits.is_empty() {
        let wanted = options.min_examples;
        return Err(
            Failure::new("no_examples", format!("no author has {wanted} examples"))
                .hint("import more, or lower --min-chars, --min-past or --min-examples")
                .into(),
        );
    }
    let left_out = authors.len() - survey.splits.len();
    if left_out > 0 {
        context.printer.note(format_args!(
            "{} left out: fewer than {}",
            counted(left_out, "author"),
            counted(options.min_examples, "example")
        ));
    }
    let similar = similar_words(arguments, &survey)?;
    if options.ranking.is_dense() && encoder.is_none() {
        return Err(DataError::NoEncoder(options.ranking.name()).into());
    }

    let folder = arguments.out.make()?;
    files::remove(&folder.join(MANIFEST))?;
    let run = described(&options, &similar, encoder, &survey);
    let mut written = Written::open(folder, run)?;
    if written.state.authors_done > 0 {
        context.printer.note(format_args!(
            "going on with a build that was interrupted: {} are there",
            counted(written.examples(), "example")
        ));
    }
    let from = Resume {
        authors: written.state.authors_done,
    };
    let mut progress = Progress::new(&context.printer);
    let interrupt = context.interrupt.clone();
    interrupt.graceful("interrupted: the same command goes on from here");
    let built = build_examples_from(
        &survey,
        &mut load,
        &similar.words,
        encoder,
        &options,
        from,
        &mut |built| {
            if interrupt.requested() {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            match built {
                Built::Example(split, example) => written.add(split, example)?,
                Built::Authors(done) => written.keep(done)?,
            }
            progress.update(|| {
                format!(
                    "{} examples of {} out of {} authors",
                    written.examples(),
                    written.authors(),
                    survey.splits.len()
                )
            });
            Ok(())
        },
    );
    drop(progress);
    if interrupt.requested() {
        return Ok(Status::Interrupted);
    }
    built?;
    let counts = written.finish()?;
    let manifest = manifest(&options, &similar, encoder, &survey, &counts);
    files::write_whole(&folder.join(MANIFEST), format!("{manifest:#}\n").as_bytes())?;
    files::remove(&folder.join(UNFINISHED))?;
    report(context, &counts)
}

/// What the examples depend on: a build of something else is not gone on with.
fn described(
    options: &BuildOptions,
    similar: &Similar,
    encoder: Option<&dyn Encoder>,
    survey: &Survey,
) -> Value {
    let mut described = manifest(options, similar, encoder, survey, &BTreeMap::new());
    let names: Vec<&str> = survey.splits.keys().map(String::as_str).collect();
    // Authors and words that change with the archive.
    described["authors"] = json!(names);
    described["words"] = json!([survey.vocabulary.len(), survey.idf.of_word.len()]);
    let all: u64 = survey.idf.of_word.values().map(|&n| u64::from(n)).sum();
    described["uses"] = json!(all);
    described
}

/// Which words count as similar, and where that comes from.
struct Similar {
    words: Alike,
    by: &'static str,
    vectors: Option<String>,
}

fn similar_words(arguments: &Arguments, survey: &Survey) -> anyhow::Result<Similar> {
    let mut words = Alike::default();
    let by = if let Some(wordnet) = arguments.wordnet.load()? {
        words.add_synonyms(&survey.vocabulary, &|word| {
            wordnet
                .synonyms(word)
                .into_iter()
                .map(str::to_lowercase)
                .collect()
        });
        "WordNet synsets"
    } else {
        words.add_stems(&survey.vocabulary, Analyzer::English);
        "identical stems"
    };
    let mut vectors = None;
    if let Some(path) = &arguments.word_vectors {
        let mut reader = files::reader(path)?;
        let read = WordVectors::read(&mut reader, &survey.vocabulary)
            .with_context(|| format!("cannot use `{}`", path.display()))?;
        words.add_vectors(&read);
        vectors = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
    }
    Ok(Similar { words, by, vectors })
}

/// How far an unfinished build has come.
const UNFINISHED: &str = "unfinished.json";

/// So much work is lost at most.
const NOTE_EVERY: Duration = Duration::from_secs(2);

/// The three files while they are written. From time to time all of them are ended on the disk
/// and it is noted how long they are: from there an interrupted build goes on. A file is then several
/// compressed frames, the same ones whether or not the build was interrupted.
struct Written {
    folder: PathBuf,
    files: Vec<zstd::Encoder<'static, BufWriter<File>>>,
    state: State,
    noted: Instant,
}

#[derive(Serialize, Deserialize)]
struct State {
    run: Value,
    authors_done: usize,
    lengths: [u64; Split::ALL.len()],
    counts: BTreeMap<Split, Count>,
}

/// Of one split.
#[derive(Default, Serialize, Deserialize)]
struct Count {
    examples: usize,
    authors: usize,
    /// An author's examples come one after another.
    last_author: String,
}

impl Written {
    fn open(folder: &Path, run: Value) -> anyhow::Result<Self> {
        let begun = match fs_err::read_to_string(folder.join(UNFINISHED)) {
            Ok(text) => serde_json::from_str::<State>(&text)
                .ok()
                .filter(|state| state.run == run),
            Err(_) => None,
        };
        let mut files = Vec::new();
        for split in Split::ALL {
            let path = folder.join(file_name(split));
            let file = match &begun {
                Some(state) => {
                    let mut file = OpenOptions::new().write(true).open(&path)?;
                    let length = state.lengths[split as usize];
                    if file.metadata()?.len() < length {
                        let shown = path.display();
                        return Err(Failure::new(
                            "no_data",
                            format!("`{shown}` is shorter than the interrupted build left it"),
                        )
                        .hint("remove the folder and build anew")
                        .into());
                    }
                    file.set_len(length)?;
                    file.seek(SeekFrom::End(0))?;
                    file
                }
                None => files::create_private(&path)?,
            };
            files.push(zstd::Encoder::new(BufWriter::new(file), LEVEL)?);
        }
        let state = begun.unwrap_or(State {
            run,
            authors_done: 0,
            lengths: [0; Split::ALL.len()],
            counts: BTreeMap::new(),
        });
        Ok(Self {
            folder: folder.to_owned(),
            files,
            state,
            noted: Instant::now(),
        })
    }

    fn add(&mut self, split: Split, example: &Example) -> io::Result<()> {
        let file = &mut self.files[split as usize];
        serde_json::to_writer(&mut *file, example)?;
        file.write_all(b"\n")?;
        let count = self.state.counts.entry(split).or_default();
        count.examples += 1;
        if count.last_author != example.author {
            count.authors += 1;
            count.last_author.clone_from(&example.author);
        }
        Ok(())
    }

    /// Ends the compressed frames, which happens at the same places in every build, and from time
    /// to time notes that the examples of so many authors are there.
    fn keep(&mut self, authors_done: usize) -> io::Result<()> {
        let note = self.noted.elapsed() >= NOTE_EVERY;
        let mut next = Vec::new();
        for (file, length) in self.files.drain(..).zip(&mut self.state.lengths) {
            let mut file = file
                .finish()?
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            if note {
                file.sync_data()?;
            }
            *length = file.stream_position()?;
            next.push(zstd::Encoder::new(BufWriter::new(file), LEVEL)?);
        }
        self.files = next;
        self.state.authors_done = authors_done;
        if !note {
            return Ok(());
        }
        self.noted = Instant::now();
        let state = serde_json::to_vec(&self.state)?;
        files::write_whole(&self.folder.join(UNFINISHED), &state).map_err(io::Error::other)
    }

    fn examples(&self) -> usize {
        self.state.counts.values().map(|count| count.examples).sum()
    }

    fn authors(&self) -> usize {
        self.state.counts.values().map(|count| count.authors).sum()
    }

    fn finish(mut self) -> anyhow::Result<BTreeMap<Split, Count>> {
        for file in self.files.drain(..) {
            file.finish()?
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()?;
        }
        for split in Split::ALL {
            self.state.counts.entry(split).or_default();
        }
        Ok(self.state.counts)
    }
}

/// Where a split's examples lie in their folder.
fn file_name(split: Split) -> String {
    format!("{}.jsonl.zst", split.name())
}

fn totals(counts: &BTreeMap<Split, Count>) -> Value {
    let splits: serde_json::Map<String, Value> = counts
        .iter()
        .map(|(split, count)| {
            let value = json!({ "examples": count.examples, "authors": count.authors });
            (split.name().to_owned(), value)
        })
        .collect();
    Value::Object(splits)
}

fn manifest(
    options: &BuildOptions,
    similar: &Similar,
    encoder: Option<&dyn Encoder>,
    survey: &Survey,
    counts: &BTreeMap<Split, Count>,
) -> Value {
    let any_train = survey.splits.values().any(|&split| split == Split::Train);
    json!({
        "format": FORMAT,
        "version": env!("CARGO_PKG_VERSION"),
        "counts": totals(counts),
        "options": {
            "min_chars": options.min_chars,
            "min_past": options.min_past,
            "min_examples": options.min_examples,
            "max_examples": options.max_examples,
            "split": options.split.0,
            "seed": options.seed,
            "ranking": options.ranking,
            "diverse": options.diverse,
            "ranked": options.ranked,
            "bm25_k1": shortest(options.bm25.k1),
            "bm25_b": shortest(options.bm25.b),
            "length_norm": match options.bm25.length_norm {
                LengthNorm::Exact => "exact",
                LengthNorm::LuceneByte4 => "lucene",
            },
            "analyzer": options.bm25.analyzer.to_string(),
        },
        "encoder": encoder.map(Encoder::identity),
        "similar_words": similar.by,
        "word_vectors": similar.vectors,
        "idf": {
            "documents": survey.idf.documents,
            "of": if any_train { "the training authors" } else { "all authors with examples" },
        },
    })
}

fn report(context: &mut Context, counts: &BTreeMap<Split, Count>) -> anyhow::Result<Status> {
    if context.printer.json() {
        context.printer.object(&totals(counts))?;
    } else {
        for (split, count) in counts {
            context.printer.line(format_args!(
                "{}: {} of {}",
                split.name(),
                counted(count.examples, "example"),
                counted(count.authors, "author")
            ))?;
        }
    }
    Ok(Status::Done)
}
