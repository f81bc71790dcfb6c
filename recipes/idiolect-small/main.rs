//! The built-in model, from data to folder.
//!
//! ```text
//! cargo run --release -p idiolect-recipes --bin idiolect-small -- STEP [DATA] [WORK] [FOLDER]
//! ```
//! with STEP one of `vocabulary`, `pretrain`, `encoder`, `tasks`, `export`, `card`, in this order. DATA is
//! the folder of the packs (default `../shared/data`), WORK where intermediate files go (default
//! `target/idiolect-small`), FOLDER where
//! the model goes (default `models/idiolect-small`). Training steps go on from their checkpoints when they are run again.
#![expect(clippy::print_stdout, reason = "a recipe tells what it does")]

mod card;
mod corpus;
mod encoder;
mod export;
mod pretraining;
mod tasks;
mod vocabulary;

use std::path::PathBuf;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path =
        |i: usize, default: &str| PathBuf::from(arguments.get(i).map_or(default, String::as_str));
    let data = path(1, "../shared/data");
    let work = path(2, "target/idiolect-small");
    fs_err::create_dir_all(&work)?;
    match arguments.first().map(String::as_str) {
        Some("vocabulary") => vocabulary::make(&data, &work.join("tokenizer.json")),
        Some("pretrain") => pretraining::train(&data, &work),
        Some("encoder") => encoder::make(&data, &work),
        Some("tasks") => tasks::train(&data, &work),
        Some("export") => export::make(&work, &path(3, "models/idiolect-small")),
        Some("card") => card::measure(&data, &work, &path(3, "models/idiolect-small")),
        _ => bail!("name a step: vocabulary, pretrain, encoder, tasks, export, card"),
    }
}
