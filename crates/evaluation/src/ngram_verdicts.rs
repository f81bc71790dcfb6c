//! The cheap answer to "by the same author?": how alike two texts' character n-grams are.

use std::collections::HashMap;

/// Characters of an n-gram.
const ORDER: usize = 4;

/// For each pair of texts how likely one person wrote both, from 0 to 1: the cosine of their
/// character 4-grams, weighted by TF-IDF over all these texts, compared with the median pair's.
/// It learns nothing: a model that is worse than this has learnt nothing of authors.
pub fn char_ngram_verdicts(pairs: &[(&str, &str)]) -> Vec<f64> {
    let counted: Vec<[HashMap<Vec<char>, f64>; 2]> = pairs
        .iter()
        .map(|(first, second)| [counts(first), counts(second)])
        .collect();
    let mut frequencies: HashMap<&[char], f64> = HashMap::new();
    for gram in counted.iter().flatten().flat_map(HashMap::keys) {
        *frequencies.entry(gram).or_default() += 1.0;
    }
    let texts = 2.0 * pairs.len() as f64;
    let weight = |gram: &[char]| (texts / frequencies[gram]).ln() + 1.0;
    let cosines: Vec<f64> = counted
        .iter()
        .map(|[first, second]| {
            let product = |a: &HashMap<Vec<char>, f64>, b: &HashMap<Vec<char>, f64>| -> f64 {
                let mut parts: Vec<f64> = a
                    .iter()
                    .filter_map(|(gram, count)| Some(count * b.get(gram)? * weight(gram).powi(2)))
                    .collect();
                // The same sum in whatever order a map gives them.
                parts.sort_by(f64::total_cmp);
                parts.iter().sum()
            };
            let lengths = product(first, first) * product(second, second);
            if lengths > 0.0 {
                product(first, second) / lengths.sqrt()
            } else {
                0.0
            }
        })
        .collect();
    let mut sorted = cosines.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    cosines
        .into_iter()
        .map(|cosine| {
            if cosine >= median && median < 1.0 {
                0.5 + 0.5 * (cosine - median) / (1.0 - median)
            } else {
                0.5 * cosine / median.max(f64::MIN_POSITIVE)
            }
        })
        .map(|score| score.clamp(0.0, 1.0))
        .collect()
}

fn counts(text: &str) -> HashMap<Vec<char>, f64> {
    let characters: Vec<char> = text.chars().collect();
    let mut counts: HashMap<Vec<char>, f64> = HashMap::new();
    for gram in characters.windows(ORDER) {
        match counts.get_mut(gram) {
            Some(count) => *count += 1.0,
            None => {
                counts.insert(gram.to_vec(), 1.0);
            }
        }
    }
    // A word said ten times does not say ten times as much.
    for count in counts.values_mut() {
        *count = 1.0 + count.ln();
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_texts_score_above_unlike_ones() {
        let scores = char_ngram_verdicts(&[
            ("the heron stood there", "the heron stood here"),
            ("the heron stood there", "quite another matter"),
            ("a plain text of words", "a plain text of verbs"),
            ("", "nothing"),
        ]);
        assert!(scores[0] > scores[1] && scores[2] > scores[1], "{scores:?}");
        assert_eq!(scores[3], 0.0);
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
        assert_eq!(char_ngram_verdicts(&[]), Vec::<f64>::new());
    }
}
