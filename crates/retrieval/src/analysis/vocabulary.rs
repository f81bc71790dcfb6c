use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use frostem::Stemmer;

use crate::Analyzer;

/// Numbers of terms, from 0. Words are kept as they are written, so that each spelling is stemmed but
/// once.
pub(crate) struct Vocabulary {
    analyzer: Analyzer,
    stemmer: Option<Stemmer>,
    term: String,
    /// The number of each word's term; none for stop words. Most words are short, and found without
    /// leaving the table.
    short_words: HashMap<u128, Option<u32>, Folding>,
    long_words: HashMap<Box<str>, Option<u32>>,
    terms: HashMap<Box<str>, u32>,
}

impl Vocabulary {
    pub(crate) fn new(analyzer: Analyzer) -> Self {
        Self {
            analyzer,
            stemmer: analyzer.stemmer(),
            term: String::new(),
            short_words: HashMap::default(),
            long_words: HashMap::new(),
            terms: HashMap::new(),
        }
    }

    /// How many words are kept.
    pub(crate) fn words(&self) -> usize {
        self.short_words.len() + self.long_words.len()
    }

    /// The terms with their numbers, in any order.
    pub(crate) fn into_terms(self) -> impl Iterator<Item = (Box<str>, u32)> {
        self.terms.into_iter()
    }

    /// The number of the term of a word of [`super::for_each_word`]; of a new term the next.
    pub(crate) fn term(&mut self, word: &str) -> Option<u32> {
        let short = packed(word);
        let known = match &short {
            Some(short) => self.short_words.get(short),
            None => self.long_words.get(word),
        };
        if let Some(known) = known {
            return *known;
        }
        let terms = &mut self.terms;
        let mut found = None;
        self.analyzer
            .make_term(word, self.stemmer.as_ref(), &mut self.term, &mut |term| {
                let next = terms.len() as u32;
                let known = terms.get(term).copied();
                found = Some(known.unwrap_or_else(|| *terms.entry(term.into()).or_insert(next)));
            });
        match short {
            Some(short) => self.short_words.insert(short, found),
            None => self.long_words.insert(word.into(), found),
        };
        found
    }
}

/// Up to 15 bytes and how many they are.
fn packed(word: &str) -> Option<u128> {
    let mut bytes = [0; 16];
    bytes
        .get_mut(..word.len())
        .filter(|_| word.len() < 16)?
        .copy_from_slice(word.as_bytes());
    bytes[15] = word.len() as u8;
    Some(u128::from_le_bytes(bytes))
}

/// Makes hashes of packed words by one long multiplication, with keys that nobody knows who writes the
/// words.
#[derive(Clone)]
struct Folding {
    keys: [u64; 2],
}

impl Default for Folding {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            keys: [random.hash_one(0), random.hash_one(1)],
        }
    }
}

impl BuildHasher for Folding {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded {
            keys: self.keys,
            hash: 0,
        }
    }
}

struct Folded {
    keys: [u64; 2],
    hash: u64,
}

impl Hasher for Folded {
    fn write_u128(&mut self, word: u128) {
        let [low, high] = [word as u64, (word >> 64) as u64];
        let low = u128::from(low ^ self.hash ^ self.keys[0]);
        let product = low * u128::from(high ^ self.keys[1]);
        self.hash = product as u64 ^ (product >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u128(byte.into());
        }
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}
