#![no_main]

use idiolect_retrieval::Segment;
use libfuzzer_sys::fuzz_target;

// Magic and version stand before the checksum, which covers everything behind itself.
const CHECKSUM: std::ops::Range<usize> = 12..16;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    if bytes.len() > CHECKSUM.end {
        let checksum = crc32fast::hash(&bytes[CHECKSUM.end..]);
        bytes[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    }
    let _ = Segment::open(bytes);
});
