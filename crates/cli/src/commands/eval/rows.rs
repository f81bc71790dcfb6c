//! The rows of a results table: those of the paper's tables (paper §5), and the controls that the
//! paper lacks.

use std::str::FromStr;

use idiolect_core::{KeywordSource, Ranking, SummarySource};

use crate::failure::Failure;

/// A named configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) makes: Makes,
}

/// What a row's text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Makes {
    /// The given start alone.
    Start,
    /// The given start and the best past passage behind it.
    BestPassage,
    /// A model's text.
    Text(Setup),
}

/// What a model is given beside the immediate context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) past: PastSource,
    pub(super) summary: SummarySource,
    pub(super) keywords: KeywordSource,
}

/// Where past passages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PastSource {
    /// The author's own, ranked in this way; `None`: as the run says.
    Own(Option<Ranking>),
    /// The author's own in an order drawn by the seed.
    OwnAtRandom,
    /// Another author's, ranked as the run says.
    OtherAuthor,
}

/// Without a past there is nothing to summarize.
const fn only(past: Option<Ranking>) -> Makes {
    Makes::Text(Setup {
        past: PastSource::Own(past),
        summary: SummarySource::None,
        keywords: KeywordSource::None,
    })
}

const fn with(past: PastSource, summary: SummarySource, keywords: KeywordSource) -> Makes {
    Makes::Text(Setup {
        past,
        summary,
        keywords,
    })
}

const OWN: PastSource = PastSource::Own(None);

use KeywordSource as K;
use SummarySource as S;

/// All of them: the paper's in the order of its tables, between the controls. Summaries stand on the
/// run's ranking, key words on the better summary, author distinction on the better key words; the
/// last two differ by what the model was trained on, not by what it is given.
pub(super) const ROWS: [Row; 15] = [
    row("CopyStart", Makes::Start),
    row("PasteBest", Makes::BestPassage),
    row("ImmedCtx", only(Some(Ranking::None))),
    row("RecentDoc", only(Some(Ranking::Recent))),
    row("RankDocBM25", only(Some(Ranking::DocBm25))),
    row("RankDocDense", only(Some(Ranking::DocDense))),
    row("RankSnippet", only(Some(Ranking::Snippet))),
    row("RankDocBySnpt", only(Some(Ranking::DocBySnippet))),
    row("SumCtxInd", with(OWN, S::Ind, K::None)),
    row("SumCtx", with(OWN, S::Ctx, K::None)),
    row("SynCtxInd", with(OWN, S::Ctx, K::Ind)),
    row("SynCtx", with(OWN, S::Ctx, K::Ctx)),
    row("AuthorPred", with(OWN, S::Ctx, K::Ctx)),
    row("WrongAuthor", with(PastSource::OtherAuthor, S::Ctx, K::Ctx)),
    row("RandomPast", with(PastSource::OwnAtRandom, S::Ctx, K::Ctx)),
];

const fn row(name: &'static str, makes: Makes) -> Row {
    Row { name, makes }
}

impl FromStr for Row {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        ROWS.into_iter()
            .find(|row| row.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
                Failure::new("unknown_row", format!("there is no row `{name}`")).hint(format!(
                    "the rows are {}; `paper` means all",
                    known.join(", ")
                ))
            })
    }
}

/// The rows that a list names, each once, in the list's order.
pub(super) fn rows(names: &[String]) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    for name in names {
        let named = match name.as_str() {
            "paper" => ROWS.to_vec(),
            name => vec![name.parse()?],
        };
        for row in named {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paper_means_all_of_them_once() {
        let names = ["AuthorPred".to_owned(), "paper".to_owned()];
        let rows = rows(&names).unwrap();
        assert_eq!(rows.len(), ROWS.len());
        assert_eq!(rows[0].name, "AuthorPred");
    }

    #[test]
    fn an_unknown_row_lists_the_known() {
        let failure = rows(&["UserID".to_owned()]).unwrap_err();
        assert_eq!(failure.message, "there is no row `UserID`");
        assert!(failure.hint.unwrap().contains("RankDocBySnpt"));
    }
}
