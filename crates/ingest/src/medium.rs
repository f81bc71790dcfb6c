//! Medium: a page a post, drafts among them.

use idiolect_core::Document;

use crate::{Options, Reason, SkipReason, html, html_page, sink::Outcome, text::stem};

/// Reads a page as one post.
pub(crate) fn post(bytes: &[u8], path: &str, options: &Options) -> Result<Outcome, Reason> {
    let name = stem(path);
    let is_draft = name.starts_with("draft_");
    if is_draft && !options.drafts {
        return Ok(Outcome::Skipped(SkipReason::Draft));
    }
    let html = html_page::decode(bytes)?;
    let page = html_page::about(&html);
    // The body is a section of sections; the footer says whose post it is and when it appeared.
    let begins = html.find("data-field=\"body\"").and_then(|at| {
        let behind = html[at..].find('>')?;
        Some(at + behind + 1)
    });
    let begins = begins.unwrap_or(page.main.start);
    let ends = html[begins..]
        .rfind("<footer")
        .map_or(html.len(), |at| begins + at);
    let (text, mut removed) = html::post(&html[begins..ends], options.keep_code);
    for one in &mut removed {
        one.span.start += begins;
        one.span.end += begins;
    }
    let text = html_page::without_title(&text, page.title.as_deref());
    if text.is_empty() {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    }
    let author = html[ends..]
        .find("p-author")
        .and_then(|at| {
            let behind = &html[ends + at..];
            let start = behind.find('>')? + 1;
            let end = start + behind[start..].find('<')?;
            Some(html::text(&behind[start..end], html::Quoted::Dropped))
        })
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    let document = Document {
        id: name,
        author: options
            .author
            .clone()
            .or(author)
            .ok_or(Reason::MissingAuthor)?,
        date: page.date,
        n: None,
        title: page.title,
        text: text.to_owned(),
        kind: Some(if is_draft { "draft" } else { "post" }.to_owned()),
        thread: None,
        to: None,
    };
    Ok(Outcome::Reduced(Box::new(document), html, removed))
}
