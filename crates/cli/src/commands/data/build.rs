use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use idiolect_core::Encoder;
use idiolect_retrieval::{Analyzer, LengthNorm};
use idiolect_training::examples::{
    BuildOptions, DataError, Example, Split, Survey, build_examples, survey,
};
use idiolect_training::labels::{Alike, WordVectors};
use serde_json::{Value, json};

use super::{ExampleOptions, MANIFEST, Out, authors, documents};
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

/// Version of the layout of the folder.
const FORMAT: u32 = 1;

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
    let mut written = Written::create(folder)?;
    let mut progress = Progress::new(&context.printer);
    let interrupt = context.interrupt.clone();
    interrupt.graceful("interrupted: the folder stays incomplete, without its manifest");
    let built = build_examples(
        &survey,
        &mut load,
        &similar.words,
        encoder,
        &options,
        &mut |split, example| {
            if interrupt.requested() {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            written.add(split, example)?;
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
    report(context, &counts)
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

/// The three files while they are written.
struct Written {
    files: Vec<zstd::Encoder<'static, BufWriter<File>>>,
    counts: BTreeMap<Split, Count>,
}

/// Of one split.
#[derive(Default)]
struct Count {
    examples: usize,
    authors: BTreeSet<String>,
}

impl Written {
    fn create(folder: &Path) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for split in Split::ALL {
            let file = files::create_private(&folder.join(file_name(split)))?;
            files.push(zstd::Encoder::new(BufWriter::new(file), LEVEL)?);
        }
        Ok(Self {
            files,
            counts: BTreeMap::new(),
        })
    }

    fn add(&mut self, split: Split, example: &Example) -> io::Result<()> {
        let file = &mut self.files[split as usize];
        serde_json::to_writer(&mut *file, example)?;
        file.write_all(b"\n")?;
        let count = self.counts.entry(split).or_default();
        count.examples += 1;
        if !count.authors.contains(&example.author) {
            count.authors.insert(example.author.clone());
        }
        Ok(())
    }

    fn examples(&self) -> usize {
        self.counts.values().map(|count| count.examples).sum()
    }

    fn authors(&self) -> usize {
        self.counts.values().map(|count| count.authors.len()).sum()
    }

    fn finish(mut self) -> anyhow::Result<BTreeMap<Split, Count>> {
        for file in self.files {
            file.finish()?
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()?;
        }
        for split in Split::ALL {
            self.counts.entry(split).or_default();
        }
        Ok(self.counts)
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
            let value = json!({ "examples": count.examples, "authors": count.authors.len() });
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
                counted(count.authors.len(), "author")
            ))?;
        }
    }
    Ok(Status::Done)
}
