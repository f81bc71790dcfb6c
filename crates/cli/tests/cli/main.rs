//! The whole binary, as users run it: arguments in; exit code, stdout and stderr out. Add a test for
//! a command to the module of its kind; `cargo insta test --accept -p idiolect-cli` rewrites the
//! snapshots, which stand in the tests.

#![expect(
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "a test that cannot go on has failed, and need not be quick"
)]

mod data;
mod errors;
mod evaluation;
mod formats;
mod help;
mod housekeeping;
mod import;
mod kill;
mod models;
mod prove;
mod rows;
mod runs;
mod search;
mod support;
mod training;
mod write;
