use std::{fmt, io};

use idiolect_core::Document;
use thiserror::Error as ThisError;

use crate::Error;

/// What one line, message or note turned out to be.
#[derive(Debug)]
pub enum Item {
    /// Something the author wrote; its id is filled in.
    Document(Document),
    /// Left out on purpose.
    Skipped(SkipReason),
    /// Could not be read; the import goes on behind it.
    Problem(Problem),
}

/// Why something readable is not a document; its `Display` is the name used in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// A machine answered in the author's name (`Auto-Submitted`).
    AutoReply,
    /// An invitation or an answer to one.
    Calendar,
    /// A chat that the mail export lists among the mails.
    Chat,
    /// Not finished, or not published.
    Draft,
    /// Nothing is left of it, or nothing was in it.
    EmptyText,
    /// Somebody else's text passed on without a word.
    Forward,
    /// Somebody else sent it.
    OtherSender,
    /// Outside the dates asked for, or of no known date while dates were asked for.
    OutsideDates,
    /// Marked as spam.
    Spam,
    /// A symbolic link inside an imported folder; links are not followed.
    Symlink,
    /// In the trash.
    Trash,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AutoReply => "auto_reply",
            Self::Calendar => "calendar",
            Self::Chat => "chat",
            Self::Draft => "draft",
            Self::EmptyText => "empty_text",
            Self::Forward => "forward",
            Self::OtherSender => "other_sender",
            Self::OutsideDates => "outside_dates",
            Self::Spam => "spam",
            Self::Symlink => "symlink",
            Self::Trash => "trash",
        })
    }
}

/// One item that could not be read, and where it stands.
#[derive(Debug)]
pub struct Problem {
    /// The file, or `-`.
    pub source: String,
    /// `line N`, counted from 1; empty where the whole file is meant.
    pub location: String,
    /// What is wrong; never quotes the text.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if !self.location.is_empty() {
            write!(f, ", {}", self.location)?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// What can be wrong with one item.
#[derive(Debug, ThisError)]
pub enum Reason {
    /// Bytes that are no text.
    #[error("not valid UTF-8")]
    NotUtf8,
    /// Not JSON.
    #[error("invalid JSON at column {column}")]
    Json {
        /// Counted in bytes, from 1.
        column: usize,
    },
    /// JSON that is not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A field that a document must have.
    #[error("`{column}` is missing")]
    MissingField {
        /// Its name in the file.
        column: String,
    },
    /// Nobody is named as the author.
    #[error("no author is named: use --author")]
    MissingAuthor,
    /// A field of another type.
    #[error("`{column}` is not {expected}")]
    WrongType {
        /// Its name in the file.
        column: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// A date in another form.
    #[error("`{column}` is neither RFC 3339 nor YYYY-MM-DD")]
    Date {
        /// Its name in the file.
        column: String,
    },
    /// Longer than what is held in memory.
    #[error("longer than {limit} MiB")]
    TooLong {
        /// In MiB.
        limit: usize,
    },
    /// Reading broke off here; what stood before it was read.
    #[error("cannot be read further: {0}")]
    Read(io::Error),
    /// The block before a note's text is not in the language it begins like.
    #[error("the front matter is not valid {language}")]
    FrontMatter {
        /// YAML or TOML.
        language: &'static str,
    },
    /// A message without a header.
    #[error("not a mail: it has no header")]
    NotAMail,
    /// The last message of a mailbox ends in the middle.
    #[error("the message is cut off")]
    CutOff,
    /// Text at the start of a mailbox that belongs to no message.
    #[error("text before the first `From ` line")]
    BeforeFirstMessage,
    /// One file of a folder cannot be read at all.
    #[error("{0}")]
    File(Box<Error>),
}
