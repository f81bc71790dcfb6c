//! Another engine as an oracle: tantivy, given exactly the documents before a moment, finds the same
//! ones with the same scores, whatever the documents, the moment and the query.

use std::collections::BTreeMap;

use idiolect_core::{Document, Ranking};
use idiolect_retrieval::{Analyzer, Bm25, LengthNorm, MemoryPast, Past, Query};
use proptest::collection::vec;
use proptest::prelude::*;
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Query as TantivyQuery, TermQuery};
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::tokenizer::{TextAnalyzer, WhitespaceTokenizer};
use tantivy::{Index, TantivyDocument, Term, doc};

use super::common::{WORDS, documents, moments, past_of};

/// Scores by document id, of tantivy's BM25 (k1 = 1.2, b = 0.75, lengths of one byte).
fn of_tantivy(past: &[Document], terms: &[String]) -> BTreeMap<String, f32> {
    let mut schema = Schema::builder();
    let id = schema.add_text_field("id", STRING | STORED);
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("spaces")
        .set_index_option(IndexRecordOption::WithFreqs);
    let text = schema.add_text_field(
        "text",
        TextOptions::default().set_indexing_options(indexing),
    );
    let index = Index::create_in_ram(schema.build());
    let spaces = TextAnalyzer::from(WhitespaceTokenizer::default());
    index.tokenizers().register("spaces", spaces);
    let mut writer = index.writer_with_num_threads(1, 15_000_000).unwrap();
    for document in past {
        let words = Analyzer::Plain.terms(&document.content()).join(" ");
        writer
            .add_document(doc!(id => document.id.clone(), text => words))
            .unwrap();
    }
    writer.commit().unwrap();
    let searcher = index.reader().unwrap().searcher();
    let found = searcher.search(
        &either(text, terms),
        &TopDocs::with_limit(100).order_by_score(),
    );
    found
        .unwrap()
        .into_iter()
        .map(|(score, address)| {
            let document: TantivyDocument = searcher.doc(address).unwrap();
            (
                document.get_first(id).unwrap().as_str().unwrap().to_owned(),
                score,
            )
        })
        .collect()
}

/// A term that stands in the query twice counts twice.
fn either(field: Field, terms: &[String]) -> BooleanQuery {
    let one = |term: &String| {
        let term = Term::from_field_text(field, term);
        let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
        Box::new(query) as Box<dyn TantivyQuery>
    };
    BooleanQuery::union(terms.iter().map(one).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn another_engine_agrees(
        (documents, moment) in documents().prop_flat_map(|documents| {
            let moments = moments(&documents);
            (Just(documents), prop::sample::select(moments))
        }),
        query in vec(prop::sample::select(&WORDS[..]), 1..6),
    ) {
        let query = query.join(" ");
        let bm25 = Bm25 {
            length_norm: LengthNorm::LuceneByte4,
            analyzer: Analyzer::Plain,
            ..Bm25::default()
        };
        let past = MemoryPast::new("ana", &documents, &moment, None).unwrap();
        let found = past
            .rank(&Query { text: &query, vector: None }, Ranking::DocBm25, &bm25, 100)
            .unwrap();
        let expected = of_tantivy(&past_of(&documents, &moment), &Analyzer::Plain.terms(&query));
        prop_assert_eq!(found.len(), expected.len());
        for one in &found {
            // Its formula carries the constant factor k1 + 1, which Lucene has dropped.
            let score = expected[&one.document] / 2.2;
            prop_assert!((one.score / score - 1.0).abs() < 1e-5, "{} {score}", one.score);
        }
    }
}
