//! Questions of LaMP and LongLaMP: the profile of each is the past of an author.

use std::{io::BufRead, ops::ControlFlow};

use idiolect_core::Document;
use serde_json::Value;

use crate::{
    Reason, SkipReason, dates,
    json::{self, Fields},
    sink::{Outcome, Place, Sink},
};

/// Reads every entry of every profile as one document of the question's author.
pub(crate) fn read(reader: &mut dyn BufRead, head: &[u8], sink: &mut Sink<'_>) -> ControlFlow<()> {
    json::each_object(reader, head, sink, &mut question)
}

fn question(sink: &mut Sink<'_>, place: Place, fields: &Fields) -> ControlFlow<()> {
    let names = [
        "user_id",
        "reviewerId",
        "reviewerID",
        "author",
        "name",
        "id",
    ];
    let Some(author) = names.iter().find_map(|name| fields.id(name)) else {
        let column = "id".to_owned();
        return sink.put(place, Outcome::Problem(Reason::MissingField { column }));
    };
    let Some(Value::Array(profile)) = fields.0.get("profile") else {
        let column = "profile".to_owned();
        return sink.put(place, Outcome::Problem(Reason::MissingField { column }));
    };
    let author = sink.options.author.clone().unwrap_or(author);
    for (n, entry) in profile.iter().enumerate() {
        let outcome = match entry {
            Value::Object(entry) => document(&Fields(entry.clone()), &author, n),
            _ => Outcome::Problem(Reason::NotAnObject),
        };
        sink.put(place, outcome)?;
    }
    ControlFlow::Continue(())
}

fn document(entry: &Fields, author: &str, n: usize) -> Outcome {
    let texts = [
        "text",
        "abstract",
        "content",
        "reviewText",
        "description",
        "review",
        "body",
    ];
    let Some(text) = entry.first(&texts) else {
        return Outcome::Skipped(SkipReason::EmptyText);
    };
    // The answer of LaMP 4 and 5 is the title, that of the others no part of the text.
    let title = entry.first(&["title", "headline", "summary"]);
    let year = || {
        let year: i16 = entry.id("year")?.parse().ok()?;
        dates::moment(&format!("{year:04}-01-01"))
    };
    Outcome::Document(Box::new(Document {
        id: entry.id("id").unwrap_or_default(),
        author: author.to_owned(),
        date: entry.text("date").and_then(dates::moment).or_else(year),
        n: Some(n as i64),
        title: title.filter(|title| *title != text).map(str::to_owned),
        text: text.to_owned(),
        kind: Some("profile".to_owned()),
        thread: None,
        to: None,
    }))
}
