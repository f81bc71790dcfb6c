//! Archives, read in place: nothing is ever written to the disk, nothing unfolds without bounds, and
//! archives within archives are left alone.

use std::{
    cell::Cell,
    collections::HashMap,
    io::{self, BufReader, Read},
    ops::ControlFlow,
};

use zip::{ZipArchive, result::ZipError};

use crate::{
    Error, Reason, SkipReason,
    export::{Export, SMALL_BYTES, Tree, Wanted},
    formats::{self, Input, ReadSeek},
    read::{contents, unreadable},
    sink::{Outcome, Place, Sink},
    unfolding::{most_of, too_much},
};

/// More entries are no archive of somebody's writing.
const MOST_ENTRIES: usize = 2_000_000;

/// Reads the entries of an archive as a folder is read.
pub(crate) fn read<'a>(
    mut file: Box<dyn ReadSeek + 'a>,
    id: &str,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let source = sink.source.clone();
    let size = file
        .seek(io::SeekFrom::End(0))
        .map_err(|error| unreadable(&source, error))?;
    let budget = Cell::new(most_of(size));
    let mut zip = match ZipArchive::new(BufReader::new(file)) {
        Ok(zip) if zip.len() <= MOST_ENTRIES => zip,
        Ok(_) => return Ok(problem(sink, "it has too many entries")),
        Err(error) => return Ok(sink.put(Place::File, Outcome::Problem(reason(&error)))),
    };
    let mut entries = entries(&zip);
    let shared = shared_folder(entries.keys());
    let mut names: Vec<(String, usize)> = entries.drain().collect();
    names.sort_unstable();
    let tree_names = names
        .iter()
        .map(|(name, at)| (name[shared.len()..].to_owned(), *at))
        .collect();
    let mut tree = Entries {
        zip: &mut zip,
        names: tree_names,
        budget: &budget,
    };
    let export = Export::of(&mut tree, sink);
    let before = std::mem::replace(&mut sink.export, export.clone());
    sink.in_archive = true;
    let mut found = false;
    let mut flow = ControlFlow::Continue(());
    for (name, at) in names {
        let inside = &name[shared.len()..];
        let wanted = formats::wanted(inside, sink.format(), &export);
        if wanted == Wanted::No {
            continue;
        }
        sink.source = format!("{source}/{name}");
        let read = entry(&mut zip, at, &below(id, &name), &budget, sink);
        flow = match read {
            Ok(flow) => flow,
            Err(Error::UnknownFormat { .. } | Error::NoTextColumn { .. })
                if wanted == Wanted::IfKnown =>
            {
                continue;
            }
            Err(Error::Empty { .. }) if formats::may_be_empty(inside) => {
                sink.put(Place::File, Outcome::Skipped(SkipReason::EmptyText))
            }
            Err(error) => sink.file_problem(error),
        };
        found = true;
        if flow.is_break() {
            break;
        }
    }
    sink.export = before;
    sink.in_archive = false;
    sink.source.clone_from(&source);
    if found {
        Ok(flow)
    } else {
        Err(Error::NoDocuments { path: source })
    }
}

fn problem(sink: &mut Sink<'_>, reason: &'static str) -> ControlFlow<()> {
    sink.put(Place::File, Outcome::Problem(Reason::Zip { reason }))
}

fn below(id: &str, name: &str) -> String {
    format!("{id}/{name}")
}

/// Names of files, and where they stand; the last of several equal names, as when unpacking.
fn entries<R: Read + io::Seek>(zip: &ZipArchive<R>) -> HashMap<String, usize> {
    (0..zip.len())
        .filter_map(|at| {
            let name = zip.name_for_index(at)?.ok()?;
            // What macOS keeps beside every file.
            let is_file = !name.ends_with('/') && !name.starts_with("__MACOSX/");
            is_file.then(|| (name.into_owned(), at))
        })
        .collect()
}

/// The folder that all entries lie in, with its `/`; nothing where there is none.
fn shared_folder<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let mut shared: Option<&str> = None;
    for name in names {
        let Some((first, _)) = name.split_once('/') else {
            return String::new();
        };
        match shared {
            None => shared = Some(first),
            Some(folder) if folder == first => {}
            Some(_) => return String::new(),
        }
    }
    match shared {
        // These are parts of exports, and no folder around one.
        Some("data" | "posts" | "cur" | "new") | None => String::new(),
        Some(folder) => format!("{folder}/"),
    }
}

fn entry<R: Read + io::Seek>(
    zip: &mut ZipArchive<R>,
    at: usize,
    id: &str,
    budget: &Cell<u64>,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let file = match zip.by_index(at) {
        Ok(file) => file,
        Err(error) => return Ok(sink.put(Place::File, Outcome::Problem(reason(&error)))),
    };
    if file.is_symlink() {
        return Ok(sink.put(Place::File, Outcome::Skipped(SkipReason::Symlink)));
    }
    if file.enclosed_name().is_none() {
        return Ok(sink.put(Place::File, Outcome::Problem(Reason::OutsidePath)));
    }
    let mut reader = BufReader::with_capacity(
        1 << 16,
        Bounded {
            inner: file,
            budget,
        },
    );
    // An archive within an archive could hold a third one.
    let (head, input) = Input::Stream(&mut reader)
        .peek(4)
        .map_err(|error| unreadable(&sink.source, error))?;
    let is_archive = head.starts_with(b"PK\x03\x04");
    let extension = id.rsplit('.').next().unwrap_or_default().to_lowercase();
    if is_archive && !matches!(extension.as_str(), "docx" | "odt") {
        return Ok(problem(sink, "it is an archive within an archive"));
    }
    let mut reader = input.into_reader(&head);
    contents(Input::Stream(&mut *reader), id, sink)
}

/// Stops where all entries together unfold to too much.
struct Bounded<'a, R> {
    inner: R,
    budget: &'a Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let Some(left) = self.budget.get().checked_sub(read as u64) else {
            self.budget.set(0);
            return Err(too_much());
        };
        self.budget.set(left);
        Ok(read)
    }
}

struct Entries<'a, R> {
    zip: &'a mut ZipArchive<R>,
    names: HashMap<String, usize>,
    budget: &'a Cell<u64>,
}

impl<R: Read + io::Seek> Tree for Entries<'_, R> {
    fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
            || self.names.keys().any(|entry| {
                entry
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('/'))
            })
    }

    fn small(&mut self, name: &str) -> Option<Vec<u8>> {
        let file = self.zip.by_index(*self.names.get(name)?).ok()?;
        part(file, SMALL_BYTES, self.budget).ok()
    }
}

/// All of an entry that is not larger than a limit.
fn part(file: impl Read, limit: u64, budget: &Cell<u64>) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    let bounded = Bounded {
        inner: file,
        budget,
    };
    let read = bounded.take(limit + 1).read_to_end(&mut bytes);
    match read {
        Err(error) => Err(Reason::Read(error)),
        Ok(_) if bytes.len() as u64 > limit => Err(Reason::TooLong {
            limit: (limit >> 20) as usize,
        }),
        Ok(_) => Ok(bytes),
    }
}

/// A document that is an archive of XML files.
pub(crate) struct Package<'a> {
    zip: ZipArchive<BufReader<Box<dyn ReadSeek + 'a>>>,
    budget: Cell<u64>,
}

impl<'a> Package<'a> {
    pub(crate) fn open(mut file: Box<dyn ReadSeek + 'a>) -> Result<Self, Reason> {
        let size = file.seek(io::SeekFrom::End(0)).map_err(Reason::Read)?;
        Ok(Self {
            zip: ZipArchive::new(BufReader::new(file)).map_err(|error| reason(&error))?,
            budget: Cell::new(most_of(size)),
        })
    }

    /// One of its files; `None` where there is none of that name.
    pub(crate) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, Reason> {
        match self.zip.by_name(name) {
            Ok(file) => part(file, (formats::WHOLE_MIB as u64) << 20, &self.budget).map(Some),
            Err(ZipError::FileNotFound) => Ok(None),
            Err(error) => Err(reason(&error)),
        }
    }
}

/// What is wrong with an archive, in words that quote nothing of it.
fn reason(error: &ZipError) -> Reason {
    match error {
        ZipError::UnsupportedArchive(text) if text.to_lowercase().contains("password") => {
            Reason::Encrypted
        }
        ZipError::InvalidPassword => Reason::Encrypted,
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            Reason::Zip {
                reason: "it is compressed in a way that is not supported",
            }
        }
        ZipError::Io(error) => Reason::Read(io::Error::from(error.kind())),
        _ => Reason::Zip {
            reason: "its directory cannot be read",
        },
    }
}
