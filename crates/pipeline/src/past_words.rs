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
        self.add_words(&words(content));
    }

    fn add_words(&mut self, words: &[String]) {
        self.documents += 1;
        for word in words.iter().collect::<HashSet<_>>() {
            count(&mut self.of_word, word);
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
        let words = words(content);
        self.frequencies.add_words(&words);
        for word in &words {
            count(&mut self.uses, word);
        }
    }

    /// SynCtxInd: up to 20 words of the past, no stop words, none used only once, none with an IDF
    /// under 1.5; the most used first, then the rarest, then by alphabet (paper §4.4). `idf` is a
    /// fixed table when examples are built, and the past's own frequencies otherwise.
    pub fn keywords(&self, idf: &DocumentFrequencies) -> Vec<String> {
        let mut used: Vec<(u32, &str)> = self
            .uses
            .iter()
            .filter(|&(_, &uses)| uses > 1)
            .map(|(word, &uses)| (uses, word.as_str()))
            .collect();
        used.sort_unstable_by(|a, b| b.cmp(a));
        let mut found: Vec<String> = Vec::new();
        // Most of the words are used so seldom that nothing else need be known of them.
        for as_often in used.chunk_by(|a, b| a.0 == b.0) {
            let mut rarest: Vec<(f64, &str)> = as_often
                .iter()
                .filter(|(_, word)| idf.says_something(word))
                .map(|&(_, word)| (idf.idf(word), word))
                .collect();
            rarest.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
            let left = MOST_KEYWORDS - found.len();
            found.extend(rarest.iter().take(left).map(|&(_, word)| word.to_owned()));
            if found.len() == MOST_KEYWORDS {
                break;
            }
        }
        found
    }
}

/// One more of a word; only a new word is copied.
fn count(counts: &mut HashMap<String, u32>, word: &str) {
    match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => {
            counts.insert(word.to_owned(), 1);
        }
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
