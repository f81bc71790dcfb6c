//! Tests of the crate from outside.

#[cfg(test)]
mod bm25s;
#[cfg(test)]
mod common;
#[cfg(test)]
mod lucene;
#[cfg(test)]
mod past;
#[cfg(test)]
mod segment;
#[cfg(test)]
mod sketch;
#[cfg(test)]
mod tantivy_oracle;
#[cfg(test)]
mod walk;
