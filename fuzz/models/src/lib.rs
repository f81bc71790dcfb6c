//! What the fuzz targets of model folders share.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use idiolect_models::{Tokenizer, Weights};
use tempfile::TempDir;

/// A folder of this process, for readers that want a file.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| TempDir::new().expect("a folder for the files"))
        .path()
}

/// Writes one file into that folder.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let file = folder().join(name);
    fs::write(&file, bytes).expect("room for a file");
    file
}

/// Reads every tensor that is not too large to be read quickly.
pub fn read_all(weights: &Weights) {
    for name in weights.names() {
        let shape = weights
            .shape(name)
            .expect("every name has a tensor")
            .to_vec();
        if shape
            .iter()
            .try_fold(1_usize, |n, &d| n.checked_mul(d))
            .is_some_and(|n| n < 1 << 20)
            && let Ok(values) = weights.values(name, &shape)
        {
            assert_eq!(values.len(), shape.iter().product::<usize>());
            assert!(values.iter().all(|value| value.is_finite()));
        }
    }
}

/// Texts with what a normaliser may touch.
const TEXTS: [&str; 5] = [
    "",
    "A letter, ﬁve Ｗörds\u{200b} 😀 <extra_id_3>",
    "\u{0}\u{1} \u{a0}é e\u{301}",
    "▁ the </s> 東京\n\t",
    "\u{3000}\u{fb01}",
];

/// There and back.
pub fn use_tokenizer(tokenizer: &Tokenizer) {
    for text in TEXTS {
        let ids = tokenizer.encode(text);
        assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
        tokenizer.decode(&ids);
    }
}
