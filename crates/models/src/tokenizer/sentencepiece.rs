//! A SentencePiece model as T5 uses it, made into a tokenizer.json: what `transformers` makes of a
//! folder that has nothing else.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde_json::{Value, json};

use super::source::special;
use crate::Error;

/// `<extra_id_N>` where a folder does not say how many.
pub(super) const EXTRA_IDS: usize = 100;

/// The file, as far as it is needed: `sentencepiece_model.proto`.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    training: Option<Training>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<Normalizer>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Training {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
    #[prost(bool, optional, tag = "35")]
    byte_fallback: Option<bool>,
    #[prost(int32, optional, tag = "40")]
    unknown: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Normalizer {
    #[prost(bytes = "vec", optional, tag = "2")]
    charsmap: Option<Vec<u8>>,
}

const UNIGRAM: i32 = 1;
/// Kinds of pieces.
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// A tokenizer.json of the bytes of a SentencePiece model and so many `<extra_id_N>`.
pub(super) fn convert(bytes: &[u8], extra_ids: usize, file: &Path) -> Result<Vec<u8>, Error> {
    let failed = |defect| Error::SentencePiece {
        file: file.to_owned(),
        defect,
    };
    let model = Model::decode(bytes).map_err(|_| failed("it is not a SentencePiece model"))?;
    let training = model.training.unwrap_or_default();
    if training.model_type.unwrap_or(UNIGRAM) != UNIGRAM {
        return Err(failed("it is not of the kind Unigram"));
    }
    let unknown = training.unknown.unwrap_or(0);
    if usize::try_from(unknown).map_or(true, |id| id >= model.pieces.len()) {
        return Err(failed("the unknown piece is not among its pieces"));
    }
    let fallback = training.byte_fallback.unwrap_or(false);
    let mut vocabulary = Vec::with_capacity(model.pieces.len() + extra_ids);
    let mut added = Vec::new();
    for (id, piece) in model.pieces.iter().enumerate() {
        let (text, score) = (piece.text.as_deref(), piece.score.unwrap_or(0.0));
        let Some(text) = text.filter(|text| !text.is_empty() && score.is_finite()) else {
            return Err(failed("a piece has no text or no score"));
        };
        match piece.kind {
            Some(UNKNOWN | CONTROL) => added.push(special(id, text, false)),
            Some(USER_DEFINED) => {
                let mut token = special(id, text, false);
                token["special"] = false.into();
                added.push(token);
            }
            _ => {}
        }
        vocabulary.push(json!([text, score]));
    }
    // The last one comes first, as in the reference.
    for n in (0..extra_ids).rev() {
        let token = format!("<extra_id_{n}>");
        added.push(special(vocabulary.len(), &token, false));
        vocabulary.push(json!([token, 0.0]));
    }
    let charsmap = model.normalizer.and_then(|normalizer| normalizer.charsmap);
    let normalizer = charsmap.filter(|map| !map.is_empty()).map(
        |map| json!({"type": "Precompiled", "precompiled_charsmap": BASE64_STANDARD.encode(map)}),
    );
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}
        ]},
        "post_processor": post_processor(&model.pieces),
        "decoder": decoder(fallback),
        "model": {
            "type": "Unigram", "unk_id": unknown, "vocab": vocabulary, "byte_fallback": fallback
        }
    });
    serde_json::to_vec(&tokenizer).map_err(|error| Error::Tokenizer(error.into()))
}

/// Puts `</s>` at the end, for readers that ask for special tokens.
fn post_processor(pieces: &[Piece]) -> Value {
    let end = "</s>";
    let Some(id) = pieces
        .iter()
        .position(|one| one.text.as_deref() == Some(end))
    else {
        return Value::Null;
    };
    let text = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
    let token = json!({"SpecialToken": {"id": end, "type_id": 0}});
    json!({
        "type": "TemplateProcessing",
        "single": [text("A"), token],
        "pair": [text("A"), token, text("B"), token],
        "special_tokens": {end: {"id": end, "ids": [id], "tokens": [end]}}
    })
}

fn decoder(byte_fallback: bool) -> Value {
    let spaces =
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    if byte_fallback {
        json!({"type": "Sequence", "decoders": [{"type": "ByteFallback"}, spaces]})
    } else {
        spaces
    }
}
