#![no_main]

use idiolect_fuzz_models::{folder, read_all, write};
use idiolect_models::Weights;
use libfuzzer_sys::fuzz_target;

// An index, a zero, and the one shard that there is: `s`.
fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    write(
        "model.safetensors.index.json",
        parts.next().unwrap_or_default(),
    );
    write("s", parts.next().unwrap_or_default());
    if let Ok(weights) = Weights::open(folder()) {
        read_all(&weights);
    }
});
