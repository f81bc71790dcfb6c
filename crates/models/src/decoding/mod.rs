//! How the next token is chosen. Nothing here knows the network: it takes logits as plain numbers,
//! so every rule can be read, and tested, alone. Order and meaning of the rules are those of
//! `transformers`.

mod beam;
mod rules;
mod sample;
mod single;

use std::{ops::ControlFlow, sync::Arc};

use idiolect_core::FinishReason;
use serde::{Deserialize, Serialize};

use crate::{
    OwnWords,
    host::{largest, log_total},
};
use beam::BeamSearch;
use rules::Rules;
use single::Single;

/// How tokens are chosen, and how many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoding {
    /// Which of the likely tokens is taken.
    pub strategy: Strategy,
    /// Tokens generated at most, the end token among them.
    pub max_tokens: usize,
    /// Tokens generated before the end token may come.
    pub min_tokens: usize,
    /// No sequence of this many tokens comes twice, the prefix included; 0 allows all.
    pub no_repeat_ngram: usize,
    /// Above 1, tokens that the decoder has seen become less likely; 1 is no penalty.
    pub repetition_penalty: f32,
    /// Sequences of tokens that are never completed, the prefix included (`bad_words_ids` of
    /// `transformers`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<Vec<u32>>,
    /// Words in a row that may stand just so in the author's earlier writing, where that is at hand
    /// ([`OwnWords`]); 0 allows any number.
    #[serde(default)]
    pub max_copy: usize,
    /// Of [`Strategy::Sample`].
    pub seed: u64,
}

/// Greedy, at most 256 tokens, no rule against repetition.
impl Default for Decoding {
    fn default() -> Self {
        Self {
            strategy: Strategy::Greedy,
            max_tokens: 256,
            min_tokens: 0,
            no_repeat_ngram: 0,
            repetition_penalty: 1.0,
            forbidden: Vec::new(),
            max_copy: 0,
            seed: 0,
        }
    }
}

/// Which of the likely tokens is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The likeliest token, each time.
    Greedy,
    /// The likeliest sequence that a search of this width finds (paper §5: 4).
    Beam {
        /// Sequences followed at once; at least 1.
        beams: usize,
        /// Sums of log-probabilities are divided by length to this power: above 0 favours long
        /// sequences.
        length_penalty: f32,
        /// When to end the search.
        early_stopping: EarlyStopping,
    },
    /// By chance.
    Sample {
        /// Below 1 the likely tokens become likelier still; 0 is greedy.
        temperature: f32,
        /// Only this many of the likeliest tokens; 0 allows all.
        top_k: usize,
        /// Only the fewest likeliest tokens that have this probability together; 1 allows all.
        top_p: f32,
    },
}

/// When a beam search that has found as many ended sequences as it has beams ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStopping {
    /// At once.
    True,
    /// When the best running sequence, ended now, would not be better than the worst ended one.
    False,
    /// When no running sequence can become better than the worst ended one.
    Never,
}

/// What was generated for one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// Without start token, prefix and end token.
    pub output_ids: Vec<u32>,
    /// Natural log of each token's probability under the model alone, before any rule,
    /// temperature or cut; as many as `output_ids`.
    pub log_probs: Vec<f32>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Of beam search: the sum of the log-probabilities after the rules, the end token's included,
    /// divided by the length penalty.
    pub score: Option<f32>,
}

/// What the decoder reads next: a token after one of the sequences that it has just read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    /// Index of that sequence among those of its input.
    pub(crate) from: usize,
    pub(crate) token: u32,
}

/// The choice of tokens for one input, from the first to the last.
#[derive(Debug)]
pub(crate) enum Search {
    Single(Single),
    Beam(BeamSearch),
}

impl Search {
    /// `given`: start token and prefix; `ends`: at least one; `row` tells the inputs of a batch apart.
    pub(crate) fn new(
        given: &[u32],
        ends: Vec<u32>,
        decoding: &Decoding,
        own: Option<Arc<OwnWords>>,
        row: u64,
    ) -> Self {
        let rules = Rules::new(given.len(), ends, decoding, own);
        match decoding.strategy {
            Strategy::Beam {
                beams,
                length_penalty,
                early_stopping,
            } if beams > 1 => Self::Beam(BeamSearch::new(
                given,
                rules,
                beams,
                length_penalty,
                early_stopping,
            )),
            _ => Self::Single(Single::new(given, rules, decoding, row)),
        }
    }

    /// Takes the logits after each sequence that is followed, one vocabulary after the other, and
    /// says which sequences to follow next; none if the search has ended. Tokens that are certain
    /// go to `on_token`, which may end the search.
    pub(crate) fn advance(
        &mut self,
        logits: &[f32],
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Vec<Next> {
        match self {
            Self::Single(search) => search.advance(logits, on_token),
            Self::Beam(search) => search.advance(logits, on_token),
        }
    }

    pub(crate) fn finish(self) -> Generated {
        match self {
            Self::Single(search) => search.finish(),
            Self::Beam(search) => search.finish(),
        }
    }
}
