use std::path::PathBuf;

use thiserror::Error;

/// Why there is no answer. No error holds a question or an answer.
#[derive(Debug, Error)]
pub enum Error {
    /// The address is none.
    #[error("`{0}` is not an address that begins with http:// or https://")]
    Address(String),
    /// The key cannot be sent.
    #[error("the endpoint's key has characters that no key has")]
    Key,
    /// The endpoint will not answer, however often it is asked.
    #[error("{host} refused the question: status {status}{}", named(code.as_deref()))]
    Refused {
        /// Who.
        host: String,
        /// Of HTTP.
        status: u16,
        /// The name that the endpoint gives to the reason.
        code: Option<String>,
    },
    /// The endpoint might have answered, and did not.
    #[error("{host} gave no answer in {attempts} attempts")]
    GaveUp {
        /// Who.
        host: String,
        /// How often it was asked.
        attempts: u32,
        /// What was wrong the last time.
        source: Trouble,
    },
    /// Whoever waited for the answer waits no more.
    #[error("interrupted while waiting for {host}")]
    Interrupted {
        /// Who was asked.
        host: String,
    },
    /// The file of answers cannot be read or written.
    #[error("cannot use the recorded answers")]
    File(#[from] std::io::Error),
    /// The file of answers holds something else.
    #[error("line {line} of the recorded answers in `{}` is not one", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
}

fn named(code: Option<&str>) -> String {
    code.map_or_else(String::new, |code| format!(" ({code})"))
}

/// What went wrong once, and may not go wrong the next time.
#[derive(Debug, Error)]
pub enum Trouble {
    /// No connection, or one that broke or took too long.
    #[error(transparent)]
    Connection(Box<ureq::Error>),
    /// Too many questions (429), or something wrong at the other end (408, 409, 5xx).
    #[error("it said status {0}")]
    Busy(u16),
    /// An answer that is none.
    #[error("what it said is not an answer of a chat completion")]
    Nonsense,
}
