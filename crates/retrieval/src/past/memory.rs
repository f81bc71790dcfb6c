use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use idiolect_core::{Before, Document, Encoder, Ranked, Ranking, snippets};

use super::{Explanation, Found, Past, Query, SegmentsPast, Texts, TextsError};
use crate::{Analyzer, Bm25, PastError, Segment, SegmentDocument, SegmentPart, Vectors};

/// The past of an author whose documents are all in memory: the same kernel over one segment.
#[derive(Clone)]
pub struct MemoryPast(SegmentsPast);

impl MemoryPast {
    /// The past of `author` in `documents`, whose order is the order of import; other authors'
    /// documents are passed over. Without an encoder the dense rankings are errors.
    ///
    /// # Errors
    /// As [`SegmentsPast::new`]; the encoder's; [`crate::SegmentError::DuplicateDocument`] where an
    /// id is there twice.
    pub fn new(
        author: &str,
        documents: &[Document],
        before: &Before,
        encoder: Option<&dyn Encoder>,
    ) -> Result<Self, PastError> {
        let own = || {
            documents
                .iter()
                .filter(|document| document.author == author)
        };
        let contents: Vec<_> = own()
            .map(|document| {
                let content = document.content();
                let spans = snippets(&content);
                (document, content, spans)
            })
            .collect();
        let indexed: Vec<_> = contents
            .iter()
            .zip(0..)
            .map(|((document, content, spans), sequence)| SegmentDocument {
                id: &document.id,
                date: document.date,
                n: document.n,
                sequence,
                content,
                snippets: spans,
            })
            .collect();
        let vectors = encoder
            .map(|encoder| Vectors::embed(&indexed, encoder))
            .transpose()
            .map_err(PastError::Encoder)?;
        let bytes = Segment::build(&indexed, vectors.as_ref(), Analyzer::default())?;
        let part = SegmentPart {
            segment: Segment::open(bytes)?,
            removed: Vec::new(),
        };
        let texts = own().map(|one| (one.id.clone(), one.clone())).collect();
        SegmentsPast::new(author, vec![part], Arc::new(MemoryTexts(texts)), before).map(Self)
    }

    /// The same documents before another moment; costs no more than the cut.
    ///
    /// # Errors
    /// As [`SegmentsPast::new`].
    pub fn at(&self, before: &Before) -> Result<Self, PastError> {
        self.0.at(before).map(Self)
    }

    /// As [`SegmentsPast::find`].
    ///
    /// # Errors
    /// As [`Past::rank`].
    pub fn find(
        &self,
        query: &Query<'_>,
        ranking: Ranking,
        bm25: &Bm25,
        k: usize,
        each: &mut dyn FnMut(Found<'_>),
    ) -> Result<(), PastError> {
        self.0.find(query, ranking, bm25, k, each)
    }
}

/// By id.
struct MemoryTexts(HashMap<String, Document>);

/// A [`SegmentsPast`] asks for no document that was not indexed, so this is never met.
#[derive(Debug, thiserror::Error)]
#[error("no document `{0}`")]
struct NoSuchDocument(String);

impl Texts for MemoryTexts {
    fn document(&self, id: &str) -> Result<Document, TextsError> {
        let found = self.0.get(id).cloned();
        found.ok_or_else(|| NoSuchDocument(id.to_owned()).into())
    }
}

impl Past for MemoryPast {
    fn author(&self) -> &str {
        self.0.author()
    }

    fn documents(&self) -> usize {
        self.0.documents()
    }

    fn encoder(&self) -> Option<&str> {
        self.0.encoder()
    }

    fn rank(
        &self,
        query: &Query<'_>,
        ranking: Ranking,
        bm25: &Bm25,
        k: usize,
    ) -> Result<Vec<Ranked>, PastError> {
        self.0.rank(query, ranking, bm25, k)
    }

    fn explain(
        &self,
        query: &Query<'_>,
        bm25: &Bm25,
        document: &str,
    ) -> Result<Explanation, PastError> {
        self.0.explain(query, bm25, document)
    }

    fn visit(&self, each: &mut dyn FnMut(&Document) -> ControlFlow<()>) -> Result<(), PastError> {
        self.0.visit(each)
    }
}
