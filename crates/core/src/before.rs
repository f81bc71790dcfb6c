use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, parse_date};

/// How far the past reaches. There is no default: every look into the past names its moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Before {
    /// Everything stored.
    Now,
    /// What its author wrote before this document, the document itself left out. For an author
    /// none of whose documents is dated, this cuts at the document's place in their order.
    Document(String),
    /// What is dated earlier than this; a document at exactly this time is not the past.
    Time(Timestamp),
}

impl FromStr for Before {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("doc:") {
            Some("") => Err(Error::EmptyDocumentId),
            Some(id) => Ok(Self::Document(id.to_owned())),
            None if text == "now" => Ok(Self::Now),
            None => parse_date(text).map(Self::Time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_forms() {
        assert_eq!("doc:x:1".parse(), Ok(Before::Document("x:1".into())));
        assert_eq!("now".parse(), Ok(Before::Now));
        assert_eq!(
            "2001-01-01".parse(),
            Ok(Before::Time(parse_date("2001-01-01").unwrap()))
        );
        assert_eq!("doc:".parse::<Before>(), Err(Error::EmptyDocumentId));
        assert_eq!(
            "soon".parse::<Before>().unwrap_err().to_string(),
            "`soon` is not a time: use RFC 3339 or YYYY-MM-DD"
        );
    }
}
