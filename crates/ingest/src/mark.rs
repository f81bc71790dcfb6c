//! What an import remembers of a file, so that the next one reads only what is new.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How far a file was read, and what was in that part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Size of the file.
    pub bytes: u64,
    /// Lines in it, where the format has lines.
    pub lines: usize,
    /// When it was last changed, in nanoseconds since 1970; `None` where another change would not be
    /// seen, as it was too close to the reading.
    pub modified: Option<i64>,
    /// SHA-256 of its beginning and of its end, where more may be written behind it.
    pub check: String,
    /// Documents in it.
    pub documents: usize,
    /// What was left out of it, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// What of it could not be read: source, location, reason.
    pub problems: Vec<(String, String, String)>,
    /// Ends of mails that were met again and again: their hashes, and how often.
    pub learned: Vec<(u64, u32)>,
}

/// What a mark says of a file as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing was changed since.
    Same,
    /// More was written behind what the mark covers.
    Grown,
    /// Something else.
    Changed,
}

/// With more problems than these a file is read anew each time.
pub(crate) const MOST_PROBLEMS: usize = 1_000;

/// How much of a file's beginning and end is compared.
const CHECKED_HEAD: u64 = 4 << 10;
const CHECKED_TAIL: u64 = 64 << 10;

/// A file changed this short a time ago may be changed again without its time telling.
const SETTLED: Duration = Duration::from_secs(2);

impl Mark {
    /// The mark of a file that was just read; only of one that `grows` are the bytes looked at.
    pub(crate) fn of(file: &mut File, grows: bool) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let bytes = metadata.len();
        Ok(Self {
            bytes,
            modified: changed(&metadata).filter(|_| is_settled(&metadata)),
            check: if grows {
                check(file, bytes)?
            } else {
                String::new()
            },
            ..Self::default()
        })
    }

    /// Whether the file is still what the mark says.
    pub(crate) fn standing(&self, file: &mut File) -> io::Result<Standing> {
        let metadata = file.metadata()?;
        if metadata.len() == self.bytes {
            let is_same = self.modified.is_some() && self.modified == changed(&metadata);
            return Ok(if is_same {
                Standing::Same
            } else {
                Standing::Changed
            });
        }
        let has_grown = metadata.len() > self.bytes
            && !self.check.is_empty()
            && check(file, self.bytes)? == self.check;
        Ok(if has_grown {
            Standing::Grown
        } else {
            Standing::Changed
        })
    }
}

fn changed(metadata: &Metadata) -> Option<i64> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}

fn is_settled(metadata: &Metadata) -> bool {
    metadata.modified().is_ok_and(|modified| {
        SystemTime::now()
            .duration_since(modified)
            .is_ok_and(|age| age > SETTLED)
    })
}

/// A hash of the first and the last bytes of the first `bytes` of a file.
fn check(file: &mut File, bytes: u64) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut part = Vec::new();
    for (from, length) in [
        (0, CHECKED_HEAD.min(bytes)),
        (bytes.saturating_sub(CHECKED_TAIL), CHECKED_TAIL.min(bytes)),
    ] {
        part.clear();
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(length).read_to_end(&mut part)?;
        hash.update(&part);
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_mark_tells_what_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let write = |text: &str, second: u64| {
            fs::write(&path, text).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(second))
                .unwrap();
            File::open(&path).unwrap()
        };
        let mark = Mark::of(&mut write("one\n", 1), true).unwrap();
        assert_eq!(
            mark.standing(&mut write("one\n", 1)).unwrap(),
            Standing::Same
        );
        assert_eq!(
            mark.standing(&mut write("one\n", 2)).unwrap(),
            Standing::Changed
        );
        assert_eq!(
            mark.standing(&mut write("one\ntwo\n", 2)).unwrap(),
            Standing::Grown
        );
        assert_eq!(
            mark.standing(&mut write("0ne\ntwo\n", 2)).unwrap(),
            Standing::Changed
        );
        let whole = Mark::of(&mut write("one\n", 1), false).unwrap();
        assert_eq!(
            whole.standing(&mut write("one\ntwo\n", 2)).unwrap(),
            Standing::Changed
        );
        // Somebody may be writing it at this moment.
        fs::write(&path, "one\n").unwrap();
        let fresh = Mark::of(&mut File::open(&path).unwrap(), true).unwrap();
        assert_eq!(fresh.modified, None);
    }
}
