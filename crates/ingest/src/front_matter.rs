//! The block of data before the text of a note or post: YAML between lines of `---`, TOML between lines
//! of `+++`, or a JSON object.

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::{Reason, dates::moment};

/// What a note says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FrontMatter {
    pub(crate) id: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) date: Option<Timestamp>,
    pub(crate) is_draft: bool,
}

/// What is wrong with it, and on which line of the file where that is known.
pub(crate) type Fault = (Option<usize>, Reason);

/// Takes the front matter from the start of a note: what it says, and the text behind it.
pub(crate) fn split(note: &str) -> Result<(FrontMatter, &str), Fault> {
    let Some((language, block, text)) = block(note) else {
        return Ok((FrontMatter::default(), note));
    };
    let fields = match language {
        Language::Yaml => match yaml(block)? {
            Some(fields) => fields,
            // Prose between two rulers.
            None => return Ok((FrontMatter::default(), note)),
        },
        Language::Toml => toml(block)?,
        Language::Json => match serde_json::from_str(block) {
            Ok(fields) => fields,
            Err(_) => return Ok((FrontMatter::default(), note)),
        },
    };
    let date = match ["date", "created", "published", "publishDate", "pubDate"]
        .iter()
        .find_map(|name| fields.get(*name).filter(|value| !value.is_boolean()))
    {
        None | Some(Value::Null) => None,
        Some(value) => Some(scalar(value).as_deref().and_then(moment).ok_or_else(|| {
            let column = "date".to_owned();
            (None, Reason::Date { column })
        })?),
    };
    let front_matter = FrontMatter {
        id: fields.get("id").and_then(scalar),
        title: fields.get("title").and_then(scalar),
        author: fields
            .get("author")
            .or_else(|| fields.get("authors"))
            .and_then(name),
        date,
        is_draft: fields.get("draft") == Some(&Value::Bool(true))
            || fields.get("published") == Some(&Value::Bool(false))
            || fields.get("publish") == Some(&Value::Bool(false))
            || fields.get("status").and_then(Value::as_str) == Some("draft"),
    };
    Ok((front_matter, text))
}

#[derive(Clone, Copy)]
enum Language {
    Yaml,
    Toml,
    Json,
}

/// The block between its two marks, and what stands behind the second.
fn block(note: &str) -> Option<(Language, &str, &str)> {
    let (first, rest) = note.split_once('\n')?;
    if first.starts_with('{') {
        return json_block(note);
    }
    let (language, ends): (_, &[&str]) = match first.trim_end() {
        "---" => (Language::Yaml, &["---", "..."]),
        "+++" => (Language::Toml, &["+++"]),
        _ => return None,
    };
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if ends.contains(&line.trim_end()) {
            return Some((language, &rest[..end], &rest[end + line.len()..]));
        }
        end += line.len();
    }
    None
}

/// Hugo's JSON: an object at the very start, and a line break behind it.
fn json_block(note: &str) -> Option<(Language, &str, &str)> {
    let mut objects = serde_json::Deserializer::from_str(note).into_iter::<IgnoredAny>();
    objects.next()?.ok()?;
    let (block, rest) = note.split_at(objects.byte_offset());
    let rest = rest.trim_start_matches([' ', '\t', '\r']);
    Some((Language::Json, block, rest.strip_prefix('\n')?))
}

/// The fields; `None` where the block is a mere piece of text.
fn yaml(block: &str) -> Result<Option<Map<String, Value>>, Fault> {
    if block.trim().is_empty() {
        return Ok(Some(Map::new()));
    }
    match serde_saphyr::from_str(block) {
        Ok(Value::Object(fields)) => Ok(Some(fields)),
        Ok(Value::Null) => Ok(Some(Map::new())),
        Ok(_) => Ok(None),
        Err(error) => {
            let line = error.location().map(|at| at.line() as usize + 1);
            Err((line, Reason::FrontMatter { language: "YAML" }))
        }
    }
}

fn toml(block: &str) -> Result<Map<String, Value>, Fault> {
    let table: toml::Table = toml::from_str(block).map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .and_then(|span| block.get(..span.start))
            .map(|before| before.matches('\n').count() + 2);
        (line, Reason::FrontMatter { language: "TOML" })
    })?;
    let plain = |value: toml::Value| match value {
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        value => serde_json::to_value(value).unwrap_or(Value::Null),
    };
    Ok(table
        .into_iter()
        .map(|(name, value)| (name, plain(value)))
        .collect())
}

/// Text and numbers as text.
fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A name, the first of several, or the `name` in an object.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::Array(names) => names.first().and_then(name),
        Value::Object(fields) => fields.get("name").and_then(scalar),
        value => scalar(value),
    }
}

#[cfg(test)]
mod tests {
    use idiolect_core::parse_date;

    use super::*;

    #[test]
    fn yaml_and_toml_say_the_same() {
        let expected = FrontMatter {
            id: None,
            title: Some("A walk".to_owned()),
            author: Some("Ana".to_owned()),
            date: Some(parse_date("2011-03-04").unwrap()),
            is_draft: true,
        };
        let yaml = "---\ntitle: A walk\ndate: 2011-03-04\nauthor: Ana\ndraft: true\ntags: [a, b]\n---\nText.\n";
        let toml = "+++\r\ntitle = 'A walk'\r\ndate = 2011-03-04\r\nauthors = ['Ana', 'Ben']\r\ndraft = true\r\n+++\r\nText.\n";
        assert_eq!(split(yaml).unwrap(), (expected, "Text.\n"));
        assert_eq!(split(toml).unwrap(), split(yaml).unwrap());
        let json = "{\n  \"title\": \"A walk\",\n  \"date\": \"2011-03-04\",\n  \"author\": \"Ana\",\n  \"draft\": true\n}\nText.\n";
        assert_eq!(split(json).unwrap(), split(yaml).unwrap());
    }

    #[test]
    fn a_block_that_does_not_end_or_is_prose_is_text() {
        for note in [
            "---\ntitle: x\n",
            "---\n\nA thought.\n\n---\n\nAnother.\n",
            "Text.",
            "",
            "---",
            "{curly} words\nText.",
            "{\"a\": 1} and more\nText.",
        ] {
            assert_eq!(split(note).unwrap(), (FrontMatter::default(), note));
        }
        assert_eq!(
            split("---\n---\nText.").unwrap(),
            (FrontMatter::default(), "Text.")
        );
    }

    #[test]
    fn what_is_broken_is_told_with_its_line_and_without_its_text() {
        let (line, reason) = split("---\ntitle: x\nsecret: [a\n---\n").unwrap_err();
        assert!(line.is_some_and(|line| line > 2), "{line:?}");
        assert_eq!(reason.to_string(), "the front matter is not valid YAML");
        let (line, reason) = split("+++\ntitle = 'x'\nsecret = \n+++\n").unwrap_err();
        assert_eq!(line, Some(3));
        assert_eq!(reason.to_string(), "the front matter is not valid TOML");
        let (_, reason) = split("---\ndate: someday\n---\n").unwrap_err();
        assert_eq!(
            reason.to_string(),
            "`date` is neither RFC 3339 nor YYYY-MM-DD"
        );
    }

    #[test]
    fn odd_values_are_read_or_left_out() {
        let note = "---\ntitle: 1984\nauthor:\n  name: Ana\npublished: false\ndate:\n---\n";
        let (found, _) = split(note).unwrap();
        assert_eq!(found.title.as_deref(), Some("1984"));
        assert_eq!(found.author.as_deref(), Some("Ana"));
        assert_eq!((found.is_draft, found.date), (true, None));
    }
}
