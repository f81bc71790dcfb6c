//! What an archive keeps, says, hides and withstands, asked through its public interface.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod damage;
mod format;
mod lost;
mod model;
mod origins;
mod questions;
mod removal;
mod safety;
