//! One mail to one document: whether the author sent it, and what in it are the author's own words.

mod headers;

use idiolect_core::Document;
use jiff::Timestamp;
use mail_parser::{
    Address, ContentType, Encoding, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders,
    PartType,
};

use crate::{
    Options, Reason, SkipReason, charset,
    flowed::unflow,
    html::{self, Quoted},
    letters::Letter,
    nested::{sealed, unsealed},
    quotes::own_words,
    sink::Outcome,
};

/// Reads the mail of one person.
pub(crate) struct MailReader {
    parser: MessageParser,
    /// The author's addresses, in lower case.
    me: Vec<String>,
    author: String,
    keep_code: bool,
    drafts: bool,
}

/// What the file that a mail lies in says of it.
#[derive(Default, Clone, Copy)]
pub(crate) struct Envelope {
    /// When it was sent, for mails without a date.
    pub(crate) sent: Option<Timestamp>,
    /// Nothing follows it: of such a mail it can be told that its end is missing.
    pub(crate) is_last: bool,
    /// Its file says that it is not finished.
    pub(crate) is_draft: bool,
}

impl MailReader {
    /// `None` where no address of the author's is given.
    pub(crate) fn new(options: &Options) -> Option<Self> {
        let me: Vec<&str> = options.me.iter().map(|me| bare_address(me)).collect();
        let first = me.first()?;
        Some(Self {
            parser: MessageParser::default(),
            author: options
                .author
                .clone()
                .unwrap_or_else(|| (*first).to_owned()),
            me: me.iter().map(|me| me.to_lowercase()).collect(),
            keep_code: options.keep_code,
            drafts: options.drafts,
        })
    }

    /// What one message is.
    pub(crate) fn read(&self, raw: &[u8], envelope: Envelope) -> Outcome {
        let header_end = end_of_header(raw);
        if envelope.is_last && header_end.is_none() {
            return Outcome::Problem(Reason::CutOff);
        }
        // Most messages of a mailbox are other people's: their bodies are never looked at.
        let header = &raw[..header_end.unwrap_or(raw.len())];
        let is_draft = match self.parser.parse_headers(header) {
            Some(header) if !header.parts.is_empty() && !header.parts[0].headers.is_empty() => {
                let labels = headers::labels(&header);
                if !self.is_mine(&header) && !labels.is_sent {
                    return Outcome::Skipped(SkipReason::OtherSender);
                }
                let is_draft = envelope.is_draft || labels.reason == Some(SkipReason::Draft);
                match labels.reason.or_else(|| headers::machine(&header)) {
                    Some(SkipReason::Draft) if self.drafts => {}
                    Some(reason) => return Outcome::Skipped(reason),
                    None if is_draft && !self.drafts => {
                        return Outcome::Skipped(SkipReason::Draft);
                    }
                    None => {}
                }
                is_draft
            }
            _ => return Outcome::Problem(Reason::NotAMail),
        };
        let sealed = sealed(raw);
        match self.parser.parse(&sealed) {
            Some(message) if !message.parts.is_empty() => self.letter(&message, envelope, is_draft),
            _ => Outcome::Problem(Reason::NotAMail),
        }
    }

    fn is_mine(&self, message: &Message<'_>) -> bool {
        message.from().is_some_and(|from| {
            addresses(from).any(|address| self.me.contains(&address.trim().to_lowercase()))
        })
    }

    fn letter(&self, message: &Message<'_>, envelope: Envelope, is_draft: bool) -> Outcome {
        if message.parts.iter().any(is_calendar) {
            return Outcome::Skipped(SkipReason::Calendar);
        }
        if envelope.is_last && is_text_cut_off(message) {
            return Outcome::Problem(Reason::CutOff);
        }
        let body = unsealed(body(message));
        let own = own_words(&body, self.keep_code);
        let subject = headers::subject(message);
        let (title, says_forward) = headers::without_prefixes(subject.trim());
        if own.kept.is_empty() {
            let carries_mail = message.parts.iter().any(|part| has_type(part, "message"));
            let is_forward = own.has_forward() || carries_mail || says_forward;
            return Outcome::Skipped(if is_forward {
                SkipReason::Forward
            } else {
                SkipReason::EmptyText
            });
        }
        let id = message.message_id().unwrap_or_default().to_owned();
        let thread = first_id(message.references())
            .or_else(|| first_id(message.in_reply_to()))
            .or_else(|| (!id.is_empty()).then(|| id.clone()));
        let to: Vec<&str> = message.all_to().flat_map(addresses).collect();
        let kind = if is_draft { "draft" } else { "mail" };
        Outcome::Letter(Box::new(Letter {
            document: Document {
                id,
                author: self.author.clone(),
                date: headers::date(message, envelope.sent),
                n: None,
                title: (!title.is_empty()).then(|| title.to_owned()),
                text: String::new(),
                kind: Some(kind.to_owned()),
                thread,
                to: (!to.is_empty()).then(|| to.join(", ")),
            },
            body,
            own,
        }))
    }
}

/// Where the body begins: behind the empty line that ends the header.
fn end_of_header(raw: &[u8]) -> Option<usize> {
    if raw.starts_with(b"\n") {
        return Some(1);
    }
    memchr::memchr_iter(b'\n', raw).find_map(|at| match &raw[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// The address in `Ana <ana@example.org>`, or the whole where there are no brackets.
fn bare_address(text: &str) -> &str {
    text.rsplit_once('<')
        .map_or(text, |(_, address)| {
            address.trim_end().trim_end_matches('>')
        })
        .trim()
}

fn addresses<'a>(list: &'a Address<'_>) -> impl Iterator<Item = &'a str> {
    list.iter().filter_map(|address| address.address.as_deref())
}

fn has_type(part: &MessagePart<'_>, name: &str) -> bool {
    part.content_type()
        .is_some_and(|content| content.ctype().eq_ignore_ascii_case(name))
}

/// An invitation or an answer to one; a calendar file attached to a letter is none.
fn is_calendar(part: &MessagePart<'_>) -> bool {
    part.is_content_type("text", "calendar")
        && !part
            .content_disposition()
            .is_some_and(ContentType::is_attachment)
}

/// Whether the part that holds the text ends before its boundary.
fn is_text_cut_off(message: &Message<'_>) -> bool {
    message.parts.len() > 1
        && message
            .parts
            .iter()
            .any(|part| part.is_encoding_problem && is_letter(part))
}

/// Whether a part is text that belongs to the mail itself.
fn is_letter(part: &MessagePart<'_>) -> bool {
    let is_text = part.content_type().is_none_or(|content| {
        content.ctype().eq_ignore_ascii_case("text")
            && content.subtype().is_some_and(|kind| {
                ["plain", "html"]
                    .iter()
                    .any(|k| kind.eq_ignore_ascii_case(k))
            })
    });
    let is_attachment = part
        .content_disposition()
        .is_some_and(ContentType::is_attachment);
    is_text && !is_attachment
}

/// The text of a mail: its plain parts; where these are blank, its HTML parts; where a broken mail
/// lists neither, whatever letters it carries.
fn body(message: &Message<'_>) -> String {
    let raw = message.raw_message.as_ref();
    let listed = |ids: &[u32]| {
        let parts = ids.iter().filter_map(|id| message.parts.get(*id as usize));
        joined(parts.filter_map(|part| text(part, raw)))
    };
    let plain = listed(&message.text_body);
    if !plain.trim().is_empty() {
        return plain;
    }
    let html = listed(&message.html_body);
    if !html.trim().is_empty() {
        return html;
    }
    let letters = message.parts.iter().filter(|part| is_letter(part));
    joined(letters.filter_map(|part| text(part, raw)))
}

fn joined(mut texts: impl Iterator<Item = String>) -> String {
    let first = texts.next().unwrap_or_default();
    texts.fold(first, |mut all, text| {
        all.push_str("\n\n");
        all.push_str(&text);
        all
    })
}

fn text(part: &MessagePart<'_>, raw: &[u8]) -> Option<String> {
    let (text, is_html) = match &part.body {
        PartType::Html(html) => (html, true),
        PartType::Text(text) => (text, false),
        _ => return None,
    };
    // The parser believes what is declared, and knows no encodings of the Far East.
    let decoded = if part.is_encoding_problem || !text.is_ascii() || text.contains('\u{1b}') {
        decode(part, raw)
    } else {
        None
    };
    let text = decoded.as_deref().unwrap_or(text);
    if is_html {
        return Some(html::text(text, Quoted::Marked));
    }
    let attribute = |name, value: &str| {
        let content = part
            .content_type()
            .and_then(|content| content.attribute(name));
        content.is_some_and(|content| content.eq_ignore_ascii_case(value))
    };
    Some(if attribute("format", "flowed") {
        unflow(text, attribute("delsp", "yes"))
    } else {
        text.to_owned()
    })
}

/// The text of a part from its bytes.
fn decode(part: &MessagePart<'_>, raw: &[u8]) -> Option<String> {
    let bytes = raw.get(part.offset_body as usize..part.offset_end as usize)?;
    let encoding = match part.encoding {
        Encoding::None if part.is_encoding_problem => {
            part.content_transfer_encoding()
                .map_or(Encoding::None, |name| {
                    match name.trim().to_ascii_lowercase().as_str() {
                        "base64" => Encoding::Base64,
                        "quoted-printable" => Encoding::QuotedPrintable,
                        _ => Encoding::None,
                    }
                })
        }
        known => known,
    };
    let charset = part
        .content_type()
        .and_then(|content| content.attribute("charset"));
    Some(match encoding {
        Encoding::None => charset::text(bytes, charset),
        Encoding::QuotedPrintable => charset::text(&charset::quoted_printable(bytes), charset),
        Encoding::Base64 => charset::text(&charset::base64(bytes), charset),
    })
}

fn first_id(header: &HeaderValue<'_>) -> Option<String> {
    let id = match header {
        HeaderValue::Text(id) => Some(id),
        HeaderValue::TextList(ids) => ids.first(),
        _ => None,
    };
    id.map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_given_with_a_name() {
        assert_eq!(bare_address("Ana <ana@example.org>"), "ana@example.org");
        assert_eq!(bare_address(" ana@example.org "), "ana@example.org");
        assert_eq!(bare_address("<ana@example.org"), "ana@example.org");
    }
}
