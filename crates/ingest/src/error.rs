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
    /// Mail or a chat, and nobody said whose messages to keep.
    #[error("{path}: it has messages of several people, and no address or name of yours is given")]
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
    /// A table, and nobody said in which column the text stands.
    #[error("{path}: no column of the table is named `text`")]
    NoTextColumn {
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
                "nothing in it has a format that is known, or hidden files alone do: \
                 `idiolect import --help` lists the formats"
            }
            Self::UnknownFormat { .. } => {
                "name it with --format: `idiolect import --help` lists the formats"
            }
            Self::MeRequired { .. } => {
                "name them with --me ADDRESS (repeatable): only what they sent is kept"
            }
            Self::NotMbox { .. } => {
                "a mailbox separates its messages by lines that begin with `From `; \
                 choose another --format if it is something else"
            }
            Self::NoTextColumn { .. } => {
                "name the columns with --map, as --map text=body,date=created"
            }
            Self::FormatName(_) | Self::Mapping(_) => return None,
        })
    }
}
