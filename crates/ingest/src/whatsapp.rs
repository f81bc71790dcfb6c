//! WhatsApp: `_chat.txt`, in the many forms that telephones and languages give its dates.

use std::{fmt::Write, io::BufRead, ops::ControlFlow};

use idiolect_core::Document;
use jiff::{Timestamp, civil};
use sha2::{Digest, Sha256};

use crate::{
    Error, SkipReason, charset, dates,
    formats::WHOLE_MIB,
    read::whole,
    sink::{Outcome, Place, Sink},
    text::stem,
};

/// Reads every message as one item; dates are in the telephone's own time, which is not named, and
/// are taken as UTC.
///
/// # Errors
/// [`Error::MeRequired`] where no name of the author's is given.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    path: &str,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let (author, names) = sink.own()?;
    let text = match whole(reader, WHOLE_MIB) {
        Ok(bytes) => charset::text(&bytes, None),
        Err(reason) => return Ok(sink.put(Place::File, Outcome::Problem(reason))),
    };
    let messages = messages(&text);
    let order = Order::of(&messages);
    let chat = chat_name(path);
    for message in messages {
        let outcome = outcome(&message, order, &names, &author, chat.as_deref());
        if sink.put(Place::Line(message.line), outcome).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn outcome(
    message: &Message<'_>,
    order: Order,
    names: &[String],
    author: &str,
    chat: Option<&str>,
) -> Outcome {
    let Some((sender, text)) = message.sender_and_text() else {
        return Outcome::Skipped(SkipReason::NoText);
    };
    let sender = sender.trim_start_matches(['~', ' ', '\u{202f}', '\u{a0}']);
    if !names.contains(&bare(sender).to_lowercase()) {
        return Outcome::Skipped(SkipReason::OtherSender);
    }
    let text = without_notes(&text);
    if is_deleted(&text) {
        return Outcome::Skipped(SkipReason::Deleted);
    }
    if text.is_empty() || is_attachment(&text) {
        return Outcome::Skipped(SkipReason::NoText);
    }
    let date = message.stamp.moment(order);
    let mut hash = Sha256::new();
    hash.update(format!("{date:?}\n{sender}\n{text}"));
    let id = hash.finalize()[..8]
        .iter()
        .fold(String::new(), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        });
    Outcome::Document(Box::new(Document {
        id,
        author: author.to_owned(),
        date,
        n: None,
        title: None,
        text,
        kind: Some("chat".to_owned()),
        thread: chat.map(str::to_owned),
        to: chat.map(str::to_owned),
    }))
}

/// With whom the chat was, as the file is named: `WhatsApp Chat with Ben.txt`, and on iOS the archive
/// around it.
fn chat_name(path: &str) -> Option<String> {
    let mut parts = path.rsplit('/');
    let mut name = stem(parts.next()?);
    if name == "_chat" {
        name = stem(parts.next()?);
    }
    let rest = name.strip_prefix("WhatsApp")?;
    let words = [
        " Chat with ",
        " Chat - ",
        "-Chat mit ",
        " Chat mit ",
        "-chat met ",
        " Chat con ",
    ];
    let person = words.iter().find_map(|words| rest.strip_prefix(words));
    let person = person.unwrap_or(rest).trim_matches(['-', ' ']);
    (!person.is_empty()).then(|| person.to_owned())
}

/// Whether a file is a chat, by its name or by its first lines.
pub(crate) fn is_chat(path: &str, head: &[u8]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    if name == "_chat.txt" || name.starts_with("WhatsApp") {
        return true;
    }
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().and_then(stamp);
    // A diary may begin with a date; a chat has them on most lines.
    first.is_some_and(|(_, rest)| rest.contains(": ") || rest.contains("WhatsApp"))
        && lines.take(20).filter(|line| stamp(line).is_some()).count() >= 2
}

/// A message before it is known in which order its date is written.
struct Message<'a> {
    line: usize,
    stamp: Stamp,
    first: &'a str,
    /// Lines behind the first.
    rest: Vec<&'a str>,
}

impl Message<'_> {
    /// `None` where nobody sent it.
    fn sender_and_text(&self) -> Option<(&str, String)> {
        let (sender, first) = self.first.split_once(':')?;
        let first = first.strip_prefix([' ', '\u{a0}']).unwrap_or(first);
        // Notices have colons in them too; names are short.
        if sender.chars().count() > 60 {
            return None;
        }
        let mut text = first.to_owned();
        for line in &self.rest {
            text.push('\n');
            text.push_str(line);
        }
        Some((sender, text.trim().to_owned()))
    }
}

fn messages(text: &str) -> Vec<Message<'_>> {
    let mut messages: Vec<Message<'_>> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        match stamp(line) {
            Some((stamp, first)) => messages.push(Message {
                line: i + 1,
                stamp,
                first,
                rest: Vec::new(),
            }),
            None => {
                if let Some(last) = messages.last_mut() {
                    last.rest.push(line);
                }
            }
        }
    }
    messages
}

/// A date of three numbers, and a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    date: [u16; 3],
    separator: char,
    hour: i8,
    minute: i8,
    second: i8,
    has_half: bool,
}

/// What stands first; behind a day the month, behind a month the day, the year last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Day,
    Month,
    Year,
}

impl Order {
    /// The order in which all dates can be, and follow each other; where both are possible, the one
    /// that the signs between the numbers suggest.
    fn of(messages: &[Message<'_>]) -> Self {
        let stamps = || messages.iter().map(|message| message.stamp);
        let Some(first) = stamps().next() else {
            return Self::Day;
        };
        if stamps().any(|stamp| stamp.date[0] > 31) {
            return Self::Year;
        }
        if stamps().any(|stamp| stamp.date[0] > 12) {
            return Self::Day;
        }
        if stamps().any(|stamp| stamp.date[1] > 12) {
            return Self::Month;
        }
        let backwards = |order: Self| {
            let moments: Vec<_> = stamps().map(|stamp| stamp.moment(order)).collect();
            moments.windows(2).filter(|two| two[1] < two[0]).count()
        };
        let (day, month) = (backwards(Self::Day), backwards(Self::Month));
        let month_by_signs = first.separator == '/' && first.has_half;
        if month < day || month == day && month_by_signs {
            Self::Month
        } else {
            Self::Day
        }
    }
}

impl Stamp {
    fn moment(self, order: Order) -> Option<Timestamp> {
        let [a, b, c] = self.date;
        let (year, month, day) = match order {
            Order::Day => (c, b, a),
            Order::Month => (c, a, b),
            Order::Year => (a, b, c),
        };
        let year = if year < 100 { year + 2000 } else { year };
        let local = civil::DateTime::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
            self.hour,
            self.minute,
            self.second,
            0,
        );
        dates::in_utc(local.ok()?)
    }
}

/// The date at the start of a line, in brackets or before a dash, and what follows it.
fn stamp(line: &str) -> Option<(Stamp, &str)> {
    let line = line.trim_start_matches(MARKS);
    let (in_brackets, rest) = match line.strip_prefix('[') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (first, rest) = number(rest)?;
    let separator = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '.' | '/' | '-'))?;
    let (second, rest) = number(rest.strip_prefix(separator)?.trim_start_matches(' '))?;
    let (third, rest) = number(rest.strip_prefix(separator)?.trim_start_matches(' '))?;
    let rest = rest
        .trim_start_matches([',', '.', ' ', '\u{202f}', '\u{a0}'])
        .trim_start_matches("à ")
        .trim_start_matches("um ");
    // Chinese puts the half of the day before the time.
    let (early_half, rest) = half(rest);
    let (hour, rest) = number(rest)?;
    let (minute, mut rest) = number(rest.strip_prefix([':', '.'])?)?;
    let mut seconds = 0;
    if let Some((found, behind)) = rest.strip_prefix([':', '.']).and_then(number) {
        (seconds, rest) = (found, behind);
    }
    let (late_half, rest) = half(rest.trim_start_matches([' ', '\u{202f}', '\u{a0}']));
    let half = early_half.or(late_half);
    let rest = if in_brackets {
        rest.trim_start().strip_prefix(']')?
    } else {
        let rest = rest.trim_start().trim_start_matches("Uhr ");
        rest.strip_prefix(['-', '–'])?
    };
    let hour = match (half, hour) {
        (Some(true), 1..12) => hour + 12,
        (Some(false), 12) => 0,
        _ => hour,
    };
    let stamp = Stamp {
        date: [first, second, third],
        separator,
        hour: i8::try_from(hour).ok()?,
        minute: i8::try_from(minute).ok()?,
        second: i8::try_from(seconds).ok()?,
        has_half: half.is_some(),
    };
    (hour < 24 && minute < 60 && seconds < 60).then_some((stamp, rest.trim_start_matches(' ')))
}

/// Marks of the direction of writing, which telephones put anywhere.
const MARKS: [char; 5] = ['\u{200e}', '\u{200f}', '\u{202a}', '\u{202c}', '\u{feff}'];

fn number(text: &str) -> Option<(u16, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 4 {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// `PM` in several forms: whether it is the second half, and what follows.
fn half(text: &str) -> (Option<bool>, &str) {
    const HALVES: [(&str, bool); 14] = [
        ("am", false),
        ("pm", true),
        ("a.m.", false),
        ("p.m.", true),
        ("a. m.", false),
        ("p. m.", true),
        ("a.\u{a0}m.", false),
        ("p.\u{a0}m.", true),
        ("上午", false),
        ("下午", true),
        ("午前", false),
        ("午後", true),
        ("오전", false),
        ("오후", true),
    ];
    for (name, is_second) in HALVES {
        if text
            .get(..name.len())
            .is_some_and(|begun| begun.eq_ignore_ascii_case(name))
        {
            let rest = text[name.len()..].trim_start_matches([' ', '\u{202f}', '\u{a0}']);
            // The minus before the sender stays.
            return (Some(is_second), rest);
        }
    }
    (None, text)
}

fn bare(name: &str) -> &str {
    name.trim_matches(|c: char| c.is_whitespace() || MARKS.contains(&c))
}

/// A text without what the program adds to it.
fn without_notes(text: &str) -> String {
    let mut text = text.trim();
    // `‎<This message was edited>` in the telephone's language.
    if let Some(at) = text.rfind('\u{200e}')
        && at > 0
        && text[at..].trim_start_matches(MARKS).starts_with('<')
        && text.ends_with('>')
    {
        text = text[..at].trim_end();
    }
    for note in [
        "<This message was edited>",
        "<Diese Nachricht wurde bearbeitet.>",
    ] {
        text = text.strip_suffix(note).map_or(text, str::trim_end);
    }
    text.to_owned()
}

fn is_deleted(text: &str) -> bool {
    const NOTICES: [&str; 12] = [
        "this message was deleted",
        "you deleted this message",
        "diese nachricht wurde gelöscht",
        "du hast diese nachricht gelöscht",
        "vous avez supprimé ce message",
        "ce message a été supprimé",
        "eliminaste este mensaje",
        "se eliminó este mensaje",
        "você apagou esta mensagem",
        "hai eliminato questo messaggio",
        "je hebt dit bericht verwijderd",
        "вы удалили данное сообщение",
    ];
    let text = text.trim_matches(|c: char| c.is_whitespace() || MARKS.contains(&c) || c == '.');
    NOTICES.contains(&text.to_lowercase().as_str())
}

/// Whether a message is a picture, a call or the like: iOS marks them, Android puts them in brackets
/// or names a file.
fn is_attachment(text: &str) -> bool {
    if text.starts_with('\u{200e}') {
        return true;
    }
    let is_one_line = !text.contains('\n');
    let names_file = || {
        let (name, note) = text.split_once(" (")?;
        let (_, extension) = name.rsplit_once('.')?;
        Some(note.ends_with(')') && (3..=4).contains(&extension.len()) && !name.contains(' '))
    };
    is_one_line && (text.starts_with('<') && text.ends_with('>') || names_file() == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_many_forms() {
        for (line, moment) in [
            ("[05.01.20, 10:30:15] Ana: x", "2020-01-05T10:30:15Z"),
            (
                "\u{200e}[05/01/2020, 10:30:15] Ana: x",
                "2020-01-05T10:30:15Z",
            ),
            ("05.01.20, 10:30 - Ana: x", "2020-01-05T10:30:00Z"),
            ("5/1/20 22:30 - Ana: x", "2020-01-05T22:30:00Z"),
            ("5/1/2020, 10:30\u{202f}PM - Ana: x", "2020-01-05T22:30:00Z"),
            ("5/1/2020, 12:30 a. m. - Ana: x", "2020-01-05T00:30:00Z"),
            ("5-1-2020 10:30 - Ana: x", "2020-01-05T10:30:00Z"),
        ] {
            let (stamp, rest) = stamp(line).unwrap();
            assert_eq!(stamp.moment(Order::Day).unwrap().to_string(), moment);
            assert_eq!(rest, "Ana: x", "{line}");
        }
        let (found, _) = stamp("2020/1/5 下午10:30 - Ana: x").unwrap();
        assert_eq!(
            found.moment(Order::Year).unwrap().to_string(),
            "2020-01-05T22:30:00Z"
        );
        for line in [
            "5.1. was a day",
            "10:30 - no",
            "1/2/3/4",
            "",
            "[1.2.2020] x",
            "99/99/2020, 99:99 - x",
        ] {
            assert!(stamp(line).is_none(), "{line}");
        }
    }

    #[test]
    fn the_order_is_one_in_which_all_dates_are_possible() {
        let order = |text: &str| Order::of(&messages(text));
        assert_eq!(
            order("1/2/20, 10:30 - A: x\n13/2/20, 10:30 - A: x"),
            Order::Day
        );
        assert_eq!(
            order("1/2/20, 10:30 - A: x\n1/13/20, 10:30 - A: x"),
            Order::Month
        );
        assert_eq!(order("2020-01-02, 10:30 - A: x"), Order::Year);
        // The second would lie before the first.
        assert_eq!(
            order("2/1/20, 10:30 - A: x\n1/2/20, 10:30 - A: x"),
            Order::Day
        );
        assert_eq!(
            order("1/2/20, 10:30 - A: x\n2/1/20, 10:30 - A: x"),
            Order::Month
        );
        assert_eq!(order("1/2/20, 10:30 PM - A: x"), Order::Month);
        assert_eq!(order("01.02.20, 10:30 - A: x"), Order::Day);
    }
}
