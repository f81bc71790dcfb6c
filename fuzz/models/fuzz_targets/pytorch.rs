#![no_main]

use idiolect_fuzz_models::{folder, read_all, write};
use idiolect_models::Weights;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    write("pytorch_model.bin", bytes);
    if let Ok(weights) = Weights::open(folder()) {
        read_all(&weights);
    }
});
