use std::collections::{BTreeMap, HashMap, HashSet};

use idiolect_retrieval::Analyzer;

use super::WordVectors;

/// Two words nearer than this (Euclidean) are similar (paper §4.4).
const NEAR: f32 = 4.0;

/// Which different words count as similar for a keyword label. Worked out once for a vocabulary;
/// every word is alike to itself, and `default()` knows nothing more.
#[derive(Debug, Clone, Default)]
pub struct Alike {
    numbers: HashMap<String, u32>,
    /// Words by their numbers, two of each pair; a pair may stand there more than once.
    pairs: Vec<(u32, u32)>,
}

impl Alike {
    /// Says that `word` is alike to each of `others`, and they to it.
    pub fn add_neighbours<'a>(&mut self, word: &str, others: impl IntoIterator<Item = &'a str>) {
        let word = self.number(word);
        for other in others {
            let other = self.number(other);
            if word != other {
                self.pairs.push((word, other));
            }
        }
    }

    /// Words that share a synset in WordNet: `synonyms` lists them for a word. Those outside the
    /// vocabulary are left out.
    pub fn add_synonyms<'a>(
        &mut self,
        vocabulary: impl IntoIterator<Item = &'a String> + Clone,
        synonyms: &dyn Fn(&str) -> Vec<String>,
    ) {
        let known: HashSet<&String> = vocabulary.clone().into_iter().collect();
        for word in vocabulary {
            let others = synonyms(word);
            self.add_neighbours(
                word,
                others
                    .iter()
                    .filter(|other| known.contains(other))
                    .map(String::as_str),
            );
        }
    }

    /// Words with one stem: the stand-in where there is no WordNet.
    pub fn add_stems<'a>(
        &mut self,
        vocabulary: impl IntoIterator<Item = &'a String>,
        analyzer: Analyzer,
    ) {
        let mut by_stem: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
        for word in vocabulary {
            let stem = analyzer.terms(word);
            if !stem.is_empty() {
                by_stem.entry(stem).or_default().push(word);
            }
        }
        for family in by_stem.values() {
            for (i, word) in family.iter().enumerate() {
                self.add_neighbours(word, family[i + 1..].iter().copied());
            }
        }
    }

    /// Words whose vectors are nearer than 4 to each other.
    pub fn add_vectors(&mut self, vectors: &WordVectors) {
        for (word, other) in vectors.pairs_nearer_than(NEAR) {
            self.add_neighbours(word, [other]);
        }
    }

    /// All pairs as the numbers that `number` gives words, one direction of each; words without a
    /// number have no neighbours.
    pub(super) fn pairs(
        &self,
        number: impl Fn(&str) -> Option<u32>,
    ) -> impl Iterator<Item = (u32, u32)> {
        let mut theirs = vec![None; self.numbers.len()];
        for (word, &own) in &self.numbers {
            theirs[own as usize] = number(word);
        }
        self.pairs.iter().filter_map(move |&(word, other)| {
            Some((theirs[word as usize]?, theirs[other as usize]?))
        })
    }

    fn number(&mut self, word: &str) -> u32 {
        if let Some(&known) = self.numbers.get(word) {
            return known;
        }
        let next = self.numbers.len() as u32;
        self.numbers.insert(word.to_owned(), next);
        next
    }
}
