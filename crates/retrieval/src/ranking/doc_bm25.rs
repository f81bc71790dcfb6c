use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use super::top::{Scored, Top};
use super::{Candidate, best};
use crate::bm25::{TfParts, idf};
use crate::past::Visible;
use crate::segment::Columns;
use crate::{Bm25, ExplainedTerm, Explanation};

/// Documents whose scores are summed at a time: few enough for the nearest cache.
const WINDOW: usize = 2_048;
/// Scores are looked through by so many at once.
const CHUNK: usize = 32;

/// More postings than this are not kept room for from query to query.
const ROOM: usize = 1 << 20;

thread_local! {
    /// The room for postings and scores that the last query of this thread took: asking the system for
    /// it again costs as much as a third of a query.
    static SCRATCH: Cell<(Columns, Vec<f64>)> = Cell::default();
}

/// RankDocBM25 of paper §4.2, in Lucene's form (the paper names none): the best `k`, best first.
/// Scores depend on nothing but the visible documents: all sums are of whole numbers or run over
/// the query's terms in their order, so where segments begin and end changes no bit.
pub(super) fn rank<'a>(
    visible: &'a Visible,
    query: &str,
    bm25: &Bm25,
    k: usize,
) -> Vec<Candidate<'a>> {
    let (mut postings, mut scores) = SCRATCH.take();
    postings.clear();
    let found = rank_in(visible, query, bm25, k, &mut postings, &mut scores);
    if postings.len() <= ROOM {
        SCRATCH.set((postings, scores));
    }
    found
}

fn rank_in<'a>(
    visible: &'a Visible,
    query: &str,
    bm25: &Bm25,
    k: usize,
    postings: &mut Columns,
    scores: &mut Vec<f64>,
) -> Vec<Candidate<'a>> {
    let mut terms = Vec::new();
    for (term, count) in counted(bm25.analyzer.terms(query)) {
        let before = postings.len();
        let mut of_parts = Vec::with_capacity(visible.parts.len());
        for part in &visible.parts {
            let start = postings.len();
            part.postings(&term, postings);
            of_parts.push(start..postings.len());
        }
        let df = postings.len() - before;
        if df > 0 {
            terms.push(Term {
                idf: idf(visible.documents, df),
                count: count as f64,
                of_parts,
            });
        }
    }
    let tf_parts = TfParts::new(bm25, visible.average_length(), postings.len());
    let mut top = Top::new(k);
    scores.clear();
    scores.resize(WINDOW, 0.0);
    for (number, part) in visible.parts.iter().enumerate() {
        let lengths = part.segment.lengths();
        for start in (0..part.cut()).step_by(WINDOW) {
            let end = part.cut().min(start + WINDOW);
            let lengths = &lengths[start..end];
            let scores = &mut scores[..end - start];
            for term in &mut terms {
                let rest = &mut term.of_parts[number];
                rest.start += add(
                    &postings.positions[rest.clone()],
                    &postings.frequencies[rest.clone()],
                    (term.idf, term.count),
                    &tf_parts,
                    start,
                    lengths,
                    scores,
                );
            }
            show(scores, number as u32, start as u32, &mut top);
            scores.fill(0.0);
        }
    }
    let candidates = top.into_kept().into_iter().map(|scored| Candidate {
        score: scored.score,
        part: &visible.parts[scored.part as usize],
        position: scored.at as usize,
        snippet: None,
    });
    best(k, candidates)
}
/// A term of the query.
struct Term {
    idf: f64,
    /// How often it is in the query.
    count: f64,
    /// Which postings are those of each visible part, as far as they are still to be added.
    of_parts: Vec<Range<usize>>,
}

/// Adds what a term is worth to the scores of documents from `start` on, whose numbers of terms are
/// `lengths`; how many of `positions`, none of which is in front of them, are theirs.
#[inline(never)]
fn add(
    positions: &[u32],
    frequencies: &[u32],
    (idf, count): (f64, f64),
    tf_parts: &TfParts<'_>,
    start: usize,
    lengths: &[u32],
    scores: &mut [f64],
) -> usize {
    let lengths = &lengths[..scores.len()];
    let table = tf_parts.table();
    for (number, (&position, &tf)) in positions.iter().zip(frequencies).enumerate() {
        let at = (position as usize).wrapping_sub(start);
        if at >= lengths.len() {
            return number;
        }
        let length = lengths[at];
        let part = match table.get(TfParts::place(tf, length)) {
            Some(&part) if length < TfParts::LENGTHS => part,
            _ => tf_parts.computed(tf, length),
        };
        scores[at] += idf * part * count;
    }
    positions.len().min(frequencies.len())
}

/// Shows `top` which documents of a part have a score, from `start` on.
fn show(scores: &[f64], part: u32, start: u32, top: &mut Top) {
    for (chunk, start) in scores.chunks(CHUNK).zip((start..).step_by(CHUNK)) {
        let least = f64::from(top.least());
        // A score is made shorter before it is compared: a little less may be enough.
        let enough = (least * (1.0 - 1e-7)).max(f64::MIN_POSITIVE);
        let mut any = false;
        for &score in chunk {
            any |= score >= enough;
        }
        if any {
            // Most are not good enough, and which are cannot be foretold: no branches.
            let (mut good, mut count) = ([0; CHUNK], 0);
            for (&score, at) in chunk.iter().zip(0..) {
                good[count] = at;
                count += usize::from(score >= enough);
            }
            for &at in &good[..count] {
                let score = chunk[at as usize] as f32;
                if score != 0.0 {
                    let at = start + at;
                    top.show(Scored { score, part, at });
                }
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
            postings.clear();
            part.postings(&term, &mut postings);
            df += postings.len();
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
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(terms.len());
    let mut counts: Vec<usize> = Vec::with_capacity(terms.len());
    let is_first: Vec<bool> = terms
        .iter()
        .map(|term| {
            let place = *places.entry(term).or_insert(counts.len());
            let is_first = place == counts.len();
            if is_first {
                counts.push(0);
            }
            counts[place] += 1;
            is_first
        })
        .collect();
    let first = terms.into_iter().zip(is_first);
    let distinct = first.filter_map(|(term, is_first)| is_first.then_some(term));
    distinct.zip(counts).collect()
}
