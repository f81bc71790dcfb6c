use std::ops::ControlFlow;

use idiolect_core::{ImmediateContext, KeywordSource};
use idiolect_models::Seq2Seq;
use idiolect_retrieval::Past;

use super::summarize::answer;
use crate::{Error, Limits, PastWords, Prompt, keywords_of};

/// Sy(x_t, E_t): words of the past passages that matter for what is being written (SynCtx), or
/// frequent words of everything the author wrote before (SynCtxInd), paper §4.4.
pub(crate) fn synthesize(
    source: KeywordSource,
    model: &Seq2Seq,
    context: &ImmediateContext,
    past: &dyn Past,
    passages: &str,
    limits: &Limits,
) -> Result<Vec<String>, Error> {
    match source {
        KeywordSource::Ctx if !passages.is_empty() => {
            let prompt = Prompt::keywords(context.as_str(), passages);
            let answer = answer(model, &prompt, limits.input_tokens, limits.keyword_tokens)?;
            Ok(keywords_of(&answer, passages))
        }
        KeywordSource::Ind => {
            let mut words = PastWords::default();
            past.visit(&mut |document| {
                words.add(&document.content());
                ControlFlow::Continue(())
            })?;
            Ok(words.keywords(&words.frequencies))
        }
        KeywordSource::Ctx | KeywordSource::None => Ok(Vec::new()),
    }
}
