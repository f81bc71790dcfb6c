use std::collections::HashSet;
use std::io::BufRead;

use rayon::prelude::*;

use super::products::nearer;
use crate::examples::DataError;

/// Word vectors in GloVe's text format: a line a word, the word, then its numbers.
#[derive(Debug, Clone, Default)]
pub struct WordVectors {
    dimensions: usize,
    /// By length of vector, so that only neighbours in length need be compared.
    words: Vec<(f32, String)>,
    /// Row after row, in the order of `words`.
    values: Vec<f32>,
}

impl WordVectors {
    /// Reads the vectors of the words in `vocabulary`; of words that stand there more than once,
    /// the first. Words may contain spaces, as some in Common Crawl's do.
    ///
    /// # Errors
    /// [`DataError::ReadVectors`], and [`DataError::Vector`] for a line without as many numbers as
    /// the first.
    pub fn read(from: &mut dyn BufRead, vocabulary: &HashSet<String>) -> Result<Self, DataError> {
        let mut dimensions = 0;
        let mut seen: HashSet<String> = HashSet::new();
        let mut rows: Vec<(f32, String, Vec<f32>)> = Vec::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if from
                .read_until(b'\n', &mut line)
                .map_err(DataError::ReadVectors)?
                == 0
            {
                break;
            }
            let wrong = || DataError::Vector { line: number };
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            if dimensions == 0 {
                dimensions = text.split(' ').count() - 1;
            }
            let word_ends = match text.rmatch_indices(' ').nth(dimensions.saturating_sub(1)) {
                Some((end, _)) if dimensions > 0 => end,
                _ => return Err(wrong()),
            };
            let word = &text[..word_ends];
            if !vocabulary.contains(word) || seen.contains(word) {
                continue;
            }
            let parsed: Result<Vec<f32>, _> =
                text[word_ends + 1..].split(' ').map(str::parse).collect();
            let values = parsed.map_err(|_| wrong())?;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(wrong());
            }
            seen.insert(word.to_owned());
            let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
            rows.push((length, word.to_owned(), values));
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        let values = rows.iter().flat_map(|row| row.2.iter().copied()).collect();
        Ok(Self {
            dimensions,
            words: rows
                .into_iter()
                .map(|(length, word, _)| (length, word))
                .collect(),
            values,
        })
    }

    /// How many words have a vector.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether no word has one.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// All pairs of different words whose Euclidean distance is below `limit`.
    pub fn pairs_nearer_than(&self, limit: f32) -> Vec<(&str, &str)> {
        (0..self.words.len())
            .into_par_iter()
            .flat_map_iter(|i| {
                let (length, word) = &self.words[i];
                // |‖a‖ − ‖b‖| ≤ ‖a − b‖, with room for rounding.
                let reach = length + limit * 1.001;
                let end = i + 1 + self.words[i + 1..].partition_point(|other| other.0 <= reach);
                let rows = &self.values[(i + 1) * self.dimensions..end * self.dimensions];
                let from = &self.values[i * self.dimensions..(i + 1) * self.dimensions];
                nearer(from, rows, limit * limit)
                    .into_iter()
                    .map(move |place| (word.as_str(), self.words[i + 1 + place].1.as_str()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vocabulary(words: &[&str]) -> HashSet<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn near_words_are_found() {
        let file = "boat 0 0\nship 3 2\n. . 9 9\nheron 4 0\nboat 9 9\nsky 0 0\n";
        let words = vocabulary(&["boat", "ship", "heron"]);
        let vectors = WordVectors::read(&mut file.as_bytes(), &words).unwrap();
        assert_eq!(vectors.len(), 3);
        // 3, 2 lies √13 from the origin; 4, 0 exactly 4, which is not below it.
        assert_eq!(
            vectors.pairs_nearer_than(4.0),
            [("boat", "ship"), ("ship", "heron")]
        );
    }

    #[test]
    fn a_broken_line_is_named() {
        let words = vocabulary(&["boat", "ship"]);
        for (file, broken) in [("boat 0 0\nship 3\n", 2), ("boat 0 x\n", 1), ("boat\n", 1)] {
            let error = WordVectors::read(&mut file.as_bytes(), &words).unwrap_err();
            assert!(
                matches!(error, DataError::Vector { line } if line == broken),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_near_pair_is_missed(rows in prop::collection::vec([-3.0_f32..3.0, -3.0..3.0, -3.0..3.0], 0..20)) {
            let words: Vec<String> = (0..rows.len()).map(|i| format!("w{i:02}")).collect();
            let lines = rows.iter().zip(&words);
            let lines: Vec<String> =
                lines.map(|(row, word)| format!("{word} {} {} {}", row[0], row[1], row[2])).collect();
            let file = lines.join("\n");
            let vectors =
                WordVectors::read(&mut file.as_bytes(), &words.iter().cloned().collect()).unwrap();
            let mut found: Vec<_> = vectors
                .pairs_nearer_than(2.0)
                .into_iter()
                .map(|(a, b)| (a.min(b).to_owned(), a.max(b).to_owned()))
                .collect();
            found.sort();
            let mut expected = Vec::new();
            for i in 0..rows.len() {
                for j in i + 1..rows.len() {
                    let squares = rows[i].iter().zip(&rows[j]).map(|(a, b)| (a - b) * (a - b));
                    if squares.sum::<f32>() < 4.0 {
                        expected.push((words[i].clone(), words[j].clone()));
                    }
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
