//! Whether a difference is more than chance.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::resample::{Interval, RatioByUser, Resampling, interval};
use crate::student::two_sided_p;

/// With fewer users than this a bootstrap over users says nothing about chance: there are too few
/// different resamples.
pub const FEWEST_USERS: usize = 6;

/// One example's value under one system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed<'a> {
    /// Whose example it is.
    pub user: &'a str,
    /// Its score.
    pub value: f64,
}

/// One example's value under two systems.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired<'a> {
    /// Whose example it is.
    pub user: &'a str,
    /// Under the first system.
    pub a: f64,
    /// Under the second.
    pub b: f64,
}

/// Student's t-test of paired values, as the paper uses it (paper §5).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TTest {
    /// Mean of a − b over its standard error; infinite where all differences are the same but not 0.
    pub t: f64,
    /// Degrees of freedom: pairs − 1.
    pub degrees: usize,
    /// Two-sided.
    pub p: f64,
}

/// The difference a − b under resampling of users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedBootstrap {
    /// Mean of a − b over examples.
    pub difference: Interval,
    /// Two-sided: how often resampled differences, moved so that their mean is 0, are as far from 0
    /// as the real one; never 0, as the real one counts among them (as in sacrebleu).
    pub p: f64,
}

/// For how many users the first system is better on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WinRate {
    /// Users for whom a's mean is higher.
    pub wins: usize,
    /// Users for whom both are equal.
    pub ties: usize,
    /// Users for whom b's mean is higher.
    pub losses: usize,
    /// (wins + ties / 2) / users.
    pub rate: f64,
}

impl WinRate {
    /// How many users were compared.
    pub fn users(&self) -> usize {
        self.wins + self.ties + self.losses
    }
}

impl fmt::Display for WinRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            wins, ties, losses, ..
        } = self;
        let users = self.users();
        write!(
            f,
            "better for {wins}, equal for {ties}, worse for {losses} of {users} users"
        )
    }
}

/// Mean over examples with a 95 % interval from resampling users; `None` where there is no example.
///
/// ```
/// use idiolect_evaluation::{Observed, Resampling, mean_interval};
///
/// let observed = |user, value| Observed { user, value };
/// let values = [observed("ana", 0.2), observed("ana", 0.4), observed("ben", 0.3)];
/// let mean = mean_interval(&values, &Resampling::default()).unwrap();
/// assert!(mean.low <= 0.3 && (mean.mean - 0.3).abs() < 1e-12 && mean.high >= 0.3);
/// ```
pub fn mean_interval(observed: &[Observed<'_>], resampling: &Resampling) -> Option<Interval> {
    let ratio = RatioByUser::of(observed.iter().map(|one| (one.user, one.value, 1.0)));
    Some(interval(ratio.value()?, &ratio.resampled(resampling)))
}

/// Two-sided paired t-test over examples; `None` for fewer than two pairs.
pub fn paired_t_test(pairs: &[Paired<'_>]) -> Option<TTest> {
    if pairs.len() < 2 {
        return None;
    }
    let n = pairs.len() as f64;
    let mean = pairs.iter().map(|pair| pair.a - pair.b).sum::<f64>() / n;
    let squares: f64 = pairs
        .iter()
        .map(|pair| (pair.a - pair.b - mean).powi(2))
        .sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    let t = if mean == 0.0 { 0.0 } else { mean / error };
    Some(TTest {
        t,
        degrees: pairs.len() - 1,
        p: two_sided_p(t, n - 1.0),
    })
}

/// Bootstrap of the mean difference over users; `None` where there is no pair.
pub fn paired_bootstrap(pairs: &[Paired<'_>], resampling: &Resampling) -> Option<PairedBootstrap> {
    let ratio = RatioByUser::of(pairs.iter().map(|pair| (pair.user, pair.a - pair.b, 1.0)));
    bootstrap_difference(&ratio, resampling)
}

pub(crate) fn bootstrap_difference(
    ratio: &RatioByUser,
    resampling: &Resampling,
) -> Option<PairedBootstrap> {
    let difference = ratio.value()?;
    let resampled = ratio.resampled(resampling);
    let center = resampled.iter().sum::<f64>() / resampled.len().max(1) as f64;
    let as_far = resampled
        .iter()
        .filter(|value| (*value - center).abs() >= difference.abs())
        .count();
    Some(PairedBootstrap {
        difference: interval(difference, &resampled),
        p: (as_far + 1) as f64 / (resampled.len() + 1) as f64,
    })
}

/// Compares each user's means; `None` where there is no pair. Higher is taken for better.
pub fn win_rate(pairs: &[Paired<'_>]) -> Option<WinRate> {
    let mut by_user: HashMap<&str, f64> = HashMap::new();
    for pair in pairs {
        *by_user.entry(pair.user).or_default() += pair.a - pair.b;
    }
    if by_user.is_empty() {
        return None;
    }
    let wins = by_user.values().filter(|sum| **sum > 0.0).count();
    let losses = by_user.values().filter(|sum| **sum < 0.0).count();
    let ties = by_user.len() - wins - losses;
    Some(WinRate {
        wins,
        ties,
        losses,
        rate: (wins as f64 + ties as f64 / 2.0) / by_user.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(user: &str, a: f64, b: f64) -> Paired<'_> {
        Paired { user, a, b }
    }

    #[test]
    fn no_difference_is_never_significant() {
        let pairs = [pair("u", 1.0, 1.0), pair("v", 2.0, 2.0)];
        assert_eq!(paired_t_test(&pairs).unwrap().p, 1.0);
        assert_eq!(
            paired_bootstrap(&pairs, &Resampling::default()).unwrap().p,
            1.0
        );
        assert_eq!(
            win_rate(&pairs),
            Some(WinRate {
                wins: 0,
                ties: 2,
                losses: 0,
                rate: 0.5
            })
        );
        assert_eq!(paired_t_test(&pairs[..1]), None);
        assert_eq!(paired_bootstrap(&[], &Resampling::default()), None);
        assert_eq!(win_rate(&[]), None);
    }

    #[test]
    fn many_examples_of_few_users_are_worth_few() {
        let users = ["u", "v", "w", "x", "y", "z"];
        let differences = [1.0, 0.9, 1.1, -0.8, 0.2, -0.4];
        let pairs: Vec<Paired<'_>> = (0..600)
            .map(|index| pair(users[index % 6], differences[index % 6], 0.0))
            .collect();
        let by_example = paired_t_test(&pairs).unwrap();
        let by_user = paired_bootstrap(&pairs, &Resampling::default()).unwrap();
        assert!(by_example.p < 1e-20);
        assert!(by_user.p > 0.1);
        assert!(by_user.difference.low < 0.0 && by_user.difference.high > 0.0);
        assert_eq!(win_rate(&pairs).unwrap().wins, 4);
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_on_any_number_of_threads() {
        let names: Vec<String> = (0..50).map(|user| format!("u{user}")).collect();
        let observed: Vec<Observed<'_>> = names
            .iter()
            .enumerate()
            .map(|(index, user)| Observed {
                user,
                value: (index % 7) as f64,
            })
            .collect();
        let resampling = Resampling {
            resamples: 500,
            seed: 3,
        };
        let here = mean_interval(&observed, &resampling);
        let alone = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap()
            .install(|| mean_interval(&observed, &resampling));
        assert_eq!(here, alone);
        let other = Resampling {
            seed: 4,
            ..resampling
        };
        assert_ne!(here, mean_interval(&observed, &other));
    }

    #[test]
    fn intervals_have_the_width_that_theory_gives() {
        let names: Vec<String> = (0..400).map(|user| format!("u{user}")).collect();
        let observed: Vec<Observed<'_>> = names
            .iter()
            .enumerate()
            .map(|(index, user)| Observed {
                user,
                value: f64::from(index % 2 == 0),
            })
            .collect();
        let found = mean_interval(&observed, &Resampling::default()).unwrap();
        // 1.96 standard errors of a mean of 400 values 0 and 1.
        assert!((found.high - 0.549).abs() < 0.003 && (found.low - 0.451).abs() < 0.003);
    }
}
