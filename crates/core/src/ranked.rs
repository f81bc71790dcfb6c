use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Span};

/// How the past is ranked: the five strategies of paper §4.2, one beyond them, or no past at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranking {
    /// RecentDoc: the latest first.
    Recent,
    /// RankDocBM25.
    DocBm25,
    /// RankDocDense.
    DocDense,
    /// RankSnippet.
    Snippet,
    /// RankDocBySnpt: documents by their best snippet.
    DocBySnippet,
    /// Beyond the paper: reciprocal-rank fusion of `DocBm25` and `DocBySnippet`.
    Hybrid,
    /// No past.
    None,
}

impl Ranking {
    /// What users call them, in the order of the variants.
    pub const NAMES: [&'static str; 7] = [
        "recent",
        "doc-bm25",
        "doc-dense",
        "snippet",
        "doc-by-snippet",
        "hybrid",
        "none",
    ];
    const ALL: [Self; 7] = [
        Self::Recent,
        Self::DocBm25,
        Self::DocDense,
        Self::Snippet,
        Self::DocBySnippet,
        Self::Hybrid,
        Self::None,
    ];

    /// What users call it.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Whether it compares embeddings.
    pub fn is_dense(self) -> bool {
        matches!(
            self,
            Self::DocDense | Self::Snippet | Self::DocBySnippet | Self::Hybrid
        )
    }
}

impl FromStr for Ranking {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|ranking| ranking.name() == text)
            .ok_or_else(|| Error::Ranking(text.to_owned()))
    }
}

/// A past document or snippet in its place in a ranking (paper §4.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// From 1, best first.
    pub rank: usize,
    /// Higher is better; what it means depends on the ranking.
    pub score: f32,
    /// Id of the document.
    pub document: String,
    /// Who wrote it.
    pub author: String,
    /// When.
    pub date: Option<Timestamp>,
    /// Its title.
    pub title: Option<String>,
    /// Index of the snippet in its document; `None` where whole documents are ranked.
    pub snippet: Option<u32>,
    /// Bytes of the document's content.
    #[serde(with = "crate::span_as_pair")]
    pub span: Span,
    /// Exactly the content at `span`.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for ranking in Ranking::ALL {
            assert_eq!(ranking.name().parse(), Ok(ranking));
            assert_eq!(
                serde_json::to_string(&ranking).unwrap(),
                format!("\"{}\"", ranking.name())
            );
        }
        assert_eq!(
            "bm25".parse::<Ranking>(),
            Err(Error::Ranking("bm25".into()))
        );
    }
}
