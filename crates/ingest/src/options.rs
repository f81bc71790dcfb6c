use std::{
    collections::{BTreeMap, HashMap},
    str::FromStr,
    sync::{Arc, atomic::AtomicU64},
};

use jiff::Timestamp;

use crate::{Error, Mark};

/// How to read, and what to keep.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the files are; by default told from their names and first bytes.
    pub format: Format,
    /// All documents are this author's, whatever the files say.
    pub author: Option<String>,
    /// The author's addresses, or names where there are no addresses; what others sent is left out.
    pub me: Vec<String>,
    /// JSON Lines, CSV: the name under which a field is found, where it is not the usual one.
    pub map: BTreeMap<Field, String>,
    /// Leave out what was written before this moment, or at an unknown one.
    pub since: Option<Timestamp>,
    /// Leave out what was written at or after this moment, or at an unknown one.
    pub until: Option<Timestamp>,
    /// Keep blocks of code, and patches in mails.
    pub keep_code: bool,
    /// Keep what is not published; its kind is `draft`.
    pub drafts: bool,
    /// Files read before, by the path that [`Item::Finished`](crate::Item::Finished) gave: what their
    /// marks cover is not read again where it is still the same. They hold only for the same options.
    pub known: HashMap<String, Mark>,
    /// Where to count what was read.
    pub progress: Option<Arc<Progress>>,
}

/// How far reading has come, for another part of the program to look at.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of files read, or found to be known.
    pub read: AtomicU64,
    /// Bytes that there are to read; 0 where that is not known.
    pub total: AtomicU64,
}

/// The formats that have a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Told from the name, else from the first bytes.
    #[default]
    Auto,
    /// One JSON object a line.
    Jsonl,
    /// A table with a line of names first; commas, semicolons or tabs.
    Csv,
    /// Messages one behind the other, each after a line that begins with `From `.
    Mbox,
    /// A folder with `cur` and `new`, a file a message.
    Maildir,
    /// A file a message.
    Eml,
    /// A file a message, as Apple Mail keeps it.
    Emlx,
    /// Notes and posts, with or without front matter.
    Markdown,
    /// A page.
    Html,
    /// Word.
    Docx,
    /// LibreOffice.
    Odt,
    /// A file a document.
    Text,
    /// One's own data as Reddit gives it (`comments.csv`, `posts.csv`), or lines of Pushshift's.
    Reddit,
    /// Reviews: JSON Lines of 2014, 2018 and 2023, and the older tables.
    Amazon,
    /// Questions of LaMP and LongLaMP: each profile is an author's past.
    Lamp,
    /// `result.json`.
    Telegram,
    /// `_chat.txt`.
    Whatsapp,
    /// An export of a workspace.
    Slack,
    /// `tweets.js`.
    X,
    /// An export with `posts.csv`.
    Substack,
    /// An export with a page a post.
    Medium,
    /// WXR, the export of a blog as XML.
    Wordpress,
    /// Items as the interface gives them: an array, or one a line.
    Hackernews,
    /// An archive of other files.
    Zip,
}

impl Format {
    /// The names that [`FromStr`] reads.
    pub const NAMES: [&str; 24] = [
        "auto",
        "jsonl",
        "csv",
        "mbox",
        "maildir",
        "eml",
        "emlx",
        "markdown",
        "html",
        "docx",
        "odt",
        "text",
        "reddit",
        "amazon",
        "lamp",
        "telegram",
        "whatsapp",
        "slack",
        "x",
        "substack",
        "medium",
        "wordpress",
        "hackernews",
        "zip",
    ];

    const ALL: [Self; 24] = [
        Self::Auto,
        Self::Jsonl,
        Self::Csv,
        Self::Mbox,
        Self::Maildir,
        Self::Eml,
        Self::Emlx,
        Self::Markdown,
        Self::Html,
        Self::Docx,
        Self::Odt,
        Self::Text,
        Self::Reddit,
        Self::Amazon,
        Self::Lamp,
        Self::Telegram,
        Self::Whatsapp,
        Self::Slack,
        Self::X,
        Self::Substack,
        Self::Medium,
        Self::Wordpress,
        Self::Hackernews,
        Self::Zip,
    ];

    /// Its own name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Error::FormatName(name.to_owned()))
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
            assert_eq!(Format::from_str(name).unwrap().name(), name);
        }
        for (field, name) in Field::ALL.into_iter().zip(Field::NAMES) {
            assert_eq!(field.name(), name);
        }
        assert_eq!(
            Format::from_str("pst").unwrap_err().to_string(),
            format!("`pst` is not a format: use {}", Format::NAMES.join(", "))
        );
    }
}
