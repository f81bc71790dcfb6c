//! Where sentences end by UAX #29. A line of ASCII is looked through here, in one pass: several times as
//! fast as the library, which takes the square of a run of brackets or spaces behind a full stop.

use unicode_segmentation::UnicodeSegmentation;

/// Longer lines are cut before they are given to the library, and into how long pieces, in bytes.
const LONGEST_LINE: usize = 64 << 10;
const PIECE: usize = 4 << 10;

/// Visits every end of a sentence, in order, the end of the text included.
pub(crate) fn each_end(text: &str, visit: &mut impl FnMut(usize)) {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let rest = &bytes[start..];
        let end = match rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(at) if rest[at..].starts_with(b"\r\n") => start + at + 2,
            Some(at) => start + at + 1,
            None => bytes.len(),
        };
        // A line break ends a sentence whatever stands around it, so lines know nothing of each other.
        let line = &text[start..end];
        if line.is_ascii() {
            ascii_line(line.as_bytes(), &mut |at| visit(start + at));
        } else {
            other_line(line, &mut |at| visit(start + at));
        }
        start = end;
    }
}

fn other_line(line: &str, visit: &mut impl FnMut(usize)) {
    let most = if line.len() > LONGEST_LINE {
        PIECE
    } else {
        LONGEST_LINE
    };
    let mut start = 0;
    while start < line.len() {
        let end = line.floor_char_boundary(start.saturating_add(most));
        for (at, sentence) in line[start..end].split_sentence_bound_indices() {
            visit(start + at + sentence.len());
        }
        start = end;
    }
}

fn ascii_line(line: &[u8], visit: &mut impl FnMut(usize)) {
    let mut from = 0;
    while let Some(found) = line[from..].iter().position(|byte| is_terminator(*byte)) {
        let at = from + found;
        let closed = at + 1 + run(&line[at + 1..], is_close);
        let behind = closed + run(&line[closed..], is_space);
        let Some(next) = line.get(behind) else { break };
        if matches!(next, b'\n' | b'\r') {
            break;
        }
        from = behind;
        if !goes_on(line, at, behind, *next) {
            visit(behind);
        }
    }
    if !line.is_empty() {
        visit(line.len());
    }
}

/// Whether the sentence goes on behind the sign at `at` and the brackets and spaces that follow it, with
/// `next` at `behind`: rules SB6 to SB8a.
fn goes_on(line: &[u8], at: usize, behind: usize, next: u8) -> bool {
    if line[at] == b'.' {
        let is_direct = behind == at + 1;
        let before = at.checked_sub(1).map(|before| line[before]);
        if is_direct
            && (next.is_ascii_digit()
                || next.is_ascii_uppercase()
                    && before.is_some_and(|before| before.is_ascii_alphabetic()))
        {
            return true;
        }
        let decides = |byte: &&u8| {
            byte.is_ascii_alphabetic() || is_terminator(**byte) || matches!(byte, b'\n' | b'\r')
        };
        if line[behind..]
            .iter()
            .find(decides)
            .is_some_and(u8::is_ascii_lowercase)
        {
            return true;
        }
    }
    is_terminator(next) || matches!(next, b',' | b'-' | b':' | b';')
}

fn run(bytes: &[u8], belongs: fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(**byte)).count()
}

fn is_terminator(byte: u8) -> bool {
    matches!(byte, b'.' | b'!' | b'?')
}

fn is_close(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'(' | b')' | b'[' | b']' | b'{' | b'}')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(text: &str) -> Vec<usize> {
        let mut found = Vec::new();
        each_end(text, &mut |end| found.push(end));
        found
    }

    fn of_library(text: &str) -> Vec<usize> {
        text.split_sentence_bound_indices()
            .map(|(at, sentence)| at + sentence.len())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn ends_are_those_of_the_library(text in "([a-cA-C0-2.!?,:;()\"' \t\x0b\r\n*é«»…\u{85}\u{2028}\u{301}]|[ -~]|\\PC){0,60}") {
            prop_assert_eq!(ends(&text), of_library(&text));
        }

        #[test]
        fn ends_in_ascii_are_those_of_the_library(text in "[a-bA-B0-1.!?,:;()\" \r\n*]{0,60}") {
            prop_assert_eq!(ends(&text), of_library(&text));
        }
    }

    #[test]
    fn runs_behind_a_full_stop_take_no_square() {
        for piece in [")", " ", "\"", " )", "-", "1"] {
            let text = format!("One.{}", piece.repeat(1 << 20));
            assert_eq!(ends(&text).last(), Some(&text.len()));
            let text = format!("Ón.{}", piece.repeat(1 << 20));
            assert_eq!(ends(&text).last(), Some(&text.len()));
        }
    }
}
