//! The packs whose terms allow it, with the demo's authors left out.

use std::{
    collections::{BTreeMap, HashSet},
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, Result};
use idiolect_core::{Document, parse_date, sentences};
use serde::Deserialize;

/// Written by one person, in order of time.
pub(crate) struct Author {
    pub(crate) name: String,
    pub(crate) documents: Vec<Document>,
    /// Held back from every kind of training.
    pub(crate) validation: bool,
}

#[derive(Deserialize)]
struct Line {
    user: String,
    date: Option<String>,
    title: Option<String>,
    text: String,
    n: i64,
}

/// A document and what it says in short.
#[derive(Deserialize)]
pub(crate) struct Summarized {
    pub(crate) repo: String,
    pub(crate) document: String,
    pub(crate) summary: String,
}

/// One author in so many is held back.
const VALIDATION_ONE_IN: u64 = 12;

/// Authors of `authored_clean`, the demo's left out. An author with undated documents is ordered
/// by `n` throughout, so that nothing is left out.
pub(crate) fn authors(data: &Path) -> Result<Vec<Author>> {
    let mut demo = HashSet::new();
    for file in ["demo_author_1.jsonl", "demo_author_2.jsonl"] {
        for line in fs_err::read_to_string(data.join(file))?.lines() {
            demo.insert(serde_json::from_str::<Line>(line)?.user);
        }
    }
    let mut found: BTreeMap<String, Vec<Document>> = BTreeMap::new();
    for line in BufReader::new(open(data, "authored_clean.jsonl.zst")?).lines() {
        let line: Line = serde_json::from_str(&line?)?;
        if demo.contains(&line.user) {
            continue;
        }
        found.entry(line.user.clone()).or_default().push(Document {
            id: line.n.to_string(),
            author: line.user,
            date: line.date.as_deref().and_then(|date| parse_date(date).ok()),
            n: Some(line.n),
            title: line.title,
            text: line.text,
            kind: None,
            thread: None,
            to: None,
        });
    }
    Ok(found
        .into_iter()
        .map(|(name, mut documents)| {
            documents.sort_by_key(|document| document.n);
            if documents.iter().any(|document| document.date.is_none()) {
                for document in &mut documents {
                    document.date = None;
                }
            }
            Author {
                validation: hash(&name).is_multiple_of(VALIDATION_ONE_IN),
                name,
                documents,
            }
        })
        .collect())
}

/// Characters of a novel's scene, and how many scenes of a novel are taken.
const SCENE_CHARACTERS: usize = 2_000;
const SCENES: usize = 240;

/// Novels as if each were one author's documents: scenes in order, titled by the book and their
/// number. So the tasks are learned on story-telling too.
pub(crate) fn novels(data: &Path) -> Result<Vec<Author>> {
    let books = general(data, "general_novels")?;
    Ok(books
        .iter()
        .zip(0..)
        .map(|(book, number)| {
            let title = title_case(book.lines().next().unwrap_or_default());
            let mut scenes = whole_sentences(book, SCENE_CHARACTERS);
            scenes.truncate(SCENES);
            author_of(format!("novel {number}"), &scenes, &|n| {
                format!("{title}, {n}")
            })
        })
        .collect())
}

/// General documents as if each were an author of up to `most` passages of so many characters. One
/// document tells more about its author's ways than nothing, and there are thousands.
pub(crate) fn documents_as_authors(
    data: &Path,
    characters: usize,
    most: usize,
) -> Result<Vec<Author>> {
    let documents = general(data, "general_clean")?;
    Ok(documents
        .iter()
        .filter(|document| document.len() > 4 * characters)
        .zip(0..)
        .map(|(document, number)| {
            let mut passages = whole_sentences(document, characters);
            passages.truncate(most);
            let name = format!("document {number}");
            author_of(name, &passages, &|_| String::new())
        })
        .collect())
}

/// Parts of one text as the documents of one author to learn from, in order, titled by their number.
fn author_of(name: String, parts: &[String], title: &dyn Fn(i64) -> String) -> Author {
    let documents = parts
        .iter()
        .zip(1..)
        .map(|(part, n)| Document {
            id: n.to_string(),
            n: Some(n),
            ..Document::new(&name, &title(n), part.trim())
        })
        .collect();
    Author {
        name,
        documents,
        validation: false,
    }
}

fn title_case(line: &str) -> String {
    let words: Vec<String> = line
        .split_whitespace()
        .map(|word| {
            let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            first.to_owned() + &rest.to_lowercase()
        })
        .collect();
    words.join(" ")
}

/// `text` cut between sentences into parts of at least so many characters, but for the last.
pub(crate) fn whole_sentences(text: &str, characters: usize) -> Vec<String> {
    let mut found: Vec<String> = vec![String::new()];
    for sentence in sentences(text) {
        let sentence = &text[sentence];
        match found.last_mut() {
            Some(last) if last.len() < characters => last.push_str(sentence),
            _ => found.push(sentence.to_owned()),
        }
    }
    found
}

/// The documents of a general pack; of the novels, Chesterton's are left out.
pub(crate) fn general(data: &Path, pack: &str) -> Result<Vec<String>> {
    let mut text = String::new();
    open(data, &format!("{pack}.txt.zst"))?.read_to_string(&mut text)?;
    let chesterton = [
        "THE INNOCENCE OF FATHER BROWN",
        "The Napoleon of\nNotting Hill",
        "A cloud was on the mind of men",
    ];
    Ok(text
        .split("\n<|endoftext|>\n")
        .map(|document| document.trim_start_matches('\u{feff}').trim())
        .filter(|document| !document.is_empty())
        .filter(|document| {
            let start = idiolect_core::first_characters(document, 2_000);
            !chesterton.iter().any(|mark| start.contains(mark))
        })
        .map(str::to_owned)
        .collect())
}

/// The pairs of `summaries_clean`, those from the demo's authors left out.
pub(crate) fn summaries(data: &Path) -> Result<Vec<Summarized>> {
    let mut found = Vec::new();
    for line in BufReader::new(open(data, "summaries_clean.jsonl.zst")?).lines() {
        let pair: Summarized = serde_json::from_str(&line?)?;
        if !pair.repo.starts_with("edsu/") && !pair.repo.starts_with("benbalter/") {
            found.push(pair);
        }
    }
    Ok(found)
}

fn open(data: &Path, file: &str) -> Result<impl Read> {
    let path = data.join(file);
    let opened = fs_err::File::open(&path)?;
    zstd::Decoder::new(opened).with_context(|| format!("{} is not zstd", path.display()))
}

/// FNV-1a: the same everywhere and always.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
