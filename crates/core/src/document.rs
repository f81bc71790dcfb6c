use std::borrow::Cow;

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Something one person wrote: a mail, a post, a note, a review (paper §3: d_t).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Unique per author.
    pub id: String,
    /// Who wrote it.
    pub author: String,
    /// When it was written; `None` where the source does not say.
    pub date: Option<Timestamp>,
    /// Position in the author's order where there is no date.
    pub n: Option<i64>,
    /// Subject or headline.
    pub title: Option<String>,
    /// The author's own words.
    pub text: String,
    /// What it is: `mail`, `post`, `note` and the like.
    pub kind: Option<String>,
    /// The conversation it belongs to.
    pub thread: Option<String>,
    /// To whom it was written.
    pub to: Option<String>,
}

impl Document {
    /// A document with no more than author, title and text; its id is empty, as before an import.
    /// An empty title counts as none.
    pub fn new(author: &str, title: &str, text: &str) -> Self {
        Self {
            id: String::new(),
            author: author.to_owned(),
            date: None,
            n: None,
            title: (!title.is_empty()).then(|| title.to_owned()),
            text: text.to_owned(),
            kind: None,
            thread: None,
            to: None,
        }
    }

    /// Title, line break and text; the text alone where there is no title (paper §2.1). Snippets,
    /// spans, contexts, labels and targets all refer to this string.
    pub fn content(&self) -> Cow<'_, str> {
        match self.title.as_deref() {
            Some(title) if !title.is_empty() => Cow::Owned(format!("{title}\n{}", self.text)),
            _ => Cow::Borrowed(&self.text),
        }
    }
}

/// Reads RFC 3339, or `YYYY-MM-DD` as that day's start in UTC.
///
/// # Errors
/// [`Error::Time`] for anything else.
pub fn parse_date(text: &str) -> Result<Timestamp, Error> {
    let wrong = || Error::Time(text.to_owned());
    if text.len() == 10 {
        let day: civil::Date = text.parse().map_err(|_| wrong())?;
        return day
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|start| start.timestamp())
            .map_err(|_| wrong());
    }
    text.parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_start_in_utc() {
        assert_eq!(
            parse_date("2011-03-04").unwrap().to_string(),
            "2011-03-04T00:00:00Z"
        );
        assert_eq!(
            parse_date("2011-03-04T05:06:07+01:00").unwrap().to_string(),
            "2011-03-04T04:06:07Z"
        );
        for wrong in ["", "yesterday", "2011-13-04", "2011-3-4", "20110304"] {
            assert_eq!(parse_date(wrong), Err(Error::Time(wrong.to_owned())));
        }
    }

    #[test]
    fn content_has_the_title_only_where_there_is_one() {
        assert_eq!(Document::new("a", "", "b").content(), "b");
        assert_eq!(Document::new("a", "t", "b").content(), "t\nb");
    }
}
