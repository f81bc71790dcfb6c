use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, BufWriter, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{Color, Global};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
const YELLOW: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

/// The same number for a JSON value, which keeps only f64: it prints as short as the f32 itself.
pub(crate) fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// Shortens every fraction of a value whose fractions were f32.
pub(crate) fn shorten(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(wide) = number.as_f64() {
                #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
                let short = shortest(wide as f32);
                *value = Value::from(short);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

/// `1 author`, `2 authors`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// Without what would make a terminal do more than show text: titles, names and ids come from mails
/// that others wrote. Of escape sequences only those for colours stay, which are ours; marks that turn
/// the direction of writing go, since they can make a line read differently than it is.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let is_mark = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_harmful = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || is_mark(c);
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if !is_harmful(c) || (c == '\u{1b}' && is_colour(&text[at..])) {
            shown.push(c);
        } else {
            shown.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Cow::Owned(shown)
}

/// Whether a text begins with `ESC [ digits ; digits m`.
fn is_colour(text: &str) -> bool {
    text.strip_prefix("\u{1b}[").is_some_and(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
            .starts_with('m')
    })
}

/// The only way out: data to stdout, everything else to stderr. Colour goes where a terminal is
/// and `NO_COLOR` is not, and never carries meaning alone.
pub(crate) struct Printer {
    stdout: BufWriter<AutoStream<Stdout>>,
    json: bool,
    level: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Quiet,
    Normal,
    Verbose,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        let level = match (global.quiet, global.verbose) {
            (true, _) => Level::Quiet,
            (false, 0) => Level::Normal,
            (false, _) => Level::Verbose,
        };
        Self {
            stdout: BufWriter::new(anstream::stdout()),
            json: global.json,
            level,
        }
    }

    pub(crate) fn json(&self) -> bool {
        self.json
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.level == Level::Quiet
    }

    /// A line of data.
    pub(crate) fn line(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self.stdout, "{}", harmless(&line.to_string()))
    }

    /// A JSON value on a line of its own.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.stdout, value)?;
        self.stdout.write_all(b"\n")
    }

    /// Text as it comes, shown at once.
    pub(crate) fn piece(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write_all(text.as_bytes())?;
        self.stdout.flush()
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)
    }

    /// A text that is the whole answer: as it is, or as `{"text": …}`.
    pub(crate) fn whole(&mut self, text: &[u8]) -> io::Result<()> {
        if self.json {
            self.object(&serde_json::json!({ "text": String::from_utf8_lossy(text) }))
        } else {
            self.bytes(text)
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }

    /// Something to know, on stderr; not with `-q`.
    pub(crate) fn note(&self, text: impl Display) {
        self.to_stderr(Level::Normal, &text);
    }

    /// Something only `-v` asks for, on stderr.
    pub(crate) fn detail(&self, text: impl Display) {
        self.to_stderr(Level::Verbose, &text);
    }

    /// Something that may be wrong, on stderr; not with `-q`.
    pub(crate) fn warning(&self, text: impl Display) {
        self.to_stderr(
            Level::Normal,
            &format_args!("{YELLOW}warning{YELLOW:#}: {text}"),
        );
    }

    fn to_stderr(&self, needed: Level, text: &dyn Display) {
        if self.level >= needed {
            // Messages are a courtesy: a closed stderr must not end the work.
            let text = text.to_string();
            drop(writeln!(anstream::stderr(), "{}", harmless(&text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_but_text_and_colours() {
        let text = format!("{BOLD}Rain{BOLD:#}\n\tÜber 雨");
        assert_eq!(harmless(&text), text);
        assert_eq!(
            harmless("Re: \u{1b}[2J\u{1b}]0;owned\u{7}\rhi\u{202e}ih\u{9b}2J"),
            "Re: \u{fffd}[2J\u{fffd}]0;owned\u{fffd}\u{fffd}hi\u{fffd}ih\u{fffd}2J"
        );
    }

    #[test]
    fn fractions_print_as_short_as_they_were() {
        let mut value = json!({ "a": [1.2_f32, 3], "b": 0.410_021_7_f32 });
        assert_ne!(value.to_string(), r#"{"a":[1.2,3],"b":0.4100217}"#);
        shorten(&mut value);
        assert_eq!(value.to_string(), r#"{"a":[1.2,3],"b":0.4100217}"#);
    }
}
