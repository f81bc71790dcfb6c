use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Answer, Error, Trouble};

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// The longest pause between two attempts, whatever the endpoint asks for.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// What a model is asked, at temperature 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The model's name at the endpoint.
    pub model: String,
    /// All that it is told.
    pub text: String,
    /// The longest answer.
    pub max_tokens: usize,
}

impl Question {
    /// The body of the request.
    fn body(&self) -> Value {
        json!({
            "model": self.model,
            "messages": [{ "role": "user", "content": self.text }],
            "temperature": 0,
            "max_tokens": self.max_tokens,
        })
    }

    /// By which a question is known again: the SHA-256 of its request.
    pub fn key(&self) -> String {
        let hash = Sha256::digest(self.body().to_string());
        hash.iter().fold(String::new(), |mut key, byte| {
            // Writing into a string does not fail.
            let _ = write!(key, "{byte:02x}");
            key
        })
    }
}

/// An address under which `chat/completions` answers, such as `http://localhost:8080/v1`.
#[derive(Debug)]
pub struct Endpoint {
    agent: ureq::Agent,
    url: String,
    host: String,
    authorization: Option<String>,
    retries: u32,
    first_pause: Duration,
}

impl Endpoint {
    /// Nothing is connected yet. `retries` is how often a question is asked again.
    ///
    /// # Errors
    /// What is no address, and a key that cannot be sent.
    pub fn new(address: &str, key: Option<&str>, retries: u32) -> Result<Self, Error> {
        let wrong = || Error::Address(address.to_owned());
        let rest = address
            .strip_prefix("https://")
            .or_else(|| address.strip_prefix("http://"))
            .ok_or_else(wrong)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // What stands before an @ may be a password.
        let host = authority.rsplit('@').next().unwrap_or_default();
        if host.is_empty() || address.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong());
        }
        let sendable = |key: &str| key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_some_and(|key| !sendable(key)) {
            return Err(Error::Key);
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let here = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
        let mut config = ureq::Agent::config_builder();
        if here {
            // Whatever proxy there is, it is not between this computer and itself.
            config = config.proxy(None);
        }
        let agent = config
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_global(Some(Duration::from_mins(5)))
            .user_agent(concat!("idiolect/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self {
            agent,
            url: format!("{}/chat/completions", address.trim_end_matches('/')),
            host: host.to_owned(),
            authorization: key.map(|key| format!("Bearer {key}")),
            retries,
            first_pause: Duration::from_secs(1),
        })
    }

    /// Whom it asks: name and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Asks until there is an answer, or often enough. Between attempts `pause` is told for how long
    /// to wait, twice as long each time or as long as the endpoint wishes; it says whether to go on.
    ///
    /// # Errors
    /// A refusal at once; everything that may pass by itself after the last attempt.
    pub fn ask(
        &self,
        question: &Question,
        pause: &mut dyn FnMut(Duration) -> bool,
    ) -> Result<Answer, Error> {
        let body = question.body().to_string();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (trouble, wished) = match self.once(&body)? {
                Said::Answer(answer) => return Ok(answer),
                Said::Nothing(trouble, wished) => (trouble, wished),
            };
            if attempts > self.retries {
                return Err(Error::GaveUp {
                    host: self.host.clone(),
                    attempts,
                    source: trouble,
                });
            }
            let doubled = self.first_pause * 2_u32.saturating_pow((attempts - 1).min(10));
            if !pause(wished.unwrap_or(doubled).min(LONGEST_PAUSE)) {
                return Err(Error::Interrupted {
                    host: self.host.clone(),
                });
            }
        }
    }

    fn once(&self, body: &str) -> Result<Said, Error> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let trouble = |error| Said::Nothing(Trouble::Connection(Box::new(error)), None);
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(error) => return Ok(trouble(error)),
        };
        let status = response.status().as_u16();
        let wished = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let read = response
            .body_mut()
            .with_config()
            .limit(LONGEST)
            .read_to_vec();
        let read = match read {
            Ok(read) => read,
            Err(error) => return Ok(trouble(error)),
        };
        match status {
            200..=299 => Ok(match answer(&read) {
                Some(answer) => Said::Answer(answer),
                None => Said::Nothing(Trouble::Nonsense, wished),
            }),
            408 | 409 | 425 | 429 | 500..=599 => Ok(Said::Nothing(Trouble::Busy(status), wished)),
            _ => Err(Error::Refused {
                host: self.host.clone(),
                status,
                code: reason(&read),
            }),
        }
    }
}

/// What came back.
enum Said {
    Answer(Answer),
    /// And how long to wait before asking again, if it said so.
    Nothing(Trouble, Option<Duration>),
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

fn answer(read: &[u8]) -> Option<Answer> {
    let completion: Completion = serde_json::from_slice(read).ok()?;
    let choice = completion.choices.into_iter().next()?;
    let text = choice.message.content;
    (!text.trim().is_empty()).then_some(Answer {
        text,
        cut: choice.finish_reason.as_deref() == Some("length"),
    })
}

/// The name of the reason why a question was refused. Its message is left alone: it may quote the
/// question.
fn reason(read: &[u8]) -> Option<String> {
    let said: Value = serde_json::from_slice(read).ok()?;
    let is_name = |text: &&str| {
        (1..=60).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    ["code", "type"]
        .iter()
        .find_map(|field| said["error"][field].as_str().filter(is_name))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_before_anything_is_sent() {
        for wrong in [
            "",
            "localhost:80",
            "ftp://x",
            "http://",
            "https:///v1",
            "http://a b",
        ] {
            let error = Endpoint::new(wrong, None, 0).unwrap_err();
            assert!(matches!(error, Error::Address(_)), "{wrong}");
        }
        let endpoint = Endpoint::new("https://me:secret@example.org:8080/v1/", None, 0).unwrap();
        assert_eq!(endpoint.host(), "example.org:8080");
        assert!(endpoint.url.ends_with("/v1/chat/completions"));
        let broken = Endpoint::new("http://x", Some("a\nb"), 0).unwrap_err();
        assert!(matches!(broken, Error::Key));
    }

    #[test]
    fn a_question_is_known_by_all_that_is_sent() {
        let question = Question {
            model: "m".to_owned(),
            text: "Dear Ana,".to_owned(),
            max_tokens: 9,
        };
        assert_eq!(question.key(), question.clone().key());
        let longer = Question {
            max_tokens: 10,
            ..question.clone()
        };
        assert_ne!(question.key(), longer.key());
    }

    #[test]
    fn a_reason_is_a_name_and_never_a_text() {
        let named = br#"{"error":{"code":"model_not_found","message":"Dear Ana"}}"#;
        assert_eq!(reason(named).as_deref(), Some("model_not_found"));
        assert_eq!(reason(br#"{"error":{"code":"Dear Ana"}}"#), None);
        assert_eq!(reason(b"<html>"), None);
    }
}
