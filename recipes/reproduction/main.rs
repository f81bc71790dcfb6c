//! The paper's tables on writing that is at hand, from packs to `docs/reproduction.md`.
//!
//! ```text
//! recipes/table2-mail [ROW…] [OPTIONS]     # also table3-reviews, table4-blogs, table5-ablation
//! recipes/reproduction-report
//! ```
//! Every row is trained from one starting checkpoint with the same steps and measured on the same
//! examples. A row that is finished is not made again; an interrupted one goes on. What is kept of a
//! row are its results; models go when nothing needs them any more.
#![expect(clippy::print_stdout, reason = "a recipe tells what it does")]

mod claims;
mod options;
mod paper;
mod plan;
mod report;
mod run;
mod summaries;

use anyhow::{Result, bail};

use crate::options::Options;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("report") => report::write(&Options::read(arguments)?),
        Some(name) => match paper::TABLES.iter().find(|table| table.name == name) {
            Some(table) => run::table(table, &Options::read(arguments)?),
            None => bail!("there is no table `{name}`"),
        },
        None => {
            let names: Vec<&str> = paper::TABLES.iter().map(|table| table.name).collect();
            bail!("name a table: {}, or `report`", names.join(", "))
        }
    }
}
