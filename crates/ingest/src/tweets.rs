//! X: `tweets.js` of one's own archive.

use std::{io::BufRead, ops::ControlFlow};

use idiolect_core::Document;
use serde_json::Value;

use crate::{
    Error, Reason, SkipReason, dates,
    json::{self, Fields},
    reddit::unescaped,
    sink::{Outcome, Owner, Sink, apart},
};

/// Whether a file of the archive holds what its owner wrote to everybody.
pub(crate) fn is_wanted(name: &str) -> bool {
    let name = name.strip_prefix("data/").unwrap_or(name);
    let Some(stem) = name.strip_suffix(".js") else {
        return false;
    };
    let stem = stem.split("-part").next().unwrap_or(stem);
    matches!(stem, "tweets" | "tweet" | "note-tweet")
}

/// Whether the first bytes are those of such a file.
pub(crate) fn is_tweets(head: &[u8]) -> bool {
    [
        "window.YTD.tweets.",
        "window.YTD.tweet.",
        "window.YTD.note_tweet.",
    ]
    .iter()
    .any(|start| head.starts_with(start.as_bytes()))
}

/// Reads the owner's name from `account.js`.
pub(crate) fn owner(account: &[u8], owner: &mut Owner) {
    let Some(start) = memchr::memchr(b'[', account) else {
        return;
    };
    let Ok(Value::Array(list)) = serde_json::from_slice(&account[start..]) else {
        return;
    };
    let account = list.into_iter().next().and_then(|one| match one {
        Value::Object(fields) => Fields(fields).object("account"),
        _ => None,
    });
    owner.name = account.and_then(|account| {
        account
            .first(&["username", "accountDisplayName"])
            .map(str::to_owned)
    });
}

/// Reads every post as one document.
///
/// # Errors
/// [`Error::Unreadable`] where not even the beginning can be read.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let unreadable = |source: std::io::Error| crate::read::unreadable(&sink.source, source);
    // `window.YTD.tweets.part0 = ` is no JSON.
    loop {
        let buffer = reader.fill_buf().map_err(unreadable)?;
        if buffer.is_empty() {
            break;
        }
        let length = buffer.len();
        match memchr::memchr(b'[', buffer) {
            Some(at) => {
                reader.consume(at);
                break;
            }
            None => reader.consume(length),
        }
    }
    Ok(json::each_object(
        reader,
        b"[",
        sink,
        &mut |sink, place, fields| {
            let outcome = outcome(fields, sink);
            sink.put(place, outcome.into())
        },
    ))
}

fn outcome(fields: &Fields, sink: &Sink<'_>) -> Result<Outcome, Reason> {
    let author = sink.own_author().ok_or(Reason::MissingAuthor)?;
    if let Some(note) = fields.object("noteTweet") {
        let core = note.object("core");
        let text = core.as_ref().and_then(|core| core.text("text"));
        let text = unescaped(text.unwrap_or_default());
        let date = note.text("createdAt").and_then(dates::moment);
        let id = note.id("noteTweetId").unwrap_or_default();
        return Ok(post(&id, author, &text, date, None, None));
    }
    // Archives of old have no object around each.
    let tweet = fields.object("tweet").unwrap_or_else(|| fields.clone());
    let text = tweet
        .first(&["full_text", "text"])
        .ok_or(Reason::MissingField {
            column: "full_text".to_owned(),
        })?;
    if text.starts_with("RT @") || tweet.0.contains_key("retweeted_status") {
        return Ok(Outcome::Skipped(SkipReason::Repost));
    }
    let id = tweet
        .first(&["id_str"])
        .map(str::to_owned)
        .or_else(|| tweet.id("id"));
    let id = id.unwrap_or_default();
    let to = tweet.text("in_reply_to_screen_name");
    let text = words(text, &tweet, to.is_some());
    let thread = tweet
        .first(&["in_reply_to_status_id_str"])
        .map(str::to_owned);
    let date = tweet.text("created_at").and_then(dates::moment);
    Ok(post(
        &id,
        author,
        &text,
        date,
        thread.or_else(|| Some(id.clone())),
        to.map(str::to_owned),
    ))
}

fn post(
    id: &str,
    author: String,
    text: &str,
    date: Option<jiff::Timestamp>,
    thread: Option<String>,
    to: Option<String>,
) -> Outcome {
    if text.trim().is_empty() {
        return Outcome::Skipped(SkipReason::NoText);
    }
    Outcome::Document(Box::new(Document {
        id: apart("x", id),
        author,
        date,
        n: None,
        title: None,
        text: text.trim().to_owned(),
        kind: Some("post".to_owned()),
        thread,
        to,
    }))
}

/// How many links a post has, and how long it can become by them.
const MOST_LINKS: usize = 100;
const LONGEST_POST: usize = 1 << 16;

/// The text with the second of each pair in the place of the first. What is put in is not looked at
/// again.
fn with_links(text: &str, links: impl Iterator<Item = (String, String)>) -> String {
    let links: Vec<(String, String)> = links
        .filter(|(short, _)| short.starts_with("http"))
        .take(MOST_LINKS)
        .collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("http").filter(|_| out.len() < LONGEST_POST) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = links.iter().filter(|(short, _)| rest.starts_with(short));
        if let Some((short, whole)) = found.max_by_key(|(short, _)| short.len()) {
            out.push_str(whole);
            rest = &rest[short.len()..];
        } else {
            out.push_str("http");
            rest = &rest[4..];
        }
    }
    out.push_str(rest);
    out
}

/// The text without the names that the program puts before an answer, with whole links for short
/// ones, and without the links of its own pictures.
fn words(text: &str, tweet: &Fields, is_answer: bool) -> String {
    let mut text = unescaped(text);
    let entities = tweet.object("entities");
    let list = |name: &str| match entities.as_ref().and_then(|all| all.0.get(name)) {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    let field = |entity: &Value, name: &str| {
        entity
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let links = list("urls")
        .iter()
        .map(|link| (field(link, "url"), field(link, "expanded_url")))
        .filter(|(_, whole)| !whole.is_empty())
        .collect::<Vec<_>>();
    let pictures = list("media");
    let pictures = pictures
        .iter()
        .map(|picture| (field(picture, "url"), String::new()));
    text = with_links(&text, links.into_iter().chain(pictures));
    if !is_answer {
        return text;
    }
    let mut rest = text.trim_start();
    while rest.starts_with('@') {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest = rest[end..].trim_start();
    }
    rest.to_owned()
}
