//! For each cause that a library reports: the code that programs read, and the hint for people.

use std::io;

use idiolect_archive::Error as ArchiveError;
use idiolect_endpoint::Error as EndpointError;
use idiolect_evaluation::Error as EvaluationError;
use idiolect_ingest::Error as IngestError;
use idiolect_models::Error as ModelError;
use idiolect_pipeline::Error as PipelineError;
use idiolect_retrieval::PastError;
use idiolect_training::examples::DataError;
use idiolect_training::fit::TrainError;

use crate::failure::Failure;

/// Of the first cause in the chain that is known here.
pub(crate) fn code_and_hint(error: &anyhow::Error) -> (&'static str, Option<String>) {
    error.chain().find_map(known).unwrap_or(("error", None))
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<(&'static str, Option<String>)> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some((failure.code, failure.hint.clone()));
    }
    if let Some(error) = cause.downcast_ref::<ArchiveError>() {
        return Some((archive_code(error), error.hint()));
    }
    if let Some(error) = cause.downcast_ref::<IngestError>() {
        return Some((ingest_code(error), error.hint().map(str::to_owned)));
    }
    if let Some(error) = cause.downcast_ref::<PipelineError>() {
        return Some((pipeline_code(error), error.hint().map(str::to_owned)));
    }
    if let Some(error) = cause.downcast_ref::<ModelError>() {
        return Some(("model", error.hint().map(str::to_owned)));
    }
    if let Some(error) = cause.downcast_ref::<TrainError>() {
        return Some(("training", error.hint().map(str::to_owned)));
    }
    if let Some(error) = cause.downcast_ref::<EvaluationError>() {
        let (code, hint) = evaluation(error);
        return Some((code, Some(hint.to_owned())));
    }
    if let Some(error) = cause.downcast_ref::<EndpointError>() {
        let (code, hint) = endpoint(error);
        return Some((code, hint.map(str::to_owned)));
    }
    if let Some(DataError::NoEncoder(_)) = cause.downcast_ref::<DataError>() {
        let hint = "choose an encoder, or a ranking without one: recent, doc-bm25";
        return Some(("encoder", Some(hint.to_owned())));
    }
    if let Some(error) = cause.downcast_ref::<PastError>() {
        return Some(("past", past_hint(error)));
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return Some(("io", io_hint(error).map(str::to_owned)));
    }
    None
}

fn archive_code(error: &ArchiveError) -> &'static str {
    match error {
        ArchiveError::NotFound { .. } => "no_archive",
        ArchiveError::NewerVersion { .. } => "newer_archive",
        ArchiveError::NotAnArchive { .. } => "not_an_archive",
        ArchiveError::Damaged(_) => "damaged_archive",
        ArchiveError::Locked => "archive_in_use",
        ArchiveError::ReadOnly => "read_only",
        ArchiveError::Permission { .. } => "permission",
        ArchiveError::DiskFull => "disk_full",
        ArchiveError::UnknownAuthor { .. } => "unknown_author",
        ArchiveError::UnknownDocument { .. } => "unknown_document",
        ArchiveError::AmbiguousDocument { .. } => "ambiguous_document",
        ArchiveError::UnknownSource { .. } => "unknown_source",
        ArchiveError::ExcludedSource { .. } => "excluded_source",
        ArchiveError::OtherEncoder { .. } => "encoder",
        _ => "archive",
    }
}

fn ingest_code(error: &IngestError) -> &'static str {
    match error {
        IngestError::Missing { .. } => "missing_path",
        IngestError::Unreadable { .. } => "unreadable_path",
        IngestError::Empty { .. } => "empty_file",
        IngestError::NoDocuments { .. } => "no_documents",
        IngestError::UnknownFormat { .. } => "unknown_format",
        IngestError::MeRequired { .. } => "me_required",
        IngestError::NotMbox { .. } => "not_mbox",
        IngestError::NoTextColumn { .. } => "no_text_column",
        IngestError::FormatName(_) | IngestError::Mapping(_) => "usage",
    }
}

fn pipeline_code(error: &PipelineError) -> &'static str {
    match error {
        PipelineError::EmptyDraft => "empty_start",
        PipelineError::NoEncoder { .. }
        | PipelineError::OtherEncoder { .. }
        | PipelineError::Encoder(_) => "encoder",
        PipelineError::NoTokenizer { .. } | PipelineError::Model(_) => "model",
        PipelineError::Past(_) => "past",
    }
}

fn evaluation(error: &EvaluationError) -> (&'static str, &'static str) {
    match error {
        EvaluationError::Metric(_) => ("usage", "`idiolect score --help` lists the metrics"),
        EvaluationError::Lengths { .. } => (
            "different_lengths",
            "a prediction stands on the line of its reference; texts with line breaks are JSON strings",
        ),
        EvaluationError::NoPairs => ("nothing_to_score", "give files with a text a line"),
        EvaluationError::Row { .. } => ("unknown_row", "name one of the rows of this run"),
        EvaluationError::NothingInCommon => (
            "nothing_in_common",
            "measure both with the same examples, `--split`, `--limit` and `--seed`",
        ),
        EvaluationError::WordNetFile(_) | EvaluationError::WordNetLine { .. } => (
            "wordnet",
            "`--wordnet` names the folder of WordNet's database files, an LMF file, or `none`",
        ),
    }
}

fn endpoint(error: &EndpointError) -> (&'static str, Option<&'static str>) {
    match error {
        EndpointError::Address(_) => (
            "usage",
            Some(
                "an OpenAI-compatible address ends before `/chat/completions`: http://localhost:8080/v1",
            ),
        ),
        EndpointError::Key => (
            "usage",
            Some("the variable IDIOLECT_ENDPOINT_KEY holds the key and nothing else"),
        ),
        EndpointError::Refused { .. } => (
            "endpoint",
            Some("check `--endpoint`, `--endpoint-model` and the key in IDIOLECT_ENDPOINT_KEY"),
        ),
        EndpointError::GaveUp { .. } => (
            "endpoint",
            Some("answers that came are kept: the same command goes on from there"),
        ),
        EndpointError::Interrupted { .. } => ("interrupted", None),
        EndpointError::File(_) | EndpointError::Line { .. } => (
            "answers",
            Some("`--answers` names a file that `eval` wrote, or one that is not there yet"),
        ),
    }
}

fn past_hint(error: &PastError) -> Option<String> {
    let hint = match error {
        PastError::NoVectors | PastError::MixedEncoders | PastError::Dimensions { .. } => {
            "`idiolect rebuild` indexes everything with the encoder that `--encoder` names"
        }
        PastError::NoQueryVector => "choose an encoder, or a ranking without one: recent, doc-bm25",
        PastError::Stale { .. } | PastError::Segment(_) => {
            "`idiolect rebuild` makes the index anew from the documents"
        }
        PastError::Texts(source) | PastError::Vectors(source) => {
            return source
                .downcast_ref::<ArchiveError>()
                .and_then(ArchiveError::hint);
        }
        PastError::UnknownDocument { .. } | PastError::Encoder(_) => return None,
    };
    Some(hint.to_owned())
}

fn io_hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::NotFound => Some("check the path"),
        io::ErrorKind::IsADirectory => Some("name a file, not a folder"),
        io::ErrorKind::PermissionDenied => Some("check who may read and write there"),
        io::ErrorKind::StorageFull => Some("make room, then run the same command again"),
        _ => None,
    }
}
