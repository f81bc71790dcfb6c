use std::collections::{HashMap, HashSet};

use idiolect_pipeline::DocumentFrequencies;
use idiolect_retrieval::words;

use super::Alike;

/// How many words a keyword label may have.
pub const KEYWORD_LABEL_WORDS: usize = 64;

/// The SynCtx label: words of the past passages that are alike to words of the target, the most
/// often selected first, then the rarest, then by alphabet (paper §4.4). A word counts once for
/// each word of the target, repetitions included, that it is alike to; stop words and words with an
/// IDF under 1.5 count on neither side.
pub fn keyword_label(
    target: &str,
    past_passages: &str,
    idf: &DocumentFrequencies,
    alike: &Alike,
) -> Vec<String> {
    let mut in_target: HashMap<String, u32> = HashMap::new();
    for word in words(target) {
        *in_target.entry(word).or_default() += 1;
    }
    in_target.retain(|word, _| idf.says_something(word));

    let in_past: HashSet<String> = words(past_passages).into_iter().collect();
    let mut selected: Vec<(String, u32, f64)> = in_past
        .into_iter()
        .filter(|word| idf.says_something(word))
        .map(|word| (alike.times_selected(&word, &in_target), word))
        .filter(|&(times, _)| times > 0)
        .map(|(times, word)| {
            let idf = idf.idf(&word);
            (word, times, idf)
        })
        .collect();
    selected.sort_by(|a, b| b.1.cmp(&a.1).then(b.2.total_cmp(&a.2)).then(a.0.cmp(&b.0)));
    selected.truncate(KEYWORD_LABEL_WORDS);
    selected.into_iter().map(|(word, ..)| word).collect()
}

#[cfg(test)]
mod tests {
    use idiolect_retrieval::Analyzer;

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

    #[test]
    fn identical_words_by_times_selected_then_rarity() {
        let identical = Alike::default();
        // `common` stands in 4 of 10 documents: ln 2.5 < 1.5. `weir` was used twice.
        assert_eq!(
            keyword_label(TARGET, PAST, &idf(), &identical),
            ["weir", "heron"]
        );
    }

    #[test]
    fn synonyms_and_stems_select_too() {
        let idf = idf();
        let mut alike = Alike::default();
        alike.add_stems(idf.of_word.keys(), Analyzer::English);
        alike.add_neighbours("boat", ["ship", "vessel"]);
        assert_eq!(
            keyword_label(TARGET, PAST, &idf, &alike),
            // Two words of the target select both forms of weir; the rarer form comes first.
            ["weirs", "weir", "boat", "heron"]
        );
    }

    #[test]
    fn two_reasons_to_be_alike_count_once() {
        let mut alike = Alike::default();
        alike.add_neighbours("boat", ["ship"]);
        alike.add_neighbours("boat", ["ship", "boat"]);
        let in_target = HashMap::from([("ship".to_owned(), 3), ("boat".to_owned(), 1)]);
        assert_eq!(alike.times_selected("boat", &in_target), 4);
    }

    #[test]
    fn a_label_has_at_most_64_words() {
        let words: Vec<String> = (0..90).map(|i| format!("w{i:02}")).collect();
        let text = words.join(" ");
        let mut idf = DocumentFrequencies::default();
        for n in 0..10 {
            idf.add(if n == 0 { &text } else { "x" });
        }
        assert_eq!(
            keyword_label(&text, &text, &idf, &Alike::default()),
            words[..64]
        );
    }
}
