//! What an import writes down of how it read: options, places, what was left out.

use idiolect_core::parse_date;
use idiolect_ingest::{Field, Options, Removed};
use serde::{Deserialize, Serialize};

/// The options that change what is made of a file. They are kept with its mark, so that the mark is
/// used with the same ones only, and the file can be read again as it was.
#[derive(Serialize, Deserialize)]
struct Written {
    /// Grows with every change of what readers make of the same bytes.
    rules: u32,
    format: String,
    author: Option<String>,
    me: Vec<String>,
    map: Vec<(String, String)>,
    since: Option<String>,
    until: Option<String>,
    keep_code: bool,
    drafts: bool,
}

const RULES: u32 = 1;

/// Options as text.
pub(super) fn written(options: &Options) -> String {
    let map = options.map.iter();
    let written = Written {
        rules: RULES,
        format: options.format.name().to_owned(),
        author: options.author.clone(),
        me: options.me.clone(),
        map: map
            .map(|(field, column)| (field.name().to_owned(), column.clone()))
            .collect(),
        since: options.since.map(|since| since.to_string()),
        until: options.until.map(|until| until.to_string()),
        keep_code: options.keep_code,
        drafts: options.drafts,
    };
    serde_json::to_string(&written).unwrap_or_default()
}

/// The options that [`written`] wrote; `None` where another version did.
pub(crate) fn options_of(text: &str) -> Option<Options> {
    let written: Written = serde_json::from_str(text).ok()?;
    let moment = |text: Option<String>| text.and_then(|text| parse_date(&text).ok());
    let map = written.map.into_iter().filter_map(|(name, column)| {
        let (field, column): (Field, String) =
            idiolect_ingest::parse_mapping(&format!("{name}={column}")).ok()?;
        Some((field, column))
    });
    Some(Options {
        format: written.format.parse().ok()?,
        author: written.author,
        me: written.me,
        map: map.collect(),
        since: moment(written.since),
        until: moment(written.until),
        keep_code: written.keep_code,
        drafts: written.drafts,
        ..Options::default()
    })
}

/// A file and the place in it.
pub(crate) fn place(source: &str, location: &str) -> String {
    match location {
        "" => source.to_owned(),
        location => format!("{source}, {location}"),
    }
}

/// What was left out as `[[start, end, reason], …]`.
pub(super) fn spans(removed: &[Removed]) -> Option<String> {
    let spans: Vec<(usize, usize, String)> = removed
        .iter()
        .map(|one| (one.span.start, one.span.end, one.reason.to_string()))
        .collect();
    (!spans.is_empty())
        .then(|| serde_json::to_string(&spans).ok())
        .flatten()
}
