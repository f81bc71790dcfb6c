use super::{Best, Candidate};
use crate::bm25::{TfParts, idf};
use crate::past::{Visible, VisiblePart};
use crate::segment::Columns;
use crate::{Bm25, ExplainedTerm, Explanation};

/// Scores are looked through by so many at once.
const CHUNK: usize = 64;

/// RankDocBM25 of paper §4.2, in Lucene's form (the paper names none): the best `k`, best first.
/// Scores depend on nothing but the visible documents: all sums are of whole numbers or run over
/// the query's terms in their order, so where segments begin and end changes no bit.
pub(super) fn best<'a>(
    visible: &'a Visible,
    query: &str,
    bm25: &Bm25,
    k: usize,
) -> Vec<Candidate<'a>> {
    let mut tf_parts = TfParts::new(bm25, visible.average_length());
    let mut parts: Vec<_> = visible
        .parts
        .iter()
        .map(|part| (part, vec![0.0_f64; part.cut()], Columns::default()))
        .collect();
    for (term, count) in counted(bm25.analyzer.terms(query)) {
        let mut df = 0;
        for (part, _, postings) in &mut parts {
            part.postings(&term, postings);
            df += postings.positions.len();
        }
        let (idf, count) = (idf(visible.documents, df), count as f64);
        for (part, scores, postings) in &mut parts {
            tf_parts.add(postings, part.segment.lengths(), idf, count, scores);
        }
    }
    let mut best = Best::new(k);
    for (part, scores, _) in &parts {
        select(part, scores, &mut best);
    }
    best.into_sorted()
}

/// Shows `best` the documents of a part that have a score.
fn select<'a>(part: &'a VisiblePart, scores: &[f64], best: &mut Best<'a>) {
    let mut least = best.least();
    for (chunk, start) in scores.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        let greatest = chunk.iter().fold(0.0_f64, |most, &score| most.max(score));
        if greatest == 0.0 || (greatest as f32) < least {
            continue;
        }
        for (&score, position) in chunk.iter().zip(start..) {
            let score = score as f32;
            if score != 0.0 && score >= least {
                best.push(Candidate {
                    score,
                    part,
                    position,
                    snippet: None,
                });
                least = best.least();
            }
        }
    }
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
    let mut postings = Columns::default();
    let explained = |(term, count_in_query): (String, usize)| {
        let (mut df, mut tf) = (0, 0);
        for part in &visible.parts {
            part.postings(&term, &mut postings);
            df += postings.positions.len();
            if std::ptr::eq(part, its_part)
                && let Ok(at) = postings.positions.binary_search(&(its_position as u32))
            {
                tf = postings.frequencies[at];
            }
        }
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
