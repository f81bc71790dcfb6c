//! The learned stages: summarize, synthesize, generate.

pub(crate) mod generate;
pub(crate) mod summarize;
pub(crate) mod synthesize;

use idiolect_core::Encoder;
use idiolect_models::{Decoding, Seq2Seq, Strategy, Tokenizer};

use crate::{Error, Fitted, Prompt};

/// The models behind the stages. They may all be one model, since their instructions tell the
/// tasks apart.
#[derive(Clone, Copy)]
pub struct Stages<'a> {
    /// Writes the text (paper §4.5).
    pub generator: &'a Seq2Seq,
    /// Makes both kinds of summary (paper §4.3).
    pub summarizer: &'a Seq2Seq,
    /// Makes key words that depend on the immediate context (paper §4.4).
    pub synthesizer: &'a Seq2Seq,
    /// Compares passages; the dense rankings need one, and it must be that of the past.
    pub encoder: Option<&'a dyn Encoder>,
}

impl<'a> Stages<'a> {
    /// One model for everything.
    pub fn of(model: &'a Seq2Seq, encoder: Option<&'a dyn Encoder>) -> Self {
        Self {
            generator: model,
            summarizer: model,
            synthesizer: model,
            encoder,
        }
    }
}

/// Greedy decoding with a mild guard against repetition: the default of writing, and how summary
/// and key words are made.
pub fn guarded_greedy(max_tokens: usize) -> Decoding {
    Decoding {
        strategy: Strategy::Greedy,
        max_tokens,
        min_tokens: 0,
        no_repeat_ngram: 4,
        repetition_penalty: 1.15,
        ..Decoding::default()
    }
}

impl Prompt {
    /// The input as `model` reads it, with its end token: see [`Prompt::fit`]. Without a budget
    /// it is as long as the inputs that the model was trained on.
    ///
    /// # Errors
    /// [`Error::NoTokenizer`].
    pub fn fit_to(&self, model: &Seq2Seq, budget: Option<usize>) -> Result<Fitted, Error> {
        let tokenizer = tokenizer(model)?;
        let config = model.config();
        let budget = budget.unwrap_or(config.n_positions);
        Ok(self.fit(
            &|text| tokenizer.encode(text),
            budget,
            Some(config.eos_token_id),
        ))
    }
}

pub(crate) fn tokenizer(model: &Seq2Seq) -> Result<&Tokenizer, Error> {
    model.tokenizer().ok_or_else(|| Error::NoTokenizer {
        model: model.name().to_owned(),
    })
}
