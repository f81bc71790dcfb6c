//! BLEU as sacrebleu 2.6.0 computes it: 13a tokens, cased, n-grams up to 4, exponential smoothing.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use serde::{Deserialize, Serialize};

use crate::interner::Interner;
use crate::ngrams::Ngrams;
use crate::python::is_space;

/// Longest n-gram that counts.
pub const BLEU_ORDER: usize = 4;

/// BLEU and what it is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bleu {
    /// From 0 to 100.
    pub score: f64,
    /// Of 1-grams to 4-grams, from 0 to 100, smoothed.
    pub precisions: [f64; BLEU_ORDER],
    /// Brevity penalty, from 0 to 1.
    pub bp: f64,
    /// Tokens of the predictions.
    pub sys_len: usize,
    /// Tokens of the references.
    pub ref_len: usize,
}

/// Counts that add up over a corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BleuCounts {
    /// Tokens of the prediction.
    pub sys_len: usize,
    /// Tokens of the reference.
    pub ref_len: usize,
    /// Clipped matches of 1-grams to 4-grams.
    pub correct: [usize; BLEU_ORDER],
    /// 1-grams to 4-grams of the prediction.
    pub total: [usize; BLEU_ORDER],
}

/// BLEU of a single pair, with effective order: orders that the prediction is too short for do not
/// count.
pub fn sentence_bleu(reference: &str, prediction: &str) -> Bleu {
    BleuCounts::of(reference, prediction).score(true)
}

impl BleuCounts {
    /// Of one pair of texts.
    pub fn of(reference: &str, prediction: &str) -> Self {
        BleuCounter::default().count(reference, prediction)
    }

    /// The counts of both.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.sys_len += other.sys_len;
        self.ref_len += other.ref_len;
        for order in 0..BLEU_ORDER {
            self.correct[order] += other.correct[order];
            self.total[order] += other.total[order];
        }
        self
    }

    /// The score; `effective_order` leaves out orders without any n-gram (for single pairs).
    pub fn score(&self, effective_order: bool) -> Bleu {
        let bp = match (self.sys_len, self.ref_len) {
            (sys, reference) if sys >= reference => 1.0,
            (0, _) => 0.0,
            (sys, reference) => (1.0 - reference as f64 / sys as f64).exp(),
        };
        let mut bleu = Bleu {
            bp,
            sys_len: self.sys_len,
            ref_len: self.ref_len,
            ..Bleu::default()
        };
        if self.correct == [0; BLEU_ORDER] {
            return bleu;
        }
        let mut smoothing = 1.0;
        let mut orders = BLEU_ORDER;
        for order in 0..BLEU_ORDER {
            if self.total[order] == 0 {
                break;
            }
            if effective_order {
                orders = order + 1;
            }
            let total = self.total[order] as f64;
            bleu.precisions[order] = if self.correct[order] == 0 {
                smoothing *= 2.0;
                100.0 / (smoothing * total)
            } else {
                100.0 * self.correct[order] as f64 / total
            };
        }
        let logs: f64 = bleu.precisions[..orders]
            .iter()
            // sacrebleu's logarithm of zero
            .map(|&precision| {
                if precision == 0.0 {
                    -9_999_999_999.0
                } else {
                    precision.ln()
                }
            })
            .sum();
        bleu.score = bp * (logs / orders as f64).exp();
        bleu
    }
}

/// [`BleuCounts::of`] for one pair after another: room that was made for one serves the next.
#[derive(Default)]
pub(crate) struct BleuCounter {
    interner: Interner,
    target: Vec<u32>,
    output: Vec<u32>,
    ngrams: Ngrams,
}

impl BleuCounter {
    /// See [`BleuCounts::of`].
    pub(crate) fn count(&mut self, reference: &str, prediction: &str) -> BleuCounts {
        let Self {
            interner,
            target,
            output,
            ngrams,
        } = self;
        interner.begin(reference.len() + prediction.len());
        for (text, ids) in [(reference, &mut *target), (prediction, &mut *output)] {
            ids.clear();
            tokens_13a(text).each(|text, start, end| ids.push(interner.id_in(text, start, end)));
        }
        let matches = ngrams.clipped_matches(target, output, interner.len(), BLEU_ORDER);
        let mut counts = BleuCounts {
            sys_len: output.len(),
            ref_len: target.len(),
            ..BleuCounts::default()
        };
        for (order, matched) in matches.into_iter().enumerate() {
            counts.correct[order] = matched;
            counts.total[order] = output.len().saturating_sub(order);
        }
        counts
    }
}

/// A text with white space between its tokens.
struct Tokens(Vec<u8>);

impl Tokens {
    /// Calls `each` with the text and where a token begins and ends in it.
    fn each(&self, mut each: impl FnMut(&[u8], usize, usize)) {
        let text = &self.0;
        if text.is_ascii() {
            let mut start = 0;
            for (end, byte) in text.iter().enumerate() {
                if matches!(byte, b'\t'..=b'\r' | 0x1c..=b' ') {
                    if start < end {
                        each(text, start, end);
                    }
                    start = end + 1;
                }
            }
            if start < text.len() {
                each(text, start, text.len());
            }
        } else {
            // Only ASCII characters are ever put in, so the bytes are still UTF-8.
            str::from_utf8(text)
                .unwrap_or_default()
                .split(is_space)
                .filter(|word| !word.is_empty())
                .for_each(|word| each(word.as_bytes(), 0, word.len()));
        }
    }
}

/// mteval-v13a's tokens. All its rules speak of ASCII characters and of "anything else", so they
/// work on bytes.
fn tokens_13a(text: &str) -> Tokens {
    let text = text.trim_end_matches(is_space);
    let mut line = Cow::Borrowed(text);
    if text.contains("<skipped>") {
        line = line.replace("<skipped>", "").into();
    }
    if line.contains("-\n") {
        line = line.replace("-\n", "").into();
    }
    if line.contains('&') {
        line = line
            .replace("&quot;", "\"")
            .replace("&amp;", "&")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .into();
    }
    let mut padded = Vec::with_capacity(line.len() * 3 / 2 + 2);
    padded.push(b' ');
    let mut rest = line.as_bytes();
    while let Some(end) = rest
        .iter()
        .position(|&byte| IS_REWRITTEN[usize::from(byte)])
    {
        padded.extend_from_slice(&rest[..end]);
        match rest[end] {
            b'\n' => padded.push(b' '),
            mark => padded.extend_from_slice(&[b' ', mark, b' ']),
        }
        rest = &rest[end + 1..];
    }
    padded.extend_from_slice(rest);
    padded.push(b' ');
    let is_stop = |byte: u8| byte == b'.' || byte == b',';
    let next_stop = |bytes: &[u8]| memchr2(b'.', b',', bytes);
    let split = each_pair(
        &padded,
        1,
        next_stop,
        |first, second| !first.is_ascii_digit() && is_stop(second),
        |first, second, out| out.extend_from_slice(&[first, b' ', second, b' ']),
    );
    let split = each_pair(
        &split,
        0,
        next_stop,
        |first, second| is_stop(first) && !second.is_ascii_digit(),
        |first, second, out| out.extend_from_slice(&[b' ', first, b' ', second]),
    );
    Tokens(each_pair(
        &split,
        1,
        |bytes| memchr(b'-', bytes),
        |first, second| first.is_ascii_digit() && second == b'-',
        |first, second, out| out.extend_from_slice(&[first, b' ', second, b' ']),
    ))
}

/// Bytes that do not stay as they are before marks are split off. A space is a mark, too; but white
/// space around white space separates nothing more.
const IS_REWRITTEN: [bool; 256] = {
    let mut is_rewritten = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        is_rewritten[byte] = is_mark(byte as u8) && byte as u8 != b' ';
        byte += 1;
    }
    is_rewritten[b'\n' as usize] = true;
    is_rewritten
};

/// Punctuation but for `'`, `,`, `-` and `.`.
const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'{'..=b'~' | b'['..=b'`' | b' '..=b'&' | b'('..=b'+' | b':'..=b'@' | b'/')
}

/// Rewrites, from left to right, every pair of neighbours that fits and shares none with the pair
/// before: what a regular expression of two characters does. `next` finds a byte that the pair must
/// have at `place`, so that what lies between two such bytes is copied as a whole.
fn each_pair(
    bytes: &[u8],
    place: usize,
    next: impl Fn(&[u8]) -> Option<usize>,
    fits: impl Fn(u8, u8) -> bool,
    rewrite: impl Fn(u8, u8, &mut Vec<u8>),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = bytes.get(at + place..).and_then(&next) {
        at += found;
        match bytes[at..] {
            [first, second, ..] if fits(first, second) => {
                out.extend_from_slice(&bytes[copied..at]);
                rewrite(first, second, &mut out);
                at += 2;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        tokens_13a(text).each(|text, start, end| {
            tokens.push(String::from_utf8(text[start..end].to_vec()).unwrap());
        });
        tokens
    }

    // sacrebleu 2.6.0: sacrebleu.tokenizers.tokenizer_13a.Tokenizer13a()(text)
    #[test]
    fn tokens_are_those_of_13a() {
        assert_eq!(
            tokens("It's $1,234.50 (3-4%) — d'accord.\n"),
            [
                "It's", "$", "1,234.50", "(", "3", "-", "4", "%", ")", "—", "d'accord", "."
            ]
        );
        assert_eq!(
            tokens("a.,b &quot;x&quot; é."),
            ["a", ".", ",", "b", "\"", "x", "\"", "é", "."]
        );
        assert_eq!(tokens("co-\nop <skipped>"), ["coop"]);
    }

    #[test]
    fn a_corpus_without_any_match_scores_nothing() {
        let counts = BleuCounts::of("a b", "c");
        assert_eq!(counts.score(false).score, 0.0);
        assert_eq!(BleuCounts::default().score(false).bp, 1.0);
    }
}
