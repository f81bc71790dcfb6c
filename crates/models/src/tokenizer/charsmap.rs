//! Precompiled normalisers: a trie from bytes to places in a text. The library that walks through it
//! trusts it, so it is walked through here first.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// Looks at every precompiled normaliser of a tokenizer.json.
///
/// # Errors
/// [`Error::Tokenizer`].
pub(super) fn check(tokenizer: &[u8]) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct File {
        normalizer: Option<Value>,
    }

    let failed = |error: serde_json::Error| Error::Tokenizer(error.into());
    let file: File = serde_json::from_slice(tokenizer).map_err(failed)?;
    if file.normalizer.is_none_or(|value| all_sound(&value)) {
        Ok(())
    } else {
        Err(Error::Tokenizer(
            "the precompiled normalizer is damaged".into(),
        ))
    }
}

fn all_sound(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().all(|(key, value)| match value {
            Value::String(text) if key == "precompiled_charsmap" => {
                BASE64_STANDARD.decode(text).is_ok_and(|map| is_sound(&map))
            }
            _ => all_sound(value),
        }),
        Value::Array(values) => values.iter().all(all_sound),
        _ => true,
    }
}

/// Whether no text can lead out of the trie or to a place that is none: the length of the trie in
/// bytes, the trie in units of 32 bits (a double array, as Darts makes it), and texts that end with
/// zeros.
fn is_sound(map: &[u8]) -> bool {
    let Some((&size, rest)) = map.split_first_chunk::<4>() else {
        return false;
    };
    let units = u32::from_le_bytes(size) as usize / 4;
    let Some((trie, texts)) = rest.split_at_checked(4 * units) else {
        return false;
    };
    let (trie, _) = trie.as_chunks::<4>();
    let trie: Vec<u32> = trie.iter().map(|&unit| u32::from_le_bytes(unit)).collect();
    let (Some(&root), Ok(texts)) = (trie.first(), std::str::from_utf8(texts)) else {
        return false;
    };
    let mut seen = vec![false; units];
    let mut open = vec![offset(root)];
    while let Some(node) = open.pop() {
        for byte in 1..=u8::MAX {
            let place = node ^ usize::from(byte);
            let Some(&unit) = trie.get(place) else {
                return false;
            };
            if unit & (1 << 31 | 0xFF) != u32::from(byte) || seen[place] {
                continue;
            }
            seen[place] = true;
            let next = place ^ offset(unit);
            if unit >> 8 & 1 == 1 {
                let text = trie.get(next).map(|leaf| (leaf & !(1 << 31)) as usize);
                if !text.is_some_and(|place| texts.is_char_boundary(place)) {
                    return false;
                }
            }
            open.push(next);
        }
    }
    true
}

/// How far a unit's children lie from it.
fn offset(unit: u32) -> usize {
    (unit as usize >> 10) << ((unit & 1 << 9) >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One node with one child: the letter `a` becomes the text at `value`.
    fn map(value: u32) -> Vec<u8> {
        let mut trie = vec![0_u32; 512];
        // The root's children begin at 256.
        trie[0] = 256 << 10;
        // The child's own children begin at its place; its leaf is the first of them.
        trie[256 ^ 0x61] = 0x61 | 1 << 8 | (0x61 << 10);
        trie[256] = value | 1 << 31;
        let mut map = (trie.len() as u32 * 4).to_le_bytes().to_vec();
        map.extend(trie.iter().flat_map(|unit| unit.to_le_bytes()));
        map.extend("é\0".bytes());
        map
    }

    #[test]
    fn places_must_be_there() {
        assert!(is_sound(&map(0)));
        assert!(is_sound(&map(2)));
        assert!(!is_sound(&map(1)), "within a character");
        assert!(!is_sound(&map(4)), "behind the texts");
    }

    #[test]
    fn nothing_leads_out_of_the_trie() {
        let mut far = map(0);
        far[4..8].copy_from_slice(&(512_u32 << 10).to_le_bytes());
        assert!(!is_sound(&far));
        let whole = map(0);
        for length in [0, 3, 4, 100, 4 + 512 * 4 - 1] {
            assert!(!is_sound(&whole[..length]), "{length}");
        }
        let mut claim = map(0);
        claim[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(!is_sound(&claim));
    }
}
