//! Endpoints that answer, and endpoints that do everything else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use idiolect_endpoint::{Endpoint, Error, Question, Trouble};

/// Answers one connection after the other with these, and gives back what it was sent.
fn serve(replies: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let handle = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for reply in replies {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(reader.read_line(&mut head).unwrap(), 0);
            }
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            asked.push(head + &String::from_utf8(body).unwrap());
            stream.write_all(reply.as_bytes()).unwrap();
        }
        asked
    });
    (address, handle)
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

fn said(text: &str) -> String {
    let body =
        format!(r#"{{"choices":[{{"message":{{"content":"{text}"}},"finish_reason":"stop"}}]}}"#);
    reply("200 OK", "", &body)
}

fn question() -> Question {
    Question {
        model: "small".to_owned(),
        text: "Dear \"Ana\",".to_owned(),
        max_tokens: 7,
    }
}

#[test]
fn a_question_is_sent_as_a_chat_completion() {
    let (address, server) = serve(vec![said("it rains")]);
    let endpoint = Endpoint::new(&address, Some("k-1"), 0).unwrap();
    let answer = endpoint.ask(&question(), &mut |_| false).unwrap();
    assert_eq!((answer.text.as_str(), answer.cut), ("it rains", false));
    let asked = server.join().unwrap().remove(0);
    assert!(
        asked.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked
            .to_lowercase()
            .contains("authorization: bearer k-1\r\n")
    );
    assert!(asked.ends_with(
        r#"{"model":"small","messages":[{"role":"user","content":"Dear \"Ana\","}],"temperature":0,"max_tokens":7}"#
    ), "{asked}");
}

#[test]
fn what_may_pass_is_waited_for() {
    let (address, server) = serve(vec![
        reply("503 Service Unavailable", "", "busy"),
        reply("429 Too Many Requests", "Retry-After: 7\r\n", ""),
        reply("200 OK", "", "<html>hello</html>"),
        reply(
            "200 OK",
            "",
            r#"{"choices":[{"message":{"content":null}}]}"#,
        ),
        "nothing that HTTP knows\r\n\r\n".to_owned(),
        reply("429 Too Many Requests", "Retry-After: 99999\r\n", ""),
        said("at last"),
    ]);
    let endpoint = Endpoint::new(&address, None, 6).unwrap();
    let mut pauses = Vec::new();
    let mut pause = |length: Duration| {
        pauses.push(length.as_secs());
        true
    };
    assert_eq!(
        endpoint.ask(&question(), &mut pause).unwrap().text,
        "at last"
    );
    assert_eq!(pauses, [1, 7, 4, 8, 16, 120]);
    assert_eq!(server.join().unwrap().len(), 7);
}

#[test]
fn nothing_is_asked_for_ever() {
    let (address, server) = serve(vec![reply("500 Oh", "", ""), reply("500 Oh", "", "")]);
    let endpoint = Endpoint::new(&address, None, 1).unwrap();
    let error = endpoint.ask(&question(), &mut |_| true).unwrap_err();
    assert!(matches!(
        error,
        Error::GaveUp {
            attempts: 2,
            source: Trouble::Busy(500),
            ..
        }
    ));
    server.join().unwrap();

    // Nobody listens there any more.
    let error = endpoint.ask(&question(), &mut |_| true).unwrap_err();
    assert!(matches!(
        error,
        Error::GaveUp {
            source: Trouble::Connection(_),
            ..
        }
    ));
    let error = endpoint.ask(&question(), &mut |_| false).unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }));
}

#[test]
fn a_refusal_is_believed_at_once() {
    let body = r#"{"error":{"code":"invalid_api_key","message":"Dear Ana, no"}}"#;
    let (address, server) = serve(vec![reply("401 Unauthorized", "", body)]);
    let endpoint = Endpoint::new(&address, Some("wrong"), 5).unwrap();
    let error = endpoint.ask(&question(), &mut |_| true).unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.ends_with("refused the question: status 401 (invalid_api_key)"),
        "{shown}"
    );
    server.join().unwrap();

    // A redirection leads elsewhere, and nobody asked for that.
    let (address, server) = serve(vec![reply(
        "307 Temporary Redirect",
        "Location: http://example.org/\r\n",
        "",
    )]);
    let endpoint = Endpoint::new(&address, None, 0).unwrap();
    let error = endpoint.ask(&question(), &mut |_| true).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Refused { status: 307, .. } | Error::GaveUp { .. }
        ),
        "{error}"
    );
    server.join().unwrap();
}
