//! Every document's own past in one go: what examples are made of.

use std::borrow::Cow;
use std::collections::HashMap;

use idiolect_core::Document;

use crate::Bm25;
use crate::bm25::idf;
use crate::segment::When;

/// More different words than this are forgotten before the next author.
const MOST_WORDS: usize = 1 << 20;

/// Walks through authors' documents in time order and has each asked for the best of those before
/// it, by BM25. It finds what [`crate::Past::rank`] finds before [`idiolect_core::Before::Document`], bit by
/// bit, at a fraction of the cost: each document is taken apart once, after it was asked.
pub struct Walk {
    bm25: Bm25,
    /// By word as it is written: its term, or none for a stop word.
    words: HashMap<Box<str>, Option<u32>>,
    terms: HashMap<Box<str>, u32>,
    /// By term: documents of the present author that have it, by place, and how often.
    postings: Vec<Vec<(u32, u32)>>,
    /// Terms that have postings.
    used: Vec<u32>,
    /// Of the present author's documents so far.
    lengths: Vec<u32>,
    total_length: u64,
    scores: Vec<f64>,
}

/// A document that was found in another's past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earlier {
    /// Its place in the slice of documents.
    pub document: usize,
    /// Its BM25 score, above 0.
    pub score: f32,
}

impl Walk {
    /// Remembers no document yet. What it learns about words serves all authors.
    pub fn new(bm25: Bm25) -> Self {
        Self {
            bm25,
            words: HashMap::new(),
            terms: HashMap::new(),
            postings: Vec::new(),
            used: Vec::new(),
            lengths: Vec::new(),
            total_length: 0,
            scores: Vec::new(),
        }
    }

    /// For each of one author's `documents`, in any order, calls `each` with its place in the slice
    /// and the best `k` of what was written before it, best first; earliest documents come first.
    /// `query` says what is looked for on behalf of a document. What counts as before is as for
    /// [`crate::SegmentsPast::new`]: nothing of the same moment; where only some have dates, those
    /// without have no past and are in nobody's.
    pub fn author<'d>(
        &mut self,
        documents: &'d [Document],
        k: usize,
        query: &mut dyn FnMut(&'d Document) -> Cow<'d, str>,
        each: &mut dyn FnMut(usize, &[Earlier]),
    ) {
        self.forget_documents();
        let mut order: Vec<(When, usize)> = documents
            .iter()
            .enumerate()
            .map(|(at, one)| (When::new(one.date, one.n, at as u64), at))
            .collect();
        // Undated ones stand in front. Of one moment, the smaller id is the better, as the later is.
        order.sort_by(|(a, at), (b, other)| {
            a.cmp(b)
                .then_with(|| documents[*other].id.cmp(&documents[*at].id))
        });
        let undated = order.partition_point(|(when, _)| !when.is_dated());
        let timeless = if undated < order.len() { undated } else { 0 };
        for &(_, at) in &order[..timeless] {
            each(at, &[]);
        }
        let order = &order[timeless..];
        let mut found = Vec::new();
        for moment in order.chunk_by(|(a, _), (b, _)| a == b) {
            for &(_, at) in moment {
                self.best(&query(&documents[at]), k, &mut found);
                for one in &mut found {
                    one.document = order[one.document].1;
                }
                each(at, &found);
            }
            for &(_, at) in moment {
                self.add(&documents[at].content());
            }
        }
    }

    fn forget_documents(&mut self) {
        for term in self.used.drain(..) {
            self.postings[term as usize].clear();
        }
        self.lengths.clear();
        self.total_length = 0;
        if self.words.len() > MOST_WORDS {
            *self = Self::new(self.bm25);
        }
    }

    fn add(&mut self, content: &str) {
        let document = self.lengths.len() as u32;
        let mut length = 0;
        self.bm25.analyzer.for_each_word(content, &mut |word| {
            let Some(term) = term_of(
                &self.bm25,
                &mut self.words,
                &mut self.terms,
                &mut self.postings,
                word,
            ) else {
                return;
            };
            length += 1;
            let postings = &mut self.postings[term as usize];
            match postings.last_mut() {
                Some((last, frequency)) if *last == document => *frequency += 1,
                last => {
                    if last.is_none() {
                        self.used.push(term);
                    }
                    postings.push((document, 1));
                }
            }
        });
        self.lengths.push(length);
        self.total_length += u64::from(length);
    }

    /// Puts the best `k`, by the order in which they were added, in the place of what `found` holds.
    fn best(&mut self, query: &str, k: usize, found: &mut Vec<Earlier>) {
        found.clear();
        let documents = self.lengths.len();
        if documents == 0 {
            return;
        }
        let mut counted: Vec<(u32, usize)> = Vec::new();
        self.bm25.analyzer.for_each_word(query, &mut |word| {
            let term = term_of(
                &self.bm25,
                &mut self.words,
                &mut self.terms,
                &mut self.postings,
                word,
            );
            if let Some(term) = term {
                match counted.iter_mut().find(|(known, _)| *known == term) {
                    Some((_, count)) => *count += 1,
                    None => counted.push((term, 1)),
                }
            }
        });
        let average_length = self.total_length as f64 / documents as f64;
        self.scores.clear();
        self.scores.resize(documents, 0.0);
        for (term, count) in counted {
            let postings = &self.postings[term as usize];
            let (idf, count) = (idf(documents, postings.len()), count as f64);
            for &(document, tf) in postings {
                let document = document as usize;
                let part = self
                    .bm25
                    .tf_part(tf, self.lengths[document], average_length);
                self.scores[document] += idf * part * count;
            }
        }
        let scored = self.scores.iter().map(|&score| score as f32).enumerate();
        found.extend(
            scored
                .filter(|&(_, score)| score != 0.0)
                .map(|(document, score)| Earlier { document, score }),
        );
        let better = |a: &Earlier, b: &Earlier| {
            b.score
                .total_cmp(&a.score)
                .then(b.document.cmp(&a.document))
        };
        if found.len() > k {
            if k > 0 {
                found.select_nth_unstable_by(k - 1, better);
            }
            found.truncate(k);
        }
        found.sort_unstable_by(better);
    }
}

/// The number of a word's term; of a new term the next. Words are kept as they are written, so that
/// each spelling is stemmed but once.
fn term_of(
    bm25: &Bm25,
    words: &mut HashMap<Box<str>, Option<u32>>,
    terms: &mut HashMap<Box<str>, u32>,
    postings: &mut Vec<Vec<(u32, u32)>>,
    word: &str,
) -> Option<u32> {
    if let Some(known) = words.get(word) {
        return *known;
    }
    let mut found = None;
    bm25.analyzer.term_of_word(word, &mut |term| {
        found = Some(match terms.get(term) {
            Some(&known) => known,
            None => {
                let next = postings.len() as u32;
                terms.insert(term.into(), next);
                postings.push(Vec::new());
                next
            }
        });
    });
    words.insert(word.into(), found);
    found
}
