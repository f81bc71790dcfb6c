//! Keeps the MIME parser from going into mails within mails. It would take each of them apart and
//! let them go one inside the other, on the stack: a mail of a million mails within each other would
//! end the program, and one of a million empty parts would fill the memory.

use std::borrow::Cow;

/// How many parts with a content type a mail may have; what stands behind them is not looked at.
const PARTS: usize = 500;

/// How many times two dashes may stand before something else, as they do before a boundary.
const DASHES: usize = 100_000;

/// What in a content type marks a mail within a mail, the byte of it that is changed, and what to.
const MARKS: [(&[u8], usize, u8); 2] = [(b"rfc822", 3, 0x1a), (b"global", 4, 0x1c)];

const CONTENT_TYPE: &[u8] = b"content-type";

/// The mail with every mail within it marked as something unknown.
pub(crate) fn sealed(raw: &[u8]) -> Cow<'_, [u8]> {
    if is_harmless(raw) {
        Cow::Borrowed(raw)
    } else {
        Cow::Owned(sealed_by_lines(raw))
    }
}

/// Whether no mail lies within this one, and it has few parts: a quick look, which most mails pass.
/// A part needs a boundary, and that two dashes; there are at least as many pairs as runs of dashes.
fn is_harmless(raw: &[u8]) -> bool {
    memchr::memmem::find(raw, b"822").is_none()
        && find(raw, b"global", 0).is_none()
        && memchr::memmem::find_iter(raw, b"--")
            .take(PARTS + 1)
            .count()
            <= PARTS
}

fn sealed_by_lines(raw: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(raw.len());
    let (mut parts, mut dashes) = (0, 0);
    let mut in_content_type = false;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let start = sealed.len();
        sealed.extend_from_slice(line);
        let goes_on = in_content_type && matches!(line.first(), Some(b' ' | b'\t'));
        // A broken boundary may stand on the same line before it.
        let at = find(line, CONTENT_TYPE, 0);
        in_content_type = goes_on || at.is_some();
        parts += usize::from(at.is_some());
        dashes += line
            .windows(3)
            .filter(|three| three.starts_with(b"--") && three[2] != b'-')
            .count();
        if parts > PARTS || dashes > DASHES {
            sealed.truncate(start);
            break;
        }
        if in_content_type {
            seal(&mut sealed[start..]);
        }
    }
    sealed
}

fn seal(line: &mut [u8]) {
    for (mark, at, changed) in MARKS {
        let mut from = 0;
        while let Some(found) = find(line, mark, from) {
            line[found + at] = changed;
            from = found + mark.len();
        }
    }
}

/// A text that talked about such content types, as it was.
pub(crate) fn unsealed(text: String) -> String {
    if text.contains(['\u{1a}', '\u{1c}']) {
        text.replace("\u{1a}22", "822").replace("\u{1c}l", "al")
    } else {
        text
    }
}

/// Where a lower-case word stands, in any case, at or after `from`.
fn find(line: &[u8], word: &[u8], from: usize) -> Option<usize> {
    let (first, rest) = word.split_first()?;
    let behind = line.get(from..)?;
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), behind)
        .find(|at| {
            behind
                .get(at + 1..at + word.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(rest))
        })
        .map(|at| at + from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_content_types_are_sealed() {
        let raw = b"X: rfc822\nContent-Type:\n Message/RFC822; x=global\nY: z\n\nglobal rfc822\n";
        let sealed = sealed(raw).into_owned();
        assert_eq!(
            String::from_utf8(sealed.clone()).unwrap(),
            "X: rfc822\nContent-Type:\n Message/RFC\u{1a}22; x=glob\u{1c}l\nY: z\n\nglobal rfc822\n"
        );
        assert_eq!(unsealed(String::from_utf8(sealed).unwrap()).as_bytes(), raw);
    }

    #[test]
    fn the_parts_of_a_mail_are_bounded() {
        let part = "--b\ncontent-type: text/plain\n\nx\n";
        let raw = part.repeat(PARTS + 10);
        assert_eq!(
            sealed(raw.as_bytes()).len(),
            part.len() * PARTS + "--b\n".len()
        );
        let raw = "--b\n\n".repeat(DASHES + 10);
        assert_eq!(sealed(raw.as_bytes()).len(), "--b\n\n".len() * DASHES);
        let rows = "----------------\n".repeat(10);
        assert_eq!(*sealed(rows.as_bytes()), *rows.as_bytes());
    }
}
