use std::borrow::Cow;
use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use idiolect_core::{Before, Document, Ranking};
use idiolect_retrieval::{Analyzer, Bm25, MemoryPast, Past, Query, Segment, SegmentDocument, Walk};

use crate::report::{Of, cpu_time, each};

const K: usize = 100;
const QUERY_CHARACTERS: usize = 150;

fn documents(texts: Vec<String>) -> Vec<Document> {
    texts
        .into_iter()
        .zip(0..)
        .map(|(text, n)| Document {
            id: n.to_string(),
            n: Some(n),
            ..Document::new("writer", "", &text)
        })
        .collect()
}

fn read<T: serde::de::DeserializeOwned>(path: &str) -> Result<Vec<T>, Box<dyn Error>> {
    let file = fs::read_to_string(path)?;
    Ok(file
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

/// All snippets as documents of one author, who is asked for the best of them.
pub(crate) fn archive(snippets: &str, queries: &str) -> Result<(), Box<dyn Error>> {
    let documents = documents(read(snippets)?);
    let queries: Vec<String> = read(queries)?;
    let size = format!("{} snippets", documents.len());
    let of = |bench| Of { bench, size: &size };
    let began = Instant::now();
    let past = MemoryPast::new("writer", &documents, &Before::Now, None)?;
    let rate = documents.len() as f64 / began.elapsed().as_secs_f64();
    of("bm25.index").emit("tokenise, cut, index and copy the texts", rate, "docs/s");
    opening(&documents, &of("segment"))?;
    let bm25 = Bm25::default();
    let mut found = 0;
    let calls = each(&queries, |text| {
        let asked = past.find(&query_of(text), Ranking::DocBm25, &bm25, K, &mut |_| {
            found += 1;
        });
        assert!(asked.is_ok());
    });
    assert!(found > 0);
    of("bm25.query").emit_latency("top 100, tokenising included", calls);
    let calls = each(&queries, |text| {
        assert!(
            past.rank(&query_of(text), Ranking::DocBm25, &bm25, K)
                .is_ok()
        );
    });
    of("bm25.query").emit_latency("top 100, tokenising and texts of the found included", calls);
    Ok(())
}

/// What it costs to open an index, and how long it is.
fn opening(documents: &[Document], of: &Of<'_>) -> Result<(), Box<dyn Error>> {
    let whole: Vec<_> = documents.iter().map(|one| 0..one.text.len()).collect();
    let parts: Vec<_> = documents
        .iter()
        .zip(&whole)
        .map(|(document, whole)| SegmentDocument {
            id: &document.id,
            date: None,
            n: document.n,
            sequence: 0,
            content: &document.text,
            snippets: std::slice::from_ref(whole),
        })
        .collect();
    let index: Arc<[u8]> = Segment::build(&parts, None, Analyzer::English)?.into();
    let text: usize = documents.iter().map(|one| one.text.len()).sum();
    of.emit(
        "index, bytes for each of text",
        index.len() as f64 / text as f64,
        "bytes",
    );
    let calls = each(&[(); 50], |()| {
        let opened = Segment::open_index(Arc::clone(&index), || Ok([].into()));
        assert!(opened.is_ok());
    });
    of.emit_latency("open the index", calls);
    Ok(())
}

fn query_of(text: &str) -> Query<'_> {
    Query { text, vector: None }
}

/// Each document asks its author's earlier ones with its first characters, then is one of them.
pub(crate) fn as_of(authors: &str) -> Result<(), Box<dyn Error>> {
    let authors: Vec<Vec<String>> = read(authors)?;
    let authors: Vec<Vec<Document>> = authors.into_iter().map(documents).collect();
    let total: usize = authors.iter().map(Vec::len).sum();
    let size = format!("{} authors, {total} documents", authors.len());
    let of = Of {
        bench: "bm25.as-of",
        size: &size,
    };
    let mut runs = Vec::new();
    for _ in 0..3 {
        let (began, spent) = (Instant::now(), cpu_time());
        let (mut asked, mut found) = (0, 0);
        let mut walk = Walk::new(Bm25::default());
        for documents in &authors {
            let mut query = |document: &Document| {
                let text = document.content();
                let end = text.char_indices().nth(QUERY_CHARACTERS);
                let end = end.map_or(text.len(), |(end, _)| end);
                Cow::Owned(text[..end].to_owned())
            };
            walk.author(documents, K, &mut query, &mut |_, earlier| {
                asked += 1;
                found += earlier.len();
            });
        }
        assert!(asked == total && found > 0);
        let spent = cpu_time()
            .zip(spent)
            .map(|(now, then)| now.saturating_sub(then));
        runs.push((began.elapsed(), spent));
    }
    runs.sort_unstable();
    let (wall, cpu) = runs[runs.len() / 2];
    let queries = (total - authors.len()) as f64;
    of.emit("total time", wall.as_secs_f64(), "s");
    of.emit("queries/s", queries / wall.as_secs_f64(), "queries/s");
    if let Some(cpu) = cpu {
        of.emit("total time, by CPU time", cpu.as_secs_f64(), "s");
    }
    Ok(())
}
