use std::{borrow::Cow, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::Metadata};

use super::StoredTensor;
use crate::{Error, Precision};

/// A safetensors file whose header has been read and checked against the file's length.
#[derive(Debug)]
pub(super) struct Safetensors {
    bytes: Cow<'static, [u8]>,
    /// Where the header ends.
    start: usize,
    metadata: Metadata,
}

impl Safetensors {
    pub(super) fn new(bytes: Cow<'static, [u8]>, file: &Path) -> Result<Self, Error> {
        let (header, metadata) =
            SafeTensors::read_metadata(&bytes).map_err(|source| Error::Weights {
                file: file.to_owned(),
                source,
            })?;
        Ok(Self {
            start: size_of::<u64>() + header,
            bytes,
            metadata,
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.metadata.info(name).map(|info| info.shape.as_slice())
    }

    pub(super) fn tensor(&self, name: &str) -> Result<StoredTensor<'_>, Error> {
        let missing = || Error::MissingTensor {
            name: name.to_owned(),
        };
        let info = self.metadata.info(name).ok_or_else(missing)?;
        let (from, to) = info.data_offsets;
        let bytes = self.bytes[self.start..].get(from..to).ok_or_else(missing)?;
        Ok(StoredTensor {
            precision: precision(name, info.dtype)?,
            shape: info.shape.clone(),
            bytes: bytes.into(),
        })
    }
}

/// The kinds of numbers that are read.
pub(crate) fn precision(name: &str, kind: Dtype) -> Result<Precision, Error> {
    match kind {
        Dtype::F32 => Ok(Precision::F32),
        Dtype::F16 => Ok(Precision::F16),
        Dtype::BF16 => Ok(Precision::Bf16),
        other => Err(Error::DataType {
            name: name.to_owned(),
            found: format!("{other:?}"),
        }),
    }
}
