use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ImmediateContext, Span};

/// All that went into one draft and all that came out: the JSON of `write --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// What was asked for: author, title, start, moment and options.
    pub request: Value,
    /// The first 150 characters of what is being written.
    pub immediate_context: ImmediateContext,
    /// Every past passage that was ranked, kept or dropped.
    pub entries: Vec<Entry>,
    /// The string of at most 2,500 characters that every later stage saw (paper §4.2).
    pub past_passages: String,
    /// Su(x_t, E_t), paper §4.3; empty where there is none.
    pub summary: String,
    /// Sy(x_t, E_t), paper §4.4.
    pub keywords: Vec<String>,
    /// The generator's whole input (paper §4.5).
    pub prompt: String,
    /// Which weights wrote it.
    pub model: ModelIdentity,
    /// Which encoder compared passages; `None` where none was needed.
    pub encoder: Option<String>,
    /// How tokens were chosen.
    pub decoding: Value,
    /// Seed of everything random.
    pub seed: u64,
    /// The text, the given start included, the title not.
    pub text: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// How many tokens were generated after the start.
    pub tokens: usize,
    /// Where the time went.
    pub timings_ms: Timings,
    /// Version of this software.
    pub version: String,
}

/// A ranked past passage and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Id of its document.
    pub document: String,
    /// When it was written.
    pub date: Option<Timestamp>,
    /// Title of its document.
    pub title: Option<String>,
    /// Bytes of the document's content.
    #[serde(with = "crate::span_as_pair")]
    pub span: Span,
    /// From the ranker.
    pub score: f32,
    /// From 1, best first.
    pub rank: usize,
    /// Whether any of it is in `past_passages`.
    pub kept: bool,
    /// Why it was kept, shortened or dropped.
    pub reason: Reason,
    /// Exactly the content at `span`.
    pub text: String,
}

/// What became of a ranked passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// All of it is in the past passages.
    Whole,
    /// Its beginning is; the rest was cut at 2,500 characters.
    Shortened,
    /// The 2,500 characters were full.
    BeyondLimit,
    /// Nothing but white space.
    Blank,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended it.
    Stop,
    /// It reached the length asked for.
    Length,
    /// The user, or the reader of the stream, ended it.
    Interrupted,
}

/// Name and content hash of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// `builtin`, or the folder's name.
    pub name: String,
    /// SHA-256 of the weights file, lower-case hexadecimal.
    pub sha256: String,
}

/// Milliseconds, by stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Looking into the past and scoring it.
    pub retrieve: f64,
    /// Joining and cutting the ranked entries.
    pub rank: f64,
    /// The summary; it may be made while the key words are, so that the two overlap.
    pub summarize: f64,
    /// The key words.
    pub synthesize: f64,
    /// From the prompt to the last token.
    pub generate: f64,
    /// From the start of everything to the first token of the text.
    pub first_token: f64,
    /// Everything.
    pub total: f64,
}

/// Which summary is made (paper §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SummarySource {
    /// SumCtx: conditioned on the immediate context.
    Ctx,
    /// SumCtxInd: a general summary of the ranked entries.
    Ind,
    /// No summary.
    None,
}

/// Which key words are chosen (paper §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeywordSource {
    /// SynCtx: conditioned on the immediate context.
    Ctx,
    /// SynCtxInd: frequent words of all past documents.
    Ind,
    /// No key words.
    None,
}

macro_rules! read_from_name {
    ($kind:ident) => {
        impl FromStr for $kind {
            type Err = serde::de::value::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::deserialize(serde::de::value::StrDeserializer::new(text))
            }
        }
    };
}
read_from_name!(SummarySource);
read_from_name!(KeywordSource);
