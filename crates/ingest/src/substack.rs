//! Substack: `posts.csv` says what each post is, a page under `posts/` has its text.

use std::collections::HashMap;

use idiolect_core::Document;
use jiff::Timestamp;

use crate::{
    Reason, SkipReason, dates,
    export::Export,
    html, html_page,
    sink::{Outcome, Sink},
};

/// What the table says of a post.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct About {
    title: Option<String>,
    subtitle: Option<String>,
    date: Option<Timestamp>,
    is_published: bool,
}

/// The posts by their ids, `123456.slug`; `None` where the table is none of Substack's.
pub(crate) fn table(bytes: &[u8]) -> Option<HashMap<String, About>> {
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let names = table.headers().ok()?.clone();
    let position = |name: &str| names.iter().position(|column| column.trim() == name);
    let id = position("post_id")?;
    let published = position("is_published");
    let (title, subtitle, date) = (
        position("title"),
        position("subtitle"),
        position("post_date"),
    );
    let mut posts = HashMap::new();
    for record in table.records().flatten() {
        let cell = |at: Option<usize>| {
            let text = record.get(at?)?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let Some(id) = cell(Some(id)) else { continue };
        let about = About {
            title: cell(title),
            subtitle: cell(subtitle),
            date: cell(date).and_then(|date| dates::moment(&date)),
            is_published: cell(published).is_none_or(|text| text.eq_ignore_ascii_case("true")),
        };
        posts.insert(id, about);
    }
    Some(posts)
}

/// Reads a page as one post.
pub(crate) fn post(bytes: &[u8], path: &str, sink: &Sink<'_>) -> Result<Outcome, Reason> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(".html").unwrap_or(name);
    let number = name.split('.').next().unwrap_or(name);
    let about = match &sink.export {
        Export::Substack(posts) => posts.get(name).or_else(|| posts.get(number)).cloned(),
        _ => None,
    };
    let about = about.unwrap_or(About {
        is_published: true,
        ..About::default()
    });
    if !about.is_published && !sink.options.drafts {
        return Ok(Outcome::Skipped(SkipReason::Draft));
    }
    let html = html_page::decode(bytes)?;
    let (text, removed) = html::post(&html, sink.options.keep_code);
    let text = html_page::without_title(&text, about.title.as_deref());
    if text.is_empty() {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    }
    let text = match &about.subtitle {
        Some(subtitle) => format!("{subtitle}\n\n{text}"),
        None => text.to_owned(),
    };
    let document = Document {
        id: name.to_owned(),
        author: sink.own_author().ok_or(Reason::MissingAuthor)?,
        date: about.date,
        n: None,
        title: about.title,
        text,
        kind: Some(if about.is_published { "post" } else { "draft" }.to_owned()),
        thread: None,
        to: None,
    };
    Ok(Outcome::Reduced(Box::new(document), html, removed))
}
