//! JSON Lines: one object a line, its text and title stored as they are.

use std::{fmt, io::BufRead, ops::ControlFlow};

use idiolect_core::{Document, parse_date};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::{
    Field, Options, Reason, SkipReason, Stats,
    lines::{Line, Lines},
    sink::{Outcome, Place, Sink},
};

/// The longest line that is held in memory, in MiB.
pub(crate) const LINE_MIB: usize = 64;

/// Reads every line as one document; blank lines are no items.
pub(crate) fn read(reader: &mut dyn BufRead, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let columns = Columns::of(sink.options);
    let mut lines = Lines::behind(reader, LINE_MIB << 20, sink.lines_before);
    loop {
        let (number, outcome) = match lines.next() {
            Ok(None) => {
                sink.lines_before = lines.number;
                return ControlFlow::Continue(());
            }
            Ok(Some((_, Line::Whole(line)))) if line.trim_ascii().is_empty() => continue,
            Ok(Some((number, Line::Whole(line)))) => {
                let outcome = document(line, &columns, sink.options, &mut sink.stats);
                (number, outcome.unwrap_or_else(Outcome::Problem))
            }
            Ok(Some((number, Line::TooLong))) => (
                number,
                Outcome::Problem(Reason::TooLong { limit: LINE_MIB }),
            ),
            Err(error) => {
                let number = lines.number + 1;
                return sink.put(Place::Line(number), Outcome::Problem(Reason::Read(error)));
            }
        };
        sink.put(Place::Line(number), outcome)?;
    }
}

fn document(
    line: &[u8],
    columns: &Columns,
    options: &Options,
    stats: &mut Stats,
) -> Result<Outcome, Reason> {
    let line = std::str::from_utf8(line.trim_ascii_end()).map_err(|_| Reason::NotUtf8)?;
    let mut json = serde_json::Deserializer::from_str(line);
    let mut record = RecordSeed { columns, stats }
        .deserialize(&mut json)
        .and_then(|record| json.end().map(|()| record))
        .map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Reason::NotAnObject,
            _ => Reason::Json {
                column: error.column(),
            },
        })?;

    let text = record.string(Field::Text)?.ok_or(Reason::MissingField {
        column: columns.name(Field::Text),
    })?;
    let date = match record.string(Field::Date)? {
        Some(date) => Some(parse_date(&date).map_err(|_| Reason::Date {
            column: columns.name(Field::Date),
        })?),
        None => None,
    };
    let author = record.string_or_number(Field::Author)?;
    let document = Document {
        id: record.string_or_number(Field::Id)?.unwrap_or_default(),
        author: options
            .author
            .clone()
            .or(author)
            .filter(|author| !author.trim().is_empty())
            .ok_or(Reason::MissingAuthor)?,
        date,
        n: record.integer(Field::N)?,
        title: record
            .string(Field::Title)?
            .filter(|title| !title.is_empty()),
        text,
        kind: record.string(Field::Kind)?,
        thread: record.string_or_number(Field::Thread)?,
        to: record.string(Field::To)?,
    };
    Ok(if document.text.trim().is_empty() {
        Outcome::Skipped(SkipReason::EmptyText)
    } else {
        Outcome::Document(Box::new(document))
    })
}

/// Under which names the fields stand in the file.
struct Columns(Vec<Column>);

struct Column {
    name: String,
    field: Field,
    /// A second name, which counts only where the first is not there.
    is_alias: bool,
}

impl Columns {
    fn of(options: &Options) -> Self {
        let mut columns = Vec::new();
        for field in Field::ALL {
            let mapped = options.map.get(&field);
            columns.push(Column {
                name: mapped.map_or_else(|| field.name().to_owned(), Clone::clone),
                field,
                is_alias: false,
            });
            if let (Some(alias), None) = (field.alias(), mapped) {
                columns.push(Column {
                    name: alias.to_owned(),
                    field,
                    is_alias: true,
                });
            }
        }
        // A column that the user mapped is no other field any more.
        let mapped: Vec<&String> = options.map.values().collect();
        columns.retain(|column| {
            options.map.contains_key(&column.field) || !mapped.contains(&&column.name)
        });
        Self(columns)
    }

    fn find(&self, name: &str) -> Option<&Column> {
        self.0.iter().find(|column| column.name == name)
    }

    fn name(&self, field: Field) -> String {
        self.0
            .iter()
            .find(|column| column.field == field)
            .map_or_else(|| field.name().to_owned(), |column| column.name.clone())
    }
}

/// The fields of one line that a document has.
#[derive(Default)]
struct Record {
    found: Vec<Found>,
}

struct Found {
    field: Field,
    column: String,
    is_alias: bool,
    value: Value,
}

impl Record {
    /// A field that is there and not null; the proper name goes before the alias, the later of two
    /// equal names before the earlier.
    fn take(&mut self, field: Field) -> Option<Found> {
        let mut best: Option<Found> = None;
        while let Some(i) = self.found.iter().position(|found| found.field == field) {
            let found = self.found.remove(i);
            if best.as_ref().is_none_or(|best| best.is_alias) || !found.is_alias {
                best = Some(found);
            }
        }
        best
    }

    fn string(&mut self, field: Field) -> Result<Option<String>, Reason> {
        self.read(field, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// Names and ids are often given as bare numbers.
    fn string_or_number(&mut self, field: Field) -> Result<Option<String>, Reason> {
        self.read(field, "a string or a number", |value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    fn integer(&mut self, field: Field) -> Result<Option<i64>, Reason> {
        self.read(field, "an integer", |value| value.as_i64())
    }

    fn read<T>(
        &mut self,
        field: Field,
        expected: &'static str,
        convert: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, Reason> {
        let Some(Found { column, value, .. }) = self.take(field) else {
            return Ok(None);
        };
        convert(value)
            .map(Some)
            .ok_or(Reason::WrongType { column, expected })
    }
}

/// Reads an object, keeps what a document has and counts the rest by name.
struct RecordSeed<'a> {
    columns: &'a Columns,
    stats: &'a mut Stats,
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = Record;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Record, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_> {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut record = Record::default();
        while let Some(name) = map.next_key::<String>()? {
            let Some(column) = self.columns.find(&name) else {
                self.stats.ignore(&name);
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value()?;
            if value != Value::Null {
                record.found.push(Found {
                    field: column.field,
                    column: name,
                    is_alias: column.is_alias,
                    value,
                });
            }
        }
        Ok(record)
    }
}
