use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bleu::sentence_bleu;
use crate::continuation::continuation;
use crate::rouge::{RougeKind, rouge};

/// One example under one row: a line of `predictions.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Of the example.
    pub id: String,
    /// Its author, the user whom intervals and tests resample.
    pub author: String,
    /// Name of the configuration.
    pub row: String,
    /// What was generated; `None` where only likelihoods were computed.
    #[serde(default)]
    pub prediction: Option<String>,
    /// Values by metric, see [`text_scores`].
    #[serde(default)]
    pub scores: BTreeMap<String, f64>,
    /// Nats summed over the scored tokens of the true continuation.
    #[serde(default)]
    pub nll: Option<f64>,
    /// UTF-8 bytes of exactly that part.
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// `rouge1`, `rouge2`, `rougeL` (F1, 0 to 1) and `bleu` (one pair's, 0 to 100) of the whole document
/// as in the paper, and the same with `_continuation` behind the name, without the start that was
/// given.
pub fn text_scores(target: &str, prediction: &str, start: &str) -> BTreeMap<String, f64> {
    let kinds = [RougeKind::ONE, RougeKind::TWO, RougeKind::L];
    let mut scores = BTreeMap::new();
    let whole = (target, prediction, "");
    let rest = (
        continuation(target, start),
        continuation(prediction, start),
        "_continuation",
    );
    for (target, prediction, suffix) in [whole, rest] {
        for (kind, score) in kinds.iter().zip(rouge(target, prediction, &kinds, false)) {
            scores.insert(format!("{kind}{suffix}"), score.f1);
        }
        let bleu = sentence_bleu(target, prediction).score;
        scores.insert(format!("bleu{suffix}"), bleu);
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_start_is_worth_nothing_in_the_continuation() {
        let scores = text_scores("Dear Ana, it rained all day.", "Dear Ana, ", "Dear Ana, ");
        assert_eq!(scores.len(), 8);
        assert_eq!(scores["rouge1"], 0.5);
        assert_eq!(scores["rouge1_continuation"], 0.0);
        assert_eq!(scores["bleu_continuation"], 0.0);
    }
}
