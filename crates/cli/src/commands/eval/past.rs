//! Which past an example is given under a row.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use anyhow::Context as _;
use idiolect_archive::{Archive, require_encoder};
use idiolect_core::{Before, Document, Encoder, Entry, Ranked, Ranking};
use idiolect_models::SentenceEncoder;
use idiolect_pipeline::past_passages;
use idiolect_retrieval::{Bm25, MemoryPast, Past, Query, diverse};
use idiolect_training::examples::Example;
use jiff::Timestamp;

use super::examples::{BuiltWith, drawn};
use super::rows::PastSource;
use crate::context::Context;
use crate::failure::Failure;
use crate::open::as_encoder;
use crate::options::RankingOptions;

/// The past that a text is written with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passages {
    /// Those ranked passages that were kept.
    pub(crate) entries: Vec<Entry>,
    /// What the model sees of them.
    pub(crate) text: String,
    /// Which encoder ranked them.
    pub(crate) encoder: Option<String>,
}

impl Passages {
    /// What is seen of each passage.
    pub(crate) fn pieces(&self) -> Vec<&str> {
        let mut rest = self.text.as_str();
        let mut pieces = Vec::new();
        for entry in &self.entries {
            let whole = entry.text.trim();
            let length = if rest.starts_with(whole) {
                whole.len()
            } else {
                rest.len()
            };
            let (piece, behind) = rest.split_at(length);
            pieces.push(piece);
            rest = behind.trim_start();
        }
        pieces
    }
}

/// Looks into pasts for one run. The archive is opened when a row first needs it.
pub(crate) struct Pasts<'a> {
    context: &'a Context,
    /// How the run ranks.
    ranking: Ranking,
    /// Whether near duplicates are left out.
    diverse: bool,
    /// How the past in the examples was ranked, where that is how the run ranks otherwise.
    built_with: Option<Ranking>,
    bm25: Bm25,
    seed: u64,
    /// Authors of the split, for the choice of another one.
    authors: Vec<String>,
    /// Other authors' documents, for where the archive has none by then.
    samples: Vec<Vec<Document>>,
    archive: OnceCell<Archive>,
    encoder: OnceCell<Option<SentenceEncoder>>,
    dates: OnceCell<BTreeMap<String, Vec<Option<Timestamp>>>>,
}

/// How many documents or snippets are ranked: far more than 2,500 characters hold.
const RANKED: usize = 100;

/// Another author is drawn from so many whose number of past documents is nearest.
const NEAREST: usize = 5;

impl<'a> Pasts<'a> {
    pub(crate) fn new(
        context: &'a Context,
        ranking: &RankingOptions,
        built_with: Option<BuiltWith>,
        examples: &[Example],
    ) -> Self {
        let mut authors: Vec<String> = examples.iter().map(|one| one.author.clone()).collect();
        authors.sort_unstable();
        authors.dedup();
        Self {
            context,
            ranking: ranking.ranking,
            diverse: ranking.diverse,
            built_with: built_with
                .filter(|built| built.diverse == ranking.diverse)
                .map(|built| built.ranking),
            bm25: ranking.bm25.value(),
            seed: context.settings.seed,
            authors,
            samples: Vec::new(),
            archive: OnceCell::new(),
            encoder: OnceCell::new(),
            dates: OnceCell::new(),
        }
    }

    /// Looks for other authors among these, and where none of them had written anything by then,
    /// among the samples, of which as many documents count as the author had written.
    pub(crate) fn with_others(mut self, authors: Vec<String>, samples: Vec<Vec<Document>>) -> Self {
        self.authors = authors;
        self.samples = samples;
        self
    }

    /// E_t of an example.
    pub(crate) fn passages(
        &self,
        example: &Example,
        source: PastSource,
    ) -> anyhow::Result<Passages> {
        let ranked = match source {
            PastSource::Own(ranking) => {
                let ranking = ranking.unwrap_or(self.ranking);
                if ranking == Ranking::None {
                    return Ok(Passages::default());
                }
                if self.built_with == Some(ranking) {
                    return Ok(Passages {
                        entries: example.entries.clone(),
                        text: example.past_passages.clone(),
                        encoder: None,
                    });
                }
                self.rank(&self.own(example)?, example, ranking)?
            }
            PastSource::OwnAtRandom => self.at_random(&self.own(example)?, example)?,
            PastSource::OtherAuthor => self.of_another(example)?,
        };
        let mut kept = past_passages(&ranked);
        kept.entries.retain(|entry| entry.kept);
        let encoder = self.encoder.get().and_then(Option::as_ref);
        Ok(Passages {
            entries: kept.entries,
            text: kept.text,
            encoder: encoder.map(|encoder| encoder.identity().to_owned()),
        })
    }

    /// The best past passage of an example, for pasting.
    pub(crate) fn best(&self, example: &Example) -> anyhow::Result<Passages> {
        let mut passages = self.passages(example, PastSource::Own(None))?;
        passages.entries.truncate(1);
        passages.text = match passages.entries.first() {
            Some(best) => best.text.clone(),
            None => String::new(),
        };
        Ok(passages)
    }

    fn own(&self, example: &Example) -> anyhow::Result<impl Past + use<>> {
        let before = Before::Document(example.document.clone());
        Ok(self.archive()?.past(&example.author, &before)?)
    }

    fn rank(
        &self,
        past: &dyn Past,
        example: &Example,
        ranking: Ranking,
    ) -> anyhow::Result<Vec<Ranked>> {
        let text = &example.immediate_context;
        let encoder = if ranking.is_dense() {
            self.encoder()?.as_ref()
        } else {
            None
        };
        let vector = match encoder {
            None => None,
            Some(encoder) => {
                require_encoder(past, encoder.identity())?;
                encoder
                    .embed(&[text])
                    .map_err(|error| anyhow::anyhow!(error))
                    .context("cannot embed an immediate context")?
                    .pop()
            }
        };
        let query = Query {
            text,
            vector: vector.as_deref(),
        };
        let ranked = past.rank(&query, ranking, &self.bm25, RANKED)?;
        Ok(if self.diverse {
            diverse(ranked)
        } else {
            ranked
        })
    }

    /// The author's own past documents in an order drawn by the seed.
    fn at_random(&self, past: &dyn Past, example: &Example) -> anyhow::Result<Vec<Ranked>> {
        let everything = past.documents();
        let query = Query {
            text: &example.immediate_context,
            vector: None,
        };
        let mut ranked = past.rank(&query, Ranking::Recent, &self.bm25, everything)?;
        ranked.sort_by_cached_key(|one| {
            drawn(self.seed, &format!("{} {}", example.id, one.document))
        });
        Ok(ranked)
    }

    /// Whether anybody else of the split had written anything by then.
    pub(crate) fn has_another(&self, example: &Example) -> anyhow::Result<bool> {
        Ok(!self.samples.is_empty() || !self.others(example)?.is_empty())
    }

    /// The other authors who had written something by then: those who had written about as much as
    /// the example's own, with a draw for each.
    fn others(&self, example: &Example) -> anyhow::Result<Vec<(usize, u64, &String)>> {
        let own = self.own(example)?.documents();
        let mut others: Vec<(usize, u64, &String)> = Vec::new();
        for author in self
            .authors
            .iter()
            .filter(|&author| *author != example.author)
        {
            let count = self.written_by_then(author, example, own)?;
            if count > 0 {
                let draw = drawn(self.seed, &format!("{} {author}", example.id));
                others.push((count.abs_diff(own), draw, author));
            }
        }
        others.sort_unstable();
        others.truncate(NEAREST);
        Ok(others)
    }

    /// What another author had written by then.
    fn of_another(&self, example: &Example) -> anyhow::Result<Vec<Ranked>> {
        let others = self.others(example)?;
        let Some((_, _, author)) = others.iter().min_by_key(|(_, draw, _)| draw) else {
            if let Some(documents) = self.sample(example) {
                let count = self.own(example)?.documents().min(documents.len());
                return self.of_memory(&documents[..count], example);
            }
            return Err(Failure::new(
                "no_other_author",
                "no other author had written anything by then",
            )
            .hint("leave the row WrongAuthor out, or take a split of several authors")
            .into());
        };
        let archive = self.archive()?;
        if let Some(date) = example.date {
            let past = archive.past(author, &Before::Time(date))?;
            self.rank(&past, example, self.ranking)
        } else {
            let mut documents: Vec<Document> = archive.documents(author)?;
            documents.truncate(self.own(example)?.documents());
            self.of_memory(&documents, example)
        }
    }

    fn sample(&self, example: &Example) -> Option<&[Document]> {
        let drawn = drawn(self.seed, &format!("sample {}", example.id));
        let place = (drawn % self.samples.len().max(1) as u64) as usize;
        self.samples.get(place).map(Vec::as_slice)
    }

    /// All of one author's documents as a past.
    fn of_memory(&self, documents: &[Document], example: &Example) -> anyhow::Result<Vec<Ranked>> {
        let Some(first) = documents.first() else {
            return Ok(Vec::new());
        };
        let dense = if self.ranking.is_dense() {
            as_encoder(self.encoder()?.as_ref())
        } else {
            None
        };
        let past = MemoryPast::new(&first.author, documents, &Before::Now, dense)?;
        self.rank(&past, example, self.ranking)
    }

    /// How many documents an author had written when the example was; without dates, up to as many
    /// as the example's own author had.
    fn written_by_then(
        &self,
        author: &str,
        example: &Example,
        own: usize,
    ) -> anyhow::Result<usize> {
        let dates = self.dates()?.get(author).map_or(&[][..], Vec::as_slice);
        Ok(match example.date {
            Some(now) => dates
                .iter()
                .filter(|date| date.is_some_and(|date| date < now))
                .count(),
            None => dates.len().min(own),
        })
    }

    fn dates(&self) -> anyhow::Result<&BTreeMap<String, Vec<Option<Timestamp>>>> {
        if let Some(dates) = self.dates.get() {
            return Ok(dates);
        }
        let mut dates = BTreeMap::new();
        for author in &self.authors {
            let documents = self.archive()?.documents(author)?;
            dates.insert(
                author.clone(),
                documents.iter().map(|document| document.date).collect(),
            );
        }
        Ok(self.dates.get_or_init(|| dates))
    }

    fn archive(&self) -> anyhow::Result<&Archive> {
        if let Some(archive) = self.archive.get() {
            return Ok(archive);
        }
        let archive = self
            .context
            .settings
            .archive()
            .context("this row reads the archive that the examples were built from")?;
        Ok(self.archive.get_or_init(|| archive))
    }

    fn encoder(&self) -> anyhow::Result<&Option<SentenceEncoder>> {
        if let Some(encoder) = self.encoder.get() {
            return Ok(encoder);
        }
        let encoder = self.context.settings.encoder()?;
        Ok(self.encoder.get_or_init(|| encoder))
    }
}
