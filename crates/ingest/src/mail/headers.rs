//! What the header of a mail tells: its date, its subject, and whether a person wrote it.

use jiff::Timestamp;
use mail_parser::{HeaderForm, HeaderName, HeaderValue, Message, MimeHeaders};

use crate::{SkipReason, charset, dates};

/// What Gmail's labels say.
pub(super) struct Labels {
    /// Why it is nothing that the author sent.
    pub(super) reason: Option<SkipReason>,
    /// The author did, from whatever address.
    pub(super) is_sent: bool,
}

/// What Gmail calls the mails that its user sent, as the languages name them.
const SENT: [&str; 18] = [
    "sent",
    "sent mail",
    "gesendet",
    "messages envoyés",
    "envoyés",
    "enviados",
    "posta inviata",
    "inviati",
    "e-mails enviados",
    "verzonden",
    "wysłane",
    "отправленные",
    "送信済み",
    "已发送邮件",
    "已发邮件",
    "寄件備份",
    "gönderilmiş postalar",
    "보낸편지함",
];

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

/// Reads `X-Gmail-Labels`.
pub(super) fn labels(message: &Message<'_>) -> Labels {
    let mut found = Labels {
        reason: None,
        is_sent: false,
    };
    let Some(raw) = raw(message, &HeaderName::Other("X-Gmail-Labels".into())) else {
        return found;
    };
    for label in charset::header(raw).split(',') {
        let label = label
            .trim_matches(|c: char| c.is_whitespace() || c == '"')
            .to_lowercase();
        found.is_sent |= SENT.contains(&label.as_str());
        for (reason, names) in LABELS {
            if names.contains(&label.as_str()) {
                found.reason.get_or_insert(reason);
            }
        }
    }
    found
}

/// Why a mail is none that a person wrote, as far as its header tells.
pub(super) fn machine(message: &Message<'_>) -> Option<SkipReason> {
    let value = |name: &'static str| {
        let values = message.header_as(name, HeaderForm::Raw);
        let first = values.first().and_then(HeaderValue::as_text);
        first.map(|text| text.trim().to_ascii_lowercase())
    };
    let submitted = value("Auto-Submitted");
    let says_person = submitted.as_deref().map(|how| {
        let how = how.split([';', '(']).next().unwrap_or_default();
        how.trim() == "no"
    });
    if says_person == Some(false)
        || message.parts[0].is_content_type("multipart", "report")
        || message.header("X-Autoreply").is_some()
        || message.header("X-Autorespond").is_some()
    {
        return Some(SkipReason::AutoReply);
    }
    // What a person sent to a list comes back with the list's own `Precedence`.
    let from_list = [
        "List-Id",
        "List-Post",
        "List-Unsubscribe",
        "Mailing-List",
        "X-Mailing-List",
    ]
    .iter()
    .any(|name| message.header(*name).is_some());
    match value("Precedence").as_deref() {
        Some("auto_reply") => Some(SkipReason::AutoReply),
        Some("bulk" | "junk") if says_person.is_none() && !from_list => {
            Some(SkipReason::MachineMail)
        }
        _ => None,
    }
}

/// The bytes of a header field.
fn raw<'a>(message: &'a Message<'_>, name: &HeaderName<'_>) -> Option<&'a [u8]> {
    let field = message.parts[0]
        .headers
        .iter()
        .rfind(|field| field.name == *name)?;
    message
        .raw_message
        .get(field.offset_start as usize..field.offset_end as usize)
}

/// The subject, decoded.
pub(super) fn subject(message: &Message<'_>) -> String {
    match raw(message, &HeaderName::Subject) {
        Some(raw) if !raw.is_ascii() || memchr::memmem::find(raw, b"=?").is_some() => {
            charset::header(raw)
        }
        _ => message.subject().unwrap_or_default().to_owned(),
    }
}

/// No mail is older or younger.
const YEARS: std::ops::RangeInclusive<i16> = 1971..=2100;

/// When a mail was written: as it says, else as its mailbox says, else as the last server does.
pub(super) fn date(message: &Message<'_>, sent: Option<Timestamp>) -> Option<Timestamp> {
    let is_likely =
        |date: &Timestamp| YEARS.contains(&date.to_zoned(jiff::tz::TimeZone::UTC).year());
    let read = |name| {
        let raw = std::str::from_utf8(raw(message, &name)?).ok()?;
        dates::mail(raw).filter(is_likely)
    };
    let received = || {
        let raw = std::str::from_utf8(raw(message, &HeaderName::Received)?).ok()?;
        dates::mail(raw.rsplit_once(';')?.1).filter(is_likely)
    };
    read(HeaderName::Date)
        .or(sent.filter(is_likely))
        .or_else(received)
}

/// What mail programs put before the subject of an answer, and of a forward.
const REPLY_PREFIXES: [&str; 16] = [
    "re", "aw", "sv", "vs", "antw", "odp", "ynt", "回复", "答复", "回覆", "réf", "rif", "res",
    "resp", "отв", "на",
];
const FORWARD_PREFIXES: [&str; 13] = [
    "fwd",
    "fw",
    "wg",
    "tr",
    "rv",
    "enc",
    "doorst",
    "vb",
    "转发",
    "轉寄",
    "пересл",
    "ilt",
    "pd",
];

/// The subject without `Re:`, `Fwd:` and the like, in any number, and whether one of them marked a
/// forward.
pub(super) fn without_prefixes(mut subject: &str) -> (&str, bool) {
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
}
