use std::{collections::HashSet, ops::ControlFlow};

use idiolect_core::truncate_graphemes;
use idiolect_retrieval::{snowball_stop_words, words};

/// What a sequence-to-sequence model is asked for. One model does all four, told apart by their
/// instruction (paper §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Write the document, its start included.
    Generation,
    /// Su: what of the past matters now (paper §4.3).
    Summary,
    /// Sy: which words of the past matter now (paper §4.4).
    Keywords,
    /// Say `true` or `false`: are two passages by one author? (paper §4.5)
    Distinction,
}

impl Task {
    /// The words in front of everything else. Those of generation and distinction are the paper's.
    pub fn instruction(self) -> &'static str {
        match self {
            Self::Generation => "Finish the passage in the user voice",
            Self::Summary => "Summarize the past passages",
            Self::Keywords => "Find the important words",
            Self::Distinction => "Predict whether two passages are from the same author",
        }
    }
}

/// Where a part of a model's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The immediate context, x_t.
    PassageStart,
    /// Su(x_t, E_t).
    Summary,
    /// Sy(x_t, E_t).
    ImportantWords,
    /// E_t, the ranked entries.
    PastPassages,
    /// Who writes: all that the baseline UserID is told of the author.
    User,
    /// Of author distinction.
    FirstPassage,
    /// Of author distinction.
    SecondPassage,
}

impl Source {
    /// What stands before it in the input.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::PassageStart => "passage start:",
            Self::Summary => "summary:",
            Self::ImportantWords => "important words:",
            Self::PastPassages => "past passages:",
            Self::User => "user:",
            Self::FirstPassage => "first passage:",
            Self::SecondPassage => "second passage:",
        }
    }
}

/// Sources in the order in which they give way to a budget. Those of one line share a cap, so that
/// the longer is cut first. The passage start and the user never give way.
const GIVING_WAY: [&[Source]; 4] = [
    &[Source::PastPassages],
    &[Source::Summary],
    &[Source::ImportantWords],
    &[Source::FirstPassage, Source::SecondPassage],
];

/// How many tokens of its budget an input may leave unused when it had to be shortened: finding
/// the last few costs more encoding than they are worth.
const SLACK_TOKENS: usize = 3;

/// A model's input before it is text: an instruction and its sources, in order. Training and
/// writing make theirs by the same functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked for.
    pub task: Task,
    /// Sources with their texts; one whose text is blank leaves no trace in the input.
    pub parts: Vec<(Source, String)>,
}

/// An input that fits a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// Exactly what the model reads.
    pub ids: Vec<u32>,
    /// The text behind them, without the end token.
    pub text: String,
}

impl Prompt {
    /// The generator's input: sources in the paper's order (paper §4.5).
    pub fn generation(
        immediate_context: &str,
        summary: &str,
        keywords: &[String],
        past_passages: &str,
    ) -> Self {
        Self {
            task: Task::Generation,
            parts: vec![
                (Source::PassageStart, immediate_context.to_owned()),
                (Source::Summary, summary.to_owned()),
                (Source::ImportantWords, join_keywords(keywords)),
                (Source::PastPassages, past_passages.to_owned()),
            ],
        }
    }

    /// The input of the baseline UserID: a name in place of a past, and what was written so far.
    pub fn of_user(user: &str, written: &str) -> Self {
        Self {
            task: Task::Generation,
            parts: vec![
                (Source::User, user.to_owned()),
                (Source::PassageStart, written.to_owned()),
            ],
        }
    }

    /// The same sources with the immediate context behind them all: ImmedCtxAtEnd.
    #[must_use]
    pub fn context_last(mut self) -> Self {
        self.parts
            .sort_by_key(|(source, _)| *source == Source::PassageStart);
        self
    }

    /// The summarizer's input; without an immediate context it is that of the independent
    /// summary, SumCtxInd (paper §4.3).
    pub fn summary(immediate_context: Option<&str>, past_passages: &str) -> Self {
        Self::of_the_past(Task::Summary, immediate_context, past_passages)
    }

    /// The synthesizer's input (paper §4.4).
    pub fn keywords(immediate_context: &str, past_passages: &str) -> Self {
        Self::of_the_past(Task::Keywords, Some(immediate_context), past_passages)
    }

    /// The input of author distinction; the answer is `true` or `false` (paper §4.5).
    pub fn distinction(first: &str, second: &str) -> Self {
        Self {
            task: Task::Distinction,
            parts: vec![
                (Source::FirstPassage, first.to_owned()),
                (Source::SecondPassage, second.to_owned()),
            ],
        }
    }

    fn of_the_past(task: Task, immediate_context: Option<&str>, past_passages: &str) -> Self {
        let start = immediate_context.map(|text| (Source::PassageStart, text.to_owned()));
        let past = (Source::PastPassages, past_passages.to_owned());
        Self {
            task,
            parts: start.into_iter().chain([past]).collect(),
        }
    }

    /// The whole input, uncut: `<instruction> passage start: … summary: …`.
    pub fn text(&self) -> String {
        let mut text = self.task.instruction().to_owned();
        for (source, part) in &self.parts {
            let part = part.trim();
            if !part.is_empty() {
                text.push(' ');
                text.push_str(source.prefix());
                text.push(' ');
                text.push_str(part);
            }
        }
        text
    }

    /// The ids of the longest input of at most `budget` tokens, the end token (where one is given)
    /// among them. Past passages are shortened first, from their end, then the summary, then the
    /// key words; a few tokens may stay unused. The immediate context is never cut: where even it
    /// alone is too long, the ids exceed the budget.
    ///
    /// `encode` makes ids of a text without special tokens.
    pub fn fit(
        &self,
        encode: &dyn Fn(&str) -> Vec<u32>,
        budget: usize,
        end: Option<u32>,
    ) -> Fitted {
        let budget = budget.saturating_sub(usize::from(end.is_some()));
        let mut prompt = self.clone();
        let mut fitted = prompt.encoded(encode);
        for sources in GIVING_WAY {
            if fitted.ids.len() <= budget {
                break;
            }
            if let Some(shorter) = prompt.shorten(sources, &fitted, encode, budget) {
                (prompt, fitted) = shorter;
            }
        }
        fitted.ids.extend(end);
        fitted
    }

    /// Cuts `sources` until everything fits, or to nothing; `None` where there is nothing to cut.
    fn shorten(
        &self,
        sources: &[Source],
        uncut: &Fitted,
        encode: &dyn Fn(&str) -> Vec<u32>,
        budget: usize,
    ) -> Option<(Self, Fitted)> {
        let longest = self
            .parts
            .iter()
            .filter(|(source, _)| sources.contains(source))
            .map(|(_, part)| part.chars().count())
            .max()
            .filter(|&longest| longest > 0)?;
        let emptied = self.capped(sources, 0);
        let mut best = (0, emptied.encoded(encode), emptied);
        if best.1.ids.len() >= budget {
            return Some((best.2, best.1));
        }
        let mut too_long = (longest, uncut.ids.len());
        // Tokens grow nearly evenly with characters, so a few guesses along the line suffice.
        let _ = (0..8).try_for_each(|_| {
            if budget - best.1.ids.len() <= SLACK_TOKENS || too_long.0 - best.0 <= 1 {
                return ControlFlow::Break(());
            }
            let share = (budget - best.1.ids.len()) as f64 / (too_long.1 - best.1.ids.len()) as f64;
            let step = ((too_long.0 - best.0) as f64 * share) as usize;
            let cap = best.0 + step.clamp(1, too_long.0 - best.0 - 1);
            let prompt = self.capped(sources, cap);
            let fitted = prompt.encoded(encode);
            if fitted.ids.len() <= budget {
                best = (cap, fitted, prompt);
            } else {
                too_long = (cap, fitted.ids.len());
            }
            ControlFlow::Continue(())
        });
        Some((best.2, best.1))
    }

    fn capped(&self, sources: &[Source], characters: usize) -> Self {
        let mut prompt = self.clone();
        for (source, part) in &mut prompt.parts {
            if sources.contains(source) {
                *part = truncate_graphemes(part, characters).to_owned();
            }
        }
        prompt
    }

    fn encoded(&self, encode: &dyn Fn(&str) -> Vec<u32>) -> Fitted {
        let text = self.text();
        Fitted {
            ids: encode(&text),
            text,
        }
    }
}

/// Key words as one string: as a model reads them, and as it learns to write them.
pub fn join_keywords(keywords: &[String]) -> String {
    keywords.join(" ")
}

/// Key words out of a model's answer: those of its words that stand in the past passages and are no
/// stop words, each once, in order. By its definition a key word is a word of the passages (paper
/// §4.4); whatever else a model says is not the author's.
pub fn keywords_of(answer: &str, past_passages: &str) -> Vec<String> {
    let past: HashSet<String> = words(past_passages).into_iter().collect();
    let mut found: Vec<String> = Vec::new();
    for word in words(answer) {
        if past.contains(&word)
            && !snowball_stop_words().contains(word.as_str())
            && !found.contains(&word)
        {
            found.push(word);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One id a character: any tokenizer will do.
    fn encode(text: &str) -> Vec<u32> {
        text.chars().map(u32::from).collect()
    }

    fn keywords(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn sources_stand_in_the_order_of_the_paper() {
        let prompt =
            Prompt::generation("Dear all", "She asks.", &keywords("rain boots"), "A.\n\nB.");
        assert_eq!(
            prompt.text(),
            "Finish the passage in the user voice passage start: Dear all summary: She asks. \
             important words: rain boots past passages: A.\n\nB."
        );
        assert_eq!(
            Prompt::keywords("Dear all", "A.").text(),
            "Find the important words passage start: Dear all past passages: A."
        );
        assert_eq!(
            Prompt::of_user("ana", "Dear all").text(),
            "Finish the passage in the user voice user: ana passage start: Dear all"
        );
        assert_eq!(
            Prompt::generation("Dear all", "She asks.", &[], "A.")
                .context_last()
                .text(),
            "Finish the passage in the user voice summary: She asks. past passages: A. passage \
             start: Dear all"
        );
        assert_eq!(
            Prompt::distinction("A.", "B.").text(),
            "Predict whether two passages are from the same author first passage: A. second \
             passage: B."
        );
    }

    #[test]
    fn key_words_are_words_of_the_past() {
        let past = "The senator said: they don't mind rain in ÄGYPTEN, nor mud.";
        assert_eq!(
            keywords_of("They, \"Rain\" rain - senat 42 Ägypten, mud", past),
            ["rain", "ägypten", "mud"]
        );
        assert!(keywords_of(" , -- ", past).is_empty());
        assert!(keywords_of("rain", "").is_empty());
    }

    #[test]
    fn what_is_not_there_leaves_no_prefix() {
        assert_eq!(
            Prompt::generation("Dear all", "", &[], " ").text(),
            "Finish the passage in the user voice passage start: Dear all"
        );
        assert_eq!(
            Prompt::summary(None, "A.").text(),
            "Summarize the past passages past passages: A."
        );
    }

    #[test]
    fn past_passages_give_way_first_then_the_summary() {
        let prompt = Prompt::generation("Dear all", "She asks.", &keywords("rain"), "0123456789");
        let whole = prompt.text();
        let fitted = prompt.fit(&encode, whole.len() + 1, Some(1));
        assert_eq!(fitted.text, whole);
        assert_eq!(fitted.ids.last(), Some(&1));

        let fitted = prompt.fit(&encode, whole.len() - 4, None);
        assert!(
            fitted
                .text
                .ends_with("important words: rain past passages: 012345")
        );

        let fitted = prompt.fit(&encode, whole.len() - 30, None);
        assert!(
            fitted
                .text
                .ends_with("summary: She a important words: rain"),
            "{}",
            fitted.text
        );

        let fitted = prompt.fit(&encode, 1, None);
        assert_eq!(
            fitted.text,
            "Finish the passage in the user voice passage start: Dear all"
        );
    }

    #[test]
    fn the_longer_passage_of_a_pair_gives_way() {
        let prompt = Prompt::distinction("short", &"long ".repeat(100));
        let fitted = prompt.fit(&encode, 150, None);
        assert!(fitted.ids.len() <= 150 && fitted.ids.len() + SLACK_TOKENS >= 149);
        assert!(
            fitted
                .text
                .contains("first passage: short second passage: long long")
        );
    }

    proptest! {
        #[test]
        fn a_fitted_input_keeps_its_start_and_its_budget(
            start in "\\PC{1,150}", past in "(\\PC|\n){0,400}", budget in 0_usize..700,
        ) {
            let prompt = Prompt::generation(&start, "", &[], &past);
            let bare = Prompt::generation(&start, "", &[], "").text();
            let fitted = prompt.fit(&encode, budget, Some(1));
            prop_assert!(fitted.text.starts_with(&bare));
            prop_assert!(fitted.ids.len() <= budget.max(encode(&bare).len() + 1));
            prop_assert_eq!(fitted.ids.len(), encode(&fitted.text).len() + 1);
        }
    }
}
