//! What stands behind the transformer in a folder of sentence-transformers: how one vector comes of
//! a text's hidden states.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use super::{backbone::Linear, checkpoint::Checkpoint, numbers::normalize};
use crate::{Error, WeightFormat, folder, host::Activation};

/// Names the modules and their folders.
pub(super) const FILE: &str = "modules.json";

/// One line of `modules.json`.
#[derive(Debug)]
pub(super) struct Entry {
    /// Relative, and inside the model's folder.
    pub path: PathBuf,
    /// The last part of the class's name.
    pub kind: String,
}

/// A step from hidden states to the vector of a text.
#[derive(Debug)]
pub(super) enum Module {
    /// Several are concatenated.
    Pooling(Vec<Pool>),
    Dense {
        linear: Linear,
        activation: Option<DenseActivation>,
    },
    Normalize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// The first token's.
    Cls,
    Max,
    Mean,
    /// The sum by the root of the number.
    MeanSqrtLength,
    /// Later tokens count more.
    WeightedMean,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DenseActivation {
    Tanh,
    Other(Activation),
}

/// Reads `modules.json`.
pub(super) fn entries(folder: &Path) -> Result<Vec<Entry>, Error> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        path: String,
        r#type: String,
    }

    let file = folder.join(FILE);
    let lines: Vec<Line> = parse(&folder::read(folder, FILE)?, &file)?;
    lines
        .into_iter()
        .map(|Line { path, r#type }| {
            let path = PathBuf::from(path);
            let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
            if !path.components().all(inside) {
                return Err(Error::ModulePath {
                    file: file.clone(),
                    path,
                });
            }
            let known = r#type.strip_prefix("sentence_transformers.");
            match known.and_then(|name| name.rsplit('.').next()) {
                Some(kind) => Ok(Entry {
                    path: path
                        .components()
                        .filter(|part| *part != Component::CurDir)
                        .collect(),
                    kind: kind.to_owned(),
                }),
                None => Err(Error::Module {
                    file: file.clone(),
                    kind: r#type,
                }),
            }
        })
        .collect()
}

/// Reads the modules behind the transformer; every file that was read goes to `seen`. `width` is
/// the length of what comes in, and after this of what comes out.
pub(super) fn load(
    folder: &Path,
    entries: &[Entry],
    kept: WeightFormat,
    width: &mut usize,
    seen: &mut impl FnMut(&[u8]),
) -> Result<Vec<Module>, Error> {
    let mut found = Vec::new();
    for Entry { path, kind } in entries {
        let inside = folder.join(path);
        let module = match kind.as_str() {
            // Does nothing once a model has learned.
            "Dropout" => continue,
            "Normalize" => Module::Normalize,
            "Pooling" if found.is_empty() => {
                let bytes = folder::read(&inside, "config.json")?;
                seen(&bytes);
                let pools = pooling(&bytes, &inside.join("config.json"), *width)?;
                *width *= pools.len();
                Module::Pooling(pools)
            }
            "Dense" => dense(&inside, kept, width, seen)?,
            _ => {
                return Err(Error::Module {
                    file: folder.join(FILE),
                    kind: kind.clone(),
                });
            }
        };
        if found.is_empty() && !matches!(module, Module::Pooling(_)) {
            return Err(Error::Config {
                file: folder.join(FILE),
                defect: "no Pooling stands behind the Transformer",
            });
        }
        found.push(module);
    }
    if found.is_empty() {
        return Err(Error::Config {
            file: folder.join(FILE),
            defect: "no Pooling stands behind the Transformer",
        });
    }
    Ok(found)
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], file: &Path) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Json {
        file: file.to_owned(),
        source,
    })
}

fn pooling(bytes: &[u8], file: &Path, width: usize) -> Result<Vec<Pool>, Error> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(alias = "word_embedding_dimension")]
        embedding_dimension: Option<usize>,
        pooling_mode: Option<Value>,
        include_prompt: Option<bool>,
        /// As was written formerly: a key for each mode.
        #[serde(flatten)]
        modes: BTreeMap<String, Value>,
    }

    let config: Config = parse(bytes, file)?;
    let setting = |setting, value: &str| Error::Setting {
        file: file.to_owned(),
        setting,
        value: value.to_owned(),
    };
    if config
        .embedding_dimension
        .is_some_and(|known| known != width)
    {
        return Err(Error::Config {
            file: file.to_owned(),
            defect: "its dimension is not that of the hidden states",
        });
    }
    if config.include_prompt == Some(false) {
        return Err(setting("include_prompt", "false"));
    }
    let names: Vec<String> = match config.pooling_mode {
        Some(Value::String(name)) => vec![name],
        Some(other) => serde_json::from_value(other).map_err(|source| Error::Json {
            file: file.to_owned(),
            source,
        })?,
        None => [
            ("cls", "pooling_mode_cls_token"),
            ("max", "pooling_mode_max_tokens"),
            ("mean", "pooling_mode_mean_tokens"),
            ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
            ("weightedmean", "pooling_mode_weightedmean_tokens"),
            ("lasttoken", "pooling_mode_lasttoken"),
        ]
        .into_iter()
        .filter(|(_, key)| config.modes.get(*key) == Some(&Value::Bool(true)))
        .map(|(name, _)| name.to_owned())
        .collect(),
    };
    let mut pools = Vec::with_capacity(names.len());
    for name in &names {
        pools.push(match name.as_str() {
            "cls" => Pool::Cls,
            "max" => Pool::Max,
            "mean" => Pool::Mean,
            "mean_sqrt_len_tokens" => Pool::MeanSqrtLength,
            "weightedmean" => Pool::WeightedMean,
            other => return Err(setting("pooling_mode", other)),
        });
    }
    if pools.is_empty() {
        pools.push(Pool::Mean);
    }
    // Each has its place in the vector, and there are no more kinds than this.
    if pools.len() > 8 {
        return Err(setting("pooling_mode", &names.join(", ")));
    }
    Ok(pools)
}

fn dense(
    folder: &Path,
    kept: WeightFormat,
    width: &mut usize,
    seen: &mut impl FnMut(&[u8]),
) -> Result<Module, Error> {
    #[derive(Deserialize)]
    struct Config {
        in_features: usize,
        out_features: usize,
        #[serde(default = "yes")]
        bias: bool,
        activation_function: Option<String>,
        module_input_name: Option<String>,
        module_output_name: Option<String>,
        #[serde(default)]
        use_residual: bool,
    }
    fn yes() -> bool {
        true
    }

    let file = folder.join("config.json");
    let bytes = folder::read(folder, "config.json")?;
    seen(&bytes);
    let config: Config = parse(&bytes, &file)?;
    let setting = |setting, value: &str| Error::Setting {
        file: file.clone(),
        setting,
        value: value.to_owned(),
    };
    let names = [
        ("module_input_name", config.module_input_name),
        ("module_output_name", config.module_output_name),
    ];
    for (name, value) in names {
        if let Some(other) = value.filter(|value| value != "sentence_embedding") {
            return Err(setting(name, &other));
        }
    }
    if config.use_residual {
        return Err(setting("use_residual", "true"));
    }
    if config.in_features != *width || config.out_features == 0 {
        return Err(Error::Config {
            file,
            defect: "its in_features are not what the modules before it give",
        });
    }
    let class = config.activation_function.as_deref();
    let activation = match class.map_or("Tanh", |name| name.rsplit('.').next().unwrap_or(name)) {
        "Identity" => None,
        "Tanh" => Some(DenseActivation::Tanh),
        "ReLU" => Some(DenseActivation::Other(Activation::Relu)),
        "GELU" => Some(DenseActivation::Other(Activation::Gelu)),
        "SiLU" => Some(DenseActivation::Other(Activation::Silu)),
        _ => return Err(setting("activation_function", class.unwrap_or_default())),
    };
    let weights = Checkpoint::open(folder, kept)?;
    seen(weights.sha256()?.as_bytes());
    let shape = [config.out_features, config.in_features];
    *width = config.out_features;
    Ok(Module::Dense {
        linear: weights.linear(&["linear"], shape, config.bias)?,
        activation,
    })
}

impl Module {
    /// What it is called, in words.
    pub(super) fn names(&self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Pooling(pools) => {
                return pools.iter().map(|pool| pool.name().to_owned()).collect();
            }
            Self::Dense { .. } => &["dense"],
            Self::Normalize => &["normalize"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// What comes of the hidden states of one text, or of what the module before it made of them.
    pub(super) fn apply(&self, mut x: Vec<f32>, hidden: &[f32], tokens: usize) -> Vec<f32> {
        match self {
            Self::Pooling(pools) => {
                let width = hidden.len() / tokens;
                pools
                    .iter()
                    .flat_map(|pool| pool.of(hidden, width))
                    .collect()
            }
            Self::Dense { linear, activation } => {
                let mut made = linear.of(&x);
                match activation {
                    Some(DenseActivation::Tanh) => {
                        for value in &mut made {
                            *value = value.tanh();
                        }
                    }
                    Some(DenseActivation::Other(activation)) => activation.apply(&mut made),
                    None => {}
                }
                made
            }
            Self::Normalize => {
                normalize(&mut x);
                x
            }
        }
    }
}

impl Pool {
    fn name(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::MeanSqrtLength => "mean_sqrt_len_tokens",
            Self::WeightedMean => "weightedmean",
        }
    }

    fn of(self, hidden: &[f32], width: usize) -> Vec<f32> {
        let tokens = (hidden.len() / width) as f32;
        let scaled = |sum: Vec<f32>, by: f32| sum.iter().map(|x| x / by).collect();
        match self {
            Self::Cls => hidden[..width].to_vec(),
            Self::Max => {
                let mut most = hidden[..width].to_vec();
                for row in hidden.chunks_exact(width) {
                    for (most, x) in most.iter_mut().zip(row) {
                        *most = most.max(*x);
                    }
                }
                most
            }
            Self::Mean => scaled(weighted(hidden, width, |_| 1.0), tokens),
            Self::MeanSqrtLength => scaled(weighted(hidden, width, |_| 1.0), tokens.sqrt()),
            Self::WeightedMean => {
                let all = tokens * (tokens + 1.0) / 2.0;
                scaled(weighted(hidden, width, |place| place as f32 + 1.0), all)
            }
        }
    }
}

fn weighted(hidden: &[f32], width: usize, weight: impl Fn(usize) -> f32) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    for (place, row) in hidden.chunks_exact(width).enumerate() {
        let weight = weight(place);
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += x * weight;
        }
    }
    sum
}
