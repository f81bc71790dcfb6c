use std::{
    borrow::Cow,
    path::Path,
    sync::{Arc, OnceLock},
};

use fs_err::File;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensorError, tensor::Metadata};
use sha2::{Digest, Sha256};

use super::{
    StoredTensor,
    numbers::{Mapped, Numbers, map},
};
use crate::{Error, Precision, parameters::floats};

/// A safetensors file whose header has been read and checked against the file's length. Of a file on
/// the disk nothing else is in memory until it is asked for.
#[derive(Debug)]
pub(super) struct Safetensors {
    bytes: Bytes,
    /// The file in the address space, from when it is first wanted there; `None` where that fails.
    mapped: OnceLock<Option<Arc<Mmap>>>,
    length: u64,
    /// Where the header ends.
    start: u64,
    metadata: Metadata,
}

#[derive(Debug)]
enum Bytes {
    File(File),
    Memory(Cow<'static, [u8]>),
}

impl Safetensors {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::Read)?;
        let length = file.metadata().map_err(Error::Read)?.len();
        Self::of(Bytes::File(file), length, path)
    }

    /// `file` only names it.
    pub(super) fn new(bytes: Cow<'static, [u8]>, file: &Path) -> Result<Self, Error> {
        let length = bytes.len() as u64;
        Self::of(Bytes::Memory(bytes), length, file)
    }

    fn of(bytes: Bytes, length: u64, path: &Path) -> Result<Self, Error> {
        /// As long as headers may be by the format's reference implementation.
        const LONGEST: u64 = 100_000_000;
        const SIZE: u64 = size_of::<u64>() as u64;
        let damaged = |source| Error::Weights {
            file: path.to_owned(),
            source,
        };
        if length < SIZE {
            return Err(damaged(SafeTensorError::HeaderTooSmall));
        }
        let mut size = [0; size_of::<u64>()];
        bytes.read(0, &mut size)?;
        let header = u64::from_le_bytes(size);
        if header > LONGEST {
            return Err(damaged(SafeTensorError::HeaderTooLarge));
        }
        if header > length - SIZE {
            return Err(damaged(SafeTensorError::InvalidHeaderLength));
        }
        let mut json = vec![0; header as usize];
        bytes.read(SIZE, &mut json)?;
        let json = str::from_utf8(&json)
            .map_err(|error| damaged(SafeTensorError::InvalidHeader(error)))?;
        // Reading it checks that the tensors lie one behind the other, each as long as its shape says.
        let metadata: Metadata = serde_json::from_str(json)
            .map_err(|error| damaged(SafeTensorError::InvalidHeaderDeserialization(error)))?;
        let start = SIZE + header;
        if metadata.data_len() as u64 != length - start {
            return Err(damaged(SafeTensorError::MetadataIncompleteBuffer));
        }
        Ok(Self {
            bytes,
            mapped: OnceLock::new(),
            length,
            start,
            metadata,
        })
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        self.length
    }

    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<(), Error> {
        const PART: u64 = 1 << 20;
        let mut part = Vec::new();
        let mut at = 0;
        while at < self.length {
            part.resize(PART.min(self.length - at) as usize, 0);
            self.bytes.read(at, &mut part)?;
            hash.update(&part);
            at += PART;
        }
        Ok(())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.metadata.info(name).map(|info| info.shape.as_slice())
    }

    pub(super) fn tensor(&self, name: &str) -> Result<StoredTensor<'_>, Error> {
        let (kind, at, length) = self.place(name)?;
        let bytes = match &self.bytes {
            Bytes::Memory(bytes) => bytes[at as usize..at as usize + length].into(),
            Bytes::File(_) => {
                let mut bytes = vec![0; length];
                self.bytes.read(at, &mut bytes)?;
                bytes.into()
            }
        };
        Ok(StoredTensor {
            precision: precision(name, kind)?,
            shape: self.shape(name).unwrap_or_default().to_vec(),
            bytes,
        })
    }

    /// The numbers of a tensor, whatever they are.
    pub(super) fn values(&self, name: &str) -> Result<Vec<f32>, Error> {
        let (kind, at, length) = self.place(name)?;
        if self.is_scaled(name) {
            return self.scaled(name);
        }
        let precision = precision(name, kind)?;
        if precision == Precision::F32 {
            // Straight into place: a great model has a great many of these.
            let mut values = vec![0.0_f32; length / 4];
            self.bytes.read(at, bytemuck::cast_slice_mut(&mut values))?;
            for value in &mut values {
                *value = f32::from_bits(u32::from_le(value.to_bits()));
            }
            return Ok(values);
        }
        Ok(floats(precision, &self.tensor(name)?.bytes))
    }

    /// Whether a tensor is kept in 8-bit numbers, beside which lies a scale for each of its rows.
    pub(super) fn is_scaled(&self, name: &str) -> bool {
        let kind = |name: &str| self.metadata.info(name).map(|info| info.dtype);
        kind(name) == Some(Dtype::I8) && kind(&scale_of(name)) == Some(Dtype::F32)
    }

    /// Each 8-bit number times its row's scale.
    fn scaled(&self, name: &str) -> Result<Vec<f32>, Error> {
        let scales = self.values(&scale_of(name))?;
        let (_, at, length) = self.place(name)?;
        let rows = self.shape(name).and_then(|shape| shape.first()).copied();
        let found = self.shape(&scale_of(name)).unwrap_or_default();
        let fits = found.first().copied() == rows && rows == Some(scales.len());
        if !fits || !length.is_multiple_of(scales.len().max(1)) {
            return Err(Error::Shape {
                name: scale_of(name),
                found: found.to_vec(),
                expected: vec![rows.unwrap_or_default(), 1],
            });
        }
        let mut bytes = vec![0; length];
        self.bytes.read(at, &mut bytes)?;
        let each = bytes.chunks_exact((length / scales.len().max(1)).max(1));
        Ok(each
            .zip(scales)
            .flat_map(|(row, scale)| {
                row.iter()
                    .map(move |&byte| f32::from(byte.cast_signed()) * scale)
            })
            .collect())
    }

    /// The numbers of a tensor, whatever they are, where they lie if that can be.
    pub(super) fn numbers(&self, name: &str) -> Result<Numbers, Error> {
        let (kind, at, length) = self.place(name)?;
        if let (Bytes::File(file), Dtype::F32) = (&self.bytes, kind) {
            let mapped = self
                .mapped
                .get_or_init(|| map(file.file()).ok().map(Arc::new));
            let place = |file| Mapped::new(file, at as usize, length);
            if let Some(numbers) = mapped.as_ref().and_then(place) {
                return Ok(Numbers::Mapped(numbers));
            }
        }
        self.values(name).map(Numbers::Own)
    }

    /// What the numbers of a tensor are, where they begin in the file, and how many bytes they have.
    fn place(&self, name: &str) -> Result<(Dtype, u64, usize), Error> {
        let info = self
            .metadata
            .info(name)
            .ok_or_else(|| Error::MissingTensor {
                name: name.to_owned(),
            })?;
        let (from, to) = info.data_offsets;
        Ok((info.dtype, self.start + from as u64, to - from))
    }
}

impl Bytes {
    /// What lies there must be within the file's length.
    fn read(&self, at: u64, to: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::File(file) => read_at(file, at, to).map_err(Error::Read),
            Self::Memory(bytes) => {
                let at = at as usize;
                to.copy_from_slice(&bytes[at..at + to.len()]);
                Ok(())
            }
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, at: u64, to: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file.file(), to, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut at: u64, mut to: &mut [u8]) -> std::io::Result<()> {
    while !to.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file.file(), to, at)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        to = &mut to[read..];
        at += read as u64;
    }
    Ok(())
}

/// Where the scales of a tensor of 8-bit numbers are.
pub(crate) fn scale_of(name: &str) -> String {
    format!("{name}_scale")
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
