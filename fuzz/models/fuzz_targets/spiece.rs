#![no_main]

use std::path::Path;

use idiolect_fuzz_models::use_tokenizer;
use idiolect_models::Tokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(tokenizer) = Tokenizer::from_sentencepiece(bytes, 5, Path::new("x")) {
        use_tokenizer(&tokenizer);
    }
});
