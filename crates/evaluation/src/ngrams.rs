//! Clipped n-gram matches, the core of ROUGE-n and BLEU.

/// Counts n-grams; what it needs room for is used again for the next two texts.
#[derive(Default)]
pub(crate) struct Ngrams {
    counts: Vec<u32>,
    target: Vec<u32>,
    prediction: Vec<u32>,
    /// By n-gram of the target, whether the prediction has it.
    shared: Vec<bool>,
    pairs: Pairs,
}

impl Ngrams {
    /// For each n from 1 to `highest`: how many n-grams of `prediction` also stand in `target`, each
    /// counted at most as often as it stands there.
    ///
    /// Both are word numbers below `words`. An n-gram is named by its first n − 1 words' number and its
    /// last word, so every order costs one table look-up a position and nothing is compared by content.
    pub(crate) fn clipped_matches(
        &mut self,
        target: &[u32],
        prediction: &[u32],
        words: usize,
        highest: usize,
    ) -> Vec<usize> {
        let mut matches = Vec::with_capacity(highest);
        let counts = &mut self.counts;
        counts.clear();
        counts.resize(words, 0);
        for &word in target {
            counts[word as usize] += 1;
        }
        let (target_grams, prediction_grams) = (&mut self.target, &mut self.prediction);
        target_grams.clear();
        target_grams.extend_from_slice(target);
        prediction_grams.clear();
        // A prediction's n-gram that the target lacks can never be the beginning of a longer match.
        prediction_grams.extend(prediction.iter().map(|&word| {
            if counts[word as usize] > 0 {
                word
            } else {
                ABSENT
            }
        }));
        matches.push(consume(prediction_grams, counts));

        let shared = &mut self.shared;
        shared.clear();
        shared.resize(words, false);
        for order in 2..=highest {
            for &gram in prediction_grams.iter().filter(|gram| **gram != ABSENT) {
                shared[gram as usize] = true;
            }
            let target_length = (target.len() + 1).saturating_sub(order);
            let prediction_length = (prediction.len() + 1).saturating_sub(order);
            let table = &mut self.pairs;
            table.begin(target_length);
            counts.clear();
            for position in 0..target_length {
                let begins = target_grams[position];
                // Nor can one of the target's that the prediction lacks.
                if begins == ABSENT || !shared[begins as usize] {
                    target_grams[position] = ABSENT;
                    continue;
                }
                let gram = table.insert(begins, target[position + order - 1]);
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
            shared.clear();
            shared.resize(counts.len(), false);
            matches.push(consume(prediction_grams, counts));
        }
        matches
    }
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
#[derive(Default)]
struct Pairs {
    /// A pair, or [`FREE`], and its number.
    slots: Vec<(u64, u32)>,
    used: u32,
}

const FREE: u64 = u64::MAX;

impl Pairs {
    fn begin(&mut self, pairs: usize) {
        self.slots.clear();
        self.slots
            .resize((pairs * 2).next_power_of_two().max(4), (FREE, 0));
        self.used = 0;
    }

    fn insert(&mut self, first: u32, second: u32) -> u32 {
        let (key, at) = self.find(first, second);
        let slot = &mut self.slots[at];
        if slot.0 == FREE {
            *slot = (key, self.used);
            self.used += 1;
        }
        slot.1
    }

    fn get(&self, first: u32, second: u32) -> u32 {
        let (_, at) = self.find(first, second);
        match self.slots[at] {
            (FREE, _) => ABSENT,
            (_, number) => number,
        }
    }

    fn find(&self, first: u32, second: u32) -> (u64, usize) {
        let key = u64::from(first) << 32 | u64::from(second);
        let mask = self.slots.len() - 1;
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.slots[at].0 != FREE && self.slots[at].0 != key {
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
            let mut ngrams = Ngrams::default();
            // The second time on what the first has left.
            for _ in 0..2 {
                prop_assert_eq!(&ngrams.clipped_matches(&target, &prediction, 5, 5), &expected);
            }
        }
    }
}
