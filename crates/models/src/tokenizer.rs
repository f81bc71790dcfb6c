use std::path::Path;

use crate::Error;

/// A tokenizer in the Hugging Face format.
#[derive(Debug, Clone)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Reads `tokenizer.json`. Truncation and padding that it may ask for are left to the caller.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Tokenizer`].
    pub fn load(file: &Path) -> Result<Self, Error> {
        Self::from_bytes(&fs_err::read(file).map_err(Error::Read)?)
    }

    /// Reads the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(Error::Tokenizer)?;
        inner.with_truncation(None).map_err(Error::Tokenizer)?;
        inner.with_padding(None);
        Ok(Self(inner))
    }

    /// Ids of a text, without special tokens. A text that cannot be tokenized has none.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        self.0
            .encode_fast(text, false)
            .map(|encoding| encoding.get_ids().to_vec())
            .unwrap_or_default()
    }

    /// Text of ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.0.decode(ids, true).unwrap_or_default()
    }

    /// How many ids it can make, added tokens included.
    pub fn vocab_size(&self) -> usize {
        // Ids need not be dense: the largest counts.
        self.0
            .get_vocab(true)
            .values()
            .max()
            .map_or(0, |&id| id as usize + 1)
    }

    /// Every token as it stands in the vocabulary, added ones included.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = String> {
        self.0.get_vocab(true).into_keys()
    }

    /// Id of a token as it stands in the vocabulary.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }
}
