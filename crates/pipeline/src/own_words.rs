use std::ops::ControlFlow;
use std::sync::Arc;

use idiolect_models::{Belief, OwnWords, Seq2Seq};
use idiolect_retrieval::Past;
use rayon::prelude::*;

use crate::{Error, stages::tokenizer};

/// So many bytes of what an author wrote last are asked what comes next: more would take longer to be
/// made ready than the first word may take.
const OWN_BYTES: usize = 1 << 18;

/// The author's own continuation model, as of the past's moment, in the tokens of a generator. Nothing where
/// there is no past. Without a `belief` it only keeps copies from becoming too long.
///
/// # Errors
/// [`Error::NoTokenizer`], and whatever keeps texts from being read.
pub fn own_words(
    past: &dyn Past,
    generator: &Seq2Seq,
    belief: Option<Belief>,
) -> Result<Option<Arc<OwnWords>>, Error> {
    let tokenizer = tokenizer(generator)?;
    let mut texts = Vec::new();
    let mut left = OWN_BYTES;
    past.visit(&mut |document| {
        let content = document.content();
        // Of the one that does not fit, the end: it was written last.
        let kept = &content[content.ceil_char_boundary(content.len().saturating_sub(left))..];
        left -= kept.len();
        texts.push(kept.to_owned());
        if kept.len() < content.len() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    if texts.is_empty() {
        return Ok(None);
    }
    let documents: Vec<Vec<u32>> = texts
        .par_iter()
        .rev()
        .map(|text| tokenizer.encode(text))
        .collect();
    let config = generator.config();
    let own = OwnWords::new(
        &documents,
        config.eos_token_id,
        tokenizer.begins_word(config.vocab_size),
        belief,
    );
    Ok(Some(Arc::new(own)))
}
