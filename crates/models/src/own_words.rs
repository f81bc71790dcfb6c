//! The author's own continuation model: what they wrote next after the same words, earlier.
//!
//! For what has been written so far, the places in the author's earlier tokens are found where the same
//! tokens end, up to six of them. The tokens that came next there are counted for each length of
//! match and mixed into the generator's distribution, from no match at all to the longest; each length takes
//! a share, of which it leaves to the shorter ones what was never seen behind it (escape, as in prediction
//! by partial matching). Nothing is trained for an author, and there are no weights but the few of a
//! [`Belief`].

use crate::host::mix;

/// Matches longer than this count as this long.
const LONGEST: usize = 6;

/// So many of the latest places are asked where a match is one token long, as behind a comma there may
/// be tens of thousands.
const MOST_SHORT: usize = 2_048;

/// With so many tokens of the author, what they use without regard to what stands before has half of its
/// share.
const FEW_TOKENS: f32 = 1_000.0;

/// What an author wrote earlier, as tokens, ready to be asked what comes next.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnWords {
    /// All documents, oldest first, each with an end token behind it.
    tokens: Vec<u32>,
    /// Where in `places` those of each token begin; one more at the end.
    first: Vec<u32>,
    /// Where each token stands, in order.
    places: Vec<u32>,
    /// Of the vocabulary: whether a word begins with this token.
    begins_word: Vec<bool>,
    belief: Option<Belief>,
    /// Probabilities of all tokens without regard to what stands before, times `share`.
    anywhere: Vec<f32>,
    /// What these take of the whole.
    share: f32,
}

/// How far the author's earlier words are believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    /// What tokens without regard to what stands before take of the whole (0 to 1), if there are many.
    pub anywhere: f32,
    /// For each length of match, from 1.
    pub after: [Weights; LONGEST],
}

/// The share that a match of one length takes of the whole: a logistic function of how often it was met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// The logit where it was met once.
    pub bias: f32,
    /// More for each time (natural log) it was met.
    pub met: f32,
    /// For each (natural log) different token that came next.
    pub different: f32,
    /// For the share (natural log) of the token that came most often.
    pub most: f32,
    /// Taken from each count (0 to 1) in favour of what was not seen.
    pub discount: f32,
}

/// What is known of one token behind one sequence: all that a [`Belief`] asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// How often it came next behind matches of at least each length, from 1.
    pub counts: [u32; LONGEST],
    /// What came next behind them at all.
    pub met: [Met; LONGEST],
    /// How often it stands anywhere.
    pub anywhere: u32,
    /// All tokens.
    pub tokens: usize,
}

/// What came next behind matches of one length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// In all.
    pub times: u32,
    /// Different tokens.
    pub different: u32,
    /// How often the one came that came most often.
    pub most: u32,
}

/// A token that came next, and how often behind matches of at least each length.
type Next = (u32, [u32; LONGEST]);

impl OwnWords {
    /// Of documents, oldest first; `begins_word` is as long as the vocabulary, and ids beyond it are left out.
    /// Without a `belief`, nothing is mixed in: what was written earlier only bounds how long a copy may be
    /// ([`max_copy`](crate::Decoding::max_copy)).
    pub fn new(
        documents: &[Vec<u32>],
        end: u32,
        begins_word: Vec<bool>,
        belief: Option<Belief>,
    ) -> Self {
        let count = documents.iter().map(|document| document.len() + 1).sum();
        let mut tokens: Vec<u32> = Vec::with_capacity(count);
        for document in documents {
            tokens.extend(document);
            tokens.push(end);
        }
        tokens.retain(|&token| (token as usize) < begins_word.len());
        // Counting sort: stable, so the places of a token are in order.
        let mut first = vec![0; begins_word.len() + 1];
        for &token in &tokens {
            first[token as usize + 1] += 1;
        }
        for token in 0..begins_word.len() {
            first[token + 1] += first[token];
        }
        let mut free = first.clone();
        let mut places = vec![0; tokens.len()];
        for (place, &token) in (0..).zip(&tokens) {
            let slot = &mut free[token as usize];
            places[*slot as usize] = place;
            *slot += 1;
        }
        let share = belief.map_or(0.0, |belief| belief.share_anywhere(tokens.len()));
        let anywhere = first
            .windows(2)
            .map(|range| share * (range[1] - range[0]) as f32 / tokens.len().max(1) as f32)
            .collect();
        Self {
            tokens,
            first,
            places,
            begins_word,
            belief,
            anywhere,
            share,
        }
    }

    /// How many tokens there are, an end token behind each document among them.
    pub fn tokens(&self) -> usize {
        self.tokens.len()
    }

    /// The probability of `token` behind `sequence` where the generator alone gives it `alone`.
    pub fn probability(&self, sequence: &[u32], token: u32, alone: f32) -> f32 {
        match &self.belief {
            Some(belief) => belief.probability(&self.evidence(sequence, token), alone),
            None => alone,
        }
    }

    /// What is known of `token` behind `sequence`.
    pub fn evidence(&self, sequence: &[u32], token: u32) -> Evidence {
        let (next, met) = self.next(sequence);
        let counts = next.iter().find(|(other, _)| *other == token);
        Evidence {
            counts: counts.map_or([0; LONGEST], |(_, counts)| *counts),
            met,
            anywhere: self.places(token).len() as u32,
            tokens: self.tokens.len(),
        }
    }

    /// Mixes what came next earlier into logits of what follows `sequence`. `total` is the natural log of
    /// the sum of their exponentials, as in [`OwnWords::probability`] afterwards, but for a constant.
    pub(crate) fn mix(&self, sequence: &[u32], logits: &mut [f32], total: f32) {
        let Some(belief) = &self.belief else {
            return;
        };
        let (next, met) = self.next(sequence);
        let (own, rest) = shares(belief, &next, &met);
        mix(logits, total, 1.0 - self.share, &self.anywhere);
        // Everything is divided by what is left, so that the other logits may stay.
        for ((token, _), own) in next.iter().zip(own) {
            let logit = &mut logits[*token as usize];
            *logit = ((*logit - total).exp() + own / rest).ln() + total;
        }
    }

    /// Tokens that would begin one more word behind `most` words that stand in the same order earlier.
    pub(crate) fn overlong(&self, written: &[u32], most: usize) -> Vec<u32> {
        let mut found = Vec::new();
        let words = written.iter().filter(|&&token| self.begins(token)).count();
        let Some((&last, before)) = written.split_last().filter(|_| words >= most) else {
            return found;
        };
        for &place in self.places(last) {
            let (until, behind) = self.tokens.split_at(place as usize);
            let Some(&next) = behind.get(1).filter(|&&next| self.begins(next)) else {
                continue;
            };
            let copied = same(before, until)
                .filter(|&token| self.begins(token))
                .count();
            if copied + usize::from(self.begins(last)) >= most {
                found.push(next);
            }
        }
        found
    }

    fn begins(&self, token: u32) -> bool {
        self.begins_word.get(token as usize) == Some(&true)
    }

    /// Where a token stands.
    fn places(&self, token: u32) -> &[u32] {
        let token = token as usize;
        match self.first.get(token..).unwrap_or_default() {
            [from, to, ..] => &self.places[*from as usize..*to as usize],
            _ => &[],
        }
    }

    /// What came next behind the end of a sequence.
    fn next(&self, sequence: &[u32]) -> (Vec<Next>, [Met; LONGEST]) {
        let mut met = [Met::default(); LONGEST];
        let Some((&last, before)) = sequence.split_last() else {
            return (Vec::new(), met);
        };
        let places = self.places(last);
        let old = places.len().saturating_sub(MOST_SHORT);
        let mut found: Vec<(u32, usize)> = Vec::new();
        for (i, &place) in places.iter().enumerate() {
            let (until, behind) = self.tokens.split_at(place as usize);
            let Some(&next) = behind.get(1) else {
                continue;
            };
            let length = 1 + same(before, until).take(LONGEST - 1).count();
            if length > 1 || i >= old {
                found.push((next, length));
            }
        }
        found.sort_unstable();
        let mut next: Vec<Next> = Vec::new();
        for (token, length) in found {
            if next.last().is_none_or(|(last, _)| *last != token) {
                next.push((token, [0; LONGEST]));
            }
            if let Some((_, counts)) = next.last_mut() {
                for count in &mut counts[..length] {
                    *count += 1;
                }
            }
        }
        for (_, counts) in &next {
            for (met, &count) in met.iter_mut().zip(counts) {
                met.times += count;
                met.different += u32::from(count > 0);
                met.most = met.most.max(count);
            }
        }
        (next, met)
    }
}

/// The tokens in which both end, the last first.
fn same<'a>(one: &'a [u32], other: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    one.iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(|(one, other)| one == other)
        .map(|(token, _)| *token)
}

/// The share of each token, and what is left to the generator and to tokens anywhere.
fn shares(belief: &Belief, next: &[Next], met: &[Met; LONGEST]) -> (Vec<f32>, f32) {
    let mut own = vec![0.0; next.len()];
    let mut rest = 1.0;
    for (at, (met, weights)) in met.iter().zip(&belief.after).enumerate() {
        let Some((share, left)) = weights.share(met) else {
            break;
        };
        rest *= left;
        for (own, (_, counts)) in own.iter_mut().zip(next) {
            *own = *own * left + share * weights.seen(counts[at], met);
        }
    }
    (own, rest)
}

/// Fitted by `recipes/own-words` to the built-in model, on half of the authors of four kinds of writing.
impl Default for Belief {
    fn default() -> Self {
        let weights = |[bias, met, different, most, discount]: [f32; 5]| Weights {
            bias,
            met,
            different,
            most,
            discount,
        };
        Self {
            anywhere: 0.0891,
            after: [
                weights([-1.639, 0.339, -0.146, 0.368, 0.692]),
                weights([-0.808, 0.757, -0.457, 0.865, 0.750]),
                weights([-0.593, 0.478, -0.835, 0.316, 0.723]),
                weights([-0.855, -0.201, -1.032, 0.510, 0.711]),
                weights([-0.411, 0.278, -1.265, 0.599, 0.681]),
                weights([0.687, -0.238, -0.474, 0.217, 0.415]),
            ],
        }
    }
}

impl Belief {
    /// The probability of the token in question where the generator alone gives it `alone`.
    pub fn probability(&self, evidence: &Evidence, alone: f32) -> f32 {
        let share = self.share_anywhere(evidence.tokens);
        let anywhere = evidence.anywhere as f32 / evidence.tokens.max(1) as f32;
        let mut found = (1.0 - share) * alone + share * anywhere;
        for ((&count, met), weights) in evidence.counts.iter().zip(&evidence.met).zip(&self.after) {
            let Some((share, left)) = weights.share(met) else {
                break;
            };
            found = found * left + share * weights.seen(count, met);
        }
        found
    }

    fn share_anywhere(&self, tokens: usize) -> f32 {
        let tokens = tokens as f32;
        self.anywhere * tokens / (tokens + FEW_TOKENS)
    }
}

impl Weights {
    /// What a match takes, and what is left with what it gives back; nothing where there is none.
    fn share(&self, met: &Met) -> Option<(f32, f32)> {
        if met.times == 0 {
            return None;
        }
        let (times, different) = (met.times as f32, met.different as f32);
        let logit = self.bias
            + self.met * times.ln()
            + self.different * different.ln()
            + self.most * (met.most as f32 / times).ln();
        let share = 1.0 / (1.0 + (-logit).exp());
        Some((
            share,
            1.0 - share + share * self.discount * different / times,
        ))
    }

    /// The probability of a token that came so often.
    fn seen(&self, count: u32, met: &Met) -> f32 {
        (count as f32 - self.discount).max(0.0) / met.times as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELIEF: Belief = Belief {
        anywhere: 0.2,
        after: [Weights {
            bias: -0.5,
            met: 0.4,
            different: -0.3,
            most: 0.2,
            discount: 0.4,
        }; LONGEST],
    };

    /// Tokens 2 to 9; words begin with the even ones. 1 ends.
    fn own(documents: &[&[u32]], belief: Option<Belief>) -> OwnWords {
        let documents: Vec<Vec<u32>> = documents.iter().map(|one| one.to_vec()).collect();
        let begins = (0..10).map(|id| id % 2 == 0).collect();
        OwnWords::new(&documents, 1, begins, belief)
    }

    #[test]
    fn what_came_next_is_counted_by_length_of_match() {
        let own = own(&[&[2, 3, 4, 5], &[7, 3, 4, 6], &[3, 9]], None);
        let (next, met) = own.next(&[8, 2, 3, 4]);
        let counts = |a: &[u32]| {
            let mut counts = [0; LONGEST];
            counts[..a.len()].copy_from_slice(a);
            counts
        };
        assert_eq!(next, [(5, counts(&[1, 1, 1])), (6, counts(&[1, 1]))]);
        assert_eq!(
            [met[0].times, met[1].times, met[2].times, met[3].times],
            [2, 2, 1, 0]
        );
        assert_eq!([met[0].different, met[2].most], [2, 1]);
        // Behind a document's last token comes its end; behind that, the next document.
        assert_eq!(own.next(&[9]).0, [(1, counts(&[1]))]);
        assert!(
            own.next(&[]).0.is_empty()
                && own.next(&[8]).0.is_empty()
                && own.next(&[99]).0.is_empty()
        );
    }

    #[test]
    fn probabilities_sum_to_one_and_logits_give_the_same() {
        let own = own(
            &[&[2, 3, 4, 5], &[7, 3, 4, 6, 3, 4, 6], &[3, 9]],
            Some(BELIEF),
        );
        for sequence in [&[2, 3, 4][..], &[3], &[8], &[], &[4, 6, 3]] {
            let mut logits: Vec<f32> = (0..10).map(|id| (id * 7 % 5) as f32 - 1.0).collect();
            let total = logits.iter().map(|x| x.exp()).sum::<f32>().ln();
            let alone: Vec<f32> = logits.iter().map(|x| (x - total).exp()).collect();
            own.mix(sequence, &mut logits, total);
            let mixed_total = logits.iter().map(|x| x.exp()).sum::<f32>().ln();
            let mut sum = 0.0;
            for (id, (alone, logit)) in alone.iter().zip(logits).enumerate() {
                let expected = own.probability(sequence, id as u32, *alone);
                assert!(
                    (expected - (logit - mixed_total).exp()).abs() < 1e-6,
                    "{sequence:?} {id}"
                );
                sum += expected;
            }
            assert!((sum - 1.0).abs() < 1e-5, "{sequence:?}: {sum}");
        }
    }

    #[test]
    fn what_was_met_becomes_likelier_and_more_so_after_a_longer_match() {
        let own = own(&[&[2, 3, 4, 5], &[7, 3, 4, 6]], Some(BELIEF));
        let after = |sequence: &[u32]| own.probability(sequence, 5, 0.1);
        assert!(after(&[4]) > 0.1);
        assert!(after(&[2, 3, 4]) > after(&[4]));
        assert!(own.probability(&[4], 8, 0.1) < 0.1);
    }

    #[test]
    fn nothing_written_changes_nothing() {
        let own = own(&[], Some(BELIEF));
        assert_eq!(own.probability(&[2, 3], 4, 0.25), 0.25);
        let mut logits = [1.0, 2.0, 3.0];
        let total = log_total(&logits);
        own.mix(&[2], &mut logits, total);
        for (found, expected) in logits.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-6);
        }
    }

    fn log_total(logits: &[f32]) -> f32 {
        logits.iter().map(|x| x.exp()).sum::<f32>().ln()
    }

    #[test]
    fn the_word_after_as_many_as_may_be_copied_is_named() {
        let own = own(&[&[2, 3, 4, 5, 6, 8]], None);
        // Two words, "2 3" and "4 5", stand earlier in this order, and 6 begins a third.
        assert_eq!(own.overlong(&[2, 3, 4, 5], 2), [6]);
        assert!(own.overlong(&[2, 3, 4, 5], 3).is_empty());
        assert!(
            own.overlong(&[9, 4, 5], 2).is_empty(),
            "half of a word is no word"
        );
        assert!(
            own.overlong(&[8, 9, 4, 5], 2).is_empty(),
            "another word before"
        );
        assert!(
            own.overlong(&[2, 3, 4], 2).is_empty(),
            "5 goes on with the word"
        );
        assert!(own.overlong(&[], 1).is_empty());
    }
}
