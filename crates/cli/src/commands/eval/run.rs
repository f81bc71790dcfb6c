//! What the model makes of examples under a row: text, and the likelihood of the true continuation.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use idiolect_core::FinishReason;
use idiolect_models::{Asked, Decoding, Generated, OwnWords, Seq2Seq, Tokenizer};
use idiolect_pipeline::{Prompt, guarded_greedy, keywords_of};
use idiolect_training::examples::Example;
use idiolect_training::features::{Form, Target};

use super::past::{Passages, Pasts};
use super::rows::{Setup, StageSource, Writer};
use super::zero_shot::ZeroShot;

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
    /// Nats over the scored tokens of the true continuation, and bytes of exactly that part, where
    /// the writer's likelihoods can be known.
    pub(crate) likelihood: Option<(f64, u64)>,
}

/// What the generator is given for one example.
struct Given {
    past: Passages,
    summary: String,
    keywords: Vec<String>,
    prompt: String,
    input: Vec<u32>,
    own: Option<Arc<OwnWords>>,
}

/// Models and how they are asked.
pub(crate) struct Maker<'a> {
    pub(crate) model: &'a Seq2Seq,
    /// Writes summaries.
    pub(crate) summarizer: &'a Seq2Seq,
    /// Finds key words.
    pub(crate) synthesizer: &'a Seq2Seq,
    /// Writes what no model here does.
    pub(crate) zero_shot: Option<&'a ZeroShot<'a>>,
    /// `None`: likelihoods only.
    pub(crate) decoding: Option<&'a Decoding>,
    /// Longest target, in tokens.
    pub(crate) target_tokens: usize,
}

/// What somebody wrote.
struct Output {
    text: String,
    tokens: usize,
    finish_reason: FinishReason,
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
        let inputs: Vec<Asked> = given
            .iter_mut()
            .map(|one| Asked {
                ids: std::mem::take(&mut one.input),
                own: one.own.take(),
            })
            .collect();
        let begun = Instant::now();
        let texts = match (setup.writer, self.decoding) {
            (Writer::Endpoint, _) => self.by_endpoint(&given)?,
            (_, Some(decoding)) => self.by_model(&inputs, decoding)?,
            (_, None) => inputs.iter().map(|_| None).collect(),
        };
        let milliseconds = begun.elapsed().as_secs_f64() * 1000.0 / examples.len().max(1) as f64;
        let likelihoods = self.likelihoods(examples, &inputs, setup.writer)?;
        let written = examples.iter().zip(given).zip(texts).zip(likelihoods);
        Ok(written
            .map(|(((example, given), text), likelihood)| Made {
                tokens: text.as_ref().map_or(0, |one| one.tokens),
                finish_reason: text
                    .as_ref()
                    .map_or(FinishReason::Stop, |one| one.finish_reason),
                text: text.map(|one| with_start(example, one.text, setup.writer)),
                milliseconds,
                past: given.past,
                summary: given.summary,
                keywords: given.keywords,
                prompt: given.prompt,
                likelihood,
            })
            .collect())
    }

    fn by_model(
        &self,
        inputs: &[Asked],
        decoding: &Decoding,
    ) -> anyhow::Result<Vec<Option<Output>>> {
        let tokenizer = self.tokenizer()?;
        let generated: Vec<Generated> = self.model.generate_batch(inputs, decoding)?;
        Ok(generated
            .into_iter()
            .map(|one| {
                Some(Output {
                    text: tokenizer.decode(&one.output_ids),
                    tokens: one.output_ids.len(),
                    finish_reason: one.finish_reason,
                })
            })
            .collect())
    }

    fn by_endpoint(&self, given: &[Given]) -> anyhow::Result<Vec<Option<Output>>> {
        let zero_shot = self.zero_shot.context("there is no endpoint")?;
        given
            .iter()
            .map(|one| {
                let answer = zero_shot.answer(&one.prompt)?;
                Ok(Some(Output {
                    // Only the endpoint knows its tokens.
                    tokens: 0,
                    finish_reason: if answer.cut {
                        FinishReason::Length
                    } else {
                        FinishReason::Stop
                    },
                    text: answer.text,
                }))
            })
            .collect()
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
            let prompt = match setup.writer {
                Writer::Generator(form) => form.prompt(context, &summary, &keywords, &past.text),
                Writer::UserId => Prompt::of_user(&example.author, context),
                Writer::Endpoint => Prompt::generation(context, &summary, &keywords, &past.text),
            };
            let (prompt, input) = if setup.writer == Writer::Endpoint {
                (ZeroShot::question(&prompt), Vec::new())
            } else {
                let fitted = prompt.fit_to(self.model, None)?;
                (fitted.text, fitted.ids)
            };
            let own = if setup.own_words {
                pasts.words(example, setup.past, self.model)?
            } else {
                None
            };
            given.push(Given {
                past,
                summary,
                keywords,
                prompt,
                input,
                own,
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
        asked(
            self.summarizer,
            examples,
            passages,
            SUMMARY_TOKENS,
            |example, past| {
                let context = &example.immediate_context;
                Prompt::summary((source == StageSource::Ctx).then_some(context), past)
            },
        )
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
            StageSource::Ctx => asked(
                self.synthesizer,
                examples,
                passages,
                KEYWORD_TOKENS,
                |example, past| Prompt::keywords(&example.immediate_context, past),
            )?
            .iter()
            .zip(passages)
            .map(|(answer, past)| keywords_of(answer, past))
            .collect(),
        })
    }

    /// Nats and bytes of the true continuations.
    fn likelihoods(
        &self,
        examples: &[Example],
        inputs: &[Asked],
        writer: Writer,
    ) -> anyhow::Result<Vec<Option<(f64, u64)>>> {
        let form = match writer {
            Writer::Generator(form) => form,
            Writer::UserId => Form {
                start: false,
                ..Form::PAPER
            },
            Writer::Endpoint => return Ok(vec![None; examples.len()]),
        };
        let tokenizer = self.tokenizer()?;
        let end = self.model.config().eos_token_id;
        let scored: Vec<Target> = examples
            .iter()
            .map(|example| form.target(&example.target, tokenizer, self.target_tokens, Some(end)))
            .collect();
        let targets: Vec<Vec<u32>> = scored.iter().map(|one| one.ids.clone()).collect();
        let ids: Vec<Vec<u32>> = inputs.iter().map(|one| one.ids.clone()).collect();
        let log_probs = self.model.log_probs(&ids, &targets)?;
        Ok(scored
            .iter()
            .zip(&log_probs)
            .zip(inputs)
            .map(|((one, log_probs), asked)| {
                let log_prob = |place: usize| match &asked.own {
                    None => log_probs[place],
                    Some(own) => {
                        let alone = log_probs[place].exp();
                        let (before, token) = (&one.ids[..place], one.ids[place]);
                        own.probability(before, token, alone).ln()
                    }
                };
                let continuation = one.start_tokens..one.ids.len();
                let nll = -continuation.map(|at| f64::from(log_prob(at))).sum::<f64>();
                Some((nll, one.bytes as u64))
            })
            .collect())
    }

    fn tokenizer(&self) -> anyhow::Result<&Tokenizer> {
        tokenizer(self.model)
    }
}

/// What a model says to a prompt made of each example and its past; nothing where that is empty.
fn asked(
    model: &Seq2Seq,
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
            inputs.push(prompt(example, past).fit_to(model, None)?.ids);
        }
    }
    if inputs.is_empty() {
        return Ok(answers);
    }
    let tokenizer = tokenizer(model)?;
    let found = model.generate_batch(&inputs, &guarded_greedy(max_tokens))?;
    for (place, answer) in places.into_iter().zip(found) {
        let text = tokenizer.decode(&answer.output_ids);
        text.trim().clone_into(&mut answers[place]);
    }
    Ok(answers)
}

fn tokenizer(model: &Seq2Seq) -> anyhow::Result<&Tokenizer> {
    model
        .tokenizer()
        .context("the model has no tokenizer, so it cannot be measured on text")
}

/// A text as the paper scores it: with its start, which is put in front where the writer was not
/// asked to copy it and did not.
fn with_start(example: &Example, text: String, writer: Writer) -> String {
    let start = &example.immediate_context;
    if !writer.leaves_out_start() || text.starts_with(start.as_str()) {
        return text;
    }
    format!("{start}{text}")
}
