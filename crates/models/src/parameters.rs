use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    Error,
    host::rounded,
    weights::{precision, scale_of},
};

/// A model's weights by their names in the checkpoint, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct Parameters(pub Vec<(String, Parameter)>);

/// One weight: all weights of the models here are vectors or matrices.
#[derive(Debug, Clone)]
pub enum Parameter {
    /// Scales of a norm.
    Vector(Tensor<1>),
    /// Everything else; linear layers are stored as `[out, in]`.
    Matrix(Tensor<2>),
}

impl Parameter {
    /// Its shape.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Vector(tensor) => tensor.dims().to_vec(),
            Self::Matrix(tensor) => tensor.dims().to_vec(),
        }
    }

    /// Its values in row-major order.
    ///
    /// # Errors
    /// [`Error::Execution`] where the device fails.
    pub fn values(&self) -> Result<Vec<f32>, Error> {
        let read = match self {
            Self::Vector(tensor) => tensor.clone().try_into_vec_as::<f32>(),
            Self::Matrix(tensor) => tensor.clone().try_into_vec_as::<f32>(),
        };
        read.map_err(|error| Error::Execution(error.to_string()))
    }

    /// A parameter of these values; one dimension makes a vector, two a matrix.
    pub fn new(values: Vec<f32>, shape: &[usize], device: &Device) -> Self {
        if let [n] = *shape {
            return Self::Vector(Tensor::from_data(TensorData::new(values, [n]), device));
        }
        let columns = shape.last().copied().unwrap_or(1);
        let rows = values.len() / columns.max(1);
        Self::Matrix(Tensor::from_data(
            TensorData::new(values, [rows, columns]),
            device,
        ))
    }
}

impl Parameters {
    /// The parameter of this name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, parameter)| parameter)
    }

    /// A matrix of this name and shape `[rows, columns]`.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Shape`].
    pub fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>, Error> {
        match self.get(name) {
            Some(Parameter::Matrix(tensor)) if tensor.dims() == shape => Ok(tensor.clone()),
            other => Err(unfit(name, other, &shape)),
        }
    }

    /// A vector of this name and length.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Shape`].
    pub fn vector(&self, name: &str, length: usize) -> Result<Tensor<1>, Error> {
        match self.get(name) {
            Some(Parameter::Vector(tensor)) if tensor.dims() == [length] => Ok(tensor.clone()),
            other => Err(unfit(name, other, &[length])),
        }
    }

    /// How many numbers they hold together.
    pub fn count(&self) -> usize {
        self.0
            .iter()
            .map(|(_, parameter)| parameter.shape().iter().product::<usize>())
            .sum()
    }

    /// Reads a safetensors file of vectors and matrices in F32, F16 or BF16. Tensors of more
    /// dimensions are left out: no model here has any.
    ///
    /// # Errors
    /// [`Error::Weights`], [`Error::DataType`], [`Error::NotFinite`]; `file` only names the file.
    pub fn from_safetensors(bytes: &[u8], file: &Path, device: &Device) -> Result<Self, Error> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|source| Error::Weights {
            file: file.to_owned(),
            source,
        })?;
        let mut found = Self::default();
        for (name, view) in tensors.iter() {
            if matches!(view.shape().len(), 1 | 2) {
                let values = read_floats(name, &view)?;
                let parameter = Parameter::new(values, view.shape(), device);
                found.0.push((name.to_owned(), parameter));
            }
        }
        found.0.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(found)
    }

    /// The bytes of a safetensors file.
    ///
    /// # Errors
    /// [`Error::Execution`], [`Error::Weights`].
    pub fn to_safetensors(&self, precision: Precision) -> Result<Vec<u8>, Error> {
        let mut stored = Vec::with_capacity(self.0.len());
        for (name, parameter) in &self.0 {
            let (values, shape) = (parameter.values()?, parameter.shape());
            match (precision, shape.as_slice()) {
                (Precision::Int8, &[rows, columns]) if !name.contains(FEW) => {
                    let (numbers, scales) = rounded(&values, columns);
                    let numbers = bytemuck::cast_vec(numbers);
                    let (kind, scales) = Precision::F32.store(&scales);
                    stored.push((scale_of(name), kind, vec![rows, 1], scales));
                    stored.push((name.clone(), Dtype::I8, shape, numbers));
                }
                _ => {
                    let (kind, bytes) = precision.store(&values);
                    stored.push((name.clone(), kind, shape, bytes));
                }
            }
        }
        let failed = |source| Error::Weights {
            file: "model.safetensors".into(),
            source,
        };
        let mut views = Vec::with_capacity(stored.len());
        for (name, kind, shape, bytes) in &stored {
            let view = TensorView::new(*kind, shape.clone(), bytes).map_err(failed)?;
            views.push((name.as_str(), view));
        }
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        safetensors::serialize(views, Some(metadata)).map_err(failed)
    }
}

/// In the names of matrices that are no product's and have few numbers: they stay exact.
const FEW: &str = "relative_attention_bias";

/// How exactly weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes a number, exact.
    F32,
    /// Two bytes a number, eight bits of mantissa.
    Bf16,
    /// Two bytes a number, eleven bits of mantissa, up to 65,504.
    F16,
    /// One byte a number of a matrix, and four for each of its rows, in a tensor of its name and
    /// `_scale`; vectors are exact.
    Int8,
}

impl Precision {
    /// Numbers as a safetensors file holds them.
    pub(crate) fn store(self, values: &[f32]) -> (Dtype, Vec<u8>) {
        match self {
            Self::F32 | Self::Int8 => (
                Dtype::F32,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
            Self::Bf16 => (
                Dtype::BF16,
                values
                    .iter()
                    .flat_map(|&v| half::bf16::from_f32(v).to_le_bytes())
                    .collect(),
            ),
            Self::F16 => (
                Dtype::F16,
                values
                    .iter()
                    .flat_map(|&v| half::f16::from_f32(v).to_le_bytes())
                    .collect(),
            ),
        }
    }
}

/// The numbers of one stored tensor, all finite.
pub(crate) fn read_floats(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, Error> {
    let values = floats(precision(name, view.dtype())?, view.data());
    check_finite(name, &values)?;
    Ok(values)
}

/// Numbers that are stored one after the other, little endian.
pub(crate) fn floats(precision: Precision, bytes: &[u8]) -> Vec<f32> {
    let halves = bytes.as_chunks::<2>().0.iter();
    match precision {
        Precision::F32 | Precision::Int8 => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&b| f32::from_le_bytes(b))
            .collect(),
        Precision::F16 => halves
            .map(|&b| half::f16::from_le_bytes(b).to_f32())
            .collect(),
        Precision::Bf16 => halves
            .map(|&b| half::bf16::from_le_bytes(b).to_f32())
            .collect(),
    }
}

pub(crate) fn check_finite(name: &str, values: &[f32]) -> Result<(), Error> {
    // Without a way out of the loop it is made of vector instructions.
    let all = values
        .iter()
        .fold(true, |all, value| all & value.is_finite());
    if all {
        Ok(())
    } else {
        Err(Error::NotFinite {
            name: name.to_owned(),
        })
    }
}

fn unfit(name: &str, found: Option<&Parameter>, expected: &[usize]) -> Error {
    match found {
        None => Error::MissingTensor {
            name: name.to_owned(),
        },
        Some(parameter) => Error::Shape {
            name: name.to_owned(),
            found: parameter.shape(),
            expected: expected.to_vec(),
        },
    }
}
