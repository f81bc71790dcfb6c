//! What the model makes of examples under a row: text, and the likelihood of the true continuation.

use anyhow::Context as _;
use idiolect_core::{KeywordSource, SummarySource};
use idiolect_models::{Decoding, Seq2Seq, Tokenizer};
use idiolect_pipeline::{Prompt, guarded_greedy, keywords_of};
use idiolect_training::examples::Example;
use idiolect_training::features::Target;

use super::past::Pasts;
use super::rows::Setup;

/// What came of one example under one setup.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) text: Option<String>,
    /// Nats over the scored tokens of the true continuation.
    pub(super) nll: f64,
    /// Bytes of exactly that part.
    pub(super) bytes: u64,
}

/// A model and how it is asked.
pub(super) struct Maker<'a> {
    pub(super) model: &'a Seq2Seq,
    /// `None`: likelihoods only.
    pub(super) decoding: Option<&'a Decoding>,
    /// Longest target, in tokens.
    pub(super) target_tokens: usize,
}

/// As in `write`, so that rows are about what users get.
const SUMMARY_TOKENS: usize = 48;
const KEYWORD_TOKENS: usize = 20;

impl Maker<'_> {
    /// Everything a row needs, for a few examples at once.
    pub(super) fn make(
        &self,
        examples: &[Example],
        setup: Setup,
        pasts: &Pasts<'_>,
    ) -> anyhow::Result<Vec<Made>> {
        let inputs = self.inputs(examples, setup, pasts)?;
        let texts = match self.decoding {
            None => vec![None; examples.len()],
            Some(decoding) => self
                .answers(&inputs, decoding)?
                .into_iter()
                .map(Some)
                .collect(),
        };
        let likelihoods = self.likelihoods(examples, &inputs)?;
        Ok(texts
            .into_iter()
            .zip(likelihoods)
            .map(|(text, (nll, bytes))| Made { text, nll, bytes })
            .collect())
    }

    /// The generator's inputs (paper §5): context, summary, key words, past passages.
    fn inputs(
        &self,
        examples: &[Example],
        setup: Setup,
        pasts: &Pasts<'_>,
    ) -> anyhow::Result<Vec<Vec<u32>>> {
        let passages: Vec<String> = examples
            .iter()
            .map(|example| pasts.passages(example, setup.past))
            .collect::<Result<_, _>>()?;
        let summaries = self.summaries(examples, setup.summary, &passages)?;
        let keywords = self.keywords(examples, setup, &passages)?;
        examples
            .iter()
            .zip(&passages)
            .zip(summaries.iter().zip(&keywords))
            .map(|((example, past), (summary, words))| {
                let context = &example.immediate_context;
                self.fitted(&Prompt::generation(context, summary, words, past))
            })
            .collect()
    }

    fn summaries(
        &self,
        examples: &[Example],
        source: SummarySource,
        passages: &[String],
    ) -> anyhow::Result<Vec<String>> {
        if source == SummarySource::None {
            return Ok(vec![String::new(); examples.len()]);
        }
        self.asked(examples, passages, SUMMARY_TOKENS, |example, past| {
            let context = &example.immediate_context;
            Prompt::summary((source == SummarySource::Ctx).then_some(context), past)
        })
    }

    fn keywords(
        &self,
        examples: &[Example],
        setup: Setup,
        passages: &[String],
    ) -> anyhow::Result<Vec<Vec<String>>> {
        Ok(match setup.keywords {
            KeywordSource::None => vec![Vec::new(); examples.len()],
            // Words of the author's own past, whatever passages are given.
            KeywordSource::Ind => examples
                .iter()
                .map(|example| example.keywords_ind.clone())
                .collect(),
            KeywordSource::Ctx => self
                .asked(examples, passages, KEYWORD_TOKENS, |example, past| {
                    Prompt::keywords(&example.immediate_context, past)
                })?
                .iter()
                .zip(passages)
                .map(|(answer, past)| keywords_of(answer, past))
                .collect(),
        })
    }

    /// What the model says to a prompt made of each example and its past; nothing where that is empty.
    fn asked(
        &self,
        examples: &[Example],
        passages: &[String],
        max_tokens: usize,
        prompt: impl Fn(&Example, &str) -> Prompt,
    ) -> anyhow::Result<Vec<String>> {
        let mut answers = vec![String::new(); examples.len()];
        let mut places = Vec::new();
        let mut inputs = Vec::new();
        for (place, (example, past)) in examples.iter().zip(passages).enumerate() {
            if !past.is_empty() {
                places.push(place);
                inputs.push(self.fitted(&prompt(example, past))?);
            }
        }
        let found = self.answers(&inputs, &guarded_greedy(max_tokens))?;
        for (place, answer) in places.into_iter().zip(found) {
            answer.trim().clone_into(&mut answers[place]);
        }
        Ok(answers)
    }

    fn fitted(&self, prompt: &Prompt) -> anyhow::Result<Vec<u32>> {
        Ok(prompt.fit_to(self.model, None)?.ids)
    }

    fn answers(&self, inputs: &[Vec<u32>], decoding: &Decoding) -> anyhow::Result<Vec<String>> {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let tokenizer = self.tokenizer()?;
        let generated = self.model.generate_batch(inputs, decoding)?;
        Ok(generated
            .iter()
            .map(|one| tokenizer.decode(&one.output_ids))
            .collect())
    }

    /// Nats and bytes of the true continuations.
    fn likelihoods(
        &self,
        examples: &[Example],
        inputs: &[Vec<u32>],
    ) -> anyhow::Result<Vec<(f64, u64)>> {
        let tokenizer = self.tokenizer()?;
        let end = self.model.config().eos_token_id;
        let scored: Vec<Target> = examples
            .iter()
            .map(|example| Target::of(&example.target, tokenizer, self.target_tokens, Some(end)))
            .collect();
        let targets: Vec<Vec<u32>> = scored.iter().map(|one| one.ids.clone()).collect();
        let log_probs = self.model.log_probs(inputs, &targets)?;
        Ok(scored
            .iter()
            .zip(&log_probs)
            .map(|(one, log_probs)| {
                let continuation = &log_probs[one.start_tokens..];
                let nll = -continuation.iter().map(|&p| f64::from(p)).sum::<f64>();
                (nll, one.bytes as u64)
            })
            .collect())
    }

    fn tokenizer(&self) -> anyhow::Result<&Tokenizer> {
        self.model
            .tokenizer()
            .context("the model has no tokenizer, so it cannot be measured on text")
    }
}
