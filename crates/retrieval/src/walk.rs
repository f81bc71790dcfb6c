//! Every document's own past in one go: what examples are made of.

use std::borrow::Cow;

use idiolect_core::{Document, Ranked};

use crate::Bm25;
use crate::analysis::{Terms, for_each_word};
use crate::bm25::idf;
use crate::segment::When;

/// More different words than this are forgotten before the next author.
const MOST_WORDS: usize = 1 << 20;

/// Walks through authors' documents in time order and has each asked for the best of those before
/// it, by BM25. It finds what [`crate::Past::rank`] finds before [`idiolect_core::Before::Document`], bit by
/// bit, at a fraction of the cost: each document is taken apart once, after it was asked.
pub struct Walk {
    bm25: Bm25,
    /// Of the present author's documents, by place.
    terms: Terms,
    /// By term: how often it is in the present query.
    counts: Vec<u32>,
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

impl Earlier {
    /// It as [`crate::Past::rank`] would say it, given the documents that were walked through. Ranks
    /// count from 1.
    pub fn ranked(&self, rank: usize, documents: &[Document]) -> Ranked {
        let document = &documents[self.document];
        let text = document.content().into_owned();
        Ranked {
            rank,
            score: self.score,
            document: document.id.clone(),
            author: document.author.clone(),
            date: document.date,
            title: document.title.clone(),
            snippet: None,
            span: 0..text.len(),
            text,
        }
    }
}

impl Walk {
    /// Remembers no document yet. What it learns about words serves all authors.
    pub fn new(bm25: Bm25) -> Self {
        Self {
            bm25,
            terms: Terms::new(bm25.analyzer),
            counts: Vec::new(),
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
        self.terms.forget_documents();
        self.lengths.clear();
        self.total_length = 0;
        if self.terms.words() > MOST_WORDS {
            *self = Self::new(self.bm25);
        }
    }

    fn add(&mut self, content: &str) {
        let document = self.lengths.len() as u32;
        let length = self.terms.add(content, document);
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
        let mut asked = Vec::new();
        for_each_word(query, |word| {
            if let Some(term) = self.terms.term(word) {
                self.counts.resize(self.terms.known(), 0);
                if self.counts[term as usize] == 0 {
                    asked.push(term);
                }
                self.counts[term as usize] += 1;
            }
        });
        let average_length = self.total_length as f64 / documents as f64;
        self.scores.clear();
        self.scores.resize(documents, 0.0);
        for term in asked {
            let count = std::mem::take(&mut self.counts[term as usize]);
            let postings = self.terms.postings(term);
            let (idf, count) = (idf(documents, postings.len()), f64::from(count));
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
