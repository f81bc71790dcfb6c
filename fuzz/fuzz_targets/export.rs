#![no_main]

use idiolect_fuzz::import_export;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| import_export(bytes));
