//! Markdown notes and posts: the author's prose as plain text.

use std::path::Path;

use idiolect_core::{Document, parse_date};
use pulldown_cmark::{Event, HeadingLevel, LinkType, Options as Syntax, Parser, Tag, TagEnd};

use crate::{
    Options, Reason, Removed, RemovedReason, SkipReason, charset,
    front_matter::{self, FrontMatter},
    html::{self, Quoted},
    sink::{Outcome, Place},
};

/// Reads a whole file as one note; `path` inside the imported folder is its id.
pub(crate) fn note(
    bytes: &[u8],
    path: &str,
    options: &Options,
) -> (Place, Result<Outcome, Reason>) {
    if charset::is_binary(bytes) {
        return (Place::File, Err(Reason::Binary));
    }
    let note = charset::text(bytes, None);
    match of(note, path, options) {
        Ok(outcome) => (Place::File, Ok(outcome)),
        Err((Some(line), reason)) => (Place::Line(line), Err(reason)),
        Err((None, reason)) => (Place::File, Err(reason)),
    }
}

fn of(note: String, path: &str, options: &Options) -> Result<Outcome, front_matter::Fault> {
    let (about, markdown) = front_matter::split(&note)?;
    let FrontMatter {
        id,
        title,
        author: named,
        date,
        is_draft,
    } = about;
    // Jekyll's drafts lie in a folder of their own.
    let is_draft = is_draft || path.split('/').any(|part| part == "_drafts");
    if is_draft && !options.drafts {
        return Ok(Outcome::Skipped(SkipReason::Draft));
    }
    let begins = note.len() - markdown.len();
    let mut prose = prose(markdown, title.as_deref(), options.keep_code);
    if prose.text.is_empty() {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    }
    for removed in &mut prose.removed {
        removed.span.start += begins;
        removed.span.end += begins;
    }
    let name = Path::new(path)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let document = Document {
        id: id.unwrap_or_else(|| path.to_owned()),
        author: options
            .author
            .clone()
            .or(named)
            .ok_or((None, Reason::MissingAuthor))?,
        // Posts and daily notes are often named by their day.
        date: date.or_else(|| parse_date(name.get(..10)?).ok()),
        n: None,
        title: title.or(prose.title).or_else(|| Some(name.into_owned())),
        text: prose.text,
        kind: Some(if is_draft { "draft" } else { "note" }.to_owned()),
        thread: None,
        to: None,
    };
    Ok(Outcome::Reduced(Box::new(document), note, prose.removed))
}

/// What is left of a note without its markup.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Prose {
    /// The first heading of the first level, where no title was given.
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    /// Quotations and code, as bytes of the Markdown.
    pub(crate) removed: Vec<Removed>,
}

/// Plain text: paragraphs, list items and headings as they follow each other. Code blocks, block
/// quotations, images, comments and the targets of links are left out; so is the heading that
/// repeats the title. With `keep_code` blocks of code stay.
pub(crate) fn prose(markdown: &str, given_title: Option<&str>, keep_code: bool) -> Prose {
    let syntax = Syntax::ENABLE_TABLES
        | Syntax::ENABLE_FOOTNOTES
        | Syntax::ENABLE_STRIKETHROUGH
        | Syntax::ENABLE_TASKLISTS
        | Syntax::ENABLE_HEADING_ATTRIBUTES
        | Syntax::ENABLE_GFM
        | Syntax::ENABLE_WIKILINKS;
    let mut writer = Writer::default();
    let mut title: Option<String> = None;
    // Where the text of the heading begins that may be the title.
    let mut title_at = None;
    // How many elements deep in something that is left out.
    let mut omitted = 0_usize;
    let mut html_block = String::new();
    let mut removed: Vec<Removed> = Vec::new();
    for (event, span) in Parser::new_ext(markdown, syntax).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_)) | Event::End(TagEnd::CodeBlock)
                if keep_code && omitted == 0 =>
            {
                writer.block();
            }
            Event::Start(tag) if omitted > 0 || is_omitted(&tag) => {
                let reason = match tag {
                    Tag::BlockQuote(_) => Some(RemovedReason::Quote),
                    Tag::CodeBlock(_) => Some(RemovedReason::Code),
                    _ => None,
                };
                if let (0, Some(reason)) = (omitted, reason) {
                    removed.push(Removed { span, reason });
                }
                omitted += 1;
            }
            Event::End(_) if omitted > 0 => omitted -= 1,
            _ if omitted > 0 => {}
            Event::Start(Tag::Heading { level, .. }) => {
                writer.block();
                if level == HeadingLevel::H1 && title.is_none() {
                    title_at = Some(writer.begin());
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some(at) = title_at.take() {
                    let heading = writer.text[at..].trim().to_owned();
                    if given_title.is_none_or(|given| given == heading) && !heading.is_empty() {
                        writer.text.truncate(at);
                        writer.text.truncate(writer.text.trim_end().len());
                        title = Some(heading);
                    }
                }
                writer.block();
            }
            Event::Start(tag) => match tag {
                Tag::Item => writer.item(),
                Tag::List(first) => writer.lists.push(first),
                Tag::TableRow | Tag::TableHead => writer.line(),
                tag if is_block(tag.to_end()) => writer.block(),
                _ => {}
            },
            Event::End(tag) => match tag {
                TagEnd::List(_) => {
                    writer.lists.pop();
                    writer.block();
                }
                TagEnd::TableCell => writer.space(),
                TagEnd::HtmlBlock => {
                    writer.verbatim(&html::text(&html_block, Quoted::Dropped));
                    html_block.clear();
                }
                tag if is_block(tag) => writer.block(),
                _ => {}
            },
            Event::Text(text) | Event::Code(text) => writer.push(&text),
            Event::Html(html) => html_block.push_str(&html),
            Event::InlineHtml(tag) if tag.starts_with("<br") => writer.line(),
            Event::SoftBreak => writer.space(),
            Event::HardBreak => writer.line(),
            Event::Rule => writer.block(),
            Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }
    Prose {
        title: title.filter(|_| given_title.is_none()),
        text: writer.text.trim().to_owned(),
        removed,
    }
}

/// Other people's words, and what is no prose. A callout (`> [!note]`) is the author's own.
fn is_omitted(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::CodeBlock(_)
            | Tag::BlockQuote(None)
            | Tag::Image { .. }
            | Tag::MetadataBlock(_)
            | Tag::Link {
                link_type: LinkType::Autolink | LinkType::Email,
                ..
            }
    )
}

fn is_block(tag: TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Paragraph | TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition | TagEnd::Table
    )
}

/// Plain text in the making: breaks and spaces are written only before the next word.
#[derive(Default)]
struct Writer {
    text: String,
    pending: Pending,
    /// The number of the next item in each open list; `None` where its items have no numbers.
    lists: Vec<Option<u64>>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pending {
    #[default]
    Nothing,
    Space,
    Line,
    Block,
    /// The mark of a list item stands there already; its first paragraph goes on behind it.
    ItemMark,
}

impl Writer {
    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.begin();
        // What was left out in the middle of a sentence leaves one space and not two.
        self.text.push_str(if self.text.ends_with([' ', '\n']) {
            text.trim_start_matches(' ')
        } else {
            text
        });
    }

    /// Writes what is pending; where the next word will stand.
    fn begin(&mut self) -> usize {
        let pending = std::mem::take(&mut self.pending);
        if !self.text.is_empty() {
            self.text.push_str(match pending {
                Pending::Nothing | Pending::ItemMark => "",
                Pending::Space => " ",
                Pending::Line => "\n",
                Pending::Block => "\n\n",
            });
        }
        self.text.len()
    }

    fn pend(&mut self, pending: Pending) {
        self.pending = self.pending.max(pending);
    }

    fn space(&mut self) {
        self.pend(Pending::Space);
    }

    fn line(&mut self) {
        self.pend(Pending::Line);
    }

    fn block(&mut self) {
        self.pend(Pending::Block);
    }

    fn item(&mut self) {
        self.pending = self.pending.min(Pending::Block);
        self.line();
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number += 1;
                mark
            }
            _ => "- ".to_owned(),
        };
        self.push(&mark);
        self.pending = Pending::ItemMark;
    }

    fn verbatim(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.block();
            self.push(text.trim());
            self.block();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(markdown: &str) -> String {
        prose(markdown, Some("x"), false).text
    }

    #[test]
    fn markup_goes_and_prose_stays() {
        assert_eq!(
            text(
                "It *rained*, and **we** went to [the sea](https://example.org/sea \"sea\")\nall the `same`.\\\nTwice. ~~No.~~\n\n## Later\n\nWe ate[^1].\n\n[^1]: Bread.\n"
            ),
            "It rained, and we went to the sea all the same.\nTwice. No.\n\nLater\n\nWe ate.\n\nBread."
        );
        assert_eq!(
            text("- one\n- two\n  - deep\n\n3. three\n4. four\n\n- [x] done\n"),
            "- one\n- two\n- deep\n\n3. three\n4. four\n\n- done"
        );
        assert_eq!(text("| a | b |\n|---|---|\n| 1 | 2 |\n"), "a b\n1 2");
        assert_eq!(
            text("[[Boat]] and [[Sea|the sea]] ![[map.png]] here."),
            "Boat and the sea here."
        );
    }

    #[test]
    fn code_quotes_comments_and_images_go() {
        let markdown = "Before.\n\n```rust\nfn no() {}\n```\n\n> Theirs.\n>\n> > Older.\n\n<!-- note\nto self -->\n\nMiddle <!-- hidden --> part ![alt](x.png) here, see <https://example.org>.\n\n    indented code\n\n> [!NOTE]\n> Mine.\n\n<div>Kept <b>too</b>.</div>\n\n***\n\nAfter.";
        assert_eq!(
            text(markdown),
            "Before.\n\nMiddle part here, see .\n\nMine.\n\nKept too.\n\nAfter."
        );
    }

    #[test]
    fn what_was_left_out_is_told_and_code_may_stay() {
        let markdown = "Mine.\n\n> Theirs.\n\n```\nx = 1\n```\n";
        let found = prose(markdown, Some("x"), false);
        let told: Vec<_> = found
            .removed
            .iter()
            .map(|one| (markdown[one.span.clone()].trim(), one.reason))
            .collect();
        assert_eq!(
            told,
            [
                ("> Theirs.", RemovedReason::Quote),
                ("```\nx = 1\n```", RemovedReason::Code)
            ]
        );
        assert_eq!(prose(markdown, Some("x"), true).text, "Mine.\n\nx = 1");
    }

    #[test]
    fn the_first_heading_is_the_title_where_none_is_given() {
        let markdown = "Hello.\n\n# A *walk* \n\nIt rained.\n\n# More\n\nAnd so on.";
        assert_eq!(
            prose(markdown, None, false),
            Prose {
                title: Some("A walk".to_owned()),
                text: "Hello.\n\nIt rained.\n\nMore\n\nAnd so on.".to_owned(),
                removed: Vec::new(),
            }
        );
        assert_eq!(
            prose("# A walk\n\nIt rained.", Some("A walk"), false).text,
            "It rained."
        );
        assert_eq!(
            prose("# Part one\n\nIt rained.", Some("A walk"), false).text,
            "Part one\n\nIt rained."
        );
    }
}
