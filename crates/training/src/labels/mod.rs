//! Weak labels: what summarizer and synthesizer learn to write, found by comparing a document its
//! author really wrote with the past passages it had (paper §4.3, §4.4).

mod alike;
mod keywords;
mod products;
mod summary;
mod vectors;

pub use alike::Alike;
pub use keywords::{KEYWORD_LABEL_WORDS, KeywordLabels, Lexicon};
pub use summary::{
    Embedded, LabelSnippet, SUMMARY_LABEL_TOKENS, SummaryLabel, candidates, embed_snippets,
    summary_label,
};
pub use vectors::WordVectors;
