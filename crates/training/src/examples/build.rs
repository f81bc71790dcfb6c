use std::collections::HashMap;

use idiolect_core::{Before, Document, Encoder, ImmediateContext, Ranked, Ranking};
use idiolect_pipeline::{PAST_CHARACTERS, PastPassages, PastWords, past_passages};
use idiolect_retrieval::{Earlier, MemoryPast, Past, Query, Walk, diverse};
use rayon::prelude::*;

use super::order::InOrder;
use super::survey::{load, targets};
use super::{BuildOptions, DataError, Documents, Example, Half, Split, Survey, stable_hash};
use crate::labels::{
    Alike, Embedded, KeywordLabels, Lexicon, candidates, embed_snippets, summary_label,
};

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
    let from = Resume::default();
    build_examples_from(
        survey,
        documents,
        alike,
        encoder,
        options,
        from,
        &mut |built| match built {
            Built::Example(split, example) => each(split, example),
            Built::Authors(_) => Ok(()),
        },
    )
}

/// How many authors of the survey are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume {
    /// In the order of their names.
    pub authors: usize,
}

/// What building hands on.
#[derive(Debug, Clone, Copy)]
pub enum Built<'a> {
    /// The next example.
    Example(Split, &'a Example),
    /// All examples of so many authors were handed on: building may go on from here another time.
    Authors(usize),
}

/// [`build_examples`] that goes on where an earlier run ended, and says where it may be ended. What
/// it hands on from there is what one run would have.
///
/// # Errors
/// As [`build_examples`].
pub fn build_examples_from(
    survey: &Survey,
    documents: Documents<'_>,
    alike: &Alike,
    encoder: Option<&dyn Encoder>,
    options: &BuildOptions,
    from: Resume,
    each: &mut dyn FnMut(Built<'_>) -> std::io::Result<()>,
) -> Result<(), DataError> {
    if options.ranking.is_dense() && encoder.is_none() {
        return Err(DataError::NoEncoder(options.ranking.name()));
    }
    let authors: Vec<(&String, Split)> = survey.splits.iter().map(|(a, &s)| (a, s)).collect();
    let lexicon = Lexicon::new(&survey.vocabulary, &survey.idf, alike);
    let mut done = from.authors.min(authors.len());
    let maker = Maker {
        survey,
        lexicon: &lexicon,
        encoder,
        options,
    };
    for chunk in authors[done..].chunks(AUTHORS_AT_ONCE) {
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
                each(Built::Example(*split, example)).map_err(DataError::Write)?;
            }
        }
        done += chunk.len();
        each(Built::Authors(done)).map_err(DataError::Write)?;
    }
    Ok(())
}

/// All that the examples of one author are made with.
struct Maker<'a> {
    survey: &'a Survey,
    lexicon: &'a Lexicon,
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
        let mut labels = KeywordLabels::new(self.lexicon);
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
            let mut example = example(author, document, &ranked, &snippets, &mut labels);
            example.keywords_ind = keywords_ind;
            examples.push(example);
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
            Rankings::Walked(found) => {
                let mut ranked = Vec::new();
                let mut characters = 0;
                for (earlier, rank) in found[target].iter().zip(1..) {
                    // What comes behind is not looked at, unless some of these fall out.
                    if characters > PAST_CHARACTERS && !self.options.diverse {
                        break;
                    }
                    let one = earlier.ranked(rank, &order.documents);
                    characters += one.text.trim().chars().count();
                    ranked.push(one);
                }
                ranked
            }
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

/// One example, but for its SynCtxInd.
fn example(
    author: &str,
    document: &Document,
    ranked: &[Ranked],
    snippets: &Snippets<'_>,
    labels: &mut KeywordLabels<'_>,
) -> Example {
    let target = document.content().into_owned();
    let context = ImmediateContext::of(&target);
    let mut kept = past_passages(ranked);
    let summary = summary_label(snippets.of_target(), &snippets.shown(ranked, &kept));
    let keyword_label = labels.label(&target, &kept.text);
    kept.entries.retain(|entry| entry.kept);
    Example {
        id: format!("{author}/{}", document.id),
        author: author.to_owned(),
        document: document.id.clone(),
        date: document.date,
        past_documents: snippets.past.len(),
        immediate_context: context.as_str().to_owned(),
        entries: kept.entries,
        past_passages: kept.text,
        summary_label: summary.text,
        summary_label_snippets: summary.snippets,
        keyword_label,
        keywords_ind: Vec::new(),
        target,
        half: Half::of(author),
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
        let shown = ranked.iter().zip(&kept.shown);
        for (entry, shown) in shown.filter(|(_, shown)| !shown.is_empty()) {
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
