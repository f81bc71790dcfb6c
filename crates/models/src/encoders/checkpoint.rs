use std::path::Path;

use safetensors::SafeTensors;

use super::{backbone::Linear, numbers::Norm};
use crate::{Error, WeightFormat, host::Matrix, parameters::read_floats};

/// The tensors of one safetensors file. Whatever is wrong with one is told with the file's name.
pub(super) struct Checkpoint<'a> {
    tensors: SafeTensors<'a>,
    file: &'a Path,
    /// Stands before every name.
    prefix: &'static str,
    /// How weights are kept.
    kept: WeightFormat,
}

impl<'a> Checkpoint<'a> {
    pub(super) fn read(bytes: &'a [u8], file: &'a Path, kept: WeightFormat) -> Result<Self, Error> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|source| Error::Weights {
            file: file.to_owned(),
            source,
        })?;
        Ok(Self {
            tensors,
            file,
            prefix: "",
            kept,
        })
    }

    /// Puts the first of the prefixes before every name with which this one is there.
    pub(super) fn with_prefix(self, prefixes: &[&'static str], name: &str) -> Self {
        let found = prefixes
            .iter()
            .find(|prefix| self.tensors.tensor(&format!("{prefix}{name}")).is_ok());
        Self {
            prefix: found.copied().unwrap_or_default(),
            ..self
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.tensor(&self.full(name)).is_ok()
    }

    /// The numbers of a tensor of this shape.
    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let name = self.full(name);
        let inside = |error| Error::InFile {
            file: self.file.to_owned(),
            source: Box::new(error),
        };
        let Ok(view) = self.tensors.tensor(&name) else {
            return Err(inside(Error::MissingTensor { name }));
        };
        if view.shape() != shape {
            return Err(inside(Error::Shape {
                name,
                found: view.shape().to_vec(),
                expected: shape.to_vec(),
            }));
        }
        read_floats(&name, &view).map_err(inside)
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
            weight: Matrix::new(weights, from, self.kept),
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
