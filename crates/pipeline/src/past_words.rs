use std::collections::{HashMap, HashSet};

use idiolect_retrieval::{snowball_stop_words, words};

/// Words whose IDF is below this say too little to be key words (paper §4.4).
pub const LEAST_IDF: f64 = 1.5;

/// How many key words SynCtxInd has at most (paper §4.4).
const MOST_KEYWORDS: usize = 20;

/// How rare words are: in how many of the counted documents each stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentFrequencies {
    /// Documents counted.
    pub documents: u32,
    /// Of these, how many contain the word.
    pub of_word: HashMap<String, u32>,
}

impl DocumentFrequencies {
    /// Counts one more document by its content. Words are the analyzer's, before stemming.
    pub fn add(&mut self, content: &str) {
        self.documents += 1;
        for word in words(content).into_iter().collect::<HashSet<_>>() {
            *self.of_word.entry(word).or_default() += 1;
        }
    }

    /// ln(N/df), from 0 up; a word that no document has counts as if one had it, so that it is
    /// the rarest of all.
    pub fn idf(&self, word: &str) -> f64 {
        let df = self.of_word.get(word).copied().unwrap_or(1).max(1);
        (f64::from(self.documents.max(1)) / f64::from(df)).ln()
    }

    /// Whether a word may be a key word: not a stop word, and rare enough (paper §4.4).
    pub fn says_something(&self, word: &str) -> bool {
        !snowball_stop_words().contains(word) && self.idf(word) >= LEAST_IDF
    }
}

/// What SynCtxInd looks at: how often the author used each word, and how rare words are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PastWords {
    /// How often each word stands in the author's past documents.
    pub uses: HashMap<String, u32>,
    /// In how many of these documents.
    pub frequencies: DocumentFrequencies,
}

impl PastWords {
    /// Takes one more past document into account, by its content.
    pub fn add(&mut self, content: &str) {
        self.frequencies.add(content);
        for word in words(content) {
            *self.uses.entry(word).or_default() += 1;
        }
    }

    /// SynCtxInd: up to 20 words of the past, no stop words, none used only once, none with an IDF
    /// under 1.5; the most used first, then the rarest, then by alphabet (paper §4.4). `idf` is a
    /// fixed table when examples are built, and the past's own frequencies otherwise.
    pub fn keywords(&self, idf: &DocumentFrequencies) -> Vec<String> {
        let mut candidates: Vec<(&str, u32, f64)> = self
            .uses
            .iter()
            .filter(|&(word, &uses)| uses > 1 && idf.says_something(word))
            .map(|(word, &uses)| (word.as_str(), uses, idf.idf(word)))
            .collect();
        candidates.sort_by(|a, b| b.1.cmp(&a.1).then(b.2.total_cmp(&a.2)).then(a.0.cmp(b.0)));
        candidates
            .into_iter()
            .take(MOST_KEYWORDS)
            .map(|(word, ..)| word.to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(documents: &[&str]) -> PastWords {
        let mut past = PastWords::default();
        for document in documents {
            past.add(document);
        }
        past
    }

    #[test]
    fn the_most_used_rare_words_come_first() {
        let past = past(&[
            "The heron and the heron, the heron. Ale, ale!",
            "A newt saw a newt in the mud.",
            "Mud.",
            "Mud again.",
            "Nothing here is said twice, but reeds are.",
        ]);
        // `mud` is used three times, but in three of five documents; `saw` only once.
        assert_eq!(past.keywords(&past.frequencies), ["heron", "ale", "newt"]);
        assert_eq!(past.frequencies.idf("mud"), (5.0_f64 / 3.0).ln());
        assert_eq!(past.frequencies.idf("unheard-of"), 5.0_f64.ln());
    }

    #[test]
    fn at_most_twenty() {
        let words: Vec<String> = (0..30).map(|i| format!("word{i:02}")).collect();
        let line = words.join(" ");
        let past = past(&[&format!("{line} {line}"), "a", "b", "c", "d"]);
        assert_eq!(past.keywords(&past.frequencies), words[..20]);
    }

    #[test]
    fn no_past_has_no_key_words() {
        let past = PastWords::default();
        assert_eq!(past.keywords(&past.frequencies), Vec::<String>::new());
    }
}
