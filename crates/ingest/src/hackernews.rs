//! Hacker News: items as its interface gives them, or as its search does.

use std::{io::BufRead, ops::ControlFlow};

use idiolect_core::Document;

use crate::{
    Reason, SkipReason, dates,
    html::{self, Quoted},
    json::{self, Fields},
    quotes::own_words,
    sink::{Outcome, Sink, apart},
};

/// Reads every item as one document of its writer.
pub(crate) fn read(reader: &mut dyn BufRead, head: &[u8], sink: &mut Sink<'_>) -> ControlFlow<()> {
    json::each_object(reader, head, sink, &mut |sink, place, fields| {
        let outcome = outcome(fields, sink);
        sink.put(place, outcome.into())
    })
}

fn outcome(fields: &Fields, sink: &Sink<'_>) -> Result<Outcome, Reason> {
    if fields.is_true("deleted") || fields.is_true("dead") {
        return Ok(Outcome::Skipped(SkipReason::Deleted));
    }
    let writer = fields
        .first(&["by", "author"])
        .ok_or(Reason::MissingField {
            column: "by".to_owned(),
        })?;
    let names = sink.own_names();
    if !names.is_empty() && !names.contains(&writer.to_lowercase()) {
        return Ok(Outcome::Skipped(SkipReason::OtherSender));
    }
    let Some(html) = fields.first(&["text", "comment_text", "story_text"]) else {
        // A link that was passed on.
        return Ok(Outcome::Skipped(SkipReason::NoText));
    };
    // Its paragraphs are begun and never ended.
    let original = html::text(&html.replace("<p>", "<br><br>"), Quoted::Marked);
    let own = own_words(&original, sink.options.keep_code);
    let text = own.text(&original);
    if text.is_empty() {
        return Ok(Outcome::Skipped(SkipReason::EmptyText));
    }
    let id = fields.id("id").or_else(|| fields.id("objectID"));
    let is_comment =
        fields.text("type") == Some("comment") || fields.0.contains_key("comment_text");
    let parent = fields.id("story_id").or_else(|| fields.id("parent"));
    let document = Document {
        id: apart("hn", id.as_deref().unwrap_or_default()),
        author: sink
            .options
            .author
            .clone()
            .unwrap_or_else(|| writer.to_owned()),
        date: fields
            .number("time")
            .and_then(dates::epoch)
            .or_else(|| fields.text("created_at").and_then(dates::moment)),
        n: None,
        title: fields.text("title").map(str::to_owned),
        text,
        kind: Some(if is_comment { "comment" } else { "post" }.to_owned()),
        thread: parent.or(id),
        to: None,
    };
    Ok(Outcome::Reduced(Box::new(document), original, own.removed))
}
