//! Signatures: what one must know to get the same number again.

use std::fmt;

use crate::score::{Metric, ScoreOptions};

/// Version of this software, part of every signature.
const VERSION: &str = concat!("idiolect:", env!("CARGO_PKG_VERSION"));

/// Names, options and reference versions of metrics, one after another with `; ` between.
///
/// ```
/// use idiolect_evaluation::{Metric, ScoreOptions, metric_signature};
///
/// let signature = metric_signature(&[Metric::Bleu], &ScoreOptions::default());
/// assert!(signature.starts_with(
///     "bleu|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|as:sacrebleu-2.6.0|idiolect:"
/// ));
/// ```
pub fn metric_signature(metrics: &[Metric], options: &ScoreOptions<'_>) -> String {
    metrics
        .iter()
        .map(|metric| match metric {
            Metric::Rouge(kind) => {
                let stemmer = if options.stemmer { "porter-nltk" } else { "no" };
                format!("{kind}|nrefs:1|mean:pairs|stemmer:{stemmer}|as:rouge-score-0.1.2|{VERSION}")
            }
            Metric::Bleu => format!(
                "bleu|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|as:sacrebleu-2.6.0|{VERSION}"
            ),
            Metric::Chrf => format!(
                "chrf|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|as:sacrebleu-2.6.0|{VERSION}"
            ),
            Metric::Style => {
                format!("style|mean:pairs|delta:120 function words, z over references|{VERSION}")
            }
            Metric::Meteor => {
                let matches = match options.wordnet {
                    Some(wordnet) => format!("exact+stem+wordnet({} synsets)", wordnet.len()),
                    None => "exact+stem".to_owned(),
                };
                format!(
                    "meteor|nrefs:1|mean:pairs|alpha:0.9|beta:3|gamma:0.5|tok:nltk-word|match:{matches}|as:nltk-3.10.4|{VERSION}"
                )
            }
        })
        .collect::<Vec<_>>()
        .join("; ")
}

/// What one row of a results table was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSignature {
    /// Of the metrics, from [`metric_signature`].
    pub metrics: String,
    /// Name of the past's ranking, and of whose it is.
    pub past: String,
    /// Which summary was given: `ctx`, `ind` or `none`.
    pub summary: String,
    /// Which key words were given: `ctx`, `ind` or `none`.
    pub keywords: String,
    /// `train`, `validation` or `test`, where the examples are divided.
    pub split: Option<String>,
    /// How many examples were asked for; `None`: all.
    pub limit: Option<usize>,
    /// Seed of sampling, controls and resampling.
    pub seed: u64,
    /// Hash of the weights, or `none` where no model was used.
    pub weights: String,
    /// How text was decoded, or `none`.
    pub decoding: String,
}

impl fmt::Display for RunSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            past,
            summary,
            keywords,
            ..
        } = self;
        write!(f, "past:{past}|summary:{summary}|keywords:{keywords}|")?;
        if let Some(split) = &self.split {
            write!(f, "split:{split}|")?;
        }
        match self.limit {
            Some(limit) => write!(f, "limit:{limit}|")?,
            None => f.write_str("limit:no|")?,
        }
        write!(
            f,
            "seed:{}|weights:{}|decoding:{}|{VERSION}; {}",
            self.seed, self.weights, self.decoding, self.metrics
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_in_the_signature() {
        let metrics = ["rouge2", "rougeL", "chrf", "meteor"].map(|name| name.parse().unwrap());
        let signature = metric_signature(
            &metrics,
            &ScoreOptions {
                stemmer: true,
                wordnet: None,
            },
        );
        assert!(signature.starts_with("rouge2|nrefs:1|mean:pairs|stemmer:porter-nltk|"));
        assert!(signature.contains("; rougeL|") && signature.contains("; chrf|"));
        assert!(signature.contains("match:exact+stem|"));
        let run = RunSignature {
            metrics: signature.clone(),
            past: "recent".to_owned(),
            summary: "ctx".to_owned(),
            keywords: "none".to_owned(),
            split: Some("test".to_owned()),
            limit: Some(9),
            seed: 7,
            weights: "none".to_owned(),
            decoding: "beam 4".to_owned(),
        };
        let line = run.to_string();
        assert!(line.starts_with(
            "past:recent|summary:ctx|keywords:none|split:test|limit:9|seed:7|weights:none|decoding:beam 4|idiolect:"
        ));
        let whole = RunSignature {
            split: None,
            limit: None,
            ..run
        };
        assert!(
            whole
                .to_string()
                .contains("|keywords:none|limit:no|seed:7|")
        );
        assert!(line.ends_with(&signature));
    }
}
