//! Words as NLTK 3.10.4's `NLTKWordTokenizer` cuts them, its regular expressions written out in
//! their order. Texts are slices of characters; every pass returns the rewritten text.

use crate::python::is_space;
use crate::unicode::{is_decimal, is_word};

/// The words and marks of a whole text, which is not cut into sentences first: METEOR's tokens.
pub fn nltk_words(text: &str) -> Vec<String> {
    let mut text: Vec<char> = text.chars().collect();
    text = starting_quotes(&text);
    text = punctuation(&text);
    text = pad_each(&text, |c| {
        matches!(c, '[' | ']' | '(' | ')' | '{' | '}' | '<' | '>')
    });
    text = pad_string(&text, &['-', '-']);
    text.insert(0, ' ');
    text.push(' ');
    text = ending_quotes(&text);
    text = contractions(text);
    text.split(|&c| is_space(c))
        .filter(|word| !word.is_empty())
        .map(|word| word.iter().collect())
        .collect()
}

fn starting_quotes(text: &[char]) -> Vec<char> {
    let mut text = pad_runs(
        text,
        |c| matches!(c, '«' | '“' | '‘' | '„' | '`'),
        |c| c == '`',
        1,
    );
    if text.first() == Some(&'"') {
        text.splice(0..1, ['`', '`']);
    }
    text = pad_string(&text, &['`', '`']);

    let mut out = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while at < text.len() {
        if matches!(text[at], ' ' | '(' | '[' | '{' | '<') {
            let quote = match text[at + 1..] {
                ['"', ..] => 1,
                ['\'', '\'', ..] => 2,
                _ => 0,
            };
            if quote > 0 {
                out.push(text[at]);
                out.extend([' ', '`', '`', ' ']);
                at += 1 + quote;
                continue;
            }
        }
        out.push(text[at]);
        at += 1;
    }

    // An apostrophe before a word, unless the word is a clitic.
    let text = out;
    let mut out = Vec::with_capacity(text.len() + 16);
    for (at, &c) in text.iter().enumerate() {
        out.push(c);
        let rest = &text[at + 1..];
        let opens = c == '\''
            && !(at > 0 && is_word(text[at - 1]))
            && rest.first().is_some_and(|&next| is_word(next))
            && !CLITICS.iter().any(|clitic| {
                starts_with(rest, clitic) && !rest.get(clitic.len()).is_some_and(|&c| is_word(c))
            });
        if opens {
            out.push(' ');
        }
    }
    out
}

const CLITICS: [&str; 8] = ["re", "ve", "ll", "m", "t", "s", "d", "n"];

fn punctuation(text: &[char]) -> Vec<char> {
    // NLTK has a second rule for the final period, which this one leaves nothing to do.
    let mut text = final_period(text);

    let mut out = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while at < text.len() {
        if let [mark @ (':' | ','), next, ..] = text[at..]
            && !is_decimal(next)
        {
            out.extend([' ', mark, ' ', next]);
            at += 2;
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    if let Some(&mark @ (':' | ',')) = out.last() {
        out.pop();
        out.extend([' ', mark, ' ']);
    }
    text = out;
    text = pad_runs(&text, |c| c == '.', |c| c == '.', 2);
    text = pad_each(&text, |c| matches!(c, ';' | '@' | '#' | '$' | '%' | '&'));
    text = pad_each(&text, |c| matches!(c, '\u{2012}'..='\u{2015}'));
    text = pad_each(&text, |c| matches!(c, '?' | '!'));
    text = split_before_space(&text, |before, rest| {
        (before != '\'' && rest.first() == Some(&'\'')).then_some(1)
    });
    pad_each(&text, |c| c == '*')
}

/// Cuts off a period with nothing but closing marks behind it.
fn final_period(text: &[char]) -> Vec<char> {
    let closing = |c: char| {
        matches!(
            c,
            ']' | ')' | '}' | '>' | '"' | '\'' | '»' | '”' | '’' | ' '
        )
    };
    let trimmed = text
        .iter()
        .rposition(|c| !c.is_whitespace())
        .map_or(0, |last| last + 1);
    let behind = text[..trimmed]
        .iter()
        .rposition(|&c| !closing(c))
        .map_or(0, |last| last + 1);
    match text[..behind] {
        [.., before, '.'] if before != '.' => {
            let mut out = text[..behind - 1].to_vec();
            out.extend([' ', '.', ' ']);
            out.extend_from_slice(&text[behind..trimmed]);
            out.push(' ');
            out
        }
        _ => text.to_vec(),
    }
}

fn ending_quotes(text: &[char]) -> Vec<char> {
    let text = pad_each(text, |c| matches!(c, '»' | '”' | '’'));
    let text = pad_string(&text, &['\'', '\'']);
    let mut out: Vec<char> = Vec::with_capacity(text.len() + 16);
    for &c in &text {
        match c {
            '"' => out.extend([' ', '\'', '\'', ' ']),
            c if c.is_whitespace() => out.push(' '),
            c => out.push(c),
        }
    }
    out.dedup_by(|a, b| *a == ' ' && *b == ' ');
    let text = split_before_space(&out, |before, rest| match rest {
        _ if before == '\'' || before == ' ' => None,
        ['\'', 's' | 'S' | 'm' | 'M' | 'd' | 'D', ' ', ..] => Some(2),
        ['\'', ..] => Some(1),
        _ => None,
    });
    split_before_space(&text, |before, rest| {
        let clitic = match rest {
            ['\'', letters @ ..] => [
                ['l', 'l'],
                ['L', 'L'],
                ['r', 'e'],
                ['R', 'E'],
                ['v', 'e'],
                ['V', 'E'],
            ]
            .iter()
            .any(|clitic| letters.starts_with(clitic)),
            ['n', '\'', 't', ..] | ['N', '\'', 'T', ..] => true,
            _ => false,
        };
        (before != '\'' && before != ' ' && clitic).then_some(3)
    })
}

fn contractions(mut text: Vec<char>) -> Vec<char> {
    const WORDS: [(&str, &str); 8] = [
        ("can", "not"),
        ("d", "'ye"),
        ("gim", "me"),
        ("gon", "na"),
        ("got", "ta"),
        ("lem", "me"),
        ("more", "'n"),
        ("wan", "na"),
    ];
    for (first, second) in WORDS {
        text = split_contraction(&text, first, second, |text, start| {
            start == 0 || !is_letter(text[start - 1])
        });
    }
    for second in ["is", "was"] {
        text = split_contraction(&text, "'t", second, |text, start| {
            start > 0 && text[start - 1] == ' '
        });
    }
    text
}

fn split_contraction(
    text: &[char],
    first: &str,
    second: &str,
    may_start: impl Fn(&[char], usize) -> bool,
) -> Vec<char> {
    let (middle, length) = (first.len(), first.len() + second.len());
    let mut out = Vec::with_capacity(text.len() + 8);
    let mut at = 0;
    while at < text.len() {
        let fits = starts_with(&text[at..], first)
            && starts_with(&text[at + middle..], second)
            && may_start(text, at)
            && match text.get(at + length) {
                // `wanna` alone must be followed by white space.
                Some(&next) if first == "wan" => is_space(next),
                Some(&next) => !is_letter(next),
                None => first != "wan",
            };
        if fits {
            out.push(' ');
            out.extend_from_slice(&text[at..at + middle]);
            out.push(' ');
            out.extend_from_slice(&text[at + middle..at + length]);
            out.push(' ');
            at += length;
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

fn pad_each(text: &[char], fits: impl Fn(char) -> bool) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for &c in text {
        if fits(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out
}

/// Pads characters that fit; those that may run together are padded as one run, if it is of at
/// least `shortest`.
fn pad_runs(
    text: &[char],
    fits: impl Fn(char) -> bool,
    runs: impl Fn(char) -> bool,
    shortest: usize,
) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while at < text.len() {
        let length = if runs(text[at]) {
            text[at..].iter().take_while(|&&c| runs(c)).count()
        } else {
            1
        };
        let pads = fits(text[at]) && length >= shortest;
        if pads {
            out.push(' ');
        }
        out.extend_from_slice(&text[at..at + length]);
        if pads {
            out.push(' ');
        }
        at += length;
    }
    out
}

fn pad_string(text: &[char], string: &[char]) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(string) {
            out.push(' ');
            out.extend_from_slice(string);
            out.push(' ');
            at += string.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

/// Puts a space between a character and the piece behind it, where `piece` gives the piece's length
/// and a space follows the piece. That space cannot begin another match.
fn split_before_space(text: &[char], piece: impl Fn(char, &[char]) -> Option<usize>) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at + 1..];
        match piece(text[at], rest) {
            Some(length) if rest.get(length) == Some(&' ') => {
                out.extend([text[at], ' ']);
                out.extend_from_slice(&rest[..length]);
                out.push(' ');
                at += length + 2;
            }
            _ => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

/// Whether the text begins with these lower-case ASCII characters in any case. Python folds the long
/// s and the two Turkish i's as well.
fn starts_with(text: &[char], lower: &str) -> bool {
    let mut text = text.iter();
    lower.chars().all(|expected| {
        text.next().is_some_and(|&c| {
            c.to_ascii_lowercase() == expected
                || (expected == 's' && c == 'ſ')
                || (expected == 'i' && matches!(c, 'İ' | 'ı'))
        })
    })
}

/// What Python's older module takes for a part of a word where it looks for a word's edge.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
