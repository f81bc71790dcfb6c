//! From text to ids and back: every `tokenizer.json`; a SentencePiece model as T5 uses it, and the
//! bytes of a ByT5, both made into the same form.

mod bytes;
mod charsmap;
mod sentencepiece;
mod source;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{PoisonError, RwLock},
};

use serde_json::Value;
use tokenizers::{
    Model, NormalizerWrapper, PostProcessor, TruncationDirection,
    normalizers::{Lowercase, Sequence},
};

use crate::Error;
pub(crate) use source::TokenizerSource;

/// A tokenizer in the Hugging Face format.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Where the way from text to pieces is a simple one that is known here.
    words: Option<Words>,
    /// Whether every byte of a text is a token.
    bytes: bool,
}

/// Splits text as the built-in model's tokenizer does, and remembers the ids of words seen before:
/// some twenty times as fast as the general way, with the same ids.
#[derive(Debug)]
struct Words {
    lines_apart: bool,
    digits_apart: bool,
    /// Stands for a space.
    mark: char,
    /// Tokens that are matched in the text as it is; such texts go the general way.
    added: Vec<String>,
    known: RwLock<HashMap<Box<str>, Box<[u32]>>>,
}

/// Words remembered at most: some twenty megabytes.
const WORDS: usize = 1 << 18;
/// Longer ones are rarely seen again.
const WORD_BYTES: usize = 32;
/// Looking for more added tokens than this in each text takes too long.
const ADDED: usize = 16;

impl Tokenizer {
    /// Reads `tokenizer.json`. Truncation and padding that it may ask for are left to the caller.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::TokenizerFile`].
    pub fn load(file: &Path) -> Result<Self, Error> {
        Self::of_file(&fs_err::read(file).map_err(Error::Read)?, file)
    }

    /// Reads the bytes of a `tokenizer.json`, and names the file in errors.
    pub(crate) fn of_file(bytes: &[u8], file: &Path) -> Result<Self, Error> {
        Self::from_bytes(bytes).map_err(|error| match error {
            Error::Tokenizer(source) => Error::TokenizerFile {
                file: file.to_owned(),
                source,
            },
            other => other,
        })
    }

    /// Reads the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        charsmap::check(bytes)?;
        let mut inner = guarded(|| tokenizers::Tokenizer::from_bytes(bytes))?;
        inner.with_truncation(None).map_err(Error::Tokenizer)?;
        inner.with_padding(None);
        Ok(Self::of_inner(inner))
    }

    /// Reads the bytes of a SentencePiece model (`spiece.model`) as T5 uses it, with so many
    /// `<extra_id_N>` behind its pieces; `file` only names it.
    ///
    /// # Errors
    /// [`Error::SentencePiece`], [`Error::TokenizerFile`].
    pub fn from_sentencepiece(bytes: &[u8], extra_ids: usize, file: &Path) -> Result<Self, Error> {
        Self::of_file(&sentencepiece::convert(bytes, extra_ids, file)?, file)
    }

    fn of_inner(inner: tokenizers::Tokenizer) -> Self {
        Self {
            words: Words::of(&inner),
            bytes: bytes::is_of_bytes(&inner),
            inner,
        }
    }

    /// Ids of a text, without special tokens. A text that cannot be tokenized has none.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.words {
            Some(words) if !words.added.iter().any(|token| text.contains(token)) => {
                words.encode(text, self.inner.get_model())
            }
            // Added tokens begin with this.
            None if self.bytes && !text.contains('<') => bytes::encode(text),
            _ => self.encode_whole(text),
        }
    }

    fn encode_whole(&self, text: &str) -> Vec<u32> {
        guarded(|| self.inner.encode_fast(text, false))
            .map(|encoding| encoding.get_ids().to_vec())
            .unwrap_or_default()
    }

    /// Ids of a text with the special tokens that belong around it, of which `most` remain: the
    /// text's last ones are left out.
    pub(crate) fn encode_special(&self, text: &str, most: Option<usize>) -> Vec<u32> {
        let encode = || {
            let mut found = self.inner.encode_fast(text, false)?;
            if let Some(most) = most {
                let room = most.saturating_sub(self.special_tokens());
                found.truncate(room, 0, TruncationDirection::Right);
            }
            self.inner.post_process(found, None, true)
        };
        encode().map_or_else(
            |_: tokenizers::Error| Vec::new(),
            |found| found.get_ids().to_vec(),
        )
    }

    /// How many special tokens belong around a text.
    pub(crate) fn special_tokens(&self) -> usize {
        self.inner
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(false))
    }

    /// From now on, text is put in lower case before anything else.
    pub(crate) fn lower_case(&mut self) -> Result<(), Error> {
        let mut steps = vec![NormalizerWrapper::Lowercase(Lowercase)];
        steps.extend(self.inner.get_normalizer().cloned());
        self.inner
            .with_normalizer(Some(Sequence::new(steps)))
            .map_err(Error::Tokenizer)?;
        self.words = None;
        Ok(())
    }

    /// Text of ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        if self.bytes {
            return bytes::decode(ids);
        }
        guarded(|| self.inner.decode(ids, true)).unwrap_or_default()
    }

    /// How many ids it can make, added tokens included.
    pub fn vocab_size(&self) -> usize {
        // Ids need not be dense: the largest counts.
        self.inner
            .get_vocab(true)
            .values()
            .max()
            .map_or(0, |&id| id as usize + 1)
    }

    /// Every token as it stands in the vocabulary, added ones included.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = String> {
        self.inner.get_vocab(true).into_keys()
    }

    /// For each of so many ids, whether a word begins with it: whether it stands for a space and what is
    /// behind it.
    pub fn begins_word(&self, ids: usize) -> Vec<bool> {
        let mut found = vec![false; ids];
        for (token, id) in self.inner.get_vocab(true) {
            if let Some(begins) = found.get_mut(id as usize) {
                *begins = token.starts_with(['▁', 'Ġ', ' ']) || token == "<0x20>";
            }
        }
        found
    }

    /// Id of a token as it stands in the vocabulary.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

/// Some files that nobody writes but to do harm make the library panic; they are refused like others.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("its parts do not fit together".into()))
        .map_err(Error::Tokenizer)
}

/// Begins with nothing remembered.
impl Clone for Tokenizer {
    fn clone(&self) -> Self {
        Self::of_inner(self.inner.clone())
    }
}

impl Words {
    /// `None` for a tokenizer that normalises, or splits in any other way than into lines, digits,
    /// and words with a mark for the space before them.
    fn of(tokenizer: &tokenizers::Tokenizer) -> Option<Self> {
        let json = |value: Result<Value, _>| value.unwrap_or_default();
        let splitter = json(serde_json::to_value(tokenizer.get_pre_tokenizer()));
        let mut words = Self {
            lines_apart: false,
            digits_apart: false,
            mark: '▁',
            added: tokenizer
                .get_added_tokens_decoder()
                .into_values()
                .map(|token| token.content)
                .collect(),
            known: RwLock::default(),
        };
        let alone = [splitter.clone()];
        let (last, before) = splitter["pretokenizers"]
            .as_array()
            .map_or(alone.as_slice(), Vec::as_slice)
            .split_last()?;
        for part in before {
            match part["type"].as_str() {
                Some("Digits") if part["individual_digits"] == true => words.digits_apart = true,
                Some("Split")
                    if part["pattern"]["String"] == "\n" && part["behavior"] == "Isolated" =>
                {
                    words.lines_apart = true;
                }
                _ => return None,
            }
        }
        words.mark = last["replacement"].as_str()?.chars().next()?;
        let known = last["type"] == "Metaspace"
            && last["prepend_scheme"] == "never"
            && last["split"] == true
            && tokenizer.get_normalizer().is_none()
            && words.added.len() <= ADDED;
        known.then_some(words)
    }

    fn encode(&self, text: &str, model: &impl Model) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 2);
        let mut new = Vec::new();
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            for word in self.split(text) {
                if let Some(found) = known.get(word) {
                    ids.extend_from_slice(found);
                    continue;
                }
                let marked = word.replace(' ', self.mark.encode_utf8(&mut [0; 4]));
                let Ok(found) = model.tokenize(&marked) else {
                    return Vec::new();
                };
                let first = ids.len();
                ids.extend(found.iter().map(|token| token.id));
                if word.len() <= WORD_BYTES && known.len() < WORDS {
                    new.push((word, first..ids.len()));
                }
            }
        }
        if !new.is_empty() {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.extend(
                new.into_iter()
                    .map(|(word, part)| (word.into(), ids[part].into())),
            );
        }
        ids
    }

    fn split<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let apart = |character: char| {
            self.lines_apart && character == '\n' || self.digits_apart && character.is_numeric()
        };
        let mut rest = text;
        std::iter::from_fn(move || {
            let mut characters = rest.char_indices();
            let (_, first) = characters.next()?;
            let end = if apart(first) {
                first.len_utf8()
            } else {
                characters
                    .find(|&(_, next)| next == ' ' || next == self.mark || apart(next))
                    .map_or(rest.len(), |(place, _)| place)
            };
            let (word, after) = rest.split_at(end);
            rest = after;
            Some(word)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Pieces with a space before them, digits and lines apart, single bytes for the rest.
    fn marked() -> Tokenizer {
        let mut vocabulary: Vec<Value> = ["<pad>", "</s>", "<unk>"]
            .iter()
            .map(|piece| json!([piece, 0.0]))
            .collect();
        vocabulary.extend((0..256).map(|byte| json!([format!("<0x{byte:02X}>"), -20.0])));
        let pieces = ["▁", "a", "b", "▁a", "ab", "▁▁", "\n", "1", "ba ", "é"];
        vocabulary.extend(
            pieces
                .iter()
                .zip(1..)
                .map(|(piece, i)| json!([piece, -f64::from(i)])),
        );
        let mark = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": true});
        let end = json!({"id": 1, "content": "</s>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true});
        let file = json!({
            "version": "1.0",
            "added_tokens": [end],
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"String": "\n"}, "behavior": "Isolated", "invert": false},
                {"type": "Digits", "individual_digits": true},
                mark
            ]},
            "model": {"type": "Unigram", "unk_id": 2, "vocab": vocabulary, "byte_fallback": true}
        });
        Tokenizer::from_bytes(&serde_json::to_vec(&file).unwrap()).unwrap()
    }

    fn golden(folder: &str) -> Tokenizer {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        Tokenizer::load(&golden.join(folder).join("tokenizer.json")).unwrap()
    }

    #[test]
    fn files_that_make_the_library_panic_are_refused() {
        let whole = r#"{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}"#;
        assert!(Tokenizer::from_bytes(whole.as_bytes()).is_ok());
        let broken = whole.replace(r#""model""#, r#""decoder": 5, "model""#);
        let refused = Tokenizer::from_bytes(broken.as_bytes());
        assert!(matches!(refused, Err(Error::Tokenizer(_))));
    }

    #[test]
    fn only_a_known_way_of_splitting_is_taken() {
        assert!(marked().words.is_some());
        assert!(golden("static/wordpiece").words.is_none());
        assert!(golden("unigram").words.is_none());
    }

    #[test]
    fn words_keep_the_space_before_them() {
        let tokenizer = marked();
        let words = tokenizer.words.as_ref().unwrap();
        let found: Vec<&str> = words.split("é a  b\nc42▁½ ").collect();
        assert_eq!(
            found,
            ["é", " a", " ", " b", "\n", "c", "4", "2", "▁", "½", " "]
        );
        assert_eq!(words.split("").count(), 0);
    }

    proptest! {
        #[test]
        fn word_by_word_is_as_a_whole(
            texts in proptest::collection::vec("([ab1é ▁\n☃½]|</s>| ab|\\PC){0,30}", 1..6)
        ) {
            let tokenizer = marked();
            for text in texts.iter().chain(&texts) {
                prop_assert_eq!(tokenizer.encode(text), tokenizer.encode_whole(text));
            }
        }
    }
}
