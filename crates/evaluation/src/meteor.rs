//! METEOR as NLTK 3.10.4 computes it: α = 0.9, β = 3, γ = 0.5.

use std::collections::HashMap;

use crate::nltk_words::nltk_words;
use crate::porter::porter_stem;
use crate::wordnet::WordNet;

const ALPHA: f64 = 0.9;
const BETA: i32 = 3;
const GAMMA: f64 = 0.5;

/// METEOR of one pair, from 0 to 1: words match if they are equal, have the same stem, or – with
/// WordNet – share a synset. Words are those of NLTK's `NLTKWordTokenizer` over the whole text,
/// lower-cased.
pub fn meteor(reference: &str, prediction: &str, wordnet: Option<&WordNet>) -> f64 {
    let words = |text: &str| -> Vec<Word> {
        nltk_words(text)
            .into_iter()
            .enumerate()
            .map(|(position, word)| Word {
                position,
                form: word.to_lowercase(),
            })
            .collect()
    };
    let mut ours = words(prediction);
    let mut theirs = words(reference);
    let (our_length, their_length) = (ours.len(), theirs.len());

    let mut matches = Vec::new();
    align(&mut ours, &mut theirs, &mut matches, |word, free| {
        free.latest(word)
    });
    for word in ours.iter_mut().chain(&mut theirs) {
        // From here on NLTK keeps the stems, so WordNet too is asked for stems.
        word.form = porter_stem(&word.form);
    }
    align(&mut ours, &mut theirs, &mut matches, |word, free| {
        free.latest(word)
    });
    if let Some(wordnet) = wordnet {
        align(&mut ours, &mut theirs, &mut matches, |word, free| {
            wordnet
                .synonyms(word)
                .into_iter()
                .chain([word])
                .filter_map(|synonym| free.latest(synonym))
                .max()
        });
    }
    if matches.is_empty() {
        return 0.0;
    }

    matches.sort_unstable();
    let chunks = 1 + matches
        .windows(2)
        .filter(|pair| pair[1].0 != pair[0].0 + 1 || pair[1].1 != pair[0].1 + 1)
        .count();
    let matched = matches.len() as f64;
    let precision = matched / our_length as f64;
    let recall = matched / their_length as f64;
    let mean = precision * recall / (ALPHA * precision + (1.0 - ALPHA) * recall);
    let penalty = GAMMA * (chunks as f64 / matched).powi(BETA);
    (1.0 - penalty) * mean
}

struct Word {
    /// In the text.
    position: usize,
    form: String,
}

/// The reference's words not yet taken: for each form their indices, the last on top.
struct Free(HashMap<String, Vec<usize>>);

impl Free {
    fn latest(&self, form: &str) -> Option<usize> {
        self.0.get(form)?.last().copied()
    }
}

/// Matches our words, the last first, each with the latest free word that `find` gives; what is
/// matched leaves both lists.
fn align(
    ours: &mut Vec<Word>,
    theirs: &mut Vec<Word>,
    matches: &mut Vec<(usize, usize)>,
    find: impl Fn(&str, &Free) -> Option<usize>,
) {
    let mut free = Free(HashMap::new());
    for (index, word) in theirs.iter().enumerate() {
        free.0.entry(word.form.clone()).or_default().push(index);
    }
    let mut taken = vec![false; theirs.len()];
    let mut kept = Vec::with_capacity(ours.len());
    while let Some(word) = ours.pop() {
        match find(&word.form, &free) {
            Some(index) => {
                taken[index] = true;
                if let Some(indices) = free.0.get_mut(&theirs[index].form) {
                    indices.pop();
                }
                matches.push((word.position, theirs[index].position));
            }
            None => kept.push(word),
        }
    }
    kept.reverse();
    *ours = kept;
    let mut taken = taken.into_iter();
    theirs.retain(|_| taken.next() != Some(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example in NLTK 3.10.4's documentation of `single_meteor_score`.
    #[test]
    fn the_documented_example() {
        let reference = "It is a guide to action that ensures that the military will forever heed Party commands";
        let prediction = "It is a guide to action which ensures that the military always obeys the commands of the party";
        let score = meteor(reference, prediction, None);
        assert_eq!(format!("{score:.4}"), "0.6944");
        assert_eq!(
            meteor("this is a cat", "non matching hypothesis", None),
            0.0
        );
        assert_eq!(meteor("", "", None), 0.0);
    }
}
