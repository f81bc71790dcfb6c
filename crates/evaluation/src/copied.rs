//! How much of an output is taken word for word from the past it was given.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Shorter runs than this many words are not called copied: `longest` is 0 then.
pub const LONGEST_AT_LEAST: usize = 5;

/// Runs of at least this many words count for `share`.
pub const SHARE_FROM: usize = 8;

/// What stands verbatim in the past.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// Words in the longest run, 0 below [`LONGEST_AT_LEAST`].
    pub longest: usize,
    /// Share of the output's words, from 0 to 1, inside runs of [`SHARE_FROM`] words or more.
    pub share: f64,
}

/// Compares an output with the passages it was given. Words are what white space separates, equal
/// only if every character is; a run lies within one passage.
///
/// ```
/// use idiolect_evaluation::copied;
///
/// let past = ["We met at the old harbour in the rain."];
/// let found = copied("She said we met at the old harbour again.", &past);
/// assert_eq!(found.longest, 5); // "met at the old harbour"
/// assert_eq!(found.share, 0.0);
/// ```
pub fn copied(output: &str, past: &[&str]) -> Copied {
    let output: Vec<&str> = output.split_whitespace().collect();
    let mut in_run = vec![false; output.len()];
    let mut longest = 0;
    for passage in past {
        let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
        for (position, word) in passage.split_whitespace().enumerate() {
            positions.entry(word).or_default().push(position);
        }
        // Lengths of the runs that end at the word before, by their last position in the passage.
        let mut runs: HashMap<usize, usize> = HashMap::new();
        for (at, word) in output.iter().enumerate() {
            let mut extended = HashMap::new();
            for &position in positions.get(word).into_iter().flatten() {
                let before = position
                    .checked_sub(1)
                    .and_then(|previous| runs.get(&previous));
                let length = before.copied().unwrap_or(0) + 1;
                extended.insert(position, length);
                longest = longest.max(length);
                if length == SHARE_FROM {
                    in_run[at + 1 - length..=at].fill(true);
                } else if length > SHARE_FROM {
                    in_run[at] = true;
                }
            }
            runs = extended;
        }
    }
    let inside = in_run.iter().filter(|&&inside| inside).count();
    Copied {
        longest: if longest >= LONGEST_AT_LEAST {
            longest
        } else {
            0
        },
        share: inside as f64 / output.len().max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_eight_words_count_for_the_share() {
        let past = ["a b c d e f g h i j", "x y z"];
        assert_eq!(
            copied("a b c d e f g h ! x y z", &past),
            Copied {
                longest: 8,
                share: 8.0 / 12.0
            }
        );
        assert_eq!(
            copied("a b c d e f g h i j", &past),
            Copied {
                longest: 10,
                share: 1.0
            }
        );
    }

    #[test]
    fn short_runs_other_cases_and_joined_passages_are_no_copies() {
        assert_eq!(copied("a b c d", &["a b c d"]), Copied::default());
        assert_eq!(copied("A B C D E", &["a b c d e"]), Copied::default());
        assert_eq!(
            copied("a b c d e f", &["a b c", "d e f"]),
            Copied::default()
        );
        assert_eq!(copied("", &["a"]), Copied::default());
        assert_eq!(copied("a", &[]), Copied::default());
    }

    #[test]
    fn repetitive_texts_count_each_word_once() {
        let repeated = "ha ".repeat(300);
        assert_eq!(
            copied(&repeated, &[repeated.as_str()]),
            Copied {
                longest: 300,
                share: 1.0
            }
        );
    }
}
