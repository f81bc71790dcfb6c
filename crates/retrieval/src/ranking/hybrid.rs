use std::collections::HashMap;

use super::{Candidate, best, doc_bm25, doc_by_snippet};
use crate::past::Visible;
use crate::vectors::Quantized;
use crate::{Bm25, PastError};

/// How little the first ranks stand out (Cormack, Clarke and Büttcher 2009).
const DAMPING: f64 = 60.0;

/// Beyond the paper: reciprocal-rank fusion of RankDocBM25 and RankDocBySnpt over everything visible. A
/// document's score is the sum of 1 / (60 + its rank) over the two; where it has no rank, as without a
/// common term, nothing is added. `analyzed` are the same documents as the query's analyzer
/// takes them apart.
pub(super) fn rank<'a>(
    visible: &'a Visible,
    analyzed: &Visible,
    text: &str,
    vector: &Quantized,
    bm25: &Bm25,
    k: usize,
) -> Result<Vec<Candidate<'a>>, PastError> {
    let everything = visible.documents;
    let by_snippet = doc_by_snippet::rank(visible, vector, everything)?;
    let lexical = doc_bm25::rank(analyzed, text, bm25, everything);
    let gain = |rank: usize| 1.0 / (DAMPING + rank as f64);
    let mut gains: HashMap<&str, f64> = HashMap::new();
    // Each document is once in either, so that its sum has two numbers at most and no order.
    for candidates in [&by_snippet, &lexical] {
        for (candidate, rank) in candidates.iter().zip(1..) {
            let id = candidate.part.segment.id(candidate.position);
            *gains.entry(id).or_default() += gain(rank);
        }
    }
    let fused = visible.parts.iter().flat_map(|part| {
        let gains = &gains;
        part.positions().filter_map(move |position| {
            let score = *gains.get(part.segment.id(position))? as f32;
            Some(Candidate {
                score,
                part,
                position,
                snippet: None,
            })
        })
    });
    Ok(best(k, fused))
}
