//! Small archives, made at random, and an encoder that needs no weights.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use idiolect_core::{Before, Document, Encoder, EncoderError, Span, snippets};
use idiolect_retrieval::{
    Analyzer, Bm25, Past, PastError, Query, Segment, SegmentDocument, SegmentPart, SegmentsPast,
    Texts, TextsError, Vectors,
};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) const WORDS: [&str; 8] = [
    "sea", "boat", "letter", "wall", "storm", "rope", "oar", "gull",
];

/// Counts words: dimension i is how often `WORDS[i]` is there.
pub(crate) struct WordCounts;

impl Encoder for WordCounts {
    fn identity(&self) -> &'static str {
        "word-counts"
    }

    fn dimensions(&self) -> usize {
        WORDS.len()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        let embed = |text: &&str| {
            let counts = WORDS.map(|word| text.matches(word).count() as f32);
            let norm = counts.iter().map(|x| x * x).sum::<f32>().sqrt();
            counts
                .map(|x| if norm > 0.0 { x / norm } else { 0.0 })
                .to_vec()
        };
        Ok(texts.iter().map(embed).collect())
    }
}

/// Documents whose dates and orders often coincide: all dated, none dated, or some.
pub(crate) fn documents() -> impl Strategy<Value = Vec<Document>> {
    let text = vec((0..WORDS.len(), 1..40_usize), 0..6).prop_map(|runs| {
        let sentences: Vec<_> = runs
            .into_iter()
            .map(|(word, times)| format!("{}.", [WORDS[word]].repeat(times).join(" the ")))
            .collect();
        sentences.join(" ")
    });
    let one = (text, 0..6_i64, option::of(0..4_i64));
    (vec(one, 1..14), 0..3_u8).prop_flat_map(|(facts, kind)| {
        let count = facts.len();
        vec(any::<bool>(), count).prop_map(move |dated| {
            let dated = |i: usize| kind == 0 || kind == 1 && dated[i];
            let document =
                |(i, (text, second, n)): (usize, &(String, i64, Option<i64>))| Document {
                    // Not in order of time.
                    id: format!("d{}", (i * 7) % count.next_multiple_of(7).max(1) * 100 + i),
                    date: dated(i).then(|| Timestamp::new(*second, 0).unwrap()),
                    n: *n,
                    ..Document::new("ana", if i % 3 == 0 { "gull" } else { "" }, text)
                };
            facts.iter().enumerate().map(document).collect()
        })
    })
}

/// Every kind of moment that there is for `documents`.
pub(crate) fn moments(documents: &[Document]) -> Vec<Before> {
    let times = (-1..7).map(|second| Before::Time(Timestamp::new(second, 0).unwrap()));
    let drafts = documents.iter().map(|one| Before::Document(one.id.clone()));
    times.chain(drafts).chain([Before::Now]).collect()
}

/// The rule of what is past, read off the page and nothing else.
pub(crate) fn is_past(documents: &[Document], index: usize, before: &Before) -> bool {
    let own_date = documents[index].date;
    match before {
        Before::Now => true,
        Before::Time(time) => own_date.is_some_and(|date| date < *time),
        Before::Document(id) => {
            let draft = documents.iter().position(|one| one.id == *id).unwrap();
            let some_are_dated = documents.iter().any(|one| one.date.is_some());
            let order = |i: usize| (documents[i].n.unwrap_or(i64::MAX), i);
            match documents[draft].date {
                Some(time) => own_date.is_some_and(|date| date < time),
                None if some_are_dated => false,
                None => order(index) < order(draft),
            }
        }
    }
}

pub(crate) fn past_of(documents: &[Document], before: &Before) -> Vec<Document> {
    (0..documents.len())
        .filter(|&index| is_past(documents, index, before))
        .map(|index| documents[index].clone())
        .collect()
}

/// A segment of those documents whose indices are given; the index is the sequence.
pub(crate) fn segment(documents: &[Document], indices: &[usize], analyzer: Analyzer) -> Vec<u8> {
    let contents: Vec<(usize, String, Vec<Span>)> = indices
        .iter()
        .map(|&index| {
            let content = documents[index].content().into_owned();
            let spans = snippets(&content);
            (index, content, spans)
        })
        .collect();
    let indexed: Vec<_> = contents
        .iter()
        .map(|(index, content, spans)| SegmentDocument {
            id: &documents[*index].id,
            date: documents[*index].date,
            n: documents[*index].n,
            sequence: *index as u64,
            content,
            snippets: spans,
        })
        .collect();
    let vectors = Vectors::embed(&indexed, &WordCounts).unwrap();
    Segment::build(&indexed, Some(&vectors), analyzer).unwrap()
}

pub(crate) fn part(bytes: Vec<u8>) -> SegmentPart {
    SegmentPart {
        segment: Segment::open(bytes).unwrap(),
        removed: Vec::new(),
    }
}

pub(crate) fn past(
    documents: &[Document],
    parts: Vec<SegmentPart>,
    before: &Before,
) -> Result<SegmentsPast, PastError> {
    SegmentsPast::new("ana", parts, Arc::new(Shelf(documents.to_vec())), before)
}

struct Shelf(Vec<Document>);

impl Texts for Shelf {
    fn document(&self, id: &str) -> Result<Document, TextsError> {
        let found = self.0.iter().find(|document| document.id == id).cloned();
        found.ok_or_else(|| format!("no `{id}`").into())
    }
}

/// Everything that `past` can be asked, written out with the bits of every score.
pub(crate) fn answers(past: &dyn Past, text: &str) -> String {
    use idiolect_core::Ranking::{DocBm25, DocBySnippet, DocDense, Hybrid, Recent, Snippet};

    let vector = WordCounts.embed(&[text]).unwrap().remove(0);
    let query = Query {
        text,
        vector: Some(&vector),
    };
    let bm25 = Bm25::default();
    let mut written = format!("{}\n", past.documents());
    for ranking in [Recent, DocBm25, DocDense, Snippet, DocBySnippet, Hybrid] {
        for k in [3, 100] {
            for one in past.rank(&query, ranking, &bm25, k).unwrap() {
                writeln!(written, "{ranking:?} {} {one:?}", one.score.to_bits()).unwrap();
            }
        }
    }
    let mut visible = Vec::new();
    past.visit(&mut |document| {
        visible.push(document.id.clone());
        ControlFlow::Continue(())
    })
    .unwrap();
    for id in visible {
        writeln!(written, "{:?}", past.explain(&query, &bm25, &id).unwrap()).unwrap();
    }
    written
}
