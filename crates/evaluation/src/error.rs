use thiserror::Error;

/// Why a score could not be computed.
#[derive(Debug, Error)]
pub enum Error {
    /// A name that no metric has.
    #[error(
        "`{0}` is not a metric: use rouge1 to rouge9, rougeL, rougeLsum, bleu, chrf, meteor or style"
    )]
    Metric(String),
    /// As many predictions as references are needed.
    #[error("{references} references, but {predictions} predictions")]
    Lengths {
        /// How many references there are.
        references: usize,
        /// How many predictions there are.
        predictions: usize,
    },
    /// A mean over nothing.
    #[error("there is nothing to score: no references and no predictions")]
    NoPairs,
    /// A comparison with a row that the results do not have.
    #[error("there is no row `{row}`: the results have {known}", known = known.join(", "))]
    Row {
        /// What was asked for.
        row: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Two runs without a common example.
    #[error("the two runs have no example in common")]
    NothingInCommon,
    /// A file of WordNet's cannot be read.
    #[error(transparent)]
    WordNetFile(std::io::Error),
    /// A file of WordNet's is not what it should be.
    #[error("line {line} of WordNet's `{file}` is malformed")]
    WordNetLine {
        /// Name of the file.
        file: String,
        /// From 1.
        line: usize,
    },
}
