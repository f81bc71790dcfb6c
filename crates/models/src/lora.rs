//! Low-rank adapters (LoRA; Hu et al., arXiv 2106.09685) in PEFT's folder format: small matrices A and
//! B for some linear layers of a base, whose weights become `W + s·B·A`.

use std::path::Path;

use burn::tensor::Device;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Error, Parameter, Parameters, Precision, folder};

/// An adapter: how it is applied, and its A and B under the names of their layers.
#[derive(Debug, Clone)]
pub struct Adapter {
    settings: Settings,
    /// `….q.lora_A.weight` (`[rank, in]`) and `….q.lora_B.weight` (`[out, rank]`), by twos.
    pub parameters: Parameters,
    /// Layers that stand in the adapter as they are in its base: PEFT adds a head that has an A and B.
    whole: Parameters,
}

/// What a new adapter is like.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraOptions {
    /// Rows of each A.
    pub rank: usize,
    /// B·A is scaled by `alpha / rank`.
    pub alpha: f64,
    /// Last names of the layers that get one, such as `q` and `v`; `all-linear` stands for every
    /// linear layer but the head.
    pub targets: Vec<String>,
}

/// The keys of `adapter_config.json` that change numbers; the others are PEFT's business.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    target_modules: Value,
    bias: Option<String>,
    use_rslora: bool,
    use_dora: bool,
    fan_in_fan_out: bool,
    alpha_pattern: Map<String, Value>,
    rank_pattern: Map<String, Value>,
    modules_to_save: Option<Value>,
}

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// What PEFT puts before the names of the base's layers.
const PREFIX: &str = "base_model.model.";
/// Every linear layer of a T5 but its head.
const LINEAR: [&str; 8] = ["q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo"];

impl Adapter {
    /// A new adapter for some layers of a base, which changes nothing yet: A at random as PEFT draws
    /// it, B zero.
    ///
    /// # Errors
    /// [`Error::NoLayer`] for a target that names no matrix of the base, or a rank of 0.
    pub fn new(
        base: &Parameters,
        options: &LoraOptions,
        seed: u64,
        device: &Device,
    ) -> Result<Self, Error> {
        let targets: Vec<&str> = match options.targets.as_slice() {
            [all] if all == "all-linear" => LINEAR
                .into_iter()
                .filter(|name| base.0.iter().any(|(known, _)| is_layer(known, name)))
                .collect(),
            named => named.iter().map(String::as_str).collect(),
        };
        let missing = targets.iter().find(|target| {
            let fits = |(name, parameter): &(String, Parameter)| {
                matches!(parameter, Parameter::Matrix(_)) && is_layer(name, target)
            };
            !base.0.iter().any(fits)
        });
        if let Some(name) = missing {
            return Err(Error::NoLayer {
                name: (*name).to_owned(),
            });
        }
        let mut random = StdRng::seed_from_u64(seed);
        let mut parameters = Parameters::default();
        for (name, parameter) in &base.0 {
            let (Some(layer), Parameter::Matrix(weight)) =
                (name.strip_suffix(".weight"), parameter)
            else {
                continue;
            };
            if !targets.iter().any(|target| is_layer(name, target)) {
                continue;
            }
            let ([out, inner], rank) = (weight.dims(), options.rank.max(1));
            // Kaiming's uniform draw with a slope of √5.
            let bound = (inner as f32).powf(-0.5);
            let a = (0..rank * inner)
                .map(|_| (2.0 * random.random::<f32>() - 1.0) * bound)
                .collect();
            let (a_name, b_name) = names(layer);
            parameters
                .0
                .push((a_name, Parameter::new(a, &[rank, inner], device)));
            let b = vec![0.0; out * rank];
            parameters
                .0
                .push((b_name, Parameter::new(b, &[out, rank], device)));
        }
        Ok(Self {
            settings: Settings {
                peft_type: "LORA".to_owned(),
                r: options.rank.max(1),
                lora_alpha: options.alpha,
                target_modules: json!(targets),
                ..Settings::default()
            },
            parameters,
            whole: Parameters::default(),
        })
    }

    /// Reads a folder of `adapter_config.json` and `adapter_model.safetensors`.
    ///
    /// # Errors
    /// [`Error::MissingFile`], [`Error::Json`]; [`Error::Architecture`] for another kind of adapter,
    /// [`Error::Config`] for what is not computed here; what is wrong with the tensors.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, Error> {
        let file = folder.join(CONFIG);
        let settings: Settings =
            serde_json::from_slice(&folder::read(folder, CONFIG)?).map_err(|source| {
                Error::Json {
                    file: file.clone(),
                    source,
                }
            })?;
        if settings.peft_type != "LORA" {
            return Err(Error::Architecture {
                file,
                found: settings.peft_type,
                expected: "LORA",
            });
        }
        if let Some(defect) = settings.defect() {
            return Err(Error::Config { file, defect });
        }
        let bytes = folder::read(folder, WEIGHTS)?;
        let stored = Parameters::from_safetensors(&bytes, &folder.join(WEIGHTS), device)?;
        let (mut parameters, mut whole) = (Parameters::default(), Parameters::default());
        for (name, parameter) in stored.0 {
            let name = name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
            let part = name.ends_with(".lora_A.weight") || name.ends_with(".lora_B.weight");
            if !matches!(parameter, Parameter::Matrix(_)) {
                return Err(Error::NoLayer { name });
            } else if part {
                parameters.0.push((name, parameter));
            } else if let Some(layer) = name.strip_suffix(".base_layer.weight") {
                whole.0.push((format!("{layer}.weight"), parameter));
            } else {
                return Err(Error::NoLayer { name });
            }
        }
        Ok(Self {
            settings,
            parameters,
            whole,
        })
    }

    /// Writes the folder as PEFT would; `base` is where PEFT looks for the base, if it is known.
    ///
    /// # Errors
    /// [`Error::Write`] and what keeps the weights from being read off the device.
    pub fn save(&self, folder: &Path, base: Option<&str>) -> Result<(), Error> {
        let settings = &self.settings;
        let number = |value: f64| {
            if value.fract() == 0.0 {
                json!(value as i64)
            } else {
                json!(value)
            }
        };
        let config = json!({
            "peft_type": "LORA",
            "task_type": "SEQ_2_SEQ_LM",
            "base_model_name_or_path": base,
            "inference_mode": true,
            "r": settings.r,
            "lora_alpha": number(settings.lora_alpha),
            "lora_dropout": 0.0,
            "target_modules": settings.target_modules,
            "bias": "none",
            "fan_in_fan_out": false,
            "use_rslora": settings.use_rslora,
            "use_dora": false,
            "alpha_pattern": settings.alpha_pattern,
            "rank_pattern": settings.rank_pattern,
            "modules_to_save": null,
        });
        let parts = self
            .parameters
            .0
            .iter()
            .map(|(name, parameter)| (name.clone(), parameter));
        let whole = self.whole.0.iter().map(|(name, parameter)| {
            let layer = name.strip_suffix(".weight").unwrap_or(name);
            (format!("{layer}.base_layer.weight"), parameter)
        });
        let stored = parts
            .chain(whole)
            .map(|(name, parameter)| (format!("{PREFIX}{name}"), parameter.clone()));
        let stored = Parameters(stored.collect());
        folder::write(folder, WEIGHTS, &stored.to_safetensors(Precision::F32)?)?;
        folder::write_json(folder, CONFIG, &config)
    }

    /// The same adapter with other numbers in its A and B.
    #[must_use]
    pub fn with(&self, parameters: Parameters) -> Self {
        Self {
            settings: self.settings.clone(),
            parameters,
            whole: self.whole.clone(),
        }
    }

    /// Whether a weight of the base is changed by an A and B.
    pub fn changes(&self, weight: &str) -> bool {
        let layer = weight.strip_suffix(".weight").unwrap_or(weight);
        self.parameters.get(&names(layer).1).is_some()
    }

    /// The base's weights with the adapter in them. On a device that tracks gradients they flow to A
    /// and B.
    ///
    /// # Errors
    /// [`Error::NoLayer`] for an A or B whose layer the base does not have, [`Error::MissingTensor`]
    /// for one without the other, [`Error::Shape`].
    pub fn applied(&self, base: &Parameters) -> Result<Parameters, Error> {
        for (name, _) in &self.parameters.0 {
            let layer = name.rsplit_once(".lora_").map_or(name.as_str(), |(l, _)| l);
            if base.get(&format!("{layer}.weight")).is_none() {
                return Err(Error::NoLayer { name: name.clone() });
            }
        }
        if let Some((name, _)) = self
            .whole
            .0
            .iter()
            .find(|(name, _)| base.get(name).is_none())
        {
            return Err(Error::NoLayer { name: name.clone() });
        }
        let mut found = Vec::with_capacity(base.0.len());
        for (name, parameter) in &base.0 {
            let parameter = match self.whole.get(name) {
                Some(whole) if whole.shape() != parameter.shape() => {
                    return Err(Error::Shape {
                        name: name.clone(),
                        found: whole.shape(),
                        expected: parameter.shape(),
                    });
                }
                Some(whole) => whole,
                None => parameter,
            };
            let layer = name.strip_suffix(".weight").unwrap_or(name);
            let (a_name, b_name) = names(layer);
            let a = self.parameters.get(&a_name);
            let touched = a.is_some() || self.parameters.get(&b_name).is_some();
            let changed = match parameter {
                Parameter::Matrix(weight) if touched => {
                    let [out, inner] = weight.dims();
                    let rank = a.map_or(0, |a| a.shape()[0]);
                    let a = self.parameters.matrix(&a_name, [rank, inner])?;
                    let b = self.parameters.matrix(&b_name, [out, rank])?;
                    let scale = self.settings.scale(layer, rank);
                    Parameter::Matrix(weight.clone() + b.matmul(a).mul_scalar(scale))
                }
                _ => parameter.clone(),
            };
            found.push((name.clone(), changed));
        }
        Ok(Parameters(found))
    }
}

impl Settings {
    /// What B·A of a layer is multiplied with.
    fn scale(&self, layer: &str, rank: usize) -> f64 {
        let special = self.alpha_pattern.iter().find(|(pattern, _)| {
            let rest = layer.strip_suffix(pattern.trim_start_matches('^'));
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        let alpha = special
            .and_then(|(_, alpha)| alpha.as_f64())
            .unwrap_or(self.lora_alpha);
        let rank = rank.max(1) as f64;
        alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }

    /// Why the adapter would not be what these settings say.
    fn defect(&self) -> Option<&'static str> {
        let plain = |pattern: &String| {
            let name = pattern.trim_start_matches('^');
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
        };
        if self.use_dora {
            Some("DoRA is not known here, only LoRA")
        } else if self.fan_in_fan_out {
            Some("fan_in_fan_out must be false")
        } else if !matches!(self.bias.as_deref(), None | Some("none")) {
            Some("bias must be `none`: a T5 has none")
        } else if !self.lora_alpha.is_finite() {
            Some("lora_alpha is not a number")
        } else if !self.alpha_pattern.keys().all(plain) {
            Some("alpha_pattern holds an expression, and only names are known here")
        } else if matches!(&self.modules_to_save, Some(Value::Array(modules)) if !modules.is_empty())
        {
            Some("modules_to_save holds whole layers, and only A and B are known here")
        } else {
            None
        }
    }
}

/// Names of a layer's A and B.
fn names(layer: &str) -> (String, String) {
    (
        format!("{layer}.lora_A.weight"),
        format!("{layer}.lora_B.weight"),
    )
}

/// Whether `name` is the weight of a layer whose last name is `target`.
fn is_layer(name: &str, target: &str) -> bool {
    let layer = name.strip_suffix(".weight").unwrap_or(name);
    layer == target || layer.ends_with(&format!(".{target}"))
}
