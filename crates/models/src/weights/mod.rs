//! The weights of a model folder, whichever way it keeps them: one safetensors file, shards with an
//! index, or what PyTorch saves. Tensors are found at once, and read when they are asked for. No
//! code of a pickle is ever run: it is read as data, and only tensors are taken from it.

mod index;
mod numbers;
mod pytorch;
mod safetensors;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    Error, Precision,
    parameters::{check_finite, floats},
    seq2seq::hex,
};
pub(crate) use numbers::Numbers;
use pytorch::Pytorch;
use safetensors::Safetensors;
pub(crate) use safetensors::{precision, scale_of};

/// Every tensor of a model folder.
#[derive(Debug)]
pub struct Weights {
    /// Where they are several files.
    index: Option<PathBuf>,
    files: Vec<File>,
    /// In which of the files each tensor lies.
    places: BTreeMap<String, usize>,
}

/// One tensor as it is stored.
#[derive(Debug, Clone)]
pub struct StoredTensor<'a> {
    /// What its numbers are.
    pub precision: Precision,
    /// Its dimensions, the outermost first.
    pub shape: Vec<usize>,
    /// Its numbers in row-major order, little endian.
    pub bytes: Cow<'a, [u8]>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Safetensors(Safetensors),
    Pytorch(Pytorch),
}

/// Which file is taken where a folder has several, and how each is read.
const FORMS: [(&str, Form); 4] = [
    ("model.safetensors", Form::Safetensors),
    ("model.safetensors.index.json", Form::SafetensorsIndex),
    ("pytorch_model.bin", Form::Pytorch),
    ("pytorch_model.bin.index.json", Form::PytorchIndex),
];

#[derive(Debug, Clone, Copy)]
enum Form {
    Safetensors,
    SafetensorsIndex,
    Pytorch,
    PytorchIndex,
}

impl Weights {
    /// Finds the tensors of a folder: in `model.safetensors`, else in the shards that
    /// `model.safetensors.index.json` names, else in `pytorch_model.bin`, else in its shards.
    ///
    /// # Errors
    /// A missing, damaged or unsuitable file, named.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let found = FORMS.iter().find(|(name, _)| folder.join(name).exists());
        let Some(&(name, form)) = found else {
            return Err(Error::MissingFile {
                folder: folder.to_owned(),
                file: FORMS[0].0,
            });
        };
        let path = folder.join(name);
        match form {
            Form::Safetensors => File::safetensors(path).map(Self::of_file),
            Form::Pytorch => File::pytorch(path).map(Self::of_file),
            Form::SafetensorsIndex => Self::of_shards(&path, File::safetensors),
            Form::PytorchIndex => Self::of_shards(&path, File::pytorch),
        }
    }

    /// Finds the tensors in the bytes of a safetensors file; `file` only names it.
    ///
    /// # Errors
    /// [`Error::Weights`].
    pub fn of_safetensors(
        bytes: impl Into<Cow<'static, [u8]>>,
        file: &Path,
    ) -> Result<Self, Error> {
        Ok(Self::of_file(File {
            path: file.to_owned(),
            content: Content::Safetensors(Safetensors::new(bytes.into(), file)?),
        }))
    }

    fn of_file(file: File) -> Self {
        let places = file.names().into_iter().map(|name| (name, 0)).collect();
        Self {
            index: None,
            files: vec![file],
            places,
        }
    }

    /// Index and shards must agree on what lies where.
    fn of_shards(index: &Path, open: fn(PathBuf) -> Result<File, Error>) -> Result<Self, Error> {
        let map = index::read(index)?;
        let folder = index.parent().unwrap_or(Path::new(""));
        let mut found = Self {
            index: Some(index.to_owned()),
            files: Vec::new(),
            places: BTreeMap::new(),
        };
        for (shard, tensors) in map {
            let path = folder.join(&shard);
            if !path.is_file() {
                return Err(Error::MissingShard {
                    index: index.to_owned(),
                    shard,
                });
            }
            let file = open(path)?;
            let held = file.names();
            if let Some(name) = held.iter().find(|&name| !tensors.contains(name)) {
                return Err(file.error(Error::ExtraTensor { name: name.clone() }));
            }
            for name in tensors {
                if !held.contains(&name) {
                    return Err(file.error(Error::MissingTensor { name }));
                }
                found.places.insert(name, found.files.len());
            }
            found.files.push(file);
        }
        Ok(found)
    }

    /// Whether a tensor is kept in 8-bit numbers with a scale a row, in a tensor of the same name and
    /// `_scale`.
    pub(crate) fn is_scaled(&self, name: &str) -> bool {
        let file = self.places.get(name).map(|&place| &self.files[place]);
        matches!(file, Some(File { content: Content::Safetensors(content), .. }) if content.is_scaled(name))
    }

    /// All files that they lie in, and the index where there is one.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let index = self.index.as_deref();
        index
            .into_iter()
            .chain(self.files.iter().map(|file| file.path.as_path()))
    }

    /// The names of all tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// The name of a tensor, if there is one of this name.
    pub(crate) fn name(&self, name: &str) -> Option<&str> {
        self.places
            .get_key_value(name)
            .map(|(name, _)| name.as_str())
    }

    /// Dimensions of a tensor; `None` where there is none of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        let file = &self.files[*self.places.get(name)?];
        match &file.content {
            Content::Safetensors(content) => content.shape(name),
            Content::Pytorch(content) => content.shape(name),
        }
    }

    /// Whether there is a tensor of this name and these dimensions.
    ///
    /// # Errors
    /// [`Error::InFile`] of [`Error::MissingTensor`] or [`Error::Shape`].
    pub fn check(&self, name: &str, shape: &[usize]) -> Result<(), Error> {
        let defect = match self.shape(name) {
            Some(found) if found == shape => return Ok(()),
            Some(found) => Error::Shape {
                name: name.to_owned(),
                found: found.to_vec(),
                expected: shape.to_vec(),
            },
            None => Error::MissingTensor {
                name: name.to_owned(),
            },
        };
        Err(self.error(name, defect))
    }

    /// Reads a tensor, which must have these dimensions.
    ///
    /// # Errors
    /// As [`Weights::check`]; [`Error::InFile`] of [`Error::DataType`] or of what keeps it from
    /// being read.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<StoredTensor<'_>, Error> {
        self.check(name, shape)?;
        let tensor = match &self.files[self.places[name]].content {
            Content::Safetensors(content) => content.tensor(name),
            Content::Pytorch(content) => content.tensor(name),
        };
        tensor.map_err(|error| self.error(name, error))
    }

    /// The numbers of a tensor, which must have these dimensions and be finite.
    ///
    /// # Errors
    /// As [`Weights::tensor`], and [`Error::NotFinite`].
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        self.check(name, shape)?;
        let values = match &self.files[self.places[name]].content {
            Content::Safetensors(content) => content.values(name),
            Content::Pytorch(content) => content
                .tensor(name)
                .map(|tensor| floats(tensor.precision, &tensor.bytes)),
        };
        let values = values.map_err(|error| self.error(name, error))?;
        check_finite(name, &values).map_err(|error| self.error(name, error))?;
        Ok(values)
    }

    /// [`Weights::values`] where they lie, if the file holds them as the processor does.
    ///
    /// # Errors
    /// As [`Weights::values`].
    pub(crate) fn numbers(&self, name: &str, shape: &[usize]) -> Result<Numbers, Error> {
        let Some(Content::Safetensors(content)) = self
            .places
            .get(name)
            .map(|&place| &self.files[place].content)
        else {
            return self.values(name, shape).map(Numbers::Own);
        };
        self.check(name, shape)?;
        let numbers = content.numbers(name).and_then(|numbers| {
            check_finite(name, &numbers)?;
            Ok(numbers)
        });
        numbers.map_err(|error| self.error(name, error))
    }

    /// A hash of all bytes of its files, in hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn sha256(&self) -> Result<String, Error> {
        let mut hash = Sha256::new();
        for file in &self.files {
            match &file.content {
                Content::Safetensors(content) => content.hash(&mut hash)?,
                Content::Pytorch(_) => {
                    let mut opened = fs_err::File::open(&file.path).map_err(Error::Read)?;
                    std::io::copy(&mut opened, &mut Hashed(&mut hash)).map_err(Error::Read)?;
                }
            }
        }
        Ok(hex(&hash.finalize()))
    }

    /// Bytes of all files.
    pub(crate) fn size(&self) -> u64 {
        self.files
            .iter()
            .map(|file| match &file.content {
                Content::Safetensors(content) => content.size(),
                Content::Pytorch(content) => content.size(),
            })
            .sum()
    }

    /// An error that concerns this tensor, with the file where it lies, or should.
    pub(crate) fn error(&self, name: &str, error: Error) -> Error {
        let place = self.places.get(name).copied().unwrap_or(0);
        match self.files.get(place) {
            Some(file) => file.error(error),
            None => error,
        }
    }
}

impl File {
    fn safetensors(path: PathBuf) -> Result<Self, Error> {
        let content = Content::Safetensors(Safetensors::open(&path)?);
        Ok(Self { path, content })
    }

    fn pytorch(path: PathBuf) -> Result<Self, Error> {
        let content = Content::Pytorch(Pytorch::open(&path)?);
        Ok(Self { path, content })
    }

    fn names(&self) -> Vec<String> {
        match &self.content {
            Content::Safetensors(content) => content.names(),
            Content::Pytorch(content) => content.names(),
        }
    }

    fn error(&self, error: Error) -> Error {
        Error::InFile {
            file: self.path.clone(),
            defect: Box::new(error),
        }
    }
}

/// What is written into it is hashed.
struct Hashed<'a>(&'a mut Sha256);

impl std::io::Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
