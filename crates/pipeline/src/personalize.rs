use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Instant;

use idiolect_core::{Encoder, Entry, ImmediateContext, Ranked, Ranking, Timings, Trace};
use idiolect_models::{Belief, OwnWords};
use idiolect_retrieval::{Past, Query, diverse};

use crate::stages::{Stages, generate::generate, summarize::summarize, synthesize::synthesize};
use crate::{Error, Fitted, Prompt, Request, own_words, past_passages};

/// Writes the rest of a draft in its author's own voice, from what they wrote before: retrieves and
/// ranks past passages, summarizes them, finds their important words, and generates (paper §3).
///
/// `on_text` gets the draft's start and then each piece of new text; a `Break` ends the writing,
/// and what is written by then stays in the Trace.
///
/// # Errors
/// An empty draft, a dense ranking without an encoder, and whatever keeps past or models from
/// working.
pub fn personalize(
    request: &Request,
    past: &dyn Past,
    stages: &Stages<'_>,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Trace, Error> {
    let plan = plan(request, past, stages)?;
    carry_out(plan, request, stages, on_text)
}

/// Writes what was planned: the last stage of [`personalize`].
///
/// # Errors
/// What keeps the generator from working.
pub fn carry_out(
    plan: Plan,
    request: &Request,
    stages: &Stages<'_>,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Trace, Error> {
    let begun = Instant::now();
    let written = generate(stages.generator, &plan, request, on_text)?;
    let mut timings = plan.timings;
    let planned = timings.total;
    timings.generate = milliseconds(begun, Instant::now());
    timings.first_token =
        planned + milliseconds(begun, written.first_token.unwrap_or_else(Instant::now));
    timings.total = planned + timings.generate;
    Ok(Trace {
        request: request.to_json(&plan.author),
        immediate_context: plan.immediate_context,
        entries: plan.entries,
        past_passages: plan.past_passages,
        summary: plan.summary,
        keywords: plan.keywords,
        prompt: plan.input.text,
        model: stages.generator.identity()?,
        encoder: plan.encoder,
        decoding: serde_json::json!(request.decoding),
        seed: request.decoding.seed,
        text: written.text,
        finish_reason: written.finish_reason,
        tokens: written.tokens,
        timings_ms: timings,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Everything that is settled before the first word is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In whose voice.
    pub author: String,
    /// x_t.
    pub immediate_context: ImmediateContext,
    /// Every ranked passage, kept or dropped.
    pub entries: Vec<Entry>,
    /// E_t, at most 2,500 characters.
    pub past_passages: String,
    /// Su(x_t, E_t).
    pub summary: String,
    /// Sy(x_t, E_t).
    pub keywords: Vec<String>,
    /// The generator's input before it is fitted to the model: what another model may be given.
    pub prompt: Prompt,
    /// The generator's input.
    pub input: Fitted,
    /// What the author wrote earlier, for the generator to go on from.
    pub own: Option<Arc<OwnWords>>,
    /// Which encoder compared passages.
    pub encoder: Option<String>,
    /// Of the stages so far; `total` is what all of them took together.
    pub timings: Timings,
}

/// All stages up to the generator's input; writes nothing.
///
/// # Errors
/// As [`personalize`].
pub fn plan(request: &Request, past: &dyn Past, stages: &Stages<'_>) -> Result<Plan, Error> {
    let begun = Instant::now();
    let mut timings = Timings::default();
    let limits = &request.limits;
    let context = request.immediate_context()?;

    let ranked = timed(&mut timings.retrieve, || {
        retrieve(request, past, stages.encoder)
    })?;
    let kept = timed(&mut timings.rank, || past_passages(&ranked));
    // Neither reads what the other says (paper §4.3, §4.4).
    let (summary, keywords) = both(
        || {
            timed(&mut timings.summarize, || {
                let model = stages.summarizer;
                summarize(request.summary, model, &context, &kept.text, limits)
            })
        },
        || {
            timed(&mut timings.synthesize, || {
                let model = stages.synthesizer;
                synthesize(request.keywords, model, &context, past, &kept.text, limits)
            })
        },
    );
    let (summary, keywords) = (summary?, keywords?);
    let prompt = Prompt::generation(context.as_str(), &summary, &keywords, &kept.text);
    let input = prompt.fit_to(stages.generator, limits.input_tokens)?;
    let own = own_words_of(request, past, stages)?;
    timings.total = milliseconds(begun, Instant::now());

    Ok(Plan {
        author: past.author().to_owned(),
        immediate_context: context,
        entries: kept.entries,
        past_passages: kept.text,
        summary,
        keywords,
        prompt,
        input,
        own,
        encoder: (stages.encoder.filter(|_| request.ranking.is_dense()))
            .map(|encoder| encoder.identity().to_owned()),
        timings,
    })
}

/// Re and Ra in one: the author's earlier documents or snippets, best first (paper §4.2).
fn retrieve(
    request: &Request,
    past: &dyn Past,
    encoder: Option<&dyn Encoder>,
) -> Result<Vec<Ranked>, Error> {
    if request.ranking == Ranking::None {
        return Ok(Vec::new());
    }
    let text = request.query();
    let mut vector = None;
    if request.ranking.is_dense() {
        let encoder = encoder.ok_or(Error::NoEncoder {
            ranking: request.ranking.name(),
        })?;
        if let Some(indexed) = past.encoder().filter(|&past| past != encoder.identity()) {
            return Err(Error::OtherEncoder {
                past: indexed.to_owned(),
                given: encoder.identity().to_owned(),
            });
        }
        vector = encoder.embed(&[&text]).map_err(Error::Encoder)?.pop();
    }
    let query = Query {
        text: &text,
        vector: vector.as_deref(),
    };
    let ranked = past.rank(
        &query,
        request.ranking,
        &request.bm25,
        request.limits.ranked,
    )?;
    Ok(if request.diverse {
        diverse(ranked)
    } else {
        ranked
    })
}

/// What the author wrote earlier, mixed in or only to keep copies of it short.
fn own_words_of(
    request: &Request,
    past: &dyn Past,
    stages: &Stages<'_>,
) -> Result<Option<Arc<OwnWords>>, Error> {
    let may_copy = request.ranking != Ranking::None && request.decoding.max_copy > 0;
    if !request.own_words && !may_copy {
        return Ok(None);
    }
    let belief = request.own_words.then(Belief::default);
    own_words(past, stages.generator, belief)
}

/// Does both, side by side unless everything is to run on one thread.
fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    if rayon::current_num_threads() == 1 {
        return (one(), other());
    }
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (
            one.join().unwrap_or_else(|panic| resume_unwind(panic)),
            other,
        )
    })
}

fn timed<T>(milliseconds_taken: &mut f64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    *milliseconds_taken = milliseconds(begun, Instant::now());
    done
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.duration_since(from).as_secs_f64() * 1000.0
}
