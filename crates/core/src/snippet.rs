use std::ops::Range;

use crate::sentence_bounds::each_end;

/// Bytes of a document's content, on character boundaries.
pub type Span = Range<usize>;

/// Writes a [`Span`] as `[start, end]`: use as `#[serde(with = "span_as_pair")]`.
pub mod span_as_pair {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Span;

    /// `[start, end]`.
    pub fn serialize<S: Serializer>(span: &Span, to: S) -> Result<S::Ok, S::Error> {
        [span.start, span.end].serialize(to)
    }

    /// Reads `[start, end]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        <[usize; 2]>::deserialize(from).map(|[start, end]| start..end)
    }
}

/// A snippet grows by whole sentences until it has at least this many characters (paper §4.2).
pub const SNIPPET_CHARACTERS: usize = 250;

/// Cuts `content` into snippets: whole sentences are appended until at least 250 characters are
/// reached, or the document ends (paper §4.2). The spans tile the content; an empty one has none.
pub fn snippets(content: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut characters = 0;
    for sentence in sentences(content) {
        characters += content[sentence.clone()].chars().count();
        if characters >= SNIPPET_CHARACTERS {
            found.push(start..sentence.end);
            start = sentence.end;
            characters = 0;
        }
    }
    if start < content.len() {
        found.push(start..content.len());
    }
    found
}

/// Sentences by UAX #29, joined again where the break follows an abbreviation or an initial, and
/// cut at blank lines. The spans tile the text, white space included.
pub fn sentences(text: &str) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let mut start = 0;
    each_end(text, &mut |end| {
        if end < text.len() && ends_in_abbreviation(&text[start..end]) {
            return;
        }
        found.push(start..end);
        start = end;
    });
    if start < text.len() {
        found.push(start..text.len());
    }
    found
}

/// Whether `sentence` stops at a full stop that most likely belongs to its last word.
fn ends_in_abbreviation(sentence: &str) -> bool {
    if sentence.ends_with(['\n', '\r']) {
        return false;
    }
    let Some(body) = sentence.trim_end().strip_suffix('.') else {
        return false;
    };
    let word = body
        .rsplit(|c: char| c.is_whitespace() || c == '(' || c == '"')
        .next()
        .unwrap_or("");
    let mut letters = word.chars();
    let initial =
        matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase() && c != 'I');
    initial || ABBREVIATIONS.contains(&word)
}

/// Abbreviations that stand before a name, a number or more of the sentence.
const ABBREVIATIONS: [&str; 36] = [
    "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Sr", "Jr", "Rev", "Hon", "Gen", "Col", "Capt", "Lt",
    "Sgt", "Messrs", "Mme", "Mlle", "vs", "etc", "e.g", "i.e", "cf", "viz", "al", "No", "Nos",
    "Vol", "Fig", "Sec", "pp", "approx", "Inc", "Ltd", "Co", "a.m",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|s| &text[s]).collect()
    }

    #[test]
    fn abbreviations_do_not_end_sentences() {
        assert_eq!(
            texts("Mr. Brown met G. K. Chesterton. He left at 5. Why? I know."),
            [
                "Mr. Brown met G. K. Chesterton. ",
                "He left at 5. ",
                "Why? ",
                "I know."
            ]
        );
    }

    #[test]
    fn a_snippet_is_whole_sentences_of_at_least_250_characters() {
        let sentence = "Twenty-four characters. ";
        let content = sentence.repeat(25);
        let found = snippets(&content);
        assert_eq!(found, vec![0..264, 264..528, 528..600]);
    }

    #[test]
    fn nothing_has_no_snippets() {
        assert_eq!(snippets(""), Vec::<Span>::new());
    }

    proptest! {
        #[test]
        fn snippets_tile_the_content(content in "(\\PC|[.!?] |\n){0,900}") {
            let found = snippets(&content);
            let joined: String = found.iter().map(|span| &content[span.clone()]).collect();
            prop_assert_eq!(&joined, &content);
            for span in found.iter().rev().skip(1) {
                prop_assert!(content[span.clone()].chars().count() >= SNIPPET_CHARACTERS);
            }
            prop_assert!(found.iter().all(|span| !span.is_empty()));
        }
    }
}
