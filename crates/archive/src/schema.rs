//! The format of the database, and how a connection to it is opened.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::origins::ORIGINS_SINCE;
use crate::{Damage, Error, files};

/// Format that this version writes, kept in SQLite's `user_version`. It changes with any change of
/// the tables or of what lies in them, segments too.
///
/// 1. the first one;
/// 2. long texts are compressed, segments are of version 2;
/// 3. it is known where each document came from, and how far files were read.
pub const FORMAT_VERSION: i64 = 3;

/// The earliest format that is read, and upgraded where it is to be written.
const OLDEST_FORMAT: i64 = 1;

/// `idio` in ASCII: SQLite's mark of whose file it is.
const APPLICATION_ID: i64 = 0x6964_696F;

/// How long to wait for another process's writes unless said otherwise.
pub(crate) const WAIT: Duration = Duration::from_mins(1);

const TABLES: &str = "
CREATE TABLE authors(
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE sources(
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    location TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL,
    content_hash TEXT,
    imported TEXT NOT NULL,
    excluded INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE segments(
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    author INTEGER NOT NULL REFERENCES authors,
    documents INTEGER NOT NULL,
    encoder TEXT,
    bytes BLOB NOT NULL
) STRICT;
CREATE INDEX segments_by_author ON segments(author);
CREATE TABLE tombstones(
    segment INTEGER NOT NULL REFERENCES segments ON DELETE CASCADE,
    document INTEGER NOT NULL,
    PRIMARY KEY(segment, document)
) STRICT, WITHOUT ROWID;
CREATE TABLE problems(
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
    location TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY(source, location)
) STRICT, WITHOUT ROWID;
";

/// Kept apart as an upgrade makes it anew.
pub(crate) const DOCUMENTS: &str = "
-- `key` is the order of import. It is never used twice, and an update keeps it. `text` is a TEXT, or a
-- BLOB where it is compressed; it comes last, so that the other columns are read without it.
CREATE TABLE documents(
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    author INTEGER NOT NULL REFERENCES authors,
    id TEXT NOT NULL,
    date TEXT,
    n INTEGER,
    source INTEGER NOT NULL REFERENCES sources,
    content_hash BLOB NOT NULL,
    characters INTEGER NOT NULL,
    snippets INTEGER NOT NULL,
    kind TEXT,
    thread TEXT,
    recipient TEXT,
    title TEXT,
    text ANY NOT NULL,
    UNIQUE(author, id)
) STRICT;
CREATE INDEX documents_by_id ON documents(id);
CREATE INDEX documents_by_source ON documents(source);
";

/// Of each document: where it stood, a number for its text, a sketch of it, the document that it nearly
/// repeats, and what was left out of it (JSON). `also` has the other sources of a document.
pub(crate) const ORIGINS: &str = "
CREATE TABLE origins(
    document INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
    location TEXT NOT NULL,
    same INTEGER NOT NULL,
    sketch BLOB,
    near INTEGER,
    removed TEXT
) STRICT;
CREATE INDEX origins_by_same ON origins(same);
CREATE TABLE also(
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
    PRIMARY KEY(document, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX also_by_source ON also(source);
CREATE TABLE files(
    source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
    path TEXT NOT NULL,
    options TEXT NOT NULL,
    mark TEXT NOT NULL,
    PRIMARY KEY(source, path)
) STRICT, WITHOUT ROWID;
";

/// Temporary files would be outside the folder, so there are none.
const SETTINGS: &str = "
PRAGMA foreign_keys = ON;
PRAGMA synchronous = FULL;
PRAGMA temp_store = MEMORY;
PRAGMA trusted_schema = OFF;
PRAGMA cache_size = -16384;
";

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading only; works where nothing may be written.
    Read,
    /// Reading and writing.
    Write,
}

/// Opens the archive in `dir`, checks that it is one that this version reads, and gives its format.
pub(crate) fn open(dir: &Path, access: Access) -> Result<(Connection, i64), Error> {
    let not_found = |empty| Error::NotFound {
        dir: dir.to_owned(),
        empty,
    };
    files::require_no_lone_log(dir)?;
    if !exists(dir)? {
        return Err(not_found(false));
    }
    let connection = connect(dir, access)?;
    match contents(dir, &connection)? {
        Contents::Archive { format } => Ok((connection, format)),
        Contents::Nothing => Err(not_found(true)),
    }
}

/// Opens the archive in `dir`, made first where there is none.
pub(crate) fn create_or_open(dir: &Path) -> Result<(Connection, i64), Error> {
    match open(dir, Access::Write) {
        Err(Error::NotFound { .. }) => {}
        opened => return opened,
    }
    files::create(dir)?;
    // Two that turn an empty file into a database at once get into each other's way.
    let _turn = files::take_turn(dir, WAIT, &mut || {})?;
    let mut connection = connect(dir, Access::Write)?;
    if let Contents::Archive { format } = contents(dir, &connection)? {
        return Ok((connection, format));
    }
    // Large pages: a segment is read as one blob of up to tens of megabytes.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have made it meanwhile where there are no turns to take.
    if let Contents::Nothing = contents(dir, &transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(DOCUMENTS)?;
        transaction.execute_batch(ORIGINS)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        mark(&transaction)?;
    }
    transaction.commit()?;
    Ok((connection, FORMAT_VERSION))
}

/// Names of the tables and indexes that an archive of this one's format has and this one has not.
pub(crate) fn missing(connection: &Connection) -> Result<Vec<String>, Error> {
    let whole = Connection::open_in_memory()?;
    whole.execute_batch(TABLES)?;
    whole.execute_batch(DOCUMENTS)?;
    if format(connection)? >= ORIGINS_SINCE {
        whole.execute_batch(ORIGINS)?;
    }
    let present: HashSet<String> = names(connection)?.into_iter().collect();
    let mut missing = names(&whole)?;
    missing.retain(|name| !present.contains(name));
    Ok(missing)
}

fn names(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema ORDER BY name")?;
    Ok(statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}

/// Marks a database as one of this version's format.
pub(crate) fn mark(connection: &Connection) -> Result<(), Error> {
    Ok(connection.pragma_update(None, "user_version", FORMAT_VERSION)?)
}

/// The format of what a connection is open to.
pub(crate) fn format(connection: &Connection) -> Result<i64, Error> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Whether there is a database at all; an error where that cannot be known.
fn exists(dir: &Path) -> Result<bool, Error> {
    match files::database(dir).try_exists() {
        Ok(found) => Ok(found),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(files::refused(error, dir)),
    }
}

/// Whether the first bytes of a file are those of an archive, whatever became of the rest.
pub(crate) fn is_marked(path: &Path) -> bool {
    let mut header = [0; 72];
    let read = fs_err::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[68..] == (APPLICATION_ID as u32).to_be_bytes()
}

enum Contents {
    /// A database without a table: its making was interrupted.
    Nothing,
    Archive {
        format: i64,
    },
}

/// What the database is, by its marks.
fn contents(dir: &Path, connection: &Connection) -> Result<Contents, Error> {
    let application: i64 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| opening(error, dir))?;
    if application != APPLICATION_ID {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        return if application == 0 && tables == 0 {
            Ok(Contents::Nothing)
        } else {
            Err(Error::NotAnArchive {
                path: files::database(dir),
            })
        };
    }
    match format(connection)? {
        format @ OLDEST_FORMAT..=FORMAT_VERSION => Ok(Contents::Archive { format }),
        found if found > FORMAT_VERSION => Err(Error::NewerVersion {
            found,
            supported: FORMAT_VERSION,
        }),
        _ => Err(Error::Damaged(Damage::Value("format version"))),
    }
}

/// A connection with the settings that every use of an archive needs.
fn connect(dir: &Path, access: Access) -> Result<Connection, Error> {
    let path = files::database(dir);
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(&path, flags).map_err(|error| opening(error, dir))?;
    // A database without a log where none can be made: nobody writes, so none is needed.
    let connection = if access == Access::Read && is_stuck(&connection) && !files::has_log(dir) {
        let unchanging = format!("file:{}?immutable=1", escaped(&path));
        Connection::open_with_flags(unchanging, flags | OpenFlags::SQLITE_OPEN_URI)
            .map_err(|error| opening(error, dir))?
    } else {
        connection
    };
    connection.busy_timeout(WAIT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Otherwise some statements are prepared anew for every document that is stored.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection
        .execute_batch(SETTINGS)
        .map_err(|error| opening(error, dir))?;
    if access == Access::Write {
        connection.pragma_update(None, "secure_delete", true)?;
    }
    Ok(connection)
}

/// Whether SQLite cannot even start to read.
fn is_stuck(connection: &Connection) -> bool {
    let first_read =
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    first_read.is_err_and(|error| {
        error.sqlite_error_code() == Some(ErrorCode::CannotOpen)
            || matches!(Error::from(error), Error::ReadOnly | Error::DiskFull)
    })
}

/// A path as part of a URI.
fn escaped(path: &Path) -> String {
    path.to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23")
}

/// SQLite says no more than that it cannot open; the system says why.
fn opening(error: rusqlite::Error, dir: &Path) -> Error {
    let path = files::database(dir);
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            let read = fs_err::File::open(&path);
            let written = || fs_err::OpenOptions::new().append(true).open(&path);
            match read.and_then(|_| written()) {
                Err(error) => files::refused(error, &path),
                // The folder, then.
                Ok(_) => Error::Permission { path },
            }
        }
        Some(ErrorCode::NotADatabase) => Error::NotAnArchive { path },
        _ => Error::from(error),
    }
}
