use idiolect_core::parse_date;
use idiolect_ingest::{Error, Options, RemovedReason};

use crate::{Import, archives::zip, bytes, try_bytes};

fn me(names: &[&str]) -> Options {
    Options {
        me: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Options::default()
    }
}

fn summary(import: &Import) -> Vec<(&str, Option<&str>, String)> {
    import
        .documents
        .iter()
        .map(|one| {
            let date = one.date.map(|date| date.to_string()).unwrap_or_default();
            (one.text.as_str(), one.to.as_deref(), date)
        })
        .collect()
}

const TELEGRAM_CHAT: &str = r#""name": "Ben", "type": "personal_chat", "id": 42, "messages": [
    {"id": 1, "type": "service", "action": "joined"},
    {"id": 2, "type": "message", "date": "2004-01-05T11:30:00", "date_unixtime": "1073298600", "from": "Ana", "from_id": "user7", "text": "It rained."},
    {"id": 3, "type": "message", "from": "Ben", "from_id": "user8", "text": "No."},
    {"id": 4, "type": "message", "date": "2004-01-05T10:31:00", "from": "Ana", "from_id": "user7", "text": ["See ", {"type": "link", "text": "example.org"}, {"type": "blockquote", "text": "They said"}, ", or not."]},
    {"id": 5, "type": "message", "from": "Ana", "from_id": "user7", "forwarded_from": "Cleo", "text": "Hers."},
    {"id": 6, "type": "message", "from": "Ana", "from_id": "user7", "photo": "x.jpg", "text": ""},
    7]"#;

#[test]
fn telegram_tells_in_a_whole_export_who_is_who() {
    let export = format!(
        r#"{{"about": "x", "personal_information": {{"user_id": 7, "first_name": "Ana", "last_name": "B"}}, "chats": {{"about": "y", "list": [{{{TELEGRAM_CHAT}}}]}}}}"#
    );
    let import = bytes(&export, "result.json", &Options::default());
    assert_eq!(
        summary(&import),
        [
            ("It rained.", Some("Ben"), "2004-01-05T10:30:00Z".to_owned()),
            (
                "See example.org\n, or not.",
                Some("Ben"),
                "2004-01-05T10:31:00Z".to_owned()
            ),
        ]
    );
    assert_eq!(import.documents[0].id, "42-2");
    assert_eq!(import.documents[0].author, "Ana B");
    assert_eq!(
        import.removed,
        [("They said".to_owned(), RemovedReason::Quote)]
    );
    assert_eq!(
        import.skipped(),
        [("forward", 1), ("no_text", 2), ("other_sender", 1)]
    );
    assert_eq!(import.problems, ["result.json, item 7: not a JSON object"]);
}

#[test]
fn telegram_of_one_chat_needs_a_name() {
    let export = format!("{{{TELEGRAM_CHAT}}}");
    assert!(matches!(
        try_bytes(export.as_bytes(), "result.json", &Options::default()),
        Err(Error::MeRequired { .. })
    ));
    let import = bytes(&export, "result.json", &me(&["ana"]));
    assert_eq!(import.documents.len(), 2);
    let cut = &export[..export.find("\"id\": 5").unwrap()];
    let import = bytes(cut, "result.json", &me(&["user7"]));
    assert_eq!(import.documents.len(), 2);
    assert_eq!(import.problems.len(), 1);
}

#[test]
fn whatsapp_writes_dates_as_the_telephone_does() {
    let ios = "[13.01.20, 10:30:15] Ana: It rained.\nAll day.\n\u{200e}[13.01.20, 10:31:00] Ana: \u{200e}image omitted\n\
        [13.01.20, 10:32:00] Ben: No.\n[13.01.20, 10:33:00] \u{200e}Messages are encrypted\n\
        [13.01.20, 10:34:00] Ana: This message was deleted.\n[14.01.20, 9:00:00] Ana: Again: rain. \u{200e}<This message was edited>\n";
    let import = bytes(ios, "WhatsApp Chat - Ben.zip/_chat.txt", &me(&["Ana"]));
    assert_eq!(
        summary(&import),
        [
            (
                "It rained.\nAll day.",
                Some("Ben"),
                "2020-01-13T10:30:15Z".to_owned()
            ),
            (
                "Again: rain.",
                Some("Ben"),
                "2020-01-14T09:00:00Z".to_owned()
            ),
        ]
    );
    assert_eq!(
        import.skipped(),
        [("deleted", 1), ("no_text", 2), ("other_sender", 1)]
    );
    let android = "1/13/20, 10:30\u{202f}PM - Messages are encrypted.\n1/13/20, 10:31\u{202f}PM - Ana: It rained.\n\
        1/13/20, 10:32\u{202f}PM - Ana: <Media omitted>\n1/13/20, 10:33\u{202f}PM - Ana: IMG-1.jpg (file attached)\n";
    let import = bytes(android, "WhatsApp Chat with Ben.txt", &me(&["Ana"]));
    assert_eq!(
        summary(&import),
        [("It rained.", Some("Ben"), "2020-01-13T22:31:00Z".to_owned())]
    );
    assert_eq!(import.skipped(), [("no_text", 3)]);
    // A diary with dates is none.
    let options = Options {
        author: Some("Ana".to_owned()),
        ..Options::default()
    };
    let diary = bytes(
        "13.01.20, 10:30 - It rained.\nAll day.\n",
        "x.txt",
        &options,
    );
    assert_eq!(diary.documents[0].kind.as_deref(), Some("text"));
}

#[test]
fn slack_has_a_file_a_day_and_names_apart() {
    let users = r#"[{"id": "U1", "name": "ana", "real_name": "Ana B", "profile": {"email": "ana@example.org"}}, {"id": "U2", "name": "ben"}]"#;
    let day = r#"[{"type": "message", "user": "U1", "text": "It rained, <@U2> &amp; all.\n&gt; theirs", "ts": "1073298600.000100", "thread_ts": "1073298000.000000"},
        {"type": "message", "user": "U2", "text": "No.", "ts": "1073298601.0"},
        {"type": "message", "subtype": "channel_join", "user": "U1", "text": "joined", "ts": "1073298602.0"}]"#;
    let files = [
        ("users.json", users),
        ("channels.json", "[]"),
        ("general/2004-01-05.json", day),
        ("integration_logs.json", "[]"),
    ];
    let import = zip(&files, &me(&["ana@example.org"]));
    assert_eq!(import.texts(), ["It rained, @ben & all."]);
    let document = &import.documents[0];
    assert_eq!(document.to.as_deref(), Some("general"));
    assert_eq!(
        document.thread.as_deref(),
        Some("general-1073298000.000000")
    );
    assert_eq!(
        document.date,
        Some(parse_date("2004-01-05T10:30:00Z").unwrap())
    );
    assert_eq!(
        import.removed,
        [("> theirs".to_owned(), RemovedReason::Quote)]
    );
    assert_eq!(import.skipped(), [("no_text", 1), ("other_sender", 1)]);
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let import = crate::try_path(folder.path(), &me(&["Ana B"])).unwrap();
    assert_eq!(import.texts(), ["It rained, @ben & all."]);
}
