use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use burn::tensor::Device;
use idiolect_core::ModelIdentity;

use crate::{
    Batch, Config, Error, Parameters, Precision, Stored, T5, Tokenizer, folder,
    t5::{HostDecoder, Targets},
};

/// A T5 with its tokenizer, ready to write: what a model folder holds.
#[derive(Debug, Clone)]
pub struct Seq2Seq {
    t5: T5,
    tokenizer: Option<Tokenizer>,
    identity: ModelIdentity,
    device: Device,
    /// Made when the first text is written.
    host: Arc<OnceLock<HostDecoder>>,
}

/// How many tokens are computed together at most, fillings included.
const TOKENS_AT_ONCE: usize = 16_384;

impl Seq2Seq {
    /// Opens `builtin` or a model folder.
    ///
    /// # Errors
    /// As [`Seq2Seq::load`] and [`Seq2Seq::builtin`].
    pub fn open(name_or_folder: &str, device: &Device) -> Result<Self, Error> {
        Self::new(&Stored::open(name_or_folder)?, device)
    }

    /// Opens a model folder.
    ///
    /// # Errors
    /// A missing, damaged or unsuitable file, named.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, Error> {
        Self::new(&Stored::load(folder)?, device)
    }

    /// The model that the binary carries.
    ///
    /// # Errors
    /// [`Error::NoBuiltin`] in a build without the feature `builtin`.
    pub fn builtin(device: &Device) -> Result<Self, Error> {
        Self::new(&Stored::builtin()?, device)
    }

    fn new(stored: &Stored, device: &Device) -> Result<Self, Error> {
        let tokenizer = stored.tokenizer()?;
        // Hashing takes as long as reading, and both stand between a user and the first word.
        let (sha256, parameters) =
            rayon::join(|| stored.weights().sha256(), || stored.parameters(device));
        Ok(Self {
            t5: T5::new(&stored.config, &parameters?)?,
            tokenizer,
            identity: ModelIdentity {
                name: stored.name.clone(),
                sha256: sha256?,
            },
            device: device.clone(),
            host: Arc::default(),
        })
    }

    /// A model in training, looked at as one that writes; it has no content hash.
    pub fn of_parts(t5: T5, tokenizer: Option<Tokenizer>, name: &str) -> Self {
        let device = t5.device();
        Self {
            t5,
            tokenizer,
            identity: ModelIdentity {
                name: name.to_owned(),
                sha256: String::new(),
            },
            device,
            host: Arc::default(),
        }
    }

    /// Name and content hash.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// Its sizes and special tokens.
    pub fn config(&self) -> &Config {
        self.t5.config()
    }

    /// Its tokenizer, where the folder has one.
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        self.tokenizer.as_ref()
    }

    /// The network itself.
    pub fn t5(&self) -> &T5 {
        &self.t5
    }

    /// Where it runs.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The decoder as it runs where the device is the CPU.
    pub(crate) fn host(&self) -> Result<Option<&HostDecoder>, Error> {
        if self.device != Device::flex() {
            return Ok(None);
        }
        if let Some(made) = self.host.get() {
            return Ok(Some(made));
        }
        let made = HostDecoder::new(&self.t5)?;
        Ok(Some(self.host.get_or_init(|| made)))
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
        let input = Batch::new(inputs, self.config(), &self.device)?;
        let decoder_input = Batch::new(decoder_inputs, self.config(), &self.device)?.ids;
        let found = self.t5.forward(&input, &decoder_input);
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
        for rows in batches(&order, |i| inputs[i].len() + targets[i].len()) {
            let input: Vec<&[u32]> = rows.iter().map(|&i| inputs[i].as_slice()).collect();
            let target: Vec<&[u32]> = rows.iter().map(|&i| targets[i].as_slice()).collect();
            let input = Batch::new(&input, self.config(), &self.device)?;
            let target = Targets::new(&target, self.config(), &self.device)?;
            for (&i, row) in rows.iter().zip(self.t5.log_probs(&input, &target)?) {
                found[i] = row;
            }
        }
        Ok(found)
    }
}

/// Cuts `order` into runs whose widest row times their number stays within a limit.
pub(crate) fn batches(order: &[usize], length: impl Fn(usize) -> usize) -> Vec<&[usize]> {
    let mut found = Vec::new();
    let mut rest = order;
    while !rest.is_empty() {
        let mut widest = 0;
        let fitting = rest
            .iter()
            .enumerate()
            .take_while(|&(n, &i)| {
                widest = widest.max(length(i));
                n == 0 || widest * (n + 1) <= TOKENS_AT_ONCE
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
