//! Token ids of any number of examples in one file, written in one pass and then looked at in place:
//! texts are tokenized once, and no more of them is in memory than a step needs.
//!
//! The file: a header of 64 bytes (what it is, its key, the numbers of ids and of examples), all ids
//! as little-endian u32, then 16 bytes an example: where its ids begin, and how many are input and
//! target.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use memmap2::Mmap;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{Features, TrainError};

/// What examples were made of and how: the same key, the same ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// Of how the examples are made (task, lengths, the tokenizer's file), and of the contents of the
    /// files that they are made of, in their order.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn new(how: &[&[u8]], files: &[PathBuf]) -> Result<Self, TrainError> {
        let mut hash = Sha256::new();
        hash.update(VERSION.to_le_bytes());
        for part in how {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        for path in files {
            let mut file = fs_err::File::open(path).map_err(TrainError::File)?;
            let mut block = vec![0; 1 << 20];
            let mut content = Sha256::new();
            loop {
                let read = file.read(&mut block).map_err(TrainError::File)?;
                if read == 0 {
                    break;
                }
                content.update(&block[..read]);
            }
            hash.update(content.finalize());
        }
        Ok(Self(hash.finalize().into()))
    }

    /// Its first digits, for a file's name.
    pub fn short(&self) -> String {
        let (first, _) = self.0.split_at(8);
        let number = first
            .iter()
            .fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
        format!("{number:016x}")
    }
}

const MAGIC: [u8; 8] = *b"idiotok\n";
const VERSION: u32 = 1;
const HEADER: usize = 64;
const ENTRY: usize = 16;

/// A finished file, mapped into memory.
#[derive(Debug, Clone)]
pub struct TokenCache {
    map: Arc<Mmap>,
    /// Ids of all examples together.
    tokens: usize,
    examples: usize,
}

impl TokenCache {
    /// Opens the file; `None` where there is none, or one of another key or format, or a damaged one.
    ///
    /// # Errors
    /// [`TrainError::File`] where it cannot be read.
    pub fn open(path: &Path, key: &CacheKey) -> Result<Option<Self>, TrainError> {
        let file = match fs_err::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TrainError::File(error)),
        };
        if file.metadata().map_err(TrainError::File)?.len() < HEADER as u64 {
            return Ok(None);
        }
        let map = map::of(file.file()).map_err(TrainError::File)?;
        Ok(Self::checked(map, key))
    }

    fn checked(map: Mmap, key: &CacheKey) -> Option<Self> {
        let header = map.get(..HEADER)?;
        let number = |at: usize| -> Option<u64> {
            Some(u64::from_le_bytes(header.get(at..at + 8)?.try_into().ok()?))
        };
        let known = header[..8] == MAGIC && header[8..12] == VERSION.to_le_bytes();
        if !known || header[16..48] != key.0 {
            return None;
        }
        let tokens = usize::try_from(number(48)?).ok()?;
        let examples = usize::try_from(number(56)?).ok()?;
        let expected = tokens
            .checked_mul(4)?
            .checked_add(examples.checked_mul(ENTRY)?)?
            .checked_add(HEADER)?;
        if map.len() != expected {
            return None;
        }
        let found = Self {
            map: Arc::new(map),
            tokens,
            examples,
        };
        // Each begins where the one before ends, and the last ends where the ids do.
        let mut end = 0;
        for example in 0..examples {
            let (start, input, target) = found.entry(example)?;
            if start != end {
                return None;
            }
            end = start.checked_add(input)?.checked_add(target)?;
        }
        (end == tokens).then_some(found)
    }

    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.examples
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.examples == 0
    }

    /// Lengths of an example's input and target; zeros beyond the last.
    pub fn lengths(&self, example: usize) -> (usize, usize) {
        self.entry(example)
            .map_or((0, 0), |(_, input, target)| (input, target))
    }

    /// An example; an empty one beyond the last.
    pub fn get(&self, example: usize) -> Features {
        let Some((start, input, target)) = self.entry(example) else {
            return Features::default();
        };
        let ids = |start: usize, count: usize| -> Vec<u32> {
            let at = HEADER + start * 4;
            let bytes = self.map.get(at..at + count * 4).unwrap_or_default();
            let (ids, _) = bytes.as_chunks::<4>();
            ids.iter().map(|&id| u32::from_le_bytes(id)).collect()
        };
        Features {
            input: ids(start, input),
            target: ids(start + input, target),
        }
    }

    fn entry(&self, example: usize) -> Option<(usize, usize, usize)> {
        if example >= self.examples {
            return None;
        }
        let at = HEADER + self.tokens * 4 + example * ENTRY;
        let entry: &[u8; ENTRY] = self.map.get(at..at + ENTRY)?.try_into().ok()?;
        let (start, lengths) = entry.split_at(8);
        let (input, target) = lengths.split_at(4);
        Some((
            usize::try_from(u64::from_le_bytes(start.try_into().ok()?)).ok()?,
            u32::from_le_bytes(input.try_into().ok()?) as usize,
            u32::from_le_bytes(target.try_into().ok()?) as usize,
        ))
    }
}

/// Writes a cache, an example at a time. The file is there when it is finished, not before.
#[derive(Debug)]
pub struct CacheWriter {
    path: PathBuf,
    key: CacheKey,
    ids: BufWriter<NamedTempFile>,
    entries: BufWriter<File>,
    tokens: u64,
    examples: u64,
}

impl CacheWriter {
    /// Begins a file at this path, whose folder must be there.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn create(path: &Path, key: CacheKey) -> Result<Self, TrainError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let ids = NamedTempFile::new_in(folder).map_err(TrainError::File)?;
        let mut ids = BufWriter::new(ids);
        ids.write_all(&[0; HEADER]).map_err(TrainError::File)?;
        let entries = tempfile::tempfile_in(folder).map_err(TrainError::File)?;
        Ok(Self {
            path: path.to_owned(),
            key,
            ids,
            entries: BufWriter::new(entries),
            tokens: 0,
            examples: 0,
        })
    }

    /// Adds an example; one longer than the format can say, four billion ids, is left out.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn push(&mut self, example: &Features) -> Result<(), TrainError> {
        let (input, target) = (example.input.len(), example.target.len());
        let (Ok(short_input), Ok(short_target)) = (u32::try_from(input), u32::try_from(target))
        else {
            return Ok(());
        };
        let mut write = || -> std::io::Result<()> {
            self.entries.write_all(&self.tokens.to_le_bytes())?;
            self.entries.write_all(&short_input.to_le_bytes())?;
            self.entries.write_all(&short_target.to_le_bytes())?;
            for id in example.input.iter().chain(&example.target) {
                self.ids.write_all(&id.to_le_bytes())?;
            }
            Ok(())
        };
        write().map_err(TrainError::File)?;
        self.tokens += (input + target) as u64;
        self.examples += 1;
        Ok(())
    }

    /// Ends the file and opens it.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn finish(self) -> Result<TokenCache, TrainError> {
        let key = self.key;
        let path = self.path.clone();
        self.complete().map_err(TrainError::File)?;
        TokenCache::open(&path, &key)?.ok_or_else(|| {
            let lost =
                std::io::Error::new(std::io::ErrorKind::InvalidData, "the cache was changed");
            TrainError::File(lost)
        })
    }

    fn complete(self) -> std::io::Result<()> {
        let mut ids = flushed(self.ids)?;
        let mut entries = flushed(self.entries)?;
        entries.seek(SeekFrom::Start(0))?;
        std::io::copy(&mut BufReader::new(entries), &mut ids)?;
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend([0; 4]);
        header.extend(self.key.0);
        header.extend(self.tokens.to_le_bytes());
        header.extend(self.examples.to_le_bytes());
        ids.seek(SeekFrom::Start(0))?;
        ids.write_all(&header)?;
        ids.as_file().sync_all()?;
        ids.persist(&self.path)?;
        Ok(())
    }
}

fn flushed<W: Write>(writer: BufWriter<W>) -> std::io::Result<W> {
    writer
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
}

/// The one place that maps a file.
mod map {
    use std::fs::File;

    use memmap2::Mmap;

    /// The bytes of a file without reading it.
    #[expect(unsafe_code, reason = "a file of any size is looked at in place")]
    pub(super) fn of(file: &File) -> std::io::Result<Mmap> {
        // SAFETY: the bytes must not change while they are mapped. A cache is written under another
        // name, renamed when it is whole, and never written again; only its owner can open it. A
        // newer one of the same name takes its place in the folder and leaves these bytes alone.
        unsafe { Mmap::map(file) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(how: &str) -> CacheKey {
        CacheKey::new(&[how.as_bytes()], &[]).unwrap()
    }

    fn written(path: &Path, examples: &[Features]) -> TokenCache {
        let mut writer = CacheWriter::create(path, key("a")).unwrap();
        for example in examples {
            writer.push(example).unwrap();
        }
        writer.finish().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            examples in proptest::collection::vec(
                (proptest::collection::vec(any::<u32>(), 1..9), proptest::collection::vec(any::<u32>(), 0..9)),
                0..20,
            )
        ) {
            let examples: Vec<Features> = examples
                .into_iter()
                .map(|(input, target)| Features { input, target })
                .collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.tokens");
            let cache = written(&path, &examples);
            prop_assert_eq!(cache.len(), examples.len());
            for (i, example) in examples.iter().enumerate() {
                prop_assert_eq!(&cache.get(i), example);
                prop_assert_eq!(cache.lengths(i), (example.input.len(), example.target.len()));
            }
            prop_assert_eq!(cache.get(examples.len()), Features::default());
            let again = TokenCache::open(&path, &key("a")).unwrap();
            prop_assert!(again.is_some_and(|again| again.len() == examples.len()));
            prop_assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn another_key_or_a_damaged_file_is_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tokens");
        assert!(TokenCache::open(&path, &key("a")).unwrap().is_none());
        let example = Features {
            input: vec![1, 2, 3],
            target: vec![4],
        };
        written(&path, &[example.clone(), example]);
        assert!(TokenCache::open(&path, &key("b")).unwrap().is_none());
        let whole = fs_err::read(&path).unwrap();
        for cut in [0, 10, HEADER, whole.len() - 1] {
            fs_err::write(&path, &whole[..cut]).unwrap();
            assert!(
                TokenCache::open(&path, &key("a")).unwrap().is_none(),
                "{cut}"
            );
        }
        // Magic, version, key, counts, and every byte of the entries.
        let entries = whole.len() - 2 * ENTRY..whole.len();
        for at in [0, 8, 16, 47, 48, 55, 56].into_iter().chain(entries) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x41;
            fs_err::write(&path, &damaged).unwrap();
            assert!(
                TokenCache::open(&path, &key("a")).unwrap().is_none(),
                "{at}"
            );
        }
    }

    #[test]
    fn keys_follow_content_and_not_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs_err::write(&path, text).unwrap();
            path
        };
        let (a, b, c) = (file("a", "one"), file("b", "one"), file("c", "two"));
        let of = |files: &[&PathBuf]| {
            let files: Vec<PathBuf> = files.iter().map(|&path| path.clone()).collect();
            CacheKey::new(&[b"x"], &files).unwrap()
        };
        assert_eq!(of(&[&a]), of(&[&b]));
        assert_ne!(of(&[&a]), of(&[&c]));
        assert_ne!(of(&[&a, &c]), of(&[&c, &a]));
        assert_ne!(key("x"), key("y"));
    }
}
