use std::collections::BTreeMap;

use idiolect_core::Trace;
use serde::{Deserialize, Serialize};

use crate::bleu::sentence_bleu;
use crate::continuation::continuation;
use crate::copied::copied;
use crate::rouge::{RougeKind, rouge};
use crate::style::StyleReference;

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
    /// How many documents its author had written before it.
    #[serde(default)]
    pub past_documents: Option<usize>,
    /// All that went into the prediction and came out; of the ranked passages those that were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Box<Trace>>,
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

/// `style_…`, how far an output's continuation is from the true one, and `copied_share` (0 to 1) and
/// `copied_longest` (words), how much of it stands word for word in the passages that were given.
pub fn style_scores(
    target: &str,
    prediction: &str,
    start: &str,
    past: &[&str],
    reference: &StyleReference,
) -> BTreeMap<String, f64> {
    let rest = continuation(prediction, start);
    let style = reference.style(continuation(target, start), rest, (target, prediction));
    let mut scores: BTreeMap<String, f64> = style
        .values()
        .into_iter()
        .map(|(name, value)| (format!("style_{name}"), value))
        .collect();
    let copied = copied(rest, past);
    scores.insert("copied_share".to_owned(), copied.share);
    scores.insert("copied_longest".to_owned(), copied.longest as f64);
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

    #[test]
    fn what_was_copied_and_how_far_the_style_is() {
        let reference = StyleReference::of(["I am here.", "You were there, and so was I."]);
        let past = "one two three four five six seven eight nine";
        let scores = style_scores(
            "Hi. It is so.",
            &format!("Hi. {past}"),
            "Hi. ",
            &[past],
            &reference,
        );
        assert_eq!(
            (scores["copied_share"], scores["copied_longest"]),
            (1.0, 9.0)
        );
        assert_eq!(scores["style_length_ratio"], 3.0);
        assert!(scores["style_delta"] > 0.0);
    }
}
