//! Which format something has, and which reader takes it.

use std::{
    io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom},
    ops::ControlFlow,
};

use crate::{
    Error, Format, Reason, amazon, csv_table, docx, eml,
    export::{Export, Wanted},
    hackernews, html_page, jsonl, lamp,
    lines::BYTE_ORDER_MARK,
    markdown, mbox, medium, odt, package,
    read::whole,
    reddit,
    sink::{Outcome, Place, Sink},
    slack, substack, telegram, text, tweets, whatsapp, wordpress, zip_archive,
};

/// Bytes that can be read from any place.
pub(crate) trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// What a reader is given.
pub(crate) enum Input<'a> {
    /// Something that can be read from any place, now at its beginning.
    File(Box<dyn ReadSeek + 'a>),
    /// Something that is read once, in order.
    Stream(&'a mut dyn BufRead),
}

impl<'a> Input<'a> {
    /// The first bytes, and the input: a file at its beginning again, a stream behind them.
    pub(crate) fn peek(self, bytes: usize) -> io::Result<(Vec<u8>, Self)> {
        let mut head = Vec::with_capacity(bytes);
        let input = match self {
            Self::File(mut file) => {
                let start = file.stream_position()?;
                file.by_ref().take(bytes as u64).read_to_end(&mut head)?;
                file.seek(SeekFrom::Start(start))?;
                Self::File(file)
            }
            Self::Stream(reader) => {
                (&mut *reader).take(bytes as u64).read_to_end(&mut head)?;
                Self::Stream(reader)
            }
        };
        Ok((head, input))
    }

    /// All the bytes in order, after [`Input::peek`] gave `head`.
    pub(crate) fn into_reader<'b>(self, head: &'b [u8]) -> Box<dyn BufRead + 'b>
    where
        'a: 'b,
    {
        match self {
            Self::File(file) => Box::new(BufReader::with_capacity(1 << 16, file)),
            Self::Stream(reader) => Box::new(Cursor::new(head).chain(reader)),
        }
    }

    /// Something that can be read from any place: a stream is read into memory, up to a limit.
    fn into_file<'b>(self, head: &'b [u8], mib: usize) -> Result<Box<dyn ReadSeek + 'b>, Reason>
    where
        'a: 'b,
    {
        match self {
            Self::File(file) => Ok(file),
            Self::Stream(reader) => {
                let mut bytes = Cursor::new(head).chain(reader);
                Ok(Box::new(Cursor::new(whole(&mut bytes, mib)?)))
            }
        }
    }
}

/// What a file's name says of it, without `.zst`.
fn extension(name: &str) -> String {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".zst").unwrap_or(&name);
    let name = name.rsplit('/').next().unwrap_or(name);
    // Apple Mail exports a mailbox as a folder with a file `mbox` in it.
    if name == "mbox" {
        return name.to_owned();
    }
    name.rsplit_once('.')
        .map(|(_, extension)| extension.to_owned())
        .unwrap_or_default()
}

/// The format that a name tells, and whether the file must be looked into.
fn by_name(name: &str) -> Option<(Format, Wanted)> {
    let sure = |format| Some((format, Wanted::Yes));
    let perhaps = |format| Some((format, Wanted::IfKnown));
    match extension(name).as_str() {
        "jsonl" | "ndjson" => sure(Format::Jsonl),
        "mbox" | "mbx" => sure(Format::Mbox),
        "md" | "markdown" => sure(Format::Markdown),
        "html" | "htm" | "xhtml" => sure(Format::Html),
        "txt" => sure(Format::Text),
        "docx" => sure(Format::Docx),
        "odt" => sure(Format::Odt),
        "eml" => sure(Format::Eml),
        "emlx" => sure(Format::Emlx),
        "zip" => sure(Format::Zip),
        "csv" | "tsv" => perhaps(Format::Csv),
        "json" | "js" | "xml" => perhaps(Format::Auto),
        _ if eml::is_in_maildir(name) => sure(Format::Maildir),
        _ if name.to_lowercase().ends_with(".zst") => perhaps(Format::Auto),
        _ => None,
    }
}

/// Whether a file of a folder or an archive is to be read; `name` is its path in there.
pub(crate) fn wanted(name: &str, format: Format, export: &Export) -> Wanted {
    if let Some(wanted) = export.wanted(name) {
        return wanted;
    }
    let Some((told, wanted)) = by_name(name) else {
        return Wanted::No;
    };
    if format == Format::Auto || format == told || told == Format::Zip {
        return wanted;
    }
    let extensions: &[&str] = match format {
        Format::Reddit => &["csv", "jsonl", "ndjson", "json"],
        Format::Amazon => &["jsonl", "json", "tsv", "csv"],
        Format::Lamp | Format::Hackernews => &["json", "jsonl", "ndjson"],
        Format::Telegram | Format::Slack => &["json"],
        Format::Whatsapp => &["txt"],
        Format::X => &["js"],
        Format::Substack | Format::Medium => &["html"],
        Format::Wordpress => &["xml"],
        Format::Eml => &["eml"],
        _ => &[],
    };
    if extensions.contains(&extension(name).as_str()) {
        Wanted::Yes
    } else {
        Wanted::No
    }
}

/// Whether it is nothing unusual that such a file is empty.
pub(crate) fn may_be_empty(name: &str) -> bool {
    matches!(
        by_name(name),
        Some((
            Format::Markdown | Format::Text | Format::Html | Format::Maildir,
            _
        ))
    )
}

/// Whether more is written behind the end of such a file, and what is there stays as it is.
pub(crate) fn grows(name: &str, given: Format) -> bool {
    let is_plain = !name.to_lowercase().ends_with(".zst");
    let told = by_name(name).map(|(format, _)| format);
    is_plain
        && match given {
            Format::Auto => matches!(told, Some(Format::Mbox | Format::Jsonl)),
            given => matches!(given, Format::Mbox | Format::Jsonl),
        }
}

/// Whether the bytes behind the former end of such a file begin an item.
pub(crate) fn begins_item(bytes: &[u8], name: &str, given: Format) -> bool {
    let is_mbox = given == Format::Mbox || matches!(by_name(name), Some((Format::Mbox, _)));
    !is_mbox || bytes == b"From "
}

const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// The format of something by its name and first bytes.
///
/// # Errors
/// [`Error::UnknownFormat`].
pub(crate) fn format_of(name: &str, head: &[u8], sink: &Sink<'_>) -> Result<Format, Error> {
    let given = sink.format();
    let is_zip = head.starts_with(ZIP_MAGIC);
    match given {
        Format::Docx | Format::Odt => Ok(given),
        Format::Auto => sink
            .export
            .format()
            .or_else(|| told(name, head))
            .ok_or_else(|| Error::UnknownFormat {
                path: sink.source.clone(),
            }),
        _ if is_zip => Ok(Format::Zip),
        given => Ok(given),
    }
}

fn told(name: &str, head: &[u8]) -> Option<Format> {
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    match by_name(name) {
        Some((Format::Jsonl, _)) => by_json(head).or(Some(Format::Jsonl)),
        Some((Format::Csv, _)) => by_table(head).or(Some(Format::Csv)),
        Some((Format::Text, _)) if whatsapp::is_chat(name, head) => Some(Format::Whatsapp),
        // Most of what is named so is nobody's writing.
        Some((Format::Auto, _)) => by_head(head).filter(|format| {
            *format != Format::Jsonl || memchr::memmem::find(head, b"\"text\"").is_some()
        }),
        Some((format, _)) => Some(format),
        None => by_head(head),
    }
}

fn by_head(head: &[u8]) -> Option<Format> {
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if mbox::is_separator(first) {
        return Some(Format::Mbox);
    }
    if head.starts_with(ZIP_MAGIC) {
        return Some(Format::Zip);
    }
    let trimmed = head.trim_ascii_start();
    if trimmed.starts_with(b"window.YTD.") {
        return tweets::is_tweets(trimmed).then_some(Format::X);
    }
    if trimmed.starts_with(b"{") || trimmed.starts_with(b"[") {
        // An object over several lines is none of JSON Lines.
        let first = trimmed
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let is_line = first.starts_with(b"{") && first.trim_ascii() != b"{";
        return by_json(trimmed).or_else(|| is_line.then_some(Format::Jsonl));
    }
    let front_matter = [&b"---\n"[..], b"---\r\n", b"+++\n", b"+++\r\n"];
    if front_matter.iter().any(|start| head.starts_with(start)) {
        return Some(Format::Markdown);
    }
    let begun = String::from_utf8_lossy(&trimmed[..trimmed.len().min(1_024)]).to_lowercase();
    if begun.starts_with("<!doctype html") || begun.starts_with("<html") {
        return Some(Format::Html);
    }
    if begun.starts_with("<?xml") || begun.starts_with("<rss") {
        return wordpress::is_export(head).then_some(Format::Wordpress);
    }
    eml::is_header(first).then_some(Format::Eml)
}

/// Which of the formats that are JSON these are the first bytes of.
fn by_json(head: &[u8]) -> Option<Format> {
    let has = |name: &str| memchr::memmem::find(head, format!("\"{name}\"").as_bytes()).is_some();
    if has("text") && (has("from_id") || has("actor_id"))
        || has("personal_information")
        || has("messages")
            && (has("personal_chat") || has("private_group") || has("saved_messages"))
    {
        return Some(Format::Telegram);
    }
    if has("profile") && (has("input") || has("id")) && !has("subreddit") {
        return Some(Format::Lamp);
    }
    if has("subreddit") && (has("body") || has("selftext")) {
        return Some(Format::Reddit);
    }
    if has("asin") && (has("user_id") || has("reviewerID")) {
        return Some(Format::Amazon);
    }
    let is_item = (has("by") && has("time") || has("objectID") && has("created_at")) && has("type")
        || has("objectID") && has("story_id");
    is_item.then_some(Format::Hackernews)
}

/// Which of the formats that are tables.
fn by_table(head: &[u8]) -> Option<Format> {
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first).to_lowercase();
    let columns: Vec<&str> = first
        .split([',', '\t', ';'])
        .map(|column| column.trim().trim_matches('"'))
        .collect();
    let has = |name: &str| columns.contains(&name);
    if has("permalink") && has("subreddit") {
        return Some(Format::Reddit);
    }
    (has("review_body") && has("customer_id")).then_some(Format::Amazon)
}

/// The longest file that is read into memory whole, in MiB.
pub(crate) const WHOLE_MIB: usize = 64;

/// Passes something on to the reader of its format. `head` is what [`Input::peek`] gave.
pub(crate) fn read(
    format: Format,
    head: &[u8],
    input: Input<'_>,
    id: &str,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let one = |sink: &mut Sink<'_>, outcome| Ok(sink.put(Place::File, Outcome::from(outcome)));
    if matches!(format, Format::Docx | Format::Odt | Format::Zip) {
        let file = match input.into_file(head, WHOLE_MIB) {
            Ok(file) => file,
            Err(reason) => return one(sink, Err(reason)),
        };
        return match format {
            Format::Docx => one(sink, package::read(file, id, sink.options, &docx::LAYOUT)),
            Format::Odt => one(sink, package::read(file, id, sink.options, &odt::LAYOUT)),
            _ => zip_archive::read(file, id, sink),
        };
    }
    let mut reader = input.into_reader(head);
    let reader = &mut *reader;
    match format {
        Format::Mbox => mbox::read(reader, sink),
        Format::Eml | Format::Maildir => eml::read(reader, id, sink),
        Format::Emlx => eml::read_emlx(reader, sink),
        Format::Csv => csv_table::read(reader, sink),
        Format::Reddit => reddit::read(reader, head, sink),
        Format::Amazon => amazon::read(reader, head, sink),
        Format::Lamp => Ok(lamp::read(reader, head, sink)),
        Format::Telegram => telegram::read(reader, sink),
        Format::Whatsapp => whatsapp::read(reader, id, sink),
        Format::Slack => slack::read(reader, id, sink),
        Format::X => tweets::read(reader, sink),
        Format::Wordpress => Ok(wordpress::read(reader, sink)),
        Format::Hackernews => Ok(hackernews::read(reader, head, sink)),
        Format::Markdown | Format::Html | Format::Text | Format::Substack | Format::Medium => {
            let (place, outcome) = match whole(reader, WHOLE_MIB) {
                Err(reason) => (Place::File, Err(reason)),
                Ok(bytes) => match format {
                    Format::Markdown => markdown::note(&bytes, id, sink.options),
                    Format::Html => (Place::File, html_page::page(&bytes, id, sink.options)),
                    Format::Substack => (Place::File, substack::post(&bytes, id, sink)),
                    Format::Medium => (Place::File, medium::post(&bytes, id, sink.options)),
                    _ => (Place::File, text::read(&bytes, id, sink.options)),
                },
            };
            Ok(sink.put(place, Outcome::from(outcome)))
        }
        // `format_of` leaves no `Auto`; the others were taken above.
        Format::Jsonl | Format::Auto | Format::Docx | Format::Odt | Format::Zip => {
            Ok(jsonl::read(reader, sink))
        }
    }
}
