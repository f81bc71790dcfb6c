//! Mails in files of their own: `.eml`, the files of a Maildir, Apple Mail's `.emlx`.

use std::{io::BufRead, ops::ControlFlow};

use crate::{
    Error, Reason, SkipReason,
    mail::{Envelope, MailReader},
    mbox::begins_header,
    read::whole,
    sink::{Outcome, Place, Sink},
};

/// The longest message, in MiB; what is cut from a longer one would be an attachment, but such a file
/// cannot be told from one that is no mail at all.
const MESSAGE_MIB: usize = 64;

/// Reads a whole file as one message; where it lies in a Maildir its name says what became of it.
///
/// # Errors
/// [`Error::MeRequired`] where no address of the author's is given.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    path: &str,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let mail = reader_of(sink)?;
    let outcome = match whole(reader, MESSAGE_MIB) {
        Err(reason) => Outcome::Problem(reason),
        Ok(_) if reason_by_name(path) == Some(SkipReason::Trash) => {
            Outcome::Skipped(SkipReason::Trash)
        }
        Ok(_) if reason_by_name(path) == Some(SkipReason::Spam) => {
            Outcome::Skipped(SkipReason::Spam)
        }
        Ok(bytes) => {
            let envelope = Envelope {
                is_draft: reason_by_name(path).is_some(),
                ..Envelope::default()
            };
            read_mail(&mail, without_separator(&bytes), envelope)
        }
    };
    Ok(sink.put(Place::File, outcome))
}

/// Reads a file of Apple Mail: the number of bytes of a message, the message, and a list of what the
/// program knows of it.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_emlx(
    reader: &mut dyn BufRead,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let mail = reader_of(sink)?;
    let outcome = match whole(reader, MESSAGE_MIB) {
        Err(reason) => Outcome::Problem(reason),
        Ok(bytes) => match parts(&bytes) {
            None => Outcome::Problem(Reason::NotAMail),
            Some((_, flags)) if flags & DELETED != 0 => Outcome::Skipped(SkipReason::Trash),
            Some((message, flags)) => {
                let envelope = Envelope {
                    is_draft: flags & DRAFT != 0,
                    ..Envelope::default()
                };
                read_mail(&mail, message, envelope)
            }
        },
    };
    Ok(sink.put(Place::File, outcome))
}

fn read_mail(mail: &MailReader, bytes: &[u8], envelope: Envelope) -> Outcome {
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    if begins_header(first) {
        mail.read(bytes, envelope)
    } else {
        Outcome::Problem(Reason::NotAMail)
    }
}

fn reader_of(sink: &Sink<'_>) -> Result<MailReader, Error> {
    MailReader::new(sink.options).ok_or_else(|| Error::MeRequired {
        path: sink.source.clone(),
    })
}

/// Bits of Apple Mail's flags.
const DELETED: u64 = 1 << 1;
const DRAFT: u64 = 1 << 6;

/// The message and its flags.
fn parts(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let line_end = memchr::memchr(b'\n', bytes)?;
    let length: usize = std::str::from_utf8(&bytes[..line_end])
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let rest = &bytes[line_end + 1..];
    // A message cut short is a message all the same.
    let (message, list) = rest.split_at(length.min(rest.len()));
    let flags = memchr::memmem::find(list, b"<key>flags</key>")
        .and_then(|at| {
            let behind = &list[at..];
            let start = memchr::memmem::find(behind, b"<integer>")? + b"<integer>".len();
            let digits = behind[start..].split(|byte| *byte == b'<').next()?;
            std::str::from_utf8(digits).ok()?.trim().parse().ok()
        })
        .unwrap_or(0);
    Some((message, flags))
}

/// Some programs save a message with the line that stands before it in a mailbox.
fn without_separator(bytes: &[u8]) -> &[u8] {
    if !bytes.starts_with(b"From ") {
        return bytes;
    }
    memchr::memchr(b'\n', bytes).map_or(bytes, |end| &bytes[end + 1..])
}

/// Whether a file lies where a Maildir keeps its messages.
pub(crate) fn is_in_maildir(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    matches!(parts.next(), Some("cur" | "new")) && !name.starts_with('.') && name.contains('.')
}

/// What the flags and the folder of a Maildir say of a message that is not one sent.
fn reason_by_name(path: &str) -> Option<SkipReason> {
    if !is_in_maildir(path) {
        return None;
    }
    // Flags stand behind `:2,`; where a file system allows no colon, behind another sign.
    let flags = path.rsplit_once("2,").map_or("", |(_, flags)| flags);
    let folder = path.rsplit('/').nth(2).unwrap_or_default().to_lowercase();
    let in_folder = |names: &[&str]| {
        let last = folder.rsplit('.').next().unwrap_or_default();
        names.contains(&last)
    };
    if flags.contains('T') || in_folder(&["trash", "deleted items", "deleted messages"]) {
        Some(SkipReason::Trash)
    } else if in_folder(&["spam", "junk", "junk e-mail"]) {
        Some(SkipReason::Spam)
    } else {
        (flags.contains('D') || in_folder(&["drafts"])).then_some(SkipReason::Draft)
    }
}

/// Whether a line is the first of a mail.
pub(crate) fn is_header(line: &[u8]) -> bool {
    const FIRST: [&[u8]; 12] = [
        b"return-path:",
        b"received:",
        b"delivered-to:",
        b"from:",
        b"date:",
        b"message-id:",
        b"mime-version:",
        b"subject:",
        b"x-mozilla-status:",
        b"x-gmail-labels:",
        b"dkim-signature:",
        b"reply-to:",
    ];
    FIRST.iter().any(|name| {
        line.get(..name.len())
            .is_some_and(|begun| begun.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildir_says_by_names_what_became_of_a_message() {
        for (path, reason) in [
            ("Mail/cur/1.M2P3.host:2,S", None),
            ("Mail/cur/1.M2P3.host:2,ST", Some(SkipReason::Trash)),
            ("Mail/cur/1.M2P3.host;2,DS", Some(SkipReason::Draft)),
            ("Mail/.Spam/new/1.M2P3.host", Some(SkipReason::Spam)),
            (
                "Mail/.INBOX.Trash/cur/1.M2P3.host:2,",
                Some(SkipReason::Trash),
            ),
            ("Mail/.Sent/cur/1.M2P3.host:2,S", None),
            ("letters/T2,T.eml", None),
        ] {
            assert_eq!(reason_by_name(path), reason, "{path}");
        }
        assert!(!is_in_maildir("new/plan"));
    }

    #[test]
    fn emlx_has_a_length_and_flags() {
        let list = "<plist><dict><key>flags</key>\n<integer>66</integer></dict></plist>";
        let bytes = format!("9     \nX: y\n\nHi.{list}");
        assert_eq!(parts(bytes.as_bytes()), Some((&b"X: y\n\nHi."[..], 66)));
        assert_eq!(parts(b"99\nX: y\n"), Some((&b"X: y\n"[..], 0)));
        assert_eq!(parts(b"no\nX: y\n"), None);
        assert_eq!(parts(b"12"), None);
    }
}
