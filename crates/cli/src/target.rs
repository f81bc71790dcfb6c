//! Targets as they are scored.

use idiolect_core::ImmediateContext;
use idiolect_models::Tokenizer;

/// Start and continuation tokenized each for itself, cut at a model's length, with the end token only
/// where nothing was cut.
pub(crate) struct Target {
    pub(crate) ids: Vec<u32>,
    /// How many of the ids are the start, the immediate context.
    pub(crate) start_tokens: usize,
    /// UTF-8 bytes of the part of the continuation that was kept.
    pub(crate) bytes: usize,
}

impl Target {
    pub(crate) fn of(content: &str, tokenizer: &Tokenizer, limit: usize, end: u32) -> Self {
        let continuation = ImmediateContext::continuation(content);
        let start = &content[..content.len() - continuation.len()];
        let mut ids = tokenizer.encode(start);
        ids.truncate(limit);
        let start_tokens = ids.len();
        let left = limit - start_tokens;
        let kept = longest_fitting(continuation, left, &|text| tokenizer.encode(text).len());
        ids.extend(tokenizer.encode(kept));
        if kept.len() == continuation.len() {
            ids.push(end);
        }
        Self {
            ids,
            start_tokens,
            bytes: kept.len(),
        }
    }
}

/// The longest beginning of `text`, ending with a word, of at most `limit` tokens. Cutting the text
/// and not its tokens keeps the bytes exact.
fn longest_fitting<'a>(text: &'a str, limit: usize, tokens: &dyn Fn(&str) -> usize) -> &'a str {
    if tokens(text) <= limit {
        return text;
    }
    let ends: Vec<usize> = text
        .char_indices()
        .filter(|(_, c)| c.is_whitespace())
        .map(|(i, _)| i)
        .collect();
    let fitting = ends.partition_point(|&end| tokens(&text[..end]) <= limit);
    match fitting {
        0 => "",
        n => &text[..ends[n - 1]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_ends_with_a_word_and_fits() {
        let tokens = |text: &str| text.split_whitespace().count();
        assert_eq!(longest_fitting("a b c d", 4, &tokens), "a b c d");
        assert_eq!(longest_fitting("a b c d", 2, &tokens), "a b");
        assert_eq!(longest_fitting("a b c d", 0, &tokens), "");
    }
}
