//! The search kernel in process, one JSON object a figure, in the shape that the peers print.
//!
//! `cargo bench -p idiolect-retrieval --bench kernel -- bm25 SNIPPETS QUERIES`, `… as-of AUTHORS`,
//! `… dense COUNT DIMENSIONS`: the files hold one JSON value a line, texts or lists of texts;
//! `benches/retrieval.sh` makes them.

mod dense;
mod lexical;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["bm25", snippets, queries] => lexical::archive(snippets, queries),
        ["as-of", authors] => lexical::as_of(authors),
        ["dense", count, dimensions] => match (count.parse(), dimensions.parse()) {
            (Ok(count), Ok(dimensions)) => dense::search(count, dimensions),
            _ => Err("COUNT and DIMENSIONS are numbers".into()),
        },
        // Without arguments it is part of `cargo bench` or `cargo test` of everything.
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::failed(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
