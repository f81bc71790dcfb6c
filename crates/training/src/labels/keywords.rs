use std::collections::{HashMap, HashSet};

use idiolect_pipeline::DocumentFrequencies;
use idiolect_retrieval::words;

use super::Alike;

/// How many words a keyword label may have.
pub const KEYWORD_LABEL_WORDS: usize = 64;

/// The words that may stand in keyword labels, each with its rarity and the words it is alike to,
/// all by number: what can be worked out once is not asked again for an example.
#[derive(Debug, Clone)]
pub struct Lexicon {
    numbers: HashMap<String, u32>,
    idf: Vec<f64>,
    /// `neighbours[starts[w]..starts[w + 1]]` are those of word `w`.
    starts: Vec<u32>,
    neighbours: Vec<u32>,
}

impl Lexicon {
    /// Of a vocabulary: of its words, those that say something, and no others, stand in labels.
    pub fn new(vocabulary: &HashSet<String>, idf: &DocumentFrequencies, alike: &Alike) -> Self {
        let mut numbers = HashMap::with_capacity(vocabulary.len());
        let mut rarity = Vec::with_capacity(vocabulary.len());
        for word in vocabulary.iter().filter(|word| idf.says_something(word)) {
            numbers.insert(word.clone(), rarity.len() as u32);
            rarity.push(idf.idf(word));
        }
        let mut pairs: Vec<(u32, u32)> = alike
            .pairs(|word| numbers.get(word).copied())
            .flat_map(|(a, b)| [(a, b), (b, a)])
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = vec![0; rarity.len() + 1];
        for &(word, _) in &pairs {
            starts[word as usize + 1] += 1;
        }
        for word in 0..rarity.len() {
            starts[word + 1] += starts[word];
        }
        Self {
            numbers,
            idf: rarity,
            starts,
            neighbours: pairs.into_iter().map(|(_, other)| other).collect(),
        }
    }

    /// How many words may stand in labels.
    pub fn len(&self) -> usize {
        self.idf.len()
    }

    /// Whether no word may.
    pub fn is_empty(&self) -> bool {
        self.idf.is_empty()
    }

    fn neighbours(&self, word: u32) -> &[u32] {
        let word = word as usize;
        &self.neighbours[self.starts[word] as usize..self.starts[word + 1] as usize]
    }
}

/// Makes keyword labels with one lexicon, one after another.
#[derive(Debug)]
pub struct KeywordLabels<'a> {
    lexicon: &'a Lexicon,
    /// How often each word stands in the target at hand.
    in_target: Vec<u32>,
    /// Whether a word was seen in the past at hand.
    in_past: Vec<bool>,
}

impl<'a> KeywordLabels<'a> {
    /// Ready for the first label.
    pub fn new(lexicon: &'a Lexicon) -> Self {
        Self {
            lexicon,
            in_target: vec![0; lexicon.len()],
            in_past: vec![false; lexicon.len()],
        }
    }

    /// The SynCtx label: words of the past passages that are alike to words of the target, the most
    /// often selected first, then the rarest, then by alphabet (paper §4.4). A word counts once for
    /// each word of the target, repetitions included, that it is alike to; stop words and words with
    /// an IDF under 1.5 count on neither side.
    pub fn label(&mut self, target: &str, past_passages: &str) -> Vec<String> {
        let Lexicon { numbers, idf, .. } = self.lexicon;
        let mut target_words = Vec::new();
        for word in words(target) {
            if let Some(&number) = numbers.get(&word) {
                self.in_target[number as usize] += 1;
                target_words.push(number);
            }
        }
        let mut past_words = Vec::new();
        let mut selected = Vec::new();
        for word in words(past_passages) {
            let Some(&number) = numbers.get(&word) else {
                continue;
            };
            if std::mem::replace(&mut self.in_past[number as usize], true) {
                continue;
            }
            past_words.push(number);
            let others = self.lexicon.neighbours(number).iter();
            let times = self.in_target[number as usize]
                + others
                    .map(|&other| self.in_target[other as usize])
                    .sum::<u32>();
            if times > 0 {
                selected.push((word, times, idf[number as usize]));
            }
        }
        for number in target_words {
            self.in_target[number as usize] = 0;
        }
        for number in past_words {
            self.in_past[number as usize] = false;
        }
        selected.sort_by(|a, b| b.1.cmp(&a.1).then(b.2.total_cmp(&a.2)).then(a.0.cmp(&b.0)));
        selected.truncate(KEYWORD_LABEL_WORDS);
        selected.into_iter().map(|(word, ..)| word).collect()
    }
}

#[cfg(test)]
mod tests {
    use idiolect_retrieval::Analyzer;
    use proptest::prelude::*;

    use super::*;

    /// Ten documents, of which four hold `common` and one each of the others.
    fn idf() -> DocumentFrequencies {
        let mut idf = DocumentFrequencies::default();
        for n in 0..10 {
            idf.add(match n {
                0 => "common heron",
                1 => "common weir weirs",
                2 => "common boat ship",
                3 => "common flood",
                4 => "weir",
                _ => "other",
            });
        }
        idf
    }

    const TARGET: &str = "The weir, the weir! A ship and a heron in common flood.";
    const PAST: &str = "Weirs and a weir. The heron has a boat; the common the.";

    fn label(target: &str, past: &str, idf: &DocumentFrequencies, alike: &Alike) -> Vec<String> {
        let vocabulary = words(target).into_iter().chain(words(past)).collect();
        let lexicon = Lexicon::new(&vocabulary, idf, alike);
        let mut labels = KeywordLabels::new(&lexicon);
        let first = labels.label(target, past);
        assert_eq!(labels.label(target, past), first, "nothing is left behind");
        first
    }

    #[test]
    fn identical_words_by_times_selected_then_rarity() {
        let identical = Alike::default();
        // `common` stands in 4 of 10 documents: ln 2.5 < 1.5. `weir` was used twice.
        assert_eq!(label(TARGET, PAST, &idf(), &identical), ["weir", "heron"]);
    }

    #[test]
    fn synonyms_and_stems_select_too() {
        let idf = idf();
        let mut alike = Alike::default();
        alike.add_stems(idf.of_word.keys(), Analyzer::English);
        alike.add_neighbours("boat", ["ship", "vessel"]);
        assert_eq!(
            label(TARGET, PAST, &idf, &alike),
            // Two words of the target select both forms of weir; the rarer form comes first.
            ["weirs", "weir", "boat", "heron"]
        );
    }

    #[test]
    fn two_reasons_to_be_alike_count_once() {
        let mut alike = Alike::default();
        alike.add_neighbours("boat", ["ship"]);
        alike.add_neighbours("ship", ["boat"]);
        alike.add_neighbours("boat", ["ship", "boat"]);
        alike.add_neighbours("skiff", ["ship", "boat"]);
        // Three ships, a boat and a skiff select `boat` five times, as often as `heron` itself but
        // one; counted twice, they would stand before it.
        let target = "ship ship ship boat skiff heron heron heron heron heron heron";
        assert_eq!(
            label(target, "boat heron", &idf(), &alike),
            ["heron", "boat"]
        );
    }

    #[test]
    fn a_label_has_at_most_64_words() {
        let words: Vec<String> = (0..90).map(|i| format!("w{i:02}")).collect();
        let text = words.join(" ");
        let mut idf = DocumentFrequencies::default();
        for n in 0..10 {
            idf.add(if n == 0 { &text } else { "x" });
        }
        assert_eq!(label(&text, &text, &idf, &Alike::default()), words[..64]);
    }

    proptest! {
        // The paper's sentence as it stands: every word of the target with every word of the past.
        #[test]
        fn labels_are_those_of_the_double_loop(
            target in prop::collection::vec(0_usize..12, 0..30),
            past in prop::collection::vec(0_usize..12, 0..30),
            pairs in prop::collection::vec((0_usize..12, 0_usize..12), 0..20),
        ) {
            let name = |i: usize| format!("w{i:02}");
            let text = |of: &[usize]| of.iter().map(|&i| name(i)).collect::<Vec<_>>().join(" ");
            let mut idf = DocumentFrequencies::default();
            for i in 0..40 {
                // The first three are too common, the others differ in rarity.
                let present: Vec<usize> = (0..12).filter(|&w| i < if w < 3 { 20 } else { w / 2 }).collect();
                idf.add(&text(&present));
            }
            let mut alike = Alike::default();
            for &(a, b) in &pairs {
                alike.add_neighbours(&name(a), [name(b).as_str()]);
            }
            let similar = |w: usize, v: usize| w == v || pairs.contains(&(w, v)) || pairs.contains(&(v, w));
            let mut times: HashMap<usize, usize> = HashMap::new();
            let past_words: HashSet<usize> = past.iter().copied().collect();
            for &w in target.iter().filter(|&&w| idf.says_something(&name(w))) {
                for &v in past_words.iter().filter(|&&v| idf.says_something(&name(v))) {
                    if similar(w, v) {
                        *times.entry(v).or_default() += 1;
                    }
                }
            }
            let mut expected: Vec<usize> = times.keys().copied().collect();
            expected.sort_by(|a, b| {
                times[b].cmp(&times[a])
                    .then(idf.idf(&name(*b)).total_cmp(&idf.idf(&name(*a))))
                    .then(a.cmp(b))
            });
            let expected: Vec<String> = expected.into_iter().map(name).collect();
            prop_assert_eq!(label(&text(&target), &text(&past), &idf, &alike), expected);
        }
    }
}
