#![no_main]

use idiolect_fuzz::import_package;
use idiolect_ingest::Format;
use libfuzzer_sys::fuzz_target;

// The XML itself: a checksum would keep most of what a fuzzer makes of an archive from being read.
fuzz_target!(|bytes: &[u8]| import_package(bytes, "word/document.xml", Format::Docx));
