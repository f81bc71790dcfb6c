use std::{collections::BTreeMap, str::FromStr};

use jiff::Timestamp;

use crate::Error;

/// How to read, and what to keep.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the files are; by default told from their names and first bytes.
    pub format: Format,
    /// All documents are this author's, whatever the files say.
    pub author: Option<String>,
    /// Mail: the author's addresses; what others sent is left out.
    pub me: Vec<String>,
    /// JSON Lines: the name under which a field is found, where it is not the usual one.
    pub map: BTreeMap<Field, String>,
    /// Leave out what was written before this moment, or at an unknown one.
    pub since: Option<Timestamp>,
    /// Leave out what was written at or after this moment, or at an unknown one.
    pub until: Option<Timestamp>,
}

/// The formats that have a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Told from the name, else from the first bytes.
    #[default]
    Auto,
    /// One JSON object a line.
    Jsonl,
    /// Messages one behind the other, each after a line that begins with `From `.
    Mbox,
    /// Notes and posts, with or without front matter.
    Markdown,
}

impl Format {
    /// The names that [`FromStr`] reads.
    pub const NAMES: [&str; 4] = ["auto", "jsonl", "mbox", "markdown"];
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Ok(match name {
            "auto" => Self::Auto,
            "jsonl" => Self::Jsonl,
            "mbox" => Self::Mbox,
            "markdown" => Self::Markdown,
            _ => return Err(Error::FormatName(name.to_owned())),
        })
    }
}

/// The fields of a document that a JSON line may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// What the author wrote; the one field that is required.
    Text,
    /// Who wrote it: `author`, else `user`.
    Author,
    /// Unique per author: `id`, else `docid`.
    Id,
    /// RFC 3339 or `YYYY-MM-DD`.
    Date,
    /// Subject or headline.
    Title,
    /// What it is: `mail`, `post`, `note` and the like.
    Kind,
    /// The conversation it belongs to.
    Thread,
    /// To whom it was written.
    To,
    /// Position in the author's order where there is no date.
    N,
}

impl Field {
    /// The names that [`parse_mapping`] reads.
    pub const NAMES: [&str; 9] = [
        "text", "author", "id", "date", "title", "kind", "thread", "to", "n",
    ];

    pub(crate) const ALL: [Self; 9] = [
        Self::Text,
        Self::Author,
        Self::Id,
        Self::Date,
        Self::Title,
        Self::Kind,
        Self::Thread,
        Self::To,
        Self::N,
    ];

    /// The field's own name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The name it also goes by.
    pub(crate) fn alias(self) -> Option<&'static str> {
        match self {
            Self::Author => Some("user"),
            Self::Id => Some("docid"),
            _ => None,
        }
    }
}

/// Reads `FIELD=COLUMN`, one entry of [`Options::map`].
///
/// # Errors
/// [`Error::Mapping`] where there is no `=`, no column, or no such field.
pub fn parse_mapping(text: &str) -> Result<(Field, String), Error> {
    let wrong = || Error::Mapping(text.to_owned());
    let (name, column) = text.split_once('=').ok_or_else(wrong)?;
    let field = Field::ALL
        .into_iter()
        .find(|field| field.name() == name.trim())
        .ok_or_else(wrong)?;
    match column.trim() {
        "" => Err(wrong()),
        column => Ok((field, column.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_names_a_field_and_a_column() {
        assert_eq!(
            parse_mapping("text=body").unwrap(),
            (Field::Text, "body".to_owned())
        );
        for wrong in ["", "text", "text=", "=body", "words=body"] {
            assert!(matches!(parse_mapping(wrong), Err(Error::Mapping(text)) if text == wrong));
        }
    }

    #[test]
    fn every_name_is_read_back() {
        assert_eq!(Format::from_str("mbox").unwrap(), Format::Mbox);
        for name in Format::NAMES {
            Format::from_str(name).unwrap();
        }
        for (field, name) in Field::ALL.into_iter().zip(Field::NAMES) {
            assert_eq!(field.name(), name);
        }
        assert_eq!(
            Format::from_str("pst").unwrap_err().to_string(),
            "`pst` is not a format: use auto, jsonl, mbox, markdown"
        );
    }
}
