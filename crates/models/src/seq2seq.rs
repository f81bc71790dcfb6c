use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use burn::tensor::Device;
use idiolect_core::ModelIdentity;

use crate::{
    Batch, Config, Error, Parameters, Precision, Stored, T5, Tokenizer, WeightFormat, Weights,
    folder,
    host::among_threads,
    t5::{HostT5, Targets},
};

/// A T5 with its tokenizer, ready to write: what a model folder holds.
#[derive(Debug, Clone)]
pub struct Seq2Seq {
    config: Config,
    network: Network,
    tokenizer: Option<Tokenizer>,
    name: String,
    /// What the weights were read from; nothing for a model that is still in training.
    weights: Option<Arc<Weights>>,
    sha256: Arc<OnceLock<String>>,
    device: Device,
    format: WeightFormat,
}

/// The network where it runs.
#[derive(Debug, Clone)]
pub(crate) enum Network {
    Host(Arc<HostT5>),
    Device(Box<T5>),
}

/// How many tokens are computed together at most, fillings included, by the tensor library.
const ON_DEVICE: usize = 16_384;
/// The same on the CPU: enough that reading the weights is no part of the work, few enough that what
/// lies between the layers takes little memory.
pub(crate) const ON_HOST: usize = 2_048;

impl Seq2Seq {
    /// Opens `builtin` or a model folder.
    ///
    /// # Errors
    /// As [`Seq2Seq::load`] and [`Seq2Seq::builtin`].
    pub fn open(name_or_folder: &str, device: &Device) -> Result<Self, Error> {
        Self::open_as(name_or_folder, device, None)
    }

    /// Opens `builtin` or a model folder, with its weights kept in this way where they are computed
    /// with on the CPU; as [`Stored::weight_format`] says where none is named.
    ///
    /// # Errors
    /// As [`Seq2Seq::load`] and [`Seq2Seq::builtin`].
    pub fn open_as(
        name_or_folder: &str,
        device: &Device,
        weights: Option<WeightFormat>,
    ) -> Result<Self, Error> {
        Self::of_stored(&Stored::open(name_or_folder)?, device, weights)
    }

    /// Opens a model folder.
    ///
    /// # Errors
    /// A missing, damaged or unsuitable file, named.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, Error> {
        Self::of_stored(&Stored::load(folder)?, device, None)
    }

    /// The model that the binary carries.
    ///
    /// # Errors
    /// [`Error::NoBuiltin`] in a build without the feature `builtin`.
    pub fn builtin(device: &Device) -> Result<Self, Error> {
        Self::of_stored(&Stored::builtin()?, device, None)
    }

    /// Builds the model that a folder holds, with its weights kept in this way where they are computed
    /// with on the CPU; as [`Stored::weight_format`] says where none is named.
    ///
    /// # Errors
    /// What is wrong with its weights or its tokenizer.
    pub fn of_stored(
        stored: &Stored,
        device: &Device,
        weights: Option<WeightFormat>,
    ) -> Result<Self, Error> {
        let weights = weights.unwrap_or_else(|| stored.weight_format());
        let tensors = stored.tensors()?;
        // Both stand between a user and the first word.
        let (tokenizer, network) = rayon::join(
            || stored.tokenizer(),
            || {
                if *device == Device::flex() {
                    let host = HostT5::new(&stored.config, &tensors, weights)?;
                    Ok(Network::Host(Arc::new(host)))
                } else {
                    let parameters = stored.parameters(device)?;
                    Ok(Network::Device(Box::new(T5::new(
                        &stored.config,
                        &parameters,
                    )?)))
                }
            },
        );
        let network = network?;
        Ok(Self {
            config: stored.config.clone(),
            tokenizer: tokenizer?,
            name: stored.name.clone(),
            weights: Some(stored.shared_weights()),
            sha256: Arc::default(),
            format: match network {
                Network::Host(_) => weights,
                Network::Device(_) => WeightFormat::F32,
            },
            network,
            device: device.clone(),
        })
    }

    /// A model in training, looked at as one that writes; it has no content hash.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Shape`], [`Error::Execution`].
    pub fn of_parameters(
        config: &Config,
        parameters: &Parameters,
        tokenizer: Option<Tokenizer>,
        name: &str,
        device: &Device,
    ) -> Result<Self, Error> {
        let mut made = Self::of_parts(T5::new(config, parameters)?, tokenizer, name);
        if *device == Device::flex() {
            let host = HostT5::new(config, parameters, WeightFormat::default())?;
            made.network = Network::Host(Arc::new(host));
        }
        Ok(made)
    }

    /// A model that runs by the tensor library wherever its weights lie, the CPU included; it has no
    /// content hash.
    pub fn of_parts(t5: T5, tokenizer: Option<Tokenizer>, name: &str) -> Self {
        Self {
            config: t5.config().clone(),
            device: t5.device(),
            network: Network::Device(Box::new(t5)),
            tokenizer,
            name: name.to_owned(),
            weights: None,
            sha256: Arc::default(),
            format: WeightFormat::F32,
        }
    }

    /// How its weights are kept where they are computed with.
    pub fn weight_format(&self) -> WeightFormat {
        self.format
    }

    /// Name and content hash. The weights are read for the hash when it is first asked for.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn identity(&self) -> Result<ModelIdentity, Error> {
        let sha256 = match (self.sha256.get(), &self.weights) {
            (Some(known), _) => known.clone(),
            (None, None) => String::new(),
            (None, Some(weights)) => {
                let found = weights.sha256()?;
                self.sha256.get_or_init(|| found).clone()
            }
        };
        Ok(ModelIdentity {
            name: self.name.clone(),
            sha256,
        })
    }

    /// What it is called: `builtin`, or as its folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its sizes and special tokens.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its tokenizer, where the folder has one.
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        self.tokenizer.as_ref()
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Where it runs.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Logits of every place of each row's decoder input, by the whole network without a cache:
    /// one vector of the vocabulary's size a token.
    ///
    /// # Errors
    /// [`Error::Rows`] where the numbers differ, [`Error::EmptyInput`], [`Error::TokenId`],
    /// [`Error::Execution`].
    pub fn logits(
        &self,
        inputs: &[&[u32]],
        decoder_inputs: &[&[u32]],
    ) -> Result<Vec<Vec<Vec<f32>>>, Error> {
        if inputs.len() != decoder_inputs.len() {
            return Err(Error::Rows {
                left: inputs.len(),
                right: decoder_inputs.len(),
            });
        }
        let t5 = match &self.network {
            Network::Host(host) => {
                for rows in [inputs, decoder_inputs] {
                    check(rows, &self.config)?;
                }
                return Ok(among_threads(|| host.logits(inputs, decoder_inputs)));
            }
            Network::Device(t5) => t5,
        };
        let input = Batch::new(inputs, self.config(), &self.device)?;
        let decoder_input = Batch::new(decoder_inputs, self.config(), &self.device)?.ids;
        let found = t5.forward(&input, &decoder_input);
        let [_, width, vocabulary] = found.dims();
        let values = found
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::Execution(error.to_string()))?;
        Ok(values
            .chunks(width * vocabulary)
            .zip(decoder_inputs)
            .map(|(row, ids)| {
                row.chunks(vocabulary)
                    .take(ids.len())
                    .map(<[f32]>::to_vec)
                    .collect()
            })
            .collect())
    }

    /// Natural log-probabilities of each target's tokens given its input (teacher forcing), in
    /// order; rows are computed in batches of like length.
    ///
    /// # Errors
    /// [`Error::Rows`] where the numbers differ, [`Error::EmptyInput`], [`Error::TokenId`].
    pub fn log_probs(
        &self,
        inputs: &[Vec<u32>],
        targets: &[Vec<u32>],
    ) -> Result<Vec<Vec<f32>>, Error> {
        if inputs.len() != targets.len() {
            return Err(Error::Rows {
                left: inputs.len(),
                right: targets.len(),
            });
        }
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        order.sort_by_key(|&i| inputs[i].len());
        let mut found = vec![Vec::new(); inputs.len()];
        let at_once = match self.network {
            Network::Host(_) => ON_HOST,
            Network::Device(_) => ON_DEVICE,
        };
        for rows in batches(&order, at_once, |i| inputs[i].len() + targets[i].len()) {
            let input: Vec<&[u32]> = rows.iter().map(|&i| inputs[i].as_slice()).collect();
            let target: Vec<&[u32]> = rows.iter().map(|&i| targets[i].as_slice()).collect();
            let log_probs = match &self.network {
                Network::Host(host) => {
                    check(&input, &self.config)?;
                    check(&target, &self.config)?;
                    let start = self.config.decoder_start_token_id;
                    among_threads(|| host.log_probs(&input, &target, start))
                }
                Network::Device(t5) => {
                    let input = Batch::new(&input, self.config(), &self.device)?;
                    let target = Targets::new(&target, self.config(), &self.device)?;
                    t5.log_probs(&input, &target)?
                }
            };
            for (&i, row) in rows.iter().zip(log_probs) {
                found[i] = row;
            }
        }
        Ok(found)
    }
}

/// Whether a network of these sizes can read the rows.
///
/// # Errors
/// [`Error::EmptyInput`], [`Error::TokenId`].
pub(crate) fn check(rows: &[&[u32]], config: &Config) -> Result<(), Error> {
    if rows.is_empty() || rows.iter().any(|row| row.is_empty()) {
        return Err(Error::EmptyInput);
    }
    let vocabulary = config.vocab_size;
    match rows
        .iter()
        .copied()
        .flatten()
        .find(|&&id| id as usize >= vocabulary)
    {
        Some(&id) => Err(Error::TokenId { id, vocabulary }),
        None => Ok(()),
    }
}

/// Cuts `order` into runs whose widest row times their number stays within a limit.
fn batches(order: &[usize], limit: usize, length: impl Fn(usize) -> usize) -> Vec<&[usize]> {
    let mut found = Vec::new();
    let mut rest = order;
    while !rest.is_empty() {
        let mut widest = 0;
        let fitting = rest
            .iter()
            .enumerate()
            .take_while(|&(n, &i)| {
                widest = widest.max(length(i));
                n == 0 || widest * (n + 1) <= limit
            })
            .count();
        let (batch, after) = rest.split_at(fitting);
        found.push(batch);
        rest = after;
    }
    found
}

/// Writes a model folder: `config.json`, `model.safetensors` and, where given, `tokenizer.json`.
///
/// # Errors
/// [`Error::Write`] and what keeps the weights from being read off the device.
pub fn save(
    folder: &Path,
    config: &Config,
    parameters: &Parameters,
    precision: Precision,
    tokenizer: Option<&[u8]>,
) -> Result<(), Error> {
    let mut config = config.clone();
    // Readers differ in what they infer from a missing head, so both keys are always written.
    config.scale_decoder_outputs = Some(config.scales_outputs());
    config.tie_word_embeddings = parameters.get("lm_head.weight").is_none();
    folder::write_config(folder, &config)?;
    folder::write(
        folder,
        "model.safetensors",
        &parameters.to_safetensors(precision)?,
    )?;
    match tokenizer {
        Some(bytes) => folder::write(folder, "tokenizer.json", bytes),
        None => Ok(()),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
