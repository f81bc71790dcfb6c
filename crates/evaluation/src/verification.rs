//! Measures of author verification, as PAN defines them.

use serde::{Deserialize, Serialize};

/// One question "by the same author?" with its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Whether it is the same author.
    pub truth: bool,
    /// From 0 (another) to 1 (the same); exactly 0.5 is no answer.
    pub score: f64,
}

/// How good the answers are; each from 0 to 1, higher is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Chance that a true pair scores above a false one, equal scores being half a success; `None`
    /// unless there are both.
    pub auc: Option<f64>,
    /// Share of right answers; no answer is not right.
    pub accuracy: f64,
    /// Accuracy that credits no answer with the accuracy of the others (Peñas and Rodrigo 2011).
    pub c_at_1: f64,
    /// F0.5 that counts no answer as a missed true pair (Bevendorff and others 2019).
    ///
    /// This is the published definition; PAN 2020's script turns no answers into "the same" first,
    /// so its values differ where there are any.
    pub f05_u: f64,
    /// F1 of "the same" over the pairs that were answered.
    pub f1: f64,
    /// 1 − mean squared error.
    pub brier: f64,
}

/// All measures; `None` where there is no verdict.
pub fn verification(verdicts: &[Verdict]) -> Option<Verification> {
    if verdicts.is_empty() {
        return None;
    }
    let count =
        |fits: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| fits(verdict)).count() as f64;
    let n = verdicts.len() as f64;
    let true_positives = count(|v| v.truth && v.score > 0.5);
    let false_positives = count(|v| !v.truth && v.score > 0.5);
    let false_negatives = count(|v| v.truth && v.score < 0.5);
    let true_negatives = count(|v| !v.truth && v.score < 0.5);
    let unanswered = n - true_positives - false_positives - false_negatives - true_negatives;
    let right = true_positives + true_negatives;
    let squared_error: f64 = verdicts
        .iter()
        .map(|v| (v.score - f64::from(u8::from(v.truth))).powi(2))
        .sum();
    Some(Verification {
        auc: auc(verdicts),
        accuracy: right / n,
        c_at_1: (right + unanswered * right / n) / n,
        f05_u: share(
            1.25 * true_positives,
            1.25 * true_positives + 0.25 * (false_negatives + unanswered) + false_positives,
        ),
        f1: share(
            2.0 * true_positives,
            2.0 * true_positives + false_positives + false_negatives,
        ),
        brier: 1.0 - squared_error / n,
    })
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// By ranks, equal scores sharing theirs (Mann and Whitney).
fn auc(verdicts: &[Verdict]) -> Option<f64> {
    let mut sorted = verdicts.to_vec();
    sorted.sort_by(|a, b| a.score.total_cmp(&b.score));
    let positives = sorted.iter().filter(|verdict| verdict.truth).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut below = 0.0;
    let mut won = 0.0;
    for equal in sorted.chunk_by(|a, b| a.score == b.score) {
        let positive = equal.iter().filter(|verdict| verdict.truth).count() as f64;
        let negative = equal.len() as f64 - positive;
        won += positive * (below + negative / 2.0);
        below += negative;
    }
    Some(won / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(pairs: &[(bool, f64)]) -> Vec<Verdict> {
        pairs
            .iter()
            .map(|&(truth, score)| Verdict { truth, score })
            .collect()
    }

    // By hand from PAN's definitions: 3 true positives, 1 false positive, 1 false negative,
    // 2 true negatives, 1 true pair unanswered; of 5 × 3 pairs of scores 10.5 are in order.
    #[test]
    fn measures_follow_their_definitions() {
        let found = verification(&verdicts(&[
            (true, 0.9),
            (true, 0.8),
            (true, 0.6),
            (true, 0.5),
            (true, 0.2),
            (false, 0.8),
            (false, 0.1),
            (false, 0.3),
        ]))
        .unwrap();
        assert_eq!(found.auc, Some(10.5 / 15.0));
        assert_eq!(found.accuracy, 5.0 / 8.0);
        assert_eq!(found.c_at_1, (5.0 + 5.0 / 8.0) / 8.0);
        assert_eq!(found.f05_u, 3.75 / (3.75 + 0.25 * 2.0 + 1.0));
        assert_eq!(found.f1, 6.0 / 8.0);
        let squares = 0.01 + 0.04 + 0.16 + 0.25 + 0.64 + 0.64 + 0.01 + 0.09;
        assert!((found.brier - (1.0 - squares / 8.0)).abs() < 1e-12);
    }

    #[test]
    fn one_sided_truth_has_no_auc() {
        assert_eq!(verification(&[]), None);
        let found = verification(&verdicts(&[(false, 0.5)])).unwrap();
        assert_eq!((found.auc, found.accuracy, found.f05_u), (None, 0.0, 0.0));
    }
}
