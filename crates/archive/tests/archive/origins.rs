//! Where documents came from, and what is the same in several places.

use idiolect_archive::{Archive, Delivery, FileMark, Origin, Outcome, Source};
use idiolect_core::{Before, Document};
use idiolect_retrieval::Past;

use crate::common::{document, empty_archive, source};

fn deliver(archive: &mut Archive, from: &Source, documents: &[Document]) -> Outcome {
    let origins: Vec<Origin> = documents
        .iter()
        .map(|document| Origin {
            location: format!("line of {}", document.id),
            removed: (document.id == "a").then(|| "[]".to_owned()),
        })
        .collect();
    let delivery = Delivery {
        source: from,
        documents,
        origins: &origins,
        files: &[],
    };
    archive.deliver(&delivery, None).unwrap()
}

fn ids(archive: &Archive) -> Vec<String> {
    let documents = archive.documents("ana").unwrap();
    documents.into_iter().map(|one| one.id).collect()
}

#[test]
fn a_text_is_stored_once_with_all_its_sources() {
    let (_folder, mut archive) = empty_archive();
    let same = |id: &str| document("ana", id, "It rained all day.");
    let (one, two) = (source("one.mbox"), source("two.mbox"));
    let first = deliver(
        &mut archive,
        &one,
        &[
            same("a"),
            same("b"),
            document("bo", "a", "It rained all day."),
        ],
    );
    assert_eq!((first.added, first.duplicates), (2, 1));
    let second = deliver(
        &mut archive,
        &two,
        &[same("c"), document("ana", "d", "Another.")],
    );
    assert_eq!((second.added, second.duplicates), (1, 1));
    // Once more is nothing new.
    let again = deliver(&mut archive, &two, &[same("c"), same("a")]);
    assert_eq!((again.added, again.duplicates, again.unchanged), (0, 1, 1));
    assert_eq!(ids(&archive), ["a", "d"]);
    let counts: Vec<usize> = archive
        .sources()
        .unwrap()
        .iter()
        .map(|one| one.documents)
        .collect();
    assert_eq!(counts, [2, 2]);

    // It stays as long as one of its sources does.
    assert_eq!(archive.remove_source(1).unwrap().documents, 1);
    assert_eq!(ids(&archive), ["a", "d"]);
    assert_eq!(archive.location("ana", "a").unwrap(), "two.mbox");
    assert_eq!(archive.past("ana", &Before::Now).unwrap().documents(), 2);
    assert_eq!(archive.remove_source(2).unwrap().documents, 2);
    assert_eq!(archive.authors().unwrap().len(), 0);
}

#[test]
fn a_text_that_changes_is_no_duplicate_any_more() {
    let (_folder, mut archive) = empty_archive();
    let from = source("x");
    deliver(&mut archive, &from, &[document("ana", "a", "It rained.")]);
    let changed = [
        document("ana", "a", "It snowed."),
        document("ana", "b", "It rained."),
    ];
    let outcome = deliver(&mut archive, &from, &changed);
    assert_eq!(
        (outcome.added, outcome.updated, outcome.duplicates),
        (1, 1, 0)
    );
    // A title is a part of the content.
    let titled = Document {
        id: "c".to_owned(),
        ..Document::new("ana", "Rain", "It rained.")
    };
    assert_eq!(deliver(&mut archive, &from, &[titled]).added, 1);
}

#[test]
fn drafts_of_one_text_are_kept_and_flagged() {
    let (_folder, mut archive) = empty_archive();
    let words: Vec<String> = (0..200).map(|i| format!("word{i}")).collect();
    let whole = words.join(" ");
    let draft = words[..190].join(" ");
    let other: String = words.iter().rev().cloned().collect::<Vec<_>>().join(" ");
    let from = source("x");
    let outcome = deliver(
        &mut archive,
        &from,
        &[
            document("ana", "a", &whole),
            document("ana", "b", &draft),
            document("ana", "c", &other),
            document("bo", "d", &whole),
        ],
    );
    assert_eq!((outcome.added, outcome.near), (4, 1));
    // Another process, which has not seen them.
    let dir = archive.dir().to_owned();
    drop(archive);
    let mut archive = Archive::open(&dir).unwrap();
    let later = words[5..].join(" ");
    assert_eq!(
        deliver(&mut archive, &from, &[document("ana", "e", &later)]).near,
        1
    );
    assert_eq!(archive.sources().unwrap()[0].near_duplicates, 2);
}

#[test]
fn marks_hold_for_their_options_alone() {
    let (_folder, mut archive) = empty_archive();
    let mark = |text: &str| FileMark {
        path: "x.mbox".to_owned(),
        options: "{}".to_owned(),
        mark: text.to_owned(),
    };
    let from = source("x.mbox");
    for text in ["1", "2"] {
        let delivery = Delivery {
            source: &from,
            documents: &[],
            origins: &[],
            files: &[mark(text)],
        };
        archive.deliver(&delivery, None).unwrap();
    }
    assert_eq!(archive.marks("x.mbox", "{}").unwrap(), [mark("2")]);
    assert_eq!(archive.marks("x.mbox", "other").unwrap(), []);
    assert_eq!(archive.marks("y.mbox", "{}").unwrap(), []);
    assert_eq!(archive.options_of_source(1).unwrap().as_deref(), Some("{}"));
    archive.exclude_source(1).unwrap();
    assert_eq!(archive.marks("x.mbox", "{}").unwrap(), []);
}

#[test]
fn what_was_left_out_is_remembered() {
    let (_folder, mut archive) = empty_archive();
    let documents = [document("ana", "a", "One."), document("ana", "b", "Two.")];
    deliver(&mut archive, &source("x"), &documents);
    let left_out = archive.left_out(1).unwrap();
    assert_eq!(left_out.len(), 1);
    assert_eq!(
        (left_out[0].document.as_str(), left_out[0].location.as_str()),
        ("a", "line of a")
    );
}
