//! The bytes of `models/idiolect-small`.

pub(crate) const CONFIG: &[u8] = include_bytes!("../../../models/idiolect-small/config.json");
pub(crate) const TOKENIZER: &[u8] = include_bytes!("../../../models/idiolect-small/tokenizer.json");
pub(crate) const WEIGHTS: &[u8] =
    include_bytes!("../../../models/idiolect-small/model.safetensors");
pub(crate) const ENCODER_CONFIG: &[u8] =
    include_bytes!("../../../models/idiolect-small/encoder/config.json");
pub(crate) const ENCODER_WEIGHTS: &[u8] =
    include_bytes!("../../../models/idiolect-small/encoder/model.safetensors");
