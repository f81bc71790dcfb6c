//! Cuts that count Unicode scalar values and never split one.

use unicode_segmentation::UnicodeSegmentation;

/// The first `n` characters (Unicode scalar values) of `text`.
pub fn first_characters(text: &str, n: usize) -> &str {
    match text.char_indices().nth(n) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// The last `n` characters (Unicode scalar values) of `text`.
pub fn last_characters(text: &str, n: usize) -> &str {
    match n.checked_sub(1) {
        None => "",
        Some(skip) => match text.char_indices().rev().nth(skip) {
            Some((start, _)) => &text[start..],
            None => text,
        },
    }
}

/// The longest prefix of at most `n` characters that does not end inside a grapheme cluster.
pub fn truncate_graphemes(text: &str, n: usize) -> &str {
    let prefix = first_characters(text, n);
    if prefix.len() == text.len() {
        return text;
    }
    let mut end = 0;
    for (start, grapheme) in text.grapheme_indices(true) {
        if start + grapheme.len() > prefix.len() {
            break;
        }
        end = start + grapheme.len();
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_count_characters() {
        assert_eq!(first_characters("añb", 2), "añ");
        assert_eq!(first_characters("añb", 9), "añb");
        assert_eq!(last_characters("añb", 2), "ñb");
        assert_eq!(last_characters("añb", 0), "");
        assert_eq!(last_characters("añb", 3), "añb");
    }

    #[test]
    fn a_grapheme_is_never_split() {
        assert_eq!(truncate_graphemes("ae\u{301}b", 2), "a");
        assert_eq!(truncate_graphemes("ae\u{301}b", 3), "ae\u{301}");
        assert_eq!(truncate_graphemes("ab\r\nc", 3), "ab");
    }
}
