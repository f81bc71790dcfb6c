//! Whatever is imported, changed, removed and rebuilt in whatever order: the archive holds what a
//! plain map would hold, and a search in it gives what a search in memory gives, bit by bit.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::common::{Letters, empty_archive, source};
use idiolect_archive::{Archive, Outcome};
use idiolect_core::{Before, Document, Encoder, Ranked, Ranking, snippets};
use idiolect_retrieval::{Bm25, MemoryPast, Past, Query};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const AUTHORS: [&str; 3] = ["ana", "bo", "čapek"];

/// Something done to an archive.
#[derive(Debug, Clone)]
enum Step {
    Import {
        source: usize,
        documents: Vec<Document>,
    },
    Remove {
        source: usize,
    },
    Rebuild,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..3_usize, vec(any_document(), 0..8))
            .prop_map(|(source, documents)| Step::Import { source, documents }),
        1 => (0..3_usize).prop_map(|source| Step::Remove { source }),
        1 => Just(Step::Rebuild),
    ];
    vec(step, 1..16)
}

fn any_document() -> impl Strategy<Value = Document> {
    (
        0..AUTHORS.len(),
        0..12_u8,
        option::of(0..5_i64),
        option::of(0..4_i64),
        option::of("[A-C] walk"),
        vec("(rain|walk|letter|Mr|the|of|garden|ünder)", 1..80),
    )
        .prop_map(|(author, id, date, n, title, words)| {
            let dated = author != 0;
            Document {
                id: format!("d{id}"),
                author: AUTHORS[author].to_owned(),
                date: date
                    .filter(|_| dated)
                    .map(|day| Timestamp::new(day * 86_400, 5).unwrap()),
                n,
                title,
                text: words.chunks(9).map(|some| some.join(" ") + ". ").collect(),
                kind: None,
                thread: Some("t".to_owned()),
                to: None,
            }
        })
}

/// What an archive should be: documents with their source, in the order of their first import.
#[derive(Default)]
struct Model {
    documents: Vec<(usize, Document)>,
}

impl Model {
    fn import(&mut self, source: usize, documents: &[Document]) -> Outcome {
        let mut outcome = Outcome::default();
        let mut stored = BTreeMap::new();
        for new in documents {
            let same =
                |(_, old): &&mut (usize, Document)| old.id == new.id && old.author == new.author;
            match self.documents.iter_mut().find(same) {
                Some((_, old)) if old == new => {
                    outcome.unchanged += 1;
                    continue;
                }
                Some(old) => {
                    outcome.updated += 1;
                    *old = (source, new.clone());
                }
                None => {
                    outcome.added += 1;
                    self.documents.push((source, new.clone()));
                }
            }
            stored.insert((&new.author, &new.id), snippets(&new.content()).len());
        }
        outcome.snippets = stored.values().sum();
        outcome
    }

    fn of(&self, author: &str) -> Vec<Document> {
        let all = self.documents.iter().map(|(_, document)| document);
        all.filter(|document| document.author == author)
            .cloned()
            .collect()
    }
}

fn run(archive: &mut Archive, model: &mut Model, step: &Step) {
    match step {
        Step::Import {
            source: from,
            documents,
        } => {
            let outcome = archive
                .import(&source(&from.to_string()), documents, Some(&Letters))
                .unwrap();
            assert_eq!(outcome, model.import(*from, documents));
        }
        Step::Remove { source } => {
            let name = source.to_string();
            let sources = archive.sources().unwrap();
            let Some(known) = sources.iter().find(|known| known.location == name) else {
                return;
            };
            let removal = archive.remove_source(known.id).unwrap();
            let before = model.documents.len();
            model.documents.retain(|(from, _)| from != source);
            assert_eq!(removal.documents, before - model.documents.len());
            assert!(removal.erased);
        }
        Step::Rebuild => {
            let rebuilt = archive.rebuild(Some(&Letters)).unwrap();
            assert_eq!(rebuilt.documents, model.documents.len());
        }
    }
}

fn exported(archive: &Archive) -> Vec<Document> {
    let mut all = Vec::new();
    archive
        .export::<idiolect_archive::Error>(&mut |document| {
            all.push(document.clone());
            Ok(())
        })
        .unwrap();
    all
}

fn bits(ranked: Vec<Ranked>) -> Vec<(u32, Ranked)> {
    let with_bits = |one: Ranked| (one.score.to_bits(), one);
    ranked.into_iter().map(with_bits).collect()
}

/// Compares two pasts by everything that can be asked of them.
fn assert_same(stored: &dyn Past, memory: &dyn Past) {
    assert_eq!(stored.author(), memory.author());
    assert_eq!(stored.documents(), memory.documents());
    assert_eq!(stored.encoder(), memory.encoder());
    let text = "A walk in the garden under rain";
    let vector = Letters.embed(&[text]).unwrap().remove(0);
    let query = Query {
        text,
        vector: Some(&vector),
    };
    for name in Ranking::NAMES {
        let ranking: Ranking = name.parse().unwrap();
        if ranking.is_dense() && stored.documents() == 0 {
            continue;
        }
        for k in [3, 1_000] {
            let rank = |past: &dyn Past| past.rank(&query, ranking, &Bm25::default(), k).unwrap();
            assert_eq!(bits(rank(stored)), bits(rank(memory)), "{name}");
        }
    }
    let seen = |past: &dyn Past| {
        let mut seen = Vec::new();
        past.visit(&mut |document| {
            seen.push(document.clone());
            ControlFlow::Continue(())
        })
        .unwrap();
        seen
    };
    let visited = seen(stored);
    assert_eq!(visited, seen(memory));
    if let Some(last) = visited.last() {
        let explain = |past: &dyn Past| past.explain(&query, &Bm25::default(), &last.id).unwrap();
        assert_eq!(explain(stored), explain(memory));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_archive_is_what_a_map_would_be(steps in steps()) {
        let (_folder, mut archive) = empty_archive();
        let mut model = Model::default();
        for step in &steps {
            run(&mut archive, &mut model, step);
        }
        let expected: Vec<_> = model.documents.iter().map(|(_, document)| document.clone()).collect();
        prop_assert_eq!(exported(&archive), expected);
        let report = archive.check().unwrap();
        prop_assert_eq!(report.findings, vec![]);
        prop_assert_eq!(report.documents, model.documents.len());

        for summary in archive.authors().unwrap() {
            let theirs = model.of(&summary.author);
            prop_assert_eq!(summary.documents, theirs.len());
            prop_assert_eq!(summary.first, theirs.iter().filter_map(|one| one.date).min());
            prop_assert_eq!(summary.last, theirs.iter().filter_map(|one| one.date).max());
            let characters: usize = theirs.iter().map(|one| one.content().chars().count()).sum();
            prop_assert_eq!(summary.characters, characters as u64);

            let mut moments = vec![Before::Now, Before::Time(Timestamp::new(2 * 86_400, 5).unwrap())];
            moments.extend(theirs.iter().take(3).map(|one| Before::Document(one.id.clone())));
            for before in &moments {
                let stored = archive.past(&summary.author, before).unwrap();
                let memory = MemoryPast::new(&summary.author, &theirs, before, Some(&Letters)).unwrap();
                assert_same(&stored, &memory);
            }
            let mut in_order = Vec::new();
            let everything = archive.past(&summary.author, &Before::Now).unwrap();
            everything
                .visit(&mut |document| {
                    in_order.insert(0, document.clone());
                    ControlFlow::Continue(())
                })
                .unwrap();
            prop_assert_eq!(archive.documents(&summary.author).unwrap(), in_order);
        }
    }
}

#[test]
fn many_small_imports_make_few_segments() {
    let (_folder, mut archive) = empty_archive();
    let mut model = Model::default();
    for at in 0..200 {
        let documents = [crate::common::document(
            "ana",
            &format!("d{at}"),
            &format!("Letter {at} from the garden."),
        )];
        let step = Step::Import {
            source: 0,
            documents: documents.to_vec(),
        };
        run(&mut archive, &mut model, &step);
    }
    let report = archive.check().unwrap();
    assert!(report.segments <= 6, "{} segments", report.segments);
    assert_eq!(report.findings, []);
    let before = Before::Document("d60".to_owned());
    let memory = MemoryPast::new("ana", &model.of("ana"), &before, Some(&Letters)).unwrap();
    assert_same(&archive.past("ana", &before).unwrap(), &memory);
}

#[test]
fn an_export_makes_the_same_archive() {
    let (_folder, mut archive) = empty_archive();
    let documents: Vec<_> = (0..5)
        .map(|at| crate::common::document("ana", &format!("d{at}"), "The same text."))
        .collect();
    archive.import(&source("a"), &documents, None).unwrap();
    let (_other_folder, mut other) = empty_archive();
    other
        .import(&source("b"), &exported(&archive), None)
        .unwrap();
    assert_eq!(exported(&other), documents);
}
