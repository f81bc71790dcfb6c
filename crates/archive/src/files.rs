//! The folder of an archive: what lies in it, and who may read it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::Error;

/// The database.
const DATABASE: &str = "archive.sqlite";
/// All that an archive's folder holds; SQLite makes the last three.
const FILES: [&str; 4] = [
    DATABASE,
    "archive.sqlite-wal",
    "archive.sqlite-shm",
    "archive.sqlite-journal",
];

/// Where the database of the archive in `dir` is.
pub(crate) fn database(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// Those of an archive's files that exist in `dir`.
pub(crate) fn existing(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = FILES.iter().map(|name| dir.join(name)).collect();
    found.retain(|path| path.symlink_metadata().is_ok());
    found
}

/// Makes folder and empty database, for their owner alone from the first moment. SQLite gives its
/// other files the permissions of the database.
pub(crate) fn create(dir: &Path) -> Result<PathBuf, Error> {
    let path = database(dir);
    if path.exists() {
        return Ok(path);
    }
    create_folder(dir).map_err(|error| refused(error, dir))?;
    match owned_by_user_alone().open(&path) {
        Ok(_) => set_mode(&path, 0o600)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refused(error, dir)),
    }
    Ok(path)
}

/// Lets one process at a time go on, as long as what this returns is kept: two that turn an empty
/// file into a database at once get into each other's way. Where folders cannot be locked, nothing.
pub(crate) fn take_turns(dir: &Path) -> Option<fs::File> {
    let folder = fs::File::open(dir).ok()?;
    folder.file().lock().ok()?;
    Some(folder)
}

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
