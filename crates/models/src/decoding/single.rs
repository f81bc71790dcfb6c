use std::ops::ControlFlow;

use idiolect_core::FinishReason;
use rand::{SeedableRng, rngs::StdRng};

use super::{Decoding, Generated, Next, Strategy, largest, log_total, rules::Rules, sample::draw};

/// Follows one sequence: greedy, or by chance.
#[derive(Debug)]
pub(crate) struct Single {
    rules: Rules,
    sampling: Option<Box<Sampling>>,
    /// Start token, prefix, and what was generated.
    sequence: Vec<u32>,
    log_probs: Vec<f32>,
    finish_reason: FinishReason,
}

#[derive(Debug)]
struct Sampling {
    temperature: f32,
    top_k: usize,
    top_p: f32,
    random: StdRng,
}

impl Single {
    pub(super) fn new(given: &[u32], rules: Rules, decoding: &Decoding, row: u64) -> Self {
        let sampling = match decoding.strategy {
            Strategy::Sample {
                temperature,
                top_k,
                top_p,
            } if temperature > 0.0 => Some(Box::new(Sampling {
                temperature,
                top_k,
                top_p,
                random: StdRng::seed_from_u64(decoding.seed.wrapping_add(row)),
            })),
            _ => None,
        };
        Self {
            rules,
            sampling,
            sequence: given.to_vec(),
            log_probs: Vec::new(),
            finish_reason: FinishReason::Length,
        }
    }

    pub(super) fn advance(
        &mut self,
        logits: &[f32],
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Vec<Next> {
        let total = log_total(logits);
        let token = if self.rules.is_empty() {
            self.choose(logits)
        } else {
            let mut scores = logits.to_vec();
            self.rules.apply(&self.sequence, &mut scores, total);
            self.choose(&scores)
        };
        // With every token forbidden, there is nothing left to say.
        let token = token.unwrap_or(self.rules.ends[0] as usize);
        self.sequence.push(token as u32);
        if self.rules.is_end(token as u32) {
            self.finish_reason = FinishReason::Stop;
            return Vec::new();
        }
        self.log_probs.push(logits[token] - total);
        if on_token(token as u32).is_break() {
            self.finish_reason = FinishReason::Interrupted;
            return Vec::new();
        }
        if self.rules.generated(&self.sequence) >= self.rules.max_tokens {
            return Vec::new();
        }
        vec![Next {
            from: 0,
            token: token as u32,
        }]
    }

    fn choose(&mut self, scores: &[f32]) -> Option<usize> {
        match &mut self.sampling {
            None => largest(scores),
            Some(sampling) => draw(
                scores,
                sampling.temperature,
                sampling.top_k,
                sampling.top_p,
                &mut sampling.random,
            ),
        }
    }

    pub(super) fn finish(self) -> Generated {
        Generated {
            output_ids: self.rules.output(&self.sequence).to_vec(),
            log_probs: self.log_probs,
            finish_reason: self.finish_reason,
            score: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(decoding: &Decoding) -> Single {
        Single::new(&[0], Rules::new(1, vec![1], decoding, None), decoding, 0)
    }

    #[test]
    fn the_end_token_ends_and_is_not_given_out() {
        let mut search = single(&Decoding::default());
        let mut seen = Vec::new();
        let mut on_token = |token| {
            seen.push(token);
            ControlFlow::Continue(())
        };
        let next = search.advance(&[0.0, 0.0, 1.0], &mut on_token);
        assert_eq!(next, [Next { from: 0, token: 2 }]);
        assert!(search.advance(&[0.0, 3.0, 1.0], &mut on_token).is_empty());
        let generated = search.finish();
        assert_eq!(seen, [2]);
        assert_eq!(generated.output_ids, [2]);
        let expected = 1.0 - (2.0 + std::f32::consts::E).ln();
        assert!((generated.log_probs[0] - expected).abs() < 1e-6);
        assert_eq!(generated.finish_reason, FinishReason::Stop);
    }

    #[test]
    fn a_break_interrupts_after_its_token() {
        let mut search = single(&Decoding::default());
        assert!(
            search
                .advance(&[0.0, 0.0, 1.0], &mut |_| ControlFlow::Break(()))
                .is_empty()
        );
        let generated = search.finish();
        assert_eq!(generated.output_ids, [2]);
        assert_eq!(generated.finish_reason, FinishReason::Interrupted);
    }

    #[test]
    fn where_everything_is_forbidden_it_ends() {
        let decoding = Decoding {
            no_repeat_ngram: 1,
            min_tokens: 5,
            ..Decoding::default()
        };
        let mut search = single(&decoding);
        let mut on_token = |_| ControlFlow::Continue(());
        assert_eq!(search.advance(&[0.0, 9.0, 1.0], &mut on_token).len(), 1);
        assert!(search.advance(&[0.0, 9.0, 1.0], &mut on_token).is_empty());
        assert_eq!(search.finish().output_ids, [2]);
    }
}
