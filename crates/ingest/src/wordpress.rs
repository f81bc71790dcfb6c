//! WordPress: WXR, the export of a blog as XML.

use std::{cell::Cell, io::BufRead, ops::ControlFlow};

use idiolect_core::Document;
use quick_xml::{Reader, events::Event};

use crate::{
    Reason, SkipReason, dates, html,
    json::{Bounded, ELEMENT_BYTES},
    package::entity,
    sink::{Outcome, Place, Sink, apart},
};

/// Whether the first bytes are those of such an export.
pub(crate) fn is_export(head: &[u8]) -> bool {
    memchr::memmem::find(head, b"wordpress.org/export").is_some()
}

/// One post in the making.
#[derive(Default)]
struct Post {
    title: String,
    creator: String,
    content: String,
    id: String,
    kind: String,
    status: String,
    date_utc: String,
    date: String,
    published: String,
    slug: String,
}

impl Post {
    fn field(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "title" => &mut self.title,
            "dc:creator" => &mut self.creator,
            "content:encoded" => &mut self.content,
            "wp:post_id" => &mut self.id,
            "wp:post_type" => &mut self.kind,
            "wp:status" => &mut self.status,
            "wp:post_date_gmt" => &mut self.date_utc,
            "wp:post_date" => &mut self.date,
            "pubDate" => &mut self.published,
            "wp:post_name" => &mut self.slug,
            _ => return None,
        })
    }
}

/// How deep elements may lie in each other.
const DEEPEST: usize = 100;

/// Reads every post and page as one item; what else an export holds is passed over.
pub(crate) fn read(reader: &mut dyn BufRead, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let budget = Cell::new(0);
    let bounded = Bounded::new(reader, &budget);
    let mut xml = Reader::from_reader(std::io::BufReader::new(bounded));
    xml.config_mut().check_end_names = false;
    let mut buffer = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut post: Option<Post> = None;
    let mut number = 0;
    let mut blog = "wordpress".to_owned();
    loop {
        buffer.clear();
        let event = match xml.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => {
                let reason = match error {
                    quick_xml::Error::Io(error) => Reason::Read(std::io::Error::from(error.kind())),
                    _ => Reason::Xml {
                        at: xml.error_position(),
                    },
                };
                return sink.put(Place::Item(number + 1), Outcome::Problem(reason));
            }
        };
        let depth = open.len();
        // Elements of an item lie right in it; those of its comments and fields lie deeper.
        let field = |open: &[String]| open.last().filter(|_| open.len() == 4).cloned();
        match event {
            Event::Start(tag) => {
                if depth >= DEEPEST {
                    let reason = Reason::TooDeep { limit: DEEPEST };
                    return sink.put(Place::Item(number + 1), Outcome::Problem(reason));
                }
                let name = tag.name().as_ref().to_owned();
                if name == "item" && depth == 2 {
                    post = Some(Post::default());
                    budget.set(ELEMENT_BYTES);
                }
                open.push(name);
            }
            Event::End(_) => {
                let name = open.pop();
                if depth == 3
                    && name.as_deref() == Some("item")
                    && let Some(post) = post.take()
                {
                    number += 1;
                    if let Some(outcome) = outcome(&post, &blog, sink) {
                        sink.put(Place::Item(number), outcome)?;
                    }
                }
                if depth <= 3 {
                    budget.set(ELEMENT_BYTES);
                }
            }
            Event::Text(text) if open.last().is_some_and(|name| name == "wp:base_blog_url") => {
                blog = host(&text.xml10_content());
            }
            Event::Text(text) => {
                if let (Some(post), Some(name)) = (&mut post, field(&open))
                    && let Some(field) = post.field(&name)
                {
                    field.push_str(&text.xml10_content());
                }
            }
            Event::CData(text) => {
                if let (Some(post), Some(name)) = (&mut post, field(&open))
                    && let Some(field) = post.field(&name)
                {
                    field.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                if let (Some(post), Some(name)) = (&mut post, field(&open))
                    && let Some(field) = post.field(&name)
                {
                    field.push_str(&entity(&reference).unwrap_or_default());
                }
            }
            Event::Eof => {
                return if depth > 0 {
                    sink.put(Place::Item(number + 1), Outcome::Problem(Reason::CutOff))
                } else {
                    ControlFlow::Continue(())
                };
            }
            _ => {}
        }
    }
}

/// What an item is; `None` where it is a picture, a menu or the like.
fn outcome(post: &Post, blog: &str, sink: &Sink<'_>) -> Option<Outcome> {
    if !matches!(post.kind.trim(), "post" | "page") {
        return None;
    }
    let creator = post.creator.trim();
    let names = sink.own_names();
    if !names.is_empty() && !names.contains(&creator.to_lowercase()) {
        return Some(Outcome::Skipped(SkipReason::OtherSender));
    }
    let status = post.status.trim();
    if status == "trash" {
        return Some(Outcome::Skipped(SkipReason::Trash));
    }
    let is_draft = matches!(status, "draft" | "pending" | "auto-draft");
    if is_draft && !sink.options.drafts {
        return Some(Outcome::Skipped(SkipReason::Draft));
    }
    let named = (!creator.is_empty()).then(|| creator.to_owned());
    let Some(author) = sink.options.author.clone().or(named) else {
        return Some(Outcome::Problem(Reason::MissingAuthor));
    };
    let html = paragraphs(&without_shortcodes(&post.content));
    let (text, removed) = html::post(&html, sink.options.keep_code);
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Some(Outcome::Skipped(SkipReason::EmptyText));
    }
    let title = html::text(&post.title, html::Quoted::Dropped)
        .trim()
        .to_owned();
    // A post without a date has one of zeros.
    let date = [&post.date_utc, &post.date, &post.published]
        .into_iter()
        .find_map(|date| dates::moment(date));
    let id = if post.id.trim().is_empty() {
        &post.slug
    } else {
        &post.id
    };
    let kind = if is_draft { "draft" } else { post.kind.trim() };
    let document = Document {
        id: apart(blog, id),
        author,
        date,
        n: None,
        title: (!title.is_empty()).then_some(title),
        text,
        kind: Some(kind.to_owned()),
        thread: None,
        to: None,
    };
    Some(Outcome::Reduced(Box::new(document), html, removed))
}

/// What stands between `https://` and the end of an address; the numbers of posts are a blog's own.
fn host(address: &str) -> String {
    let address = address.trim();
    let address = address
        .split_once("://")
        .map_or(address, |(_, behind)| behind);
    address.trim_end_matches('/').chars().take(100).collect()
}

/// The editor of old writes no paragraphs: an empty line is one.
fn paragraphs(html: &str) -> String {
    if html.contains("<p>") || html.contains("<p ") || html.contains("<!-- wp:") {
        return html.to_owned();
    }
    let html = html.replace("\r\n", "\n");
    html.replace("\n\n", "<p></p>").replace('\n', "<br>")
}

/// Without `[gallery ids="1"]`, `[caption …]` and `[/caption]`: marks that a plugin replaces.
fn without_shortcodes(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, behind)) = rest.split_once('[') {
        out.push_str(before);
        let name = behind.trim_start_matches('/');
        let is_code = name.starts_with(|c: char| c.is_ascii_lowercase());
        let end = behind.find([']', '[', '\n']);
        match end {
            Some(end)
                if is_code && behind[end..].starts_with(']') && is_shortcode(&behind[..end]) =>
            {
                rest = &behind[end + 1..];
            }
            _ => {
                out.push('[');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

/// `name`, `/name`, `name key="value"`; not words in brackets.
fn is_shortcode(inner: &str) -> bool {
    const KNOWN: [&str; 11] = [
        "caption", "gallery", "audio", "video", "embed", "youtube", "playlist", "vimeo", "more",
        "footnote", "wpvideo",
    ];
    let name = inner.trim_start_matches('/');
    let name = name.split([' ', '=', '/']).next().unwrap_or(name);
    KNOWN.contains(&name) || inner.starts_with('/') || inner.contains("=\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_plugins_go_and_words_in_brackets_stay() {
        assert_eq!(
            without_shortcodes(
                "a [gallery ids=\"1,2\"] b [caption id=\"x\"]c[/caption] [sic] [1] [open"
            ),
            "a  b c [sic] [1] [open"
        );
        assert_eq!(
            paragraphs("One.\r\n\r\nTwo\nlines."),
            "One.<p></p>Two<br>lines."
        );
    }
}
