//! The line before a quote, which says whose it is.

use super::{
    Lines, is_quoted,
    words::{OPENERS, VERBS},
};

/// Longer lines are prose.
const ATTRIBUTION_BYTES: usize = 300;

/// Whether a line may be the last of an attribution: a quick look before the careful one.
pub(super) fn may_end_attribution(line: &str) -> bool {
    let line = line.trim_end_matches(|c: char| c.is_whitespace() || c == '*' || c == '_');
    line.ends_with([':', '>', '：'])
}

/// `On 5 January 2004, Ana wrote:` in several languages, on up to four lines. Where marked lines
/// follow it is that line alone, and the author's answers between them stay; where unmarked ones
/// follow, everything is the quote. Gives the line at which it ends.
pub(super) fn attribution(lines: &Lines<'_>, at: usize) -> Option<usize> {
    let mut joined = String::new();
    let first = lines.line(at);
    for i in 0..(lines.len() - at).min(4) {
        let line = lines.trimmed(at + i);
        if line.is_empty() || is_quoted(line) || joined.len() + line.len() > ATTRIBUTION_BYTES {
            return None;
        }
        if i > 0 {
            let is_begun = first.contains('@') || opens(first) && has_date(first);
            let begins_anew =
                opens(line) && has_date(line) || !is_begun && certainty(line).is_some();
            let can_go_on = is_begun || opens(first);
            if begins_anew || !can_go_on || joined.ends_with(['.', '!', '?']) {
                return None;
            }
            joined.push(' ');
        }
        joined.push_str(line);
        let next = lines.next_filled(at + i + 1);
        let is_followed = next.is_none_or(|next| is_quoted(lines.trimmed(next)));
        match certainty(&joined) {
            Some(Certainty::IfQuoteFollows) if i > 0 => {}
            Some(_) if is_followed => return Some(at + i + 1),
            Some(Certainty::Certain) => return Some(lines.len()),
            _ => {}
        }
    }
    None
}

/// How surely a line is no sentence of the author's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Certain,
    /// As `Ana wrote:`, which may as well begin a paragraph.
    IfQuoteFollows,
}

/// Whether a line says who wrote what follows; `None` where it does not.
fn certainty(line: &str) -> Option<Certainty> {
    let line = line.trim_matches(|c: char| c.is_whitespace() || c == '*' || c == '_');
    let in_brackets = line.contains('@') && line.contains('<') && line.contains('>');
    // Gmail of old: `2004/1/5 Ana <ana@example.org>`.
    if in_brackets && line.ends_with('>') && line.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(Certainty::IfQuoteFollows);
    }
    let line = line.strip_suffix([':', '：'])?;
    // Gmail's Russian and Japanese have no verb: `пн, 5 янв. 2004 г. в 10:30, Ana <ana@example.org>:`.
    if in_brackets && line.ends_with('>') && has_date(line) {
        return Some(Certainty::Certain);
    }
    let lower = line.to_lowercase();
    if !VERBS.iter().any(|verb| lower.contains(verb)) {
        return None;
    }
    let is_certain = in_brackets || opens(line) && (line.contains('@') || has_date(line));
    Some(if is_certain {
        Certainty::Certain
    } else {
        Certainty::IfQuoteFollows
    })
}

/// Whether a line begins as the one before a quote does.
fn opens(line: &str) -> bool {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || c == '*' || c == '_');
    if line.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    let start: String = line.chars().take(12).flat_map(char::to_lowercase).collect();
    OPENERS.iter().any(|opener| start.starts_with(opener))
}

/// A year, a time, or a day and month as numbers.
fn has_date(line: &str) -> bool {
    let bytes = line.as_bytes();
    let is_year = |four: &[u8]| {
        four.iter().all(u8::is_ascii_digit) && (four.starts_with(b"19") || four.starts_with(b"20"))
    };
    bytes.windows(4).any(is_year)
        || bytes.windows(3).any(|three| {
            let [a, mark, b] = three else { return false };
            a.is_ascii_digit() && b":./".contains(mark) && b.is_ascii_digit()
        })
}
