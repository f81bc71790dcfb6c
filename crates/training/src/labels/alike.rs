use std::collections::{BTreeMap, HashMap};

use idiolect_retrieval::Analyzer;

use super::WordVectors;

/// Two words nearer than this (Euclidean) are similar (paper §4.4).
const NEAR: f32 = 4.0;

/// Which different words count as similar for a keyword label. Worked out once for a vocabulary;
/// every word is alike to itself, and `default()` knows nothing more.
#[derive(Debug, Clone, Default)]
pub struct Alike {
    neighbours: HashMap<String, Vec<String>>,
}

impl Alike {
    /// Says that `word` is alike to each of `others`, and they to it.
    pub fn add_neighbours<'a>(&mut self, word: &str, others: impl IntoIterator<Item = &'a str>) {
        for other in others {
            self.add(word, other);
            self.add(other, word);
        }
    }

    /// Words that share a synset in WordNet: `synonyms` lists them for a word. Those outside the
    /// vocabulary are left out.
    pub fn add_synonyms<'a>(
        &mut self,
        vocabulary: impl IntoIterator<Item = &'a String> + Clone,
        synonyms: &dyn Fn(&str) -> Vec<String>,
    ) {
        let known: std::collections::HashSet<&String> = vocabulary.clone().into_iter().collect();
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

    /// How many words of a text select `word`, given how often each stands there.
    pub(super) fn times_selected(&self, word: &str, counts: &HashMap<String, u32>) -> u32 {
        let itself = counts.get(word).copied().unwrap_or(0);
        let others = self.neighbours.get(word).map_or(&[][..], Vec::as_slice);
        itself
            + others
                .iter()
                .filter_map(|other| counts.get(other))
                .sum::<u32>()
    }

    fn add(&mut self, word: &str, other: &str) {
        if word == other {
            return;
        }
        let neighbours = self.neighbours.entry(word.to_owned()).or_default();
        if !neighbours.iter().any(|known| known == other) {
            neighbours.push(other.to_owned());
        }
    }
}
