use thiserror::Error;

/// What can be wrong with values a user writes down.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// A moment in time that is neither RFC 3339 nor `YYYY-MM-DD`.
    #[error("`{0}` is not a time: use RFC 3339 or YYYY-MM-DD")]
    Time(String),
    /// A name that no ranking has.
    #[error("`{0}` is not a ranking: use {known}", known = crate::Ranking::NAMES.join(", "))]
    Ranking(String),
    /// A `doc:` without an id behind it.
    #[error("`doc:` needs a document id behind it")]
    EmptyDocumentId,
}
