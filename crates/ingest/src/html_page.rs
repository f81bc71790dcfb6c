//! A page: an article that was saved, or one's own.

use jiff::Timestamp;

use idiolect_core::Document;

use crate::{
    Options, Reason, SkipReason, charset,
    dates::moment,
    html::{self, Tag},
    sink::Outcome,
};

/// What a page says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) date: Option<Timestamp>,
    /// The part of it that is text.
    pub(crate) main: std::ops::Range<usize>,
}

/// Reads a whole file as one page; `path` inside the imported folder is its id.
pub(crate) fn page(bytes: &[u8], path: &str, options: &Options) -> Result<Outcome, Reason> {
    let html = decode(bytes)?;
    let page = about(&html);
    let (text, mut removed) = html::post(&html[page.main.clone()], options.keep_code);
    for one in &mut removed {
        one.span.start += page.main.start;
        one.span.end += page.main.start;
    }
    let text = without_title(&text, page.title.as_deref());
    if text.is_empty() {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    }
    let document = Document {
        id: path.to_owned(),
        author: options
            .author
            .clone()
            .or(page.author)
            .ok_or(Reason::MissingAuthor)?,
        date: page.date,
        n: None,
        title: page.title,
        text: text.to_owned(),
        kind: Some("page".to_owned()),
        thread: None,
        to: None,
    };
    Ok(Outcome::Reduced(Box::new(document), html, removed))
}

/// The text of a file of HTML, in the encoding that it names, or looks like.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, Reason> {
    const HEAD_BYTES: usize = 2_048;
    if charset::is_binary(bytes) {
        return Err(Reason::Binary);
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES)]).to_ascii_lowercase();
    let declared = head.split_once("charset=").map(|(_, rest)| {
        rest.trim_start_matches(['"', '\''])
            .split(|c: char| !(c.is_ascii_alphanumeric() || "-_:".contains(c)))
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    Ok(charset::text(bytes, declared.as_deref()))
}

/// The text without the line that repeats the title at its start.
pub(crate) fn without_title<'a>(text: &'a str, title: Option<&str>) -> &'a str {
    let text = text.trim();
    title
        .and_then(|title| text.strip_prefix(title))
        .filter(|rest| rest.is_empty() || rest.starts_with('\n'))
        .map_or(text, str::trim)
}

/// Title, author, date, and where the text lies: in the longest `article`, else in `main`, else
/// everywhere.
pub(crate) fn about(html: &str) -> Page {
    let mut page = Page {
        main: 0..html.len(),
        ..Page::default()
    };
    let mut heading = None;
    let mut title = None;
    let mut time = None;
    let (mut article, mut main) = (Region::default(), Region::default());
    let last = html.rfind('>').map_or(0, |at| at + 1);
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', &html.as_bytes()[at..last]) {
        let start = at + found;
        if html[start..].starts_with("<!--") {
            match memchr::memmem::find(&html.as_bytes()[start..last], b"-->") {
                Some(end) => at = start + end + 3,
                None => break,
            }
            continue;
        }
        let Some(tag) = Tag::at(&html[start..last]) else {
            at = start + 1;
            continue;
        };
        at = start + tag.length;
        match (tag.name.as_str(), tag.closes) {
            ("script" | "style", false) => {
                let close = format!("</{}", tag.name);
                match html[at..last].find(&close) {
                    Some(end) => at += end,
                    None => break,
                }
            }
            ("title", false) if title.is_none() => title = inner(&html[at..last], "</title"),
            ("h1", false) if heading.is_none() => heading = inner(&html[at..last], "</h1"),
            ("time", false) if time.is_none() => {
                time = tag.attribute("datetime").as_deref().and_then(moment);
            }
            ("meta", _) => meta(&tag, &mut page),
            ("article", closes) => article.tag(closes, start, at),
            ("main", closes) => main.tag(closes, start, at),
            _ => {}
        }
    }
    if let Some(span) = article.longest.or(main.longest) {
        page.main = span;
    }
    page.title = page.title.or(heading).or(title);
    page.date = page.date.or(time);
    page
}

/// The longest element of one name.
#[derive(Default)]
struct Region {
    longest: Option<std::ops::Range<usize>>,
    /// Where the open one begins, and how many of its name lie open in it.
    open: Option<(usize, usize)>,
}

impl Region {
    /// Takes in a tag from `start` to `end`.
    fn tag(&mut self, closes: bool, start: usize, end: usize) {
        match (&mut self.open, closes) {
            (None, false) => self.open = Some((end, 0)),
            (Some((_, deep)), false) => *deep += 1,
            (Some((_, deep)), true) if *deep > 0 => *deep -= 1,
            (Some((begun, _)), true) => {
                let span = *begun..start;
                if self
                    .longest
                    .as_ref()
                    .is_none_or(|best| span.len() > best.len())
                {
                    self.longest = Some(span);
                }
                self.open = None;
            }
            (None, true) => {}
        }
    }
}

/// `og:title`, `author`, `article:published_time` and their like.
fn meta(tag: &Tag<'_>, page: &mut Page) {
    let Some(name) = tag.attribute("property").or_else(|| tag.attribute("name")) else {
        return;
    };
    let content = || {
        let content = html::text(&tag.attribute("content")?, html::Quoted::Dropped);
        Some(content.trim().to_owned()).filter(|content| !content.is_empty())
    };
    match name.to_ascii_lowercase().as_str() {
        "og:title" => page.title = page.title.take().or_else(content),
        "author" | "article:author" | "dc.creator" => {
            // Some give a link to a person.
            let name = content().filter(|name| !name.contains("://"));
            page.author = page.author.take().or(name);
        }
        "article:published_time" | "date" | "dc.date" | "datepublished" | "dcterms.created" => {
            page.date = page.date.or_else(|| moment(&content()?));
        }
        _ => {}
    }
}

/// The text of an element that was just opened.
fn inner(rest: &str, close: &str) -> Option<String> {
    const LONGEST: usize = 4_096;
    let window = rest.get(..LONGEST).unwrap_or(rest);
    let end = window.find(close)?;
    let text = html::text(&window[..end], html::Quoted::Dropped);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

impl Tag<'_> {
    /// The value of an attribute, as it stands in the file.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            let end = rest
                .find(|c: char| c.is_ascii_whitespace() || c == '=')
                .unwrap_or(rest.len());
            let found = &rest[..end];
            rest = rest[end..].trim_start();
            let value = match rest.strip_prefix('=') {
                Some(behind) => {
                    let behind = behind.trim_start();
                    let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''));
                    let (value, after) = if let Some(quote) = quote {
                        let inner = &behind[1..];
                        inner.split_once(quote).unwrap_or((inner, ""))
                    } else {
                        let end = behind
                            .find(|c: char| c.is_ascii_whitespace())
                            .unwrap_or(behind.len());
                        behind.split_at(end)
                    };
                    rest = after;
                    value
                }
                // A sign that is no name: go on behind it.
                None if end == 0 => {
                    let mut letters = rest.chars();
                    letters.next();
                    rest = letters.as_str();
                    continue;
                }
                None => "",
            };
            if found.eq_ignore_ascii_case(name) {
                return Some(value.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_title_author_and_date() {
        let html = "<html><head><title>Boats &amp; more | Site</title><meta name='author' content=\"Ana B&ouml;hm\"><meta property=article:published_time content=\"2004-01-05T10:30:00Z\"></head><body><h1>Boats</h1><article>One.</article><main><article><p>The longer one.</article></main></body>";
        let page = about(html);
        assert_eq!(page.title.as_deref(), Some("Boats"));
        assert_eq!(page.author.as_deref(), Some("Ana Böhm"));
        assert_eq!(page.date.unwrap().to_string(), "2004-01-05T10:30:00Z");
        assert_eq!(&html[page.main], "<p>The longer one.");
    }

    #[test]
    fn broken_pages_are_read_as_they_are() {
        for html in [
            "",
            "<",
            "<article>",
            "</article><main",
            "<h1>x",
            "<meta = =>",
            "<!--",
            "<script>x",
        ] {
            let page = about(html);
            assert!(page.main.end <= html.len());
        }
        let attribute = |html: &str, name: &str| Tag::at(html).unwrap().attribute(name);
        assert_eq!(
            attribute("<a b c=d/ e='f g' h=\"i>", "e"),
            Some("f g".to_owned())
        );
        assert_eq!(attribute("<a b c = d>", "c"), Some("d".to_owned()));
        assert_eq!(attribute("<a b>", "b"), Some(String::new()));
        assert_eq!(attribute("<a ===x>", "y"), None);
    }
}
