//! LibreOffice: `content.xml` in a zip.

use quick_xml::events::{BytesStart, Event};

use crate::{
    Reason, RemovedReason,
    package::{Layout, Paragraphs, each_event, entity},
};

/// Its parts.
pub(crate) const LAYOUT: Layout = Layout {
    text: "content.xml",
    about: "meta.xml",
    paragraphs,
};

/// Elements whose text is none of the document's: deletions, comments, notes, indexes.
const LEFT_OUT: [&str; 8] = [
    "text:tracked-changes",
    "office:annotation",
    "text:note",
    "text:table-of-content",
    "text:bibliography",
    "text:alphabetical-index",
    "office:forms",
    "svg:title",
];

/// The paragraph in the style `Title`, and all the others.
fn paragraphs(xml: &str, keep_code: bool) -> Result<(Option<String>, Paragraphs), Reason> {
    let mut out = Paragraphs::default();
    let mut title = None;
    let mut style = String::new();
    // How many paragraphs are open: one may lie in a frame within another.
    let mut open = 0_usize;
    // How many elements deep in one that is left out.
    let mut left_out = 0_usize;
    // Styles that a paragraph's own one is made from.
    let mut parents = std::collections::HashMap::new();
    each_event(xml, &mut |event| {
        match event {
            Event::Start(tag) if left_out > 0 || LEFT_OUT.contains(&tag.name().as_ref()) => {
                left_out += 1;
            }
            Event::End(_) if left_out > 0 => left_out -= 1,
            _ if left_out > 0 => {}
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                "style:style" => {
                    if let (Some(name), Some(parent)) = (
                        attribute(tag, "style:name"),
                        attribute(tag, "style:parent-style-name"),
                    ) {
                        parents.insert(name, parent);
                    }
                }
                "text:p" | "text:h" => {
                    let own = attribute(tag, "text:style-name").unwrap_or_default();
                    style = parents.get(&own).cloned().unwrap_or(own);
                    match event {
                        Event::Start(_) => open += 1,
                        _ => out.end(None),
                    }
                }
                "text:s" => {
                    const MOST: usize = 20;
                    let count = attribute(tag, "text:c").and_then(|count| count.parse().ok());
                    out.push(&" ".repeat(count.unwrap_or(1).min(MOST)));
                }
                "text:tab" | "text:line-break" => out.push(" "),
                _ => {}
            },
            Event::End(tag) => match tag.name().as_ref() {
                "text:p" | "text:h" => {
                    open = open.saturating_sub(1);
                    if style == "Title" && title.is_none() {
                        let found = out.take();
                        title = Some(found.trim().to_owned()).filter(|title| !title.is_empty());
                    } else {
                        out.end(reason(&style, keep_code));
                    }
                    style.clear();
                }
                "table:table-cell" => out.push(" "),
                _ => {}
            },
            // Line breaks in the file are spaces.
            Event::Text(text) if open > 0 => {
                out.push(&text.xml10_content().replace(['\n', '\t'], " "));
            }
            Event::GeneralRef(reference) if open > 0 => {
                out.push(&entity(reference).unwrap_or_default());
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((title, out))
}

fn reason(style: &str, keep_code: bool) -> Option<RemovedReason> {
    match style {
        "Quotations" => Some(RemovedReason::Quote),
        "Preformatted_20_Text" if !keep_code => Some(RemovedReason::Code),
        _ => None,
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    tag.attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.as_ref() == name)
        .map(|attribute| attribute.value.into_owned())
}
