use serde::{Deserialize, Serialize};

/// How a model's weights are kept in memory on the CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightFormat {
    /// Exactly; in two bytes a number where that loses nothing.
    #[default]
    F32,
    /// Rounded to two bytes a number, with eight bits of mantissa.
    Bf16,
    /// In one byte a number with a scale a row. Vectors are brought to eight bits before they are
    /// multiplied with them.
    Int8,
}

impl WeightFormat {
    /// `f32`, `bf16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}
