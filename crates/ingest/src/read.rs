use std::{
    cell::Cell,
    ffi::OsStr,
    fs::{File, Metadata},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    ops::ControlFlow,
    path::Path,
    sync::atomic::Ordering,
};

use ignore::WalkBuilder;

use crate::{
    Error, Item, Mark, Options, Reason, SkipReason, Stats,
    export::{Export, Wanted},
    formats::{self, Input},
    mark::Standing,
    sink::{Outcome, Place, Sink},
    unfolding::{Folded, Unfolding},
};

/// Reads a file, a folder, or standard input (`-`), and hands every item to `each`, until that
/// breaks off. In a folder it takes every file of a format that it knows, in the order of their
/// names; hidden files and symbolic links inside are left out, `.gitignore` is not asked. Archives
/// are read in place, as folders are.
///
/// # Errors
/// Where the path cannot be opened, is empty, or holds nothing of a known format. Everything that
/// goes wrong behind that is an [`Item::Problem`].
pub fn read(
    path: &Path,
    options: &Options,
    each: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> Result<Stats, Error> {
    if path == Path::new("-") {
        return read_from(io::stdin().lock(), "-", options, each);
    }
    let shown = path.display().to_string();
    let metadata = std::fs::metadata(path).map_err(|source| unreadable(&shown, source))?;
    let mut sink = Sink::new(options, each);
    let flow = if metadata.is_dir() {
        folder(path, &mut sink)?
    } else {
        let inside = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy();
        let parent = path.parent().unwrap_or(path);
        expect(options, metadata.len());
        file(path, &below(&name_of(parent), &inside), &mut sink)?
    };
    if flow.is_continue() {
        let _ = sink.finish();
    }
    Ok(sink.stats)
}

/// Reads from anything that gives bytes, as [`read`] does from a file; `name` stands for the path in
/// problems, in the choice of the format, and as the id of a note.
///
/// # Errors
/// As [`read`].
pub fn read_from(
    reader: impl Read,
    name: &str,
    options: &Options,
    each: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> Result<Stats, Error> {
    let mut sink = Sink::new(options, each);
    name.clone_into(&mut sink.source);
    let mut reader = BufReader::new(Counted {
        inner: reader,
        options,
    });
    let flow = contents(Input::Stream(&mut reader), name, &mut sink)?;
    if flow.is_continue() {
        let _ = sink.finish();
    }
    Ok(sink.stats)
}

pub(crate) fn unreadable(path: &str, source: io::Error) -> Error {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path },
        _ => Error::Unreadable { path, source },
    }
}

/// Counts bytes as they are read.
struct Counted<'a, R> {
    inner: R,
    options: &'a Options,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(progress) = &self.options.progress {
            progress.read.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<'_, R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

/// Says how many bytes more there are to read.
fn expect(options: &Options, bytes: u64) {
    if let Some(progress) = &options.progress {
        progress.total.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Says that so many bytes need not be read.
fn pass_over(options: &Options, bytes: u64) {
    if let Some(progress) = &options.progress {
        progress.read.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn walk(root: &Path) -> ignore::Walk {
    // The folders of a Maildir begin with a dot.
    let is_maildir = root.join("cur").is_dir() && root.join("new").is_dir();
    WalkBuilder::new(root)
        .standard_filters(false)
        .hidden(!is_maildir)
        .follow_links(false)
        .sort_by_file_name(Ord::cmp)
        .build()
}

fn folder(root: &Path, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
    let shown = root.display().to_string();
    std::fs::read_dir(root).map_err(|source| unreadable(&shown, source))?;
    let export = Export::of_folder(root, sink);
    let wanted = |path: &Path| {
        let name = relative(path, root);
        formats::wanted(&name, sink.options.format, &export)
    };
    if sink.options.progress.is_some() {
        let sizes = walk(root)
            .flatten()
            .filter(|entry| wanted(entry.path()) != Wanted::No)
            .filter_map(|entry| entry.metadata().ok())
            .filter(Metadata::is_file)
            .map(|metadata| metadata.len());
        expect(sink.options, sizes.sum());
    }
    let name = name_of(root);
    let mut found = false;
    sink.export = export.clone();
    for entry in walk(root) {
        let flow = match entry {
            Ok(entry) => {
                let path = entry.path();
                let inside = relative(path, root);
                let wanted = formats::wanted(&inside, sink.options.format, &export);
                if wanted == Wanted::No {
                    continue;
                }
                let kind = entry.file_type();
                sink.source = path.display().to_string();
                if kind.is_some_and(|kind| kind.is_symlink()) {
                    sink.put(Place::File, Outcome::Skipped(SkipReason::Symlink))
                } else if kind.is_some_and(|kind| kind.is_file()) {
                    match file(path, &below(&name, &inside), sink) {
                        Ok(flow) => flow,
                        // Folders hold many tables and lists that nobody wrote.
                        Err(Error::UnknownFormat { .. } | Error::NoTextColumn { .. })
                            if wanted == Wanted::IfKnown =>
                        {
                            continue;
                        }
                        // An empty note is nothing unusual in a folder of them.
                        Err(Error::Empty { .. }) if formats::may_be_empty(&inside) => {
                            sink.put(Place::File, Outcome::Skipped(SkipReason::EmptyText))
                        }
                        Err(error) => sink.file_problem(error),
                    }
                } else {
                    continue;
                }
            }
            Err(error) => {
                sink.source.clone_from(&shown);
                let error = error
                    .into_io_error()
                    .unwrap_or_else(|| io::Error::other("the folder cannot be listed"));
                sink.put(Place::File, Outcome::Problem(Reason::Read(error)))
            }
        };
        found = true;
        if flow.is_break() {
            return Ok(flow);
        }
    }
    sink.export = Export::None;
    if found {
        Ok(ControlFlow::Continue(()))
    } else {
        Err(Error::NoDocuments { path: shown })
    }
}

/// A note's id: the name of its folder and its path inside that, so that the `index.md` of two folders
/// are two notes.
fn below(folder: &str, inside: &str) -> String {
    if folder.is_empty() {
        inside.to_owned()
    } else {
        format!("{folder}/{inside}")
    }
}

/// A folder's own name; nothing where it has none, as `/`.
fn name_of(folder: &Path) -> String {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The path inside the folder with `/` between its parts, the same on every system.
fn relative(path: &Path, root: &Path) -> String {
    let parts: Vec<_> = path
        .strip_prefix(root)
        .unwrap_or(path)
        .iter()
        .map(OsStr::to_string_lossy)
        .collect();
    parts.join("/")
}

fn file(path: &Path, id: &str, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
    let shown = path.display().to_string();
    let open = || File::open(path).map_err(|source| unreadable(&shown, source));
    let mut file = open()?;
    let io = |source| unreadable(&shown, source);
    let known = sink.options.known.get(&shown);
    let mut from = None;
    if let Some(mark) = known {
        match mark.standing(&mut file).map_err(io)? {
            Standing::Same => {
                pass_over(sink.options, mark.bytes);
                sink.letters.remember(&mark.learned);
                return Ok(sink.known(&shown, mark));
            }
            Standing::Grown if may_begin_at(&mut file, mark, id, sink).map_err(io)? => {
                pass_over(sink.options, mark.bytes);
                if sink.known(&shown, mark).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                from = Some(mark);
            }
            Standing::Grown | Standing::Changed => {}
        }
    }
    let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    sink.begin_file(from);
    shown.clone_into(&mut sink.source);
    sink.lines_before = from.map_or(0, |mark| mark.lines);
    let flow = if is_regular {
        let start = from.map_or(0, |mark| mark.bytes);
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let counted = Counted {
            inner: file,
            options: sink.options,
        };
        contents(Input::File(Box::new(counted)), id, sink)?
    } else {
        // A pipe has no end to go back from.
        let counted = Counted {
            inner: file,
            options: sink.options,
        };
        let mut reader = BufReader::with_capacity(1 << 16, counted);
        contents(Input::Stream(&mut reader), id, sink)?
    };
    if flow.is_break() || !is_regular {
        return Ok(flow);
    }
    let grows = formats::grows(id, sink.options.format);
    let mark = open().and_then(|mut file| {
        Mark::of(&mut file, grows).map_err(|source| unreadable(&shown, source))
    })?;
    let mark = Mark {
        lines: sink.lines_before,
        ..mark
    };
    Ok(sink.end_file(&shown, mark))
}

/// Whether what was written behind a mark begins an item.
fn may_begin_at(file: &mut File, mark: &Mark, id: &str, sink: &Sink<'_>) -> io::Result<bool> {
    let mut before = [0];
    file.seek(SeekFrom::Start(mark.bytes.saturating_sub(1)))?;
    file.read_exact(&mut before)?;
    let mut behind = [0; 5];
    let read = file.read(&mut behind)?;
    Ok(before == *b"\n" && formats::begins_item(&behind[..read], id, sink.options.format))
}

/// How many bytes are looked at to tell what something is.
const HEAD_BYTES: usize = 8 << 10;
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Pushshift's files look back over 2 GiB.
const ZSTD_WINDOW: u32 = 31;

/// Tells compression and format and passes the bytes on to the reader of that format. `sink.source`
/// is what problems call it.
pub(crate) fn contents(
    input: Input<'_>,
    id: &str,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let source = sink.source.clone();
    let io = |error| unreadable(&source, error);
    let (head, input) = input.peek(HEAD_BYTES).map_err(io)?;
    if head.is_empty() {
        sink.stats.files += 1;
        return Err(Error::Empty { path: source });
    }
    if !head.starts_with(ZSTD_MAGIC) {
        let format = formats::format_of(id, &head, sink)?;
        sink.stats.files += 1;
        return formats::read(format, &head, input, id, sink);
    }
    let folded = Cell::new(0);
    let compressed = Folded {
        inner: input.into_reader(&head),
        read: &folded,
    };
    let mut plain = zstd::Decoder::new(compressed).map_err(io)?;
    plain.window_log_max(ZSTD_WINDOW).map_err(io)?;
    let mut reader = BufReader::with_capacity(1 << 16, Unfolding::new(plain, &folded));
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(io)?;
    let format = formats::format_of(id, &head, sink)?;
    sink.stats.files += 1;
    formats::read(format, &head, Input::Stream(&mut reader), id, sink)
}

/// Reads all of something that must not be longer than a limit.
pub(crate) fn whole(reader: &mut dyn BufRead, mib: usize) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    let limit = (mib << 20) as u64;
    match reader.take(limit + 1).read_to_end(&mut bytes) {
        Err(error) => Err(Reason::Read(error)),
        Ok(_) if bytes.len() as u64 > limit => Err(Reason::TooLong { limit: mib }),
        Ok(_) => Ok(bytes),
    }
}
