use std::io;

use thiserror::Error;

use crate::{Field, Format};

/// Why nothing can be read at all: from this path, or with these options.
#[derive(Debug, Error)]
pub enum Error {
    /// There is nothing at this path.
    #[error("{path}: no such file or folder")]
    Missing {
        /// The path as given.
        path: String,
    },
    /// The path is there and cannot be opened or read.
    #[error("{path}: cannot be read: {source}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file of no bytes.
    #[error("{path}: the file is empty")]
    Empty {
        /// The path as given.
        path: String,
    },
    /// A folder in which no file has a format that can be read.
    #[error("{path}: the folder holds no documents")]
    NoDocuments {
        /// The path as given.
        path: String,
    },
    /// Neither the name nor the first bytes tell the format.
    #[error("{path}: its format is not known")]
    UnknownFormat {
        /// The path as given.
        path: String,
    },
    /// A mailbox, and nobody said whose mail to keep.
    #[error("{path}: a mailbox, and no address of yours is given")]
    MeRequired {
        /// The path as given.
        path: String,
    },
    /// No line of the file begins a message.
    #[error("{path}: not an mbox: no line begins with `From `")]
    NotMbox {
        /// The path as given.
        path: String,
    },
    /// A format that has no reader.
    #[error("`{0}` is not a format: use {known}", known = Format::NAMES.join(", "))]
    FormatName(String),
    /// A mapping that is not `FIELD=COLUMN` with a known field.
    #[error("`{0}` does not map a field: use FIELD=COLUMN, FIELD one of {known}", known = Field::NAMES.join(", "))]
    Mapping(String),
}

impl Error {
    /// What to do about it, as one sentence for the user.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Missing { .. } => "check the spelling; `-` reads standard input",
            Self::Unreadable { .. } => {
                "check that you may read it, and that it is a file, a folder or `-`"
            }
            Self::Empty { .. } => "export it again: an import needs at least one document",
            Self::NoDocuments { .. } => {
                "a folder may hold Markdown notes (.md, .markdown), JSON Lines (.jsonl, \
                 .jsonl.zst) and mailboxes (.mbox); hidden files are left out"
            }
            Self::UnknownFormat { .. } => "name it with --format jsonl, mbox or markdown",
            Self::MeRequired { .. } => {
                "name your addresses with --me ADDRESS (repeatable): only what they sent is kept"
            }
            Self::NotMbox { .. } => {
                "a mailbox separates its messages by lines that begin with `From `; \
                 choose another --format if it is something else"
            }
            Self::FormatName(_) | Self::Mapping(_) => return None,
        })
    }
}
