//! chrF as sacrebleu 2.6.0 computes it by default: character 6-grams, no word n-grams, β = 2, white
//! space removed, effective order.

use std::collections::HashMap;

use crate::python::is_space;

/// Longest n-gram of characters that counts.
pub const CHRF_ORDER: usize = 6;

const BETA_SQUARED: f64 = 4.0;

/// Counts that add up over a corpus: for each order the n-grams of prediction and reference and
/// their matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChrfCounts {
    /// n-grams of the prediction, 0 where the reference has none of that order.
    pub prediction: [usize; CHRF_ORDER],
    /// n-grams of the reference.
    pub reference: [usize; CHRF_ORDER],
    /// Clipped matches.
    pub matched: [usize; CHRF_ORDER],
}

/// chrF of a single pair, from 0 to 100.
pub fn sentence_chrf(reference: &str, prediction: &str) -> f64 {
    ChrfCounts::of(reference, prediction).score()
}

impl ChrfCounts {
    /// Of one pair of texts.
    pub fn of(reference: &str, prediction: &str) -> Self {
        let mut alphabet = Alphabet::new();
        let reference = alphabet.read(reference);
        let prediction = alphabet.read(prediction);
        let bits = u32::BITS - alphabet.symbols.leading_zeros();
        if bits * CHRF_ORDER as u32 <= u64::BITS {
            count(
                &sorted_keys(&reference, u64::from, bits),
                &sorted_keys(&prediction, u64::from, bits),
                |key, symbols| {
                    let prefix = key >> (bits * (CHRF_ORDER - symbols) as u32);
                    (prefix & ((1 << bits) - 1) != 0).then_some(prefix)
                },
            )
        } else {
            count(
                &sorted_keys(&reference, u128::from, bits),
                &sorted_keys(&prediction, u128::from, bits),
                |key, symbols| {
                    let prefix = key >> (bits * (CHRF_ORDER - symbols) as u32);
                    (prefix & ((1 << bits) - 1) != 0).then_some(prefix)
                },
            )
        }
    }

    /// The counts of both.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for order in 0..CHRF_ORDER {
            self.prediction[order] += other.prediction[order];
            self.reference[order] += other.reference[order];
            self.matched[order] += other.matched[order];
        }
        self
    }

    /// chrF, from 0 to 100.
    pub fn score(&self) -> f64 {
        let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
        for order in 0..CHRF_ORDER {
            if self.prediction[order] > 0 && self.reference[order] > 0 {
                precision += self.matched[order] as f64 / self.prediction[order] as f64;
                recall += self.matched[order] as f64 / self.reference[order] as f64;
                orders += 1.0;
            }
        }
        if precision + recall == 0.0 {
            return 0.0;
        }
        precision /= orders;
        recall /= orders;
        100.0 * (1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
    }
}

/// Numbers characters from 1, so that 0 stands for "the text has ended".
struct Alphabet {
    ascii: [u32; 128],
    other: HashMap<char, u32>,
    symbols: u32,
}

impl Alphabet {
    fn new() -> Self {
        Self {
            ascii: [0; 128],
            other: HashMap::new(),
            symbols: 0,
        }
    }

    fn read(&mut self, text: &str) -> Vec<u32> {
        let mut symbols = Vec::with_capacity(text.len());
        for character in text.chars().filter(|&character| !is_space(character)) {
            let symbol = match self.ascii.get_mut(character as usize) {
                Some(symbol) => symbol,
                None => self.other.entry(character).or_insert(0),
            };
            if *symbol == 0 {
                self.symbols += 1;
                *symbol = self.symbols;
            }
            symbols.push(*symbol);
        }
        symbols
    }
}

/// Every position's next six symbols as one number, sorted: then all orders' n-grams are sorted too.
fn sorted_keys<K>(symbols: &[u32], widen: impl Fn(u32) -> K, bits: u32) -> Vec<K>
where
    K: Copy + Ord + std::ops::Shl<u32, Output = K> + std::ops::BitOr<Output = K>,
{
    let mut keys = Vec::with_capacity(symbols.len());
    for position in 0..symbols.len() {
        let mut key = widen(0);
        for ahead in 0..CHRF_ORDER {
            let symbol = symbols.get(position + ahead).copied().unwrap_or(0);
            key = key << bits | widen(symbol);
        }
        keys.push(key);
    }
    keys.sort_unstable();
    keys
}

/// `prefix` gives a key's first symbols, or `None` where the text ends before.
fn count<K: Copy + Ord>(
    reference: &[K],
    prediction: &[K],
    prefix: impl Fn(K, usize) -> Option<K>,
) -> ChrfCounts {
    let mut counts = ChrfCounts::default();
    for order in 0..CHRF_ORDER {
        counts.reference[order] = reference.len().saturating_sub(order);
        if counts.reference[order] == 0 {
            break;
        }
        counts.prediction[order] = prediction.len().saturating_sub(order);
        let mut ours = prediction
            .iter()
            .filter_map(|&key| prefix(key, order + 1))
            .peekable();
        let mut theirs = reference
            .iter()
            .filter_map(|&key| prefix(key, order + 1))
            .peekable();
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => {
                    ours.next();
                }
                std::cmp::Ordering::Greater => {
                    theirs.next();
                }
                std::cmp::Ordering::Equal => {
                    counts.matched[order] += 1;
                    ours.next();
                    theirs.next();
                }
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    // sacrebleu 2.6.0: sacrebleu.sentence_chrf(prediction, [reference]).score with the texts below
    #[test]
    fn a_large_alphabet_counts_as_a_small_one() {
        let every: String = ('\u{4e00}'..'\u{5400}').collect();
        let shifted: String = every.chars().skip(3).collect();
        let counts = ChrfCounts::of(&every, &shifted);
        assert_eq!(counts.matched, counts.prediction);
        assert_eq!(counts.prediction[5], 0x600 - 3 - 5);
        let small = ChrfCounts::of("abcdefghij", "bcdefghij");
        assert_eq!(small.matched, [9, 8, 7, 6, 5, 4]);
    }

    #[test]
    fn ends_of_texts_are_no_ngrams() {
        let counts = ChrfCounts::of("ab", "ab ab");
        assert_eq!(counts.reference, [2, 1, 0, 0, 0, 0]);
        assert_eq!(counts.prediction, [4, 3, 0, 0, 0, 0]);
        assert_eq!(counts.matched, [2, 1, 0, 0, 0, 0]);
    }
}
