/// What may be among the best `k` of what it was shown, by score alone: of equal scores all are kept, so
/// that the total order can decide at the end.
pub(super) struct Top {
    k: usize,
    /// What has a lower score is of no use any more.
    least: f32,
    kept: Vec<Scored>,
    /// It is pruned when it has so many.
    full: usize,
}

/// Something in a part, with its score.
#[derive(Clone, Copy)]
pub(super) struct Scored {
    pub(super) score: f32,
    /// Which of the visible parts.
    pub(super) part: u32,
    /// Which document or snippet of the part.
    pub(super) at: u32,
}

impl Top {
    pub(super) fn new(k: usize) -> Self {
        let mut top = Self {
            k,
            least: if k == 0 {
                f32::INFINITY
            } else {
                f32::NEG_INFINITY
            },
            kept: Vec::new(),
            full: 0,
        };
        top.make_room();
        top
    }

    /// What has a lower score need not be shown.
    pub(super) fn least(&self) -> f32 {
        self.least
    }

    #[inline]
    pub(super) fn show(&mut self, scored: Scored) {
        if scored.score >= self.least {
            self.kept.push(scored);
            if self.kept.len() == self.full {
                self.prune();
            }
        }
    }

    /// Shows the scores of what lies one behind the other in a part, from `first` on, without that
    /// for which `is_shown` does not hold.
    pub(super) fn show_all(
        &mut self,
        scores: &[f32],
        part: u32,
        first: usize,
        is_shown: impl Fn(usize) -> bool,
    ) {
        for (chunk, first) in scores.chunks(16).zip((first..).step_by(16)) {
            let least = self.least;
            let mut any = false;
            for &score in chunk {
                any |= score >= least;
            }
            if any {
                for (&score, at) in chunk.iter().zip(first..) {
                    if score >= self.least && is_shown(at) {
                        let at = at as u32;
                        self.show(Scored { score, part, at });
                    }
                }
            }
        }
    }

    /// In no order.
    pub(super) fn into_kept(mut self) -> Vec<Scored> {
        self.prune();
        self.kept
    }

    fn prune(&mut self) {
        if self.kept.len() > self.k && self.k > 0 {
            let better = |a: &Scored, b: &Scored| b.score.total_cmp(&a.score);
            let (_, last, _) = self.kept.select_nth_unstable_by(self.k - 1, better);
            let least = last.score;
            self.least = least;
            self.kept.retain(|one| one.score >= least);
        }
        self.make_room();
    }

    /// Twice as much as is kept, so that however many are equal, each costs but little.
    fn make_room(&mut self) {
        self.full = 2 * self.kept.len().max(self.k.min(1 << 20)) + 64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_that_may_be_among_the_best_is_lost(
            scores in proptest::collection::vec(-3..40_i16, 0..2_000),
            k in 0..40_usize,
        ) {
            let mut top = Top::new(k);
            for (&score, at) in scores.iter().zip(0..) {
                top.show(Scored { score: score.into(), part: 0, at });
            }
            let mut kept: Vec<_> = top.into_kept().iter().map(|one| one.at).collect();
            kept.sort_unstable();
            let mut sorted = scores.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let least = k.checked_sub(1).map(|last| sorted.get(last).copied().unwrap_or(i16::MIN));
            let expected = (0..).zip(&scores).filter(|&(_, &score)| least.is_some_and(|least| score >= least));
            prop_assert!(kept.into_iter().eq(expected.map(|(at, _)| at)));
        }
    }
}
