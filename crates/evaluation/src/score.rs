//! Many pairs of texts at once: the JSON of `score`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::bleu::{Bleu, BleuCounter, BleuCounts};
use crate::chrf::ChrfCounts;
use crate::meteor::meteor;
use crate::rouge::{RougeKind, RougeScore, RougeScorer};
use crate::signature::metric_signature;
use crate::style::{Style, StyleReference};
use crate::wordnet::WordNet;

/// What two texts can be compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Overlap of words, n-grams or subsequences.
    Rouge(RougeKind),
    /// Precision of n-grams up to 4 with a brevity penalty.
    Bleu,
    /// F2 of character n-grams up to 6.
    Chrf,
    /// Aligned words, stems and synonyms.
    Meteor,
    /// Stylometry without a model; rates of function words are measured against all references.
    Style,
}

/// Options of the metrics that have some.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScoreOptions<'a> {
    /// ROUGE compares stems.
    pub stemmer: bool,
    /// METEOR's synonyms; without it METEOR stops at stems.
    pub wordnet: Option<&'a WordNet>,
}

/// All metrics of a corpus, and of every pair in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Of the corpus.
    pub total: CorpusScores,
    /// Of each pair, in their order.
    pub pairs: Vec<Scores>,
}

/// Metrics of a corpus: ROUGE and METEOR are means over pairs, BLEU and chrF are computed from
/// counts over all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorpusScores {
    /// The metrics that were asked for.
    #[serde(flatten)]
    pub scores: Scores,
    /// How many pairs.
    pub n: usize,
    /// Names, versions and options of the metrics.
    pub signature: String,
}

/// Values of metrics. ROUGE and METEOR go from 0 to 1, BLEU and chrF from 0 to 100.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// BLEU; of a single pair with effective order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bleu: Option<Bleu>,
    /// chrF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chrf: Option<Score>,
    /// METEOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meteor: Option<Score>,
    /// Stylometry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// ROUGE by its kinds' names.
    #[serde(flatten)]
    pub rouge: BTreeMap<String, RougeScore>,
}

/// A metric that is one number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The number.
    pub score: f64,
}

/// Scores every prediction against the reference at the same place, on all threads of rayon's pool.
///
/// # Errors
///
/// There are not as many predictions as references, or none at all.
///
/// ```
/// use idiolect_evaluation::{Metric, RougeKind, ScoreOptions, score};
///
/// let reference = ["The cat sat on the mat.".to_owned()];
/// let prediction = ["The cat is on the mat.".to_owned()];
/// let metrics = [Metric::Rouge(RougeKind::ONE), Metric::Bleu];
/// let scored = score(&reference, &prediction, &metrics, &ScoreOptions::default())?;
/// assert_eq!(scored.total.scores.rouge["rouge1"].f1, 5.0 / 6.0);
/// # Ok::<(), idiolect_evaluation::Error>(())
/// ```
pub fn score(
    references: &[String],
    predictions: &[String],
    metrics: &[Metric],
    options: &ScoreOptions<'_>,
) -> Result<Scored, Error> {
    if references.len() != predictions.len() {
        return Err(Error::Lengths {
            references: references.len(),
            predictions: predictions.len(),
        });
    }
    if references.is_empty() {
        return Err(Error::NoPairs);
    }
    let style = metrics
        .contains(&Metric::Style)
        .then(|| StyleReference::of(references.iter().map(String::as_str)));
    let pairs: Vec<Pair> = references
        .par_iter()
        .zip(predictions)
        .map_init(Scorers::default, |scorers, (reference, prediction)| {
            let mut pair = Pair::of(reference, prediction, metrics, options, scorers);
            let whole = (reference.as_str(), prediction.as_str());
            pair.scores.style = style
                .as_ref()
                .map(|style| style.style(whole.0, whole.1, whole));
            pair
        })
        .collect();
    Ok(Scored {
        total: CorpusScores {
            scores: corpus(&pairs, metrics),
            n: pairs.len(),
            signature: metric_signature(metrics, options),
        },
        pairs: pairs.into_iter().map(|pair| pair.scores).collect(),
    })
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rouge(kind) => kind.fmt(f),
            Self::Bleu => f.write_str("bleu"),
            Self::Chrf => f.write_str("chrf"),
            Self::Meteor => f.write_str("meteor"),
            Self::Style => f.write_str("style"),
        }
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "bleu" => Ok(Self::Bleu),
            "chrf" => Ok(Self::Chrf),
            "meteor" => Ok(Self::Meteor),
            "style" => Ok(Self::Style),
            _ => text.parse().map(Self::Rouge),
        }
    }
}

/// What is used again for pair after pair.
#[derive(Default)]
struct Scorers {
    rouge: RougeScorer,
    bleu: BleuCounter,
}

/// One pair's scores and the counts that a corpus needs of it.
struct Pair {
    scores: Scores,
    bleu: BleuCounts,
    chrf: ChrfCounts,
}

impl Pair {
    fn of(
        reference: &str,
        prediction: &str,
        metrics: &[Metric],
        options: &ScoreOptions<'_>,
        scorers: &mut Scorers,
    ) -> Self {
        let mut pair = Self {
            scores: Scores::default(),
            bleu: BleuCounts::default(),
            chrf: ChrfCounts::default(),
        };
        let mut kinds = Vec::new();
        for metric in metrics {
            match metric {
                Metric::Rouge(kind) => kinds.push(*kind),
                Metric::Bleu => {
                    pair.bleu = scorers.bleu.count(reference, prediction);
                    pair.scores.bleu = Some(pair.bleu.score(true));
                }
                Metric::Chrf => {
                    pair.chrf = ChrfCounts::of(reference, prediction);
                    pair.scores.chrf = Some(Score {
                        score: pair.chrf.score(),
                    });
                }
                Metric::Meteor => {
                    pair.scores.meteor = Some(Score {
                        score: meteor(reference, prediction, options.wordnet),
                    });
                }
                // It asks for all references first.
                Metric::Style => {}
            }
        }
        let values = scorers
            .rouge
            .score(reference, prediction, &kinds, options.stemmer);
        pair.scores.rouge = kinds.iter().map(ToString::to_string).zip(values).collect();
        pair
    }
}

fn corpus(pairs: &[Pair], metrics: &[Metric]) -> Scores {
    let n = pairs.len() as f64;
    let mut scores = Scores::default();
    for metric in metrics {
        match metric {
            Metric::Rouge(kind) => {
                let name = kind.to_string();
                let mut sum = RougeScore::default();
                for pair in pairs {
                    let score = &pair.scores.rouge[&name];
                    sum.f1 += score.f1;
                    sum.precision += score.precision;
                    sum.recall += score.recall;
                }
                let mean = RougeScore {
                    f1: sum.f1 / n,
                    precision: sum.precision / n,
                    recall: sum.recall / n,
                };
                scores.rouge.insert(name, mean);
            }
            Metric::Bleu => {
                let counts = pairs
                    .iter()
                    .fold(BleuCounts::default(), |sum, pair| sum.plus(&pair.bleu));
                scores.bleu = Some(counts.score(false));
            }
            Metric::Chrf => {
                let counts = pairs
                    .iter()
                    .fold(ChrfCounts::default(), |sum, pair| sum.plus(&pair.chrf));
                scores.chrf = Some(Score {
                    score: counts.score(),
                });
            }
            Metric::Meteor => {
                let sum: f64 = pairs
                    .iter()
                    .filter_map(|pair| pair.scores.meteor)
                    .map(|meteor| meteor.score)
                    .sum();
                scores.meteor = Some(Score { score: sum / n });
            }
            Metric::Style => {
                let styles = pairs.iter().filter_map(|pair| pair.scores.style.as_ref());
                scores.style = Some(Style::mean(styles));
            }
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_texts_must_agree() {
        let one = ["a".to_owned()];
        let options = ScoreOptions::default();
        let error = score(&one, &[], &[Metric::Bleu], &options).unwrap_err();
        assert_eq!(error.to_string(), "1 references, but 0 predictions");
        assert!(matches!(
            score(&[], &[], &[Metric::Bleu], &options),
            Err(Error::NoPairs)
        ));
    }

    #[test]
    fn the_json_is_that_of_the_interface() {
        let metrics: Vec<Metric> = ["rouge1", "bleu", "chrf", "meteor"]
            .map(|name| name.parse().unwrap())
            .into();
        let text = ["a b c d".to_owned()];
        let scored = score(&text, &text, &metrics, &ScoreOptions::default()).unwrap();
        let json = serde_json::to_value(&scored.total).unwrap();
        assert_eq!(
            json["rouge1"],
            serde_json::json!({"f1": 1.0, "precision": 1.0, "recall": 1.0})
        );
        assert_eq!(json["bleu"]["precisions"][3], 100.0);
        assert_eq!(
            (&json["bleu"]["sys_len"], &json["bleu"]["bp"]),
            (&4.into(), &1.0.into())
        );
        assert_eq!(json["chrf"]["score"], 100.0);
        assert_eq!(json["meteor"]["score"], 1.0 - 0.5 / 64.0);
        assert_eq!(json["n"], 1);
        assert!(json["signature"].as_str().unwrap().contains("stem"));
        let pair = serde_json::to_value(&scored.pairs[0]).unwrap();
        assert_eq!(pair["rouge1"]["f1"], 1.0);
        assert!(pair.get("n").is_none() && pair.get("signature").is_none());
        let back: CorpusScores = serde_json::from_value(json).unwrap();
        assert_eq!(back, scored.total);
    }
}
