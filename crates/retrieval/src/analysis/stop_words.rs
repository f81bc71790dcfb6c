use std::{collections::HashSet, sync::LazyLock};

/// Whether Lucene's EnglishAnalyzer leaves the word out.
pub(super) fn is_lucene_stop_word(word: &str) -> bool {
    word.len() <= 5 && LUCENE.binary_search(&word).is_ok()
}

/// The Snowball project's English stop words, in lower case (paper §4.4: stop words for SynCtx and
/// SynCtxInd). Contractions are among them with a straight apostrophe.
pub fn snowball_stop_words() -> &'static HashSet<&'static str> {
    static WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
        include_str!("../../data/snowball_english_stop.txt")
            .lines()
            .filter_map(|line| line.split('|').next()?.split_whitespace().next())
            .collect()
    });
    &WORDS
}

const LUCENE: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_what_they_should() {
        assert!(LUCENE.is_sorted());
        assert!(LUCENE.iter().all(|word| is_lucene_stop_word(word)));
        assert!(!is_lucene_stop_word("its"));
        let snowball = snowball_stop_words();
        assert_eq!(snowball.len(), 174);
        for word in ["i", "i'm", "would", "very", "themselves"] {
            assert!(snowball.contains(word), "{word}");
        }
        for word in ["us", "will", "can", "one", "copyright", "|"] {
            assert!(!snowball.contains(word), "{word}");
        }
    }
}
