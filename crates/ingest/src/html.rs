//! HTML to plain text: what people wrote in it, without markup and without what they quoted.

use mail_parser::decoders::html::html_to_text;

/// What stands for an element that holds somebody else's words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quoted {
    /// A line of a lone `>`, so that what removes quotes from mail sees that one was there.
    Marked,
    /// Nothing.
    Dropped,
}

/// Elements whose content is no text, or not the author's.
const DROPPED: [&str; 9] = [
    "head",
    "title",
    "style",
    "script",
    "template",
    "svg",
    "iframe",
    "noscript",
    "blockquote",
];

/// Elements that begin and end a line.
const BLOCKS: [&str; 27] = [
    "address",
    "article",
    "aside",
    "body",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "nav",
    "ol",
    "pre",
    "section",
    "summary",
    "table",
    "tr",
    "ul",
];

/// Blocks with an empty line behind them.
const PARAGRAPHS: [&str; 7] = ["p", "h1", "h2", "h3", "h4", "h5", "h6"];

/// The text of a page or a mail, one line a block, characters decoded.
pub(crate) fn text(html: &str, quoted: Quoted) -> String {
    html_to_text(&simplify(html, quoted))
}

/// The same HTML with no tag but `<br>`, which is what the decoder behind it understands best.
fn simplify(html: &str, quoted: Quoted) -> String {
    let mut out = Simple {
        html: String::with_capacity(html.len()),
        line_is_empty: true,
    };
    // Behind the last `>` there is no tag any more. Knowing this, each byte is looked at a few times
    // at most, however the tags are broken.
    let (mut rest, mut tail) = html.split_at(html.rfind('>').map_or(0, |at| at + 1));
    while let Some(at) = rest.find('<') {
        out.text(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            (rest, tail) = behind_comment(comment).map_or(("", ""), |rest| (rest, tail));
            continue;
        }
        let Some(tag) = Tag::at(rest) else {
            out.text("&lt;");
            rest = &rest[1..];
            continue;
        };
        rest = &rest[tag.length..];
        let name = tag.name.as_str();
        if !tag.closes && (DROPPED.contains(&name) || tag.is_signature()) {
            if !tag.closes_itself {
                (rest, tail) = behind_element(rest, name).map_or(("", ""), |rest| (rest, tail));
            }
            if name == "blockquote" {
                out.end_line();
                if quoted == Quoted::Marked {
                    out.text("&gt;");
                }
                out.end_line();
            }
        } else if name == "br" {
            out.break_line();
        } else if PARAGRAPHS.contains(&name) {
            out.end_line();
            if tag.closes {
                out.break_line();
            }
        } else if BLOCKS.contains(&name) {
            out.end_line();
        } else if name == "td" || name == "th" {
            out.text(" ");
        }
    }
    out.text(rest);
    out.text(&tail.replace('<', "&lt;"));
    out.html
}

struct Simple {
    html: String,
    line_is_empty: bool,
}

impl Simple {
    fn text(&mut self, text: &str) {
        self.line_is_empty &= text.trim_ascii().is_empty();
        self.html.push_str(text);
    }

    fn break_line(&mut self) {
        self.html.push_str("<br>");
        self.line_is_empty = true;
    }

    fn end_line(&mut self) {
        if !self.line_is_empty {
            self.break_line();
        }
    }
}

/// What follows the comment that was just opened; `None` where it is never closed.
fn behind_comment(comment: &str) -> Option<&str> {
    comment.split_once("-->").map(|(_, rest)| rest)
}

/// What follows the element that was just opened; `None` where it is never closed.
fn behind_element<'a>(mut rest: &'a str, name: &str) -> Option<&'a str> {
    let mut depth = 1;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = behind_comment(comment)?;
            continue;
        }
        let Some(tag) = Tag::at(rest) else {
            rest = &rest[1..];
            continue;
        };
        rest = &rest[tag.length..];
        if tag.name == name && !tag.closes_itself {
            depth = if tag.closes { depth - 1 } else { depth + 1 };
            if depth == 0 {
                return Some(rest);
            }
        }
    }
    None
}

struct Tag<'a> {
    /// In lower case.
    name: String,
    attributes: &'a str,
    closes: bool,
    closes_itself: bool,
    /// In bytes, from `<` to `>`.
    length: usize,
}

impl<'a> Tag<'a> {
    /// The tag at the start of `html`, which begins with `<`; `None` where that is a mere sign.
    fn at(html: &'a str) -> Option<Self> {
        let inner = &html[1..];
        let (closes, inner) = match inner.strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?') {
            return None;
        }
        let end = tag_end(inner)?;
        let length = html.len() - inner.len() + end + 1;
        let inner = &inner[..end];
        let name_end = inner
            .find(|c: char| c.is_ascii_whitespace() || c == '/')
            .unwrap_or(inner.len());
        Some(Self {
            name: inner[..name_end].to_ascii_lowercase(),
            attributes: &inner[name_end..],
            closes,
            closes_itself: inner.ends_with('/'),
            length,
        })
    }

    /// A signature as Gmail, Outlook, Apple and Thunderbird mark it.
    fn is_signature(&self) -> bool {
        let attributes = self.attributes.to_ascii_lowercase();
        self.name == "div"
            && [
                "gmail_signature\"",
                "gmail_signature ",
                "moz-signature",
                "id=\"signature\"",
            ]
            .iter()
            .any(|mark| attributes.contains(mark))
    }
}

/// Where the tag ends: the first `>` outside quotation marks, or simply the first one where a
/// quotation mark is never closed.
fn tag_end(inner: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in inner.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    inner.find('>')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(html: &str) -> String {
        text(html, Quoted::Marked)
    }

    #[test]
    fn blocks_become_lines() {
        assert_eq!(
            marked(
                "<html><body><div>One</div><div>Two<br>Three</div><div><br></div><div>Four</div></body></html>"
            ),
            "One\nTwo\nThree\n\nFour\n"
        );
        assert_eq!(
            marked(
                "<p>One &amp; two,\n it&#8217;s <b>3&nbsp;&lt; 4</b>.</p><ul><li>a</li><li>b</li></ul>"
            ),
            "One & two, it’s 3\u{a0}< 4.\n\na\nb\n"
        );
    }

    #[test]
    fn quotes_scripts_and_comments_are_left_out() {
        assert_eq!(
            marked(
                "<style>b{}</style>Mine<!-- <p>no --><blockquote>theirs<blockquote>older</blockquote>x</blockquote>mine too<script>f('</p>')</script>"
            ),
            "Mine\n>\nmine too"
        );
        assert_eq!(
            text(
                "a<blockquote class=\"twitter-tweet\">b</blockquote>c",
                Quoted::Dropped
            ),
            "a\nc"
        );
        assert_eq!(marked("Mine<blockquote>never closed"), "Mine\n>\n");
    }

    #[test]
    fn marked_signatures_are_left_out() {
        assert_eq!(
            marked(
                "<div>Bye</div><div class=\"gmail_signature\"><div>Ana</div>+49</div><div>PS</div>"
            ),
            "Bye\nPS\n"
        );
    }

    #[test]
    fn signs_that_are_no_tags_stay() {
        assert_eq!(marked("1 < 2 and <3"), "1 < 2 and <3");
        assert_eq!(marked("<a title=\"x > y\">link</a> <"), "link <");
        assert_eq!(marked("<a title=\"x>link</a> it's <b"), "link it's <b");
        let picture = format!(
            "<img src=\"data:image/png;base64,{}\">seen",
            "A".repeat(100_000)
        );
        assert_eq!(marked(&picture), "seen");
    }
}
