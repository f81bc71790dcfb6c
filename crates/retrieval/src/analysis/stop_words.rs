use std::{collections::HashSet, sync::LazyLock};

/// Whether Lucene's EnglishAnalyzer leaves the word out.
#[rustfmt::skip]
pub(super) fn is_lucene_stop_word(word: &str) -> bool {
    matches!(
        word,
        "a" | "an" | "and" | "are" | "as" | "at" | "be" | "but" | "by" | "for" | "if" | "in" | "into" | "is"
        | "it" | "no" | "not" | "of" | "on" | "or" | "such" | "that" | "the" | "their" | "then" | "there"
        | "these" | "they" | "this" | "to" | "was" | "will" | "with"
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_what_they_should() {
        assert!(
            ["a", "into", "such", "their"]
                .into_iter()
                .all(is_lucene_stop_word)
        );
        assert!(
            !["its", "", "thé", "at "]
                .into_iter()
                .any(is_lucene_stop_word)
        );
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
