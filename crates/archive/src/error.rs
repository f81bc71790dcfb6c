use std::path::PathBuf;

use idiolect_core::EncoderError;
use idiolect_retrieval::{PastError, SegmentError};
use rusqlite::ErrorCode;
use thiserror::Error;

/// Why an archive could not do what was asked. No message holds a word of a document.
#[derive(Debug, Error)]
pub enum Error {
    /// The folder holds no archive.
    #[error("there is no archive in {}{}", dir.display(), file_of(*empty))]
    NotFound {
        /// Where it was looked for.
        dir: PathBuf,
        /// Whether its file is there and holds nothing: its making was interrupted, or all of it
        /// is lost.
        empty: bool,
    },
    /// Written by a later version of this software.
    #[error("the archive has format {found}, this version reads formats up to {supported}")]
    NewerVersion {
        /// Format of the archive.
        found: i64,
        /// Latest format that this version knows.
        supported: i64,
    },
    /// A file of that name which this software did not write.
    #[error("{} is not an archive of idiolect", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
    },
    /// What is stored contradicts itself or cannot be read.
    #[error("the archive is damaged: {0}")]
    Damaged(#[source] Damage),
    /// Another process is writing and did not finish in time.
    #[error("the archive is in use by another process")]
    Locked,
    /// The archive was opened for reading only, or lies where nothing may be written.
    #[error("the archive cannot be changed: it is read-only")]
    ReadOnly,
    /// The system does not let this user at the file.
    #[error("no permission to open {}", path.display())]
    Permission {
        /// File or folder.
        path: PathBuf,
    },
    /// Nothing more fits on the disk; what was stored before is safe.
    #[error("the disk is full; what was stored before is safe")]
    DiskFull,
    /// A folder or file could not be made, read or deleted.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Nobody of that name wrote anything here.
    #[error("no author `{author}` in the archive")]
    UnknownAuthor {
        /// The name asked for.
        author: String,
        /// Names that look alike, the nearest first.
        nearest: Vec<String>,
    },
    /// No document of that id.
    #[error("no document `{id}`{}", of_author(author.as_deref()))]
    UnknownDocument {
        /// The id asked for.
        id: String,
        /// Whose document it was asked to be.
        author: Option<String>,
    },
    /// Several authors have a document of that id.
    #[error("{} authors have a document `{id}`", authors.len())]
    AmbiguousDocument {
        /// The id asked for.
        id: String,
        /// All of them, by name.
        authors: Vec<String>,
    },
    /// No source of that number.
    #[error("no source {id}")]
    UnknownSource {
        /// The number asked for.
        id: i64,
    },
    /// The user excluded this source; nothing of it is stored again.
    #[error("the source {location} is excluded")]
    ExcludedSource {
        /// Where it lies.
        location: String,
    },
    /// A document came without an id.
    #[error("a document of `{author}` has no id")]
    MissingId {
        /// Who wrote it.
        author: String,
    },
    /// The encoder could not embed.
    #[error("the encoder failed: {0}")]
    Encoder(#[source] EncoderError),
    /// The documents were not indexed by the encoder that is to compare a query with them.
    #[error("the author's documents were indexed {}, the query is embedded by {asked}", by(stored.as_deref()))]
    OtherEncoder {
        /// Identity of the one encoder of all visible documents, where there is such.
        stored: Option<String>,
        /// Identity of the query's.
        asked: String,
    },
    /// An index could not be made.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A search could not run.
    #[error(transparent)]
    Past(#[from] PastError),
    /// SQLite could not do its work for a reason that has no variant of its own.
    #[error("the database failed: {0}")]
    Database(#[source] rusqlite::Error),
}

/// What is wrong with a damaged archive.
#[derive(Debug, Error)]
pub enum Damage {
    /// SQLite finds its file malformed.
    #[error("{0}")]
    Database(#[source] rusqlite::Error),
    /// SQLite can read its file, but finds that the parts of it do not fit together: something
    /// is lost or altered.
    #[error("its file is malformed")]
    Malformed,
    /// Tables or indexes of the database are gone.
    #[error("{} gone from its file", are(missing))]
    Tables {
        /// What they are called.
        missing: Vec<String>,
    },
    /// An index of an author's documents cannot be read.
    #[error("the index of author `{author}` cannot be read: {error}")]
    Segment {
        /// Whose index.
        author: String,
        /// What is wrong with it.
        #[source]
        error: SegmentError,
    },
    /// The index of an author and the documents stored do not agree.
    #[error("the index of author `{author}` does not agree with the documents stored")]
    Disagreement {
        /// Whose index.
        author: String,
    },
    /// A stored document is not the one that was written.
    #[error("the document `{id}` of author `{author}` is not what was stored")]
    Document {
        /// Whose document.
        author: String,
        /// Its id.
        id: String,
    },
    /// There is a write-ahead log, but the database it belongs to is gone or empty.
    #[error("{} has no database beside it", path.display())]
    LogAlone {
        /// The log.
        path: PathBuf,
    },
    /// A stored value is not of the kind that was written.
    #[error("a stored {0} cannot be read")]
    Value(&'static str),
}

impl Error {
    /// What the user can do about it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound { empty: true, .. } => {
                "put a copy of the folder back if there were documents in it; `idiolect import \
                 PATH` makes it anew"
                    .to_owned()
            }
            Self::NotFound { empty: false, .. } => {
                "`idiolect import PATH` makes one; `--archive DIR` names another folder".to_owned()
            }
            Self::NewerVersion { .. } => {
                "update idiolect, or name another folder with `--archive DIR`".to_owned()
            }
            Self::NotAnArchive { .. } => "name another folder with `--archive DIR`".to_owned(),
            Self::Damaged(Damage::LogAlone { .. }) => {
                "put the archive.sqlite that belongs to it back beside it, or move it aside and \
                 import again"
                    .to_owned()
            }
            Self::Damaged(
                Damage::Database(_)
                | Damage::Malformed
                | Damage::Tables { .. }
                | Damage::Value(_)
                | Damage::Document { .. },
            ) => "put a copy of the folder back, or move it aside and import again".to_owned(),
            Self::Damaged(Damage::Segment { .. } | Damage::Disagreement { .. }) => {
                "`idiolect rebuild` makes the index anew from the documents".to_owned()
            }
            Self::Locked => "try again when the other idiolect has finished".to_owned(),
            Self::ReadOnly | Self::Permission { .. } => {
                "make the folder yours to write in, or name another with `--archive DIR`".to_owned()
            }
            Self::DiskFull => "make room, then run the same command again".to_owned(),
            Self::UnknownAuthor { nearest, .. } if !nearest.is_empty() => {
                format!("did you mean {}?", join(nearest, "or"))
            }
            Self::UnknownAuthor { .. } => "`idiolect authors` lists them".to_owned(),
            Self::UnknownDocument { .. } => {
                "`idiolect search` and `idiolect export` show ids".to_owned()
            }
            Self::AmbiguousDocument { authors, .. } => {
                let shown = &authors[..authors.len().min(5)];
                format!("say whose with `--author`: {}", join(shown, "or"))
            }
            Self::UnknownSource { .. } => "`idiolect sources` lists them".to_owned(),
            Self::ExcludedSource { .. } => {
                "`idiolect sources remove` forgets the exclusion".to_owned()
            }
            Self::Encoder(_) => "`--encoder none` works without embeddings".to_owned(),
            Self::OtherEncoder { .. }
            | Self::Past(
                PastError::NoVectors
                | PastError::MixedEncoders
                | PastError::Dimensions { .. }
                | PastError::Stale { .. }
                | PastError::Segment(_),
            ) => "`idiolect rebuild` indexes everything anew with the encoder given".to_owned(),
            Self::Past(PastError::Texts(source) | PastError::Vectors(source)) => {
                return source.downcast_ref::<Self>().and_then(Self::hint);
            }
            Self::Io(_) => "check the folder that `--archive DIR` names".to_owned(),
            Self::Past(_) | Self::MissingId { .. } | Self::Segment(_) | Self::Database(_) => {
                return None;
            }
        };
        Some(hint)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            _ if error.sqlite_error().map(|error| error.extended_code)
                == Some(NO_SHARED_MEMORY) =>
            {
                Self::DiskFull
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(Damage::Database(error))
            }
            _ => match error {
                // SQLite keeps any bytes as a text; those written were UTF-8.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::Utf8Error(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..) => {
                    Self::Damaged(Damage::Database(error))
                }
                other if lacks_a_table(&other) => Self::Damaged(Damage::Database(other)),
                other => Self::Database(other),
            },
        }
    }
}

/// Whether a statement could not be understood. All are our own, so it is the tables that are not
/// those they were written for; SQLite has no code that says so.
fn lacks_a_table(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqlInputError { .. } => true,
        rusqlite::Error::SqliteFailure(_, Some(said)) => said.starts_with("no such table"),
        _ => false,
    }
}

/// SQLITE_IOERR_SHMSIZE: the file by which processes share the log's index could not grow.
const NO_SHARED_MEMORY: i32 = 4874;

fn file_of(empty: bool) -> &'static str {
    if empty {
        ": its archive.sqlite holds nothing"
    } else {
        ""
    }
}

fn are(missing: &[String]) -> String {
    let verb = if missing.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", join(missing, "and"))
}

fn of_author(author: Option<&str>) -> String {
    author.map_or_else(String::new, |author| format!(" of author `{author}`"))
}

fn by(encoder: Option<&str>) -> String {
    encoder.map_or_else(
        || "without an encoder or with several".to_owned(),
        |encoder| format!("by {encoder}"),
    )
}

/// `` `a`, `b` or `c` ``.
fn join(names: &[String], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}
