use std::ops::ControlFlow;

use idiolect_core::FinishReason;

use super::{EarlyStopping, Generated, Next, log_total, rules::Rules};

/// Beam search as `transformers` 5 does it: each step takes the best continuations of all running
/// sequences, 2 × beams where one token ends a text, 3 × beams where two do; of these, the ones that end count only if they are among the best `beams`,
/// and the best that do not end run on.
#[derive(Debug)]
pub(crate) struct BeamSearch {
    rules: Rules,
    beams: usize,
    length_penalty: f32,
    early_stopping: EarlyStopping,
    /// Best first.
    running: Vec<Sequence>,
    /// Best first, at most `beams`; their scores are divided by the length penalty.
    ended: Vec<Sequence>,
    interrupted: bool,
}

#[derive(Debug, Clone)]
struct Sequence {
    /// Start token, prefix, and what was generated.
    tokens: Vec<u32>,
    /// Of what was generated, before the rules.
    log_probs: Vec<f32>,
    /// Sum of log-probabilities after the rules.
    score: f32,
}

/// One token more after one of the running sequences.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: usize,
    token: usize,
    log_prob: f32,
    score: f32,
}

impl BeamSearch {
    pub(super) fn new(
        given: &[u32],
        rules: Rules,
        beams: usize,
        length_penalty: f32,
        early_stopping: EarlyStopping,
    ) -> Self {
        Self {
            rules,
            beams,
            length_penalty,
            early_stopping,
            running: vec![Sequence {
                tokens: given.to_vec(),
                log_probs: Vec::new(),
                score: 0.0,
            }],
            ended: Vec::new(),
            interrupted: false,
        }
    }

    pub(super) fn advance(
        &mut self,
        logits: &[f32],
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Vec<Next> {
        let best = self.candidates(logits);
        let length = self
            .running
            .first()
            .map_or(0, |one| self.rules.generated(&one.tokens))
            + 1;
        let last = length >= self.rules.max_tokens;
        let mut running = Vec::with_capacity(self.beams);
        let mut next = Vec::with_capacity(self.beams);
        for (place, candidate) in best.into_iter().enumerate() {
            let ends = last || self.rules.is_end(candidate.token as u32);
            if ends && place < self.beams {
                let mut sequence = self.extended(candidate);
                sequence.score /= self.penalty(length);
                self.ended.push(sequence);
            } else if !ends && running.len() < self.beams {
                running.push(self.extended(candidate));
                next.push(Next {
                    from: candidate.from,
                    token: candidate.token as u32,
                });
            }
        }
        if !running.is_empty() {
            self.running = running;
        }
        // A stable sort: of equals, the one found first stays.
        self.ended.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.ended.truncate(self.beams);
        if next.is_empty() || self.may_stop(length) {
            self.announce(on_token);
            next.clear();
        }
        next
    }

    /// The best continuations, best first: so many that `beams` of them go on.
    fn candidates(&self, logits: &[f32]) -> Vec<Candidate> {
        let wanted = (1 + self.rules.ends.len()) * self.beams;
        let vocabulary = logits.len() / self.running.len();
        let mut best: Vec<Candidate> = Vec::with_capacity(wanted + 1);
        let mut scores = vec![0.0; vocabulary];
        for (from, (sequence, logits)) in self
            .running
            .iter()
            .zip(logits.chunks_exact(vocabulary))
            .enumerate()
        {
            let total = log_total(logits);
            for (score, logit) in scores.iter_mut().zip(logits) {
                *score = logit - total;
            }
            self.rules.apply(&sequence.tokens, &mut scores, 0.0);
            let mut least = threshold(&best, wanted);
            for (token, &own) in scores.iter().enumerate() {
                let score = sequence.score + own;
                if score > least {
                    let place = best.partition_point(|other| other.score >= score);
                    best.insert(
                        place,
                        Candidate {
                            from,
                            token,
                            log_prob: logits[token] - total,
                            score,
                        },
                    );
                    best.truncate(wanted);
                    least = threshold(&best, wanted);
                }
            }
        }
        best
    }

    fn extended(&self, candidate: Candidate) -> Sequence {
        let mut sequence = self.running[candidate.from].clone();
        sequence.tokens.push(candidate.token as u32);
        sequence.log_probs.push(candidate.log_prob);
        sequence.score = candidate.score;
        sequence
    }

    fn penalty(&self, length: usize) -> f32 {
        f64::from(length as u32).powf(f64::from(self.length_penalty)) as f32
    }

    /// Whether the search may end after `length` tokens.
    fn may_stop(&self, length: usize) -> bool {
        let Some(worst) = self.ended.last().filter(|_| self.ended.len() == self.beams) else {
            return false;
        };
        if self.early_stopping == EarlyStopping::True {
            return true;
        }
        let length = if self.early_stopping == EarlyStopping::Never && self.length_penalty > 0.0 {
            self.rules.max_tokens
        } else {
            length
        };
        self.running[0].score / self.penalty(length) <= worst.score
    }

    /// Which sequence won is known only now, so all its tokens come at once.
    fn announce(&mut self, on_token: &mut dyn FnMut(u32) -> ControlFlow<()>) {
        if self.ended.is_empty() {
            // Every continuation is forbidden.
            self.ended.append(&mut self.running);
        }
        let Some(best) = self.ended.first_mut() else {
            return;
        };
        let given = best.tokens.len() - best.log_probs.len();
        let count = self.rules.output(&best.tokens).len();
        for done in 0..count {
            if on_token(best.tokens[given + done]).is_break() {
                self.interrupted = true;
                best.tokens.truncate(given + done + 1);
                return;
            }
        }
    }

    pub(super) fn finish(mut self) -> Generated {
        self.ended.append(&mut self.running);
        let Some(best) = self.ended.into_iter().next() else {
            return Generated {
                output_ids: Vec::new(),
                log_probs: Vec::new(),
                finish_reason: FinishReason::Length,
                score: None,
            };
        };
        let output_ids = self.rules.output(&best.tokens).to_vec();
        let finish_reason = if self.interrupted {
            FinishReason::Interrupted
        } else if best
            .tokens
            .last()
            .is_some_and(|&last| self.rules.is_end(last))
        {
            FinishReason::Stop
        } else {
            FinishReason::Length
        };
        let mut log_probs = best.log_probs;
        log_probs.truncate(output_ids.len());
        Generated {
            output_ids,
            log_probs,
            finish_reason,
            score: Some(best.score),
        }
    }
}

/// What a continuation must exceed to be among the `wanted` best.
fn threshold(best: &[Candidate], wanted: usize) -> f32 {
    match best.last() {
        Some(last) if best.len() >= wanted => last.score,
        _ => f32::NEG_INFINITY,
    }
}
