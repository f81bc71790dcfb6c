//! Sentence encoders: static token vectors, and transformers in the folders of
//! sentence-transformers, behind one door.

mod attention;
mod backbone;
mod checkpoint;
mod config;
mod load;
mod modules;
mod numbers;
mod transformer;

use std::path::{Path, PathBuf};

use idiolect_core::{Encoder, EncoderError};
use serde_json::Value;

use crate::{Error, StaticEncoder, WeightFormat, Weights};

pub use transformer::{EncodedTokens, TransformerEncoder};

/// Any sentence encoder that a folder may hold.
#[derive(Debug)]
pub enum SentenceEncoder {
    /// Model2Vec's token vectors.
    Static(Box<StaticEncoder>),
    /// A transformer with what sentence-transformers puts behind it.
    Transformer(Box<TransformerEncoder>),
}

/// What there is to say about an encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderFacts {
    /// The kind of network, as its config.json has it.
    pub architecture: String,
    /// What makes one vector of a text's tokens, in order.
    pub modules: Vec<String>,
    /// Length of every vector.
    pub dimensions: usize,
    /// Layers of the transformer.
    pub layers: usize,
    /// Attention heads of each.
    pub heads: usize,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Tokens of a text that count at most; all without it.
    pub max_tokens: Option<usize>,
}

impl SentenceEncoder {
    /// Opens `builtin` or a folder of whatever kind.
    ///
    /// # Errors
    /// As [`StaticEncoder::open`] and [`TransformerEncoder::load`].
    pub fn open(name_or_folder: &str) -> Result<Self, Error> {
        Self::open_as(name_or_folder, WeightFormat::default())
    }

    /// Opens `builtin` or a folder of whatever kind, with the weights of a transformer kept in this way.
    ///
    /// # Errors
    /// As [`StaticEncoder::open`] and [`TransformerEncoder::load`].
    pub fn open_as(name_or_folder: &str, weights: WeightFormat) -> Result<Self, Error> {
        if name_or_folder == "builtin" {
            Ok(Self::Static(StaticEncoder::builtin()?.into()))
        } else {
            Self::load_as(Path::new(name_or_folder), weights)
        }
    }

    /// Opens a folder of whatever kind.
    ///
    /// # Errors
    /// As [`StaticEncoder::load`] and [`TransformerEncoder::load`].
    pub fn load(folder: &Path) -> Result<Self, Error> {
        Self::load_as(folder, WeightFormat::default())
    }

    fn load_as(folder: &Path, weights: WeightFormat) -> Result<Self, Error> {
        // The package that makes static encoders writes both layouts into one folder.
        match model_type(folder) {
            Some(kind) if kind != "model2vec" => {}
            None if folder.join(modules::FILE).exists() => {}
            _ => return Ok(Self::Static(StaticEncoder::load(folder)?.into())),
        }
        let encoder = TransformerEncoder::load_as(folder, weights)?;
        Ok(Self::Transformer(encoder.into()))
    }

    /// Whether a folder is that of a sentence encoder rather than of a model that writes.
    pub fn is_folder(folder: &Path) -> bool {
        folder.join(modules::FILE).exists()
            || model_type(folder).is_some_and(|kind| config::is_encoder(&kind))
    }

    /// The files that make this encoder, relative to its folder, as far as they are there.
    ///
    /// # Errors
    /// What is wrong with `modules.json`.
    pub fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
        const OF_A_MODULE: [&str; 6] = [
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "README.md",
            "LICENSE",
        ];
        let mut found = vec![PathBuf::from(modules::FILE), PathBuf::from(load::PROMPTS)];
        let mut folders = vec![PathBuf::new()];
        if folder.join(modules::FILE).exists() {
            folders.extend(
                modules::entries(folder)?
                    .into_iter()
                    .map(|entry| entry.path),
            );
        }
        for inside in folders {
            let names = OF_A_MODULE.iter().chain(&load::LENGTHS);
            found.extend(names.map(|name| inside.join(name)));
            // Pooling has no weights.
            if let Ok(weights) = Weights::open(&folder.join(&inside)) {
                let names = weights.files().filter_map(Path::file_name);
                found.extend(names.map(|name| inside.join(name)));
            }
        }
        found.retain(|file| folder.join(file).is_file());
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// What there is to say about it.
    pub fn facts(&self) -> EncoderFacts {
        match self {
            Self::Static(encoder) => EncoderFacts {
                architecture: "model2vec".to_owned(),
                modules: encoder.modules(),
                dimensions: encoder.dimensions(),
                layers: 0,
                heads: 0,
                vocabulary: encoder.vocabulary(),
                max_tokens: encoder.max_tokens(),
            },
            Self::Transformer(encoder) => encoder.facts(),
        }
    }

    /// One vector a text, in order, exactly as the package makes them that the folder is for.
    pub fn vectors(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        match self {
            Self::Static(encoder) => encoder.vectors(texts),
            Self::Transformer(encoder) => encoder.vectors(texts),
        }
    }
}

impl Encoder for SentenceEncoder {
    fn identity(&self) -> &str {
        match self {
            Self::Static(encoder) => encoder.identity(),
            Self::Transformer(encoder) => encoder.identity(),
        }
    }

    fn dimensions(&self) -> usize {
        match self {
            Self::Static(encoder) => encoder.dimensions(),
            Self::Transformer(encoder) => encoder.dimensions(),
        }
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        match self {
            Self::Static(encoder) => encoder.embed(texts),
            Self::Transformer(encoder) => encoder.embed(texts),
        }
    }
}

/// What the folder's config.json says it is; `None` where it does not, or cannot be read.
fn model_type(folder: &Path) -> Option<String> {
    let bytes = fs_err::read(folder.join("config.json")).ok()?;
    let config: Value = serde_json::from_slice(&bytes).ok()?;
    Some(config["model_type"].as_str()?.to_owned())
}
