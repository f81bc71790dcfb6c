//! Puts the parts together as `models/idiolect-small`.

use std::path::Path;

use anyhow::Result;
use idiolect_models::{Precision, save};

use crate::pretraining;

/// Copies the trained parts into `folder`, weights in 8 bits.
pub(crate) fn make(work: &Path, folder: &Path) -> Result<()> {
    let trained = work.join("more-pairs/model");
    let config = idiolect_models::folder::read_config(&trained)?;
    let parameters = pretraining::load(&trained, &idiolect_models::device("cpu")?)?;
    let json = fs_err::read(trained.join("tokenizer.json"))?;
    fs_err::create_dir_all(folder.join("encoder"))?;
    save(folder, &config, &parameters, Precision::Int8, Some(&json))?;
    for file in ["config.json", "model.safetensors"] {
        fs_err::copy(
            work.join("encoder").join(file),
            folder.join("encoder").join(file),
        )?;
    }
    Ok(())
}
