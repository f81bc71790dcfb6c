use super::Candidate;
use crate::bm25::idf;
use crate::past::Visible;
use crate::{Bm25, ExplainedTerm, Explanation};

/// RankDocBM25 of paper §4.2, in Lucene's form (the paper names none). Scores depend on nothing but the visible
/// documents: all sums are of whole numbers or run over the query's terms in their order, so where
/// segments begin and end changes no bit.
pub(super) fn score<'a>(
    visible: &'a Visible,
    query: &str,
    bm25: &Bm25,
) -> impl Iterator<Item = Candidate<'a>> {
    let average_length = visible.average_length();
    let mut scores: Vec<_> = visible
        .parts
        .iter()
        .map(|part| vec![0.0_f64; part.cut()])
        .collect();
    for (term, count) in counted(bm25.analyzer.terms(query)) {
        let postings: Vec<Vec<_>> = visible
            .parts
            .iter()
            .map(|part| part.postings(&term).collect())
            .collect();
        let idf = idf(visible.documents, postings.iter().map(Vec::len).sum());
        for ((part, scores), postings) in visible.parts.iter().zip(&mut scores).zip(postings) {
            for (position, tf) in postings {
                let length = part.segment.length(position);
                let weight = idf * bm25.tf_part(tf, length, average_length);
                scores[position] += weight * count as f64;
            }
        }
    }
    visible.parts.iter().zip(scores).flat_map(|(part, scores)| {
        let matching = scores
            .into_iter()
            .enumerate()
            .filter(|&(_, score)| score != 0.0);
        matching.map(move |(position, score)| Candidate {
            score: score as f32,
            part,
            position,
            snippet: None,
        })
    })
}

/// The score of one document taken apart; `None` if it is not visible.
pub(crate) fn explain(
    visible: &Visible,
    query: &str,
    bm25: &Bm25,
    document: &str,
) -> Option<Explanation> {
    let (its_part, its_position) = visible.find(document)?;
    let length = its_part.segment.length(its_position);
    let average_length = visible.average_length();
    let explained = |(term, count_in_query): (String, usize)| {
        let df = visible
            .parts
            .iter()
            .map(|part| part.postings(&term).count())
            .sum();
        let tf = its_part
            .postings(&term)
            .find(|&(position, _)| position == its_position)
            .map_or(0, |(_, tf)| tf);
        let idf = idf(visible.documents, df);
        ExplainedTerm {
            term,
            tf,
            df,
            idf,
            weight: if tf == 0 {
                0.0
            } else {
                idf * bm25.tf_part(tf, length, average_length)
            },
            count_in_query,
        }
    };
    Some(Explanation {
        terms: counted(bm25.analyzer.terms(query))
            .into_iter()
            .map(explained)
            .collect(),
        documents: visible.documents,
        average_length,
        length,
    })
}

/// Distinct terms in order of first appearance, with how often they are there.
fn counted(terms: Vec<String>) -> Vec<(String, usize)> {
    let mut distinct: Vec<(String, usize)> = Vec::new();
    for term in terms {
        match distinct.iter_mut().find(|(known, _)| *known == term) {
            Some((_, count)) => *count += 1,
            None => distinct.push((term, 1)),
        }
    }
    distinct
}
