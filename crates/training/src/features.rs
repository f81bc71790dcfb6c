//! From examples to what a model eats: one function a task (paper §4.3 to §4.5).

use idiolect_core::ImmediateContext;
use idiolect_models::Tokenizer;
use idiolect_pipeline::{Prompt, join_keywords};

use crate::{
    examples::Example,
    fit::{Features, Held},
    pairs::Pair,
    users::NextSnippet,
};

/// Turns examples into ids of one vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Featurizer<'a> {
    /// The vocabulary.
    pub tokenizer: &'a Tokenizer,
    /// Its end token.
    pub end: u32,
    /// Longest input in tokens, end token included.
    pub input: usize,
    /// Longest target in tokens, end token included.
    pub target: usize,
}

impl Featurizer<'_> {
    /// The generator's task: the whole document, its start included (paper §4.5), after summary,
    /// key words and past.
    pub fn generation(
        &self,
        example: &Example,
        summary: &str,
        keywords: &[String],
        past_passages: &str,
    ) -> Held {
        self.generation_in(Form::default(), example, summary, keywords, past_passages)
    }

    /// The generator's task in another form than the paper's.
    pub fn generation_in(
        &self,
        form: Form,
        example: &Example,
        summary: &str,
        keywords: &[String],
        past_passages: &str,
    ) -> Held {
        let context = &example.immediate_context;
        let prompt = form.prompt(context, summary, keywords, past_passages);
        let target = form.target(&example.target, self.tokenizer, self.target, Some(self.end));
        self.held(&prompt, target)
    }

    /// The task of the baseline UserID: the next snippet.
    pub fn next_snippet(&self, next: &NextSnippet) -> Features {
        self.answer(&Prompt::of_user(&next.author, &next.snippet), &next.next)
    }

    /// An input, and a text of which the start is given and the rest is scored.
    pub fn held(&self, prompt: &Prompt, target: Target) -> Held {
        Held {
            given: target.start_tokens,
            bytes: target.bytes,
            features: Features {
                input: self.input(prompt),
                target: target.ids,
            },
        }
    }

    /// The summarizer's task (paper §4.3); `None` where there is no label.
    pub fn summary(&self, example: &Example) -> Option<Features> {
        let context = Some(example.immediate_context.as_str());
        let prompt = Prompt::summary(context, &example.past_passages);
        let label = &example.summary_label;
        (!label.is_empty()).then(|| self.answer(&prompt, label))
    }

    /// The synthesizer's task (paper §4.4); `None` where there is no label. Of a long label, the
    /// first `most` words.
    pub fn keywords(&self, example: &Example, most: usize) -> Option<Features> {
        let prompt = Prompt::keywords(&example.immediate_context, &example.past_passages);
        let label = &example.keyword_label;
        let label = &label[..label.len().min(most)];
        (!label.is_empty()).then(|| self.answer(&prompt, &join_keywords(label)))
    }

    /// Author distinction (paper §4.5).
    pub fn distinction(&self, pair: &Pair) -> Features {
        let prompt = Prompt::distinction(&pair.first, &pair.second);
        self.answer(&prompt, pair.label.text())
    }

    /// An input and the text to write for it; a text that is cut loses its end token.
    pub fn answer(&self, prompt: &Prompt, text: &str) -> Features {
        let mut target = self.tokenizer.encode(text);
        target.push(self.end);
        target.truncate(self.target);
        Features {
            input: self.input(prompt),
            target,
        }
    }

    fn input(&self, prompt: &Prompt) -> Vec<u32> {
        let encode = |text: &str| self.tokenizer.encode(text);
        prompt.fit(&encode, self.input, Some(self.end)).ids
    }
}

/// How the generator is asked and what for. The default is the paper's; its Table 5 takes one thing
/// away at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Whether the generator sees the past passages, and not only what the stages made of them.
    pub entries: bool,
    /// Whether the immediate context stands behind everything else.
    pub context_last: bool,
    /// Whether the target begins with the immediate context; otherwise it is what comes behind.
    pub start: bool,
}

impl Form {
    /// The paper's.
    pub const PAPER: Self = Self {
        entries: true,
        context_last: false,
        start: true,
    };

    /// The generator's input.
    pub fn prompt(
        self,
        immediate_context: &str,
        summary: &str,
        keywords: &[String],
        past_passages: &str,
    ) -> Prompt {
        let past = if self.entries { past_passages } else { "" };
        let prompt = Prompt::generation(immediate_context, summary, keywords, past);
        if self.context_last {
            prompt.context_last()
        } else {
            prompt
        }
    }

    /// What is to be written for a document's content, of at most `limit` tokens with its start.
    pub fn target(
        self,
        content: &str,
        tokenizer: &Tokenizer,
        limit: usize,
        end: Option<u32>,
    ) -> Target {
        let target = Target::of(content, tokenizer, limit, end);
        if self.start {
            target
        } else {
            target.without_start()
        }
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::PAPER
    }
}

/// A document as it is written and scored: start and continuation tokenized each for itself, as
/// they are when a start is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The tokens, with an end token where one was asked for and nothing was cut.
    pub ids: Vec<u32>,
    /// How many of the ids are the start, the immediate context.
    pub start_tokens: usize,
    /// UTF-8 bytes of the part of the continuation that was kept.
    pub bytes: usize,
}

impl Target {
    /// Of a document's content, cut at the end of a word so that it has at most `limit` tokens
    /// without its end token.
    pub fn of(content: &str, tokenizer: &Tokenizer, limit: usize, end: Option<u32>) -> Self {
        let continuation = ImmediateContext::continuation(content);
        let start = &content[..content.len() - continuation.len()];
        let mut ids = tokenizer.encode(start);
        ids.truncate(limit);
        let start_tokens = ids.len();
        let left = limit - start_tokens;
        let kept = longest_fitting(continuation, left, &|text| tokenizer.encode(text).len());
        ids.extend(tokenizer.encode(kept));
        if kept.len() == continuation.len() {
            ids.extend(end);
        }
        Self {
            ids,
            start_tokens,
            bytes: kept.len(),
        }
    }

    /// The same without the start, cut at the same place: what is scored is the same.
    #[must_use]
    pub fn without_start(mut self) -> Self {
        self.ids.drain(..self.start_tokens);
        self.start_tokens = 0;
        self
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
