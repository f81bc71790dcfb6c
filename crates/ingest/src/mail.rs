//! One mail to one document: whether the author sent it, and what in it are the author's own words.

use idiolect_core::Document;
use jiff::Timestamp;
use mail_parser::{
    Address, ContentType, HeaderForm, HeaderValue, Message, MessageParser, MessagePart,
    MimeHeaders, PartType,
};

use crate::{
    Options, Reason, SkipReason,
    flowed::unflow,
    html::{self, Quoted},
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
        })
    }

    /// What one message is. `sent` is when the mailbox says it was sent, for mails without a date;
    /// only of the last message of a mailbox can it be told that its end is missing.
    pub(crate) fn read(&self, raw: &[u8], sent: Option<Timestamp>, is_last: bool) -> Outcome {
        if is_last && !has_body(raw) {
            return Outcome::Problem(Reason::CutOff);
        }
        // Most messages of a mailbox are other people's: their bodies are never looked at.
        match self.parser.parse_headers(raw) {
            Some(header) if !header.parts.is_empty() && !header.parts[0].headers.is_empty() => {
                if !self.is_mine(&header) {
                    return Outcome::Skipped(SkipReason::OtherSender);
                }
                if let Some(reason) = reason_in_header(&header) {
                    return Outcome::Skipped(reason);
                }
            }
            _ => return Outcome::Problem(Reason::NotAMail),
        }
        match self.parser.parse(&sealed(raw)) {
            Some(message) if !message.parts.is_empty() => self.document(&message, sent, is_last),
            _ => Outcome::Problem(Reason::NotAMail),
        }
    }

    fn is_mine(&self, message: &Message<'_>) -> bool {
        message.from().is_some_and(|from| {
            addresses(from).any(|address| self.me.contains(&address.trim().to_lowercase()))
        })
    }

    fn document(&self, message: &Message<'_>, sent: Option<Timestamp>, is_last: bool) -> Outcome {
        if message.parts.iter().any(is_calendar) {
            return Outcome::Skipped(SkipReason::Calendar);
        }
        if is_last && is_text_cut_off(message) {
            return Outcome::Problem(Reason::CutOff);
        }
        let own = own_words(&body(message));
        let subject = message.subject().unwrap_or_default().trim();
        let (title, says_forward) = without_prefixes(subject);
        if own.text.is_empty() {
            let carries_mail = message.parts.iter().any(|part| has_type(part, "message"));
            let is_forward = own.has_forward || carries_mail || says_forward;
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
        Outcome::Document(Box::new(Document {
            id,
            author: self.author.clone(),
            date: date(message).or(sent),
            n: None,
            title: (!title.is_empty()).then(|| title.to_owned()),
            text: unsealed(&own.text),
            kind: Some("mail".to_owned()),
            thread,
            to: (!to.is_empty()).then(|| to.join(", ")),
        }))
    }
}

/// Whether an empty line ends the header.
fn has_body(raw: &[u8]) -> bool {
    raw.starts_with(b"\n")
        || raw.windows(2).any(|two| two == b"\n\n")
        || raw.windows(3).any(|three| three == b"\n\r\n")
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

/// Gmail's labels under which a mail is nothing that the author sent, as the languages name them.
const LABELS: [(SkipReason, &[&str]); 4] = [
    (
        SkipReason::Spam,
        &["spam", "junk", "courrier indésirable", "ongewenst"],
    ),
    (
        SkipReason::Trash,
        &[
            "trash",
            "bin",
            "papierkorb",
            "corbeille",
            "papelera",
            "cestino",
            "lixeira",
            "prullenbak",
        ],
    ),
    (
        SkipReason::Draft,
        &[
            "draft",
            "drafts",
            "entwürfe",
            "brouillons",
            "borradores",
            "bozze",
            "rascunhos",
            "concepten",
        ],
    ),
    (SkipReason::Chat, &["chat", "chats"]),
];

/// Why a mail is left out that the author sent, as far as its header tells.
fn reason_in_header(message: &Message<'_>) -> Option<SkipReason> {
    let labels = message.header_as("X-Gmail-Labels", HeaderForm::Text);
    let labels = labels
        .first()
        .and_then(HeaderValue::as_text)
        .unwrap_or_default();
    for label in labels.split(',') {
        let label = label
            .trim_matches(|c: char| c.is_whitespace() || c == '"')
            .to_lowercase();
        for (reason, names) in LABELS {
            if names.contains(&label.as_str()) {
                return Some(reason);
            }
        }
    }
    let submitted = message.header_as("Auto-Submitted", HeaderForm::Raw);
    let submitted = submitted.first().and_then(HeaderValue::as_text);
    let by_machine = submitted.is_some_and(|how| {
        let how = how.split([';', '(']).next().unwrap_or_default();
        !how.trim().eq_ignore_ascii_case("no")
    });
    let is_report = message.parts[0].is_content_type("multipart", "report");
    (by_machine || is_report || message.header("X-Autoreply").is_some())
        .then_some(SkipReason::AutoReply)
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
    let listed = |ids: &[u32]| {
        let parts = ids.iter().filter_map(|id| message.parts.get(*id as usize));
        let texts: Vec<String> = parts.filter_map(text).collect();
        texts.join("\n\n")
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
    letters.filter_map(text).collect::<Vec<_>>().join("\n\n")
}

fn text(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Html(html) => Some(html::text(html, Quoted::Marked)),
        PartType::Text(text) => {
            let attribute = |name, value: &str| {
                let content = part
                    .content_type()
                    .and_then(|content| content.attribute(name));
                content.is_some_and(|content| content.eq_ignore_ascii_case(value))
            };
            Some(if attribute("format", "flowed") {
                unflow(text, attribute("delsp", "yes"))
            } else {
                text.clone().into_owned()
            })
        }
        _ => None,
    }
}

fn date(message: &Message<'_>) -> Option<Timestamp> {
    let date = message.date().filter(|date| date.is_valid())?;
    Timestamp::from_second(date.to_timestamp()).ok()
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

/// What mail programs put before the subject of an answer, and of a forward.
const REPLY_PREFIXES: [&str; 8] = ["re", "aw", "sv", "vs", "antw", "odp", "ynt", "回复"];
const FORWARD_PREFIXES: [&str; 9] = ["fwd", "fw", "wg", "tr", "rv", "enc", "doorst", "vb", "转发"];

/// The subject without `Re:`, `Fwd:` and the like, in any number, and whether one of them marked a
/// forward.
fn without_prefixes(mut subject: &str) -> (&str, bool) {
    let mut is_forward = false;
    while let Some((prefix, rest)) = subject.split_once([':', '：']) {
        let prefix = prefix.trim().to_lowercase();
        // `Re[2]:` and `Re (2):` count the answers.
        let name = prefix.trim_end_matches(|c: char| c.is_ascii_digit() || "[]() ".contains(c));
        let forwards = FORWARD_PREFIXES.contains(&name);
        if !forwards && !REPLY_PREFIXES.contains(&name) {
            break;
        }
        is_forward |= forwards;
        subject = rest.trim_start();
    }
    (subject, is_forward)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_lose_what_mail_programs_put_before_them() {
        for (subject, title, forwards) in [
            ("Re: re[2]: AW: The boat", "The boat", false),
            ("Fwd: Re: The boat", "The boat", true),
            ("The boat: a story", "The boat: a story", false),
            ("Re:", "", false),
            ("回复：船", "船", false),
        ] {
            assert_eq!(without_prefixes(subject), (title, forwards));
        }
    }

    #[test]
    fn an_address_may_be_given_with_a_name() {
        assert_eq!(bare_address("Ana <ana@example.org>"), "ana@example.org");
        assert_eq!(bare_address(" ana@example.org "), "ana@example.org");
        assert_eq!(bare_address("<ana@example.org"), "ana@example.org");
    }
}
