use std::ops::ControlFlow;

use idiolect_core::{ImmediateContext, SummarySource};
use idiolect_models::Seq2Seq;

use super::{guarded_greedy, tokenizer};
use crate::{Error, Limits, Prompt};

/// Su(x_t, E_t): what of the past passages matters for what is being written (SumCtx), or a
/// general summary of them (SumCtxInd), paper §4.3. Empty where there is no past.
pub(crate) fn summarize(
    source: SummarySource,
    model: &Seq2Seq,
    context: &ImmediateContext,
    past: &str,
    limits: &Limits,
) -> Result<String, Error> {
    let context = match source {
        SummarySource::Ctx => Some(context.as_str()),
        SummarySource::Ind => None,
        SummarySource::None => return Ok(String::new()),
    };
    if past.is_empty() {
        return Ok(String::new());
    }
    answer(
        model,
        &Prompt::summary(context, past),
        limits.input_tokens,
        limits.summary_tokens,
    )
}

/// What a model says to an input, in at most `max_tokens`.
pub(super) fn answer(
    model: &Seq2Seq,
    prompt: &Prompt,
    input_tokens: Option<usize>,
    max_tokens: usize,
) -> Result<String, Error> {
    let tokenizer = tokenizer(model)?;
    let input = prompt.fit_to(model, input_tokens)?;
    let generated = model.generate(input.ids, &[], &guarded_greedy(max_tokens), &mut |_| {
        ControlFlow::Continue(())
    })?;
    Ok(tokenizer.decode(&generated.output_ids).trim().to_owned())
}
