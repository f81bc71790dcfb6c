#![no_main]

use std::path::Path;

use idiolect_models::folder::parse_config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(config) = parse_config(bytes, Path::new("config.json")) {
        let ends = config.end_tokens();
        assert!(ends.iter().all(|&end| (end as usize) < config.vocab_size));
        assert!(config.feed_forward().is_some());
    }
});
