use idiolect_core::{Entry, Ranked, Reason, Span, truncate_graphemes};

use crate::Source;

/// How much of the past later stages see, in characters (paper §4.2).
pub const PAST_CHARACTERS: usize = 2500;

/// Stands between two entries.
const BLANK_LINE: &str = "\n\n";

/// The ranked entries as every later stage sees them: E_t.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PastPassages {
    /// At most 2,500 characters: entries in the order of their ranks, white space around each
    /// removed, a blank line between them.
    pub text: String,
    /// Every ranked entry, kept or dropped and why.
    pub entries: Vec<Entry>,
    /// For each entry, the bytes of its document's content that stand in `text`; empty where it
    /// was dropped.
    pub shown: Vec<Span>,
}

/// Joins ranked entries, best first, and cuts the whole at 2,500 characters, never inside a
/// grapheme (paper §4.2).
pub fn past_passages(ranked: &[Ranked]) -> PastPassages {
    let mut past = PastPassages::default();
    let mut left = PAST_CHARACTERS;
    for entry in ranked {
        let whole = entry.text.trim();
        let separator = if past.text.is_empty() { "" } else { BLANK_LINE };
        let shown = truncate_graphemes(whole, left.saturating_sub(separator.len()));
        let reason = match () {
            () if whole.is_empty() => Reason::Blank,
            () if shown.is_empty() => Reason::BeyondLimit,
            () if shown.len() < whole.len() => Reason::Shortened,
            () => Reason::Whole,
        };
        let start = entry.span.start + (entry.text.len() - entry.text.trim_start().len());
        past.shown.push(start..start + shown.len());
        past.entries.push(Entry {
            document: entry.document.clone(),
            date: entry.date,
            title: entry.title.clone(),
            span: entry.span.clone(),
            score: entry.score,
            rank: entry.rank,
            kept: !shown.is_empty(),
            reason,
            text: entry.text.clone(),
        });
        if !shown.is_empty() {
            past.text.push_str(separator);
            past.text.push_str(shown);
            left -= separator.len() + shown.chars().count();
        }
        if matches!(reason, Reason::Shortened | Reason::BeyondLimit) {
            left = 0;
        }
    }
    past
}

/// What a model read of the ranked entries, given its whole input: each of them that reached it, and
/// whether as a whole. Past passages give way first where an input is too long, from their end.
pub fn read_by_model<'a>(
    entries: &'a [Entry],
    past_passages: &str,
    input: &str,
) -> Vec<(&'a Entry, bool)> {
    let prefix = format!("{} ", Source::PastPassages.prefix());
    let read = input
        .match_indices(&prefix)
        .map(|(at, _)| &input[at + prefix.len()..])
        .find(|rest| past_passages.starts_with(rest))
        .map_or(0, str::len);
    let mut start = 0;
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.kept) {
        let end = start + entry.text.trim().len();
        if start < read {
            found.push((entry, end <= read));
        }
        start = end + BLANK_LINE.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranked(texts: &[String]) -> Vec<Ranked> {
        let entry = |(i, text): (usize, &String)| Ranked {
            rank: i + 1,
            score: 1.0 / (i + 1) as f32,
            document: format!("d{i}"),
            author: "ana".into(),
            date: None,
            title: None,
            snippet: None,
            span: 10..10 + text.len(),
            text: text.clone(),
        };
        texts.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn entries_are_kept_shortened_or_dropped() {
        let texts = [
            " First. ".to_owned(),
            " \n".to_owned(),
            "x".repeat(2400),
            "é".repeat(300),
            "late".to_owned(),
        ];
        let past = past_passages(&ranked(&texts));
        let reasons: Vec<_> = past.entries.iter().map(|e| (e.kept, e.reason)).collect();
        assert_eq!(
            reasons,
            [
                (true, Reason::Whole),
                (false, Reason::Blank),
                (true, Reason::Whole),
                (true, Reason::Shortened),
                (false, Reason::BeyondLimit),
            ]
        );
        assert!(past.text.starts_with("First.\n\nxxx"));
        assert_eq!(past.text.chars().count(), 2500);
        assert_eq!(past.shown[0], 11..17);
        assert_eq!(past.shown[3].len(), 2 * (2500 - 6 - 2 - 2400 - 2));
        assert!(past.shown[4].is_empty());
    }

    #[test]
    fn what_the_model_read_of_them() {
        let texts = ["One past passages: two.".to_owned(), "Three.\n".to_owned()];
        let past = past_passages(&ranked(&texts));
        let read = |characters: usize| -> Vec<(usize, bool)> {
            let input = format!("Do. past passages: {}", &past.text[..characters]);
            read_by_model(&past.entries, &past.text, &input)
                .into_iter()
                .map(|(entry, whole)| (entry.rank, whole))
                .collect()
        };
        assert_eq!(read(past.text.len()), [(1, true), (2, true)]);
        assert_eq!(read(past.text.len() - 1), [(1, true), (2, false)]);
        assert_eq!(read(23), [(1, true)]);
        assert_eq!(read(20), [(1, false)]);
        assert_eq!(read_by_model(&past.entries, &past.text, "Do."), []);
    }

    #[test]
    fn no_past_is_an_empty_text() {
        assert_eq!(past_passages(&[]), PastPassages::default());
    }

    proptest! {
        #[test]
        fn the_limit_holds_and_the_text_is_the_beginning_of_the_join(
            texts in prop::collection::vec("(\\PC|e\u{301}|👩‍👧|\r\n){0,900}", 0..8),
        ) {
            let past = past_passages(&ranked(&texts));
            prop_assert!(past.text.chars().count() <= PAST_CHARACTERS);
            let trimmed: Vec<&str> =
                texts.iter().map(|t| t.trim()).filter(|t| !t.is_empty()).collect();
            let joined = trimmed.join(BLANK_LINE);
            prop_assert!(joined.starts_with(&past.text));
            if joined.chars().count() <= PAST_CHARACTERS {
                prop_assert_eq!(&joined, &past.text);
            }
            for ((entry, shown), text) in past.entries.iter().zip(&past.shown).zip(&texts) {
                prop_assert_eq!(&entry.text, text);
                prop_assert_eq!(entry.kept, !shown.is_empty());
                let piece = &text[shown.start - 10..shown.end - 10];
                prop_assert!(past.text.contains(piece));
            }
        }
    }
}
