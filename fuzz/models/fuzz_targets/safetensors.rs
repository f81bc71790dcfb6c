#![no_main]

use std::path::Path;

use idiolect_fuzz_models::read_all;
use idiolect_models::Weights;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(weights) = Weights::of_safetensors(bytes.to_vec(), Path::new("x")) {
        read_all(&weights);
    }
});
