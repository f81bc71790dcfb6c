//! How a passage is shown to a person: the part that answers a query, with its words marked.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;

use idiolect_core::first_characters;
use idiolect_retrieval::Analyzer;
use unicode_segmentation::UnicodeSegmentation;

use crate::printer::BOLD;

/// How much of a passage is shown, in characters.
const EXCERPT_CHARACTERS: usize = 240;
/// How much of it stands before the first word looked for.
const LEAD_CHARACTERS: usize = 40;

/// The beginning of a text in one line.
pub(crate) fn excerpt(text: &str) -> String {
    let line = one_line(text);
    let start = first_characters(&line, EXCERPT_CHARACTERS);
    if start.len() == line.len() {
        line
    } else {
        format!("{start}…")
    }
}

/// The terms of a query, to be found again in passages.
pub(crate) struct Sought {
    analyzer: Analyzer,
    terms: HashSet<String>,
}

/// A word that was looked for: where it stands, and its term.
type Hit = (Range<usize>, String);

impl Sought {
    pub(crate) fn new(query: &str, analyzer: Analyzer) -> Self {
        Self {
            terms: analyzer.terms(query).into_iter().collect(),
            analyzer,
        }
    }

    /// In one line the part where the most different terms stand close together, its words marked.
    pub(crate) fn excerpt(&self, text: &str) -> String {
        let line = one_line(text);
        let hits = self.hits(&line);
        let start = hits
            .get(densest(&line, &hits))
            .map_or(0, |(first, _)| before(&line, first.start));
        let shown = first_characters(&line[start..], EXCERPT_CHARACTERS);
        let end = start + shown.len();
        let mut excerpt = String::new();
        if start > 0 {
            excerpt.push('…');
        }
        excerpt.push_str(&marked(&line, start..end, &hits));
        if end < line.len() {
            excerpt.push('…');
        }
        excerpt
    }

    /// A text as it is, its words marked.
    pub(crate) fn mark(&self, text: &str) -> String {
        let text = printable(text);
        let hits = self.hits(&text);
        marked(&text, 0..text.len(), &hits)
    }

    fn hits(&self, text: &str) -> Vec<Hit> {
        if self.terms.is_empty() {
            return Vec::new();
        }
        text.unicode_word_indices()
            .filter_map(|(start, word)| {
                let mut terms = self.analyzer.terms(word).into_iter();
                let term = terms.find(|term| self.terms.contains(term))?;
                Some((start..start + word.len(), term))
            })
            .collect()
    }
}

/// The hit from which on an excerpt holds the most different terms; of equals the first.
fn densest(line: &str, hits: &[Hit]) -> usize {
    let mut best = (0, 0);
    for (i, (first, _)) in hits.iter().enumerate() {
        let reach = first_characters(&line[first.start..], EXCERPT_CHARACTERS - LEAD_CHARACTERS);
        let end = first.start + reach.len();
        let within = hits[i..].iter().take_while(|(word, _)| word.end <= end);
        let different: HashSet<&str> = within.map(|(_, term)| term.as_str()).collect();
        if different.len() > best.0 {
            best = (different.len(), i);
        }
    }
    best.1
}

/// A word's start at most [`LEAD_CHARACTERS`] before `place`.
fn before(line: &str, place: usize) -> usize {
    let lead = line[..place]
        .char_indices()
        .rev()
        .take(LEAD_CHARACTERS)
        .last()
        .map_or(place, |(i, _)| i);
    match line[lead..place].find(' ') {
        _ if lead == 0 => 0,
        Some(space) => lead + space + 1,
        None => place,
    }
}

fn marked(text: &str, part: Range<usize>, hits: &[Hit]) -> String {
    let mut marked = String::new();
    let mut done = part.start;
    for (word, _) in hits {
        if word.start >= done && word.end <= part.end {
            // Writing to a string cannot fail.
            let _ = write!(
                marked,
                "{}{BOLD}{}{BOLD:#}",
                &text[done..word.start],
                &text[word.clone()]
            );
            done = word.end;
        }
    }
    marked.push_str(&text[done..part.end]);
    marked
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    printable(&words.join(" "))
}

/// Without what would steer a terminal: somebody else may have written the text.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn an_excerpt_shows_where_the_terms_stand_together() {
        let sought = Sought::new("bridges of stone", Analyzer::English);
        let far = "A bridge. ".to_owned() + &"Nothing of note here. ".repeat(30);
        let text = format!("{far}Then the stone bridge stood before us.\n\nAnd we went on.");
        let excerpt = sought.excerpt(&text);
        assert!(excerpt.contains(&format!("{BOLD}stone{BOLD:#} {BOLD}bridge{BOLD:#}")));
        let excerpt = plain(&excerpt);
        assert!(excerpt.starts_with('…') && excerpt.ends_with("us. And we went on."));
        assert_eq!(plain(&sought.excerpt("A short bridge.")), "A short bridge.");
    }

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        let sought = Sought::new("x", Analyzer::Plain);
        assert_eq!(sought.mark("a\u{1b}[2Jb\u{7}\n"), "a[2Jb\n");
        assert_eq!(excerpt("a\u{1b}]0;t\u{7}b"), "a]0;tb");
    }

    #[test]
    fn excerpts_of_any_text_and_query() {
        for (query, text) in [
            ("", "Some text."),
            ("…", "… ☂"),
            ("wort", &"wort".repeat(500)),
            ("ä", &"ä ".repeat(500)),
            ("the of", "the of"),
        ] {
            let found = plain(&Sought::new(query, Analyzer::Plain).excerpt(text));
            assert!(found.chars().count() <= EXCERPT_CHARACTERS + 2, "{found}");
        }
    }
}
