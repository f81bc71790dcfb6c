use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use burn::tensor::Device;
use rayon::prelude::*;

use crate::{
    Adapter, Config, Error, Parameter, Parameters, Precision, Tokenizer, WeightFormat, Weights,
    folder, t5::layout, tensors::Tensors, tokenizer::TokenizerSource, weights::Numbers,
};

/// What a model folder holds, read but not yet made into a network: what training starts from.
#[derive(Debug, Clone)]
pub struct Stored {
    /// `builtin`, or the folder's name.
    pub name: String,
    /// The sizes.
    pub config: Config,
    weights: Arc<Weights>,
    tokenizer: Option<TokenizerSource>,
}

const SHARED: &str = "shared.weight";
const HEAD: &str = "lm_head.weight";
/// Other names under which a checkpoint may keep the embedding, instead or once more.
const EMBEDDINGS: [&str; 2] = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"];
/// In checkpoints of the first T5; nothing reads it.
const UNREAD: &str = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";

impl Stored {
    /// Reads `builtin` or a model folder.
    ///
    /// # Errors
    /// As [`Stored::load`] and [`Stored::builtin`].
    pub fn open(name_or_folder: &str) -> Result<Self, Error> {
        if name_or_folder == "builtin" {
            Self::builtin()
        } else {
            Self::load(Path::new(name_or_folder))
        }
    }

    /// Reads a model folder: `config.json`, weights as [`Weights::open`] finds them, and, if it has
    /// one, a tokenizer: `tokenizer.json`, else `spiece.model`, else the bytes of a ByT5.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Read`], and what is wrong with config, index or headers.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let config = folder::read_config(folder)?;
        Ok(Self {
            name: folder::name(folder),
            tokenizer: TokenizerSource::find(folder, &config)?,
            weights: Arc::new(Weights::open(folder)?),
            config,
        })
    }

    /// The model that the binary carries.
    ///
    /// # Errors
    /// [`Error::NoBuiltin`] in a build without the feature `builtin`.
    #[cfg(feature = "builtin")]
    pub fn builtin() -> Result<Self, Error> {
        use crate::builtin;

        let folder = Path::new("models/idiolect-small");
        let file = folder.join("model.safetensors");
        Ok(Self {
            name: "builtin".to_owned(),
            config: folder::parse_config(builtin::CONFIG, Path::new("config.json"))?,
            weights: Arc::new(Weights::of_safetensors(builtin::WEIGHTS, &file)?),
            tokenizer: Some(TokenizerSource {
                json: builtin::TOKENIZER.into(),
                file: folder.join("tokenizer.json"),
            }),
        })
    }

    /// The model that the binary carries.
    ///
    /// # Errors
    /// [`Error::NoBuiltin`]: this build has none.
    #[cfg(not(feature = "builtin"))]
    pub fn builtin() -> Result<Self, Error> {
        Err(Error::NoBuiltin)
    }

    /// The same model with an adapter's folder merged into its weights, in four bytes a number.
    ///
    /// # Errors
    /// As [`Adapter::load`] and [`Adapter::applied`], and what is wrong with the weights.
    pub fn with_adapter(self, folder: &Path) -> Result<Self, Error> {
        let cpu = Device::flex();
        let adapter = Adapter::load(folder, &cpu)?;
        let merged = adapter.applied(&self.parameters(&cpu)?)?;
        Ok(Self {
            name: format!("{}+{}", self.name, folder::name(folder)),
            weights: Arc::new(Weights::of_safetensors(
                merged.to_safetensors(Precision::F32)?,
                &folder.join("adapter_model.safetensors"),
            )?),
            ..self
        })
    }

    /// How its weights are kept unless somebody wishes otherwise: in 8 bits where they are stored so.
    pub fn weight_format(&self) -> WeightFormat {
        if self.weights.is_scaled(SHARED) {
            WeightFormat::Int8
        } else {
            WeightFormat::F32
        }
    }

    /// Its weights as they are stored.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The bytes of its tokenizer as a tokenizer.json, where it has one.
    pub fn tokenizer_json(&self) -> Option<&[u8]> {
        self.tokenizer.as_ref().map(|found| found.json.as_ref())
    }

    pub(crate) fn shared_weights(&self) -> Arc<Weights> {
        Arc::clone(&self.weights)
    }

    /// Its weights, to be read one tensor at a time.
    ///
    /// # Errors
    /// As [`Stored::parameters`], as far as names and shapes tell.
    pub(crate) fn tensors(&self) -> Result<StoredTensors<'_>, Error> {
        let wanted = self.wanted()?.into_iter();
        Ok(StoredTensors {
            weights: &self.weights,
            names: wanted.map(|wanted| (wanted.name, wanted.stored)).collect(),
        })
    }

    /// Its weights on a device: all that the config asks for, and nothing else.
    ///
    /// # Errors
    /// [`Error::InFile`] of what is wrong with a tensor: it is missing, has no place in the model,
    /// has another shape, holds other numbers than floats or a number that is not finite.
    pub fn parameters(&self, device: &Device) -> Result<Parameters, Error> {
        let wanted = self.wanted()?;
        let read = wanted.into_par_iter().map(|wanted| {
            let values = self.weights.values(wanted.stored, &wanted.shape)?;
            Ok((wanted.name, values, wanted.shape))
        });
        let mut read: Vec<(String, Vec<f32>, Vec<usize>)> = read.collect::<Result<_, Error>>()?;
        self.leave_out_tied_head(&mut read);
        read.sort_by(|left, right| left.0.cmp(&right.0));
        let parameters = read
            .into_iter()
            .map(|(name, values, shape)| (name, Parameter::new(values, &shape, device)));
        Ok(Parameters(parameters.collect()))
    }

    /// Older checkpoints keep a tied head as well as the embedding.
    fn leave_out_tied_head(&self, read: &mut Vec<(String, Vec<f32>, Vec<usize>)>) {
        let place = |wanted: &str| read.iter().position(|(name, ..)| name == wanted);
        if let (true, Some(shared), Some(head)) =
            (self.config.tie_word_embeddings, place(SHARED), place(HEAD))
            && read[shared].1 == read[head].1
        {
            read.remove(head);
        }
    }

    /// The tensors to read, after a look at the names and shapes of all that there are.
    fn wanted(&self) -> Result<Vec<Wanted<'_>>, Error> {
        let weights = &self.weights;
        let mut wanted: Vec<Wanted<'_>> = layout(&self.config)
            .into_iter()
            .map(|weight| Wanted {
                stored: "",
                name: weight.name,
                shape: weight.shape,
            })
            .collect();
        let embedding = wanted.first().map(|shared| shared.shape.clone());
        let embedding = embedding.unwrap_or_default();
        if self.config.tie_word_embeddings && weights.name(HEAD).is_some() {
            wanted.push(Wanted {
                stored: HEAD,
                name: HEAD.to_owned(),
                shape: embedding.clone(),
            });
        }
        let mut bytes = 0;
        for wanted in &mut wanted {
            let mut names = vec![wanted.name.as_str()];
            if wanted.name == SHARED {
                names.extend(EMBEDDINGS);
                names.extend(self.config.tie_word_embeddings.then_some(HEAD));
            }
            let stored = names.into_iter().find_map(|name| weights.name(name));
            wanted.stored = stored.unwrap_or_default();
            let missing = stored.is_none().then_some(wanted.name.as_str());
            weights.check(missing.unwrap_or(wanted.stored), &wanted.shape)?;
            // The least that a number takes: a byte of those with a scale.
            bytes += wanted.shape.iter().product::<usize>() as u64;
        }
        // Tensors of a checkpoint of PyTorch may lie one upon the other.
        if bytes > weights.size().saturating_mul(2) {
            let defect = Error::TooFewWeights {
                wanted: bytes,
                held: weights.size(),
            };
            return Err(weights.error(SHARED, defect));
        }
        self.check_nothing_else(&wanted, &embedding)?;
        Ok(wanted)
    }

    fn check_nothing_else(&self, wanted: &[Wanted<'_>], embedding: &[usize]) -> Result<(), Error> {
        let known: HashSet<&str> = wanted.iter().map(|wanted| wanted.stored).collect();
        let has_a_place = |&name: &&str| {
            let scales = |name: &str| known.contains(name) && self.weights.is_scaled(name);
            known.contains(name)
                || name.strip_suffix("_scale").is_some_and(scales)
                || name == UNREAD
                || name.ends_with("position_ids")
                || EMBEDDINGS.contains(&name) && self.weights.shape(name) == Some(embedding)
        };
        match self.weights.names().find(|name| !has_a_place(name)) {
            Some(name) => {
                let extra = name.to_owned();
                Err(self.weights.error(name, Error::ExtraTensor { name: extra }))
            }
            None => Ok(()),
        }
    }

    /// Its tokenizer, where it has one.
    ///
    /// # Errors
    /// [`Error::TokenizerFile`]; [`Error::Vocabulary`] where it belongs to another model.
    pub fn tokenizer(&self) -> Result<Option<Tokenizer>, Error> {
        let Some(found) = &self.tokenizer else {
            return Ok(None);
        };
        let tokenizer = Tokenizer::of_file(&found.json, &found.file)?;
        if tokenizer.vocab_size() > self.config.vocab_size {
            return Err(Error::InFile {
                file: found.file.clone(),
                defect: Box::new(Error::Vocabulary {
                    tokenizer: tokenizer.vocab_size(),
                    model: self.config.vocab_size,
                }),
            });
        }
        Ok(Some(tokenizer))
    }
}

/// A tensor to be read.
struct Wanted<'a> {
    /// What the model calls it.
    name: String,
    /// What the file calls it.
    stored: &'a str,
    shape: Vec<usize>,
}

/// The tensors that a model has, by the model's own names.
pub(crate) struct StoredTensors<'a> {
    weights: &'a Weights,
    /// What the file calls each.
    names: HashMap<String, &'a str>,
}

impl Tensors for StoredTensors<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let stored = self.names.get(name).copied().unwrap_or(name);
        self.weights.values(stored, shape)
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Numbers, Error> {
        let stored = self.names.get(name).copied().unwrap_or(name);
        self.weights.numbers(stored, shape)
    }
}
