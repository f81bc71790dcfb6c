use std::collections::HashMap;

use idiolect_core::{Before, Document, Encoder, ImmediateContext, Ranked, Ranking};
use idiolect_pipeline::{PastPassages, PastWords, past_passages};
use idiolect_retrieval::{Earlier, MemoryPast, Past, Query, Walk, diverse};
use rayon::prelude::*;

use super::order::InOrder;
use super::survey::{load, targets};
use super::{BuildOptions, DataError, Documents, Example, Half, Split, Survey, stable_hash};
use crate::labels::{Alike, Embedded, candidates, embed_snippets, keyword_label, summary_label};

/// So many authors are held in memory at a time, and worked on side by side.
const AUTHORS_AT_ONCE: usize = 32;

/// Makes the examples of all authors in the survey and hands them to `each`: authors in the order
/// of their names, an author's examples in time order, the same for any number of threads.
///
/// Every example sees exactly what its author had written before it, nothing of the same moment or
/// later, in ranking, statistics and labels; the exception is the survey's table of IDFs. Without an
/// encoder the summary labels are empty, and only lexical rankings work.
///
/// # Errors
/// A dense ranking without an encoder; what keeps documents from being read, searched or embedded;
/// what `each` says.
pub fn build_examples(
    survey: &Survey,
    documents: Documents<'_>,
    alike: &Alike,
    encoder: Option<&dyn Encoder>,
    options: &BuildOptions,
    each: &mut dyn FnMut(Split, &Example) -> std::io::Result<()>,
) -> Result<(), DataError> {
    if options.ranking.is_dense() && encoder.is_none() {
        return Err(DataError::NoEncoder(options.ranking.name()));
    }
    let authors: Vec<(&String, Split)> = survey.splits.iter().map(|(a, &s)| (a, s)).collect();
    let maker = Maker {
        survey,
        alike,
        encoder,
        options,
    };
    for chunk in authors.chunks(AUTHORS_AT_ONCE) {
        let loaded: Vec<(&String, Split, InOrder)> = chunk
            .iter()
            .map(|&(author, split)| Ok((author, split, load(author, documents)?)))
            .collect::<Result<_, DataError>>()?;
        let made: Vec<(Split, Vec<Example>)> = loaded
            .par_iter()
            .map(|(author, split, order)| Ok((*split, maker.author(author, order)?)))
            .collect::<Result<_, DataError>>()?;
        for (split, examples) in &made {
            for example in examples {
                each(*split, example).map_err(DataError::Write)?;
            }
        }
    }
    Ok(())
}

/// All that the examples of one author are made with.
struct Maker<'a> {
    survey: &'a Survey,
    alike: &'a Alike,
    encoder: Option<&'a dyn Encoder>,
    options: &'a BuildOptions,
}

impl Maker<'_> {
    fn author(&self, author: &str, order: &InOrder) -> Result<Vec<Example>, DataError> {
        let drawn = self.drawn(author, order);
        let rankings = self.rankings(author, order, &drawn)?;
        let mut snippets: Vec<Vec<Embedded>> = Vec::new();
        if let Some(encoder) = self.encoder {
            for document in &order.documents {
                let embedded = embed_snippets(&document.id, &document.content(), encoder);
                snippets.push(embedded.map_err(DataError::Encoder)?);
            }
        }
        let mut words = PastWords::default();
        let mut counted = 0;
        let mut examples = Vec::new();
        for target in drawn {
            for document in &order.documents[counted..order.earlier[target]] {
                words.add(&document.content());
            }
            counted = order.earlier[target];
            let document = &order.documents[target];
            let ranked = self.rank(document, target, order, &rankings)?;
            let keywords_ind = words.keywords(&self.survey.idf);
            let snippets = Snippets {
                past: &order.documents[..counted],
                embedded: &snippets,
                target,
            };
            examples.push(self.example(author, document, &ranked, keywords_ind, &snippets));
        }
        Ok(examples)
    }

    /// The targets of an author, at most as many as wanted, in time order.
    fn drawn(&self, author: &str, order: &InOrder) -> Vec<usize> {
        let mut drawn = targets(order, self.options);
        if drawn.len() > self.options.max_examples {
            let seed = self.options.seed.to_string();
            drawn.sort_by_cached_key(|&i| {
                stable_hash(&["example", &seed, author, &order.documents[i].id])
            });
            drawn.truncate(self.options.max_examples);
            drawn.sort_unstable();
        }
        drawn
    }

    fn example(
        &self,
        author: &str,
        document: &Document,
        ranked: &[Ranked],
        keywords_ind: Vec<String>,
        snippets: &Snippets<'_>,
    ) -> Example {
        let target = document.content().into_owned();
        let context = ImmediateContext::of(&target);
        let mut kept = past_passages(ranked);
        let summary = summary_label(snippets.of_target(), &snippets.shown(ranked, &kept));
        let keyword_label = keyword_label(&target, &kept.text, &self.survey.idf, self.alike);
        kept.entries.retain(|entry| entry.kept);
        Example {
            id: format!("{author}/{}", document.id),
            author: author.to_owned(),
            document: document.id.clone(),
            date: document.date,
            immediate_context: context.as_str().to_owned(),
            entries: kept.entries,
            past_passages: kept.text,
            summary_label: summary.text,
            summary_label_snippets: summary.snippets,
            keyword_label,
            keywords_ind,
            target,
            half: Half::of(author),
        }
    }

    /// All that an author's documents are ranked with.
    fn rankings(
        &self,
        author: &str,
        order: &InOrder,
        drawn: &[usize],
    ) -> Result<Rankings, DataError> {
        let options = self.options;
        Ok(match options.ranking {
            Ranking::None => Rankings::None,
            Ranking::DocBm25 => {
                let contexts: HashMap<&str, ImmediateContext> = drawn
                    .iter()
                    .map(|&target| &order.documents[target])
                    .map(|document| (&*document.id, ImmediateContext::of(&document.content())))
                    .collect();
                let mut found = vec![Vec::new(); order.documents.len()];
                Walk::new(options.bm25).author(
                    &order.documents,
                    options.ranked,
                    &mut |document| {
                        let context = contexts.get(&*document.id);
                        let text = context.map_or("", ImmediateContext::as_str);
                        text.to_owned().into()
                    },
                    &mut |at, earlier| found[at] = earlier.to_vec(),
                );
                Rankings::Walked(found)
            }
            _ => {
                let dense = self.encoder.filter(|_| options.ranking.is_dense());
                let all = MemoryPast::new(author, &order.documents, &Before::Now, dense)?;
                Rankings::Asked(all)
            }
        })
    }

    fn rank(
        &self,
        document: &Document,
        target: usize,
        order: &InOrder,
        rankings: &Rankings,
    ) -> Result<Vec<Ranked>, DataError> {
        let ranked = match rankings {
            Rankings::None => Vec::new(),
            Rankings::Walked(found) => found[target]
                .iter()
                .zip(1..)
                .map(|(earlier, rank)| earlier.ranked(rank, &order.documents))
                .collect(),
            Rankings::Asked(all) => {
                let past = all.at(&Before::Document(document.id.clone()))?;
                self.ask(&ImmediateContext::of(&document.content()), &past)?
            }
        };
        Ok(if self.options.diverse {
            diverse(ranked)
        } else {
            ranked
        })
    }

    fn ask(&self, context: &ImmediateContext, past: &MemoryPast) -> Result<Vec<Ranked>, DataError> {
        let options = self.options;
        let context = context.as_str();
        let vector = match self.encoder.filter(|_| options.ranking.is_dense()) {
            Some(encoder) => encoder.embed(&[context]).map_err(DataError::Encoder)?.pop(),
            None => None,
        };
        let query = Query {
            text: context,
            vector: vector.as_deref(),
        };
        Ok(past.rank(&query, options.ranking, &options.bm25, options.ranked)?)
    }
}

/// How the documents of one author are ranked for each other.
enum Rankings {
    None,
    /// By place of the document: what was found before it, in one walk through all of them.
    Walked(Vec<Vec<Earlier>>),
    /// Each asks by itself.
    Asked(MemoryPast),
}

/// The embedded snippets that a summary label is made of.
struct Snippets<'a> {
    /// What is visible from the target.
    past: &'a [Document],
    /// By document, in time order; empty without an encoder.
    embedded: &'a [Vec<Embedded>],
    /// Place of the target.
    target: usize,
}

impl Snippets<'_> {
    fn of_target(&self) -> &[Embedded] {
        self.embedded.get(self.target).map_or(&[], Vec::as_slice)
    }

    /// The snippets that lie wholly or partly in the past passages, in the order of the ranking.
    fn shown(&self, ranked: &[Ranked], kept: &PastPassages) -> Vec<&Embedded> {
        let mut found = Vec::new();
        for (entry, shown) in ranked.iter().zip(&kept.shown) {
            let place = self
                .past
                .iter()
                .position(|document| document.id == entry.document);
            if let Some(snippets) = place.and_then(|place| self.embedded.get(place)) {
                found.extend(candidates(entry, shown, snippets));
            }
        }
        found
    }
}
