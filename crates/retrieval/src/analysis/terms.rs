use super::{Vocabulary, for_each_word};
use crate::Analyzer;

/// The terms of documents, each with its postings.
pub(crate) struct Terms {
    vocabulary: Vocabulary,
    /// By term: documents that have it, and how often.
    postings: Vec<Vec<(u32, u32)>>,
    /// Terms that have postings.
    used: Vec<u32>,
}

impl Terms {
    pub(crate) fn new(analyzer: Analyzer) -> Self {
        Self {
            vocabulary: Vocabulary::new(analyzer),
            postings: Vec::new(),
            used: Vec::new(),
        }
    }

    /// Enters a document's terms; how many there are. Documents come in ascending order.
    pub(crate) fn add(&mut self, content: &str, document: u32) -> u32 {
        let mut length = 0;
        for_each_word(content, |word| {
            let Some(term) = self.term(word) else {
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
        length
    }

    /// The number of a word's term, which is below [`Terms::known`] from now on.
    pub(crate) fn term(&mut self, word: &str) -> Option<u32> {
        let term = self.vocabulary.term(word)?;
        if term as usize == self.postings.len() {
            self.postings.push(Vec::new());
        }
        Some(term)
    }

    /// How many terms there are.
    pub(crate) fn known(&self) -> usize {
        self.postings.len()
    }

    /// How many words are kept.
    pub(crate) fn words(&self) -> usize {
        self.vocabulary.words()
    }

    /// Documents that have a term, and how often.
    pub(crate) fn postings(&self, term: u32) -> &[(u32, u32)] {
        &self.postings[term as usize]
    }

    /// Forgets the documents, and keeps what is known of words.
    pub(crate) fn forget_documents(&mut self) {
        for term in self.used.drain(..) {
            self.postings[term as usize].clear();
        }
    }

    /// All terms by their bytes, with their postings.
    pub(crate) fn in_order(mut self) -> impl Iterator<Item = (Box<str>, Vec<(u32, u32)>)> {
        let mut terms: Vec<_> = self.vocabulary.into_terms().collect();
        terms.sort_unstable();
        terms
            .into_iter()
            .map(move |(term, number)| (term, std::mem::take(&mut self.postings[number as usize])))
    }
}
