//! Stylometry without any model: how far an output is from what its author wrote, in numbers that
//! explain themselves. None of them is validated on texts as short as a mail: they stand beside the
//! other metrics, not in their place.

use std::collections::BTreeMap;

use idiolect_core::sentences;
use serde::{Deserialize, Serialize};

/// Words that say little of the topic and much of the writer; Burrows's Delta counts these.
const FUNCTION_WORDS: [&str; 120] = [
    "a", "about", "above", "after", "again", "all", "also", "although", "always", "am", "among",
    "an", "and", "another", "any", "are", "as", "at", "be", "because", "been", "before", "being",
    "between", "both", "but", "by", "can", "could", "did", "do", "does", "down", "each", "either",
    "enough", "even", "every", "few", "for", "from", "had", "has", "have", "he", "her", "here",
    "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "like", "many", "may",
    "me", "might", "more", "most", "much", "must", "my", "never", "no", "nor", "not", "now", "of",
    "off", "on", "once", "one", "only", "or", "other", "our", "out", "over", "own", "quite",
    "rather", "really", "shall", "she", "should", "since", "so", "some", "such", "than", "that",
    "the", "their", "them", "then", "there", "these", "they", "this", "those", "though", "to",
    "up", "very", "was", "we", "were", "what", "when", "which", "who", "will", "with", "you",
];

/// Marks whose rates are compared.
const MARKS: [char; 12] = ['.', ',', ';', ':', '!', '?', '-', '—', '(', '"', '\'', '…'];

/// First words of greetings and of closing lines, lower-cased.
const GREETINGS: [&str; 12] = [
    "hi",
    "hello",
    "hey",
    "dear",
    "hallo",
    "greetings",
    "morning",
    "good",
    "hiya",
    "howdy",
    "folks",
    "all",
];
const SIGN_OFFS: [&str; 19] = [
    "best",
    "regards",
    "cheers",
    "thanks",
    "thank",
    "thx",
    "sincerely",
    "yours",
    "love",
    "kind",
    "warm",
    "take",
    "bye",
    "ciao",
    "cordially",
    "respectfully",
    "later",
    "talk",
    "hth",
];

/// A line with more words is no greeting and no closing.
const LINE_WORDS: usize = 6;

/// How many of the last lines a closing is looked for in.
const LAST_LINES: usize = 4;

/// Means and spreads of function words over many true texts, which Burrows's Delta measures with.
#[derive(Debug, Clone, PartialEq)]
pub struct StyleReference {
    means: [f64; FUNCTION_WORDS.len()],
    /// 0 where all texts use the word alike; such a word does not count.
    deviations: [f64; FUNCTION_WORDS.len()],
}

/// How an output differs from the true text. What cannot be said of a pair is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Style {
    /// Burrows's Delta: the mean distance between standardized rates of function words; 0 is best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// Difference of the mean sentence lengths, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence_length: Option<f64>,
    /// Difference of the standard deviations of sentence lengths, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence_spread: Option<f64>,
    /// Differences of the rates of twelve punctuation marks, in marks a hundred words, added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub punctuation: Option<f64>,
    /// Whether both begin with the same form of greeting; `None` where neither has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greeting: Option<f64>,
    /// Whether both end with the same form of closing; `None` where neither has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_off: Option<f64>,
    /// Words of the output by words of the true text; 1 is best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_ratio: Option<f64>,
}

impl StyleReference {
    /// Of true texts, for example all references of a run; spreads are those of a sample.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut count = 0.0;
        let mut means = [0.0; FUNCTION_WORDS.len()];
        let mut squares = [0.0; FUNCTION_WORDS.len()];
        for text in texts {
            let Some(rates) = function_word_rates(text) else {
                continue;
            };
            count += 1.0;
            // Welford's running sums.
            for ((mean, squares), rate) in means.iter_mut().zip(&mut squares).zip(rates) {
                let before = rate - *mean;
                *mean += before / count;
                *squares += before * (rate - *mean);
            }
        }
        let deviations = squares.map(|sum| {
            if count > 1.0 {
                (sum / (count - 1.0)).sqrt()
            } else {
                0.0
            }
        });
        Self { means, deviations }
    }

    /// Burrows's Delta of two texts; `None` where a text has no word or nothing can be measured
    /// with.
    pub fn delta(&self, a: &str, b: &str) -> Option<f64> {
        let (a, b) = (function_word_rates(a)?, function_word_rates(b)?);
        let mut sum = 0.0;
        let mut words = 0.0;
        for (word, &deviation) in self.deviations.iter().enumerate() {
            if deviation > 0.0 {
                let z = |rate: f64| (rate - self.means[word]) / deviation;
                sum += (z(a[word]) - z(b[word])).abs();
                words += 1.0;
            }
        }
        (words > 0.0).then_some(sum / words)
    }

    /// All measures of an output against the true text; both without the start that was given, but
    /// for greetings, which are looked for in `whole`, the two with their start.
    pub fn style(&self, target: &str, output: &str, whole: (&str, &str)) -> Style {
        let (target_words, output_words) =
            (words(target).count() as f64, words(output).count() as f64);
        let mut style = Style {
            delta: self.delta(target, output),
            greeting: same(greeting(whole.0).as_deref(), greeting(whole.1).as_deref()),
            sign_off: same(sign_off(target).as_deref(), sign_off(output).as_deref()),
            ..Style::default()
        };
        if target_words > 0.0 {
            style.length_ratio = Some(output_words / target_words);
            if output_words > 0.0 {
                let rates = |text: &str, words: f64| {
                    marks(text).map(|count| 100.0 * f64::from(count) / words)
                };
                let pairs = rates(target, target_words)
                    .into_iter()
                    .zip(rates(output, output_words));
                style.punctuation = Some(pairs.map(|(a, b)| (a - b).abs()).sum());
            }
        }
        if let (Some(true_lengths), Some(lengths)) =
            (sentence_lengths(target), sentence_lengths(output))
        {
            style.sentence_length = Some((true_lengths.0 - lengths.0).abs());
            style.sentence_spread = Some((true_lengths.1 - lengths.1).abs());
        }
        style
    }
}

impl Style {
    /// By name, those that can be said.
    pub fn values(&self) -> BTreeMap<&'static str, f64> {
        [
            ("delta", self.delta),
            ("sentence_length", self.sentence_length),
            ("sentence_spread", self.sentence_spread),
            ("punctuation", self.punctuation),
            ("greeting", self.greeting),
            ("sign_off", self.sign_off),
            ("length_ratio", self.length_ratio),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// Each measure's mean over those of which it can be said.
    pub fn mean<'a>(styles: impl IntoIterator<Item = &'a Style>) -> Self {
        let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for style in styles {
            for (name, value) in style.values() {
                let sum = sums.entry(name).or_default();
                sum.0 += value;
                sum.1 += 1.0;
            }
        }
        let mean = |name: &str| sums.get(name).map(|(sum, count)| sum / count);
        Self {
            delta: mean("delta"),
            sentence_length: mean("sentence_length"),
            sentence_spread: mean("sentence_spread"),
            punctuation: mean("punctuation"),
            greeting: mean("greeting"),
            sign_off: mean("sign_off"),
            length_ratio: mean("length_ratio"),
        }
    }
}

/// What white space separates, without the marks around it, lower-cased; nothing that is only marks.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// Uses of each function word by all words; `None` where there are none.
fn function_word_rates(text: &str) -> Option<[f64; FUNCTION_WORDS.len()]> {
    let mut rates = [0.0; FUNCTION_WORDS.len()];
    let mut all = 0.0;
    for word in words(text) {
        all += 1.0;
        if let Ok(place) = FUNCTION_WORDS.binary_search(&word.as_str()) {
            rates[place] += 1.0;
        }
    }
    (all > 0.0).then(|| rates.map(|count| count / all))
}

/// How often each mark stands there; forms of one mark count together.
fn marks(text: &str) -> [u32; MARKS.len()] {
    let mut counts = [0; MARKS.len()];
    for character in text.chars() {
        let mark = match character {
            '–' => '—',
            '“' | '”' | '„' | '«' | '»' => '"',
            '‘' | '’' => '\'',
            other => other,
        };
        if let Some(place) = MARKS.iter().position(|&one| one == mark) {
            counts[place] += 1;
        }
    }
    counts
}

/// Mean and standard deviation of the sentences' numbers of words.
fn sentence_lengths(text: &str) -> Option<(f64, f64)> {
    let lengths: Vec<f64> = sentences(text)
        .into_iter()
        .map(|span| words(&text[span]).count() as f64)
        .filter(|&length| length > 0.0)
        .collect();
    if lengths.is_empty() {
        return None;
    }
    let count = lengths.len() as f64;
    let mean = lengths.iter().sum::<f64>() / count;
    let variance = lengths.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / count;
    Some((mean, variance.sqrt()))
}

fn same(a: Option<&str>, b: Option<&str>) -> Option<f64> {
    (a.is_some() || b.is_some()).then(|| f64::from(u8::from(a == b)))
}

/// The greeting's first word and the mark that ends its line, from the first lines of a document.
fn greeting(text: &str) -> Option<String> {
    // A title may stand before it.
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).take(2);
    lines.find_map(|line| formula(line, &GREETINGS))
}

/// The same of the line that closes a document.
fn sign_off(text: &str) -> Option<String> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    last.iter().find_map(|line| formula(line, &SIGN_OFFS))
}

fn formula(line: &str, beginnings: &[&str]) -> Option<String> {
    let line = line.trim();
    if line.split_whitespace().count() > LINE_WORDS {
        return None;
    }
    let first = words(line).next()?;
    let ends = line
        .chars()
        .last()
        .filter(char::is_ascii_punctuation)
        .map(String::from)
        .unwrap_or_default();
    beginnings
        .contains(&first.as_str())
        .then(|| format!("{first}{ends}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_searched() {
        assert!(FUNCTION_WORDS.is_sorted());
    }

    #[test]
    fn a_text_is_like_itself() {
        let texts = ["I was there, and so were you.", "It is what it is. Or not?"];
        let reference = StyleReference::of(texts);
        let style = reference.style(texts[0], texts[0], (texts[0], texts[0]));
        assert_eq!(
            style,
            Style {
                delta: Some(0.0),
                sentence_length: Some(0.0),
                sentence_spread: Some(0.0),
                punctuation: Some(0.0),
                greeting: None,
                sign_off: None,
                length_ratio: Some(1.0),
            }
        );
        assert!(reference.delta(texts[0], texts[1]).unwrap() > 0.5);
        assert_eq!(reference.delta(texts[0], "…"), None);
        let nothing = reference.style(texts[0], "", (texts[0], ""));
        assert_eq!((nothing.length_ratio, nothing.delta), (Some(0.0), None));
    }

    #[test]
    fn greetings_and_closings_are_compared_by_their_form() {
        let reference = StyleReference::of([]);
        let a = "Hi Ana,\n\nsee you at ten.\n\nCheers,\nJo";
        let b = "Hi Ben,\n\nno.\n\nBest,\nJo";
        let style = reference.style(a, b, (a, b));
        assert_eq!((style.greeting, style.sign_off), (Some(1.0), Some(0.0)));
        let c = "Hi there!\n\nno.";
        let style = reference.style(a, c, (a, c));
        assert_eq!((style.greeting, style.sign_off), (Some(0.0), Some(0.0)));
        assert_eq!(style.delta, None);
    }

    #[test]
    fn rates_and_lengths_are_those_counted_by_hand() {
        let reference = StyleReference::of([]);
        let style = reference.style("One two. Three four five six!", "One two, three.", ("", ""));
        // Sentences of 2 and 4 words against one of 3.
        assert_eq!(style.sentence_length, Some(0.0));
        assert_eq!(style.sentence_spread, Some(1.0));
        // Per hundred words: . 16.7 and 33.3, ! 16.7 and 0, , 0 and 33.3.
        assert!(
            (style.punctuation.unwrap() - (50.0 / 3.0 + 50.0 / 3.0 + 100.0 / 3.0)).abs() < 1e-9
        );
        assert_eq!(style.length_ratio, Some(0.5));
    }
}
