use std::path::Path;

use idiolect_core::{Encoder, EncoderError};
use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Precision, Tokenizer, folder, parameters::read_floats, seq2seq::hex};

/// A sentence encoder of static token vectors: a text's vector is the weighted mean of its tokens'.
/// Indexes a laptop's archive in seconds. The folder format is Model2Vec's.
#[derive(Debug, Clone)]
pub struct StaticEncoder {
    vectors: StaticVectors,
    tokenizer: Tokenizer,
    /// Left out of the mean.
    unknown: Option<u32>,
    /// Longer texts are cut to so many characters before they are tokenized.
    most_characters: usize,
    identity: String,
}

/// One vector a token, and how they are put together.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticVectors {
    /// Length of every vector.
    pub dimensions: usize,
    /// Vector after vector.
    pub embeddings: Vec<f32>,
    /// One weight a token id; without them every token weighs 1.
    pub weights: Option<Vec<f32>>,
    /// For each token id the number of its vector; without it they are the same.
    pub mapping: Option<Vec<u32>>,
    /// Whether [`StaticEncoder::vectors`] brings vectors to length 1.
    pub normalize: bool,
    /// Tokens of a text that count at most; all without it.
    pub max_length: Option<usize>,
}

/// `config.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Config {
    #[serde(default = "model_type")]
    model_type: String,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    hidden_dim: usize,
    #[serde(default)]
    normalize: bool,
    /// Missing is [`MAX_LENGTH`], null is no limit.
    #[serde(default = "max_length", deserialize_with = "nullable")]
    max_length: Option<usize>,
}

/// Tokens of a text that count where a config does not say.
const MAX_LENGTH: usize = 512;

fn model_type() -> String {
    "model2vec".to_owned()
}
#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn max_length() -> Option<usize> {
    Some(MAX_LENGTH)
}
fn nullable<'de, D: Deserializer<'de>>(value: D) -> Result<Option<usize>, D::Error> {
    Option::deserialize(value)
}

impl StaticEncoder {
    /// Opens `builtin` or a folder.
    ///
    /// # Errors
    /// As [`StaticEncoder::load`] and [`StaticEncoder::builtin`].
    pub fn open(name_or_folder: &str) -> Result<Self, Error> {
        if name_or_folder == "builtin" {
            Self::builtin()
        } else {
            Self::load(Path::new(name_or_folder))
        }
    }

    /// Opens a folder of `config.json`, `model.safetensors` and `tokenizer.json`; an encoder inside
    /// the folder of a model whose tokenizer it shares has none of its own.
    ///
    /// # Errors
    /// A missing, damaged or unsuitable file, named.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let name = folder::name(folder);
        let config = folder::read(folder, "config.json")?;
        let weights = folder::read(folder, "model.safetensors")?;
        let tokenizer = match (folder::read(folder, "tokenizer.json"), folder.parent()) {
            (Err(missing @ Error::MissingFile { .. }), Some(model)) => {
                folder::read(model, "tokenizer.json").map_err(|_| missing)?
            }
            (found, _) => found?,
        };
        Self::of_files(&name, folder, &config, &weights, &tokenizer)
    }

    /// The encoder that the binary carries.
    ///
    /// # Errors
    /// [`Error::NoBuiltin`] in a build without the feature `builtin`.
    #[cfg(feature = "builtin")]
    pub fn builtin() -> Result<Self, Error> {
        use crate::builtin;

        Self::of_files(
            "builtin",
            Path::new("models/idiolect-small/encoder"),
            builtin::ENCODER_CONFIG,
            builtin::ENCODER_WEIGHTS,
            builtin::TOKENIZER,
        )
    }

    /// The encoder that the binary carries.
    ///
    /// # Errors
    /// [`Error::NoBuiltin`]: this build has none.
    #[cfg(not(feature = "builtin"))]
    pub fn builtin() -> Result<Self, Error> {
        Err(Error::NoBuiltin)
    }

    /// Puts an encoder together from vectors and the bytes of a `tokenizer.json`, as training does.
    ///
    /// # Errors
    /// [`Error::Tokenizer`]; [`Error::Vocabulary`] and [`Error::Shape`] where they do not fit.
    pub fn new(name: &str, vectors: StaticVectors, tokenizer: &[u8]) -> Result<Self, Error> {
        let mut hash = Sha256::new();
        for value in vectors
            .embeddings
            .iter()
            .chain(vectors.weights.iter().flatten())
        {
            hash.update(value.to_le_bytes());
        }
        hash.update(tokenizer);
        Self::of_parts(name, &hex(&hash.finalize()), vectors, tokenizer)
    }

    fn of_files(
        name: &str,
        folder: &Path,
        config: &[u8],
        weights: &[u8],
        tokenizer: &[u8],
    ) -> Result<Self, Error> {
        let file = folder.join("config.json");
        let config: Config = serde_json::from_slice(config).map_err(|source| Error::Json {
            file: file.clone(),
            source,
        })?;
        if config.model_type != model_type() {
            return Err(Error::Architecture {
                file,
                found: config.model_type,
                expected: "model2vec",
            });
        }
        let vectors = StaticVectors::read(weights, &folder.join("model.safetensors"), &config)?;
        // The tokenizer and the config change vectors as much as the weights do.
        let mut hash = Sha256::new();
        hash.update([u8::from(config.normalize)]);
        hash.update(config.max_length.unwrap_or(0).to_le_bytes());
        hash.update(weights);
        hash.update(tokenizer);
        Self::of_parts(name, &hex(&hash.finalize()), vectors, tokenizer)
    }

    fn of_parts(
        name: &str,
        hash: &str,
        vectors: StaticVectors,
        tokenizer: &[u8],
    ) -> Result<Self, Error> {
        let unknown = unknown_token(tokenizer);
        let tokenizer = Tokenizer::from_bytes(tokenizer)?;
        vectors.check(tokenizer.vocab_size())?;
        Ok(Self {
            unknown: unknown.and_then(|unknown| match unknown {
                Unknown::Id(id) => Some(id),
                Unknown::Token(token) => tokenizer.id_of(&token),
            }),
            most_characters: vectors.max_length.map_or(usize::MAX, |tokens| {
                tokens.saturating_mul(median_length(&tokenizer))
            }),
            identity: format!("{name}@{hash}"),
            vectors,
            tokenizer,
        })
    }

    /// One vector a text, in order, exactly as Model2Vec makes them: of length 1 only if the folder
    /// says so, all zeros for a text without a known token.
    pub fn vectors(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        texts.par_iter().map(|text| self.vector(text)).collect()
    }

    /// What makes one vector of a text's tokens, in order.
    pub(crate) fn modules(&self) -> Vec<String> {
        let normalize = self.vectors.normalize.then_some("normalize");
        let all = std::iter::once("mean").chain(normalize);
        all.map(str::to_owned).collect()
    }

    /// How many tokens it has vectors for.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.vocab_size()
    }

    /// Tokens of a text that count at most; all without it.
    pub fn max_tokens(&self) -> Option<usize> {
        self.vectors.max_length
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let mut vector = self.mean(text);
        if self.vectors.normalize {
            normalize(&mut vector);
        }
        vector
    }

    fn mean(&self, text: &str) -> Vec<f32> {
        let cut = idiolect_core::first_characters(text, self.most_characters);
        let ids = self.tokenizer.encode(cut);
        let most = self.vectors.max_length.unwrap_or(usize::MAX);
        // In f64: the mean of a long text must not depend on its length.
        let mut sum = vec![0.0_f64; self.vectors.dimensions];
        let mut count = 0_u32;
        for &id in ids
            .iter()
            .take(most)
            .filter(|&&id| Some(id) != self.unknown)
        {
            let (vector, weight) = self.vectors.token(id);
            for (total, value) in sum.iter_mut().zip(vector) {
                *total += f64::from(value * weight);
            }
            count += 1;
        }
        let scale = 1.0 / f64::from(count.max(1));
        sum.iter().map(|total| (total * scale) as f32).collect()
    }
}

impl Encoder for StaticEncoder {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn dimensions(&self) -> usize {
        self.vectors.dimensions
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        Ok(texts
            .par_iter()
            .map(|text| {
                let mut vector = self.mean(text);
                normalize(&mut vector);
                vector
            })
            .collect())
    }
}

/// Brings a vector to length 1; zeros stay.
fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in vector {
            *value /= length;
        }
    }
}

impl StaticVectors {
    /// Writes a folder that [`StaticEncoder::load`] and Model2Vec read; embeddings in `precision`,
    /// weights in F32. Without a tokenizer, it must become part of the folder of a model that has
    /// one.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Weights`].
    pub fn save(
        &self,
        folder: &Path,
        precision: Precision,
        tokenizer: Option<&[u8]>,
    ) -> Result<(), Error> {
        let rows = self.embeddings.len() / self.dimensions.max(1);
        let (kind, bytes) = precision.store(&self.embeddings);
        let mut stored = vec![("embeddings", kind, vec![rows, self.dimensions], bytes)];
        if let Some(weights) = &self.weights {
            let (kind, bytes) = Precision::F32.store(weights);
            stored.push(("weights", kind, vec![weights.len()], bytes));
        }
        if let Some(mapping) = &self.mapping {
            let bytes = mapping
                .iter()
                .flat_map(|&row| i64::from(row).to_le_bytes())
                .collect();
            stored.push(("mapping", Dtype::I64, vec![mapping.len()], bytes));
        }
        let failed = |source| Error::Weights {
            file: folder.join("model.safetensors"),
            source,
        };
        let views = stored
            .iter()
            .map(|(name, kind, shape, bytes)| {
                Ok((*name, TensorView::new(*kind, shape.clone(), bytes)?))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        let weights = safetensors::serialize(views, None).map_err(failed)?;
        folder::write_json(
            folder,
            "config.json",
            &Config {
                model_type: model_type(),
                architectures: vec!["StaticModel".to_owned()],
                hidden_dim: self.dimensions,
                normalize: self.normalize,
                max_length: self.max_length,
            },
        )?;
        folder::write(folder, "model.safetensors", &weights)?;
        match tokenizer {
            Some(bytes) => folder::write(folder, "tokenizer.json", bytes),
            None => Ok(()),
        }
    }

    fn read(bytes: &[u8], file: &Path, config: &Config) -> Result<Self, Error> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|source| Error::Weights {
            file: file.to_owned(),
            source,
        })?;
        let embeddings = tensors
            .tensor("embeddings")
            .map_err(|_| Error::MissingTensor {
                name: "embeddings".to_owned(),
            })?;
        let &[_, dimensions] = embeddings.shape() else {
            return Err(Error::Shape {
                name: "embeddings".to_owned(),
                found: embeddings.shape().to_vec(),
                expected: vec![0, config.hidden_dim],
            });
        };
        let optional = |name| tensors.tensor(name).ok();
        Ok(Self {
            dimensions,
            embeddings: numbers("embeddings", &embeddings)?,
            weights: optional("weights")
                .map(|view| numbers("weights", &view))
                .transpose()?,
            mapping: optional("mapping")
                .map(|view| rows("mapping", &view))
                .transpose()?,
            normalize: config.normalize,
            max_length: config.max_length,
        })
    }

    /// Whether every one of so many token ids has a vector and a weight.
    fn check(&self, vocabulary: usize) -> Result<(), Error> {
        let rows = self.embeddings.len() / self.dimensions.max(1);
        let short = |name: &str, length: usize| Error::Shape {
            name: name.to_owned(),
            found: vec![length],
            expected: vec![vocabulary],
        };
        if let Some(weights) = self
            .weights
            .as_ref()
            .filter(|found| found.len() < vocabulary)
        {
            return Err(short("weights", weights.len()));
        }
        match &self.mapping {
            None if rows < vocabulary => Err(Error::Vocabulary {
                tokenizer: vocabulary,
                model: rows,
            }),
            Some(mapping) if mapping.len() < vocabulary => Err(short("mapping", mapping.len())),
            Some(mapping) => match mapping.iter().find(|&&row| row as usize >= rows) {
                Some(&id) => Err(Error::TokenId {
                    id,
                    vocabulary: rows,
                }),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn token(&self, id: u32) -> (&[f32], f32) {
        let id = id as usize;
        let row = self
            .mapping
            .as_ref()
            .map_or(id, |mapping| mapping[id] as usize);
        let weight = self.weights.as_ref().map_or(1.0, |weights| weights[id]);
        let vector = &self.embeddings[row * self.dimensions..(row + 1) * self.dimensions];
        (vector, weight)
    }
}

/// Floats of any width, or int8 taken as they are.
fn numbers(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, Error> {
    match view.dtype() {
        Dtype::I8 => Ok(view
            .data()
            .iter()
            .map(|&byte| f32::from(byte.cast_signed()))
            .collect()),
        Dtype::F64 => Ok(view
            .data()
            .as_chunks::<8>()
            .0
            .iter()
            .map(|&bytes| f64::from_le_bytes(bytes) as f32)
            .collect()),
        _ => read_floats(name, view),
    }
}

/// Integers of any width.
fn rows(name: &str, view: &TensorView<'_>) -> Result<Vec<u32>, Error> {
    let width = match view.dtype() {
        Dtype::I64 | Dtype::U64 => 8,
        Dtype::I32 | Dtype::U32 => 4,
        Dtype::I16 | Dtype::U16 => 2,
        Dtype::I8 | Dtype::U8 => 1,
        other => {
            return Err(Error::DataType {
                name: name.to_owned(),
                found: format!("{other:?}"),
            });
        }
    };
    Ok(view
        .data()
        .chunks_exact(width)
        .map(|bytes| {
            let value = bytes
                .iter()
                .rev()
                .fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
            // Too large, or negative: beyond every table, and found out as such.
            u32::try_from(value).unwrap_or(u32::MAX)
        })
        .collect())
}

/// Which token stands for what a tokenizer does not know.
enum Unknown {
    Id(u32),
    Token(String),
}

fn unknown_token(tokenizer: &[u8]) -> Option<Unknown> {
    #[derive(Deserialize)]
    struct File {
        model: Model,
    }
    #[derive(Deserialize)]
    struct Model {
        unk_id: Option<u32>,
        unk_token: Option<String>,
    }

    let model = serde_json::from_slice::<File>(tokenizer).ok()?.model;
    match (model.unk_id, model.unk_token) {
        (Some(id), _) => Some(Unknown::Id(id)),
        (None, token) => token.map(Unknown::Token),
    }
}

/// The median length in characters of all tokens, rounded down.
fn median_length(tokenizer: &Tokenizer) -> usize {
    let mut lengths: Vec<usize> = tokenizer
        .tokens()
        .map(|token| token.chars().count())
        .collect();
    lengths.sort_unstable();
    let half = lengths.len() / 2;
    match lengths.get(half) {
        None => 0,
        Some(&upper) if lengths.len() % 2 == 1 => upper,
        Some(&upper) => usize::midpoint(lengths[half - 1], upper),
    }
}
