//! Examples as of their date: nothing of the same moment or later is in them, whatever the data.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::collections::{BTreeMap, HashSet};

use idiolect_core::{Document, Encoder, EncoderError, Ranking};
use idiolect_retrieval::words;
use idiolect_training::examples::{
    BuildOptions, Example, Half, Shares, Split, Survey, build_examples, survey,
};
use idiolect_training::labels::Alike;
use jiff::Timestamp;
use proptest::prelude::*;

/// A text's vector counts its words by their first letter.
struct FirstLetters;

impl Encoder for FirstLetters {
    fn identity(&self) -> &'static str {
        "first letters"
    }

    fn dimensions(&self) -> usize {
        26
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        let embed = |text: &&str| {
            let mut vector = [0.0_f32; 26];
            for word in words(text) {
                if let Some(letter @ b'a'..=b'z') = word.bytes().next() {
                    vector[usize::from(letter - b'a')] += 1.0;
                }
            }
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            vector
                .iter()
                .map(|x| if length > 0.0 { x / length } else { 0.0 })
                .collect()
        };
        Ok(texts.iter().map(embed).collect())
    }
}

type Archive = BTreeMap<String, Vec<Document>>;

fn archive(documents: Vec<Document>) -> Archive {
    let mut archive = Archive::new();
    for document in documents {
        archive
            .entry(document.author.clone())
            .or_default()
            .push(document);
    }
    archive
}

fn build(archive: &Archive, options: &BuildOptions) -> (Survey, Vec<(Split, Example)>) {
    let authors: Vec<String> = archive.keys().cloned().collect();
    let mut load = |author: &str| Ok(archive[author].clone());
    let survey = survey(&authors, &mut load, options).unwrap();
    let mut made = Vec::new();
    build_examples(
        &survey,
        &mut load,
        &Alike::default(),
        Some(&FirstLetters),
        options,
        &mut |split, example| {
            made.push((split, example.clone()));
            Ok(())
        },
    )
    .unwrap();
    (survey, made)
}

/// A document dated `day`, that no other is like.
fn document(author: &str, id: usize, day: Option<i64>, text: &str) -> Document {
    Document {
        id: format!("{author}-{id}"),
        date: day.map(|day| Timestamp::from_second(day * 86_400).unwrap()),
        ..Document::new(author, "", text)
    }
}

/// Options under which short texts make examples.
fn small() -> BuildOptions {
    BuildOptions {
        min_chars: 20,
        min_examples: 1,
        ..BuildOptions::default()
    }
}

#[test]
fn one_example_in_full() {
    let filler = |i: usize| {
        document(
            "bert",
            i,
            Some(i as i64),
            &format!("Plain filler {i} of bert."),
        )
    };
    let mut documents: Vec<Document> = (0..20).map(filler).collect();
    documents.push(document(
        "ana",
        0,
        Some(1),
        "The heron stood in the weir. Nothing moved.",
    ));
    documents.push(document(
        "ana",
        1,
        Some(2),
        "Frost on the boats, and a heron.",
    ));
    documents.push(document(
        "ana",
        2,
        Some(3),
        "At dusk the heron left the weir.",
    ));
    documents.push(document("ana", 3, Some(3), "The same day, another heron."));
    documents.push(document(
        "ana",
        4,
        Some(9),
        "Years later there was no heron. No.",
    ));
    let mut options = small();
    options.split = Shares([1, 0, 0]);
    let (survey, made) = build(&archive(documents), &options);
    assert_eq!(survey.splits.len(), 2);
    assert_eq!(survey.idf.documents, 25);
    let (split, example) = made
        .iter()
        .find(|(_, one)| one.document == "ana-2")
        .unwrap();

    assert_eq!(*split, Split::Train);
    assert_eq!(example.id, "ana/ana-2");
    assert_eq!(example.half, Half::of("ana"));
    assert_eq!(example.target, "At dusk the heron left the weir.");
    assert_eq!(example.immediate_context, example.target);
    assert_eq!(
        example.past_passages,
        "The heron stood in the weir. Nothing moved.\n\nFrost on the boats, and a heron."
    );
    assert_eq!(example.entries.len(), 2);
    assert_eq!(
        example.summary_label,
        "The heron stood in the weir. Nothing moved."
    );
    assert_eq!(example.summary_label_snippets[0].document, "ana-0");
    assert_eq!(example.summary_label_snippets[0].target_span, 0..32);
    // `weir` stands in 2 of 25 documents, `heron` in 5.
    assert_eq!(example.keyword_label, ["weir", "heron"]);
    assert_eq!(example.keywords_ind, ["heron"]);

    let json = serde_json::to_value(example).unwrap();
    let fields: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        fields,
        [
            "id",
            "author",
            "document",
            "date",
            "past_documents",
            "immediate_context",
            "entries",
            "past_passages",
            "summary_label",
            "summary_label_snippets",
            "keyword_label",
            "keywords_ind",
            "target",
            "half",
        ]
    );
    assert!(json["half"] == "a" || json["half"] == "b");
    assert_eq!(
        json["summary_label_snippets"][0]["target_span"],
        serde_json::json!([0, 32])
    );
}

#[test]
fn the_filters_of_the_paper() {
    let long = |author: &str, i: usize| {
        let text = format!("{author} {i} {}", "word ".repeat(60));
        document(author, i, Some(i as i64), &text)
    };
    let mut documents = Vec::new();
    // Seven documents: the last five have two before them.
    documents.extend((0..7).map(|i| long("enough", i)));
    documents.extend((0..6).map(|i| long("too-few", i)));
    documents.extend((0..70).map(|i| long("prolific", i)));
    documents.extend((0..9).map(|i| document("copier", i, Some(i as i64), &"same ".repeat(80))));
    documents.extend((0..9).map(|i| document("terse", i, Some(i as i64), &format!("{i:0300}"))));
    let (survey, made) = build(&archive(documents), &BuildOptions::default());
    assert_eq!(
        survey.splits.keys().collect::<Vec<_>>(),
        ["enough", "prolific"]
    );
    let count = |author: &str| made.iter().filter(|(_, one)| one.author == author).count();
    assert_eq!((count("enough"), count("prolific")), (5, 50));
    assert!(made.iter().all(|(_, one)| one.target.chars().count() > 300));
    assert!(
        made.windows(2)
            .all(|two| two[0].1.author != two[1].1.author || two[0].1.date < two[1].1.date)
    );
}

#[test]
fn without_an_encoder_dense_rankings_are_an_error() {
    let mut options = small();
    options.ranking = Ranking::Snippet;
    let error = build_examples(
        &Survey::default(),
        &mut |_| Ok(Vec::new()),
        &Alike::default(),
        None,
        &options,
        &mut |_, _| Ok(()),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "the ranking `snippet` needs an encoder");
}

/// Documents with a word that only they have, some at the same moment, some undated, some copies.
fn any_archive() -> impl Strategy<Value = Archive> {
    let one = (
        0..3_usize,
        prop::option::weighted(0.9, 0..8_i64),
        1..5_usize,
        any::<bool>(),
    );
    prop::collection::vec(one, 3..30).prop_map(|drawn| {
        let made = drawn
            .iter()
            .enumerate()
            .map(|(i, &(author, day, sentences, copy))| {
                let marker = if copy && i > 0 { i - 1 } else { i };
                let text = format!("Marker{marker} walks alone by the river. ").repeat(sentences);
                document(["ana", "bert", "cleo"][author], i, day, &text)
            });
        archive(made.collect())
    })
}

fn markers(text: &str) -> HashSet<String> {
    words(text)
        .into_iter()
        .filter(|word| word.starts_with("marker"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_of_the_same_moment_or_later_is_in_an_example(
        archive in any_archive(),
        ranking in prop::sample::select(vec![
            Ranking::Recent, Ranking::DocBm25, Ranking::DocDense, Ranking::Snippet,
            Ranking::DocBySnippet,
        ]),
    ) {
        let options = BuildOptions { ranking, min_past: 1, ..small() };
        let (_, made) = build(&archive, &options);
        for (_, example) in &made {
            let own = &archive[&example.author];
            let any_dated = own.iter().any(|document| document.date.is_some());
            let place = own.iter().position(|one| one.id == example.document).unwrap();
            let visible = |at: usize, document: &Document| {
                if any_dated { document.date.is_some() && document.date < example.date } else { at < place }
            };
            let earlier: HashSet<String> = own
                .iter()
                .enumerate()
                .filter(|&(at, document)| visible(at, document))
                .flat_map(|(_, document)| markers(&document.text))
                .collect();
            let mut seen = markers(&example.past_passages);
            seen.extend(markers(&example.summary_label));
            seen.extend(markers(&example.keyword_label.join(" ")));
            seen.extend(markers(&example.keywords_ind.join(" ")));
            seen.extend(example.entries.iter().flat_map(|entry| markers(&entry.text)));
            prop_assert!(seen.is_subset(&earlier), "{seen:?} of {earlier:?}");
            prop_assert!(example.entries.iter().all(|entry| entry.document != example.document));
            prop_assert!(example.entries.iter().all(|entry| entry.text != example.target));
        }
    }

    #[test]
    fn the_same_data_make_the_same_examples(archive in any_archive(), seed in 0..4_u64) {
        let options = BuildOptions { seed, max_examples: 3, min_past: 1, ..small() };
        prop_assert_eq!(build(&archive, &options), build(&archive, &options));
    }
}
