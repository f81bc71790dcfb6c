//! What in a mail are its author's own words: everything but quoted mails, forwards, signatures,
//! patches and what programs add at the end. Line by line; nothing is rewritten.

mod attribution;
mod patches;
mod words;

use std::ops::Range;

use attribution::{attribution, may_end_attribution};
use words::{
    FOOTERS, FORWARD_MARKERS, HEADER_NAMES, MOBILE_FOOTERS, REPLY_MARKERS, SENDER_NAMES,
    TELLING_NAMES,
};

use crate::{Removed, RemovedReason};

/// The author's share of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnWords {
    /// The lines that are left, in order.
    pub(crate) kept: Vec<Kept>,
    /// What was taken out, in order.
    pub(crate) removed: Vec<Removed>,
}

/// A line that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Where in the body it stands, without the white space behind it.
    pub(crate) span: Range<usize>,
    /// Whether an empty line, or something that was taken out, stands before it.
    pub(crate) after_gap: bool,
}

impl OwnWords {
    /// What is left, with an empty line where something was taken out.
    pub(crate) fn text(&self, body: &str) -> String {
        let mut text =
            String::with_capacity(self.kept.iter().map(|kept| kept.span.len() + 2).sum());
        for kept in &self.kept {
            if !text.is_empty() {
                text.push_str(if kept.after_gap { "\n\n" } else { "\n" });
            }
            text.push_str(&body[kept.span.clone()]);
        }
        text.truncate(text.trim_end().len());
        let blank = text.len() - text.trim_start().len();
        text.drain(..blank);
        text
    }

    /// Whether a forwarded mail was among what was taken out.
    pub(crate) fn has_forward(&self) -> bool {
        self.removed
            .iter()
            .any(|removed| removed.reason == RemovedReason::Forward)
    }
}

/// Leaves out what the author did not write; with `keep_code` code and patches stay.
pub(crate) fn own_words(body: &str, keep_code: bool) -> OwnWords {
    let lines = Lines::of(body);
    let mut own = OwnWords::default();
    let mut gap = false;
    let mut at = 0;
    while at < lines.len() {
        if let Some(foreign) = lines.foreign(at, keep_code) {
            let span = lines.start(at)..lines.start(foreign.end);
            match own.removed.last_mut() {
                Some(last) if last.reason == foreign.reason && follows(body, last, &span) => {
                    last.span.end = span.end;
                }
                _ => own.removed.push(Removed {
                    span,
                    reason: foreign.reason,
                }),
            }
            gap = true;
            at = foreign.end;
            continue;
        }
        let line = lines.line(at).trim_end();
        if line.trim_start().is_empty() {
            gap = true;
        } else {
            let start = lines.start(at);
            own.kept.push(Kept {
                span: start..start + line.len(),
                after_gap: gap,
            });
            gap = false;
        }
        at += 1;
    }
    own
}

/// Whether nothing but white space stands between two removals.
fn follows(body: &str, last: &Removed, span: &Range<usize>) -> bool {
    body[last.span.end..span.start].trim().is_empty()
}

/// What was recognised at a line, and with which line it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Foreign {
    end: usize,
    reason: RemovedReason,
}

/// A body by lines.
struct Lines<'a> {
    body: &'a str,
    /// Where each line starts, and the end of the last one.
    starts: Vec<usize>,
    /// Of each line whether one of it and the three behind may end an attribution.
    near_attribution: Vec<bool>,
}

impl<'a> Lines<'a> {
    fn of(body: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', body.as_bytes()).map(|at| at + 1));
        if starts.last() != Some(&body.len()) {
            starts.push(body.len());
        }
        let mut lines = Self {
            body,
            starts,
            near_attribution: Vec::new(),
        };
        lines.near_attribution = vec![false; lines.len()];
        for at in 0..lines.len() {
            if may_end_attribution(lines.line(at)) {
                lines.near_attribution[at.saturating_sub(3)..=at].fill(true);
            }
        }
        lines
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn start(&self, at: usize) -> usize {
        self.starts[at]
    }

    /// A line without its break.
    fn line(&self, at: usize) -> &'a str {
        let line = &self.body[self.starts[at]..self.starts[at + 1]];
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    }

    fn trimmed(&self, at: usize) -> &'a str {
        self.line(at).trim()
    }

    fn is_blank(&self, at: usize) -> bool {
        at >= self.len() || self.trimmed(at).is_empty()
    }

    fn next_filled(&self, from: usize) -> Option<usize> {
        (from..self.len()).find(|at| !self.trimmed(*at).is_empty())
    }

    fn foreign(&self, at: usize, keep_code: bool) -> Option<Foreign> {
        let line = self.trimmed(at);
        if line.is_empty() {
            return None;
        }
        let until = |end, reason| Some(Foreign { end, reason });
        if is_quoted(line) {
            return until(at + 1, RemovedReason::Quote);
        }
        if is_forward_marker(line) {
            return until(self.len(), RemovedReason::Forward);
        }
        if is_reply_marker(line) {
            return until(self.end_of_quote(at + 1), RemovedReason::Quote);
        }
        if !keep_code && let Some((end, reason)) = patches::code(self, at) {
            return until(end, reason);
        }
        if is_rule(line)
            && let Some(reason) = self.cuts_as_rule(at)
        {
            return until(self.len(), reason);
        }
        if self.is_header_block(at) {
            return until(self.len(), RemovedReason::Quote);
        }
        if self.near_attribution[at]
            && let Some(end) = attribution(self, at)
        {
            return until(end, RemovedReason::Quote);
        }
        if self.is_signature(at) {
            return until(self.end_of_signature(at + 1), RemovedReason::Signature);
        }
        if is_footer(line) {
            return until(self.len(), RemovedReason::Footer);
        }
        if self.is_mobile_footer(at) {
            return until(at + 1, RemovedReason::Footer);
        }
        None
    }

    /// Where the quote ends that was announced before line `from`: its header lines where marked
    /// lines follow, which are recognised by themselves; everything where its lines are not marked.
    fn end_of_quote(&self, from: usize) -> usize {
        let mut at = from;
        while let Some(next) = self.next_filled(at) {
            if is_quoted(self.trimmed(next)) {
                return next;
            }
            if header_name(self.line(next)).is_none() {
                break;
            }
            at = next + 1;
        }
        self.len()
    }

    /// Why a line of underscores ends the author's words, where it does: a quoted mail or a list's
    /// footer follows, or nothing.
    fn cuts_as_rule(&self, at: usize) -> Option<RemovedReason> {
        let Some(next) = self.next_filled(at + 1) else {
            return Some(RemovedReason::Footer);
        };
        if self.is_header_block(next) {
            return Some(RemovedReason::Quote);
        }
        let footer = ["mailing list", "http://", "https://", "unsubscribe", "@"];
        let says_footer = (next..self.len()).take(3).any(|at| {
            let line = self.line(at).to_lowercase();
            footer.iter().any(|mark| line.contains(mark))
        });
        says_footer.then_some(RemovedReason::Footer)
    }

    /// Whether the head of a quoted mail begins here: its sender and two more fields within six
    /// lines.
    fn is_header_block(&self, at: usize) -> bool {
        if header_name(self.line(at)).is_none() {
            return false;
        }
        let filled = (at..self.len())
            .map(|at| self.line(at))
            .filter(|line| !line.trim().is_empty());
        let mut names = Vec::new();
        for line in filled.take(6) {
            if let Some(name) = header_name(line).filter(|name| !names.contains(name)) {
                names.push(name);
            }
        }
        let has = |known: &[&str]| names.iter().any(|name| known.contains(&name.as_str()));
        names.len() >= 3 && has(&SENDER_NAMES) && has(&TELLING_NAMES)
    }

    /// `-- ` on a line of its own; without the space, only where no more than a few lines follow.
    fn is_signature(&self, at: usize) -> bool {
        match self.line(at) {
            "-- " => true,
            "--" => {
                let behind = (at + 1..self.len()).map(|at| self.trimmed(at));
                let own = behind
                    .filter(|line| !line.is_empty())
                    .take_while(|line| !is_quoted(line) && !is_reply_marker(line));
                own.take(SIGNATURE_LINES + 1).count() <= SIGNATURE_LINES
            }
            _ => false,
        }
    }

    /// A signature goes on to the end, or to the mail that is answered below it.
    fn end_of_signature(&self, from: usize) -> usize {
        (from..self.len())
            .find(|&at| {
                let line = self.trimmed(at);
                !line.is_empty()
                    && (is_quoted(line)
                        || is_reply_marker(line)
                        || is_forward_marker(line)
                        || self.is_header_block(at)
                        || self.near_attribution[at] && attribution(self, at).is_some())
            })
            .unwrap_or(self.len())
    }

    /// Whether a line of a telephone stands alone, as those lines do.
    fn is_mobile_footer(&self, at: usize) -> bool {
        const LONGEST: usize = 120;
        let line = self.trimmed(at);
        if line.len() > LONGEST || at > 0 && !self.is_blank(at - 1) || !self.is_blank(at + 1) {
            return false;
        }
        let line = line.to_lowercase();
        MOBILE_FOOTERS.iter().any(|start| line.starts_with(start))
            || line.starts_with("von meinem ") && line.ends_with(" gesendet")
    }
}

/// How many lines a signature has at most where its mark is a bare `--`.
const SIGNATURE_LINES: usize = 10;

/// `> text`, `>> text`, and `JS> text` with the initials of who wrote it. `R> ` and `SQL> ` are what
/// programs print before what their users type.
fn is_quoted(line: &str) -> bool {
    let behind_initials = line.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let initials = line.len() - behind_initials.len();
    behind_initials.starts_with('>') && matches!(initials, 0 | 2..=4) && !line.starts_with("SQL>")
}

/// The words between two runs of dashes, in lower case.
fn between_dashes(line: &str) -> Option<String> {
    let inner = line.strip_prefix("--")?.trim_start_matches('-');
    // Lotus Notes puts the forwarder and the date behind the name, and then the dashes.
    Some(inner.trim_end_matches('-').trim().to_lowercase())
}

fn is_reply_marker(line: &str) -> bool {
    between_dashes(line).is_some_and(|name| REPLY_MARKERS.contains(&name.as_str()))
}

fn is_forward_marker(line: &str) -> bool {
    match between_dashes(line) {
        Some(name) => FORWARD_MARKERS.iter().any(|marker| {
            name.strip_prefix(marker).is_some_and(|rest| {
                rest.is_empty() || marker.ends_with(" by") || marker.ends_with(" von")
            })
        }),
        None => line.strip_suffix([':', '：']).is_some_and(|name| {
            name.len() < 80 && FORWARD_MARKERS.contains(&name.trim().to_lowercase().as_str())
        }),
    }
}

/// A line of underscores.
fn is_rule(line: &str) -> bool {
    line.len() >= 20 && line.bytes().all(|byte| byte == b'_')
}

/// No name of a header field is longer, in bytes; long lines need not be lower-cased.
const LONGEST_NAME: usize = 32;

/// The name of a header field at the start of a line, in lower case, bold or not; `None` where no
/// known one stands there.
fn header_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    let head = &line.as_bytes()[..line.len().min(LONGEST_NAME + 8)];
    if !head.iter().any(|byte| *byte == b':' || *byte == 0xef) {
        return None;
    }
    let (name, _) = line.split_once([':', '：'])?;
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '*');
    if name.len() > LONGEST_NAME {
        return None;
    }
    let name = name.to_lowercase();
    let is_known = [&SENDER_NAMES[..], &TELLING_NAMES, &HEADER_NAMES]
        .iter()
        .any(|names| names.contains(&name.as_str()));
    is_known.then_some(name)
}

/// What lists put under every mail.
fn is_footer(line: &str) -> bool {
    // All of them begin with one of these.
    line.starts_with(['Y', 'y', 'T', 't', '-', 'V', 'v'])
        && FOOTERS.iter().any(|start| {
            line.get(..start.len())
                .is_some_and(|begun| begun.to_lowercase() == **start)
        })
}

#[cfg(test)]
mod tests;
