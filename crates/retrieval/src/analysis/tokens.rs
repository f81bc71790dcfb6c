use unicode_segmentation::UnicodeSegmentation;

/// Longest word in UTF-16 units; what is longer is cut into several, as in Lucene's
/// StandardTokenizer.
const MAX_WORD_UNITS: usize = 255;

/// Calls `each` with the UAX #29 words of `text` that have a letter or digit. Numbers that are no
/// digits (½, ²) are not words, nor are symbols; Lucene, too, drops the former, but keeps symbols
/// that Unicode counts among the emoji (™, ♥).
pub(crate) fn for_each_word(text: &str, mut each: impl FnMut(&str)) {
    for word in text.unicode_words().filter(|word| !is_number_sign(word)) {
        if word.len() <= MAX_WORD_UNITS || word.encode_utf16().count() <= MAX_WORD_UNITS {
            each(word);
        } else {
            cut(word, &mut each);
        }
    }
}

/// Whether `word` is a single number that is neither letter nor digit: such a one never joins
/// letters around it, where a digit does.
fn is_number_sign(word: &str) -> bool {
    let mut characters = word.chars();
    match (characters.next(), characters.next()) {
        (Some(c), None) if !c.is_ascii() && !c.is_alphabetic() => {
            let behind_a_letter = String::from_iter(['a', c]);
            behind_a_letter.unicode_words().count() > 1
        }
        _ => false,
    }
}

/// Word by word of what fits the limit, as a tokenizer does that cannot look further ahead.
fn cut(mut rest: &str, each: &mut dyn FnMut(&str)) {
    while let Some((start, word)) = head(rest).unicode_word_indices().next() {
        each(word);
        rest = &rest[start + word.len()..];
    }
}

fn head(text: &str) -> &str {
    let mut units = 0;
    for (offset, character) in text.char_indices() {
        units += character.len_utf16();
        if units > MAX_WORD_UNITS {
            return &text[..offset];
        }
    }
    text
}

/// The word without a final 's, ’s or ＇s (Lucene's EnglishPossessiveFilter).
pub(super) fn without_possessive(word: &str) -> &str {
    word.strip_suffix(['s', 'S'])
        .and_then(|stem| stem.strip_suffix(['\'', '\u{2019}', '\u{ff07}']))
        .unwrap_or(word)
}

/// Writes `word` in lower case to `into`: character by character, by Unicode's simple mapping, as
/// Lucene's LowerCaseFilter (so a final Σ becomes σ and İ becomes i).
pub(super) fn lower_case(word: &str, into: &mut String) {
    into.clear();
    if word.is_ascii() {
        into.push_str(word);
        into.make_ascii_lowercase();
    } else {
        into.extend(word.chars().filter_map(|c| c.to_lowercase().next()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for_each_word(text, |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn long_words_are_cut() {
        let lengths = |text: &str| words(text).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(&"a".repeat(255)), [255]);
        assert_eq!(lengths(&"a".repeat(600)), [255, 255, 90]);
        // The mark at the cut belongs to neither side.
        assert_eq!(
            lengths(&format!("{}'{}", "a".repeat(254), "b".repeat(9))),
            [254, 9]
        );
        assert_eq!(words(&"é".repeat(255)).len(), 1);
    }

    #[test]
    fn number_signs_are_not_words() {
        assert_eq!(words("1½ r² ½ ² ٣ Ⅷ 一 ½½"), ["1", "r", "٣", "Ⅷ", "一"]);
    }

    #[test]
    fn possessives() {
        for word in ["dog's", "dog’S", "dog＇s", "dog"] {
            assert_eq!(without_possessive(word), "dog");
        }
        assert_eq!(without_possessive("dogs'"), "dogs'");
    }
}
