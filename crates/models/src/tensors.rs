use crate::{Error, Parameter, Parameters, weights::Numbers};

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

    /// The same, where they lie if that can be.
    ///
    /// # Errors
    /// As [`Tensors::read`].
    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Numbers, Error> {
        self.read(name, shape).map(Numbers::Own)
    }
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
