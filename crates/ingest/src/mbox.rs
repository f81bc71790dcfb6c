//! mbox: messages one behind the other, each after a line that begins with `From `.

use std::{io::BufRead, ops::ControlFlow};

use jiff::{
    Timestamp, civil,
    tz::{Offset, TimeZone},
};

use crate::{
    Error, Reason, SkipReason,
    lines::{Line, Lines},
    mail::{Envelope, MailReader},
    sink::{Outcome, Place, Sink},
};

/// How much of a message is held in memory, in bytes. Text stands before attachments, so what is
/// cut from a larger one is the end of an attachment.
const MESSAGE_BYTES: usize = 32 << 20;

/// What the message buffer keeps from one message to the next, in bytes.
const KEPT_CAPACITY: usize = 1 << 20;

/// Reads every message as one item.
///
/// # Errors
/// [`Error::MeRequired`] where no address of the author's is given, [`Error::NotMbox`] where no
/// line begins a message.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let mail = MailReader::new(sink.options).ok_or_else(|| Error::MeRequired {
        path: sink.source.clone(),
    })?;
    let first = sink.lines_before + 1;
    let mut lines = Lines::behind(reader, MESSAGE_BYTES, sink.lines_before);
    let mut mailbox = Mailbox {
        mail,
        sink,
        first,
        message: None,
        held: None,
        after_blank: true,
        right_lengths: 0,
        has_wrong_length: false,
        stray: None,
    };
    loop {
        let flow = match lines.next() {
            Ok(Some((number, Line::Whole(line)))) => mailbox.line(number, line),
            Ok(Some((number, Line::TooLong))) => {
                if let Some(message) = &mut mailbox.message {
                    message.cut = true;
                }
                mailbox.line(number, b"\n")
            }
            Ok(None) => {
                mailbox.sink.lines_before = lines.number;
                return mailbox.end();
            }
            Err(error) => {
                let number = lines.number + 1;
                if mailbox.finish(true).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                let outcome = Outcome::Problem(Reason::Read(error));
                return Ok(mailbox.sink.put(Place::Line(number), outcome));
            }
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
}

/// Whether a line can stand between two messages: `From`, who sent it, and when, as mail programs
/// write it. Whether it does, the line behind it tells.
pub(crate) fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else {
        return false;
    };
    let sender = rest.split(u8::is_ascii_whitespace).next().unwrap_or(b"");
    let has_time = rest.windows(5).any(|five| {
        let [a, b, c, d, e] = five else { return false };
        a.is_ascii_digit()
            && b.is_ascii_digit()
            && *c == b':'
            && d.is_ascii_digit()
            && e.is_ascii_digit()
    });
    has_time || sender.contains(&b'@') || matches!(sender, b"-" | b"MAILER-DAEMON" | b"nobody")
}

/// A mailbox being taken apart.
struct Mailbox<'a, 'b> {
    mail: MailReader,
    sink: &'a mut Sink<'b>,
    /// The number of the first line.
    first: usize,
    /// The message being gathered.
    message: Option<Message>,
    /// A line that begins a message if a header follows, else belongs to the text.
    held: Option<(usize, Vec<u8>)>,
    after_blank: bool,
    /// How many messages had the length that they said, and whether one had not.
    right_lengths: usize,
    has_wrong_length: bool,
    /// The first line of text that stands before any message.
    stray: Option<usize>,
}

struct Message {
    line: usize,
    /// What the separating line says about when it was sent.
    sent: Option<Timestamp>,
    bytes: Vec<u8>,
    /// Whether lines of it were left out because it grew too long.
    cut: bool,
    /// What it says of the length of its body.
    length: Option<usize>,
    /// How long that is so far, as it stands in the file; `None` in the header.
    body_bytes: Option<usize>,
}

impl Mailbox<'_, '_> {
    fn line(&mut self, number: usize, line: &[u8]) -> ControlFlow<()> {
        if let Some((held_number, held)) = self.held.take() {
            if begins_header(line) {
                self.begin(held_number, &held)?;
            } else {
                self.gather(held_number, &held);
            }
        }
        let separates = line.starts_with(b"From ")
            && (number == self.first
                || self.after_blank && is_separator(line)
                || envelope_date(line).is_some());
        let separates = separates && !self.goes_on_by_length();
        self.after_blank = line.trim_ascii().is_empty();
        if separates {
            self.held = Some((number, line.to_owned()));
        } else {
            self.gather(number, line);
        }
        ControlFlow::Continue(())
    }

    fn end(mut self) -> Result<ControlFlow<()>, Error> {
        if let Some((number, held)) = self.held.take() {
            if is_separator(&held) {
                if self.begin(number, &held).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            } else {
                self.gather(number, &held);
            }
        }
        if self.message.is_none() {
            return Err(Error::NotMbox {
                path: self.sink.source.clone(),
            });
        }
        Ok(self.finish(true))
    }

    fn begin(&mut self, number: usize, separator: &[u8]) -> ControlFlow<()> {
        self.compare_length();
        let mut bytes = match &mut self.message {
            Some(message) => std::mem::take(&mut message.bytes),
            None => Vec::new(),
        };
        if let Some(message) = &self.message {
            let envelope = Envelope {
                sent: message.sent,
                ..Envelope::default()
            };
            let outcome = self.mail.read(&bytes, envelope);
            self.sink.put(Place::Line(message.line), outcome)?;
        } else if let Some(stray) = self.stray {
            let outcome = Outcome::Problem(Reason::BeforeFirstMessage);
            self.sink.put(Place::Line(stray), outcome)?;
        }
        bytes.clear();
        bytes.shrink_to(KEPT_CAPACITY);
        self.message = Some(Message {
            line: number,
            sent: envelope_date(separator),
            bytes,
            cut: false,
            length: None,
            body_bytes: None,
        });
        ControlFlow::Continue(())
    }

    /// Adds a line to the message, with one `>` less where the writer of the mailbox put one before
    /// `From `.
    fn gather(&mut self, number: usize, line: &[u8]) {
        let Some(message) = &mut self.message else {
            if !line.trim_ascii().is_empty() {
                self.stray.get_or_insert(number);
            }
            return;
        };
        match &mut message.body_bytes {
            Some(bytes) => *bytes += line.len(),
            None if matches!(line, b"\n" | b"\r\n") => message.body_bytes = Some(0),
            None => message.length = content_length(line).or(message.length),
        }
        let is_escaped = line.first() == Some(&b'>') && {
            let behind = line.iter().position(|byte| *byte != b'>').unwrap_or(0);
            line[behind..].starts_with(b"From ")
        };
        let line = &line[usize::from(is_escaped)..];
        message.cut |= message.bytes.len() + line.len() > MESSAGE_BYTES;
        if !message.cut {
            message.bytes.extend_from_slice(line);
        }
    }

    /// Whether the message says by `Content-Length` that it is not at its end (mboxcl, which marks no
    /// `From ` in a text). Many files have lengths that are wrong, as somebody wrote them elsewhere:
    /// they are believed where those of all messages before were right.
    fn goes_on_by_length(&self) -> bool {
        let is_trusted = self.right_lengths > 0 && !self.has_wrong_length;
        is_trusted
            && self.message.as_ref().is_some_and(|message| {
                message
                    .length
                    .is_some_and(|length| message.body_bytes.unwrap_or(0) < length)
            })
    }

    /// Compares what a message said of its length with what it has.
    fn compare_length(&mut self) {
        let Some(message) = &self.message else { return };
        if let (Some(length), Some(body)) = (message.length, message.body_bytes) {
            // An empty line stands between two messages.
            if (length..=length + 2).contains(&body) {
                self.right_lengths += 1;
            } else {
                self.has_wrong_length = true;
            }
        }
    }

    fn finish(&mut self, is_last: bool) -> ControlFlow<()> {
        match self.message.take() {
            Some(message) => {
                let envelope = Envelope {
                    sent: message.sent,
                    is_last,
                    is_draft: false,
                };
                let outcome = match self.mail.read(&message.bytes, envelope) {
                    // Its text may well be in what was cut off.
                    Outcome::Skipped(SkipReason::EmptyText) if message.cut => {
                        Outcome::Problem(Reason::TooLong {
                            limit: MESSAGE_BYTES >> 20,
                        })
                    }
                    outcome => outcome,
                };
                self.sink.put(Place::Line(message.line), outcome)
            }
            None => ControlFlow::Continue(()),
        }
    }
}

/// The number in `Content-Length: 1234`.
fn content_length(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// Whether a line is the first of a mail's header.
pub(crate) fn begins_header(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or(b"");
    line.starts_with(b">From ")
        || (name.len() < line.len()
            && !name.is_empty()
            && name.trim_ascii_end().iter().all(u8::is_ascii_graphic))
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The moment in a separating line: `From ana@example.org Mon Jan  5 12:00:00 2004`, with or
/// without an offset before or behind the year, else in UTC.
fn envelope_date(line: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = text.split_ascii_whitespace().take(16).collect();
    let month_at = words
        .iter()
        .skip(2)
        .position(|word| MONTHS.contains(word))?
        + 2;
    let month = MONTHS.iter().position(|month| *month == words[month_at])? + 1;
    let day: i8 = words.get(month_at + 1)?.parse().ok()?;
    let mut time = words.get(month_at + 2)?.split(':');
    let hour: i8 = time.next()?.parse().ok()?;
    let minute: i8 = time.next()?.parse().ok()?;
    let second: i8 = time.next().map_or(Some(0), |second| second.parse().ok())?;
    let rest = words.get(month_at + 3..)?;
    let year: i16 = rest
        .iter()
        .find(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()?;
    let offset = rest
        .iter()
        .find_map(|word| offset(word))
        .unwrap_or(Offset::UTC);
    civil::DateTime::new(year, month as i8, day, hour, minute, second, 0)
        .ok()?
        .to_zoned(TimeZone::fixed(offset))
        .ok()
        .map(|moment| moment.timestamp())
}

/// `+0130`.
fn offset(word: &str) -> Option<Offset> {
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if digits.len() != 4 {
        return None;
    }
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..)?.parse().ok()?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}
