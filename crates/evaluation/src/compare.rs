//! Two runs over the same examples: `eval compare`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::prediction::Prediction;
use crate::resample::Resampling;
use crate::table::{Comparison, comparison, metrics_of};

/// Paired tests of run A against run B.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunComparison {
    /// In the order of A's rows.
    pub rows: Vec<RowComparison>,
    /// Predictions of A without a partner in B.
    pub only_a: usize,
    /// Predictions of B without a partner in A.
    pub only_b: usize,
}

/// One row of A against its partner in B.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowComparison {
    /// Name in A.
    pub row_a: String,
    /// Name in B: the same, unless both runs have a single row.
    pub row_b: String,
    /// A minus B, by metric.
    pub scores: BTreeMap<String, Comparison>,
}

/// Tests each row of A against the row of the same name in B – or, where each run has one row only,
/// these against each other – over the examples that both have.
///
/// # Errors
///
/// No example of A has a partner in B.
pub fn compare(
    a: &[Prediction],
    b: &[Prediction],
    resampling: &Resampling,
) -> Result<RunComparison, Error> {
    let (rows_a, rows_b) = (rows_of(a), rows_of(b));
    let single = rows_a.len() == 1 && rows_b.len() == 1;
    let metrics = metrics_of(a);
    let mut rows = Vec::new();
    let mut paired = 0;
    for (row_a, ours) in &rows_a {
        let partner = rows_b.iter().find(|(row, _)| single || row == row_a);
        let Some((row_b, theirs)) = partner else {
            continue;
        };
        let ids: BTreeSet<&str> = theirs.iter().map(|one| one.id.as_str()).collect();
        let common = ours
            .iter()
            .filter(|one| ids.contains(one.id.as_str()))
            .count();
        if common == 0 {
            continue;
        }
        paired += common;
        rows.push(RowComparison {
            row_a: (*row_a).to_owned(),
            row_b: (*row_b).to_owned(),
            scores: metrics
                .iter()
                .filter_map(|metric| {
                    let found = comparison(ours, theirs, metric, resampling)?;
                    Some((metric.clone(), found))
                })
                .collect(),
        });
    }
    if paired == 0 {
        return Err(Error::NothingInCommon);
    }
    Ok(RunComparison {
        rows,
        only_a: a.len() - paired,
        only_b: b.len().saturating_sub(paired),
    })
}

/// Rows in the order in which they first appear.
fn rows_of(predictions: &[Prediction]) -> Vec<(&str, Vec<&Prediction>)> {
    let mut rows: Vec<(&str, Vec<&Prediction>)> = Vec::new();
    for prediction in predictions {
        match rows.iter_mut().find(|(row, _)| *row == prediction.row) {
            Some((_, examples)) => examples.push(prediction),
            None => rows.push((&prediction.row, vec![prediction])),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(row: &str, ids: std::ops::Range<u32>, gain: f64) -> Vec<Prediction> {
        ids.map(|id| Prediction {
            id: id.to_string(),
            author: format!("u{}", id % 4),
            row: row.to_owned(),
            prediction: None,
            scores: BTreeMap::from([("rouge1".to_owned(), f64::from(id) / 100.0 + gain)]),
            nll: None,
            bytes: None,
            past_documents: None,
            trace: None,
        })
        .collect()
    }

    #[test]
    fn single_rows_are_compared_whatever_their_names() {
        let resampling = Resampling::default();
        let found = compare(&run("x", 0..10, 0.1), &run("y", 2..12, 0.0), &resampling).unwrap();
        assert_eq!((found.only_a, found.only_b), (2, 2));
        assert_eq!(found.rows[0].row_b, "y");
        let rouge1 = found.rows[0].scores["rouge1"];
        assert_eq!(rouge1.examples, 8);
        assert!((rouge1.difference.mean - 0.1).abs() < 1e-12);
        assert_eq!(rouge1.win_rate.rate, 1.0);
    }

    #[test]
    fn runs_without_common_examples_are_an_error() {
        let resampling = Resampling::default();
        let nothing = compare(&run("x", 0..3, 0.0), &run("x", 5..8, 0.0), &resampling);
        assert!(matches!(nothing, Err(Error::NothingInCommon)));
    }
}
