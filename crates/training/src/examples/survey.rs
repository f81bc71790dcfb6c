use std::collections::{BTreeMap, HashSet};

use idiolect_pipeline::DocumentFrequencies;

use super::order::{InOrder, in_order};
use super::{BuildOptions, DataError, Documents, Shares, Split, stable_hash};

/// What must be known of all authors before the first example can be made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// Every author with enough examples.
    pub splits: BTreeMap<String, Split>,
    /// The fixed table behind all IDFs: over the documents of the training authors, or of all
    /// authors with examples where none is for training. The one exception to "nothing from the
    /// future".
    pub idf: DocumentFrequencies,
    /// Every word of these authors that may stand in a keyword label.
    pub vocabulary: HashSet<String>,
}

/// Goes through all authors once to see who has enough examples, divides these by the seed, and
/// through these once more for their words.
///
/// # Errors
/// [`DataError::Documents`].
pub fn survey(
    authors: &[String],
    documents: Documents<'_>,
    options: &BuildOptions,
) -> Result<Survey, DataError> {
    let mut eligible = Vec::new();
    for author in authors {
        let order = load(author, documents)?;
        if targets(&order, options).len() >= options.min_examples.max(1) {
            eligible.push(author.clone());
        }
    }
    let mut survey = Survey {
        splits: divide(eligible, options.split, options.seed),
        ..Survey::default()
    };
    let any_train = survey.splits.values().any(|&split| split == Split::Train);
    for (author, &split) in &survey.splits {
        let counts = split == Split::Train || !any_train;
        for document in load(author, documents)?.documents {
            let content = document.content();
            if counts {
                survey.idf.add(&content);
            } else {
                survey
                    .vocabulary
                    .extend(idiolect_retrieval::words(&content));
            }
        }
    }
    survey.vocabulary.extend(survey.idf.of_word.keys().cloned());
    survey
        .vocabulary
        .retain(|word| survey.idf.says_something(word));
    Ok(survey)
}

pub(super) fn load(author: &str, documents: Documents<'_>) -> Result<InOrder, DataError> {
    let loaded = documents(author).map_err(|source| DataError::Documents {
        author: author.to_owned(),
        source,
    })?;
    Ok(in_order(loaded))
}

/// Places of the documents that can be targets: longer than the least length, with enough earlier
/// documents (paper §5).
pub(super) fn targets(order: &InOrder, options: &BuildOptions) -> Vec<usize> {
    let long = |i: &usize| {
        let content = order.documents[*i].content();
        content.chars().nth(options.min_chars).is_some()
    };
    (0..order.documents.len())
        .filter(|&i| order.earlier[i] >= options.min_past)
        .filter(long)
        .collect()
}

/// Divides authors by shares, in the order of their hashes with the seed. Where there are authors
/// enough, every share above 0 gets at least one.
fn divide(mut authors: Vec<String>, shares: Shares, seed: u64) -> BTreeMap<String, Split> {
    let seed = seed.to_string();
    authors.sort_by_cached_key(|author| (stable_hash(&["split", &seed, author]), author.clone()));
    let all = authors.len();
    let total = shares.0.iter().sum::<u32>().max(1) as usize;
    let up_to = |n: usize| {
        let share = shares.0[..n].iter().sum::<u32>() as usize;
        (all * share + total / 2) / total
    };
    let mut sizes = [up_to(1), up_to(2) - up_to(1), all - up_to(2)];
    for split in 0..sizes.len() {
        let largest = (0..sizes.len())
            .rev()
            .max_by_key(|&i| sizes[i])
            .unwrap_or(0);
        if sizes[split] == 0 && shares.0[split] > 0 && sizes[largest] > 1 {
            sizes[largest] -= 1;
            sizes[split] += 1;
        }
    }
    let splits = Split::ALL.into_iter().zip(sizes);
    let repeated = splits.flat_map(|(split, size)| std::iter::repeat_n(split, size));
    authors.into_iter().zip(repeated).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(authors: usize, shares: [u32; 3], seed: u64) -> [usize; 3] {
        let names = (0..authors).map(|i| format!("a{i}")).collect();
        let splits = divide(names, Shares(shares), seed);
        assert_eq!(splits.len(), authors);
        Split::ALL.map(|split| splits.values().filter(|&&s| s == split).count())
    }

    #[test]
    fn shares_are_kept() {
        assert_eq!(sizes(200, [85, 5, 10], 0), [170, 10, 20]);
        assert_eq!(sizes(10, [85, 5, 10], 0), [8, 1, 1]);
        assert_eq!(sizes(3, [85, 5, 10], 0), [1, 1, 1]);
        assert_eq!(sizes(1, [85, 5, 10], 0), [1, 0, 0]);
        assert_eq!(sizes(0, [85, 5, 10], 0), [0, 0, 0]);
        assert_eq!(sizes(9, [0, 0, 1], 0), [0, 0, 9]);
        assert_eq!(sizes(9, [1, 0, 1], 0), [5, 0, 4]);
    }

    #[test]
    fn the_seed_decides() {
        let names: Vec<String> = (0..40).map(|i| format!("a{i}")).collect();
        let divided = |seed| divide(names.clone(), Shares([50, 25, 25]), seed);
        assert_eq!(divided(1), divided(1));
        assert_ne!(divided(1), divided(2));
    }
}
