//! ByT5's tokenizer: a text's tokens are its bytes in UTF-8, each three above its value, behind
//! `<pad>`, `</s>` and `<unk>`.

use serde_json::{Map, Value, json};

use crate::Error;

const FIRST: u32 = 3;
const BEHIND: u32 = FIRST + 256;
const SPECIAL: [&str; FIRST as usize] = ["<pad>", "</s>", "<unk>"];

/// `<extra_id_N>` where a folder does not say how many.
pub(super) const EXTRA_IDS: usize = 125;

/// A tokenizer.json, with so many `<extra_id_N>` behind the bytes.
pub(super) fn tokenizer_json(extra_ids: usize) -> Result<Vec<u8>, Error> {
    let mut vocabulary = Map::new();
    let bytes = (0..=255).map(byte_token);
    let all = SPECIAL.iter().map(ToString::to_string).chain(bytes);
    for (id, token) in all.enumerate() {
        vocabulary.insert(token, id.into());
    }
    let extra = (0..extra_ids).map(|n| format!("<extra_id_{n}>"));
    let added: Vec<Value> = (SPECIAL.iter().enumerate())
        .map(|(id, token)| super::source::special(id, token, true))
        .chain(
            extra
                .enumerate()
                .map(|(n, token)| super::source::special(BEHIND as usize + n, &token, false)),
        )
        .collect();
    let file = json!({
        "version": "1.0",
        "added_tokens": added,
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "vocab": vocabulary, "merges": []
        }
    });
    serde_json::to_vec(&file).map_err(|error| Error::Tokenizer(error.into()))
}

fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

/// Whether a tokenizer is one of [`tokenizer_json`].
pub(super) fn is_of_bytes(tokenizer: &tokenizers::Tokenizer) -> bool {
    tokenizer.get_normalizer().is_none()
        && tokenizer.get_pre_tokenizer().is_none()
        && tokenizer.get_vocab_size(false) == BEHIND as usize
        && (FIRST..BEHIND).zip(0..=255).all(|(id, byte)| {
            tokenizer.id_to_token(id).as_deref() == Some(byte_token(byte).as_str())
        })
        && (tokenizer.get_added_tokens_decoder().values())
            .all(|token| token.special && token.content.starts_with('<'))
}

/// Ids of a text without special tokens in it.
pub(super) fn encode(text: &str) -> Vec<u32> {
    text.bytes().map(|byte| FIRST + u32::from(byte)).collect()
}

/// Text of ids; what is not a byte, and bytes that are not of UTF-8, are left out.
pub(super) fn decode(ids: &[u32]) -> String {
    let bytes: Vec<u8> = ids
        .iter()
        .filter_map(|id| u8::try_from(id.checked_sub(FIRST)?).ok())
        .collect();
    bytes.utf8_chunks().map(|chunk| chunk.valid()).collect()
}
