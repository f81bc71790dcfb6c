/// Turns texts into vectors whose cosine says how alike they are (paper §4.2). The archive stores
/// what it returns without knowing how it is made; the models crate implements it.
pub trait Encoder: Send + Sync {
    /// Name and content hash; vectors of different identities are never compared.
    fn identity(&self) -> &str;

    /// Length of every vector.
    fn dimensions(&self) -> usize;

    /// One vector of length 1 a text, in order; all zeros for a text without a known token.
    ///
    /// # Errors
    /// Whatever keeps the model behind it from running.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError>;
}

/// Why an [`Encoder`] could not run.
pub type EncoderError = Box<dyn std::error::Error + Send + Sync>;
