//! Mail in other clothes than an mbox, and what only many mails together tell.

use idiolect_core::parse_date;
use idiolect_ingest::{Format, Options, RemovedReason};

use crate::{Import, ana, bytes, try_path};

fn eml(text: impl AsRef<[u8]>) -> Import {
    bytes(text, "x.eml", &ana(Format::Auto))
}

const HEAD: &str = "From: Ana <ana@example.org>\nDate: Mon, 5 Jan 2004 10:30:00 +0100\n";

#[test]
fn a_file_may_be_one_mail() {
    let import = eml(format!("{HEAD}Subject: Boat\n\nIt rained.\n"));
    assert_eq!(import.texts(), ["It rained."]);
    assert_eq!(import.documents[0].title.as_deref(), Some("Boat"));
    // As some programs save it.
    let import = eml(format!(
        "From - Mon Jan  5 10:30:00 2004\n{HEAD}\nIt rained.\n"
    ));
    assert_eq!(import.texts(), ["It rained."]);
    assert_eq!(
        eml("no mail at all").problems,
        ["x.eml: not a mail: it has no header"]
    );
    // Without a name the first line tells.
    let import = bytes(format!("{HEAD}\nIt rained.\n"), "-", &ana(Format::Auto));
    assert_eq!(import.texts(), ["It rained."]);
}

#[test]
fn apple_mail_counts_bytes_and_keeps_flags() {
    let emlx = |flags: u32| {
        let mail = format!("{HEAD}\nFrom here it rained.\n");
        let list =
            format!("<plist><dict><key>flags</key><integer>{flags}</integer></dict></plist>");
        bytes(
            format!("{}\n{mail}{list}", mail.len()),
            "1.emlx",
            &ana(Format::Auto),
        )
    };
    assert_eq!(emlx(1).texts(), ["From here it rained."]);
    assert_eq!(emlx(1 << 1).skipped(), [("trash", 1)]);
    assert_eq!(emlx(1 << 6).skipped(), [("draft", 1)]);
}

#[test]
fn a_maildir_says_by_flags_and_folders_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("cur/1.M1.host:2,S", &format!("{HEAD}\nOne.\n"));
    write("new/2.M1.host", &format!("{HEAD}\nTwo.\n"));
    write("cur/3.M1.host:2,ST", &format!("{HEAD}\nThree.\n"));
    write("cur/4.M1.host:2,DS", &format!("{HEAD}\nFour.\n"));
    write(".Sent/cur/5.M1.host:2,S", &format!("{HEAD}\nFive.\n"));
    write(".Spam/cur/6.M1.host:2,S", &format!("{HEAD}\nSix.\n"));
    write("tmp/7.M1.host", &format!("{HEAD}\nSeven.\n"));
    write("dovecot.index", "x");
    let import = try_path(folder.path(), &ana(Format::Auto)).unwrap();
    assert_eq!(import.texts(), ["Five.", "One.", "Two."]);
    assert_eq!(import.skipped(), [("draft", 1), ("spam", 1), ("trash", 1)]);
}

fn mbox(mails: &[(&str, &str)]) -> Import {
    mbox_with(mails, &ana(Format::Mbox))
}

fn mbox_with(mails: &[(&str, &str)], options: &Options) -> Import {
    let mails: Vec<String> = mails
        .iter()
        .map(|(header, body)| {
            format!("From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\n{header}\n{body}\n\n")
        })
        .collect();
    bytes(mails.concat(), "x.mbox", options)
}

#[test]
fn ends_that_mails_share_are_learned_even_by_those_that_came_before() {
    let end = "Best,\nAna\n\nHarbour Ltd, Pier 5\nana@harbour.example | +49 30 1234567\n\nThis message is confidential.\nIf you got it by mistake, delete it.";
    let bodies: Vec<String> = (0..6).map(|i| format!("Letter {i}.\n\n{end}")).collect();
    let mails: Vec<(&str, &str)> = bodies.iter().map(|body| ("", body.as_str())).collect();
    let import = mbox(&mails);
    assert_eq!(import.documents.len(), 6);
    for (i, text) in import.texts().iter().enumerate() {
        assert_eq!(*text, format!("Letter {i}.\n\nBest,\nAna"));
    }
    assert_eq!(
        import.removed[..2],
        [
            (
                "Harbour Ltd, Pier 5\nana@harbour.example | +49 30 1234567".to_owned(),
                RemovedReason::Signature
            ),
            (
                "This message is confidential.\nIf you got it by mistake, delete it.".to_owned(),
                RemovedReason::Disclaimer
            )
        ]
    );
}

#[test]
fn machines_and_lists_are_told_apart() {
    let import = mbox(&[
        ("Precedence: bulk\n", "Your order."),
        (
            "Precedence: bulk\nList-Id: <boats.example.org>\n",
            "To the list.",
        ),
        ("Precedence: auto_reply\n", "Away."),
        ("Auto-Submitted: auto-generated\n", "A report."),
        (
            "X-Gmail-Labels: =?utf-8?Q?Messages_envoy=C3=A9s?=\n",
            "Sent.",
        ),
    ]);
    assert_eq!(import.texts(), ["To the list.", "Sent."]);
    assert_eq!(import.skipped(), [("auto_reply", 2), ("machine_mail", 1)]);
}

#[test]
fn what_gmail_calls_sent_is_ours_from_any_address() {
    let text = "From - Mon Jan  5 10:30:00 2004\nFrom: ana@alias.example\nX-Gmail-Labels: Sent,Opened\n\nMine.\n\n\
                From - Mon Jan  5 10:30:00 2004\nFrom: ben@example.org\nX-Gmail-Labels: Inbox\n\nTheirs.\n";
    let import = bytes(text, "x.mbox", &ana(Format::Mbox));
    assert_eq!(import.texts(), ["Mine."]);
}

#[test]
fn encodings_that_are_mislabelled_are_found() {
    let import = bytes(
        [
            &b"From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\nSubject: =?gb2312?B?xOO6ww==?=\nContent-Type: text/plain; charset=us-ascii\n\ncaf\xc3\xa9\n\n"[..],
            b"From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\nContent-Type: text/plain; charset=utf-8\n\nUn caf\xe9 tr\xe8s bon.\n\n",
            b"From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\nContent-Type: text/plain; charset=gb2312\n\n\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7\n\n",
            b"From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\nContent-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B$3$s$K$A$O\x1b(B\n\n",
            b"From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nf=C3=BCnf = zwei + drei\n\n",
        ]
        .concat(),
        "x.mbox",
        &ana(Format::Mbox),
    );
    assert_eq!(
        import.texts(),
        [
            "café",
            "Un café très bon.",
            "你好，世界",
            "こんにちは",
            "fünf = zwei + drei"
        ]
    );
    assert_eq!(import.documents[0].title.as_deref(), Some("你好"));
}

#[test]
fn dates_with_wrong_zones_or_none_at_all_are_mended() {
    let import = mbox(&[
        ("Date: Mon, 5 Jan 04 10:30:00 EST\n", "One."),
        ("Date: Mon, 5 Jan 2004 10:30:00 +9900\n", "Two."),
        ("Date: soon\n", "Three."),
        ("", "Four."),
        ("Date: Thu, 1 Jan 1970 00:00:00 +0000\n", "Five."),
    ]);
    let dates: Vec<_> = import.documents.iter().map(|one| one.date).collect();
    let moment = |text: &str| Some(parse_date(text).unwrap());
    assert_eq!(
        dates,
        [
            moment("2004-01-05T15:30:00Z"),
            moment("2004-01-05T10:30:00Z"),
            moment("2004-01-05T10:30:00Z"),
            moment("2004-01-05T10:30:00Z"),
            moment("2004-01-05T10:30:00Z"),
        ]
    );
    let import =
        eml("From: ana@example.org\nReceived: by x; Tue, 6 Jan 2004 11:00:00 +0000\n\nSix.\n");
    assert_eq!(import.documents[0].date, moment("2004-01-06T11:00:00Z"));
}

#[test]
fn lengths_are_believed_where_they_were_right_before() {
    let mail = |body: &str| {
        format!(
            "From - Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\nContent-Length: {}\n\n{body}\n",
            body.len()
        )
    };
    let excerpt = "See:\n\nFrom ben@example.org Mon Jan  5 10:30:00 2004\nSubject: x\n\nTheirs.\n";
    let text = [mail("One.\n"), mail(excerpt), mail("Three.\n")].concat();
    let import = bytes(&text, "x.mbox", &ana(Format::Mbox));
    assert_eq!(import.documents.len(), 3);
    assert!(import.texts()[1].starts_with("See:"));
    // A wrong length swallows no mail.
    let wrong = text.replacen("Content-Length: 5", "Content-Length: 5000", 1);
    let import = bytes(&wrong, "x.mbox", &ana(Format::Mbox));
    assert!(import.texts().contains(&"Three."));
}

#[test]
fn html_mails_show_what_they_quote() {
    let import = mbox(&[(
        "Content-Type: text/html; charset=utf-8\n",
        "<div>Mine.</div><blockquote><div>Theirs.</div><div>And more.</div></blockquote><div>Mine too.</div>",
    )]);
    assert_eq!(import.texts(), ["Mine.\n\nMine too."]);
    assert_eq!(
        import.removed,
        [("> Theirs.\n> And more.\n".to_owned(), RemovedReason::Quote)]
    );
}

#[test]
fn patches_stay_only_where_asked_for() {
    let body = "Mended.\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    assert_eq!(mbox(&[("", body)]).texts(), ["Mended."]);
    let options = Options {
        keep_code: true,
        ..ana(Format::Mbox)
    };
    assert!(mbox_with(&[("", body)], &options).texts()[0].ends_with("+b"));
}
