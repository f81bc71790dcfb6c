use std::path::Path;

use clap::Args;
use idiolect_archive::{Archive, Error as ArchiveError, Finding, Report};
use serde_json::{Map, Value, json};

use crate::Status;
use crate::context::Context;
use crate::settings::{config_path, models_folder};

/// Checks folders, permissions, archive and models. Its output holds no word of any document and
/// can be pasted into a report.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect doctor
  idiolect doctor --json")]
pub(crate) struct Arguments {}

/// What is the case, and what is wrong with it.
#[derive(Default)]
struct Findings {
    facts: Map<String, Value>,
    wrong: Vec<String>,
}

impl Findings {
    fn fact(&mut self, name: &str, value: Value) {
        self.facts.insert(name.to_owned(), value);
    }

    /// The value, or null and a line about what is wrong.
    fn attempt(&mut self, name: &str, value: anyhow::Result<Value>) {
        let value = value.unwrap_or_else(|error| {
            self.wrong.push(format!("{name}: {error:#}"));
            Value::Null
        });
        self.fact(name, value);
    }
}

pub(crate) fn run(_arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let settings = &context.settings;
    let mut findings = Findings::default();
    findings.fact("version", json!(env!("CARGO_PKG_VERSION")));
    findings.fact(
        "system",
        json!(format!(
            "{} {}",
            std::env::consts::OS,
            std::env::consts::ARCH
        )),
    );
    findings.fact("threads", json!(rayon::current_num_threads()));
    let device = settings.device().map(|_| json!(settings.device));
    findings.attempt("device", device);
    findings.attempt("config", config_path().map(|path| there_or_not(&path)));
    findings.attempt("models", models_folder().map(|path| there_or_not(&path)));
    let archive = settings.archive_folder()?;
    findings.fact("archive", json!(archive));
    match Archive::open_read_only(&archive).and_then(|archive| archive.check()) {
        Ok(report) => check(&report, &mut findings),
        Err(ArchiveError::NotFound { empty: false, .. }) => {
            findings.fact("archive_state", json!("not made yet"));
        }
        Err(error) => {
            let hint = error.hint().map(|hint| format!(": {hint}"));
            let hint = hint.unwrap_or_default();
            findings.wrong.push(format!("archive: {error}{hint}"));
        }
    }
    let model = settings
        .model()
        .and_then(|model| Ok(json!(model.identity()?)));
    findings.attempt("model", model);
    let encoder = settings.encoder().map(|encoder| match encoder {
        Some(encoder) => json!(idiolect_core::Encoder::identity(&encoder)),
        None => json!("none"),
    });
    findings.attempt("encoder", encoder);
    print(&findings, context)
}

fn there_or_not(path: &Path) -> Value {
    let state = if path.exists() { "" } else { " (not there)" };
    json!(format!("{}{state}", path.display()))
}

fn check(report: &Report, findings: &mut Findings) {
    findings.fact("archive_format", json!(report.format_version));
    findings.fact("archive_bytes", json!(report.bytes));
    findings.fact("authors", json!(report.authors));
    findings.fact("documents", json!(report.documents));
    findings.fact("snippets", json!(report.snippets));
    for finding in &report.findings {
        findings.wrong.push(said(finding));
    }
}

fn said(finding: &Finding) -> String {
    match finding {
        Finding::Permissions {
            path,
            mode,
            expected,
        } => format!(
            "{} has permissions {mode:o}: make them {expected:o}, so that it is yours alone",
            path.display()
        ),
        Finding::Database => "the archive's file is malformed: put a copy back".to_owned(),
        Finding::Tables { missing } => format!(
            "tables or indexes are gone from the archive's file ({}): put a copy back",
            missing.join(", ")
        ),
        Finding::Documents { damaged } => format!(
            "{} damaged: put a copy back, or move the folder aside and import again",
            match damaged {
                1 => "1 document is".to_owned(),
                several => format!("{several} documents are"),
            }
        ),
        Finding::Index { authors } => {
            format!("the index of {authors} authors is damaged: run `idiolect rebuild`")
        }
        Finding::Encoders => {
            "the archive was indexed with several encoders, or partly without: run `idiolect rebuild`"
                .to_owned()
        }
    }
}

fn print(findings: &Findings, context: &mut Context) -> anyhow::Result<Status> {
    let Findings { facts, wrong } = findings;
    if context.printer.json() {
        let mut object = facts.clone();
        object.insert("wrong".to_owned(), json!(wrong));
        context.printer.object(&object)?;
    } else {
        for (name, value) in facts {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Null => "unusable, see below".to_owned(),
                other => other.to_string(),
            };
            context.printer.line(format_args!("{name}: {value}"))?;
        }
        for line in wrong {
            context.printer.line(format_args!("WRONG  {line}"))?;
        }
        if wrong.is_empty() {
            context.printer.line("all in order")?;
        }
    }
    Ok(if wrong.is_empty() {
        Status::Done
    } else {
        Status::Nothing
    })
}
