//! Word: `word/document.xml` in a zip.

use quick_xml::events::{BytesStart, Event};

use crate::{
    Reason, RemovedReason,
    package::{Layout, Paragraphs, each_event, entity},
};

/// Its parts.
pub(crate) const LAYOUT: Layout = Layout {
    text: "word/document.xml",
    about: "docProps/core.xml",
    paragraphs,
};

/// Elements whose text is none of the document's: what was deleted, codes of fields, and the second
/// form in which newer parts are given to older programs.
const LEFT_OUT: [&str; 7] = [
    "del",
    "moveFrom",
    "instrText",
    "delText",
    "Fallback",
    "sdtPr",
    "footnotePr",
];

/// The paragraph in the style `Title`, and all the others.
fn paragraphs(xml: &str, keep_code: bool) -> Result<(Option<String>, Paragraphs), Reason> {
    let mut out = Paragraphs::default();
    let mut title = None;
    let mut style = String::new();
    let mut in_text = false;
    let mut hidden = false;
    // How many elements deep in one that is left out.
    let mut left_out = 0_usize;
    each_event(xml, &mut |event| {
        match event {
            Event::Start(tag) if left_out > 0 || LEFT_OUT.contains(&name(tag)) => left_out += 1,
            Event::End(_) if left_out > 0 => left_out -= 1,
            _ if left_out > 0 => {}
            Event::Start(tag) | Event::Empty(tag) => match name(tag) {
                "t" => in_text = matches!(event, Event::Start(_)),
                "p" => style.clear(),
                "r" => hidden = false,
                "vanish" => hidden = attribute(tag, "val").is_none_or(|value| value != "0"),
                "pStyle" => style = attribute(tag, "val").unwrap_or_default(),
                "tab" | "br" | "cr" if !hidden => out.push(" "),
                "noBreakHyphen" => out.push("-"),
                _ => {}
            },
            Event::End(tag) => match local(tag.name().as_ref()) {
                "t" => in_text = false,
                "p" => {
                    if style == "Title" && title.is_none() {
                        let found = out.take();
                        title = Some(found.trim().to_owned()).filter(|title| !title.is_empty());
                    } else {
                        out.end(reason(&style, keep_code));
                    }
                    style.clear();
                }
                "tc" => out.push(" "),
                _ => {}
            },
            Event::Text(text) if in_text && !hidden => out.push(&text.xml10_content()),
            Event::CData(text) if in_text && !hidden => out.push(&text.xml10_content()),
            Event::GeneralRef(reference) if in_text && !hidden => {
                out.push(&entity(reference).unwrap_or_default());
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((title, out))
}

/// Why a paragraph in such a style is left out. Word names styles in its user's language.
fn reason(style: &str, keep_code: bool) -> Option<RemovedReason> {
    const QUOTES: [&str; 12] = [
        "quote",
        "intensequote",
        "blockquote",
        "blocktext",
        "zitat",
        "intensiveszitat",
        "citation",
        "citationintense",
        "cita",
        "citaintensa",
        "citazione",
        "citaat",
    ];
    let style = style.to_lowercase().replace([' ', '-'], "");
    if QUOTES.contains(&style.as_str()) {
        Some(RemovedReason::Quote)
    } else if !keep_code && matches!(style.as_str(), "sourcecode" | "code" | "htmlpreformatted") {
        Some(RemovedReason::Code)
    } else {
        None
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn name<'a>(tag: &'a BytesStart<'_>) -> &'a str {
    local(tag.name().into_inner())
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    tag.attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| local(attribute.key.as_ref()) == name)
        .map(|attribute| attribute.value.into_owned())
}
