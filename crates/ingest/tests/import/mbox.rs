use idiolect_core::{Document, parse_date};
use idiolect_ingest::{Error, Format, Options};

use crate::{Import, ana, bytes, try_bytes};

fn mbox(text: impl AsRef<[u8]>) -> Import {
    bytes(text, "x.mbox", &ana(Format::Mbox))
}

/// A mail of Ana's with more header lines and a body.
fn mail(header: &str, body: &str) -> String {
    format!(
        "From ana@example.org Mon Jan  5 10:30:00 2004\nFrom: Ana <ana@example.org>\n{header}\n{body}\n\n"
    )
}

#[test]
fn a_mail_becomes_a_document_with_its_threads_and_dates() {
    let import = mbox(
        "From - Mon Jan  5 10:30:00 2004\n\
         Message-ID: <2@example.org>\n\
         In-Reply-To: <1@example.org>\n\
         References: <0@example.org> <1@example.org>\n\
         Date: Mon, 5 Jan 2004 10:30:00 +0100\n\
         From: =?utf-8?q?Ana_B=C3=B6hm?= <ANA@example.org>\n\
         To: Ben <ben@example.org>, cleo@example.org\n\
         Subject: Re: Fwd: =?utf-8?q?B=C3=B6te?=\n\
         Content-Type: text/plain; charset=iso-8859-1\n\
         Content-Transfer-Encoding: quoted-printable\n\
         \n\
         Fr=F6hlich, aber na=\n\
         ss.\n\
         \n\
         On Sun, 4 Jan 2004, Ben wrote:\n\
         > Und?\n\
         -- \n\
         Ana\n",
    );
    let document = Document {
        id: "2@example.org".to_owned(),
        author: "ana@example.org".to_owned(),
        date: Some(parse_date("2004-01-05T09:30:00Z").unwrap()),
        n: None,
        title: Some("Böte".to_owned()),
        text: "Fröhlich, aber nass.".to_owned(),
        kind: Some("mail".to_owned()),
        thread: Some("0@example.org".to_owned()),
        to: Some("ben@example.org, cleo@example.org".to_owned()),
    };
    assert_eq!(import.documents, [document]);
    assert_eq!(import.problems.len(), 0);
}

#[test]
fn what_the_author_did_not_write_is_skipped_by_reason() {
    let others = "From ben@example.org Mon Jan  5 10:30:00 2004\nFrom: ben@example.org\n\nHi.\n\n";
    let forward = "---------- Forwarded message ---------\nFrom: Ben\nSubject: x\n\nHi.";
    let attached =
        "--b\nContent-Type: message/rfc822\n\nFrom: ben@example.org\nSubject: x\n\nHi.\n--b--";
    let calendar = "--b\nContent-Type: text/plain\n\nAccepted.\n--b\nContent-Type: text/calendar; method=REPLY\n\nBEGIN:VCALENDAR\n--b--";
    let mixed = "Content-Type: multipart/mixed; boundary=b\n";
    let import = mbox(
        [
            others.to_owned(),
            mail("X-Gmail-Labels: =?UTF-8?Q?Papierkorb,Ge=C3=B6ffnet?=\n", "Hi."),
            mail("X-Gmail-Labels: Sent,\"Spam\"\n", "Hi."),
            mail("X-Gmail-Labels: Drafts\n", "Hi."),
            mail("X-GMAIL-LABELS: Chat\n", "Hi."),
            mail("X-Gmail-Labels: Sent,Opened\nPrecedence: bulk\nAuto-Submitted: no\nMessage-ID: <kept@x>\n", "Kept."),
            mail("Auto-Submitted: auto-replied (vacation)\n", "I am away."),
            mail("Content-Type: multipart/report; boundary=b\n", "--b\n\nYour mail was read.\n--b--"),
            mail("", forward),
            mail(mixed, attached),
            mail("Subject: FW: x\n", "From: Ben\nSent: Monday\nSubject: x\n\nHi."),
            mail("", "> Only a quote."),
            mail(mixed, calendar),
            others.to_owned(),
        ]
        .concat(),
    );
    assert_eq!(import.texts(), ["Kept."]);
    assert_eq!(
        import.skipped(),
        [
            ("auto_reply", 2),
            ("calendar", 1),
            ("chat", 1),
            ("draft", 1),
            ("empty_text", 1),
            ("forward", 3),
            ("other_sender", 2),
            ("spam", 1),
            ("trash", 1),
        ]
    );
    assert_eq!(import.problems, <[String; 0]>::default());
    assert_eq!(import.stats.items, 14);
}

#[test]
fn the_text_is_the_plain_part_else_the_html() {
    let alternative = mail(
        "Content-Type: multipart/alternative; boundary=b\n",
        "--b\nContent-Type: text/plain\n\nPlain.\n--b\nContent-Type: text/html\n\n<p>Html.</p>\n--b--",
    );
    let html = mail(
        "Content-Type: text/html; charset=utf-8\n",
        "<div>First.</div><div><br></div><div>Second &amp; third.</div><div class=\"gmail_quote\"><div>On Mon, 5 Jan 2004 Ben &lt;<a href=\"mailto:b\">ben@example.org</a>&gt; wrote:<br></div><blockquote>Theirs.</blockquote><div>Answer.</div></div>",
    );
    let blank_plain = mail(
        "Content-Type: multipart/alternative; boundary=b\n",
        "--b\nContent-Type: text/plain\n\n \n--b\nContent-Type: text/html\n\n<p>Html.</p>\n--b--",
    );
    let attachment = mail(
        "Content-Type: multipart/mixed; boundary=b\n",
        "--b\nContent-Type: text/plain\n\nSee attached.\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=x.txt\n\nNot mine.\n--b--",
    );
    let flowed = mail(
        "Content-Type: text/plain; format=flowed\n",
        "One line that \ngoes on.\n\nOn Mon, 5 Jan 2004, Ben \n<ben@example.org> wrote:\n> Theirs \n> too.\n-- \nAna",
    );
    let import = mbox([alternative, html, blank_plain, attachment, flowed].concat());
    assert_eq!(
        import.texts(),
        [
            "Plain.",
            "First.\n\nSecond & third.\n\nAnswer.",
            "Html.",
            "See attached.",
            "One line that goes on."
        ]
    );
}

#[test]
fn lines_that_begin_with_from_are_told_apart() {
    let body = "First.\n\n>From here on.\n>>From quoted\n\nFrom there it rained.\nNote: all day.\n\nFrom me at 10:30, love\nand bread";
    let import = mbox(mail("", body) + &mail("", "Second."));
    assert_eq!(
        import.texts(),
        [
            "First.\n\nFrom here on.\n\nFrom there it rained.\nNote: all day.\n\nFrom me at 10:30, love\nand bread",
            "Second."
        ]
    );
    // Without an empty line before it, only a whole date makes a separator.
    let tight = mail("", "First.").trim_end().to_owned() + "\n" + &mail("", "Second.");
    assert_eq!(mbox(tight).texts(), ["First.", "Second."]);
    // As written by hand, by Gmail and by Mailman.
    for separator in [
        "From me",
        "From 1234@xxx Mon Jan 05 10:30:00 +0000 2004",
        "From ana at example.org  Mon Jan  5 10:30:00 2004",
        "From MAILER-DAEMON",
    ] {
        let import = mbox(format!("{separator}\nFrom: ana@example.org\n\nHi.\n"));
        assert_eq!(import.texts(), ["Hi."], "{separator}");
    }
}

#[test]
fn windows_line_ends_and_a_missing_one_are_read() {
    let text = (mail("Subject: A\n", "First.\n> quoted\nMore.") + &mail("", "Second."))
        .replace('\n', "\r\n");
    let import = mbox(text.trim_end());
    assert_eq!(import.texts(), ["First.\n\nMore.", "Second."]);
    assert_eq!(import.documents[0].title.as_deref(), Some("A"));
}

#[test]
fn the_separator_tells_the_date_where_the_mail_does_not() {
    let dated = |line: &str| {
        let import = mbox(format!(
            "{line}\nFrom: ana@example.org\nDate: soon\n\nHi.\n"
        ));
        import.documents[0].date.map(|date| date.to_string())
    };
    assert_eq!(
        dated("From - Mon Jan  5 10:30:00 2004").as_deref(),
        Some("2004-01-05T10:30:00Z")
    );
    assert_eq!(
        dated("From x@y Mon Jan 05 10:30:00 +0130 2004").as_deref(),
        Some("2004-01-05T09:00:00Z")
    );
    assert_eq!(dated("From - Mon Feb 31 10:30:00 2004"), None);
    assert_eq!(dated("From x@y"), None);
}

#[test]
fn a_cut_off_last_message_is_a_problem_and_the_rest_is_read() {
    let whole = mail("", "First.");
    let in_header = whole.clone()
        + "From ana@example.org Mon Jan  5 10:30:00 2004\nFrom: ana@example.org\nSubj";
    let in_text = whole.clone()
        + mail(
            "Content-Type: multipart/mixed; boundary=b\n",
            "--b\nContent-Type: text/plain\n\nHalf a",
        )
        .trim_end();
    let in_separator = whole.clone() + "From ana@example.org Mon Jan  5 10:30:00 2004";
    for text in [in_header, in_text, in_separator] {
        let import = mbox(text);
        assert_eq!(import.texts(), ["First."]);
        assert_eq!(import.problems, ["x.mbox, line 6: the message is cut off"]);
    }
    let in_attachment = mail(
        "Content-Type: multipart/mixed; boundary=b\n",
        "--b\nContent-Type: text/plain\n\nThe letter.\n--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAAA",
    );
    assert_eq!(
        mbox(whole + in_attachment.trim_end()).texts(),
        ["First.", "The letter."]
    );
}

#[test]
fn what_is_no_message_is_a_problem() {
    let import = mbox(format!(
        "stray\n\n{}From x@y\nX:\n\n\n{}",
        mail("", "One."),
        mail("", "Two.")
    ));
    assert_eq!(import.texts(), ["One.", "Two."]);
    assert_eq!(
        import.problems,
        ["x.mbox, line 1: text before the first `From ` line"]
    );
    assert_eq!(import.skipped(), [("other_sender", 1)]);
}

#[test]
fn a_mailbox_needs_a_separator_and_an_address() {
    let error = try_bytes(b"Subject: x\n\nHi.\n", "x.mbox", &ana(Format::Auto)).unwrap_err();
    assert!(matches!(&error, Error::NotMbox { path } if path == "x.mbox"));
    assert!(error.hint().unwrap().contains("`From `"));
    let error = try_bytes(mail("", "Hi.").as_bytes(), "x.mbox", &Options::default()).unwrap_err();
    assert!(matches!(&error, Error::MeRequired { path } if path == "x.mbox"));
    assert!(error.hint().unwrap().contains("--me"));
}

#[test]
fn several_addresses_are_one_author() {
    let options = Options {
        me: vec![
            "Ana <ana@example.org>".to_owned(),
            "Old@Example.org".to_owned(),
        ],
        ..Options::default()
    };
    let old = mail("", "Old.").replace("ana@", "old@");
    let import = bytes(mail("", "New.") + &old, "x", &options);
    let authors: Vec<_> = import
        .documents
        .iter()
        .map(|document| document.author.as_str())
        .collect();
    assert_eq!(authors, ["ana@example.org", "ana@example.org"]);
    let named = Options {
        author: Some("Ana".to_owned()),
        ..options
    };
    assert_eq!(bytes(old, "x", &named).documents[0].author, "Ana");
}

/// Broken on purpose, and large: whatever takes more than a few looks at each byte would not end.
#[test]
fn hostile_mails_are_read_in_time() {
    let html = "Content-Type: text/html\n";
    let multipart = "Content-Type: multipart/mixed; boundary=b\n";
    let times = |piece: &str| piece.repeat((2 << 20) / piece.len());
    let bodies = [
        mail(html, &times("<a \"")),
        mail(html, &(times("<a'") + ">")),
        mail(html, &times("<blockquote>")),
        mail(html, &times("<div class=\"gmail_signature\">")),
        mail(html, &times("<!--")),
        mail("", &times("On 5 Jan 2004, Ben <ben@example.org>\n")),
        mail("", &times("--\n\n")),
        mail("", &times("From: Ben\n")),
        mail("", &times("____________________\n")),
        mail(multipart, &times("--b\n\n")),
        mail(
            "Content-Type: message/rfc822\n",
            &times("Content-Type: message/rfc822\n\n"),
        ),
        mail(
            "Content-Type: multipart/digest; boundary=b\n",
            &times("--b\n\nContent-Type: multipart/digest; boundary=b\n\n"),
        ),
        // The same mail within mails as the first, its lines as quoted-printable hides them.
        mail(
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n",
            &times("Content-Type=3A message/rfc=\n822\n\n"),
        ),
        mail(
            "Content-Type: text/plain; format=flowed\n",
            &times("> a \n"),
        ),
    ];
    let started = std::time::Instant::now();
    let import = mbox(bodies.concat());
    assert_eq!(import.items(), bodies.len());
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
