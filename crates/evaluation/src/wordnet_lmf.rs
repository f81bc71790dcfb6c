//! The Global WordNet Association's XML: lexical entries with their senses, forms that are inflected
//! without a rule, and nothing else that is needed here.

use std::collections::HashMap;

/// What the file says, in its order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lexicon {
    pub(crate) entries: Vec<LexicalEntry>,
}

/// A word as one part of speech.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LexicalEntry {
    /// As written, spaces and all.
    pub(crate) lemma: String,
    /// `n`, `v`, `a`, `s` or `r`.
    pub(crate) part: char,
    /// Forms that no rule gives.
    pub(crate) forms: Vec<String>,
    /// Ids of its synsets.
    pub(crate) synsets: Vec<String>,
}

/// Reads the entries; the number of the line where the text is not such a file.
pub(crate) fn read(text: &str) -> Result<Lexicon, usize> {
    let mut lexicon = Lexicon::default();
    let mut entry: Option<LexicalEntry> = None;
    let mut is_lmf = false;
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let line = || 1 + text[..start].matches('\n').count();
        let rest = &text[start..];
        let (skipped, ends) = match () {
            () if rest.starts_with("<!--") => (true, "-->"),
            () if rest.starts_with("<![CDATA[") => (true, "]]>"),
            () => (false, ">"),
        };
        let length = if skipped {
            rest.find(ends)
        } else {
            end_of_tag(rest)
        }
        .ok_or_else(line)?;
        at = start + length + ends.len();
        if skipped {
            continue;
        }
        let tag = &rest[1..length];
        let name = tag
            .split(|c: char| c.is_whitespace() || c == '/')
            .find(|name| !name.is_empty())
            .unwrap_or_default();
        let closes = tag.starts_with('/');
        match (name, closes) {
            ("LexicalResource", false) => is_lmf = true,
            ("LexicalEntry", false) => entry = Some(LexicalEntry::default()),
            ("LexicalEntry", true) => lexicon.entries.extend(entry.take()),
            ("Lemma" | "Form" | "Sense", false) => {
                let entry = entry.as_mut().ok_or_else(line)?;
                let attributes = attributes(tag).ok_or_else(line)?;
                let take = |name: &str| attributes.get(name).cloned().ok_or_else(line);
                match name {
                    "Lemma" => {
                        entry.lemma = take("writtenForm")?;
                        entry.part = take("partOfSpeech")?.chars().next().ok_or_else(line)?;
                    }
                    "Form" => entry.forms.push(take("writtenForm")?),
                    _ => entry.synsets.push(take("synset")?),
                }
            }
            _ => {}
        }
    }
    if is_lmf { Ok(lexicon) } else { Err(1) }
}

/// Where the tag's `>` is: not one inside quotation marks.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn attributes(tag: &str) -> Option<HashMap<&str, String>> {
    let mut found = HashMap::new();
    let mut rest = tag;
    while let Some(equals) = rest.find('=') {
        let name = rest[..equals].split_whitespace().last()?;
        let value = rest[equals + 1..].trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let end = value[1..].find(quote)?;
        found.insert(name, unescaped(&value[1..=end]));
        rest = &value[end + 2..];
    }
    Some(found)
}

fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').unwrap_or(0);
        let name = rest.get(1..end).unwrap_or_default();
        let number =
            name.strip_prefix('#')
                .and_then(|number| match number.strip_prefix(['x', 'X']) {
                    Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
                    None => number.parse().ok(),
                });
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number.and_then(char::from_u32),
        };
        if let Some(character) = character {
            out.push(character);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_with_forms_and_senses() {
        let text = r#"<?xml version="1.0"?>
<!DOCTYPE LexicalResource SYSTEM "x.dtd">
<LexicalResource xmlns:dc="x"><Lexicon id="w" label="a > b">
<!-- <Lemma> -->
<LexicalEntry id="e1"><Lemma writtenForm="ox" partOfSpeech="n"><Pronunciation>&#594;ks</Pronunciation></Lemma>
 <Form writtenForm='oxen'/><Sense id="s1" synset="w-1"></Sense></LexicalEntry>
<LexicalEntry id="e2"><Lemma partOfSpeech="v" writtenForm="don&apos;t &#x41;"/><Sense id="s2" synset="w-2"/></LexicalEntry>
<Synset id="w-1" members="e1"><Definition>a "quoted" thing</Definition></Synset>
</Lexicon></LexicalResource>"#;
        let lexicon = read(text).unwrap();
        let found: Vec<_> = lexicon
            .entries
            .iter()
            .map(|e| {
                (
                    e.lemma.as_str(),
                    e.part,
                    e.forms.len(),
                    e.synsets[0].as_str(),
                )
            })
            .collect();
        assert_eq!(found, [("ox", 'n', 1, "w-1"), ("don't A", 'v', 0, "w-2")]);
    }

    #[test]
    fn what_is_no_such_file_is_an_error() {
        assert_eq!(read("words and words"), Err(1));
        assert_eq!(read("<LexicalResource>\n<Lemma writtenForm='a'/>"), Err(2));
        assert_eq!(read("<LexicalResource>\n\n<LexicalEntry"), Err(3));
        assert_eq!(read("<a b='"), Err(1));
    }
}
