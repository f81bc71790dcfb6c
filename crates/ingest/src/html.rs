//! HTML to plain text: what people wrote in it, without markup and without what they quoted.

use mail_parser::decoders::html::html_to_text;

use crate::{Removed, RemovedReason};

/// What becomes of an element that holds somebody else's words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quoted {
    /// Its lines begin with `>`, as quotes in plain mails do.
    Marked,
    /// It is left out.
    Dropped,
}

/// Elements whose content is no text.
const DROPPED: [&str; 10] = [
    "head", "title", "style", "script", "template", "svg", "iframe", "noscript", "object", "math",
];

/// Elements of a page that stand around its text.
const FURNITURE: [&str; 8] = [
    "nav", "aside", "footer", "form", "button", "select", "textarea", "dialog",
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

/// The text of a piece of HTML, one line a block, characters decoded.
pub(crate) fn text(html: &str, quoted: Quoted) -> String {
    let rules = Rules {
        quoted,
        drops_furniture: false,
        drops_code: false,
    };
    html_to_text(&simplify(html, rules).html)
}

/// The text of a post or a page, and what was left out of it as bytes of `html`.
pub(crate) fn post(html: &str, keep_code: bool) -> (String, Vec<Removed>) {
    let rules = Rules {
        quoted: Quoted::Dropped,
        drops_furniture: true,
        drops_code: !keep_code,
    };
    let simple = simplify(html, rules);
    (html_to_text(&simple.html), simple.removed)
}

/// What is left out beside what is no text at all.
#[derive(Clone, Copy)]
struct Rules {
    quoted: Quoted,
    drops_furniture: bool,
    drops_code: bool,
}

/// What becomes of an element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// It holds no text.
    Vanishes,
    /// It holds words that are not the author's.
    Removed(RemovedReason),
}

impl Rules {
    fn fate(self, tag: &Tag<'_>) -> Fate {
        let name = tag.name.as_str();
        if tag.closes {
            Fate::Stays
        } else if DROPPED.contains(&name) || self.drops_furniture && FURNITURE.contains(&name) {
            Fate::Vanishes
        } else if name == "blockquote" && self.quoted == Quoted::Dropped {
            Fate::Removed(RemovedReason::Quote)
        } else if name == "pre" && self.drops_code {
            Fate::Removed(RemovedReason::Code)
        } else if tag.is_signature() {
            Fate::Removed(RemovedReason::Signature)
        } else {
            Fate::Stays
        }
    }
}

/// The same HTML with no tag but `<br>`, which is what the decoder behind it understands best.
fn simplify(html: &str, rules: Rules) -> Simple {
    let mut out = Simple {
        html: String::with_capacity(html.len()),
        removed: Vec::new(),
        line_is_empty: true,
        quotes: 0,
    };
    let at = |rest: &str| rest.as_ptr() as usize - html.as_ptr() as usize;
    // Behind the last `>` there is no tag any more. Knowing this, each byte is looked at a few times
    // at most, however the tags are broken.
    let (mut rest, mut tail) = html.split_at(html.rfind('>').map_or(0, |at| at + 1));
    while let Some(begins) = memchr::memchr(b'<', rest.as_bytes()) {
        out.text(&rest[..begins]);
        rest = &rest[begins..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            (rest, tail) = behind_comment(comment).map_or(("", ""), |rest| (rest, tail));
            continue;
        }
        let Some(tag) = Tag::at(rest) else {
            out.text("&lt;");
            rest = &rest[1..];
            continue;
        };
        let start = at(rest);
        rest = &rest[tag.length..];
        let name = tag.name.as_str();
        let fate = rules.fate(&tag);
        if fate != Fate::Stays {
            if !tag.closes_itself {
                (rest, tail) = behind_element(rest, name).map_or(("", ""), |rest| (rest, tail));
            }
            if let Fate::Removed(reason) = fate {
                let end = if rest.is_empty() && tail.is_empty() {
                    html.len()
                } else {
                    at(rest)
                };
                out.removed.push(Removed {
                    span: start..end,
                    reason,
                });
                out.end_line();
            }
        } else if name == "blockquote" {
            out.end_line();
            if tag.closes {
                out.quotes = out.quotes.saturating_sub(1);
            } else if !tag.closes_itself {
                out.quotes += 1;
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
    out
}

struct Simple {
    html: String,
    removed: Vec<Removed>,
    line_is_empty: bool,
    /// How many quotes deep the next word lies.
    quotes: usize,
}

impl Simple {
    fn text(&mut self, text: &str) {
        let is_blank = text.trim_ascii().is_empty();
        if self.quotes > 0 && self.line_is_empty && !is_blank {
            self.html.push_str("&gt; ");
        }
        self.line_is_empty &= is_blank;
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

pub(crate) struct Tag<'a> {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) attributes: &'a str,
    pub(crate) closes: bool,
    closes_itself: bool,
    /// In bytes, from `<` to `>`.
    pub(crate) length: usize,
}

impl<'a> Tag<'a> {
    /// The tag at the start of `html`, which begins with `<`; `None` where that is a mere sign.
    pub(crate) fn at(html: &'a str) -> Option<Self> {
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
        if self.name != "div" {
            return false;
        }
        let attributes = self.attributes.to_ascii_lowercase();
        [
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
            "Mine\n> theirs\n> older\n> x\nmine too"
        );
        assert_eq!(
            text(
                "a<blockquote class=\"twitter-tweet\">b</blockquote>c",
                Quoted::Dropped
            ),
            "a\nc"
        );
        assert_eq!(
            marked("Mine<blockquote>never closed"),
            "Mine\n> never closed"
        );
    }

    #[test]
    fn a_post_loses_quotes_code_and_what_stands_around_it() {
        let html = "<nav>Home</nav><p>Mine.</p><blockquote>Theirs.</blockquote><p>Mine too.</p><pre>x = 1</pre><footer>2004</footer>";
        let (text, removed) = post(html, false);
        assert_eq!(text, "Mine.\n\nMine too.\n\n");
        let told: Vec<_> = removed
            .iter()
            .map(|one| (&html[one.span.clone()], one.reason))
            .collect();
        assert_eq!(
            told,
            [
                ("<blockquote>Theirs.</blockquote>", RemovedReason::Quote),
                ("<pre>x = 1</pre>", RemovedReason::Code)
            ]
        );
        assert!(post(html, true).0.contains("x = 1"));
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
