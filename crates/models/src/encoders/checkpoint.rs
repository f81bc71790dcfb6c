use std::path::Path;

use super::{backbone::Linear, numbers::Norm};
use crate::{Error, WeightFormat, Weights, host::Matrix};

/// The tensors of a transformer's folder.
pub(super) struct Checkpoint {
    weights: Weights,
    /// Stands before every name.
    prefix: &'static str,
    /// How weights are kept.
    format: WeightFormat,
}

impl Checkpoint {
    pub(super) fn open(folder: &Path, format: WeightFormat) -> Result<Self, Error> {
        Ok(Self {
            weights: Weights::open(folder)?,
            prefix: "",
            format,
        })
    }

    /// Of all files, in hexadecimal digits.
    pub(super) fn sha256(&self) -> Result<String, Error> {
        self.weights.sha256()
    }

    /// Puts the first of the prefixes before every name with which this one is there.
    pub(super) fn with_prefix(self, prefixes: &[&'static str], name: &str) -> Self {
        let found = prefixes
            .iter()
            .find(|prefix| self.weights.shape(&format!("{prefix}{name}")).is_some());
        Self {
            prefix: found.copied().unwrap_or_default(),
            ..self
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.weights.shape(&self.full(name)).is_some()
    }

    /// The numbers of a tensor of this shape.
    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        self.weights.values(&self.full(name), shape)
    }

    /// Layers `[out, in]`, each with its bias where they have one, as one.
    pub(super) fn linear(
        &self,
        paths: &[&str],
        [out, from]: [usize; 2],
        biased: bool,
    ) -> Result<Linear, Error> {
        let mut weights = Vec::new();
        let mut bias = Vec::new();
        for path in paths {
            weights.extend(self.values(&format!("{path}.weight"), &[out, from])?);
            if biased {
                bias.extend(self.values(&format!("{path}.bias"), &[out])?);
            }
        }
        Ok(Linear {
            weight: Matrix::new(weights, from, self.format),
            bias: biased.then_some(bias),
        })
    }

    /// A layer norm; old checkpoints call its weights gamma and beta.
    pub(super) fn layer_norm(&self, path: &str, width: usize, epsilon: f32) -> Result<Norm, Error> {
        let old = self.has(&format!("{path}.gamma"));
        let (weight, bias) = if old {
            ("gamma", "beta")
        } else {
            ("weight", "bias")
        };
        Ok(Norm {
            weight: self.values(&format!("{path}.{weight}"), &[width])?,
            bias: Some(self.values(&format!("{path}.{bias}"), &[width])?),
            epsilon,
        })
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}
