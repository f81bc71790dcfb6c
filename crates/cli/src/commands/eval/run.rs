//! What the model makes of examples under a row: text, and the likelihood of the true continuation.

use std::time::Instant;

use anyhow::Context as _;
use idiolect_core::FinishReason;
use idiolect_models::{Decoding, Generated, Seq2Seq, Tokenizer};
use idiolect_pipeline::{Prompt, guarded_greedy, keywords_of};
use idiolect_training::examples::Example;
use idiolect_training::features::Target;

use super::past::{Passages, Pasts};
use super::rows::{Setup, StageSource};

/// What came of one example under one setup.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) text: Option<String>,
    /// Generated after the start.
    pub(crate) tokens: usize,
    pub(crate) finish_reason: FinishReason,
    /// This example's share of what its batch took.
    pub(crate) milliseconds: f64,
    /// What the model was given.
    pub(crate) past: Passages,
    pub(crate) summary: String,
    pub(crate) keywords: Vec<String>,
    pub(crate) prompt: String,
    /// Nats over the scored tokens of the true continuation.
    pub(crate) nll: f64,
    /// Bytes of exactly that part.
    pub(crate) bytes: u64,
}

/// What the generator is given for one example.
struct Given {
    past: Passages,
    summary: String,
    keywords: Vec<String>,
    prompt: String,
    input: Vec<u32>,
}

/// A model and how it is asked.
pub(crate) struct Maker<'a> {
    pub(crate) model: &'a Seq2Seq,
    /// `None`: likelihoods only.
    pub(crate) decoding: Option<&'a Decoding>,
    /// Longest target, in tokens.
    pub(crate) target_tokens: usize,
}

/// As in `write`, so that rows are about what users get.
const SUMMARY_TOKENS: usize = 48;
const KEYWORD_TOKENS: usize = 20;

impl Maker<'_> {
    /// Everything a row needs, for a few examples at once.
    pub(crate) fn make(
        &self,
        examples: &[Example],
        setup: Setup,
        pasts: &Pasts<'_>,
    ) -> anyhow::Result<Vec<Made>> {
        let mut given = self.given(examples, setup, pasts)?;
        let inputs: Vec<Vec<u32>> = given
            .iter_mut()
            .map(|one| std::mem::take(&mut one.input))
            .collect();
        let begun = Instant::now();
        let texts: Vec<Option<Generated>> = match self.decoding {
            None => vec![None; examples.len()],
            Some(decoding) => {
                let generated = self.model.generate_batch(&inputs, decoding)?;
                generated.into_iter().map(Some).collect()
            }
        };
        let milliseconds = begun.elapsed().as_secs_f64() * 1000.0 / examples.len().max(1) as f64;
        let likelihoods = self.likelihoods(examples, &inputs)?;
        let tokenizer = self.tokenizer()?;
        let written = given.into_iter().zip(texts).zip(likelihoods);
        Ok(written
            .map(|((given, text), (nll, bytes))| Made {
                tokens: text.as_ref().map_or(0, |one| one.output_ids.len()),
                finish_reason: text
                    .as_ref()
                    .map_or(FinishReason::Stop, |one| one.finish_reason),
                text: text.map(|one| tokenizer.decode(&one.output_ids)),
                milliseconds,
                past: given.past,
                summary: given.summary,
                keywords: given.keywords,
                prompt: given.prompt,
                nll,
                bytes,
            })
            .collect())
    }

    /// The generator's inputs (paper §5): context, summary, key words, past passages.
    fn given(
        &self,
        examples: &[Example],
        setup: Setup,
        pasts: &Pasts<'_>,
    ) -> anyhow::Result<Vec<Given>> {
        let found: Vec<Passages> = examples
            .iter()
            .map(|example| pasts.passages(example, setup.past))
            .collect::<Result<_, _>>()?;
        let passages: Vec<&str> = found.iter().map(|one| one.text.as_str()).collect();
        let summaries = self.summaries(examples, setup.summary, &passages)?;
        let keywords = self.keywords(examples, setup, &passages)?;
        let mut given = Vec::with_capacity(examples.len());
        for (((example, past), summary), keywords) in
            examples.iter().zip(found).zip(summaries).zip(keywords)
        {
            let context = &example.immediate_context;
            let prompt = Prompt::generation(context, &summary, &keywords, &past.text);
            let fitted = prompt.fit_to(self.model, None)?;
            given.push(Given {
                past,
                summary,
                keywords,
                prompt: fitted.text,
                input: fitted.ids,
            });
        }
        Ok(given)
    }

    fn summaries(
        &self,
        examples: &[Example],
        source: StageSource,
        passages: &[&str],
    ) -> anyhow::Result<Vec<String>> {
        let labels = || examples.iter().map(|example| example.summary_label.clone());
        match source {
            StageSource::None => return Ok(vec![String::new(); examples.len()]),
            StageSource::Label => return Ok(labels().collect()),
            StageSource::Ctx | StageSource::Ind => {}
        }
        self.asked(examples, passages, SUMMARY_TOKENS, |example, past| {
            let context = &example.immediate_context;
            Prompt::summary((source == StageSource::Ctx).then_some(context), past)
        })
    }

    fn keywords(
        &self,
        examples: &[Example],
        setup: Setup,
        passages: &[&str],
    ) -> anyhow::Result<Vec<Vec<String>>> {
        Ok(match setup.keywords {
            StageSource::Label => examples
                .iter()
                .map(|example| example.keyword_label.clone())
                .collect(),
            StageSource::None => vec![Vec::new(); examples.len()],
            // Words of the author's own past, whatever passages are given.
            StageSource::Ind => examples
                .iter()
                .map(|example| example.keywords_ind.clone())
                .collect(),
            StageSource::Ctx => self
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
        passages: &[&str],
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
