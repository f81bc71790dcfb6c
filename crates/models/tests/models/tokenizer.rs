//! The tokenizer against the package it comes from, through Python: see golden/README.md.

use crate::common::{folder, golden, ids};
use idiolect_models::Tokenizer;

#[test]
fn ids_and_texts() {
    let tokenizer = Tokenizer::load(&folder("unigram/tokenizer.json")).unwrap();
    let golden = golden("unigram");
    assert_eq!(
        tokenizer.vocab_size() as u64,
        golden["vocabulary"].as_u64().unwrap()
    );
    for one in golden["texts"].as_array().unwrap() {
        let found = tokenizer.encode(one["text"].as_str().unwrap());
        assert_eq!(found, ids(&one["ids"]), "{one}");
        assert_eq!(tokenizer.decode(&found), one["decoded"].as_str().unwrap());
    }
    assert_eq!(tokenizer.id_of("</s>"), Some(1));
    assert_eq!(tokenizer.id_of("no such piece"), None);
}

#[test]
fn texts_grow_with_their_ids() {
    let tokenizer = Tokenizer::load(&folder("unigram/tokenizer.json")).unwrap();
    let golden = &golden("unigram")["prefixes"];
    let ids = ids(&golden["ids"]);
    for (n, decoded) in golden["decoded"].as_array().unwrap().iter().enumerate() {
        assert_eq!(tokenizer.decode(&ids[..n]), decoded.as_str().unwrap());
    }
}
