#![no_main]

use idiolect_fuzz::import;
use idiolect_ingest::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| import(bytes, Format::Emlx));
