use idiolect_core::{
    Before, ImmediateContext, KeywordSource, Ranking, SummarySource, last_characters,
};
use idiolect_models::Decoding;
use idiolect_retrieval::{Bm25, LengthNorm};
use serde_json::{Value, json};

use crate::Error;
use crate::stages::guarded_greedy;

/// Words in a row that may come out just as they stand in the past.
pub const MOST_COPIED: usize = 12;

/// A draft to go on with, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// Subject or headline.
    pub title: Option<String>,
    /// What has been written so far.
    pub start: String,
    /// What the past was cut at: the past that `personalize` is given holds nothing later.
    pub before: Before,
    /// How the past is ranked.
    pub ranking: Ranking,
    /// Whether passages that say almost the same as one ranked before them are left out.
    pub diverse: bool,
    /// Of the lexical ranking.
    pub bm25: Bm25,
    /// Which summary is made.
    pub summary: SummarySource,
    /// Which key words are chosen.
    pub keywords: KeywordSource,
    /// Whether the author's own continuation model is mixed into the generator.
    pub own_words: bool,
    /// How tokens are chosen.
    pub decoding: Decoding,
    /// About how many words to write after the start, ending with a sentence.
    pub words: Option<usize>,
    /// Leave the start out of the text.
    pub target_only: bool,
    /// How much the stages may take in and give out.
    pub limits: Limits,
}

/// How much the stages may take in and give out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many documents or snippets are ranked.
    pub ranked: usize,
    /// Tokens of a stage's input; as many as its model was trained on where `None`.
    pub input_tokens: Option<usize>,
    /// Tokens of a summary.
    pub summary_tokens: usize,
    /// Tokens of the key words.
    pub keyword_tokens: usize,
}

impl Default for Limits {
    /// Short enough for the first word to come at once.
    fn default() -> Self {
        Self {
            ranked: 100,
            input_tokens: None,
            summary_tokens: 32,
            keyword_tokens: 20,
        }
    }
}

impl Request {
    /// A draft without title, gone on with as the paper does: BM25 over documents, summary and key
    /// words that depend on the draft; with the author's own words, of which no more than
    /// [`MOST_COPIED`] come in a row; up to 256 tokens, greedily, with a mild guard against repetition.
    pub fn new(start: &str, before: Before) -> Self {
        Self {
            title: None,
            start: start.to_owned(),
            before,
            ranking: Ranking::DocBm25,
            diverse: false,
            bm25: Bm25::default(),
            summary: SummarySource::Ctx,
            keywords: KeywordSource::Ctx,
            own_words: true,
            decoding: Decoding {
                max_copy: MOST_COPIED,
                ..guarded_greedy(256)
            },
            words: None,
            target_only: false,
            limits: Limits::default(),
        }
    }

    /// The same without any past: `--no-personalize`.
    #[must_use]
    pub fn without_past(self) -> Self {
        Self {
            ranking: Ranking::None,
            summary: SummarySource::None,
            keywords: KeywordSource::None,
            own_words: false,
            ..self
        }
    }

    /// The content so far: title, line break and start.
    pub fn content(&self) -> String {
        match self.title() {
            Some(title) => format!("{title}\n{}", self.start),
            None => self.start.clone(),
        }
    }

    /// x_t: the first 150 characters of the content so far.
    ///
    /// # Errors
    /// [`Error::EmptyDraft`] where there is neither title nor start.
    pub fn immediate_context(&self) -> Result<ImmediateContext, Error> {
        let content = self.content();
        if content.trim().is_empty() {
            return Err(Error::EmptyDraft);
        }
        Ok(ImmediateContext::of(&content))
    }

    /// What the past is asked for: the immediate context (paper §3); where more than that has been
    /// written, the title and the last 150 characters.
    pub fn query(&self) -> String {
        let content = self.content();
        let context = ImmediateContext::of(&content);
        if context.as_str().len() == content.len() {
            return content;
        }
        let end = last_characters(&self.start, idiolect_core::IMMEDIATE_CONTEXT_CHARACTERS);
        match self.title() {
            Some(title) => format!("{title}\n{end}"),
            None => end.to_owned(),
        }
    }

    fn title(&self) -> Option<&str> {
        self.title.as_deref().filter(|title| !title.is_empty())
    }

    /// As it stands in a Trace.
    pub(crate) fn to_json(&self, author: &str) -> Value {
        let before = match &self.before {
            Before::Now => "now".to_owned(),
            Before::Document(id) => format!("doc:{id}"),
            Before::Time(time) => time.to_string(),
        };
        json!({
            "author": author,
            "title": self.title,
            "start": self.start,
            "before": before,
            "ranking": self.ranking,
            "diverse": self.diverse,
            "bm25": {
                "k1": self.bm25.k1,
                "b": self.bm25.b,
                "length_norm": match self.bm25.length_norm {
                    LengthNorm::Exact => "exact",
                    LengthNorm::LuceneByte4 => "lucene",
                },
                "analyzer": self.bm25.analyzer.to_string(),
            },
            "summary": self.summary,
            "keywords": self.keywords,
            "own_words": self.own_words,
            "words": self.words,
            "target_only": self.target_only,
            "limits": {
                "ranked": self.limits.ranked,
                "input_tokens": self.limits.input_tokens,
                "summary_tokens": self.limits.summary_tokens,
                "keyword_tokens": self.limits.keyword_tokens,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(title: &str, start: &str) -> Request {
        Request {
            title: Some(title.to_owned()),
            ..Request::new(start, Before::Now)
        }
    }

    #[test]
    fn a_short_draft_is_its_own_query() {
        let request = request("Rain", "It poured.");
        assert_eq!(request.query(), "Rain\nIt poured.");
        assert_eq!(
            request.immediate_context().unwrap().as_str(),
            "Rain\nIt poured."
        );
        assert_eq!(super::Request::new("It", Before::Now).query(), "It");
    }

    #[test]
    fn a_long_draft_asks_with_title_and_end() {
        let start = format!("{}{}", "a".repeat(150), "é".repeat(150));
        let request = request("Rain", &start);
        assert_eq!(request.query(), format!("Rain\n{}", "é".repeat(150)));
        assert_eq!(
            request.immediate_context().unwrap().as_str(),
            format!("Rain\n{}", "a".repeat(145))
        );
    }

    #[test]
    fn an_empty_draft_is_an_error_with_a_hint() {
        let error = request("", " \n").immediate_context().unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is nothing to go on with: no title and no first words"
        );
        assert!(error.hint().is_some());
        assert!(request("Rain", "").immediate_context().is_ok());
    }
}
