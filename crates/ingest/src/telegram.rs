//! Telegram: `result.json`, of one chat or of all.

use std::{cell::Cell, io::BufRead, ops::ControlFlow};

use idiolect_core::Document;
use serde::de::{DeserializeSeed, MapAccess};
use serde_json::Value;

use crate::{
    Error, Reason, Removed, RemovedReason, SkipReason, dates,
    json::{self, Bounded, Elements, Fields, Object, Visit},
    sink::{Outcome, Place, Sink},
};

/// Reads every message as one item.
///
/// # Errors
/// [`Error::MeRequired`] where neither the user nor the export says who the user is.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let budget = Cell::new(0);
    let mut bounded = Bounded::new(reader, &budget);
    let mut json = serde_json::Deserializer::from_reader(&mut bounded);
    let mut export = Export {
        sink,
        budget: &budget,
        chat: String::new(),
        chat_id: String::new(),
        number: 0,
        flow: ControlFlow::Continue(()),
        is_anonymous: false,
    };
    let result = Object(&mut export).deserialize(&mut json);
    let (flow, number) = (export.flow, export.number);
    if export.is_anonymous {
        return Err(Error::MeRequired {
            path: sink.source.clone(),
        });
    }
    Ok(json::end(result, flow, number, sink))
}

struct Export<'a, 'b> {
    sink: &'a mut Sink<'b>,
    budget: &'a Cell<u64>,
    /// Name and number of the chat that the messages are in.
    chat: String,
    chat_id: String,
    number: usize,
    flow: ControlFlow<()>,
    /// Nobody said whose messages to keep.
    is_anonymous: bool,
}

impl<'de> Visit<'de> for &mut Export<'_, '_> {
    /// Fields of the export, of `chats` and of a chat alike: none of them means two things.
    fn visit<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "personal_information" => {
                if let Value::Object(person) = map.next_value::<Value>()? {
                    self.person(&Fields(person));
                }
            }
            "chats" | "left_chats" => map.next_value_seed(Object(&mut **self))?,
            "list" => map.next_value_seed(Chats(self))?,
            "name" => self.chat = map.next_value::<Option<String>>()?.unwrap_or_default(),
            "id" => {
                self.chat_id = match map.next_value::<Value>()? {
                    Value::Number(number) => number.to_string(),
                    Value::String(text) => text,
                    _ => String::new(),
                };
            }
            "messages" => {
                let budget = self.budget;
                map.next_value_seed(Elements {
                    budget,
                    each: &mut |value| self.message(value),
                })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The chats of a whole export.
struct Chats<'a, 'b, 'c>(&'a mut Export<'b, 'c>);

impl<'de> DeserializeSeed<'de> for Chats<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Chats<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of chats")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut chats: A) -> Result<(), A::Error> {
        while chats.next_element_seed(Object(&mut *self.0))?.is_some() {
            self.0.chat.clear();
            self.0.chat_id.clear();
        }
        Ok(())
    }
}

impl Export<'_, '_> {
    fn person(&mut self, person: &Fields) {
        let owner = &mut self.sink.owner;
        if let Some(id) = person.id("user_id") {
            owner.ids.push(format!("user{id}"));
        }
        let names: Vec<&str> = ["first_name", "last_name"]
            .iter()
            .filter_map(|name| person.text(name))
            .collect();
        owner.name = (!names.is_empty()).then(|| names.join(" "));
    }

    fn message(&mut self, value: Value) -> ControlFlow<()> {
        self.number += 1;
        let names = self.sink.own_names();
        if names.is_empty() {
            self.is_anonymous = true;
            return ControlFlow::Break(());
        }
        let outcome = match value {
            Value::Object(fields) => self.outcome(&Fields(fields), &names),
            _ => Outcome::Problem(Reason::NotAnObject),
        };
        self.flow = self.sink.put(Place::Item(self.number), outcome);
        self.flow
    }

    fn outcome(&self, message: &Fields, names: &[String]) -> Outcome {
        if message.text("type") != Some("message") {
            return Outcome::Skipped(SkipReason::NoText);
        }
        let is_mine = ["from_id", "from"].iter().any(|field| {
            message.text(field).is_some_and(|name| {
                let name = name.to_lowercase();
                names
                    .iter()
                    .any(|me| *me == name || format!("user{me}") == name)
            })
        });
        if !is_mine {
            return Outcome::Skipped(SkipReason::OtherSender);
        }
        if message.0.contains_key("forwarded_from") {
            return Outcome::Skipped(SkipReason::Forward);
        }
        let (original, removed) = whole(message.0.get("text"), self.sink.options.keep_code);
        let text = without(&original, &removed);
        if text.is_empty() {
            return Outcome::Skipped(if original.trim().is_empty() {
                SkipReason::NoText
            } else {
                SkipReason::EmptyText
            });
        }
        let Some(author) = self.sink.own_author() else {
            return Outcome::Problem(Reason::MissingAuthor);
        };
        // The time of day in `date` is that of a place that is not named.
        let date = message
            .number("date_unixtime")
            .and_then(dates::epoch)
            .or_else(|| message.text("date").and_then(dates::moment));
        let document = Document {
            id: format!("{}-{}", self.chat_id, message.id("id").unwrap_or_default()),
            author,
            date,
            n: None,
            title: None,
            text,
            kind: Some("chat".to_owned()),
            thread: (!self.chat_id.is_empty()).then(|| self.chat_id.clone()),
            to: (!self.chat.is_empty()).then(|| self.chat.clone()),
        };
        Outcome::Reduced(Box::new(document), original, removed)
    }
}

/// The text of a message, which is a text or a row of texts and objects, and what in it is code or a
/// quotation.
fn whole(text: Option<&Value>, keep_code: bool) -> (String, Vec<Removed>) {
    let mut whole = String::new();
    let mut removed = Vec::new();
    match text {
        Some(Value::String(text)) => whole.push_str(text),
        Some(Value::Array(parts)) => {
            for part in parts {
                let start = whole.len();
                match part {
                    Value::String(text) => whole.push_str(text),
                    Value::Object(entity) => {
                        let field = |name| entity.get(name).and_then(Value::as_str);
                        whole.push_str(field("text").unwrap_or_default());
                        let reason = match field("type") {
                            Some("blockquote") => Some(RemovedReason::Quote),
                            Some("pre") if !keep_code => Some(RemovedReason::Code),
                            _ => None,
                        };
                        if let Some(reason) = reason {
                            removed.push(Removed {
                                span: start..whole.len(),
                                reason,
                            });
                        }
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    (whole, removed)
}

/// A text without parts of it.
pub(crate) fn without(whole: &str, removed: &[Removed]) -> String {
    let mut text = String::with_capacity(whole.len());
    let mut at = 0;
    for one in removed {
        text.push_str(whole[at..one.span.start].trim_end());
        text.push('\n');
        at = one.span.end;
    }
    text.push_str(if removed.is_empty() {
        whole
    } else {
        whole[at..].trim_start()
    });
    text.trim().to_owned()
}
