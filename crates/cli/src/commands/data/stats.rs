use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use idiolect_evaluation::{escaped, histogram, html_page};
use idiolect_retrieval::words;
use idiolect_training::examples::{Example, Half, Split};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Status;
use crate::context::Context;
use crate::files;
use crate::printer::counted;

/// Describes what `data build` made.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect data stats data
  idiolect data stats data --html stats.html
  idiolect data stats data --json | jq .train.target_characters")]
pub(super) struct Arguments {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Also write a page with histograms
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Of one split; means over its examples.
#[derive(Serialize)]
struct Stats {
    examples: usize,
    authors: usize,
    half_a: usize,
    target_characters: f64,
    past_documents: f64,
    past_characters: f64,
    past_passages: f64,
    summary_label_characters: f64,
    summary_label_snippets: f64,
    keyword_label_words: f64,
    keywords_ind_words: f64,
    /// Share of the key-word label's words that stand in the target's continuation.
    keyword_label_found: f64,
    /// The same of SynCtxInd's words.
    keywords_ind_found: f64,
    /// Examples without a summary label, and without a key-word label.
    without_summary_label: usize,
    without_keyword_label: usize,
}

/// What is counted of every example.
#[derive(Default)]
struct Values {
    authors: HashSet<String>,
    half_a: usize,
    target_characters: Vec<f64>,
    past_documents: Vec<f64>,
    past_characters: Vec<f64>,
    past_passages: Vec<f64>,
    summary_characters: Vec<f64>,
    summary_snippets: Vec<f64>,
    keywords: Vec<f64>,
    keywords_ind: Vec<f64>,
    /// Only where there is a word.
    keywords_found: Vec<f64>,
    keywords_ind_found: Vec<f64>,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let folder = &arguments.folder;
    super::manifest(folder)?;
    let mut object = Map::new();
    let mut body = String::new();
    for split in Split::ALL {
        let values = values(&folder.join(format!("{}.jsonl.zst", split.name())))?;
        let stats = values.stats();
        if arguments.html.is_some() {
            values.write_html(&mut body, split.name());
        }
        if context.printer.json() {
            object.insert(split.name().to_owned(), serde_json::to_value(&stats)?);
        } else {
            context.printer.line(format_args!(
                "{}: {} of {}; on average {:.0} characters to write after {:.1} past documents, {:.1} past \
                 passages of {:.0} characters, summary of {:.0} characters, {:.1} key words, {:.0} % of them in \
                 the continuation",
                split.name(),
                counted(stats.examples, "example"),
                counted(stats.authors, "author"),
                stats.target_characters,
                stats.past_documents,
                stats.past_passages,
                stats.past_characters,
                stats.summary_label_characters,
                stats.keyword_label_words,
                100.0 * stats.keyword_label_found,
            ))?;
        }
    }
    if let Some(path) = &arguments.html {
        let page = html_page("Training data", &body);
        files::write_whole(path, page.as_bytes())?;
    }
    if context.printer.json() {
        context.printer.object(&Value::Object(object))?;
    }
    Ok(Status::Done)
}

fn values(path: &Path) -> anyhow::Result<Values> {
    let mut values = Values::default();
    files::json_lines(path, |_, example: Example| {
        values.add(example);
        Ok(())
    })?;
    Ok(values)
}

impl Values {
    fn add(&mut self, example: Example) {
        let start = example.immediate_context.len();
        let rest = example.target.get(start..).unwrap_or_default();
        let in_target: HashSet<String> = words(rest).into_iter().collect();
        let found = |label: &[String]| {
            let found = label.iter().filter(|word| in_target.contains(*word));
            (!label.is_empty()).then(|| found.count() as f64 / label.len() as f64)
        };
        self.keywords_found.extend(found(&example.keyword_label));
        self.keywords_ind_found.extend(found(&example.keywords_ind));
        self.half_a += usize::from(example.half == Half::A);
        self.target_characters.push(characters(&example.target));
        self.past_documents.push(example.past_documents as f64);
        self.past_characters
            .push(characters(&example.past_passages));
        self.past_passages.push(example.entries.len() as f64);
        self.summary_characters
            .push(characters(&example.summary_label));
        self.summary_snippets
            .push(example.summary_label_snippets.len() as f64);
        self.keywords.push(example.keyword_label.len() as f64);
        self.keywords_ind.push(example.keywords_ind.len() as f64);
        self.authors.insert(example.author);
    }

    fn stats(&self) -> Stats {
        let none = |values: &[f64]| values.iter().filter(|&&value| value == 0.0).count();
        Stats {
            examples: self.target_characters.len(),
            authors: self.authors.len(),
            half_a: self.half_a,
            target_characters: mean(&self.target_characters),
            past_documents: mean(&self.past_documents),
            past_characters: mean(&self.past_characters),
            past_passages: mean(&self.past_passages),
            summary_label_characters: mean(&self.summary_characters),
            summary_label_snippets: mean(&self.summary_snippets),
            keyword_label_words: mean(&self.keywords),
            keywords_ind_words: mean(&self.keywords_ind),
            keyword_label_found: mean(&self.keywords_found),
            keywords_ind_found: mean(&self.keywords_ind_found),
            without_summary_label: none(&self.summary_characters),
            without_keyword_label: none(&self.keywords),
        }
    }

    fn write_html(&self, out: &mut String, split: &str) {
        let stats = self.stats();
        let _ = write!(
            out,
            "<h2>{}</h2>\n<p class=\"note\">{} of {}, {} in half a</p>\n<div class=\"plots\">\n",
            escaped(split),
            counted(stats.examples, "example"),
            counted(stats.authors, "author"),
            self.half_a
        );
        for (title, values) in [
            ("Characters to write", &self.target_characters),
            ("Documents written before", &self.past_documents),
            ("Past passages", &self.past_passages),
            ("Characters of past passages", &self.past_characters),
            ("Characters of the summary label", &self.summary_characters),
            ("Snippets in the summary label", &self.summary_snippets),
            ("Words of the key-word label", &self.keywords),
            ("Share of these in the continuation", &self.keywords_found),
            (
                "Share of SynCtxInd's words in the continuation",
                &self.keywords_ind_found,
            ),
        ] {
            let title = format!("{title}: mean {:.2}", mean(values));
            out.push_str(&histogram(&title, values));
        }
        out.push_str("</div>\n");
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn characters(text: &str) -> f64 {
    text.chars().count() as f64
}
