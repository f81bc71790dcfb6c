//! Reddit: one's own data (`comments.csv`, `posts.csv`), and the lines of Pushshift's dumps. Addresses
//! of computers (`ip`) are never read.

use std::{io::BufRead, ops::ControlFlow};

use idiolect_core::Document;

use crate::{
    Error, Reason, Removed, SkipReason,
    csv_table::{self, Row},
    dates,
    json::{self, Fields},
    markdown,
    sink::{Outcome, Owner, Sink},
};

/// Reads comments and posts, told apart by their fields.
///
/// # Errors
/// Where a table has no line of names.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    head: &[u8],
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let me = sink
        .options
        .me
        .iter()
        .map(|me| name(me))
        .collect::<Vec<_>>();
    let begun = head.trim_ascii_start();
    if begun.starts_with(b"{") || begun.starts_with(b"[") {
        return Ok(json::each_object(
            reader,
            head,
            sink,
            &mut |sink, place, fields| {
                let outcome = line(fields, &me, sink);
                sink.put(place, outcome.into())
            },
        ));
    }
    csv_table::each_row(reader, sink, &mut |sink, place, row| {
        let outcome = table_row(row, sink);
        sink.put(place, outcome.into())
    })
}

/// `u/Ana` and `ana` are the same.
fn name(name: &str) -> String {
    let name = name.trim().to_lowercase();
    let name = name.trim_start_matches('/');
    name.strip_prefix("u/").unwrap_or(name).to_owned()
}

/// Reads the user's name from `statistics.csv`.
pub(crate) fn owner(table: &[u8], owner: &mut Owner) {
    let text = String::from_utf8_lossy(table);
    owner.name = text.lines().find_map(|line| {
        let (key, value) = line.split_once(',')?;
        let value = value.trim().trim_matches('"');
        (key.trim() == "account name" && !value.is_empty()).then(|| value.to_owned())
    });
}

fn table_row(row: &Row<'_>, sink: &Sink<'_>) -> Result<Outcome, Reason> {
    let author = sink.own_author().ok_or(Reason::MissingAuthor)?;
    let title = row.get("title").map(unescaped);
    let is_post = row.has("title");
    let Some(body) = row.get("body").map(unescaped) else {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    };
    if is_gone(&body) {
        return Ok(Outcome::Skipped(SkipReason::Deleted));
    }
    let date = match row.get("date") {
        Some(date) => Some(dates::moment(date).ok_or_else(|| Reason::UnknownDate {
            column: "date".to_owned(),
        })?),
        None => None,
    };
    let document = Document {
        id: row.get("id").unwrap_or_default().to_owned(),
        author,
        date,
        n: None,
        title,
        text: String::new(),
        kind: Some(if is_post { "post" } else { "comment" }.to_owned()),
        thread: row.get("link").or(row.get("permalink")).map(str::to_owned),
        to: row.get("subreddit").map(str::to_owned),
    };
    Ok(reduced(document, body, sink.options.keep_code))
}

fn line(fields: &Fields, me: &[String], sink: &Sink<'_>) -> Result<Outcome, Reason> {
    let author = fields.text("author").ok_or(Reason::MissingField {
        column: "author".to_owned(),
    })?;
    if author == "[deleted]" {
        return Ok(Outcome::Skipped(SkipReason::Deleted));
    }
    if author == "AutoModerator" {
        return Ok(Outcome::Skipped(SkipReason::AutoReply));
    }
    if !me.is_empty() && !me.contains(&name(author)) {
        return Ok(Outcome::Skipped(SkipReason::OtherSender));
    }
    let is_post = fields.0.contains_key("selftext") || fields.0.contains_key("title");
    let body = if is_post { "selftext" } else { "body" };
    let Some(body) = fields.text(body).map(unescaped) else {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    };
    if is_gone(&body) {
        return Ok(Outcome::Skipped(SkipReason::Deleted));
    }
    let document = Document {
        id: fields.id("id").unwrap_or_default(),
        author: sink
            .options
            .author
            .clone()
            .unwrap_or_else(|| author.to_owned()),
        date: fields.number("created_utc").and_then(dates::epoch),
        n: None,
        title: fields.text("title").map(unescaped),
        text: String::new(),
        kind: Some(if is_post { "post" } else { "comment" }.to_owned()),
        thread: fields
            .id("link_id")
            .or_else(|| fields.id("name"))
            .or_else(|| fields.id("id").map(|id| format!("t3_{id}"))),
        to: fields.text("subreddit").map(str::to_owned),
    };
    Ok(reduced(document, body, sink.options.keep_code))
}

/// The author's own words in what Reddit writes as Markdown.
fn reduced(mut document: Document, body: String, keep_code: bool) -> Outcome {
    // The first heading of a comment is a part of it.
    let title = document.title.clone().unwrap_or_default();
    let prose = markdown::prose(&body, Some(&title), keep_code);
    if prose.text.is_empty() {
        return Outcome::Skipped(SkipReason::EmptyText);
    }
    document.text = prose.text;
    let removed: Vec<Removed> = prose.removed;
    Outcome::Reduced(Box::new(document), body, removed)
}

fn is_gone(body: &str) -> bool {
    matches!(body.trim(), "[deleted]" | "[removed]" | "[deleted by user]")
}

/// Three signs are escaped in everything that Reddit gives out.
pub(crate) fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&#x2F;", "/")
        .replace("&#x200B;", "")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}
