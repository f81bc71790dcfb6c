use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use clap::error::{ContextKind, ContextValue};
use serde::Serialize;

use crate::explain;
use crate::printer::harmless;

/// Something a command found wrong by itself: with a code for programs and a hint for people.
/// Errors of the libraries get theirs in `explain.rs`.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What clap says about wrong usage, in our form.
    pub(crate) fn usage(error: &clap::Error) -> Self {
        let rendered = error.render().to_string();
        let text = rendered.strip_prefix("error: ").unwrap_or(&rendered);
        let mut lines = text.lines().take_while(|line| !line.is_empty());
        let mut message = lines.next().unwrap_or("wrong usage").to_owned();
        for line in lines {
            message.push(' ');
            message.push_str(line.trim());
        }
        let suggestion = [
            ContextKind::SuggestedSubcommand,
            ContextKind::SuggestedArg,
            ContextKind::SuggestedValue,
        ]
        .into_iter()
        .find_map(|kind| match error.get(kind) {
            Some(ContextValue::String(one)) if is_harmless(one) => Some(one.clone()),
            Some(ContextValue::Strings(several)) => {
                let harmless: Vec<&str> = several
                    .iter()
                    .map(String::as_str)
                    .filter(|one| is_harmless(one))
                    .collect();
                (!harmless.is_empty()).then(|| harmless.join("`, `"))
            }
            _ => None,
        });
        let hint = match suggestion {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
            None => usage_line(&rendered).map_or_else(
                || "the command's `--help` says what it takes".to_owned(),
                |usage| format!("usage: {usage}"),
            ),
        };
        Self::new("usage", message).hint(hint)
    }
}

/// Whether a mistyped word may be answered with this one: never with one that deletes.
fn is_harmless(suggestion: &str) -> bool {
    !["purge", "remove", "rm"].contains(&suggestion)
}

fn usage_line(rendered: &str) -> Option<&str> {
    rendered
        .lines()
        .find_map(|line| line.strip_prefix("Usage: "))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// An error as the user gets it: `error: …`, `hint: …`, and one JSON object beside them on request.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Report {
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let (code, hint) = explain::code_and_hint(error);
        Self {
            code,
            message: joined(error),
            hint,
        }
    }

    pub(crate) fn print(&self, json: bool) {
        // There is nowhere left to report a failure to write here.
        drop(self.write(json));
    }

    fn write(&self, json: bool) -> io::Result<()> {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
        let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into())).bold();
        let mut stderr = anstream::stderr().lock();
        writeln!(stderr, "{red}error{red:#}: {}", harmless(&self.message))?;
        if let Some(hint) = self.hint.as_deref().map(harmless) {
            writeln!(stderr, "{cyan}hint{cyan:#}: {hint}")?;
        }
        if json {
            let object = serde_json::json!({ "error": self });
            writeln!(stderr, "{object}")?;
        }
        Ok(())
    }
}

/// The chain of causes in one line; a cause that its effect already quotes is not said twice.
fn joined(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.ends_with(&cause) {
            message.push_str(": ");
            message.push_str(&cause);
        }
    }
    message
}

/// Whether the reader of our output closed it, as `head` does: that ends a command, it is no error.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind == Some(io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_are_joined_once() {
        let error = anyhow!("disk full")
            .context("cannot write `x`: disk full")
            .context("cannot export");
        assert_eq!(joined(&error), "cannot export: cannot write `x`: disk full");
    }

    #[test]
    fn a_closed_pipe_is_found_anywhere_in_the_chain() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&anyhow::Error::new(closed).context("x")));
        assert!(!is_broken_pipe(&anyhow!("x")));
    }
}
