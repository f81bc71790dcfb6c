//! Tests of the crate from outside.

mod common;
mod lucene;
mod past;
mod segment;
