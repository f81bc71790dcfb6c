//! Kinds of option that several commands share, each one clap struct that ends in the plain value
//! a library asks for.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use idiolect_core::{Before, KeywordSource, Ranking, SummarySource};
use idiolect_evaluation::WordNet;
use idiolect_models::{Decoding, EarlyStopping, Strategy};
use idiolect_retrieval::{Analyzer, Bm25, LengthNorm};

use crate::failure::Failure;

/// The three kinds of past, summary and key words that a draft is given.
#[derive(Debug, Clone, Args)]
pub(crate) struct StageOptions {
    #[command(flatten)]
    pub(crate) ranking: RankingOptions,
    /// Summary of the past: given the draft's start, independent of it, or none
    #[arg(
        long,
        value_name = "KIND",
        env = "IDIOLECT_SUMMARY",
        default_value = "ctx",
        help_heading = "Stages",
        value_parser = kinds::<SummarySource>()
    )]
    pub(crate) summary: SummarySource,
    /// Key words from the past: given the draft's start, independent of it, or none
    #[arg(
        long,
        value_name = "KIND",
        env = "IDIOLECT_KEYWORDS",
        default_value = "ctx",
        help_heading = "Stages",
        value_parser = kinds::<KeywordSource>()
    )]
    pub(crate) keywords: KeywordSource,
}

fn kinds<T>() -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(["ctx", "ind", "none"]).try_map(|name| name.parse::<T>())
}

/// Whose past, and how far it reaches.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The past")]
pub(crate) struct PastOptions {
    /// Whose past; may be left out when the archive holds one author
    #[arg(long, value_name = "NAME", env = "IDIOLECT_AUTHOR")]
    pub(crate) author: Option<String>,
    /// Only what was written before this time (RFC 3339 or YYYY-MM-DD) or before this document
    /// [default: everything stored]
    #[arg(long, value_name = "TIME|doc:ID")]
    pub(crate) before: Option<Before>,
}

impl PastOptions {
    pub(crate) fn before(&self) -> Before {
        self.before.clone().unwrap_or(Before::Now)
    }
}

/// How past passages are ranked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Ranking")]
pub(crate) struct RankingOptions {
    /// How past passages are ranked; `none` means no past at all
    #[arg(
        long,
        value_name = "NAME",
        env = "IDIOLECT_RANKING",
        default_value = "doc-bm25",
        value_parser = PossibleValuesParser::new(Ranking::NAMES).try_map(|name| name.parse::<Ranking>())
    )]
    pub(crate) ranking: Ranking,
    /// Leave out passages that say almost the same as one ranked before them
    #[arg(long)]
    pub(crate) diverse: bool,
    #[command(flatten)]
    pub(crate) bm25: Bm25Options,
}

/// The constants of BM25 and the analyzer.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Ranking")]
pub(crate) struct Bm25Options {
    /// How soon repeated words stop counting more
    #[arg(long, value_name = "K1", env = "IDIOLECT_BM25_K1", default_value = "1.2", value_parser = not_negative)]
    pub(crate) bm25_k1: f32,
    /// How much a document's length counts, from 0 to 1
    #[arg(long, value_name = "B", env = "IDIOLECT_BM25_B", default_value = "0.75", value_parser = fraction)]
    pub(crate) bm25_b: f32,
    /// Document lengths as they are, or rounded to one byte as Lucene does
    #[arg(
        long,
        value_name = "KIND",
        env = "IDIOLECT_LENGTH_NORM",
        default_value = "exact",
        value_parser = PossibleValuesParser::new(["exact", "lucene"]).try_map(|name| name.parse::<LengthNorm>())
    )]
    pub(crate) length_norm: LengthNorm,
    #[command(flatten)]
    pub(crate) analyzer: AnalyzerOption,
}

impl Bm25Options {
    pub(crate) fn value(&self) -> Bm25 {
        Bm25 {
            k1: self.bm25_k1,
            b: self.bm25_b,
            length_norm: self.length_norm,
            analyzer: self.analyzer.analyzer,
        }
    }
}

/// How text becomes terms.
#[derive(Debug, Clone, Args)]
pub(crate) struct AnalyzerOption {
    /// How text becomes terms: `english`, `plain`, or the name of a language with a Snowball stemmer
    #[arg(
        long,
        value_name = "NAME",
        env = "IDIOLECT_ANALYZER",
        default_value = "english",
        help_heading = "Ranking"
    )]
    pub(crate) analyzer: Analyzer,
}

/// Where synonyms come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct WordNetOption {
    /// Folder of WordNet's database files, an LMF file (.xml), or `none`
    /// [default: /usr/share/wordnet where it exists]
    #[arg(long, value_name = "DIR|FILE|none", env = "IDIOLECT_WORDNET")]
    wordnet: Option<PathBuf>,
}

/// Where Debian and others put WordNet.
const USUAL_WORDNET: &str = "/usr/share/wordnet";

impl WordNetOption {
    /// `None` if the user wants none, or named none and there is none.
    pub(crate) fn load(&self) -> anyhow::Result<Option<WordNet>> {
        let usual = Path::new(USUAL_WORDNET);
        let folder = match &self.wordnet {
            Some(folder) if folder == Path::new("none") => return Ok(None),
            Some(folder) => folder.as_path(),
            None if usual.join("data.noun").exists() => usual,
            None => return Ok(None),
        };
        let wordnet = WordNet::load(folder)
            .with_context(|| format!("cannot use WordNet in `{}`", folder.display()))?;
        Ok(Some(wordnet))
    }
}

/// How tokens are chosen. Nothing given means what the command finds best.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Decoding")]
pub(crate) struct DecodingOptions {
    /// Beams searched at once; 1 is greedy
    #[arg(long, value_name = "N", env = "IDIOLECT_BEAM", conflicts_with = "sample", value_parser = beams)]
    pub(crate) beam: Option<usize>,
    /// Exponent of the length by which a beam's score is divided
    #[arg(long, value_name = "F", env = "IDIOLECT_LENGTH_PENALTY", allow_negative_numbers = true, value_parser = finite)]
    pub(crate) length_penalty: Option<f32>,
    /// When beam search may end
    #[arg(long, value_name = "WHEN", env = "IDIOLECT_EARLY_STOPPING")]
    pub(crate) early_stopping: Option<Stopping>,
    /// Draw tokens at random instead
    #[arg(long)]
    pub(crate) sample: bool,
    /// Sampling: below 1 bolder tokens become rarer
    #[arg(long, value_name = "F", env = "IDIOLECT_TEMPERATURE", value_parser = positive)]
    pub(crate) temperature: Option<f32>,
    /// Sampling: only from the N likeliest tokens; 0 means all
    #[arg(long, value_name = "N", env = "IDIOLECT_TOP_K")]
    pub(crate) top_k: Option<usize>,
    /// Sampling: only from the likeliest tokens that together have this probability
    #[arg(long, value_name = "F", env = "IDIOLECT_TOP_P", value_parser = share)]
    pub(crate) top_p: Option<f32>,
    /// Longest text, in tokens
    #[arg(long, value_name = "N", env = "IDIOLECT_MAX_TOKENS", value_parser = at_least_one)]
    pub(crate) max_tokens: Option<usize>,
    /// Shortest text, in tokens
    #[arg(long, value_name = "N", env = "IDIOLECT_MIN_TOKENS")]
    pub(crate) min_tokens: Option<usize>,
    /// No run of N tokens comes twice; 0 turns it off
    #[arg(long, value_name = "N", env = "IDIOLECT_NO_REPEAT_NGRAM")]
    pub(crate) no_repeat_ngram: Option<usize>,
    /// Tokens that were written become less likely by this factor; 1 turns it off
    #[arg(long, value_name = "F", env = "IDIOLECT_REPETITION_PENALTY", value_parser = positive)]
    pub(crate) repetition_penalty: Option<f32>,
}

/// When beam search may end, as `transformers` names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Stopping {
    /// As soon as there are as many finished texts as beams
    True,
    /// When a better text is unlikely
    False,
    /// When no better text is possible
    Never,
}

impl From<Stopping> for EarlyStopping {
    fn from(stopping: Stopping) -> Self {
        match stopping {
            Stopping::True => Self::True,
            Stopping::False => Self::False,
            Stopping::Never => Self::Never,
        }
    }
}

impl DecodingOptions {
    /// What was given, laid over what the command finds best. Of shortest and longest, the one that
    /// was given bends the other.
    pub(crate) fn over(&self, base: Decoding, seed: u64) -> Result<Decoding, Failure> {
        let (min_tokens, max_tokens) = match (self.min_tokens, self.max_tokens) {
            (Some(min), Some(max)) if min > max => {
                return Err(Failure::new(
                    "usage",
                    format!("`--min-tokens {min}` is more than `--max-tokens {max}`"),
                )
                .hint("raise the one or lower the other"));
            }
            (Some(min), max) => (min, max.unwrap_or(base.max_tokens.max(min))),
            (None, Some(max)) => (base.min_tokens.min(max), max),
            (None, None) => (base.min_tokens, base.max_tokens),
        };
        let strategy = if self.sample {
            Strategy::Sample {
                temperature: self.temperature.unwrap_or(1.0),
                top_k: self.top_k.unwrap_or(0),
                top_p: self.top_p.unwrap_or(1.0),
            }
        } else {
            match (self.beam, base.strategy) {
                (Some(1), _) | (None, Strategy::Greedy) => Strategy::Greedy,
                (Some(beams), _) => self.beams(beams, 1.0, EarlyStopping::False),
                (
                    None,
                    Strategy::Beam {
                        beams,
                        length_penalty,
                        early_stopping,
                    },
                ) => self.beams(beams, length_penalty, early_stopping),
                (None, sample @ Strategy::Sample { .. }) => sample,
            }
        };
        Ok(Decoding {
            strategy,
            max_tokens,
            min_tokens,
            no_repeat_ngram: self.no_repeat_ngram.unwrap_or(base.no_repeat_ngram),
            repetition_penalty: self.repetition_penalty.unwrap_or(base.repetition_penalty),
            forbidden: base.forbidden,
            seed,
        })
    }

    fn beams(&self, beams: usize, length_penalty: f32, stopping: EarlyStopping) -> Strategy {
        Strategy::Beam {
            beams,
            length_penalty: self.length_penalty.unwrap_or(length_penalty),
            early_stopping: self.early_stopping.map_or(stopping, Into::into),
        }
    }
}

/// A text, a file of it, or standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// A path as a default value reads it.
pub(crate) fn stdin_path() -> PathBuf {
    PathBuf::from("-")
}

fn number<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn checked(text: &str, wanted: &str, holds: impl Fn(f32) -> bool) -> Result<f32, String> {
    let value: f32 = number(text)?;
    if value.is_finite() && holds(value) {
        Ok(value)
    } else {
        Err(format!("must be {wanted}"))
    }
}

fn finite(text: &str) -> Result<f32, String> {
    checked(text, "a number", |_| true)
}

fn not_negative(text: &str) -> Result<f32, String> {
    checked(text, "0 or more", |value| value >= 0.0)
}

fn positive(text: &str) -> Result<f32, String> {
    checked(text, "more than 0", |value| value > 0.0)
}

fn fraction(text: &str) -> Result<f32, String> {
    checked(text, "from 0 to 1", |value| (0.0..=1.0).contains(&value))
}

fn share(text: &str) -> Result<f32, String> {
    checked(text, "more than 0 and at most 1", |value| {
        value > 0.0 && value <= 1.0
    })
}

/// How many beams: memory and time grow with them, and past a few they find nothing better.
fn beams(text: &str) -> Result<usize, String> {
    up_to(64, text)
}

/// How many threads: a machine has hundreds at most.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    up_to(1024, text)
}

/// A whole number from 1 to `most`.
fn up_to(most: usize, text: &str) -> Result<usize, String> {
    match at_least_one(text)? {
        value if value > most => Err(format!("must be {most} or less")),
        value => Ok(value),
    }
}

/// A whole number from 1.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match number(text)? {
        0 => Err("must be 1 or more".to_owned()),
        value => Ok(value),
    }
}
