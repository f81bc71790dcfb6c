//! Clipped n-gram matches, the core of ROUGE-n and BLEU.

/// For each n from 1 to `highest`: how many n-grams of `prediction` also stand in `target`, each
/// counted at most as often as it stands there.
///
/// Both are word numbers below `words`. An n-gram is named by its first n − 1 words' number and its
/// last word, so every order costs one table look-up a position and nothing is compared by content.
pub(crate) fn clipped_matches(
    target: &[u32],
    prediction: &[u32],
    words: usize,
    highest: usize,
) -> Vec<usize> {
    let mut matches = Vec::with_capacity(highest);
    let mut counts = vec![0_u32; words];
    for &word in target {
        counts[word as usize] += 1;
    }
    // A prediction's n-gram that the target lacks can never be the beginning of a longer match.
    let mut target_grams = target.to_vec();
    let mut prediction_grams: Vec<u32> = prediction
        .iter()
        .map(|&word| {
            if counts[word as usize] > 0 {
                word
            } else {
                ABSENT
            }
        })
        .collect();
    matches.push(consume(&prediction_grams, &mut counts));

    for order in 2..=highest {
        let target_length = (target.len() + 1).saturating_sub(order);
        let prediction_length = (prediction.len() + 1).saturating_sub(order);
        let mut table = Pairs::with_capacity(target_length);
        counts.clear();
        for position in 0..target_length {
            let gram = table.insert(target_grams[position], target[position + order - 1]);
            if gram as usize == counts.len() {
                counts.push(0);
            }
            counts[gram as usize] += 1;
            target_grams[position] = gram;
        }
        target_grams.truncate(target_length);
        for position in 0..prediction_length {
            if prediction_grams[position] != ABSENT {
                prediction_grams[position] =
                    table.get(prediction_grams[position], prediction[position + order - 1]);
            }
        }
        prediction_grams.truncate(prediction_length);
        matches.push(consume(&prediction_grams, &mut counts));
    }
    matches
}

const ABSENT: u32 = u32::MAX;

fn consume(grams: &[u32], counts: &mut [u32]) -> usize {
    let mut matched = 0;
    for &gram in grams {
        if gram != ABSENT && counts[gram as usize] > 0 {
            counts[gram as usize] -= 1;
            matched += 1;
        }
    }
    matched
}

/// Numbers pairs of numbers from 0.
struct Pairs {
    keys: Vec<u64>,
    numbers: Vec<u32>,
    used: u32,
}

impl Pairs {
    fn with_capacity(pairs: usize) -> Self {
        let slots = (pairs * 2).next_power_of_two().max(4);
        Self {
            keys: vec![u64::MAX; slots],
            numbers: vec![0; slots],
            used: 0,
        }
    }

    fn insert(&mut self, first: u32, second: u32) -> u32 {
        let (key, at) = self.find(first, second);
        if self.keys[at] == u64::MAX {
            self.keys[at] = key;
            self.numbers[at] = self.used;
            self.used += 1;
        }
        self.numbers[at]
    }

    fn get(&self, first: u32, second: u32) -> u32 {
        let (_, at) = self.find(first, second);
        if self.keys[at] == u64::MAX {
            ABSENT
        } else {
            self.numbers[at]
        }
    }

    fn find(&self, first: u32, second: u32) -> (u64, usize) {
        let key = u64::from(first) << 32 | u64::from(second);
        let mask = self.keys.len() - 1;
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.keys[at] != u64::MAX && self.keys[at] != key {
            at = (at + 1) & mask;
        }
        (key, at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn matches_are_those_of_counted_maps(
            target in prop::collection::vec(0_u32..5, 0..40),
            prediction in prop::collection::vec(0_u32..5, 0..40),
        ) {
            let expected: Vec<usize> = (1..=5)
                .map(|n| {
                    let mut counts: HashMap<&[u32], usize> = HashMap::new();
                    for gram in target.windows(n) {
                        *counts.entry(gram).or_default() += 1;
                    }
                    prediction
                        .windows(n)
                        .filter(|gram| match counts.get_mut(gram) {
                            Some(count) if *count > 0 => {
                                *count -= 1;
                                true
                            }
                            _ => false,
                        })
                        .count()
                })
                .collect();
            prop_assert_eq!(clipped_matches(&target, &prediction, 5, 5), expected);
        }
    }
}
