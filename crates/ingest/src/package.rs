//! What DOCX and ODT share: events of XML, and text put together from paragraphs.

use idiolect_core::Document;
use quick_xml::{Reader, events::Event};

use crate::{
    Options, Reason, Removed, RemovedReason, SkipReason,
    formats::ReadSeek,
    sink::Outcome,
    text::{day_of, stem},
    zip_archive::Package,
};

/// A title, where there is one, and all the rest.
type Titled = (Option<String>, Paragraphs);

/// Where a format keeps what, and how its text becomes a title and paragraphs; `true` keeps code.
pub(crate) struct Layout {
    pub(crate) text: &'static str,
    pub(crate) about: &'static str,
    pub(crate) paragraphs: fn(&str, bool) -> Result<Titled, Reason>,
}

/// Reads a whole file as one document; `path` inside the imported folder is its id.
pub(crate) fn read<'a>(
    file: Box<dyn ReadSeek + 'a>,
    path: &str,
    options: &Options,
    layout: &Layout,
) -> Result<Outcome, Reason> {
    let mut package = Package::open(file)?;
    let xml = package
        .part(layout.text)?
        .ok_or(Reason::MissingPart { part: layout.text })?;
    let about = match package.part(layout.about) {
        Ok(Some(about)) => About::read(&about),
        _ => About::default(),
    };
    let xml = String::from_utf8_lossy(&xml);
    let (title, paragraphs) = (layout.paragraphs)(&xml, options.keep_code)?;
    let body = paragraphs.finish();
    if body.text.is_empty() {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    }
    let name = stem(path);
    let document = Document {
        id: path.to_owned(),
        author: options
            .author
            .clone()
            .or(about.author)
            .ok_or(Reason::MissingAuthor)?,
        date: day_of(&name).or(about.date),
        n: None,
        title: title.or(about.title).or(Some(name)),
        text: body.text,
        kind: Some("document".to_owned()),
        thread: None,
        to: None,
    };
    Ok(Outcome::Reduced(Box::new(document), body.all, body.removed))
}

/// How deep elements may lie in each other; only names are kept of those that are open.
const DEEPEST: usize = 1_000;

/// Visits every event of a piece of XML. Entities are not unfolded but for those of XML itself and
/// characters by number, so that none can grow.
pub(crate) fn each_event<'a>(
    xml: &'a str,
    visit: &mut dyn FnMut(&Event<'a>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event().map_err(|_| Reason::Xml {
            at: reader.error_position(),
        })?;
        match &event {
            Event::Start(_) => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(Reason::TooDeep { limit: DEEPEST });
                }
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof => return Ok(()),
            _ => {}
        }
        visit(&event)?;
    }
}

/// The character that `&name;` stands for, as text.
pub(crate) fn entity(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(number).map(String::from);
    }
    let text = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        "nbsp" => "\u{a0}",
        _ => return None,
    };
    Some(text.to_owned())
}

/// Paragraphs as they follow each other; those that are somebody else's are kept apart.
#[derive(Default)]
pub(crate) struct Paragraphs {
    /// Everything, a line a paragraph.
    all: String,
    removed: Vec<Removed>,
    /// Where in `all` the open paragraph begins.
    begins: usize,
}

/// What is left of a document, and of what it was made.
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) all: String,
    pub(crate) removed: Vec<Removed>,
}

impl Paragraphs {
    pub(crate) fn push(&mut self, text: &str) {
        self.all.push_str(text);
    }

    /// Ends a paragraph, which was left out for `reason` where there is one.
    pub(crate) fn end(&mut self, reason: Option<RemovedReason>) {
        self.all.truncate(
            self.all
                .trim_end_matches([' ', '\t'])
                .len()
                .max(self.begins),
        );
        if let Some(reason) = reason.filter(|_| self.all.len() > self.begins) {
            self.removed.push(Removed {
                span: self.begins..self.all.len(),
                reason,
            });
        }
        self.all.push('\n');
        self.begins = self.all.len();
    }

    /// Takes the open paragraph away.
    pub(crate) fn take(&mut self) -> String {
        self.all.split_off(self.begins)
    }

    /// Puts paragraphs together: an empty line between them, one line where the writer used empty
    /// paragraphs to part them.
    pub(crate) fn finish(mut self) -> Body {
        if self.all.len() > self.begins {
            self.end(None);
        }
        let mut text = String::with_capacity(self.all.len());
        let mut at = 0;
        let mut removed = self.removed.iter().peekable();
        let parted_by_lines = self.all.contains("\n\n");
        for line in self.all.split_inclusive('\n') {
            let start = at;
            at += line.len();
            if removed.next_if(|one| one.span.start == start).is_some() {
                continue;
            }
            let line = line.trim_end();
            if line.is_empty() {
                if !text.is_empty() && !text.ends_with("\n\n") {
                    text.push('\n');
                }
                continue;
            }
            text.push_str(line);
            text.push_str(if parted_by_lines { "\n" } else { "\n\n" });
        }
        Body {
            text: text.trim().to_owned(),
            all: self.all,
            removed: self.removed,
        }
    }
}

/// Title, author and time, as `docProps/core.xml` and `meta.xml` have them.
#[derive(Default)]
pub(crate) struct About {
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) date: Option<jiff::Timestamp>,
}

impl About {
    /// Reads the fields; a part that is broken tells nothing.
    pub(crate) fn read(xml: &[u8]) -> Self {
        let xml = String::from_utf8_lossy(xml);
        let mut about = Self::default();
        let mut open = String::new();
        let mut text = String::new();
        let (mut created, mut changed) = (None, None);
        let _ = each_event(&xml, &mut |event| {
            match event {
                Event::Start(tag) => {
                    tag.name().as_ref().clone_into(&mut open);
                    text.clear();
                }
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(name) => text.push_str(&entity(name).unwrap_or_default()),
                Event::End(tag) if tag.name().as_ref() == open => {
                    let found = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
                    match open.as_str() {
                        "dc:title" => about.title = found,
                        "meta:initial-creator" => about.author = found,
                        "dc:creator" => about.author = about.author.take().or(found),
                        "dcterms:created" | "meta:creation-date" => created = found,
                        "dcterms:modified" | "dc:date" => changed = found,
                        _ => {}
                    }
                    open.clear();
                }
                _ => {}
            }
            Ok(())
        });
        let moment = |text: Option<String>| crate::dates::moment(text.as_deref()?);
        // The text as it stands was not there before its last change.
        about.date = moment(changed).or_else(|| moment(created));
        about
    }
}
