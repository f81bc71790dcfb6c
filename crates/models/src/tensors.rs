use std::{collections::HashMap, path::PathBuf};

use fs_err::File;
use safetensors::{
    Dtype, SafeTensorError,
    tensor::{Metadata, TensorInfo},
};
use sha2::{Digest, Sha256};

use crate::{
    Error, Parameter, Parameters,
    parameters::{finite, floats},
    seq2seq::hex,
};

/// Weights that are read one tensor at a time, so that no more of them is in memory than is used.
pub(crate) trait Tensors: Sync {
    /// Whether there is one of this name.
    fn has(&self, name: &str) -> bool;

    /// The numbers of a tensor that must have this shape, in row-major order, all finite.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Shape`], [`Error::DataType`], [`Error::NotFinite`],
    /// [`Error::Read`], [`Error::Execution`].
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error>;
}

impl Tensors for Parameters {
    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        match *shape {
            [length] => Parameter::Vector(self.vector(name, length)?).values(),
            [rows, columns] => Parameter::Matrix(self.matrix(name, [rows, columns])?).values(),
            _ => Err(Error::MissingTensor {
                name: name.to_owned(),
            }),
        }
    }
}

/// A safetensors file, of which only the header is in memory.
#[derive(Debug)]
pub(crate) struct TensorFile {
    bytes: Bytes,
    length: u64,
    /// Where the numbers begin.
    begin: u64,
    tensors: HashMap<String, TensorInfo>,
}

#[derive(Debug)]
enum Bytes {
    File(File),
    Memory(&'static [u8]),
}

impl TensorFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Weights`].
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        let file = File::open(&path).map_err(Error::Read)?;
        let length = file.metadata().map_err(Error::Read)?.len();
        Self::new(Bytes::File(file), length, path)
    }

    /// A file that the binary carries.
    ///
    /// # Errors
    /// [`Error::Weights`].
    #[cfg_attr(
        not(feature = "builtin"),
        expect(dead_code, reason = "for what is built in")
    )]
    pub(crate) fn of_memory(bytes: &'static [u8], path: PathBuf) -> Result<Self, Error> {
        Self::new(Bytes::Memory(bytes), bytes.len() as u64, path)
    }

    fn new(bytes: Bytes, length: u64, path: PathBuf) -> Result<Self, Error> {
        /// As long as headers may be by the format's reference implementation.
        const LONGEST: u64 = 100_000_000;
        let damaged = |source| Error::Weights {
            file: path.clone(),
            source,
        };
        let short = || damaged(SafeTensorError::HeaderTooSmall);
        if length < 8 {
            return Err(short());
        }
        let mut size = [0; 8];
        bytes.read(0, &mut size)?;
        let header = u64::from_le_bytes(size);
        if header > LONGEST || header + 8 > length {
            return Err(damaged(SafeTensorError::InvalidHeaderLength));
        }
        let mut json = vec![0; header as usize];
        bytes.read(8, &mut json)?;
        // Reading it checks that the tensors lie one behind the other, each as long as its shape says.
        let metadata: Metadata = serde_json::from_slice(&json)
            .map_err(|error| damaged(SafeTensorError::InvalidHeaderDeserialization(error)))?;
        let begin = header + 8;
        if metadata.data_len() as u64 != length - begin {
            return Err(damaged(SafeTensorError::MetadataIncompleteBuffer));
        }
        let tensors = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| (name, info.clone()))
            .collect();
        Ok(Self {
            bytes,
            length,
            begin,
            tensors,
        })
    }
}

impl TensorFile {
    /// Of the whole file.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn sha256(&self) -> Result<String, Error> {
        const PART: u64 = 1 << 20;
        let mut hash = Sha256::new();
        let mut part = Vec::new();
        let mut at = 0;
        while at < self.length {
            part.resize(PART.min(self.length - at) as usize, 0);
            self.bytes.read(at, &mut part)?;
            hash.update(&part);
            at += PART;
        }
        Ok(hex(&hash.finalize()))
    }
}

impl Tensors for TensorFile {
    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let Some(info) = self.tensors.get(name) else {
            return Err(Error::MissingTensor {
                name: name.to_owned(),
            });
        };
        if info.shape != shape {
            return Err(Error::Shape {
                name: name.to_owned(),
                found: info.shape.clone(),
                expected: shape.to_vec(),
            });
        }
        let at = self.begin + info.data_offsets.0 as u64;
        let length = info.data_offsets.1 - info.data_offsets.0;
        if info.dtype == Dtype::F32 {
            // Straight into place: a great model has a great many of these.
            let mut values = vec![0.0_f32; length / 4];
            self.bytes.read(at, bytemuck::cast_slice_mut(&mut values))?;
            for value in &mut values {
                *value = f32::from_bits(u32::from_le(value.to_bits()));
            }
            return finite(name, values);
        }
        let mut bytes = vec![0; length];
        self.bytes.read(at, &mut bytes)?;
        finite(name, floats(name, info.dtype, &bytes)?)
    }
}

impl Bytes {
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
