//! Code in mails: fenced blocks, and changes to programs as `diff` writes them.

use super::Lines;
use crate::RemovedReason;

/// The line behind a block of code, or a patch, that begins at `at`.
pub(super) fn code(lines: &Lines<'_>, at: usize) -> Option<(usize, RemovedReason)> {
    let line = lines.line(at);
    if line.starts_with("```") {
        let close = (at + 1..lines.len()).find(|at| lines.trimmed(*at) == "```")?;
        return Some((close + 1, RemovedReason::Code));
    }
    begins_patch(lines, at).then(|| (end_of_patch(lines, at), RemovedReason::Patch))
}

/// What stands before a file of a patch.
const HEADS: [&str; 14] = [
    "diff ",
    "index ",
    "Index: ",
    "new file mode ",
    "deleted file mode ",
    "old mode ",
    "new mode ",
    "similarity index ",
    "dissimilarity index ",
    "rename from ",
    "rename to ",
    "copy from ",
    "copy to ",
    "Binary files ",
];

fn begins_patch(lines: &Lines<'_>, at: usize) -> bool {
    let line = lines.line(at);
    let next = |by: usize| {
        if at + by < lines.len() {
            lines.line(at + by)
        } else {
            ""
        }
    };
    line.starts_with("diff --git ")
        || line.starts_with("diff -")
        || line.starts_with("--- ") && next(1).starts_with("+++ ")
        || line.starts_with("Index: ") && next(1).starts_with("====")
        || line == "---" && (is_stat(next(1)) || next(1).is_empty() && is_stat(next(2)))
        || hunk(line).is_some() && at > 0 && lines.is_blank(at - 1)
}

/// ` src/lib.rs | 12 ++++--`.
fn is_stat(line: &str) -> bool {
    line.starts_with(' ')
        && line.split_once(" | ").is_some_and(|(name, count)| {
            !name.trim().is_empty()
                && count
                    .trim_start()
                    .starts_with(|c: char| c.is_ascii_digit() || c == 'B')
        })
}

/// Whether a line says how many files were changed.
fn is_sum(line: &str) -> bool {
    line.starts_with(' ') && line.contains(" changed") && line.contains("file")
}

/// How many lines of the old and of the new file follow `@@ -1,4 +1,5 @@`.
fn hunk(line: &str) -> Option<(usize, usize)> {
    let rest = line.strip_prefix("@@ -")?;
    let (old, rest) = rest.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let count = |range: &str| match range.split_once(',') {
        Some((_, count)) => count.parse().ok(),
        None => range.parse::<usize>().ok().map(|_| 1),
    };
    Some((count(old)?, count(new)?))
}

fn end_of_patch(lines: &Lines<'_>, from: usize) -> usize {
    let mut at = from;
    let mut end = from + 1;
    while at < lines.len() {
        let line = lines.line(at);
        if let Some((mut old, mut new)) = hunk(line) {
            at += 1;
            while at < lines.len() && (old > 0 || new > 0) {
                match lines.line(at).as_bytes().first() {
                    Some(b'+') => new = new.saturating_sub(1),
                    Some(b'-') => old = old.saturating_sub(1),
                    Some(b' ') | None => {
                        (old, new) = (old.saturating_sub(1), new.saturating_sub(1));
                    }
                    Some(b'\\') => {}
                    // Broken by a mail program, or the author's own again.
                    Some(_) => break,
                }
                at += 1;
            }
            end = at;
            continue;
        }
        let goes_on = HEADS.iter().any(|head| line.starts_with(head))
            || line.starts_with("--- ")
            || line.starts_with("+++ ")
            || line.starts_with("====")
            || line.starts_with("\\ No newline")
            || line == "---"
            || is_stat(line)
            || is_sum(line)
            || line.starts_with(" create mode ")
            || line.starts_with(" delete mode ");
        if goes_on {
            at += 1;
            end = at;
        } else if line.trim().is_empty() {
            at += 1;
        } else {
            break;
        }
    }
    end
}
