use std::sync::Arc;

use super::Decoding;
use crate::OwnWords;

/// What forbids tokens or makes them less likely, whatever the strategy.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// Length of start token and prefix together.
    given: usize,
    /// Tokens that end a text; the first of them is forced where no other may come.
    pub(super) ends: Vec<u32>,
    pub(super) max_tokens: usize,
    min_tokens: usize,
    no_repeat_ngram: usize,
    repetition_penalty: f32,
    forbidden: Vec<Vec<u32>>,
    max_copy: usize,
    own: Option<Arc<OwnWords>>,
}

impl Rules {
    pub(super) fn new(
        given: usize,
        ends: Vec<u32>,
        decoding: &Decoding,
        own: Option<Arc<OwnWords>>,
    ) -> Self {
        Self {
            given,
            ends,
            max_tokens: decoding.max_tokens,
            min_tokens: decoding.min_tokens,
            no_repeat_ngram: decoding.no_repeat_ngram,
            repetition_penalty: decoding.repetition_penalty,
            forbidden: decoding.forbidden.clone(),
            max_copy: decoding.max_copy,
            own,
        }
    }

    /// How many of a sequence's tokens were generated.
    pub(super) fn generated(&self, sequence: &[u32]) -> usize {
        sequence.len() - self.given
    }

    /// What was generated of a sequence, without the end token.
    pub(super) fn output<'a>(&self, sequence: &'a [u32]) -> &'a [u32] {
        let generated = &sequence[self.given..];
        match generated.split_last() {
            Some((&last, before)) if self.is_end(last) => before,
            _ => generated,
        }
    }

    pub(super) fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// Whether [`Rules::apply`] changes nothing at any length.
    pub(super) fn is_empty(&self) -> bool {
        self.repetition_penalty == 1.0
            && self.no_repeat_ngram == 0
            && self.forbidden.is_empty()
            && self.min_tokens == 0
            && self.own.is_none()
    }

    /// Changes the scores of what may follow `sequence` (start token and prefix included): the author's
    /// own words first, then in the order of `transformers` penalty, n-grams, forbidden sequences, end.
    /// Forbidden is minus infinity. `total` is the natural log of the sum of the scores' exponentials.
    pub(super) fn apply(&self, sequence: &[u32], scores: &mut [f32], total: f32) {
        if let Some(own) = &self.own {
            own.mix(sequence, scores, total);
        }
        if self.repetition_penalty != 1.0 {
            self.penalize(sequence, scores);
        }
        if self.no_repeat_ngram > 0 {
            self.forbid_ngrams(sequence, scores);
        }
        for forbidden in &self.forbidden {
            if let Some((&last, before)) = forbidden.split_last()
                && sequence.ends_with(before)
                && let Some(score) = scores.get_mut(last as usize)
            {
                *score = f32::NEG_INFINITY;
            }
        }
        if let Some(own) = self.own.as_deref().filter(|_| self.max_copy > 0) {
            for token in own.overlong(&sequence[self.given..], self.max_copy) {
                scores[token as usize] = f32::NEG_INFINITY;
            }
        }
        if self.generated(sequence) < self.min_tokens {
            for &end in &self.ends {
                scores[end as usize] = f32::NEG_INFINITY;
            }
        }
    }

    /// Once for each distinct token: a positive score is divided, a negative one multiplied.
    fn penalize(&self, sequence: &[u32], scores: &mut [f32]) {
        let mut seen = sequence.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            let score = &mut scores[token as usize];
            *score = if *score < 0.0 {
                *score * self.repetition_penalty
            } else {
                *score / self.repetition_penalty
            };
        }
    }

    /// What followed the last n − 1 tokens at an earlier place must not follow them again.
    fn forbid_ngrams(&self, sequence: &[u32], scores: &mut [f32]) {
        let context = self.no_repeat_ngram - 1;
        if sequence.len() < context {
            return;
        }
        let last = &sequence[sequence.len() - context..];
        for ngram in sequence.windows(self.no_repeat_ngram) {
            if ngram.starts_with(last) {
                scores[ngram[context] as usize] = f32::NEG_INFINITY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores_after(sequence: &[u32], decoding: &Decoding) -> Vec<f32> {
        let mut scores = vec![2.0, -2.0, 1.0, 0.0];
        Rules::new(1, vec![1], decoding, None).apply(sequence, &mut scores, 0.0);
        scores
    }

    #[test]
    fn a_penalty_counts_once_a_token_and_makes_both_signs_worse() {
        let decoding = Decoding {
            repetition_penalty: 2.0,
            ..Decoding::default()
        };
        assert_eq!(
            scores_after(&[0, 1, 0, 0], &decoding),
            [1.0, -4.0, 1.0, 0.0]
        );
    }

    #[test]
    fn no_pair_of_tokens_comes_twice() {
        let decoding = Decoding {
            no_repeat_ngram: 2,
            ..Decoding::default()
        };
        let found = scores_after(&[0, 2, 3, 2, 0, 2], &decoding);
        assert_eq!(found, [f32::NEG_INFINITY, -2.0, 1.0, f32::NEG_INFINITY]);
        assert_eq!(scores_after(&[0], &decoding), [2.0, -2.0, 1.0, 0.0]);
    }

    #[test]
    fn one_grams_forbid_every_token_seen() {
        let decoding = Decoding {
            no_repeat_ngram: 1,
            ..Decoding::default()
        };
        let found = scores_after(&[0, 2], &decoding);
        assert_eq!(found, [f32::NEG_INFINITY, -2.0, f32::NEG_INFINITY, 0.0]);
    }

    #[test]
    fn a_forbidden_sequence_is_not_completed() {
        let decoding = Decoding {
            forbidden: vec![vec![2, 3, 0], vec![9], vec![]],
            ..Decoding::default()
        };
        assert_eq!(scores_after(&[2, 2, 3], &decoding)[0], f32::NEG_INFINITY);
        assert_eq!(scores_after(&[2, 3, 2], &decoding), [2.0, -2.0, 1.0, 0.0]);
        assert_eq!(scores_after(&[3], &decoding), [2.0, -2.0, 1.0, 0.0]);
    }

    #[test]
    fn the_end_waits_for_the_least_number_of_tokens() {
        let decoding = Decoding {
            min_tokens: 2,
            ..Decoding::default()
        };
        assert_eq!(scores_after(&[0, 2], &decoding)[1], f32::NEG_INFINITY);
        assert_eq!(scores_after(&[0, 2, 2], &decoding)[1], -2.0);
    }

    #[test]
    fn every_end_waits_and_is_left_out() {
        let decoding = Decoding {
            min_tokens: 1,
            ..Decoding::default()
        };
        let rules = Rules::new(1, vec![1, 3], &decoding, None);
        let mut scores = vec![2.0, -2.0, 1.0, 0.0];
        rules.apply(&[0], &mut scores, 0.0);
        assert_eq!(scores, [2.0, f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY]);
        assert_eq!(rules.output(&[0, 2, 3]), [2]);
        assert_eq!(rules.output(&[0, 2, 1]), [2]);
        assert_eq!(rules.output(&[0, 2, 0]), [2, 0]);
    }
}
