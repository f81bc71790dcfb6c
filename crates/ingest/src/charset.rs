//! Bytes to text: what the file says of itself where that can be true, else what the bytes look like.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

/// The text that bytes stand for. `declared` is the name of an encoding, which may be wrong: valid
/// UTF-8 is UTF-8 whatever is said, and text that is impossible in an encoding is not in it.
pub(crate) fn text(bytes: &[u8], declared: Option<&str>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding
            .decode_without_bom_handling(&bytes[mark..])
            .0
            .into_owned();
    }
    let label = declared.map(|label| label.trim_matches(|c: char| c.is_whitespace() || c == '"'));
    let seven_bits = label.filter(|label| label.to_ascii_lowercase().contains("utf-7"));
    if let Some(decode) = seven_bits.and_then(|label| charset_decoder(label.as_bytes())) {
        return decode(bytes);
    }
    if let Some(encoding) = wide(bytes) {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    let declared = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    // ISO-2022-JP and the like are ASCII by their bytes, and so by theirs valid UTF-8.
    let shifts = bytes.contains(&0x1b);
    if !shifts && let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    if let Some(encoding) =
        declared.filter(|encoding| *encoding != UTF_8 && is_plausible(encoding, bytes))
        && let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes)
    {
        return text.into_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(DETECTED)], true);
    let guess = detector.guess(None, Utf8Detection::Allow);
    guess.decode_without_bom_handling(bytes).0.into_owned()
}

/// The encoding of something whose first bytes these are, where nothing declares it.
pub(crate) fn sniff(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    if let Some(encoding) = wide(head) {
        return encoding;
    }
    match std::str::from_utf8(head) {
        Ok(_) => UTF_8,
        // The head may end in the middle of a letter.
        Err(error) if error.error_len().is_none() => UTF_8,
        Err(_) => {
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
            detector.feed(head, true);
            detector.guess(None, Utf8Detection::Deny)
        }
    }
}

/// How much is looked at to tell an encoding.
const DETECTED: usize = 1 << 16;

/// Whether bytes are no text in any encoding: a picture, a program.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(DETECTED)];
    Encoding::for_bom(bytes).is_none() && wide(bytes).is_none() && head.contains(&0)
}

/// UTF-16 without a mark: every other byte of ordinary text is zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(1_024)];
    if head.len() < 4 || !head.contains(&0) {
        return None;
    }
    let zeros = |odd: usize| {
        head.iter()
            .skip(odd)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let many = head.len() / 2 * 2 / 5;
    match (even > many, odd > many) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

/// Whether text can be in the encoding that it is said to be in. Any bytes are Windows-1252, which is
/// what mail programs say when they know nothing; but no language that is written in it has more
/// accents than plain letters.
fn is_plausible(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    if encoding != WINDOWS_1252 {
        return true;
    }
    let head = &bytes[..bytes.len().min(DETECTED)];
    let accents = head.iter().filter(|byte| **byte >= 0xc0).count();
    let letters = head
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let controls = head
        .iter()
        .any(|byte| [0x81, 0x8d, 0x8f, 0x90, 0x9d].contains(byte));
    accents <= letters && !controls
}

/// The text of a header, with its encoded words (RFC 2047) decoded; bytes that say nothing of their
/// encoding are looked at.
pub(crate) fn header(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    // Bytes of the word before, which may end in the middle of a letter.
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut rest = raw;
    while !rest.is_empty() {
        let blank = rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        if let Some((charset, bytes, length)) = encoded_word(&rest[blank..]) {
            match &mut open {
                Some((before, held)) if before.eq_ignore_ascii_case(charset) => held.extend(bytes),
                _ => {
                    let adjoins = open.is_some();
                    close(&mut text, open.take());
                    if blank > 0 && !adjoins && !text.is_empty() {
                        text.push(' ');
                    }
                    open = Some((charset.to_owned(), bytes));
                }
            }
            rest = &rest[blank + length..];
            continue;
        }
        close(&mut text, open.take());
        if blank > 0 && !text.is_empty() {
            text.push(' ');
        }
        rest = &rest[blank..];
        let length = rest
            .iter()
            .skip(1)
            .position(u8::is_ascii_whitespace)
            .map_or(rest.len(), |at| at + 1)
            .min(rest.len());
        let length = memchr::memmem::find(&rest[..length], b"=?")
            .filter(|at| *at > 0)
            .unwrap_or(length);
        text.push_str(&self::text(&rest[..length], None));
        rest = &rest[length..];
    }
    close(&mut text, open);
    text.truncate(text.trim_end().len());
    text
}

fn close(text: &mut String, open: Option<(String, Vec<u8>)>) {
    if let Some((charset, bytes)) = open {
        text.push_str(&self::text(&bytes, Some(&charset)));
    }
}

/// `=?charset?q?text?=` at the start of `raw`: its encoding, its bytes, and how long it is.
fn encoded_word(raw: &[u8]) -> Option<(&str, Vec<u8>, usize)> {
    const LONGEST: usize = 1_000;
    let inner = raw.strip_prefix(b"=?")?;
    let inner = &inner[..inner.len().min(LONGEST)];
    let charset_end = memchr::memchr(b'?', inner)?;
    let charset = std::str::from_utf8(&inner[..charset_end]).ok()?;
    // RFC 2231 puts a language behind it.
    let charset = charset.split('*').next().unwrap_or(charset);
    let method = inner.get(charset_end + 1)?.to_ascii_lowercase();
    if inner.get(charset_end + 2) != Some(&b'?') {
        return None;
    }
    let data_start = charset_end + 3;
    let length = memchr::memmem::find(&inner[data_start..], b"?=")?;
    let data = &inner[data_start..data_start + length];
    let bytes = match method {
        b'q' => {
            let spaced: Vec<u8> = data
                .iter()
                .map(|byte| if *byte == b'_' { b' ' } else { *byte })
                .collect();
            quoted_printable(&spaced)
        }
        b'b' => base64(data),
        _ => return None,
    };
    Some((charset, bytes, data_start + length + 4))
}

/// Undoes `quoted-printable`; what is broken in it stays as it is.
pub(crate) fn quoted_printable(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'=', rest) {
        bytes.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let digit = |at: usize| rest.get(at).and_then(|byte| (*byte as char).to_digit(16));
        if let (Some(high), Some(low)) = (digit(0), digit(1)) {
            bytes.push((high * 16 + low) as u8);
            rest = &rest[2..];
            continue;
        }
        // A soft break may have white space before it.
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            .count();
        if rest.get(blank) == Some(&b'\n') {
            rest = &rest[blank + 1..];
        } else if blank < rest.len() {
            bytes.push(b'=');
        } else {
            rest = &[];
        }
    }
    bytes.extend_from_slice(rest);
    bytes
}

/// Undoes `base64`, with whatever is no part of it left out, up to the padding.
pub(crate) fn base64(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in raw {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            // Some programs put two texts one behind the other.
            b'=' => {
                held = 0;
                continue;
            }
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_is_believed_only_where_it_can_be_true() {
        for (bytes, declared, expected) in [
            (&b"caf\xe9"[..], Some("iso-8859-1"), "café"),
            ("café".as_bytes(), Some("iso-8859-1"), "café"),
            ("café".as_bytes(), Some("us-ascii"), "café"),
            (b"It\x92s \x80 5", Some("iso-8859-1"), "It’s € 5"),
            (
                b"caf\xe9, un peu plus tard, tr\xe8s bien",
                Some("utf-8"),
                "café, un peu plus tard, très bien",
            ),
            (
                b"caf\xe9, un peu plus tard, tr\xe8s bien",
                None,
                "café, un peu plus tard, très bien",
            ),
            (
                b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0, \xea\xe0\xea \xe4\xe5\xeb\xe0",
                Some("iso-8859-1"),
                "Привет, мир, как дела",
            ),
            (
                b"\xf0\xd2\xc9\xd7\xc5\xd4, \xcd\xc9\xd2",
                Some("koi8-r"),
                "Привет, мир",
            ),
            (b"\x1b$B$3$s$K$A$O\x1b(B", Some("iso-2022-jp"), "こんにちは"),
            (b"\x1b$B$3$s$K$A$O\x1b(B", None, "こんにちは"),
            (
                b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7",
                Some("gb2312"),
                "你好，世界",
            ),
            (
                b"\x82\xb1\x82\xf1\x82\xc9\x82\xbf\x82\xcd",
                Some("Shift_JIS"),
                "こんにちは",
            ),
            (b"\xbe\xc8\xb3\xe7", Some("ks_c_5601-1987"), "안녕"),
            (b"Hi Mom -+Jjo--!", Some("utf-7"), "Hi Mom -☺-!"),
            (b"\xff\xfeh\0i\0", None, "hi"),
            (b"h\0i\0,\0 \0A\0n\0a\0", None, "hi, Ana"),
            (b"\xef\xbb\xbfhi", Some("iso-8859-1"), "hi"),
            (b"hi", Some("no such encoding"), "hi"),
        ] {
            assert_eq!(text(bytes, declared), expected, "{declared:?}");
        }
    }

    #[test]
    fn encoded_words_become_text() {
        for (raw, expected) in [
            (&b"Re: =?utf-8?q?B=C3=B6te?="[..], "Re: Böte"),
            (b"=?utf-8?B?QsO2?= =?utf-8?B?dGU=?=", "Böte"),
            // A letter cut in the middle.
            (b"=?utf-8?B?QsM=?=\r\n =?utf-8?B?tnRl?=", "Böte"),
            (b"=?iso-8859-1?Q?caf=E9_au_lait?= now", "café au lait now"),
            (b"=?gb2312?B?xOO6ww==?=", "你好"),
            (b"=?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?=", "こんにちは"),
            (b"caf\xe9 tr\xe8s bien", "café très bien"),
            (b"two\r\n lines", "two lines"),
            (b"=?no?x?y?= =?", "=?no?x?y?= =?"),
            (b"=?utf-8*en?Q?x?=", "x"),
            (b"a=?utf-8?Q?b?=", "ab"),
        ] {
            assert_eq!(header(raw), expected);
        }
    }

    #[test]
    fn broken_transfer_encodings_lose_only_what_is_broken() {
        assert_eq!(
            quoted_printable(b"a=3Db=\r\nc= \nd=zz 1=2 ="),
            b"a=bcd=zz 1=2 "
        );
        assert_eq!(base64(b"SGVs\r\nbG8=!V29ybGQ="), b"HelloWorld");
        assert_eq!(base64(b"SGVsbG"), b"Hell");
    }

    #[test]
    fn pictures_are_no_text() {
        assert!(is_binary(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"));
        assert!(!is_binary(b"h\0i\0,\0 \0A\0n\0a\0"));
        assert!(!is_binary("äö".as_bytes()));
    }
}
