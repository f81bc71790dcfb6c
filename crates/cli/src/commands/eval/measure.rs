//! One run over all rows: what is measured is written down as it comes, so that an interrupted run
//! goes on where it ended.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use idiolect_core::{ImmediateContext, Timings, Trace};
use idiolect_evaluation::{
    Prediction, SideBySide, StyleReference, Written, continuation, style_scores, text_scores,
};
use idiolect_models::Decoding;
use idiolect_training::examples::Example;
use serde_json::{Value, json};

use super::examples::drawn;
use super::past::{Passages, Pasts};
use super::rows::{Makes, Row, Setup};
use super::run::{Made, Maker};
use crate::context::Context;
use crate::files;
use crate::printer::shorten;
use crate::progress::Progress;

/// So many examples stand side by side in the report.
const SHOWN: usize = 8;

/// One run over all rows.
pub(crate) struct Run<'a> {
    pub(crate) context: &'a Context,
    pub(crate) examples: &'a [Example],
    pub(crate) pasts: Pasts<'a>,
    pub(crate) maker: Maker<'a>,
    pub(crate) batch: usize,
    /// What intervals resample: authors, or, for one author, documents.
    pub(crate) by_document: bool,
}

/// What a run found.
pub(crate) struct Measured {
    /// Without their traces.
    pub(crate) predictions: Vec<Prediction>,
    pub(crate) shown: Vec<SideBySide>,
}

impl Run<'_> {
    /// The predictions of all rows, or `None` where the user ended it. Rows that give the model
    /// exactly the same are computed once.
    pub(crate) fn rows(
        &self,
        rows: &[Row],
        mut record: Option<Record>,
    ) -> anyhow::Result<Option<Measured>> {
        let mut progress = Progress::new(&self.context.printer);
        let style = StyleReference::of(
            self.examples
                .iter()
                .map(|example| continuation(&example.target, &example.immediate_context)),
        );
        let mut lines = Lines {
            known: record.as_mut().map(Record::known).unwrap_or_default(),
            record: &mut record,
            style,
            side_by_side: self.side_by_side(),
            predictions: Vec::new(),
            by_document: self.by_document,
        };
        let mut shared: Vec<(Setup, Vec<Made>)> = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            match row.makes {
                Makes::Start => {
                    for example in self.examples {
                        let text = example.immediate_context.clone();
                        lines.add(row, example, Some(text), None, &Passages::default(), None)?;
                    }
                }
                Makes::BestPassage => {
                    for example in self.examples {
                        let best = self.pasts.best(example)?;
                        let text = format!("{}{}", example.immediate_context, best.text);
                        lines.add(row, example, Some(text), None, &best, None)?;
                    }
                }
                Makes::Text(setup) => {
                    let same = |other: &Row| other.makes == row.makes;
                    if let Some((_, made)) = shared.iter().find(|(other, _)| *other == setup) {
                        for (example, made) in self.examples.iter().zip(made) {
                            self.line(&mut lines, row, example, made.clone())?;
                        }
                        continue;
                    }
                    let keep = rows[place + 1..].iter().any(same);
                    let mut kept = Vec::new();
                    for (done, batch) in self.examples.chunks(self.batch).enumerate() {
                        if self.context.interrupt.requested() {
                            return Ok(None);
                        }
                        progress.update(|| {
                            format!(
                                "{}: {} of {} examples",
                                row.name,
                                done * self.batch,
                                self.examples.len()
                            )
                        });
                        if !keep && lines.take_known(row, batch)? {
                            continue;
                        }
                        let made = self
                            .maker
                            .make(batch, setup, &self.pasts)
                            .with_context(|| format!("row {}", row.name))?;
                        if keep {
                            kept.extend(made.iter().cloned());
                        }
                        for (example, made) in batch.iter().zip(made) {
                            self.line(&mut lines, row, example, made)?;
                        }
                    }
                    if keep {
                        shared.push((setup, kept));
                    }
                }
            }
        }
        let measured = Measured {
            predictions: lines.predictions,
            shown: lines.side_by_side,
        };
        if let Some(record) = record {
            record.finish()?;
        }
        Ok(Some(measured))
    }

    fn line(
        &self,
        lines: &mut Lines<'_>,
        row: &Row,
        example: &Example,
        made: Made,
    ) -> anyhow::Result<()> {
        let trace = match (&made.text, self.maker.decoding) {
            (Some(text), Some(decoding)) => {
                Some(Box::new(self.trace(row, example, &made, text, decoding)?))
            }
            _ => None,
        };
        let likelihood = Some((made.nll, made.bytes));
        lines.add(row, example, made.text, likelihood, &made.past, trace)
    }

    fn trace(
        &self,
        row: &Row,
        example: &Example,
        made: &Made,
        text: &str,
        decoding: &Decoding,
    ) -> anyhow::Result<Trace> {
        let mut decoded = json!(decoding);
        shorten(&mut decoded);
        Ok(Trace {
            request: json!({
                "row": row.name,
                "author": example.author,
                "start": example.immediate_context,
                "before": format!("doc:{}", example.document),
            }),
            immediate_context: ImmediateContext::of(&example.immediate_context),
            entries: made.past.entries.clone(),
            past_passages: made.past.text.clone(),
            summary: made.summary.clone(),
            keywords: made.keywords.clone(),
            prompt: made.prompt.clone(),
            model: self.maker.model.identity()?,
            encoder: made.past.encoder.clone(),
            decoding: decoded,
            seed: decoding.seed,
            text: text.to_owned(),
            finish_reason: made.finish_reason,
            tokens: made.tokens,
            timings_ms: Timings {
                generate: made.milliseconds,
                total: made.milliseconds,
                ..Timings::default()
            },
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// The examples to be shown, drawn by the seed.
    fn side_by_side(&self) -> Vec<SideBySide> {
        let seed = self.context.settings.seed;
        let mut order: Vec<&Example> = self.examples.iter().collect();
        order.sort_by_cached_key(|example| drawn(seed, &format!("shown {}", example.id)));
        let shown = order.into_iter().take(SHOWN);
        shown
            .map(|example| SideBySide {
                id: example.id.clone(),
                start: example.immediate_context.clone(),
                truth: example.target.clone(),
                written: Vec::new(),
            })
            .collect()
    }
}

/// What comes out, line by line.
struct Lines<'a> {
    /// What an earlier run had measured, by row and example.
    known: HashMap<(String, String), Prediction>,
    record: &'a mut Option<Record>,
    style: StyleReference,
    side_by_side: Vec<SideBySide>,
    predictions: Vec<Prediction>,
    by_document: bool,
}

impl Lines<'_> {
    fn add(
        &mut self,
        row: &Row,
        example: &Example,
        text: Option<String>,
        likelihood: Option<(f64, u64)>,
        past: &Passages,
        trace: Option<Box<Trace>>,
    ) -> anyhow::Result<()> {
        let key = (row.name.to_owned(), example.id.clone());
        if let Some(known) = self.known.remove(&key) {
            self.keep(known);
            return Ok(());
        }
        let mut scores = BTreeMap::new();
        if let Some(text) = &text {
            let (target, start) = (&example.target, &example.immediate_context);
            scores = text_scores(target, text, start);
            let pieces = past.pieces();
            scores.extend(style_scores(target, text, start, &pieces, &self.style));
        }
        let prediction = Prediction {
            id: example.id.clone(),
            author: if self.by_document {
                example.id.clone()
            } else {
                example.author.clone()
            },
            row: row.name.to_owned(),
            prediction: text,
            scores,
            nll: likelihood.map(|(nll, _)| nll),
            bytes: likelihood.map(|(_, bytes)| bytes),
            past_documents: Some(example.past_documents),
            trace,
        };
        if let Some(record) = self.record {
            record.write(&prediction)?;
        }
        self.keep(prediction);
        Ok(())
    }

    /// Takes over a batch that an earlier run had measured as a whole; otherwise it is made anew.
    fn take_known(&mut self, row: &Row, batch: &[Example]) -> anyhow::Result<bool> {
        let key = |example: &Example| (row.name.to_owned(), example.id.clone());
        if !batch.iter().all(|one| self.known.contains_key(&key(one))) {
            return Ok(false);
        }
        for example in batch {
            self.add(row, example, None, None, &Passages::default(), None)?;
        }
        Ok(true)
    }

    fn keep(&mut self, mut prediction: Prediction) {
        let trace = prediction.trace.take();
        let shown = self
            .side_by_side
            .iter_mut()
            .find(|one| one.id == prediction.id);
        if let (Some(shown), Some(text)) = (shown, &prediction.prediction) {
            shown.written.push(Written {
                row: prediction.row.clone(),
                text: text.clone(),
                entries: trace.map(|trace| trace.entries).unwrap_or_default(),
            });
        }
        self.predictions.push(prediction);
    }
}

/// `predictions.jsonl` while it grows.
pub(crate) struct Record {
    file: File,
    partial: PathBuf,
    whole: PathBuf,
    known: HashMap<(String, String), Prediction>,
    synced: Instant,
}

/// What is measured, to be known again.
const RUN: &str = "run.json";

/// The predictions of a run that is not finished.
const PARTIAL: &str = "predictions.partial.jsonl";

impl Record {
    /// In a folder; goes on with what lies there if it is of the same run, else begins anew.
    pub(crate) fn open(folder: &Path, run: &Value) -> anyhow::Result<Self> {
        files::make_private_folder(folder)?;
        let partial = folder.join(PARTIAL);
        let description = folder.join(RUN);
        let same = description.exists()
            && partial.exists()
            && serde_json::from_str::<Value>(&files::text(&description)?).ok() == Some(run.clone());
        let mut known = HashMap::new();
        let file = if same {
            let mut file = OpenOptions::new().read(true).write(true).open(&partial)?;
            let end = read_whole_lines(&file, &mut known)?;
            file.set_len(end)?;
            file.seek(SeekFrom::End(0))?;
            file
        } else {
            files::write_whole(&description, format!("{run:#}\n").as_bytes())?;
            files::create_private(&partial)?
        };
        Ok(Self {
            file,
            partial,
            whole: folder.join("predictions.jsonl"),
            known,
            synced: Instant::now(),
        })
    }

    /// How many predictions were there already.
    pub(crate) fn already(&self) -> usize {
        self.known.len()
    }

    fn known(&mut self) -> HashMap<(String, String), Prediction> {
        std::mem::take(&mut self.known)
    }

    fn write(&mut self, prediction: &Prediction) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(prediction)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        if self.synced.elapsed().as_secs() >= 10 {
            self.file.sync_data()?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        self.file.sync_all()?;
        fs_err::rename(&self.partial, &self.whole)?;
        Ok(())
    }
}

/// Reads predictions as far as they are whole, and says where that ends.
fn read_whole_lines(
    file: &File,
    known: &mut HashMap<(String, String), Prediction>,
) -> anyhow::Result<u64> {
    let mut reader = BufReader::new(file);
    let mut end = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok(end);
        }
        let Ok(prediction) = serde_json::from_slice::<Prediction>(&line) else {
            return Ok(end);
        };
        known.insert((prediction.row.clone(), prediction.id.clone()), prediction);
        end += read as u64;
    }
}
