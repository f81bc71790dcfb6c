//! The bytes of `models/idiolect-small`.

pub(crate) const CONFIG: &[u8] = include_bytes!("../../../models/idiolect-small/config.json");
pub(crate) const TOKENIZER: &[u8] = include_bytes!("../../../models/idiolect-small/tokenizer.json");
pub(crate) const WEIGHTS: &[u8] =
    include_bytes!("../../../models/idiolect-small/model.safetensors");
