use std::{fmt, io, ops::Range};

use idiolect_core::Document;
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;

use crate::{Error, Mark};

/// What one line, message or note turned out to be, or news about a whole file.
#[derive(Debug)]
pub enum Item {
    /// Something the author wrote; its id is filled in.
    Document(Box<Imported>),
    /// Left out on purpose.
    Skipped(SkipReason),
    /// Could not be read; the import goes on behind it.
    Problem(Problem),
    /// A file was read to its end, and everything in it handed over. Kept, the mark saves reading
    /// the file again: [`Options::known`](crate::Options::known). Counts as no item.
    Finished {
        /// As [`Problem::source`] names the file.
        path: String,
        /// How far it was read, and what was in it.
        mark: Mark,
    },
    /// The part of a file that a mark of an earlier import covers was not read again. Counts as no
    /// item; those it stands for are in the mark.
    Known {
        /// As [`Problem::source`] names the file.
        path: String,
        /// The mark that was given.
        mark: Mark,
    },
}

/// A document and what became of the rest of its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the author wrote.
    pub document: Document,
    /// The file, or `-`; inside an archive, its path behind that of the archive.
    pub source: String,
    /// As [`Problem::location`].
    pub location: String,
    /// The item's whole text, decoded, where something was taken out of it.
    pub original: Option<String>,
    /// What of `original` is not in the document, in order.
    pub removed: Vec<Removed>,
}

/// A part of an item that is not in its document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Bytes of [`Imported::original`].
    pub span: Range<usize>,
    /// Why.
    pub reason: RemovedReason,
}

/// Why something is no part of what the author wrote; its `Display` is the name used in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedReason {
    /// A block of code.
    Code,
    /// What companies put under their mails.
    Disclaimer,
    /// What a list, a provider or a telephone puts under a mail.
    Footer,
    /// A mail that was passed on.
    Forward,
    /// A change to a program, as `diff` writes it.
    Patch,
    /// Somebody else's words, and the line that says whose.
    Quote,
    /// The author's signature.
    Signature,
}

impl fmt::Display for RemovedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "code",
            Self::Disclaimer => "disclaimer",
            Self::Footer => "footer",
            Self::Forward => "forward",
            Self::Patch => "patch",
            Self::Quote => "quote",
            Self::Signature => "signature",
        })
    }
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
    /// Taken back by its author, or by a moderator.
    Deleted,
    /// Not finished, or not published.
    Draft,
    /// Nothing is left of it, or nothing was in it.
    EmptyText,
    /// Somebody else's text passed on without a word.
    Forward,
    /// Sent by a program in the author's name: a notice, a mass mailing.
    MachineMail,
    /// A message without words: a picture, a call, somebody who joined.
    NoText,
    /// Somebody else sent it.
    OtherSender,
    /// Outside the dates asked for, or of no known date while dates were asked for.
    OutsideDates,
    /// Somebody else's words passed on to one's own readers.
    Repost,
    /// Marked as spam.
    Spam,
    /// A symbolic link inside an imported folder; links are not followed.
    Symlink,
    /// In the trash.
    Trash,
}

impl SkipReason {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::AutoReply => "auto_reply",
            Self::Calendar => "calendar",
            Self::Chat => "chat",
            Self::Deleted => "deleted",
            Self::Draft => "draft",
            Self::EmptyText => "empty_text",
            Self::Forward => "forward",
            Self::MachineMail => "machine_mail",
            Self::NoText => "no_text",
            Self::OtherSender => "other_sender",
            Self::OutsideDates => "outside_dates",
            Self::Repost => "repost",
            Self::Spam => "spam",
            Self::Symlink => "symlink",
            Self::Trash => "trash",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One item that could not be read, and where it stands.
#[derive(Debug)]
pub struct Problem {
    /// The file, or `-`; inside an archive, its path behind that of the archive.
    pub source: String,
    /// `line N` or `item N`, counted from 1; empty where the whole file is meant.
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
    /// A date that nothing tells the form of.
    #[error("`{column}` is not a date")]
    UnknownDate {
        /// Its name in the file.
        column: String,
    },
    /// Bytes that are a picture or a program rather than text.
    #[error("not a text")]
    Binary,
    /// A row that does not fit its table.
    #[error("the row is broken: {reason}")]
    Row {
        /// Without a word of it.
        reason: &'static str,
    },
    /// Not XML.
    #[error("invalid XML at byte {at}")]
    Xml {
        /// Counted from 0.
        at: u64,
    },
    /// Elements within elements, deeper than any program writes them.
    #[error("elements lie more than {limit} deep in each other")]
    TooDeep {
        /// How deep is read.
        limit: usize,
    },
    /// An archive that cannot be taken apart, or a part of one.
    #[error("the archive is damaged: {reason}")]
    Zip {
        /// Without a word of it.
        reason: &'static str,
    },
    /// An entry that would unfold to far more than a file of its size holds.
    #[error("it unfolds to more than {times} times its size")]
    Bomb {
        /// How many times are read.
        times: u64,
    },
    /// An entry named as if it lay outside its archive.
    #[error("its name leads out of the archive")]
    OutsidePath,
    /// An entry under a password.
    #[error("it is encrypted")]
    Encrypted,
    /// The part of a document that holds its text.
    #[error("`{part}` is missing")]
    MissingPart {
        /// Its name inside the archive.
        part: &'static str,
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
