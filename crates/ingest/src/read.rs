use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    ops::ControlFlow,
    path::Path,
};

use ignore::WalkBuilder;

use crate::{
    Error, Format, Item, Options, Reason, SkipReason, Stats, jsonl,
    lines::BYTE_ORDER_MARK,
    markdown, mbox,
    sink::{Outcome, Sink},
};

/// Reads a file, a folder, or standard input (`-`), and hands every item to `each`, until that
/// breaks off. In a folder it takes Markdown notes, JSON Lines and mailboxes, in the order of their
/// names; hidden files and symbolic links inside are left out, `.gitignore` is not asked.
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
    if metadata.is_dir() {
        folder(path, &mut sink)?;
    } else {
        let inside = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy();
        let parent = path.parent().unwrap_or(path);
        let _ = file(path, &below(&name_of(parent), &inside), &mut sink)?;
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
    let _ = contents(BufReader::new(reader), name, name, &mut sink)?;
    Ok(sink.stats)
}

fn unreadable(path: &str, source: io::Error) -> Error {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path },
        _ => Error::Unreadable { path, source },
    }
}

fn folder(root: &Path, sink: &mut Sink<'_>) -> Result<(), Error> {
    let shown = root.display().to_string();
    std::fs::read_dir(root).map_err(|source| unreadable(&shown, source))?;
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .hidden(true)
        .follow_links(false)
        .sort_by_file_name(Ord::cmp)
        .build();
    let name = name_of(root);
    let mut found = false;
    for entry in walk {
        let flow = match entry {
            Ok(entry) => {
                let path = entry.path();
                if !is_wanted(path, sink.options.format) {
                    continue;
                }
                let kind = entry.file_type();
                sink.source = path.display().to_string();
                if kind.is_some_and(|kind| kind.is_symlink()) {
                    sink.put(None, Outcome::Skipped(SkipReason::Symlink))
                } else if kind.is_some_and(|kind| kind.is_file()) {
                    let id = below(&name, &relative(path, root));
                    file(path, &id, sink).unwrap_or_else(|error| match error {
                        // An empty note is nothing unusual in a folder of them.
                        Error::Empty { .. } if by_name(&id) == Some(Format::Markdown) => {
                            sink.put(None, Outcome::Skipped(SkipReason::EmptyText))
                        }
                        error => sink.file_problem(error),
                    })
                } else {
                    continue;
                }
            }
            Err(error) => {
                sink.source.clone_from(&shown);
                let error = error
                    .into_io_error()
                    .unwrap_or_else(|| io::Error::other("the folder cannot be listed"));
                sink.put(None, Outcome::Problem(Reason::Read(error)))
            }
        };
        found = true;
        if flow.is_break() {
            return Ok(());
        }
    }
    if found {
        Ok(())
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

fn is_wanted(path: &Path, wanted: Format) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    by_name(&name).is_some_and(|format| wanted == Format::Auto || wanted == format)
}

fn file(path: &Path, id: &str, sink: &mut Sink<'_>) -> Result<ControlFlow<()>, Error> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|source| unreadable(&shown, source))?;
    contents(BufReader::with_capacity(1 << 16, file), &shown, id, sink)
}

/// How many bytes are looked at to tell what something is.
const HEAD_BYTES: usize = 512;
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Tells compression and format and passes the bytes on to the reader of that format.
fn contents(
    reader: impl BufRead,
    source: &str,
    id: &str,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    source.clone_into(&mut sink.source);
    sink.stats.files += 1;
    let (head, mut reader) = peek(reader).map_err(|error| unreadable(source, error))?;
    if head.is_empty() {
        return Err(Error::Empty {
            path: source.to_owned(),
        });
    }
    if head.starts_with(ZSTD_MAGIC) {
        let plain =
            zstd::Decoder::with_buffer(reader).map_err(|error| unreadable(source, error))?;
        let (head, mut reader) =
            peek(BufReader::new(plain)).map_err(|error| unreadable(source, error))?;
        return format_of(id, &head, sink)?.read(&mut reader, id, sink);
    }
    format_of(id, &head, sink)?.read(&mut reader, id, sink)
}

/// The first bytes, and a reader that still gives them.
fn peek<R: BufRead>(mut reader: R) -> io::Result<(Vec<u8>, impl BufRead)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}

fn format_of(name: &str, head: &[u8], sink: &Sink<'_>) -> Result<Format, Error> {
    match sink.options.format {
        Format::Auto => {
            by_name(name)
                .or_else(|| by_head(head))
                .ok_or_else(|| Error::UnknownFormat {
                    path: sink.source.clone(),
                })
        }
        given => Ok(given),
    }
}

fn by_name(name: &str) -> Option<Format> {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".zst").unwrap_or(&name);
    // Apple Mail exports a mailbox as a folder with a file `mbox` in it.
    if name == "mbox" || name.ends_with("/mbox") {
        return Some(Format::Mbox);
    }
    match name.rsplit_once('.')?.1 {
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "mbox" | "mbx" => Some(Format::Mbox),
        "md" | "markdown" => Some(Format::Markdown),
        _ => None,
    }
}

fn by_head(head: &[u8]) -> Option<Format> {
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    if mbox::is_separator(head.split(|byte| *byte == b'\n').next().unwrap_or_default()) {
        return Some(Format::Mbox);
    }
    if head.trim_ascii_start().starts_with(b"{") {
        return Some(Format::Jsonl);
    }
    let front_matter = [&b"---\n"[..], b"---\r\n", b"+++\n", b"+++\r\n"];
    front_matter
        .iter()
        .any(|start| head.starts_with(start))
        .then_some(Format::Markdown)
}

impl Format {
    fn read(
        self,
        reader: &mut dyn BufRead,
        id: &str,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        match self {
            Self::Mbox => mbox::read(reader, sink),
            Self::Markdown => Ok(markdown::read(reader, id, sink)),
            // `format_of` leaves no `Auto`.
            Self::Jsonl | Self::Auto => Ok(jsonl::read(reader, sink)),
        }
    }
}
