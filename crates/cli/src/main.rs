//! The idiolect command.
fn main() {}
