//! JSON that is one large array, or lines of objects: an element in memory at a time.

use std::{
    cell::Cell,
    fmt,
    io::{self, BufRead, Read},
    ops::ControlFlow,
};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::{
    Reason,
    jsonl::LINE_MIB,
    lines::{Line, Lines},
    sink::{Outcome, Place, Sink},
};

/// What a reader makes of one element.
pub(crate) type Each<'f> = dyn FnMut(&mut Sink<'_>, Place, &Fields) -> ControlFlow<()> + 'f;

/// Hands over every element of an array of objects, or every object of JSON Lines; `head` tells which.
pub(crate) fn each_object(
    reader: &mut dyn BufRead,
    head: &[u8],
    sink: &mut Sink<'_>,
    each: &mut Each<'_>,
) -> ControlFlow<()> {
    let begun = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    if begun.starts_with(b"[") {
        each_element(reader, sink, each)
    } else {
        each_line(reader, sink, each)
    }
}

fn each_line(
    reader: &mut dyn BufRead,
    sink: &mut Sink<'_>,
    each: &mut Each<'_>,
) -> ControlFlow<()> {
    let mut lines = Lines::new(reader, LINE_MIB << 20);
    loop {
        let (number, object) = match lines.next() {
            Ok(None) => return ControlFlow::Continue(()),
            Ok(Some((_, Line::Whole(line)))) if line.trim_ascii().is_empty() => continue,
            Ok(Some((number, Line::Whole(line)))) => (number, object(line)),
            Ok(Some((number, Line::TooLong))) => (number, Err(Reason::TooLong { limit: LINE_MIB })),
            Err(error) => {
                let place = Place::Line(lines.number + 1);
                return sink.put(place, Outcome::Problem(Reason::Read(error)));
            }
        };
        let place = Place::Line(number);
        match object {
            Ok(fields) => each(sink, place, &fields)?,
            Err(reason) => sink.put(place, Outcome::Problem(reason))?,
        }
    }
}

fn object(line: &[u8]) -> Result<Fields, Reason> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) => Ok(Fields(fields)),
        Ok(_) => Err(Reason::NotAnObject),
        Err(_) if std::str::from_utf8(line).is_err() => Err(Reason::NotUtf8),
        Err(error) => Err(Reason::Json {
            column: error.column(),
        }),
    }
}

fn each_element(
    reader: &mut dyn BufRead,
    sink: &mut Sink<'_>,
    each: &mut Each<'_>,
) -> ControlFlow<()> {
    let budget = Cell::new(0);
    let mut flow = ControlFlow::Continue(());
    let mut number = 0;
    let mut bounded = Bounded::new(reader, &budget);
    // `[{…}, …]` behind a byte order mark.
    let mut json = serde_json::Deserializer::from_reader(&mut bounded);
    let elements = Elements {
        budget: &budget,
        each: &mut |value: Value| {
            number += 1;
            let place = Place::Item(number);
            flow = match value {
                Value::Object(fields) => each(sink, place, &Fields(fields)),
                _ => sink.put(place, Outcome::Problem(Reason::NotAnObject)),
            };
            flow
        },
    };
    let result = elements.deserialize(&mut json);
    end(result, flow, number, sink)
}

/// What broke off, unless it was the reader's wish.
pub(crate) fn end(
    result: Result<(), serde_json::Error>,
    flow: ControlFlow<()>,
    number: usize,
    sink: &mut Sink<'_>,
) -> ControlFlow<()> {
    flow?;
    let Err(error) = result else {
        return ControlFlow::Continue(());
    };
    let place = Place::Item(number + 1);
    let reason = match error.classify() {
        serde_json::error::Category::Io => Reason::Read(error.into()),
        serde_json::error::Category::Data => Reason::NotAnObject,
        _ => Reason::Json {
            column: error.column(),
        },
    };
    sink.put(place, Outcome::Problem(reason))
}

/// A reader that gives no more than so many bytes for one element.
pub(crate) struct Bounded<'a> {
    reader: &'a mut dyn BufRead,
    budget: &'a Cell<u64>,
    is_begun: bool,
}

/// The longest element, in bytes.
pub(crate) const ELEMENT_BYTES: u64 = (LINE_MIB as u64) << 20;

impl<'a> Bounded<'a> {
    pub(crate) fn new(reader: &'a mut dyn BufRead, budget: &'a Cell<u64>) -> Self {
        budget.set(ELEMENT_BYTES);
        Self {
            reader,
            budget,
            is_begun: false,
        }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !std::mem::replace(&mut self.is_begun, true) {
            let mark = crate::lines::BYTE_ORDER_MARK;
            if self.reader.fill_buf()?.starts_with(mark) {
                self.reader.consume(mark.len());
            }
        }
        let read = self.reader.read(buffer)?;
        match self.budget.get().checked_sub(read as u64) {
            Some(left) => self.budget.set(left),
            None => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    Reason::TooLong { limit: LINE_MIB },
                ));
            }
        }
        Ok(read)
    }
}

/// Hands over the elements of an array as they are read.
pub(crate) struct Elements<'a, F> {
    pub(crate) budget: &'a Cell<u64>,
    pub(crate) each: &'a mut F,
}

impl<'de, F: FnMut(Value) -> ControlFlow<()>> DeserializeSeed<'de> for Elements<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Value) -> ControlFlow<()>> Visitor<'de> for Elements<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(value) = elements.next_element::<Value>()? {
            self.budget.set(ELEMENT_BYTES);
            if (self.each)(value).is_break() {
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// Visits the fields of an object one after the other; `visit` must read each value.
pub(crate) struct Object<F>(pub(crate) F);

/// What became of a field's value.
pub(crate) trait Visit<'de> {
    fn visit<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

impl<'de, F: Visit<'de>> DeserializeSeed<'de> for Object<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: Visit<'de>> Visitor<'de> for Object<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if !self.0.visit(&name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The fields of one object.
#[derive(Debug, Clone)]
pub(crate) struct Fields(pub(crate) Map<String, Value>);

impl Fields {
    /// A text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
    }

    /// The first of several texts that is there.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A text, or a number as text.
    pub(crate) fn id(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A number, or a text of one.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        match self.0.get(name)? {
            Value::Object(fields) => Some(Self(fields.clone())),
            _ => None,
        }
    }
}
