//! Bytes that are a segment are opened; no others are, and none brings anything down.

use crate::common::{answers, documents, part, past, segment};
use idiolect_core::{Before, Document, Span};
use idiolect_retrieval::{
    Analyzer, SEGMENT_VERSION, Segment, SegmentDocument, SegmentError, SegmentPart, Vectors, merge,
};
use proptest::prelude::*;

/// Where the index's checksum lies, and behind it what it covers.
const CHECKSUM: std::ops::Range<usize> = 12..16;
const VECTORS_CHECKSUM: std::ops::Range<usize> = 16..20;

fn some_documents() -> Vec<Document> {
    let text = |i: usize| "The sea and the boat. A letter! ".repeat(9 * i) + "Gull.";
    let document = |i: usize| Document {
        id: format!("é{i}"),
        date: i
            .is_multiple_of(2)
            .then(|| jiff::Timestamp::new(1_000_000_000 - i as i64, 5).unwrap()),
        n: Some(i as i64),
        ..Document::new("ana", "", &text(i))
    };
    (0..4).map(document).collect()
}

fn with_right_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let index = Segment::index_bytes(&bytes).unwrap_or(bytes.len());
    let index = index.clamp(CHECKSUM.end, bytes.len());
    let checksum = crc32fast::hash(&bytes[index..]);
    if index >= Segment::HEADER_BYTES {
        bytes[VECTORS_CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    }
    let checksum = crc32fast::hash(&bytes[CHECKSUM.end..index]);
    bytes[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn facts_are_read_back() {
    let documents = some_documents();
    let segment = Segment::open(segment(&documents, &[3, 2, 1, 0], Analyzer::English)).unwrap();
    assert_eq!(segment.documents(), 4);
    assert_eq!(segment.analyzer(), Analyzer::English);
    assert_eq!(segment.encoder(), Some("word-counts"));
    assert_eq!(segment.dimensions(), 8);
    let mut snippets = 0;
    for (position, index) in [2, 0, 1, 3].into_iter().enumerate() {
        let document = &documents[index];
        assert_eq!(segment.id(position), document.id);
        assert_eq!(segment.position(&document.id), Some(position));
        assert_eq!(segment.date(position), document.date);
        let spans: Vec<_> = segment.snippet_spans(position).collect();
        assert_eq!(spans, idiolect_core::snippets(&document.content()));
        snippets += spans.len();
    }
    assert_eq!(segment.snippets(), snippets);
    assert_eq!(segment.position("é"), None);
}

#[test]
fn the_same_documents_make_the_same_bytes() {
    let documents = some_documents();
    let (a, b) = ([0, 1, 2, 3], [3, 1, 0, 2]);
    let bytes = segment(&documents, &a, Analyzer::English);
    assert_eq!(bytes, segment(&documents, &b, Analyzer::English));
    assert_eq!(bytes, merge(&[part(bytes.clone())]).unwrap());
}

/// As it is read from where segments are stored: the index first, vectors when they are needed.
#[test]
fn every_flipped_byte_of_a_stored_segment_is_noticed() {
    use idiolect_core::Ranking;
    use idiolect_retrieval::{Bm25, Past, Query};
    use std::sync::Arc;

    let documents = some_documents();
    let bytes = segment(&documents, &[0, 1, 2, 3], Analyzer::English);
    let index_bytes = Segment::index_bytes(&bytes).unwrap();
    let vector = [1.0; 8];
    let query = Query {
        text: "sea letter",
        vector: Some(&vector),
    };
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let Ok(index) = Segment::index_bytes(&damaged[..Segment::HEADER_BYTES]) else {
                assert!(at < Segment::HEADER_BYTES);
                continue;
            };
            let (index, vectors) = damaged.split_at(index.min(damaged.len()));
            let vectors: Arc<[u8]> = vectors.into();
            let opened = Segment::open_index(index, move || Ok(Arc::clone(&vectors)));
            assert_eq!(opened.is_ok(), at >= index_bytes, "{at}");
            let Ok(segment) = opened else {
                continue;
            };
            let part = SegmentPart {
                segment,
                removed: Vec::new(),
            };
            let past = past(&documents, vec![part], &Before::Now).unwrap();
            let ask = |ranking| past.rank(&query, ranking, &Bm25::default(), 9);
            assert_eq!(ask(Ranking::DocBm25).unwrap().len(), 3);
            assert!(ask(Ranking::Snippet).is_err());
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = segment(&some_documents(), &[0, 1, 2, 3], Analyzer::English);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let error = Segment::open(damaged).map(|_| ()).unwrap_err();
            match at {
                0..8 => assert_eq!(error, SegmentError::NotASegment),
                8..12 => assert!(
                    matches!(error, SegmentError::Version { found } if found != SEGMENT_VERSION)
                ),
                // Counts decide where the checksum ends.
                20..56 => assert!(matches!(
                    error,
                    SegmentError::Checksum | SegmentError::Inconsistent { .. }
                )),
                _ => assert_eq!(error, SegmentError::Checksum),
            }
        }
    }
    for length in 0..bytes.len() {
        assert!(Segment::open(&bytes[..length]).is_err());
    }
    assert!(Segment::open([bytes, vec![0]].concat()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whoever forges the checksum gets an error or some answer, but no panic.
    #[test]
    fn damage_behind_a_right_checksum_is_survived(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let documents = some_documents();
        let mut bytes = segment(&documents, &[0, 1, 2, 3], Analyzer::English);
        for (at, value) in changes {
            let at = CHECKSUM.end + at.index(bytes.len() - CHECKSUM.end);
            bytes[at] = value;
        }
        survive(&documents, with_right_checksum(bytes));
    }

    #[test]
    fn anything_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Segment::open(bytes.clone()).is_err());
        let mut forged = segment(&[], &[], Analyzer::English)[..CHECKSUM.end].to_vec();
        forged.extend(bytes);
        survive(&[], with_right_checksum(forged));
    }

    #[test]
    fn merging_is_building_at_once(documents in documents(), cut in any::<prop::sample::Index>()) {
        let all: Vec<_> = (0..documents.len()).collect();
        let (first, second) = all.split_at(cut.index(all.len() + 1));
        let parts = [first, second].map(|own| part(segment(&documents, own, Analyzer::Plain)));
        let whole = segment(&documents, &all, Analyzer::Plain);
        if !first.is_empty() && !second.is_empty() {
            prop_assert_eq!(merge(&parts).unwrap(), whole);
        }
        let removed: Vec<u32> = (0..first.len() as u32).collect();
        let [a, b] = parts;
        let left = merge(&[SegmentPart { removed, ..a }, b]).unwrap();
        if !second.is_empty() {
            prop_assert_eq!(left, segment(&documents, second, Analyzer::Plain));
        }
    }
}

/// Asks for everything that `bytes` may hold, if they can be opened.
fn survive(documents: &[Document], bytes: Vec<u8>) {
    use idiolect_core::Ranking;
    use idiolect_retrieval::{Bm25, Past, Query};

    let Ok(segment) = Segment::open(bytes) else {
        return;
    };
    let part = SegmentPart {
        segment: segment.clone(),
        removed: vec![1, 9],
    };
    let merged = merge(std::slice::from_ref(&part));
    assert!(merged.is_err() || Segment::open(merged.unwrap()).is_ok());
    for before in crate::common::moments(documents) {
        let Ok(past) = past(documents, vec![part.clone()], &before) else {
            continue;
        };
        let vector = vec![1.0; segment.dimensions()];
        let query = Query {
            text: "the sea, a letter, gull",
            vector: Some(&vector),
        };
        for ranking in [
            Ranking::Recent,
            Ranking::DocBm25,
            Ranking::DocDense,
            Ranking::Snippet,
            Ranking::DocBySnippet,
            Ranking::Hybrid,
        ] {
            for one in past
                .rank(&query, ranking, &Bm25::default(), 3)
                .into_iter()
                .flatten()
            {
                // Whatever is found is a part of the document that it is said to be of.
                let own = documents.iter().find(|other| other.id == one.document);
                let content = own.map(Document::content).unwrap_or_default();
                assert_eq!(content.get(one.span), Some(one.text.as_str()));
            }
        }
    }
}

fn one<'a>(id: &'a str, snippets: &'a [Span]) -> SegmentDocument<'a> {
    SegmentDocument {
        id,
        date: None,
        n: None,
        sequence: 0,
        content: "é sea",
        snippets,
    }
}

#[test]
fn what_does_not_fit_together_is_not_built() {
    let build = |documents: &[SegmentDocument<'_>], vectors: Option<&Vectors>| {
        Segment::build(documents, vectors, Analyzer::English).map(|_| ())
    };
    let whole = std::slice::from_ref(&(0..6));
    assert_eq!(build(&[one("a", whole), one("b", whole)], None), Ok(()));
    assert_eq!(
        build(&[one("a", whole), one("a", whole)], None),
        Err(SegmentError::DuplicateDocument {
            document: "a".into()
        })
    );
    let spans = |pairs: &[(usize, usize)]| pairs.iter().map(|&(a, b)| a..b).collect::<Vec<_>>();
    for wrong in [
        spans(&[]),
        spans(&[(0, 5)]),
        spans(&[(0, 1), (1, 6)]),
        spans(&[(0, 3), (4, 6)]),
        spans(&[(0, 0), (0, 6)]),
        spans(&[(0, 7)]),
    ] {
        assert_eq!(
            build(&[one("a", &wrong)], None),
            Err(SegmentError::Snippets {
                document: "a".into()
            })
        );
    }
    let mut vectors = Vectors {
        encoder: "e".into(),
        dimensions: 2,
        documents: vec![vec![1.0, 0.0]],
        snippets: vec![vec![1.0, 0.0]],
    };
    assert_eq!(build(&[one("a", whole)], Some(&vectors)), Ok(()));
    vectors.snippets[0].pop();
    assert_eq!(
        build(&[one("a", whole)], Some(&vectors)),
        Err(SegmentError::Vectors {
            expected: 1,
            dimensions: 2
        })
    );
    vectors.snippets.clear();
    assert!(build(&[one("a", whole)], Some(&vectors)).is_err());
    vectors.dimensions = 1 << 17;
    assert!(matches!(
        build(&[one("a", whole)], Some(&vectors)),
        Err(SegmentError::TooLarge { limit: 65_536, .. })
    ));
}

#[test]
fn segments_of_different_kinds_are_not_merged() {
    let documents = some_documents();
    let english = part(segment(&documents, &[0], Analyzer::English));
    let plain = part(segment(&documents, &[1], Analyzer::Plain));
    assert_eq!(merge(&[english.clone(), plain]), Err(SegmentError::Mixed));
    let empty = part(segment(&documents, &[], Analyzer::Plain));
    assert_eq!(
        merge(&[empty, english.clone()]).unwrap(),
        segment(&documents, &[0], Analyzer::English)
    );
    let nothing = Segment::open(merge(&[]).unwrap()).unwrap();
    assert_eq!(nothing.documents(), 0);
}

#[test]
fn an_index_is_opened_without_its_vectors() {
    use idiolect_core::Ranking;
    use idiolect_retrieval::{Bm25, Past, PastError, Query};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let documents = some_documents();
    let bytes = segment(&documents, &[0, 1, 2, 3], Analyzer::English);
    let index_bytes = Segment::index_bytes(&bytes[..Segment::HEADER_BYTES]).unwrap();
    let (index, vectors) = bytes.split_at(index_bytes);
    let vectors: Arc<[u8]> = vectors.into();
    let read = Arc::new(AtomicUsize::new(0));
    let opened = |vectors: Option<Arc<[u8]>>| {
        let read = Arc::clone(&read);
        Segment::open_index(index, move || {
            read.fetch_add(1, Ordering::Relaxed);
            vectors.clone().ok_or_else(|| "gone".into())
        })
        .unwrap()
    };
    let past_of = |segment: &Segment| {
        let part = SegmentPart {
            segment: segment.clone(),
            removed: Vec::new(),
        };
        past(&documents, vec![part], &Before::Now).unwrap()
    };
    let vector = [1.0; 8];
    let query = Query {
        text: "sea letter",
        vector: Some(&vector),
    };
    let ask = |past: &dyn Past, ranking| past.rank(&query, ranking, &Bm25::default(), 9);

    let good = past_of(&opened(Some(Arc::clone(&vectors))));
    assert_eq!(ask(&good, Ranking::DocBm25).unwrap().len(), 3);
    assert_eq!(ask(&good, Ranking::Recent).unwrap().len(), 4);
    assert_eq!(good.encoder(), Some("word-counts"));
    assert_eq!(read.load(Ordering::Relaxed), 0);
    let whole = past(&documents, vec![part(bytes.clone())], &Before::Now).unwrap();
    assert_eq!(answers(&good, "sea letter"), answers(&whole, "sea letter"));
    assert_eq!(read.load(Ordering::Relaxed), 1);

    let gone = opened(None);
    let damaged = vectors.iter().map(|byte| !byte).collect();
    let (damaged, short) = (opened(Some(damaged)), opened(Some(vectors[1..].into())));
    for (segment, merged) in [
        (&gone, SegmentError::VectorsUnread),
        (&damaged, SegmentError::Checksum),
        (&short, SegmentError::Checksum),
    ] {
        let past = past_of(segment);
        assert_eq!(ask(&past, Ranking::DocBm25).unwrap().len(), 3);
        for ranking in [
            Ranking::DocDense,
            Ranking::Snippet,
            Ranking::DocBySnippet,
            Ranking::Hybrid,
        ] {
            assert!(matches!(
                ask(&past, ranking),
                Err(PastError::Vectors(_) | PastError::Segment(SegmentError::Checksum))
            ));
        }
        let part = SegmentPart {
            segment: segment.clone(),
            removed: vec![0],
        };
        assert_eq!(merge(&[part]), Err(merged));
    }

    for wrong in [0, 16, index_bytes - 1] {
        assert!(Segment::open_index(&index[..wrong], || unreachable!()).is_err());
    }
    assert!(Segment::open_index(&*bytes, || unreachable!()).is_err());
    let first_edition = include_bytes!("../data/segment_v1.bin");
    let header = &first_edition[..Segment::HEADER_BYTES];
    assert_eq!(Segment::index_bytes(header), Ok(first_edition.len()));
    assert!(Segment::open_index(&first_edition[..], || unreachable!()).is_ok());
}

/// Bytes of format 1 as they were first written: they must be readable for ever.
#[test]
fn the_first_edition_of_the_format_is_read() {
    let documents = some_documents();
    let bytes = include_bytes!("../data/segment_v1.bin").to_vec();
    let segment = Segment::open(bytes.clone()).unwrap();
    assert_eq!(segment.documents(), documents.len());
    let past = past(&documents, vec![part(bytes)], &Before::Now).unwrap();
    let fresh = crate::common::segment(&documents, &[0, 1, 2, 3], Analyzer::English);
    let again = crate::common::past(&documents, vec![part(fresh)], &Before::Now).unwrap();
    assert_eq!(answers(&past, "sea letter"), answers(&again, "sea letter"));
}
