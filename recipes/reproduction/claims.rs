//! What the paper claims, and what the readers of its results asked for, as comparisons of two rows.

use idiolect_evaluation::{Comparison, FEWEST_USERS};

use crate::paper::Corpus;

/// A statement about two rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) says: &'static str,
    /// `BEST` stands for the corpus's best ranking.
    pub(crate) row: &'static str,
    pub(crate) other: &'static str,
    pub(crate) expects: Expects,
}

/// How a row stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expects {
    Better,
    Worse,
    /// About as good.
    Same,
}

pub(crate) const BEST: &str = "BEST";

const fn claim(
    says: &'static str,
    row: &'static str,
    expects: Expects,
    other: &'static str,
) -> Claim {
    Claim {
        says,
        row,
        other,
        expects,
    }
}

use Expects::{Better, Same, Worse};

/// The paper's, in the order of its text.
pub(crate) const PAPER: [Claim; 14] = [
    claim("The latest documents help", "RecentDoc", Better, "ImmedCtx"),
    claim("Retrieval helps", BEST, Better, "ImmedCtx"),
    claim("Ranking beats recency", BEST, Better, "RecentDoc"),
    claim(
        "A user's name does no better than nothing",
        "UserID",
        Same,
        "ImmedCtx",
    ),
    claim(
        "A large model without training beats no past",
        "LLMZeroShot",
        Better,
        "ImmedCtx",
    ),
    claim(
        "A summary that knows no draft adds nothing to retrieval",
        "SumCtxInd",
        Same,
        BEST,
    ),
    claim(
        "A summary made for the draft adds to retrieval",
        "SumCtx",
        Better,
        BEST,
    ),
    claim(
        "… and is better than one that knows no draft",
        "SumCtx",
        Better,
        "SumCtxInd",
    ),
    claim(
        "Key words that know no draft add nothing",
        "SynCtxInd",
        Same,
        "SumCtx",
    ),
    claim(
        "Key words made for the draft add to the summary",
        "SynCtx",
        Better,
        "SumCtx",
    ),
    claim(
        "Author distinction adds to all of it",
        "AuthorPred",
        Better,
        "SynCtx",
    ),
    claim(
        "Without the passages themselves it is worse",
        "NoRankedEntries",
        Worse,
        "AuthorPred",
    ),
    claim(
        "Without the start in the target it is worse",
        "RemoveDocStart",
        Worse,
        "AuthorPred",
    ),
    claim(
        "The start may as well stand last",
        "ImmedCtxAtEnd",
        Same,
        "AuthorPred",
    ),
];

/// What the paper does not show.
pub(crate) const CONTROLS: [Claim; 5] = [
    claim(
        "It is the author's past that helps, not any past",
        "AuthorPred",
        Better,
        "WrongAuthor",
    ),
    claim(
        "It is the ranked past that helps, not any of theirs",
        "AuthorPred",
        Better,
        "RandomPast",
    ),
    claim(
        "All of it together beats no past",
        "AuthorPred",
        Better,
        "ImmedCtx",
    ),
    claim(
        "A perfect summary would add to the summarizer's",
        "OracleSum",
        Better,
        "SumCtx",
    ),
    claim(
        "Perfect key words would add to the synthesizer's",
        "OracleSyn",
        Better,
        "SynCtx",
    ),
];

impl Claim {
    /// Both rows' names on a corpus.
    pub(crate) fn rows(&self, corpus: &Corpus) -> [&'static str; 2] {
        let named = |row| if row == BEST { corpus.best } else { row };
        [named(self.row), named(self.other)]
    }

    /// What a comparison says about it; `gain` is positive where the row is better.
    pub(crate) fn verdict(&self, comparison: &Comparison, lower_is_better: bool) -> &'static str {
        if comparison.win_rate.users() < FEWEST_USERS {
            return "undecided: too few users";
        }
        let difference = comparison.difference;
        let (better, worse) = if lower_is_better {
            (difference.high < 0.0, difference.low > 0.0)
        } else {
            (difference.low > 0.0, difference.high < 0.0)
        };
        match (self.expects, better, worse) {
            (Better, true, _) | (Worse, _, true) => "holds",
            (Better, _, true) | (Worse, true, _) => "**does not hold: the opposite**",
            (Same, true, _) => "does not hold: it is better",
            (Same, _, true) => "does not hold: it is worse",
            (Same, false, false) => "no difference to be seen",
            (Better | Worse, false, false) => "undecided",
        }
    }
}

#[cfg(test)]
mod tests {
    use idiolect_evaluation::{Interval, WinRate};

    use super::*;

    fn comparison(low: f64, high: f64, users: usize) -> Comparison {
        Comparison {
            examples: users,
            difference: Interval {
                mean: low.midpoint(high),
                low,
                high,
            },
            win_rate: WinRate {
                wins: users,
                ties: 0,
                losses: 0,
                rate: 1.0,
            },
            p_t_test: None,
            p_bootstrap: None,
        }
    }

    #[test]
    fn a_verdict_is_what_the_interval_says() {
        let better = claim("", "SumCtx", Better, "ImmedCtx");
        let verdict =
            |claim: &Claim, low, high, lower| claim.verdict(&comparison(low, high, 40), lower);
        assert_eq!(verdict(&better, 0.1, 0.2, false), "holds");
        assert_eq!(verdict(&better, -0.2, -0.1, true), "holds");
        assert_eq!(verdict(&better, -0.1, 0.1, false), "undecided");
        assert!(verdict(&better, 0.1, 0.2, true).contains("the opposite"));
        let worse = claim("", "RemoveDocStart", Worse, "AuthorPred");
        assert_eq!(verdict(&worse, -0.2, -0.1, false), "holds");
        let same = claim("", "UserID", Same, "ImmedCtx");
        assert_eq!(verdict(&same, -0.1, 0.1, false), "no difference to be seen");
        assert!(verdict(&same, 0.1, 0.2, false).contains("better"));
        assert!(
            better
                .verdict(&comparison(0.1, 0.2, 3), false)
                .contains("too few")
        );
    }
}
