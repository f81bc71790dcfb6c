use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{bytes, sentencepiece};
use crate::{Config, Error};

/// The tokenizer of a model folder, as a tokenizer.json whatever it was.
#[derive(Debug, Clone)]
pub(crate) struct TokenizerSource {
    pub(crate) json: Cow<'static, [u8]>,
    /// Where it comes from.
    pub(crate) file: PathBuf,
}

/// `tokenizer_config.json`, as far as it tells what other files do not.
#[derive(Debug, Default, Deserialize)]
struct TokenizerConfig {
    tokenizer_class: Option<String>,
    extra_ids: Option<usize>,
}

/// The rows of every published ByT5's embedding.
const BYT5_VOCABULARY: usize = 384;

impl TokenizerSource {
    /// Looks for `tokenizer.json`, then for `spiece.model`; a folder without either may be a ByT5's,
    /// by its `tokenizer_config.json` or by the size of its vocabulary.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Json`], [`Error::SentencePiece`], [`Error::Vocabulary`].
    pub(crate) fn find(folder: &Path, config: &Config) -> Result<Option<Self>, Error> {
        let file = folder.join("tokenizer.json");
        if file.exists() {
            let json = fs_err::read(&file).map_err(Error::Read)?.into();
            return Ok(Some(Self { json, file }));
        }
        let pieces = folder.join("spiece.model");
        let settings = folder.join("tokenizer_config.json");
        let (file, found) = if settings.exists() {
            (settings.clone(), TokenizerConfig::read(&settings)?)
        } else {
            (folder.join("config.json"), TokenizerConfig::default())
        };
        if let Some(extra_ids) = found.extra_ids
            && extra_ids > config.vocab_size
        {
            return Err(Error::InFile {
                file,
                defect: Box::new(Error::Vocabulary {
                    tokenizer: extra_ids,
                    model: config.vocab_size,
                }),
            });
        }
        if pieces.exists() {
            let bytes = fs_err::read(&pieces).map_err(Error::Read)?;
            let extra_ids = found.extra_ids.unwrap_or(sentencepiece::EXTRA_IDS);
            let json = sentencepiece::convert(&bytes, extra_ids, &pieces)?.into();
            return Ok(Some(Self { json, file: pieces }));
        }
        let is_byt5 = match found.tokenizer_class.as_deref() {
            Some(class) => class == "ByT5Tokenizer",
            None => config.vocab_size == BYT5_VOCABULARY,
        };
        if !is_byt5 {
            return Ok(None);
        }
        let json = bytes::tokenizer_json(found.extra_ids.unwrap_or(bytes::EXTRA_IDS))?.into();
        Ok(Some(Self { json, file }))
    }
}

impl TokenizerConfig {
    fn read(file: &Path) -> Result<Self, Error> {
        let bytes = fs_err::read(file).map_err(Error::Read)?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Json {
            file: file.to_owned(),
            source,
        })
    }
}

/// An entry of `added_tokens`; `alone` ones take the spaces around them with them.
pub(super) fn special(id: usize, content: &str, alone: bool) -> Value {
    json!({
        "id": id, "content": content, "single_word": false, "lstrip": alone, "rstrip": alone,
        "normalized": false, "special": true
    })
}
