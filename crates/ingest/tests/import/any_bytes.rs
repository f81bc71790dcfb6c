use idiolect_ingest::{Format, Options};
use proptest::prelude::*;

use crate::{ana, try_bytes};

/// Pieces of which all the formats are made, so that made-up files get past the first byte.
const PIECES: [&[u8]; 48] = [
    b"\n",
    b"\r\n",
    b"\n\n",
    b" ",
    b"---\n",
    b"+++\n",
    b"...\n",
    b"title: x\n",
    b"date = 2004-01-05\n",
    b"draft: true\n",
    b"# Title\n",
    b"> quote\n",
    b"```\n",
    b"- item\n",
    b"<blockquote>",
    b"</blockquote>",
    b"<div class=\"gmail_signature\">",
    b"</div>",
    b"<!--",
    b"-->",
    b"&amp;",
    b"&#x110000;",
    b"<a href=\"",
    b"From ana@example.org Mon Jan  5 10:30:00 2004\n",
    b">From x\n",
    b"From - \n",
    b"From: ana@example.org\n",
    b"Date: Mon, 5 Jan 2004 10:30:00 +0100\n",
    b"Subject: Re: =?utf-8?q?=C3?=\n",
    b"Content-Type: multipart/alternative; boundary=b\n",
    b"Content-Type: message/rfc822\n",
    b"Content-Type: text/html; charset=utf-7\n",
    b"Content-Type: text/plain; format=flowed; delsp=yes\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"--b\n",
    b"--b--\n",
    b"On 5 Jan 2004, Ben <ben@example.org> wrote:\n",
    b"-- \n",
    b"-----Original Message-----\n",
    b"________________________________\n",
    b"{\"author\": \"ana\", \"text\": \"x\"}\n",
    b"{\"text\": ",
    b"[[",
    b"\"",
    b"\xff\xfe\x00",
    "ä𝄞".as_bytes(),
    b"\xef\xbb\xbf",
];

fn file() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => (0..PIECES.len()).prop_map(|i| PIECES[i].to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => "[ -~]{0,40}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// `try_bytes` checks that every item is counted once.
    #[test]
    fn no_file_brings_a_reader_down(file in file(), format in 0..Format::NAMES.len()) {
        let format: Format = Format::NAMES[format].parse().unwrap();
        let options = Options { author: Some("ana".to_owned()), ..ana(format) };
        if let Ok(import) = try_bytes(&file, "x", &options) {
            for document in &import.documents {
                prop_assert!(!document.text.trim().is_empty());
                prop_assert!(!document.id.is_empty());
                prop_assert_eq!(&document.author, "ana");
            }
            for (text, _) in &import.removed {
                prop_assert!(!text.is_empty());
            }
        }
    }

    #[test]
    fn what_jsonl_reads_is_as_many_as_its_lines(file in file()) {
        if file.is_empty() || file.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Ok(());
        }
        let import = try_bytes(&file, "x", &ana(Format::Jsonl)).unwrap();
        let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&file);
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        prop_assert_eq!(import.items(), lines.count());
    }
}
