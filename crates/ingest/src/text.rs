//! Plain text: a file, a document.

use std::path::Path;

use idiolect_core::{Document, parse_date};

use crate::{Options, Reason, SkipReason, charset, sink::Outcome};

/// Reads a whole file as one document; `path` inside the imported folder is its id.
pub(crate) fn read(bytes: &[u8], path: &str, options: &Options) -> Result<Outcome, Reason> {
    if charset::is_binary(bytes) {
        return Err(Reason::Binary);
    }
    let text = charset::text(bytes, None);
    let text = text.trim();
    if text.is_empty() {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    }
    let name = stem(path);
    Ok(Outcome::Document(Box::new(Document {
        id: path.to_owned(),
        author: options.author.clone().ok_or(Reason::MissingAuthor)?,
        date: day_of(&name),
        n: None,
        title: Some(name),
        text: text.replace("\r\n", "\n"),
        kind: Some("text".to_owned()),
        thread: None,
        to: None,
    })))
}

/// The name of a file without its folders and extension.
pub(crate) fn stem(path: &str) -> String {
    Path::new(path)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The day that a file's name begins with.
pub(crate) fn day_of(name: &str) -> Option<jiff::Timestamp> {
    parse_date(name.get(..10)?).ok()
}
