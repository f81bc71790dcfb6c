//! The folder of an archive: what lies in it, and who may read it.

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err as fs;

use crate::{Damage, Error};

/// The database.
const DATABASE: &str = "archive.sqlite";
/// Committed changes that are not yet in the database.
const LOG: &str = "archive.sqlite-wal";
/// Where a copy is written; it gets its name when it is whole.
const COPY_BEGUN: &str = "archive.sqlite-copy";
const COPY_JOURNAL: &str = "archive.sqlite-copy-journal";
/// All that an archive's folder holds; SQLite makes the second to the fourth, [`begin_copy`] the
/// others.
const FILES: [&str; 6] = [
    DATABASE,
    LOG,
    "archive.sqlite-shm",
    "archive.sqlite-journal",
    COPY_BEGUN,
    COPY_JOURNAL,
];
/// What copies of archives of earlier formats are called, before the number of the format.
const COPY: &str = "archive-format-";
const COPY_ENDING: &str = ".sqlite";

/// Where the database of the archive in `dir` is.
pub(crate) fn database(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// Those of an archive's files that exist in `dir`, copies of it in earlier formats among them.
pub(crate) fn existing(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = FILES.iter().map(|name| dir.join(name)).collect();
    found.retain(|path| path.symlink_metadata().is_ok());
    found.extend(copies(dir));
    found
}

/// Where the copy is kept of the archive in `dir` as it was in an earlier format.
pub(crate) fn copy_of_format(dir: &Path, format: i64) -> PathBuf {
    dir.join(format!("{COPY}{format}{COPY_ENDING}"))
}

/// All of these that there are.
pub(crate) fn copies(dir: &Path) -> Vec<PathBuf> {
    let is_copy = |name: &str| {
        let format = name
            .strip_prefix(COPY)
            .and_then(|rest| rest.strip_suffix(COPY_ENDING));
        format.is_some_and(|format| format.parse::<u32>().is_ok())
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_copy))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// An empty file to write a copy to, for its owner alone; one that was begun before is thrown away.
pub(crate) fn begin_copy(dir: &Path) -> Result<PathBuf, Error> {
    throw_begun_copy_away(dir)?;
    let path = dir.join(COPY_BEGUN);
    create_file(&path).map_err(|error| refused(error, dir))?;
    Ok(path)
}

/// Deletes a copy that was begun.
pub(crate) fn throw_begun_copy_away(dir: &Path) -> Result<(), Error> {
    for name in [COPY_BEGUN, COPY_JOURNAL] {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(error, dir)),
            _ => {}
        }
    }
    Ok(())
}

/// Gives a finished copy its name, for good.
pub(crate) fn finish_copy(begun: &Path, name: &Path) -> Result<(), Error> {
    let finish = || {
        fs::OpenOptions::new().write(true).open(begun)?.sync_all()?;
        fs::rename(begun, name)?;
        match name.parent() {
            // A folder cannot be opened everywhere; where it can, the new name is durable with it.
            Some(dir) => fs::File::open(dir).map_or(Ok(()), |dir| dir.sync_all()),
            None => Ok(()),
        }
    };
    finish().map_err(|error| refused(error, name))
}

/// Deletes all copies of the archive in `dir` in earlier formats.
pub(crate) fn delete_copies(dir: &Path) -> Result<(), Error> {
    for path in copies(dir) {
        fs::remove_file(path).map_err(|error| refused(error, dir))?;
    }
    throw_begun_copy_away(dir)
}

/// Makes sure that there is no log whose database is gone: SQLite would throw it away.
pub(crate) fn require_no_lone_log(dir: &Path) -> Result<(), Error> {
    let bytes = |name: &str| dir.join(name).metadata().map_or(0, |file| file.len());
    if bytes(LOG) > 0 && bytes(DATABASE) == 0 {
        return Err(Error::Damaged(Damage::LogAlone {
            path: dir.join(LOG),
        }));
    }
    Ok(())
}

/// Whether there are changes that are not yet in the database.
pub(crate) fn has_log(dir: &Path) -> bool {
    let wanted = |name: &str| dir.join(name).metadata().is_ok_and(|file| file.len() > 0);
    wanted(LOG) || wanted("archive.sqlite-journal")
}

/// Makes folder and empty database, for their owner alone from the first moment. SQLite gives its
/// other files the permissions of the database.
pub(crate) fn create(dir: &Path) -> Result<PathBuf, Error> {
    let path = database(dir);
    if path.exists() {
        return Ok(path);
    }
    create_folder(dir).map_err(|error| refused(error, dir))?;
    match create_file(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(refused(error, dir)),
        _ => Ok(path),
    }
}

/// The right to write to an archive: as long as this is kept, other processes wait for theirs.
/// The system takes it back from a process that ends, however it ends.
pub(crate) struct Turn {
    _folder: Option<fs::File>,
}

/// Waits for the right to write to the archive in `dir`, at most for `patience`; calls `waiting`
/// once where it is not free at once. Where folders cannot be locked everybody gets it, and
/// SQLite's own locks keep transactions apart.
pub(crate) fn take_turn(
    dir: &Path,
    patience: Duration,
    waiting: &mut dyn FnMut(),
) -> Result<Turn, Error> {
    let Ok(folder) = fs::File::open(dir) else {
        return Ok(Turn { _folder: None });
    };
    let begun = Instant::now();
    let mut waits = false;
    loop {
        match folder.file().try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(_)) => return Ok(Turn { _folder: None }),
            Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => {
                return Err(Error::Locked);
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if !waits {
            waiting();
            waits = true;
        }
        std::thread::sleep(BETWEEN_ATTEMPTS);
    }
    Ok(Turn {
        _folder: Some(folder),
    })
}

/// A lock has no time limit of its own, so it is asked for again and again.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// Deletes an archive's files, and its folder where nothing else is in it.
pub(crate) fn delete(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut deleted = existing(dir);
    for path in &deleted {
        fs::remove_file(path).map_err(|error| refused(error, dir))?;
    }
    if fs::remove_dir(dir).is_ok() {
        deleted.push(dir.to_owned());
    }
    Ok(deleted)
}

/// Tells a lack of permission apart from other failures.
pub(crate) fn refused(error: std::io::Error, path: &Path) -> Error {
    match error.kind() {
        ErrorKind::PermissionDenied => Error::Permission {
            path: path.to_owned(),
        },
        ErrorKind::ReadOnlyFilesystem => Error::ReadOnly,
        ErrorKind::StorageFull => Error::DiskFull,
        _ => Error::Io(error),
    }
}

/// A new empty file for its owner alone from the first moment.
fn create_file(path: &Path) -> std::io::Result<()> {
    owned_by_user_alone().open(path)?;
    set_mode(path, 0o600)
}

/// A folder that exists and holds something keeps its permissions: it is not ours alone.
fn create_folder(dir: &Path) -> std::io::Result<()> {
    if dir.is_dir() {
        if fs::read_dir(dir)?.next().is_none() {
            set_mode(dir, 0o700)?;
        }
        return Ok(());
    }
    let mut missing: Vec<&Path> = dir
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    while let Some(path) = missing.pop() {
        match new_folder().create(path) {
            Ok(()) => set_mode(path, 0o700)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(error) => {
                let said = format!("cannot make the folder {}: {error}", path.display());
                return Err(std::io::Error::new(error.kind(), said));
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
fn new_folder() -> std::fs::DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn new_folder() -> std::fs::DirBuilder {
    std::fs::DirBuilder::new()
}

#[cfg(unix)]
fn owned_by_user_alone() -> std::fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn owned_by_user_alone() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    options
}

/// The mode given at creation loses what the umask takes, so it is set again.
#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

/// Permission bits, where the system has them.
#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> Result<Option<u32>, Error> {
    use std::os::unix::fs::PermissionsExt;
    Ok(Some(fs::metadata(path)?.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
pub(crate) fn mode(_: &Path) -> Result<Option<u32>, Error> {
    Ok(None)
}
