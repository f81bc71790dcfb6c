//! The paper's examples (paper §5): for each target document what its author had written before,
//! ranked, and the weak labels; each as of its document's date.

mod build;
mod error;
mod order;
mod survey;

use std::str::FromStr;

use idiolect_core::{Document, Entry, Ranking};
use idiolect_retrieval::Bm25;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use build::{Built, Resume, build_examples, build_examples_from};
pub use error::{DataError, SourceError};
pub use survey::{Survey, survey};

pub(crate) use order::without_copies;

use crate::labels::LabelSnippet;

/// One training example: one line of `train`, `validation` or `test`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Author and document, unique among all examples.
    pub id: String,
    /// Who wrote it.
    pub author: String,
    /// Id of the target.
    pub document: String,
    /// When the target was written.
    pub date: Option<Timestamp>,
    /// How many documents its author had written before it.
    pub past_documents: usize,
    /// x_t: the first 150 characters of the target's content.
    pub immediate_context: String,
    /// The ranked passages that stand in `past_passages`, wholly or in part, best first.
    pub entries: Vec<Entry>,
    /// E_t, at most 2,500 characters.
    pub past_passages: String,
    /// What a summarizer should say; empty without an encoder.
    pub summary_label: String,
    /// The past snippets it is made of.
    pub summary_label_snippets: Vec<LabelSnippet>,
    /// What a synthesizer should say.
    pub keyword_label: Vec<String>,
    /// SynCtxInd.
    pub keywords_ind: Vec<String>,
    /// d_t: the target's content.
    pub target: String,
    /// Which half of the users its author belongs to.
    pub half: Half,
}

/// Users are halved by a stable hash: summarizer and synthesizer learn from one half only, so that
/// the generator meets their true noise on the other (paper §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// Trains summarizer, synthesizer and generator.
    A,
    /// Trains the generator.
    B,
}

impl Half {
    /// The half that an author belongs to, always the same.
    pub fn of(author: &str) -> Self {
        if stable_hash(&["half", author]).is_multiple_of(2) {
            Self::A
        } else {
            Self::B
        }
    }
}

/// Which part of the users an author belongs to: no author is in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To learn from.
    Train,
    /// To stop by.
    Validation,
    /// To report.
    Test,
}

impl Split {
    /// In the order of their shares.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        ["train", "validation", "test"][self as usize]
    }
}

/// The shares of users in [`Split::ALL`], as written `85/5/10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares(pub [u32; 3]);

impl FromStr for Shares {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let wrong = || DataError::Shares(text.to_owned());
        let shares: Vec<u32> = text
            .split('/')
            .map(|share| share.parse().ok().filter(|&share| share <= 1000))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let shares: [u32; 3] = shares.try_into().map_err(|_| wrong())?;
        if shares.iter().sum::<u32>() == 0 {
            return Err(wrong());
        }
        Ok(Self(shares))
    }
}

/// Which documents become examples, and how. The defaults are the paper's (paper §5).
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// A target has more characters than this.
    pub min_chars: usize,
    /// A target's author has at least so many earlier documents.
    pub min_past: usize,
    /// An author has at least so many examples.
    pub min_examples: usize,
    /// Of an author with more examples, so many are drawn by the seed.
    pub max_examples: usize,
    /// Shares of train, validation and test, by user.
    pub split: Shares,
    /// Draws the split, and the examples of prolific authors.
    pub seed: u64,
    /// How the past is ranked.
    pub ranking: Ranking,
    /// Whether passages that say almost the same as one ranked before them are left out.
    pub diverse: bool,
    /// Of the lexical ranking.
    pub bm25: Bm25,
    /// How many documents or snippets are ranked.
    pub ranked: usize,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            min_chars: 300,
            min_past: 2,
            min_examples: 5,
            max_examples: 50,
            split: Shares([85, 5, 10]),
            seed: 0,
            ranking: Ranking::DocBm25,
            diverse: false,
            bm25: Bm25::default(),
            ranked: 100,
        }
    }
}

/// Gives all documents of an author. Asked for one author at a time, and for some more than once.
pub type Documents<'a> = &'a mut dyn FnMut(&str) -> Result<Vec<Document>, SourceError>;

/// The same for the same parts on every machine and in every version: the first eight bytes of
/// SHA-256 over the parts, each ended by a zero byte.
pub(crate) fn stable_hash(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(8)
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_stable_and_even() {
        let halves: Vec<Half> = (0..1000).map(|i| Half::of(&format!("user {i}"))).collect();
        let a = halves.iter().filter(|&&half| half == Half::A).count();
        assert!((450..550).contains(&a), "{a} of 1000");
        assert_eq!(stable_hash(&["half", "ana"]), stable_hash(&["half", "ana"]));
        assert_ne!(stable_hash(&["a", "b"]), stable_hash(&["ab", ""]));
    }

    #[test]
    fn shares_are_read() {
        assert_eq!("85/5/10".parse::<Shares>().unwrap(), Shares([85, 5, 10]));
        assert_eq!("1/0/0".parse::<Shares>().unwrap(), Shares([1, 0, 0]));
        for wrong in ["", "85/15", "0/0/0", "85/5/10/0", "a/b/c", "-1/5/10"] {
            let error = wrong.parse::<Shares>().unwrap_err();
            assert!(matches!(error, DataError::Shares(text) if text == wrong));
        }
    }
}
