//! Pairs of documents for author distinction (paper §4.5).

use std::collections::BTreeMap;

use idiolect_core::{Before, Document, Ranking, first_characters};
use idiolect_retrieval::{Bm25, MemoryPast, Query};
use serde::{Deserialize, Serialize};

use crate::examples::{DataError, Documents, Split, stable_hash, without_copies};

/// Two documents, and whether one person wrote both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Content of one document.
    pub first: String,
    /// Content of the other.
    pub second: String,
    /// The answer to learn.
    pub label: SameAuthor,
    /// Who wrote the first, and who the second.
    pub authors: [String; 2],
}

/// The answer of author distinction, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameAuthor {
    /// One author.
    True,
    /// Two.
    False,
}

impl SameAuthor {
    /// `true` or `false`: what the model learns to write.
    pub fn text(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
        }
    }
}

/// Which pairs are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairOptions {
    /// Of an author with more documents, so many begin a pair.
    pub max_per_author: usize,
    /// Draws authors and documents.
    pub seed: u64,
    /// Of the pairs of two authors, so many in a hundred are hard: the other document is the one
    /// most like the first among those of the other authors at hand, by BM25.
    pub hard_percent: u8,
}

impl Default for PairOptions {
    fn default() -> Self {
        Self {
            max_per_author: 50,
            seed: 0,
            hard_percent: 0,
        }
    }
}

/// So many authors are held in memory at a time; the other author of a pair is one of these.
const AUTHORS_AT_ONCE: usize = 64;

/// Makes pairs by turns of one author and of two, as many of each, and hands them to `each`. No
/// author of validation or test takes part. Authors with fewer than two different documents do not
/// either, since nothing could be said against them being the other.
///
/// # Errors
/// [`DataError::Documents`], and what `each` says as [`DataError::Write`].
pub fn build_pairs(
    authors: &[String],
    splits: &BTreeMap<String, Split>,
    documents: Documents<'_>,
    options: &PairOptions,
    each: &mut dyn FnMut(&Pair) -> std::io::Result<()>,
) -> Result<(), DataError> {
    let draw = Draw {
        seed: options.seed.to_string(),
    };
    let mut drawn: Vec<&String> = authors
        .iter()
        .filter(|author| matches!(splits.get(*author), None | Some(Split::Train)))
        .collect();
    drawn.sort_by_cached_key(|author| (draw.number("order", author, 0), (*author).clone()));

    let mut held: Vec<Author<'_>> = Vec::new();
    for (i, &name) in drawn.iter().enumerate() {
        let loaded = documents(name).map_err(|source| DataError::Documents {
            author: name.clone(),
            source,
        })?;
        let documents = without_copies(loaded);
        if documents.len() >= 2 {
            held.push(Author { name, documents });
        }
        // The last authors are not left without others to be compared with.
        let full = held.len() >= AUTHORS_AT_ONCE && drawn.len() - i > AUTHORS_AT_ONCE;
        if full || i + 1 == drawn.len() {
            if held.len() > 1 {
                let topics = (options.hard_percent > 0)
                    .then(|| Topics::of(&held))
                    .transpose()?;
                for (place, author) in held.iter().enumerate() {
                    author_pairs(author, place, &held, topics.as_ref(), &draw, options, each)?;
                }
            }
            held.clear();
        }
    }
    Ok(())
}

/// An author with at least two documents.
struct Author<'a> {
    name: &'a String,
    documents: Vec<Document>,
}

/// The pairs that begin with documents of one author: for each pair of one author one of two.
fn author_pairs(
    author: &Author<'_>,
    place: usize,
    held: &[Author<'_>],
    topics: Option<&Topics>,
    draw: &Draw,
    options: &PairOptions,
    each: &mut dyn FnMut(&Pair) -> std::io::Result<()>,
) -> Result<(), DataError> {
    let count = author.documents.len();
    let mut beginnings: Vec<usize> = (0..count).collect();
    beginnings.sort_by_cached_key(|&i| draw.number("beginning", author.name, i));
    beginnings.truncate(options.max_per_author.min(count) / 2 * 2);
    for (turn, &i) in beginnings.iter().enumerate() {
        let (label, other, j) = if turn % 2 == 0 {
            let j = draw.below(count - 1, "same", author.name, i);
            (SameAuthor::True, author, j + usize::from(j >= i))
        } else if let Some((other, j)) = topics
            .filter(|_| draw.below(100, "hard", author.name, i) < usize::from(options.hard_percent))
            .map(|topics| topics.nearest(place, &author.documents[i]))
            .transpose()?
            .flatten()
        {
            (SameAuthor::False, &held[other], j)
        } else {
            let at = draw.below(held.len() - 1, "other", author.name, i);
            let other = &held[at + usize::from(at >= place)];
            let j = draw.below(other.documents.len(), "document", author.name, i);
            (SameAuthor::False, other, j)
        };
        each(&Pair {
            first: author.documents[i].content().into_owned(),
            second: other.documents[j].content().into_owned(),
            label,
            authors: [author.name.clone(), other.name.clone()],
        })
        .map_err(DataError::Write)?;
    }
    Ok(())
}

/// The documents of the authors at hand, to be searched for what is about the same.
struct Topics {
    past: MemoryPast,
}

/// Stands for all authors at hand.
const EVERYBODY: &str = "everybody";

/// So many characters of a document say what it is about.
const TOPIC_CHARACTERS: usize = 1000;

/// So many documents are looked at for one of another author.
const ALIKE: usize = 100;

impl Topics {
    fn of(held: &[Author<'_>]) -> Result<Self, DataError> {
        let mut documents = Vec::new();
        for (place, author) in held.iter().enumerate() {
            for (i, document) in author.documents.iter().enumerate() {
                documents.push(Document {
                    id: format!("{place} {i}"),
                    author: EVERYBODY.to_owned(),
                    date: None,
                    n: None,
                    ..document.clone()
                });
            }
        }
        let past = MemoryPast::new(EVERYBODY, &documents, &Before::Now, None)?;
        Ok(Self { past })
    }

    /// The author and the document most like this one among those of others; `None` where none
    /// shares a word with it.
    fn nearest(
        &self,
        place: usize,
        document: &Document,
    ) -> Result<Option<(usize, usize)>, DataError> {
        let content = document.content();
        let query = Query {
            text: first_characters(&content, TOPIC_CHARACTERS),
            vector: None,
        };
        let bm25 = Bm25::default();
        let mut nearest = None;
        self.past
            .find(&query, Ranking::DocBm25, &bm25, ALIKE, &mut |one| {
                let place_of = |part: Option<&str>| part.and_then(|part| part.parse().ok());
                let mut parts = one.document.split(' ');
                if let (None, Some(author), Some(i)) =
                    (nearest, place_of(parts.next()), place_of(parts.next()))
                    && author != place
                {
                    nearest = Some((author, i));
                }
            })?;
        Ok(nearest)
    }
}

/// Numbers that depend on nothing but the seed and what they are for.
struct Draw {
    seed: String,
}

impl Draw {
    fn number(&self, purpose: &str, author: &str, i: usize) -> u64 {
        stable_hash(&["pairs", &self.seed, purpose, author, &i.to_string()])
    }

    /// From 0 to `n` - 1.
    fn below(&self, n: usize, purpose: &str, author: &str, i: usize) -> usize {
        (self.number(purpose, author, i) % n.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn documents(author: &str) -> Vec<Document> {
        let count = author.len() * 3;
        let mut made: Vec<Document> = (0..count)
            .map(|i| Document::new(author, "", &format!("{author} wrote {i}")))
            .collect();
        made.push(made[0].clone());
        made
    }

    fn pairs(authors: &[&str], splits: &[(&str, Split)], seed: u64) -> Vec<Pair> {
        let authors: Vec<String> = authors.iter().map(|&author| author.into()).collect();
        let splits = splits
            .iter()
            .map(|&(author, split)| (author.into(), split))
            .collect();
        let mut made = Vec::new();
        let options = PairOptions {
            seed,
            ..PairOptions::default()
        };
        build_pairs(
            &authors,
            &splits,
            &mut |author| Ok(documents(author)),
            &options,
            &mut |pair| {
                made.push(pair.clone());
                Ok(())
            },
        )
        .unwrap();
        made
    }

    #[test]
    fn half_true_half_false_and_nobody_from_validation_or_test() {
        let splits = [
            ("val", Split::Validation),
            ("test", Split::Test),
            ("ana", Split::Train),
        ];
        let made = pairs(&["ana", "bert", "val", "test", "cleo"], &splits, 0);
        // 9, 12 and 12 documents begin 8, 12 and 12 pairs.
        assert_eq!(made.len(), 32);
        for pair in &made {
            let same = pair.authors[0] == pair.authors[1];
            assert_eq!(pair.label.text(), same.to_string());
            assert!(pair.first.starts_with(&pair.authors[0]));
            assert!(pair.second.starts_with(&pair.authors[1]));
            assert_ne!(pair.first, pair.second);
            assert!(
                pair.authors
                    .iter()
                    .all(|author| author != "val" && author != "test")
            );
        }
        let same = made
            .iter()
            .filter(|pair| pair.label == SameAuthor::True)
            .count();
        assert_eq!(same, 16);
    }

    #[test]
    fn hard_pairs_are_about_the_same() {
        let text = |author: &str, i: usize| {
            // Everybody writes once about each topic.
            let topic = ["weirs", "ovens", "chess", "boats"][i % 4];
            Document::new(author, "", &format!("{author} number {i} on {topic}"))
        };
        let authors: Vec<String> = ["ana", "bert", "cleo"].map(str::to_owned).into();
        let options = PairOptions {
            hard_percent: 100,
            ..PairOptions::default()
        };
        let mut false_ones = 0;
        build_pairs(
            &authors,
            &BTreeMap::new(),
            &mut |author| Ok((0..4).map(|i| text(author, i)).collect()),
            &options,
            &mut |pair| {
                let topic = |text: &str| text.rsplit(' ').next().unwrap_or_default().to_owned();
                if pair.label == SameAuthor::False {
                    assert_ne!(pair.authors[0], pair.authors[1]);
                    assert_eq!(topic(&pair.first), topic(&pair.second));
                    false_ones += 1;
                }
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(false_ones, 6);
    }

    #[test]
    fn a_pair_reads_as_json() {
        let made = pairs(&["a", "b"], &[], 0);
        assert_eq!(
            serde_json::to_value(&made[0]).unwrap()["label"],
            serde_json::json!("true")
        );
        assert_eq!(
            made[0],
            serde_json::from_str(&serde_json::to_string(&made[0]).unwrap()).unwrap()
        );
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(
            pairs(&["ana", "bert"], &[], 7),
            pairs(&["ana", "bert"], &[], 7)
        );
        assert_ne!(
            pairs(&["ana", "bert"], &[], 7),
            pairs(&["ana", "bert"], &[], 8)
        );
    }

    #[test]
    fn many_authors_pass_through_memory_in_turn() {
        let names: Vec<String> = (0..150).map(|i| format!("{i:02}")).collect();
        let made = pairs(
            &names.iter().map(String::as_str).collect::<Vec<_>>(),
            &[],
            0,
        );
        let begun: HashSet<&String> = made.iter().map(|pair| &pair.authors[0]).collect();
        assert_eq!(begun.len(), 150);
    }

    #[test]
    fn a_lone_author_makes_no_pairs() {
        assert_eq!(pairs(&["ana"], &[], 0), []);
    }
}
