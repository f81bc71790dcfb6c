//! ROUGE as rouge-score 0.1.2 computes it.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::interner::Interner;
use crate::lcs::{Columns, lcs_length, lcs_positions};
use crate::ngrams::Ngrams;
use crate::porter::porter_stem_ascii;

/// Which units two texts are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RougeKind {
    /// n-grams of words, n from 1 to 9.
    N(NonZeroU8),
    /// The longest common subsequence of the whole texts.
    L,
    /// The union of longest common subsequences of the texts' lines.
    Lsum,
}

/// Precision, recall and their harmonic mean, each from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RougeScore {
    /// Harmonic mean of the two others.
    pub f1: f64,
    /// Share of the prediction that the reference has.
    pub precision: f64,
    /// Share of the reference that the prediction has.
    pub recall: f64,
}

/// ROUGE of one prediction against one reference, a score for each of `kinds` in their order.
///
/// Texts are lower-cased and everything but `a`–`z` and `0`–`9` separates words; with `stemmer`,
/// words of four characters or more are stemmed as NLTK's Porter stemmer does by default.
pub fn rouge(
    reference: &str,
    prediction: &str,
    kinds: &[RougeKind],
    stemmer: bool,
) -> Vec<RougeScore> {
    RougeScorer::default().score(reference, prediction, kinds, stemmer)
}

/// [`rouge`] for one pair after another: room that was made for one serves the next.
#[derive(Default)]
pub(crate) struct RougeScorer {
    words: Words,
    target: Vec<u32>,
    output: Vec<u32>,
    ngrams: Ngrams,
}

impl RougeScorer {
    /// See [`rouge`].
    pub(crate) fn score(
        &mut self,
        reference: &str,
        prediction: &str,
        kinds: &[RougeKind],
        stemmer: bool,
    ) -> Vec<RougeScore> {
        let Self {
            words,
            target,
            output,
            ngrams,
        } = self;
        words.begin(reference.len() + prediction.len(), stemmer);
        target.clear();
        output.clear();
        if kinds.iter().any(|kind| *kind != RougeKind::Lsum) {
            words.read(reference, target);
            words.read(prediction, output);
        }
        let highest = kinds
            .iter()
            .filter_map(|kind| match kind {
                RougeKind::N(n) => Some(usize::from(n.get())),
                RougeKind::L | RougeKind::Lsum => None,
            })
            .max()
            .unwrap_or(0);
        let matches = if highest > 0 {
            ngrams.clipped_matches(target, output, words.distinct(), highest)
        } else {
            Vec::new()
        };
        kinds
            .iter()
            .map(|kind| match kind {
                RougeKind::N(n) => {
                    let n = usize::from(n.get());
                    RougeScore::new(
                        matches[n - 1],
                        (target.len() + 1).saturating_sub(n),
                        (output.len() + 1).saturating_sub(n),
                    )
                }
                RougeKind::L => RougeScore::new(
                    lcs_length(target, output, words.distinct()),
                    target.len(),
                    output.len(),
                ),
                RougeKind::Lsum => by_lines(words, reference, prediction),
            })
            .collect()
    }
}

/// ROUGE against several references: for each kind, the score of the reference with the best F1.
///
/// Without references there is nothing to match: every score is 0.
pub fn rouge_best(
    references: &[&str],
    prediction: &str,
    kinds: &[RougeKind],
    stemmer: bool,
) -> Vec<RougeScore> {
    let mut best = vec![None; kinds.len()];
    for reference in references {
        let scores = rouge(reference, prediction, kinds, stemmer);
        for (best, score) in best.iter_mut().zip(scores) {
            if best.is_none_or(|best: RougeScore| score.f1 > best.f1) {
                *best = Some(score);
            }
        }
    }
    best.into_iter().map(Option::unwrap_or_default).collect()
}

impl RougeKind {
    /// ROUGE-1.
    pub const ONE: Self = Self::N(NonZeroU8::MIN);
    /// ROUGE-2.
    pub const TWO: Self = Self::N(NonZeroU8::MIN.saturating_add(1));
}

impl fmt::Display for RougeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::N(n) => write!(f, "rouge{n}"),
            Self::L => f.write_str("rougeL"),
            Self::Lsum => f.write_str("rougeLsum"),
        }
    }
}

impl FromStr for RougeKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("rouge").map(str::as_bytes) {
            Some(b"L") => Some(Self::L),
            Some(b"Lsum") => Some(Self::Lsum),
            Some(&[digit @ b'1'..=b'9']) => NonZeroU8::new(digit - b'0').map(Self::N),
            _ => None,
        }
        .ok_or_else(|| Error::Metric(text.to_owned()))
    }
}

impl RougeScore {
    fn new(matches: usize, target: usize, output: usize) -> Self {
        let precision = matches as f64 / output.max(1) as f64;
        let recall = matches as f64 / target.max(1) as f64;
        let f1 = if precision + recall > 0.0 {
            2.0 * precision * recall / (precision + recall)
        } else {
            0.0
        };
        Self {
            f1,
            precision,
            recall,
        }
    }
}

/// Summary-level LCS. A word counts at most as often as both texts have it.
fn by_lines(words: &mut Words, reference: &str, prediction: &str) -> RougeScore {
    let read = |words: &mut Words, text: &str| -> Vec<Vec<u32>> {
        text.split('\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                let mut numbers = Vec::new();
                words.read(line, &mut numbers);
                numbers
            })
            .collect()
    };
    let targets = read(words, reference);
    let outputs = read(words, prediction);
    let count = |lines: &[Vec<u32>]| {
        let mut counts = vec![0_usize; words.distinct()];
        for &word in lines.iter().flatten() {
            counts[word as usize] += 1;
        }
        counts
    };
    let (mut in_target, mut in_output) = (count(&targets), count(&outputs));
    let columns: Vec<Columns> = outputs
        .iter()
        .map(|line| Columns::new(line, words.distinct()))
        .collect();
    let mut hits = 0;
    for target in &targets {
        let mut union = vec![false; target.len()];
        for columns in &columns {
            for position in lcs_positions(target, columns) {
                union[position] = true;
            }
        }
        for (&word, _) in target.iter().zip(union).filter(|(_, common)| *common) {
            let word = word as usize;
            if in_output[word] > 0 && in_target[word] > 0 {
                hits += 1;
                in_output[word] -= 1;
                in_target[word] -= 1;
            }
        }
    }
    RougeScore::new(
        hits,
        targets.iter().map(Vec::len).sum(),
        outputs.iter().map(Vec::len).sum(),
    )
}

/// Texts as numbers of words.
#[derive(Default)]
struct Words {
    letters: Vec<u8>,
    interner: Interner,
    /// Whether words are stemmed.
    stemmer: bool,
    stems: Stems,
}

#[derive(Default)]
struct Stems {
    interner: Interner,
    /// By the word's own number the number of its stem; `None` where the stem is no word.
    numbers: Vec<Option<u32>>,
}

impl Words {
    /// Forgets all words and makes room for texts of about this many bytes together.
    fn begin(&mut self, bytes: usize, stemmer: bool) {
        self.interner.begin(bytes);
        self.stemmer = stemmer;
        if stemmer {
            self.stems.interner.begin(bytes);
            self.stems.numbers.clear();
        }
    }

    fn distinct(&self) -> usize {
        if self.stemmer {
            self.stems.interner.len()
        } else {
            self.interner.len()
        }
    }

    /// Appends the words' numbers.
    fn read(&mut self, text: &str, numbers: &mut Vec<u32>) {
        let Self {
            letters,
            interner,
            stemmer,
            stems,
        } = self;
        put_letters(text, letters);
        numbers.reserve(letters.len() / 4);
        each_word(letters, |start, end| {
            let number = interner.id_in(letters, start, end);
            if *stemmer {
                numbers.extend(stems.number(number, &letters[start..end]));
            } else {
                numbers.push(number);
            }
        });
    }
}

/// Start and end of every word in what [`put_letters`] makes: found for 64 bytes at a time, as the places
/// where a bit for each byte changes.
fn each_word(letters: &[u8], mut each: impl FnMut(usize, usize)) {
    let mut start = 0;
    let mut inside = false;
    let (chunks, rest) = letters.as_chunks::<64>();
    // Never full, so that a last word ends in it.
    let mut last = [b' '; 64];
    last[..rest.len()].copy_from_slice(rest);
    for (place, chunk) in chunks.iter().chain([&last]).enumerate() {
        let word = in_words(chunk);
        let mut changes = word ^ (word << 1 | u64::from(inside));
        while changes != 0 {
            let at = place * 64 + changes.trailing_zeros() as usize;
            if inside {
                each(start, at);
            } else {
                start = at;
            }
            inside = !inside;
            changes &= changes - 1;
        }
    }
}

/// A bit for each byte that is no space: a digit has its fifth bit, a small letter its seventh.
fn in_words(chunk: &[u8; 64]) -> u64 {
    let (eights, _) = chunk.as_chunks::<8>();
    eights.iter().rev().fold(0, |bits, eight| {
        let eight = u64::from_le_bytes(*eight);
        let flags = (eight >> 4 | eight >> 6) & 0x0101_0101_0101_0101;
        bits << 8 | flags.wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

impl Stems {
    fn number(&mut self, word_number: u32, word: &[u8]) -> Option<u32> {
        if word_number as usize == self.numbers.len() {
            let number = if word.len() > 3 {
                let stem = porter_stem_ascii(word);
                (!stem.is_empty()).then(|| self.interner.id(&stem))
            } else {
                Some(self.interner.id(word))
            };
            self.numbers.push(number);
        }
        self.numbers[word_number as usize]
    }
}

/// Replaces `letters` by the text lower-cased, with a space for everything that is not `a`–`z` or `0`–`9`.
///
/// Beyond ASCII only the Kelvin sign and the dotted capital I have such a letter in lower case.
fn put_letters(text: &str, letters: &mut Vec<u8>) {
    let ascii = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            byte.to_ascii_lowercase()
        } else {
            b' '
        }
    };
    letters.clear();
    if text.is_ascii() {
        letters.extend(text.bytes().map(ascii));
        return;
    }
    for character in text.chars() {
        match character {
            '\u{212a}' => letters.push(b'k'),
            'İ' => letters.extend(b"i "),
            _ => letters.push(u8::try_from(character).map_or(b' ', ascii)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_characters_beyond_ascii_have_ascii_letters_in_lower_case() {
        let found: Vec<char> = ('\u{80}'..=char::MAX)
            .filter(|character| {
                character
                    .to_lowercase()
                    .any(|lower| lower.is_ascii_alphanumeric())
            })
            .collect();
        assert_eq!(found, ['İ', '\u{212a}']);
        let mut letters = b"left over".to_vec();
        put_letters("Aé\u{212a}İx", &mut letters);
        assert_eq!(letters, b"a ki x");
    }

    #[test]
    fn words_are_found_wherever_a_chunk_ends() {
        let mut state = 7_u32;
        for length in 0..300 {
            let text: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"abz 09  "[(state >> 29) as usize]
                })
                .collect();
            let mut found = Vec::new();
            each_word(&text, |start, end| found.push(&text[start..end]));
            let expected: Vec<&[u8]> = text
                .split(|&byte| byte == b' ')
                .filter(|word| !word.is_empty())
                .collect();
            assert_eq!(found, expected, "{length}");
        }
    }

    #[test]
    fn the_best_reference_counts_for_each_kind() {
        let kinds = [RougeKind::ONE, RougeKind::TWO];
        let best = rouge_best(&["a b", "b a c"], "a b c", &kinds, false);
        assert_eq!(best[0].f1, 1.0);
        assert_eq!(best[1], rouge("a b", "a b c", &kinds, false)[1]);
        assert_eq!(
            rouge_best(&[], "a", &kinds, false),
            [RougeScore::default(); 2]
        );
    }

    #[test]
    fn kinds_are_read_back() {
        for name in ["rouge1", "rouge2", "rouge9", "rougeL", "rougeLsum"] {
            assert_eq!(name.parse::<RougeKind>().unwrap().to_string(), name);
        }
        for name in ["rouge", "rouge0", "rouge10", "rougel", "bleu"] {
            assert!(matches!(
                name.parse::<RougeKind>(),
                Err(Error::Metric(wrong)) if wrong == name
            ));
        }
    }
}
