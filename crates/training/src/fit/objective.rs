//! Learning from plain text: span corruption as T5 was pre-trained (Raffel et al., arXiv 1910.10683,
//! §3.1.4 and `random_spans_noise_mask` of its code), and going on after a prefix.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::Features;

/// How examples are made of stretches of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Pretraining {
    /// What is asked of the model.
    pub objective: Objective,
    /// Ends every input and target.
    pub end: u32,
}

/// What is asked of the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Objective {
    /// To fill in spans that were taken out.
    Spans(Spans),
    /// To go on after the beginning of the stretch, which ends at a place drawn at random.
    Prefix {
        /// Longest input in tokens, end token included.
        input: usize,
        /// Longest target in tokens, end token included.
        target: usize,
    },
}

/// Span corruption: which share of the tokens is taken out, in spans of which mean length.
#[derive(Debug, Clone, PartialEq)]
pub struct Spans {
    /// T5's is 0.15.
    pub density: f64,
    /// T5's is 3.
    pub mean: f64,
    /// What stands for the spans, in their order: `<extra_id_0>`, `<extra_id_1>`, … whose ids
    /// descend in T5's vocabulary.
    pub sentinels: Vec<u32>,
}

impl Pretraining {
    /// How many tokens of text make an example of at most these lengths, end tokens included.
    pub fn stretch(&self, input: usize) -> usize {
        match &self.objective {
            Objective::Spans(spans) => {
                let fits = |tokens: &usize| spans.lengths(*tokens).0 <= input;
                (2..2 * input + 2).take_while(fits).last().unwrap_or(2)
            }
            Objective::Prefix { input, target } => (input + target).saturating_sub(2).max(2),
        }
    }

    /// An example of a stretch of text.
    pub fn example(&self, tokens: &[u32], seed: u64) -> Features {
        let mut random = StdRng::seed_from_u64(seed);
        let mut found = match &self.objective {
            Objective::Spans(spans) => spans.corrupted(tokens, &mut random),
            Objective::Prefix { input, target } => {
                let most = input.saturating_sub(1).min(tokens.len().saturating_sub(1));
                let least = (tokens.len() + 1)
                    .saturating_sub(*target)
                    .clamp(1, most.max(1));
                let end = random.random_range(least..=most.max(least));
                let (before, after) = tokens.split_at(end.min(tokens.len()));
                Features {
                    input: before.to_vec(),
                    target: after.to_vec(),
                }
            }
        };
        found.input.push(self.end);
        found.target.push(self.end);
        found
    }
}

impl Spans {
    /// T5's share and length.
    pub fn new(sentinels: Vec<u32>) -> Self {
        Self {
            density: 0.15,
            mean: 3.0,
            sentinels,
        }
    }

    /// Lengths of input and target, end tokens included.
    pub(super) fn lengths(&self, tokens: usize) -> (usize, usize) {
        let (noise, spans) = self.counts(tokens);
        (tokens.saturating_sub(noise) + spans + 1, noise + spans + 1)
    }

    /// Tokens that are taken out, and in how many spans.
    fn counts(&self, tokens: usize) -> (usize, usize) {
        let rounded = |value: f64| value.round_ties_even() as usize;
        let noise = rounded(tokens as f64 * self.density).clamp(1, tokens.max(2) - 1);
        let spans = rounded(noise as f64 / self.mean).max(1);
        let kept = tokens.max(2) - noise;
        (noise, spans.min(kept).min(self.sentinels.len().max(1)))
    }

    /// Which tokens are taken out: kept and taken stretches in turn, a kept one first.
    fn mask(&self, tokens: usize, random: &mut StdRng) -> Vec<bool> {
        let (noise, spans) = self.counts(tokens);
        let taken = segments(noise, spans, random);
        let kept = segments(tokens.max(2) - noise, spans, random);
        let mut mask: Vec<bool> = kept
            .into_iter()
            .zip(taken)
            .flat_map(|(kept, taken)| {
                std::iter::repeat_n(false, kept).chain(std::iter::repeat_n(true, taken))
            })
            .collect();
        mask.truncate(tokens);
        mask
    }

    fn corrupted(&self, tokens: &[u32], random: &mut StdRng) -> Features {
        let mask = self.mask(tokens.len(), random);
        let mut found = Features::default();
        let mut sentinels = self.sentinels.iter();
        let mut before = false;
        for (&token, &taken) in tokens.iter().zip(&mask) {
            if taken && !before {
                let sentinel = sentinels.next();
                found.input.extend(sentinel);
                found.target.extend(sentinel);
            }
            let side = if taken {
                &mut found.target
            } else {
                &mut found.input
            };
            side.push(token);
            before = taken;
        }
        found
    }
}

/// Cuts `items` into so many parts of at least one, every way as likely as any other.
fn segments(items: usize, parts: usize, random: &mut StdRng) -> Vec<usize> {
    let mut first: Vec<bool> = (1..items).map(|i| i < parts).collect();
    first.shuffle(random);
    let mut lengths = vec![1];
    for starts in first {
        match lengths.last_mut() {
            Some(length) if !starts => *length += 1,
            _ => lengths.push(1),
        }
    }
    lengths
}

/// Joins texts to stretches of one length, so that short ones fill no batch with padding: each text
/// is followed by the end token and, in the same stretch, by the next.
#[derive(Debug, Clone)]
pub struct Packer {
    stretch: usize,
    end: u32,
    waiting: Vec<u32>,
}

impl Packer {
    /// Stretches of so many tokens.
    pub fn new(stretch: usize, end: u32) -> Self {
        Self {
            stretch: stretch.max(2),
            end,
            waiting: Vec::new(),
        }
    }

    /// Takes a text and gives the stretches that are full.
    pub fn push(&mut self, text: &[u32]) -> Vec<Features> {
        if !text.is_empty() {
            self.waiting.extend_from_slice(text);
            self.waiting.push(self.end);
        }
        let full = self.waiting.len() / self.stretch * self.stretch;
        let rest = self.waiting.split_off(full);
        let full = std::mem::replace(&mut self.waiting, rest);
        full.chunks(self.stretch).map(stretch_of).collect()
    }

    /// What is left over, if an example can be made of it.
    pub fn finish(self) -> Option<Features> {
        (self.waiting.len() > 1).then(|| stretch_of(&self.waiting))
    }
}

fn stretch_of(tokens: &[u32]) -> Features {
    Features {
        input: tokens.to_vec(),
        target: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const END: u32 = 1;

    fn spans(sentinels: usize) -> Pretraining {
        Pretraining {
            objective: Objective::Spans(Spans::new(
                (0..sentinels as u32).map(|i| 32_099 - i).collect(),
            )),
            end: END,
        }
    }

    #[test]
    fn lengths_are_those_of_t5() {
        // random_spans_helper(inputs_length=512, 0.15, 3.0) gives 568 and 114; 114 → 126 and 26.
        let objective = spans(100);
        assert_eq!(objective.stretch(512), 568);
        let example = objective.example(&vec![7; 568], 3);
        assert_eq!((example.input.len(), example.target.len()), (512, 114));
        assert_eq!(objective.stretch(114), 126);
        let example = objective.example(&vec![7; 126], 3);
        assert_eq!((example.input.len(), example.target.len()), (114, 26));
    }

    #[test]
    fn spans_lie_everywhere_and_vary() {
        let objective = Spans::new((0..100).collect());
        let mut taken = [0_u32; 200];
        let mut lengths = Vec::new();
        for seed in 0..2_000 {
            let mask = objective.mask(200, &mut StdRng::seed_from_u64(seed));
            for (count, &masked) in taken.iter_mut().zip(&mask) {
                *count += u32::from(masked);
            }
            lengths.extend(
                mask.split(|&masked| !masked)
                    .map(<[bool]>::len)
                    .filter(|&n| n > 0),
            );
        }
        // The first is never taken, the last always.
        assert_eq!((taken[0], taken[199]), (0, 2_000));
        let middle = &taken[20..180];
        assert!(
            middle.iter().all(|&count| (200..400).contains(&count)),
            "{middle:?}"
        );
        let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
        assert!((mean - 3.0).abs() < 1e-9, "{mean}");
        assert!(lengths.contains(&1) && lengths.iter().any(|&length| length > 6));
    }

    #[test]
    fn a_text_too_short_for_spans_is_still_an_example() {
        let example = spans(100).example(&[5, 6], 0);
        assert_eq!(example.input, [5, 32_099, END]);
        assert_eq!(example.target, [32_099, 6, END]);
    }

    proptest! {
        #[test]
        fn every_token_is_in_exactly_one_of_input_and_target(
            length in 2_usize..700, seed: u64, sentinels in 1_usize..120
        ) {
            let text: Vec<u32> = (0..length as u32).map(|i| 100 + i).collect();
            let objective = spans(sentinels);
            let example = objective.example(&text, seed);
            let Objective::Spans(settings) = &objective.objective else { unreachable!() };
            prop_assert_eq!(settings.lengths(length), (example.input.len(), example.target.len()));
            prop_assert_eq!(example.input.last(), Some(&END));
            prop_assert_eq!(example.target.last(), Some(&END));
            let is_sentinel = |id: &&u32| **id > 20_000;
            let marks = |side: &[u32]| side.iter().filter(is_sentinel).copied().collect::<Vec<_>>();
            let expected: Vec<u32> = settings.sentinels.iter().copied().take(marks(&example.input).len()).collect();
            prop_assert_eq!(marks(&example.input), expected.clone());
            prop_assert_eq!(marks(&example.target), expected);
            // Filling each sentinel of the input with what follows it in the target gives the text.
            let target = &example.target[..example.target.len() - 1];
            let mut filled = Vec::new();
            for id in &example.input[..example.input.len() - 1] {
                match target.iter().position(|other| other == id && is_sentinel(&id)) {
                    Some(at) => filled.extend(target[at + 1..].iter().take_while(|id| !is_sentinel(id))),
                    None => filled.push(*id),
                }
            }
            prop_assert_eq!(filled, text);
        }

        #[test]
        fn a_prefix_and_what_follows_are_the_text(
            length in 2_usize..60, input in 2_usize..40, target in 2_usize..40, seed: u64
        ) {
            let objective = Pretraining { objective: Objective::Prefix { input, target }, end: END };
            let length = length.min(objective.stretch(0));
            let text: Vec<u32> = (0..length as u32).map(|i| 100 + i).collect();
            let example = objective.example(&text, seed);
            prop_assert!(example.input.len() <= input && example.target.len() <= target, "{example:?}");
            prop_assert!(example.input.len() > 1 && example.target.len() > 1);
            let joined = [&example.input[..example.input.len() - 1], &example.target[..example.target.len() - 1]];
            prop_assert_eq!(joined.concat(), text);
        }

        #[test]
        fn packing_loses_nothing(texts in proptest::collection::vec(proptest::collection::vec(2_u32..9, 0..30), 0..20)) {
            let mut packer = Packer::new(16, END);
            let mut packed = Vec::new();
            for text in &texts {
                packed.extend(packer.push(text));
            }
            prop_assert!(packed.iter().all(|stretch| stretch.input.len() == 16));
            packed.extend(packer.finish());
            let joined: Vec<u32> = packed.into_iter().flat_map(|stretch| stretch.input).collect();
            let expected: Vec<u32> = texts.iter().filter(|text| !text.is_empty()).flat_map(|text| [text.as_slice(), &[END]].concat()).collect();
            // A single token that is left over makes no example.
            prop_assert!(expected.len() - joined.len() <= 1);
            prop_assert_eq!(&joined, &expected[..joined.len()]);
        }
    }
}
