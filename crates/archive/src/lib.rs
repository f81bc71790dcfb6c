//! What idiolect keeps on disk
