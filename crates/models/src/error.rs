use std::path::PathBuf;

use thiserror::Error;

/// Why a model could not be opened or run.
#[derive(Debug, Error)]
pub enum Error {
    /// The folder or one of its files cannot be read.
    #[error("cannot read the model: {0}")]
    Read(#[source] std::io::Error),
    /// The folder or one of its files cannot be written.
    #[error("cannot write the model: {0}")]
    Write(#[source] std::io::Error),
    /// A file of the folder is missing.
    #[error("`{folder}` is not a model: {file} is missing", folder = folder.display())]
    MissingFile {
        /// The model's folder.
        folder: PathBuf,
        /// The file that should be there.
        file: &'static str,
    },
    /// An index names a shard that is not there.
    #[error("{index} names `{shard}`, which is missing", index = index.display())]
    MissingShard {
        /// The index.
        index: PathBuf,
        /// The shard's file.
        shard: String,
    },
    /// An index names a shard that does not lie beside it.
    #[error("{index} names `{shard}`, which is not a file in its folder", index = index.display())]
    ShardName {
        /// The index.
        index: PathBuf,
        /// What it names.
        shard: String,
    },
    /// Something is wrong with one file, mostly with one tensor in it.
    #[error("{file}: {defect}", file = file.display())]
    InFile {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        defect: Box<Error>,
    },
    /// A JSON file does not say what it must.
    #[error("{file} cannot be understood: {source}", file = file.display())]
    Json {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The folder holds another kind of model.
    #[error("{file} describes a `{found}`, not {expected}", file = file.display())]
    Architecture {
        /// Which file.
        file: PathBuf,
        /// What it says.
        found: String,
        /// What this reader takes.
        expected: &'static str,
    },
    /// The sizes in a config cannot be built.
    #[error("{file} cannot be built: {defect}", file = file.display())]
    Config {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        defect: &'static str,
    },
    /// The weights file is damaged.
    #[error("{file} is damaged: {source}", file = file.display())]
    Weights {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        source: safetensors::SafeTensorError,
    },
    /// A sentence encoder has a module of a kind that is not known.
    #[error("{file} asks for the module `{kind}`, which is not known", file = file.display())]
    Module {
        /// Which file.
        file: PathBuf,
        /// The module's class.
        kind: String,
    },
    /// A module of a sentence encoder is said to lie elsewhere.
    #[error("{file} names the folder `{path}`, which is not inside the model's", file = file.display(), path = path.display())]
    ModulePath {
        /// Which file.
        file: PathBuf,
        /// The folder.
        path: PathBuf,
    },
    /// A setting has a value that is not known.
    #[error("{file} sets {setting} to `{value}`, which is not known", file = file.display())]
    Setting {
        /// Which file.
        file: PathBuf,
        /// The key.
        setting: &'static str,
        /// Its value.
        value: String,
    },
    /// A sentence encoder has no prompt of this name.
    #[error("the encoder has no prompt `{name}`, only: {}", known.join(", "))]
    Prompt {
        /// The name.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// An input is longer than there are positions.
    #[error("an input of {tokens} tokens is too long: the model has positions for {most}")]
    TooLong {
        /// Its tokens.
        tokens: usize,
        /// Positions.
        most: usize,
    },
    /// A file of PyTorch is damaged, or is something else than the state of a model.
    #[error("{file} is not a checkpoint that can be read: {source}", file = file.display())]
    Pytorch {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        source: pytorch_reader::PytorchError,
    },
    /// The weights are far fewer than the config asks for.
    #[error("the config asks for {wanted} bytes of weights, the files hold {held}")]
    TooFewWeights {
        /// What the config asks for.
        wanted: u64,
        /// What is there.
        held: u64,
    },
    /// The weights hold a tensor that the config has no place for.
    #[error("tensor `{name}` has no place in this model")]
    ExtraTensor {
        /// Its name.
        name: String,
    },
    /// A tensor that the config asks for is not in the weights.
    #[error("tensor `{name}` is missing")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// An adapter has a part for a layer that the model does not have.
    #[error("the model has no layer for the adapter's `{name}`")]
    NoLayer {
        /// The layer, or the adapter's tensor.
        name: String,
    },
    /// A tensor has another shape than the config asks for.
    #[error("tensor `{name}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the config asks for.
        expected: Vec<usize>,
    },
    /// A tensor holds numbers of a kind that is not read.
    #[error("tensor `{name}` holds {found}, expected F32, F16 or BF16")]
    DataType {
        /// Its name.
        name: String,
        /// What it holds.
        found: String,
    },
    /// A tensor holds a value that is not a finite number.
    #[error("tensor `{name}` holds a value that is not a finite number")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// The tokenizer does not work.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(#[source] tokenizers::Error),
    /// A tokenizer.json is damaged or of an unknown kind.
    #[error("{file} cannot be understood: {source}", file = file.display())]
    TokenizerFile {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        source: tokenizers::Error,
    },
    /// A SentencePiece model is damaged, or of a kind that T5 does not use.
    #[error("{file} cannot be understood: {defect}", file = file.display())]
    SentencePiece {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        defect: &'static str,
    },
    /// The tokenizer knows more pieces than the model has vectors for.
    #[error("the tokenizer has {tokenizer} pieces, the model {model}")]
    Vocabulary {
        /// Pieces of the tokenizer.
        tokenizer: usize,
        /// Rows of the embedding.
        model: usize,
    },
    /// A token id beyond the vocabulary.
    #[error("token {id} lies beyond the vocabulary of {vocabulary}")]
    TokenId {
        /// The id.
        id: u32,
        /// Rows of the embedding.
        vocabulary: usize,
    },
    /// An input without tokens.
    #[error("an input has no tokens")]
    EmptyInput,
    /// Inputs and targets, or masks and inputs, differ in number.
    #[error("{left} rows do not match {right}")]
    Rows {
        /// On one side.
        left: usize,
        /// On the other.
        right: usize,
    },
    /// The model has no tokenizer, but text was given or asked for.
    #[error("the model has no tokenizer.json and no spiece.model")]
    NoTokenizer,
    /// A device this build has no support for.
    #[error("device `{0}` is not in this build")]
    Device(String),
    /// This build carries no built-in model.
    #[error("this build has no built-in model")]
    NoBuiltin,
    /// The tensor library failed.
    #[error("the computation failed on the device: {0}")]
    Execution(String),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Module { .. } => {
                "Transformer, Pooling, Dense, Normalize and Dropout of sentence-transformers are known"
            }
            Self::ModulePath { .. } => "do not use this folder unless you know where it comes from",
            Self::Setting { .. } => "take another model: this one would give other vectors",
            Self::MissingFile { .. } => {
                "a model folder holds config.json, tokenizer.json and model.safetensors"
            }
            Self::MissingShard { .. } => "copy all files of the model's folder",
            Self::ShardName { .. } => {
                "shards lie beside their index: this folder was changed, do not trust it"
            }
            Self::InFile { defect, .. } => return defect.hint(),
            Self::Architecture { .. } => {
                "--model takes folders of a T5 (1.0, 1.1, Flan, mT5, ByT5, UMT5), --encoder those of sentence-transformers or Model2Vec"
            }
            Self::Json { .. } | Self::TokenizerFile { .. } | Self::SentencePiece { .. } => {
                "copy the model's folder again: the file is damaged or not what its name says"
            }
            Self::Vocabulary { .. } => "the tokenizer belongs to another model",
            Self::Config { .. } => "change the sizes in config.json, or take another model",
            Self::DataType { .. } | Self::NotFinite { .. } => {
                "save the model again, in float32, float16 or bfloat16"
            }
            Self::MissingTensor { .. }
            | Self::ExtraTensor { .. }
            | Self::TooFewWeights { .. }
            | Self::Shape { .. }
            | Self::Weights { .. } => {
                "config.json and the weights do not belong together, or a copy broke off"
            }
            Self::Pytorch { .. } => {
                "save the model again with safetensors, or copy the file again: the copy may have broken off"
            }
            Self::NoLayer { .. } => {
                "an adapter goes with the model it was made for, and its layers are linear ones such as q, v, wo"
            }
            Self::Device(_) => "use --device cpu, or build with --features cuda or wgpu",
            Self::NoBuiltin => "name a model folder with --model",
            _ => return None,
        })
    }
}
