//! What is asked of an archive that it cannot answer, and what it says then.

use crate::common::{Letters, document, empty_archive, source};
use idiolect_archive::{Error, SourceProblem, require_encoder};
use idiolect_core::{Before, Encoder, EncoderError, Ranking};
use idiolect_retrieval::{Bm25, Past, Query};

#[test]
fn unknown_names_come_with_similar_ones() {
    let (_folder, mut archive) = empty_archive();
    let documents = ["chesterton", "Chestnut", "dickens", "someone.else"]
        .map(|author| document(author, "1", "It rained."));
    archive.import(&source("a"), &documents, None).unwrap();
    let unknown = |author: &str| archive.past(author, &Before::Now).err().unwrap();

    let error = unknown("chestertn");
    assert_eq!(error.to_string(), "no author `chestertn` in the archive");
    assert_eq!(
        error.hint().unwrap(),
        "did you mean `chesterton` or `Chestnut`?"
    );
    assert_eq!(unknown("dikens").hint().unwrap(), "did you mean `dickens`?");
    assert_eq!(
        unknown("CHEST").hint().unwrap(),
        "did you mean `Chestnut` or `chesterton`?"
    );
    assert_eq!(
        unknown("zzzzzz").hint().unwrap(),
        "`idiolect authors` lists them"
    );
}

#[test]
fn a_document_is_found_by_author_and_id() {
    let (_folder, mut archive) = empty_archive();
    let ana = document("ana", "1", "Ana wrote this.");
    let bo = document("bo", "1", "Bo wrote this.");
    let only = document("bo", "2", "Bo alone.");
    archive
        .import(&source("a"), &[ana, bo.clone(), only.clone()], None)
        .unwrap();

    assert_eq!(archive.document(None, "2").unwrap(), only);
    assert_eq!(archive.document(Some("bo"), "1").unwrap(), bo);
    let ambiguous = archive.document(None, "1").unwrap_err();
    assert_eq!(ambiguous.to_string(), "2 authors have a document `1`");
    assert_eq!(
        ambiguous.hint().unwrap(),
        "say whose with `--author`: `ana` or `bo`"
    );
    let unknown = archive.document(Some("ana"), "2").unwrap_err();
    assert_eq!(unknown.to_string(), "no document `2` of author `ana`");
    assert!(matches!(
        archive.document(None, "3"),
        Err(Error::UnknownDocument { author: None, .. })
    ));
    assert!(matches!(
        archive.past("ana", &Before::Document("2".to_owned())),
        Err(Error::UnknownDocument { author: Some(author), .. }) if author == "ana"
    ));
}

#[test]
fn a_document_needs_an_id() {
    let (_folder, mut archive) = empty_archive();
    let documents = [document("ana", "1", "One."), document("ana", "", "Two.")];
    assert!(matches!(
        archive.import(&source("a"), &documents, None),
        Err(Error::MissingId { author }) if author == "ana"
    ));
    assert_eq!(archive.authors().unwrap(), []);
}

struct Other;

impl Encoder for Other {
    fn identity(&self) -> &'static str {
        "other"
    }
    fn dimensions(&self) -> usize {
        16
    }
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        Letters.embed(texts)
    }
}

#[test]
fn vectors_of_other_encoders_are_not_compared() {
    let (_folder, mut archive) = empty_archive();
    let dense = |past: &dyn Past| {
        let vector = Letters.embed(&["garden"]).unwrap().remove(0);
        let query = Query {
            text: "garden",
            vector: Some(&vector),
        };
        past.rank(&query, Ranking::DocDense, &Bm25::default(), 5)
    };

    archive
        .import(&source("a"), &[document("ana", "1", "A garden.")], None)
        .unwrap();
    let past = archive.past("ana", &Before::Now).unwrap();
    let error = Error::from(dense(&past).unwrap_err());
    assert!(error.hint().unwrap().contains("idiolect rebuild"));
    assert!(require_encoder(&past, "letters-1").is_err());
    drop(past);

    archive.rebuild(Some(&Letters)).unwrap();
    let past = archive.past("ana", &Before::Now).unwrap();
    require_encoder(&past, "letters-1").unwrap();
    assert_eq!(dense(&past).unwrap().len(), 1);
    let error = require_encoder(&past, "other").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the author's documents were indexed by letters-1, the query is embedded by other"
    );
    assert!(error.hint().unwrap().contains("idiolect rebuild"));

    let two = document("ana", "2", "Another garden.");
    archive.import(&source("a"), &[two], Some(&Other)).unwrap();
    let past = archive.past("ana", &Before::Now).unwrap();
    assert!(require_encoder(&past, "other").is_err());
    assert!(dense(&past).is_err());
    assert_eq!(archive.encoders().unwrap().len(), 2);
}

#[test]
fn sources_are_listed_with_their_problems() {
    let (_folder, mut archive) = empty_archive();
    let problems = |reasons: &[&str]| -> Vec<SourceProblem> {
        let numbered = reasons.iter().enumerate();
        numbered
            .map(|(at, reason)| SourceProblem {
                location: format!("line {at}"),
                reason: (*reason).to_owned(),
            })
            .collect()
    };
    let documents = [document("ana", "1", "One."), document("bo", "1", "Two.")];
    archive.import(&source("a"), &documents, None).unwrap();
    archive
        .record_problems(&source("a"), &problems(&["not JSON", "no text"]))
        .unwrap();
    archive
        .record_problems(&source("a"), &problems(&["not UTF-8"]))
        .unwrap();

    let listed = archive.sources().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].documents, listed[0].problems), (2, 1));
    assert_eq!(
        archive.problems(listed[0].id).unwrap(),
        problems(&["not UTF-8"])
    );
    assert!(matches!(
        archive.problems(99),
        Err(Error::UnknownSource { id: 99 })
    ));
}

#[test]
fn an_excluded_source_stays_out() {
    let (_folder, mut archive) = empty_archive();
    let documents = [document("ana", "1", "One.")];
    let mut from = source("a");
    from.content_hash = Some("00ff".to_owned());
    archive.import(&from, &documents, None).unwrap();
    let id = archive.sources().unwrap()[0].id;
    assert_eq!(archive.exclude_source(id).unwrap().documents, 1);
    assert_eq!(archive.authors().unwrap(), []);
    assert!(archive.sources().unwrap()[0].excluded);

    from.location = "a copy".to_owned();
    for again in [source("a"), from] {
        let error = archive.import(&again, &documents, None).unwrap_err();
        assert!(matches!(&error, Error::ExcludedSource { location } if location == "a"));
    }
    archive.remove_source(id).unwrap();
    assert_eq!(
        archive
            .import(&source("a"), &documents, None)
            .unwrap()
            .added,
        1
    );
}
