//! One archive of many authors: how long a search among one author's documents takes, and how large
//! the file is beside the text in it.
//!
//! ```text
//! cargo bench -p idiolect-archive --bench authors -- [NUMBER OF AUTHORS]… [TEXTS.jsonl] [FOLDER]
//! ```
//!
//! Every author has 20 documents; without arguments there are 20 and 100 authors, which takes a
//! second. Texts are invented, or those of a file of JSON Lines with `text`, over and over. In a
//! folder that is named archives are kept, and those that are there are not made again: so they can
//! be made while the machine is busy and searched when it is not. Prints a line of JSON a figure.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints figures and has nobody to hand an error to"
)]

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use idiolect_archive::{Archive, Source};
use idiolect_core::{Before, Document, Encoder, EncoderError, Ranking};
use idiolect_retrieval::{Bm25, Past, Query};
use serde_json::{Value, json};

const DOCUMENTS_OF_AN_AUTHOR: usize = 20;
/// Of an author of invented texts.
const WORDS_OF_A_DOCUMENT: u64 = 160;
const DOCUMENTS_OF_AN_IMPORT: usize = 5_000;
const QUERIES: usize = 2_000;
const WORDS_OF_A_QUERY: usize = 25;
/// As many numbers as a vector of the built-in encoder has.
const DIMENSIONS: usize = 128;

fn main() {
    let mut sizes: Vec<usize> = Vec::new();
    let mut texts = Texts::Invented;
    let temporary = tempfile::tempdir().unwrap();
    let mut folder = temporary.path().to_owned();
    // Cargo itself adds options.
    for argument in std::env::args()
        .skip(1)
        .filter(|one| !one.starts_with("--"))
    {
        match argument.parse() {
            Ok(size) => sizes.push(size),
            Err(_) if Path::new(&argument).is_dir() => folder = argument.into(),
            Err(_) => texts = Texts::read(Path::new(&argument)),
        }
    }
    if sizes.is_empty() {
        sizes = vec![20, 100];
    }
    for authors in sizes {
        measure(authors, &texts, &folder);
    }
}

fn measure(authors: usize, texts: &Texts, folder: &Path) {
    let size = format!("{authors} authors x {DOCUMENTS_OF_AN_AUTHOR} documents");
    let print = |metric: &str, value: f64, unit: &str| {
        let line = json!({
            "bench": "authors", "peer": "idiolect",
            "version": concat!("idiolect ", env!("CARGO_PKG_VERSION")), "threads": 1,
            "size": size, "metric": metric, "value": value, "unit": unit,
        });
        println!("{line}");
    };
    let dir = folder.join(format!("authors-{authors}"));
    // Written when the archive is whole.
    let of_texts = folder.join(format!("authors-{authors}.bytes"));
    if !of_texts.exists() {
        let begun = Instant::now();
        let bytes = fill(&dir, authors, texts);
        let documents = authors * DOCUMENTS_OF_AN_AUTHOR;
        let rate = documents as f64 / begun.elapsed().as_secs_f64();
        print("import", rate, "docs/s");
        std::fs::write(&of_texts, bytes.to_string()).unwrap();
    }
    let text_bytes: u64 = std::fs::read_to_string(&of_texts).unwrap().parse().unwrap();
    let bytes: u64 = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    print("text", text_bytes as f64 / f64::from(1 << 20), "MiB");
    print(
        "file size over text",
        bytes as f64 / text_bytes as f64,
        "ratio",
    );

    let mut random = Random(7);
    let mut asked = || {
        let author = random.below(authors as u64) as usize;
        let document = document(texts, author, random.below(20) as usize);
        let words: Vec<&str> = document.text.split_whitespace().collect();
        let start = random.below(words.len().saturating_sub(WORDS_OF_A_QUERY) as u64 + 1) as usize;
        let query = words[start..words.len().min(start + WORDS_OF_A_QUERY)].join(" ");
        (document.author, query)
    };
    let opened = Archive::open_read_only(&dir).unwrap();
    for (metric, archive) in [
        ("opening and one search", None),
        ("one search", Some(&opened)),
    ] {
        let mut times: Vec<f64> = (0..QUERIES)
            .map(|_| {
                let (author, text) = asked();
                let begun = Instant::now();
                search(&dir, archive, &author, &text);
                begun.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
            let at = (part * (QUERIES - 1) as f64).round() as usize;
            print(&format!("{metric}, {name}"), times[at], "ms");
        }
    }
}

fn search(dir: &Path, archive: Option<&Archive>, author: &str, text: &str) {
    let own;
    let archive = if let Some(archive) = archive {
        archive
    } else {
        own = Archive::open_read_only(dir).unwrap();
        &own
    };
    let past = archive.past(author, &Before::Now).unwrap();
    let query = Query { text, vector: None };
    let found = past
        .rank(&query, Ranking::DocBm25, &Bm25::default(), 10)
        .unwrap();
    assert!(!found.is_empty());
}

/// Imports all documents; gives how many bytes of text they have.
fn fill(dir: &Path, authors: usize, texts: &Texts) -> u64 {
    let mut archive = Archive::create_or_open(dir).unwrap();
    let source = Source {
        location: "invented".to_owned(),
        format: "jsonl".to_owned(),
        content_hash: None,
    };
    let mut bytes = 0;
    let mut batch = Vec::new();
    for at in 0..authors * DOCUMENTS_OF_AN_AUTHOR {
        let one = document(
            texts,
            at / DOCUMENTS_OF_AN_AUTHOR,
            at % DOCUMENTS_OF_AN_AUTHOR,
        );
        bytes += one.text.len() as u64;
        batch.push(one);
        if batch.len() == DOCUMENTS_OF_AN_IMPORT {
            archive.import(&source, &batch, Some(&Scattered)).unwrap();
            batch.clear();
        }
    }
    archive.import(&source, &batch, Some(&Scattered)).unwrap();
    bytes
}

fn document(texts: &Texts, author: usize, n: usize) -> Document {
    let text = match texts {
        Texts::Invented => invented(author as u64, n as u64),
        Texts::Of(texts) => texts[(author * DOCUMENTS_OF_AN_AUTHOR + n) % texts.len()].clone(),
    };
    Document {
        id: format!("author{author}-{n}"),
        n: Some(n as i64),
        ..Document::new(&format!("author{author}"), "", &text)
    }
}

enum Texts {
    Invented,
    Of(Vec<String>),
}

impl Texts {
    fn read(path: &Path) -> Self {
        let lines = std::io::BufReader::new(std::fs::File::open(path).unwrap()).lines();
        let texts: Vec<String> = lines
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
            .filter_map(|line| Some(line["text"].as_str()?.to_owned()))
            .filter(|text| !text.trim().is_empty())
            .collect();
        assert!(!texts.is_empty(), "no texts in {}", path.display());
        Self::Of(texts)
    }
}

/// Words as often as Zipf says, of which each author has some thousand, in sentences.
fn invented(author: u64, n: u64) -> String {
    let mut random = Random(author << 20 | n << 8 | 1);
    let words = WORDS_OF_A_DOCUMENT / 2 + random.below(WORDS_OF_A_DOCUMENT);
    let mut text = String::new();
    for at in 0..words {
        let rank = ((random.fraction() * (20_000_f64).ln()).exp()) as u64;
        // What is rare is rare in its own way with everybody.
        let word = if rank < 500 {
            rank
        } else {
            rank + 20_000 * (author % 97)
        };
        if at % 14 == 0 && at > 0 {
            text.push('.');
        }
        if at > 0 {
            text.push(' ');
        }
        spell(word, &mut text);
    }
    text + "."
}

/// A word like any other, longer with a larger number.
fn spell(mut word: u64, text: &mut String) {
    const SYLLABLES: [&str; 16] = [
        "ta", "re", "mo", "sil", "ban", "ku", "ven", "o", "dri", "shu", "la", "pem", "gor", "ni",
        "fal", "est",
    ];
    loop {
        text.push_str(SYLLABLES[(word % 16) as usize]);
        word /= 16;
        if word == 0 {
            return;
        }
    }
}

/// Vectors that a text always gets again, and that no two texts share.
struct Scattered;

impl Encoder for Scattered {
    fn identity(&self) -> &'static str {
        "scattered"
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        let vector = |text: &&str| {
            let seed = text.bytes().fold(1, |seed: u64, byte| {
                seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
            });
            let mut random = Random(seed);
            let numbers = (0..DIMENSIONS).map(|_| random.fraction() as f32 - 0.5);
            let numbers: Vec<f32> = numbers.collect();
            let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
            numbers.into_iter().map(|x| x / length).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// SplitMix64: the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 0 up to 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
