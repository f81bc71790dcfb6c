use std::{collections::HashMap, path::Path};

use pytorch_reader::{DType, PytorchError, PytorchReader, Tensor};

use super::StoredTensor;
use crate::{Error, Precision};

/// What `torch.save` wrote of a model's state: its pickle has been read, its tensors not yet.
#[derive(Debug)]
pub(super) struct Pytorch {
    tensors: HashMap<String, Tensor>,
    size: u64,
}

impl Pytorch {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let size = fs_err::metadata(path).map_err(Error::Read)?.len();
        let failed = |source| Error::Pytorch {
            file: path.to_owned(),
            source,
        };
        let tensors = PytorchReader::new(path).map_err(failed)?.into_tensors();
        // A view may repeat what the file holds once, without end.
        let beyond = |tensor: &&Tensor| tensor.byte_len() as u64 > size;
        if let Some(tensor) = tensors.values().find(beyond) {
            let claim = format!("tensor `{}` is larger than the file", tensor.name);
            return Err(failed(PytorchError::InvalidFormat(claim)));
        }
        Ok(Self { tensors, size })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(Tensor::shape)
    }

    pub(super) fn tensor(&self, name: &str) -> Result<StoredTensor<'static>, Error> {
        let tensor = self.tensors.get(name).ok_or_else(|| Error::MissingTensor {
            name: name.to_owned(),
        })?;
        let precision = match tensor.dtype() {
            DType::F32 => Precision::F32,
            DType::F16 => Precision::F16,
            DType::BF16 => Precision::Bf16,
            other => {
                return Err(Error::DataType {
                    name: name.to_owned(),
                    found: format!("{other:?}"),
                });
            }
        };
        Ok(StoredTensor {
            precision,
            shape: tensor.shape().to_vec(),
            bytes: tensor.read().map_err(Error::Read)?.into(),
        })
    }
}
