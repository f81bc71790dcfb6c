//! The bootstrap over users: examples of one user come and go together, because they resemble each
//! other.

use std::collections::HashMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How often and from which seed users are drawn again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resampling {
    /// Number of resamples.
    pub resamples: usize,
    /// The same seed gives the same intervals, on any number of threads.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self {
            resamples: 10_000,
            seed: 0,
        }
    }
}

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The value itself.
    pub mean: f64,
    /// 2.5th percentile of the resampled values.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// A sum of values over a sum of weights, kept by user.
#[derive(Debug, Default)]
pub(crate) struct RatioByUser {
    users: Vec<(f64, f64)>,
}

impl RatioByUser {
    /// From user, value and weight of every example.
    pub(crate) fn of<'a>(examples: impl Iterator<Item = (&'a str, f64, f64)>) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut users: Vec<(f64, f64)> = Vec::new();
        for (user, value, weight) in examples {
            let number = *numbers.entry(user).or_insert_with(|| {
                users.push((0.0, 0.0));
                users.len() - 1
            });
            users[number].0 += value;
            users[number].1 += weight;
        }
        Self { users }
    }

    /// `None` where the weights add up to nothing.
    pub(crate) fn value(&self) -> Option<f64> {
        let (value, weight) = self
            .users
            .iter()
            .fold((0.0, 0.0), |sum, user| (sum.0 + user.0, sum.1 + user.1));
        (weight > 0.0).then(|| value / weight)
    }

    /// The value of every resample, sorted.
    pub(crate) fn resampled(&self, resampling: &Resampling) -> Vec<f64> {
        let mut values: Vec<f64> = (0..resampling.resamples as u64)
            .into_par_iter()
            .filter_map(|resample| {
                let mut random = SplitMix(mixed(resampling.seed) ^ mixed(!resample));
                let (mut value, mut weight) = (0.0, 0.0);
                for _ in 0..self.users.len() {
                    let user = self.users[random.below(self.users.len())];
                    value += user.0;
                    weight += user.1;
                }
                (weight > 0.0).then(|| value / weight)
            })
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }
}

/// The 95 % interval out of sorted resampled values.
pub(crate) fn interval(mean: f64, sorted: &[f64]) -> Interval {
    Interval {
        mean,
        low: percentile(sorted, 0.025).unwrap_or(mean),
        high: percentile(sorted, 0.975).unwrap_or(mean),
    }
}

/// Linear between neighbours, as numpy's default.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (place - below as f64) * (sorted[above] - sorted[below]))
}

/// Steele, Lea and Flood's generator: small, and the same in every version of every crate.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        ((u128::from(mixed(self.0)) * bound as u128) >> 64) as usize
    }
}

fn mixed(state: u64) -> u64 {
    let state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ state >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_neighbours() {
        assert_eq!(percentile(&[0.0, 1.0, 2.0, 3.0], 0.5), Some(1.5));
        assert_eq!(percentile(&[4.0], 0.975), Some(4.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn draws_are_even() {
        let mut random = SplitMix(1);
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[random.below(7)] += 1;
        }
        assert!(
            counts.iter().all(|count| (9_600..10_400).contains(count)),
            "{counts:?}"
        );
    }
}
