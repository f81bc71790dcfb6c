//! Amazon reviews: JSON Lines of 2023, of 2014 and 2018, and the older tables.

use std::{io::BufRead, ops::ControlFlow};

use idiolect_core::Document;

use crate::{
    Error, Reason, SkipReason,
    csv_table::{self, Row},
    dates,
    html::{self, Quoted},
    json::{self, Fields},
    sink::{Outcome, Sink},
};

/// Reads every review as one document of its writer.
///
/// # Errors
/// Where a table has no line of names.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    head: &[u8],
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let begun = head.trim_ascii_start();
    if begun.starts_with(b"{") || begun.starts_with(b"[") {
        return Ok(json::each_object(
            reader,
            head,
            sink,
            &mut |sink, place, fields| {
                let outcome = line(fields, sink);
                sink.put(place, outcome.into())
            },
        ));
    }
    csv_table::each_row(reader, sink, &mut |sink, place, row| {
        let outcome = table_row(row, sink);
        sink.put(place, outcome.into())
    })
}

fn line(fields: &Fields, sink: &Sink<'_>) -> Result<Outcome, Reason> {
    let user = fields
        .first(&["user_id", "reviewerID"])
        .ok_or(Reason::MissingField {
            column: "user_id".to_owned(),
        })?;
    let product = fields.first(&["parent_asin", "asin"]).unwrap_or_default();
    let seconds = fields
        .number("timestamp")
        .or_else(|| fields.number("sort_timestamp"))
        .or_else(|| fields.number("unixReviewTime"));
    Ok(review(
        Review {
            id: format!("{product}-{}", seconds.unwrap_or_default()),
            user,
            product,
            title: fields.first(&["title", "summary"]),
            text: fields.first(&["text", "reviewText"]),
            date: seconds.and_then(dates::epoch),
        },
        sink,
    ))
}

fn table_row(row: &Row<'_>, sink: &Sink<'_>) -> Result<Outcome, Reason> {
    let user = row.get("customer_id").ok_or(Reason::MissingField {
        column: "customer_id".to_owned(),
    })?;
    Ok(review(
        Review {
            id: row.get("review_id").unwrap_or_default().to_owned(),
            user,
            product: row.get("product_id").unwrap_or_default(),
            title: row.get("review_headline"),
            text: row.get("review_body"),
            date: row.get("review_date").and_then(dates::moment),
        },
        sink,
    ))
}

struct Review<'a> {
    id: String,
    user: &'a str,
    product: &'a str,
    title: Option<&'a str>,
    text: Option<&'a str>,
    date: Option<jiff::Timestamp>,
}

fn review(review: Review<'_>, sink: &Sink<'_>) -> Outcome {
    let names = sink.own_names();
    if !names.is_empty() && !names.contains(&review.user.to_lowercase()) {
        return Outcome::Skipped(SkipReason::OtherSender);
    }
    let text = review.text.map(plain).unwrap_or_default();
    if text.is_empty() {
        return Outcome::Skipped(SkipReason::EmptyText);
    }
    Outcome::Document(Box::new(Document {
        id: review.id,
        author: sink
            .options
            .author
            .clone()
            .unwrap_or_else(|| review.user.to_owned()),
        date: review.date,
        n: None,
        title: review.title.map(plain).filter(|title| !title.is_empty()),
        text,
        kind: Some("review".to_owned()),
        thread: None,
        to: (!review.product.is_empty()).then(|| review.product.to_owned()),
    }))
}

/// Reviews have `<br />` and entities in them.
fn plain(text: &str) -> String {
    if text.contains(['<', '&']) {
        html::text(text, Quoted::Dropped).trim().to_owned()
    } else {
        text.trim().to_owned()
    }
}
