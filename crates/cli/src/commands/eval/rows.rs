//! The rows of a results table: those of the paper's tables (paper §5), and the controls that the
//! paper lacks.

use std::str::FromStr;

use idiolect_core::Ranking;

use crate::failure::Failure;

/// A named configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) makes: Makes,
}

/// What a row's text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Makes {
    /// The given start alone.
    Start,
    /// The given start and the best past passage behind it.
    BestPassage,
    /// A model's text.
    Text(Setup),
}

/// What a model is given beside the immediate context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) past: PastSource,
    pub(crate) summary: StageSource,
    pub(crate) keywords: StageSource,
}

/// Where a summary or key words come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StageSource {
    /// The model, given the draft's start.
    Ctx,
    /// The past alone.
    Ind,
    /// The weak label: what the stage should have said.
    Label,
    /// Nowhere.
    None,
}

impl StageSource {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ctx => "ctx",
            Self::Ind => "ind",
            Self::Label => "label",
            Self::None => "none",
        }
    }
}

/// Where past passages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PastSource {
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
        summary: StageSource::None,
        keywords: StageSource::None,
    })
}

pub(crate) const fn with(past: PastSource, summary: StageSource, keywords: StageSource) -> Makes {
    Makes::Text(Setup {
        past,
        summary,
        keywords,
    })
}

const OWN: PastSource = PastSource::Own(None);

use StageSource as S;

/// All of them: the paper's in the order of its tables, between the controls. Summaries stand on the
/// run's ranking, key words on the better summary, author distinction on the better key words; the
/// last two differ by what the model was trained on, not by what it is given.
pub(super) const ROWS: [Row; 17] = [
    row("CopyStart", Makes::Start),
    row("PasteBest", Makes::BestPassage),
    row("ImmedCtx", only(Some(Ranking::None))),
    row("RecentDoc", only(Some(Ranking::Recent))),
    row("RankDocBM25", only(Some(Ranking::DocBm25))),
    row("RankDocDense", only(Some(Ranking::DocDense))),
    row("RankSnippet", only(Some(Ranking::Snippet))),
    row("RankDocBySnpt", only(Some(Ranking::DocBySnippet))),
    row("SumCtxInd", with(OWN, S::Ind, S::None)),
    row("SumCtx", with(OWN, S::Ctx, S::None)),
    row("SynCtxInd", with(OWN, S::Ctx, S::Ind)),
    row("SynCtx", with(OWN, S::Ctx, S::Ctx)),
    row("AuthorPred", with(OWN, S::Ctx, S::Ctx)),
    row("WrongAuthor", with(PastSource::OtherAuthor, S::Ctx, S::Ctx)),
    row("RandomPast", with(PastSource::OwnAtRandom, S::Ctx, S::Ctx)),
    row("OracleSum", with(OWN, S::Label, S::None)),
    row("OracleSyn", with(OWN, S::Ctx, S::Label)),
];

/// Those of the paper's tables, and their controls.
const PAPER: usize = 15;

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
                    "the rows are {}; `paper` means all but the last two",
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
            "paper" => ROWS[..PAPER].to_vec(),
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
        assert_eq!(rows.len(), PAPER);
        assert_eq!(ROWS[PAPER - 1].name, "RandomPast");
        assert_eq!(rows[0].name, "AuthorPred");
    }

    #[test]
    fn an_unknown_row_lists_the_known() {
        let failure = rows(&["UserID".to_owned()]).unwrap_err();
        assert_eq!(failure.message, "there is no row `UserID`");
        assert!(failure.hint.unwrap().contains("RankDocBySnpt"));
    }
}
