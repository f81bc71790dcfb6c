use serde::{Deserialize, Serialize};

use crate::first_characters;

/// K of paper §3: how many characters of a document's content are its immediate context.
pub const IMMEDIATE_CONTEXT_CHARACTERS: usize = 150;

/// The start of the document being written, x_t of paper §3: the first 150 characters of its
/// content. The same string is the query for retrieval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImmediateContext(String);

impl ImmediateContext {
    /// The immediate context of a content, however long that is.
    pub fn of(content: &str) -> Self {
        Self(first_characters(content, IMMEDIATE_CONTEXT_CHARACTERS).to_owned())
    }

    /// At most 150 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the immediate context in `content` (evaluation: the continuation).
    pub fn continuation(content: &str) -> &str {
        &content[first_characters(content, IMMEDIATE_CONTEXT_CHARACTERS).len()..]
    }
}
