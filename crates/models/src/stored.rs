use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use burn::tensor::Device;

use crate::{
    Adapter, Config, Error, Parameters, Precision, Tokenizer, folder, tensors::TensorFile,
};

/// What a model folder holds, read but not yet made into a network: what training starts from.
#[derive(Debug, Clone)]
pub struct Stored {
    /// `builtin`, or the folder's name.
    pub name: String,
    /// The sizes.
    pub config: Config,
    folder: PathBuf,
    weights: Cow<'static, [u8]>,
    tokenizer: Option<Cow<'static, [u8]>>,
}

const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";

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

    /// Reads a folder of `config.json`, `model.safetensors` and, if it is there, `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Read`], and what is wrong with the config.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let tokenizer = folder.join(TOKENIZER);
        let tokenizer = if tokenizer.exists() {
            Some(fs_err::read(tokenizer).map_err(Error::Read)?.into())
        } else {
            None
        };
        Ok(Self {
            name: folder::name(folder),
            config: folder::read_config(folder)?,
            folder: folder.to_owned(),
            weights: folder::read(folder, WEIGHTS)?.into(),
            tokenizer,
        })
    }

    /// The model that the binary carries.
    ///
    /// # Errors
    /// [`Error::NoBuiltin`] in a build without the feature `builtin`.
    #[cfg(feature = "builtin")]
    pub fn builtin() -> Result<Self, Error> {
        use crate::builtin;

        Ok(Self {
            name: "builtin".to_owned(),
            config: folder::parse_config(builtin::CONFIG, Path::new("config.json"))?,
            folder: PathBuf::from("models/idiolect-small"),
            weights: builtin::WEIGHTS.into(),
            tokenizer: Some(builtin::TOKENIZER.into()),
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
            weights: merged.to_safetensors(Precision::F32)?.into(),
            ..self
        })
    }

    /// The bytes of its safetensors file.
    pub fn weights(&self) -> &[u8] {
        &self.weights
    }

    /// The bytes of its tokenizer.json, where it has one.
    pub fn tokenizer_json(&self) -> Option<&[u8]> {
        self.tokenizer.as_deref()
    }

    /// Its weights, to be read one tensor at a time.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Weights`].
    pub(crate) fn tensors(&self) -> Result<TensorFile, Error> {
        let path = self.folder.join(WEIGHTS);
        match self.weights {
            Cow::Borrowed(bytes) => TensorFile::of_memory(bytes, path),
            Cow::Owned(_) => TensorFile::open(path),
        }
    }

    /// Its weights on a device.
    ///
    /// # Errors
    /// [`Error::Weights`], [`Error::DataType`], [`Error::NotFinite`].
    pub fn parameters(&self, device: &Device) -> Result<Parameters, Error> {
        Parameters::from_safetensors(&self.weights, &self.folder.join(WEIGHTS), device)
    }

    /// Its tokenizer, where it has one.
    ///
    /// # Errors
    /// [`Error::TokenizerFile`]; [`Error::Vocabulary`] where it belongs to another model.
    pub fn tokenizer(&self) -> Result<Option<Tokenizer>, Error> {
        let Some(bytes) = &self.tokenizer else {
            return Ok(None);
        };
        let tokenizer = Tokenizer::of_file(bytes, &self.folder.join(TOKENIZER))?;
        if tokenizer.vocab_size() > self.config.vocab_size {
            return Err(Error::Vocabulary {
                tokenizer: tokenizer.vocab_size(),
                model: self.config.vocab_size,
            });
        }
        Ok(Some(tokenizer))
    }
}
