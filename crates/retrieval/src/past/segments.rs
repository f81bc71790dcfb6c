use std::{borrow::Cow, ops::ControlFlow, sync::Arc};

use idiolect_core::{Before, Document, Ranked, Ranking};

use super::{Explanation, Found, Past, Query, Texts, Visible, VisiblePart};
use crate::ranking::{self, Candidate};
use crate::{Analyzer, Bm25, PastError, Segment, SegmentDocument, SegmentPart};

/// The past in an author's segments: the one search kernel, whatever stores the bytes.
#[derive(Clone)]
pub struct SegmentsPast {
    author: Arc<str>,
    parts: Arc<[SegmentPart]>,
    texts: Arc<dyn Texts>,
    visible: Visible,
}

impl SegmentsPast {
    /// What of `parts`, all of one author, is visible `before` a moment (the paper leaves the order open).
    /// Without any date among the author's documents, their order is `n`, then sequence, and
    /// [`Before::Document`] cuts there. Where only some are dated, the others are visible to
    /// [`Before::Now`] only, and the past of one of them is empty.
    ///
    /// # Errors
    /// [`PastError::UnknownDocument`] for [`Before::Document`] of an id that is not there.
    pub fn new(
        author: &str,
        parts: Vec<SegmentPart>,
        texts: Arc<dyn Texts>,
        before: &Before,
    ) -> Result<Self, PastError> {
        Ok(Self {
            author: author.into(),
            visible: Visible::before(&parts, before)?,
            parts: parts.into(),
            texts,
        })
    }

    /// The same documents before another moment; costs no more than the cut.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn at(&self, before: &Before) -> Result<Self, PastError> {
        Ok(Self {
            visible: Visible::before(&self.parts, before)?,
            ..self.clone()
        })
    }

    /// As [`Past::rank`], but no text is read: `each` is called with the best `k`, best first.
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
        self.candidates(query, ranking, bm25, k, &mut |candidate| {
            each(Found {
                score: candidate.score,
                document: candidate.part.segment.id(candidate.position),
                snippet: candidate.snippet,
            });
            Ok(())
        })
    }

    fn candidates(
        &self,
        query: &Query<'_>,
        ranking: Ranking,
        bm25: &Bm25,
        k: usize,
        each: &mut dyn FnMut(&Candidate<'_>) -> Result<(), PastError>,
    ) -> Result<(), PastError> {
        if ranking == Ranking::None || self.visible.documents == 0 {
            return Ok(());
        }
        let analyzed = match ranking {
            Ranking::DocBm25 | Ranking::Hybrid => self.analyzed(bm25.analyzer)?,
            _ => Cow::Borrowed(&self.visible),
        };
        ranking::rank(&self.visible, &analyzed, query, ranking, bm25, k)?
            .iter()
            .try_for_each(each)
    }

    /// What is visible, as terms of `analyzer`: segments made by another are made again from their
    /// texts, for this one query.
    fn analyzed(&self, analyzer: Analyzer) -> Result<Cow<'_, Visible>, PastError> {
        let fits = |part: &VisiblePart| part.segment.analyzer() == analyzer;
        if self.visible.parts.iter().all(fits) {
            return Ok(Cow::Borrowed(&self.visible));
        }
        let mut parts = Vec::with_capacity(self.visible.parts.len());
        for part in &self.visible.parts {
            parts.push(if fits(part) {
                part.clone()
            } else {
                self.analyze_again(part, analyzer)?
            });
        }
        Ok(Cow::Owned(Visible::new(parts)))
    }

    fn analyze_again(
        &self,
        part: &VisiblePart,
        analyzer: Analyzer,
    ) -> Result<VisiblePart, PastError> {
        let mut documents = Vec::new();
        for position in part.positions() {
            let content = self.content(part, position)?.1;
            let whole = (!content.is_empty()).then_some(0..content.len());
            documents.push((position, content, whole));
        }
        let documents: Vec<_> = documents
            .iter()
            .map(|(position, content, whole)| SegmentDocument {
                content,
                snippets: whole.as_slice(),
                ..part.segment.moment_of(*position)
            })
            .collect();
        let segment = Segment::open(Segment::build(&documents, None, analyzer)?)?;
        Ok(VisiblePart::whole(&SegmentPart {
            segment,
            removed: Vec::new(),
        }))
    }

    /// A document and its content, which is what was indexed.
    fn content(
        &self,
        part: &VisiblePart,
        position: usize,
    ) -> Result<(Document, String), PastError> {
        let id = part.segment.id(position);
        let document = self.texts.document(id).map_err(PastError::Texts)?;
        let content = document.content().into_owned();
        if content.len() == part.segment.content_bytes(position) {
            Ok((document, content))
        } else {
            Err(PastError::Stale {
                document: id.to_owned(),
            })
        }
    }

    fn ranked(&self, rank: usize, candidate: &Candidate<'_>) -> Result<Ranked, PastError> {
        let (document, content) = self.content(candidate.part, candidate.position)?;
        let span = candidate.span();
        let text = content.get(span.clone()).ok_or_else(|| PastError::Stale {
            document: document.id.clone(),
        })?;
        Ok(Ranked {
            rank,
            score: candidate.score,
            text: text.to_owned(),
            document: document.id,
            author: document.author,
            date: document.date,
            title: document.title,
            snippet: candidate.snippet,
            span,
        })
    }
}

impl Past for SegmentsPast {
    fn author(&self) -> &str {
        &self.author
    }

    fn documents(&self) -> usize {
        self.visible.documents
    }

    fn encoder(&self) -> Option<&str> {
        let mut encoders = self.visible.parts.iter().map(|part| part.segment.encoder());
        let first = encoders.next()??;
        encoders.all(|other| other == Some(first)).then_some(first)
    }

    fn rank(
        &self,
        query: &Query<'_>,
        ranking: Ranking,
        bm25: &Bm25,
        k: usize,
    ) -> Result<Vec<Ranked>, PastError> {
        let mut ranked = Vec::new();
        self.candidates(query, ranking, bm25, k, &mut |candidate| {
            ranked.push(self.ranked(ranked.len() + 1, candidate)?);
            Ok(())
        })?;
        Ok(ranked)
    }

    fn explain(
        &self,
        query: &Query<'_>,
        bm25: &Bm25,
        document: &str,
    ) -> Result<Explanation, PastError> {
        let visible = self.analyzed(bm25.analyzer)?;
        ranking::doc_bm25::explain(&visible, query.text, bm25, document).ok_or_else(|| {
            PastError::UnknownDocument {
                document: document.to_owned(),
            }
        })
    }

    fn visit(&self, each: &mut dyn FnMut(&Document) -> ControlFlow<()>) -> Result<(), PastError> {
        let mut documents: Vec<_> = self
            .visible
            .parts
            .iter()
            .flat_map(|part| part.positions().map(move |at| (&part.segment, at)))
            .map(|(segment, at)| (segment.when(at), segment.id(at)))
            .collect();
        documents.sort_unstable();
        for (_, id) in documents.into_iter().rev() {
            if each(&self.texts.document(id).map_err(PastError::Texts)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}
