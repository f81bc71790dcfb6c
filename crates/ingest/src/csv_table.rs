//! Tables with a line of names first. Commas, semicolons, tabs or bars, in any encoding.

use std::{cell::Cell, io::BufRead, ops::ControlFlow};

use csv::StringRecord;
use encoding_rs_io::DecodeReaderBytesBuilder;
use idiolect_core::Document;

use crate::{
    Error, Field, Options, Reason, SkipReason, charset, dates,
    json::{Bounded, ELEMENT_BYTES},
    sink::{Outcome, Place, Sink},
};

/// Reads every row as one document; columns go by the names of a document's fields, or by those that
/// `--map` gives.
///
/// # Errors
/// [`Error::NoTextColumn`] where no column holds the text.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let wanted: Vec<(Field, Vec<String>)> = Field::ALL
        .into_iter()
        .map(|field| (field, names(field, sink.options)))
        .collect();
    let mut columns: Option<Vec<(Field, usize)>> = None;
    let mut is_counted = false;
    let mut lacks_text = false;
    let flow = each_row(reader, sink, &mut |sink, place, row| {
        let columns = columns.get_or_insert_with(|| {
            let found = wanted.iter().filter_map(|(field, names)| {
                let at = names.iter().find_map(|name| row.position(name))?;
                Some((*field, at))
            });
            found.collect()
        });
        if !columns.iter().any(|(field, _)| *field == Field::Text) {
            lacks_text = true;
            return ControlFlow::Break(());
        }
        if !std::mem::replace(&mut is_counted, true) {
            for (at, name) in row.names.iter().enumerate() {
                if !columns.iter().any(|(_, used)| *used == at) {
                    sink.stats.ignore(name);
                }
            }
        }
        let outcome = document(row, columns, sink.options);
        sink.put(place, outcome.into())
    })?;
    if lacks_text {
        return Err(Error::NoTextColumn {
            path: sink.source.clone(),
        });
    }
    Ok(flow)
}

/// Under which names a field may stand, the first one before the others.
fn names(field: Field, options: &Options) -> Vec<String> {
    match options.map.get(&field) {
        Some(mapped) => vec![mapped.clone()],
        None => std::iter::once(field.name())
            .chain(field.alias())
            .map(str::to_owned)
            .collect(),
    }
}

fn document(
    row: &Row<'_>,
    columns: &[(Field, usize)],
    options: &Options,
) -> Result<Outcome, Reason> {
    let get = |wanted: Field| {
        let (_, at) = columns.iter().find(|(field, _)| *field == wanted)?;
        row.record.get(*at).filter(|value| !value.trim().is_empty())
    };
    let column = |field: Field| names(field, options).swap_remove(0);
    let Some(text) = get(Field::Text) else {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    };
    let date = match get(Field::Date) {
        Some(date) => Some(dates::moment(date).ok_or_else(|| Reason::UnknownDate {
            column: column(Field::Date),
        })?),
        None => None,
    };
    let n = match get(Field::N) {
        Some(n) => Some(n.trim().parse().map_err(|_| Reason::WrongType {
            column: column(Field::N),
            expected: "an integer",
        })?),
        None => None,
    };
    let owned = |field| get(field).map(str::to_owned);
    Ok(Outcome::Document(Box::new(Document {
        id: owned(Field::Id).unwrap_or_default(),
        author: options
            .author
            .clone()
            .or_else(|| owned(Field::Author))
            .ok_or(Reason::MissingAuthor)?,
        date,
        n,
        title: owned(Field::Title),
        text: text.to_owned(),
        kind: owned(Field::Kind),
        thread: owned(Field::Thread),
        to: owned(Field::To),
    })))
}

/// One row, its cells by the names of their columns.
pub(crate) struct Row<'a> {
    pub(crate) names: &'a StringRecord,
    record: &'a StringRecord,
}

impl Row<'_> {
    /// What is in a column; `None` where it is blank.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let at = self.position(name)?;
        self.record.get(at).filter(|value| !value.trim().is_empty())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names
            .iter()
            .position(|column| column.trim().eq_ignore_ascii_case(name.trim()))
    }
}

/// What a reader makes of one row.
pub(crate) type Each<'f> = dyn FnMut(&mut Sink<'_>, Place, &Row<'_>) -> ControlFlow<()> + 'f;

/// Hands over every row behind the first.
///
/// # Errors
/// [`Error::Unreadable`] where not even the first line can be read.
pub(crate) fn each_row(
    reader: &mut dyn BufRead,
    sink: &mut Sink<'_>,
    each: &mut Each<'_>,
) -> Result<ControlFlow<()>, Error> {
    let unreadable = |source: std::io::Error| crate::read::unreadable(&sink.source, source);
    let head = reader.fill_buf().map_err(unreadable)?;
    let encoding = charset::sniff(head);
    let first =
        String::from_utf8_lossy(head.split(|byte| *byte == b'\n').next().unwrap_or_default())
            .into_owned();
    let delimiter = [b',', b'\t', b';', b'|']
        .into_iter()
        .max_by_key(|sign| {
            let count = first.bytes().filter(|byte| byte == sign).count();
            (count, std::cmp::Reverse(*sign == b'|'))
        })
        .unwrap_or(b',');
    // Amazon's tables quote nothing, and have lone quotation marks in them.
    let quotes = !(delimiter == b'\t' && first.contains("review_body"));
    let budget = Cell::new(0);
    let decoder = DecodeReaderBytesBuilder::new()
        .encoding(Some(encoding))
        .build(Bounded::new(reader, &budget));
    let mut table = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(quotes)
        .flexible(true)
        .from_reader(decoder);
    let names = match table.headers() {
        Ok(names) => names.clone(),
        Err(error) => return Ok(sink.put(Place::Line(1), Outcome::Problem(reason(error)))),
    };
    let mut record = StringRecord::new();
    loop {
        budget.set(ELEMENT_BYTES);
        let line = table.position().line() as usize;
        match table.read_record(&mut record) {
            Ok(false) => return Ok(ControlFlow::Continue(())),
            Ok(true) => {
                let place = Place::Line(record.position().map_or(line, |at| at.line() as usize));
                let row = Row {
                    names: &names,
                    record: &record,
                };
                if each(sink, place, &row).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Err(error) => {
                let is_end = matches!(error.kind(), csv::ErrorKind::Io(_));
                let flow = sink.put(Place::Line(line), Outcome::Problem(reason(error)));
                if flow.is_break() || is_end {
                    return Ok(flow);
                }
            }
        }
    }
}

fn reason(error: csv::Error) -> Reason {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Reason::Read(error),
        csv::ErrorKind::Utf8 { .. } => Reason::NotUtf8,
        _ => Reason::Row {
            reason: "it does not fit the table",
        },
    }
}
