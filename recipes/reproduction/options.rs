use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use idiolect_models::Seq2Seq;
use serde_json::{Value, json};

/// What may be said on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Only these rows.
    pub(crate) rows: Vec<String>,
    /// Folder of the packs.
    pub(crate) data: PathBuf,
    /// Where everything that is made goes.
    pub(crate) work: PathBuf,
    /// The model that every training begins with.
    pub(crate) start: PathBuf,
    /// Optimiser steps of every training.
    pub(crate) steps: u64,
    /// Test examples.
    pub(crate) limit: usize,
    /// Training examples.
    pub(crate) train: usize,
    /// Only so many documents of each pack.
    pub(crate) documents: Option<usize>,
    /// Passed on to `eval` for the row LLMZeroShot.
    pub(crate) endpoint: Vec<String>,
    /// The page that `report` writes.
    pub(crate) page: PathBuf,
}

impl Options {
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = arguments;
        let mut options = Self {
            rows: Vec::new(),
            data: "../shared/data".into(),
            work: "target/reproduction".into(),
            start: "models/idiolect-small".into(),
            steps: 400,
            limit: 300,
            train: 4_000,
            documents: None,
            endpoint: Vec::new(),
            page: "docs/reproduction.md".into(),
        };
        while let Some(argument) = arguments.next() {
            if !argument.starts_with("--") {
                options.rows.push(argument);
                continue;
            }
            let mut value = || {
                let next = arguments.next();
                next.with_context(|| format!("`{argument}` needs a value"))
            };
            match argument.as_str() {
                "--data" => options.data = value()?.into(),
                "--work" => options.work = value()?.into(),
                "--start" => options.start = value()?.into(),
                "--page" => options.page = value()?.into(),
                "--steps" => options.steps = value()?.parse()?,
                "--limit" => options.limit = value()?.parse()?,
                "--train" => options.train = value()?.parse()?,
                "--documents" => options.documents = Some(value()?.parse()?),
                "--endpoint" | "--endpoint-model" | "--answers" => {
                    let value = value()?;
                    options.endpoint.extend([argument, value]);
                }
                // Everything there is, in a few minutes: for seeing that it works.
                "--tiny" => {
                    options.steps = 2;
                    options.limit = 4;
                    options.train = 24;
                    options.documents = Some(600);
                }
                _ => bail!("there is no option `{argument}`"),
            }
        }
        Ok(options)
    }

    /// What results depend on: rows made otherwise cannot stand in one table.
    pub(crate) fn settings(&self) -> Result<Value> {
        let device = idiolect_models::device("cpu")?;
        let start = Seq2Seq::open(&self.start.to_string_lossy(), &device)?;
        Ok(json!({
            "start": start.identity()?,
            "steps": self.steps,
            "test_examples": self.limit,
            "training_examples": self.train,
            "documents": self.documents,
        }))
    }
}
