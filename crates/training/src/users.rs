//! What the baseline UserID learns from (paper §5): which snippet comes next, told only who writes,
//! in the documents that are never a target.

use std::collections::{BTreeSet, HashSet};

use idiolect_core::{Document, snippets};
use serde::{Deserialize, Serialize};

use crate::examples::without_copies;

/// Two snippets of one document, one behind the other: a line of `users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextSnippet {
    /// Who wrote them.
    pub author: String,
    /// In which document.
    pub document: String,
    /// The one before.
    pub snippet: String,
    /// The one to be written.
    pub next: String,
}

/// All pairs of neighbours in an author's documents, but for the documents in `targets` and all
/// that say exactly the same as one of them, whichever of the copies was the target.
pub fn next_snippets(documents: Vec<Document>, targets: &BTreeSet<String>) -> Vec<NextSnippet> {
    let held_back: HashSet<String> = documents
        .iter()
        .filter(|document| targets.contains(&document.id))
        .map(|document| document.content().into_owned())
        .collect();
    let mut found = Vec::new();
    for document in without_copies(documents) {
        let content = document.content();
        if held_back.contains(&*content) {
            continue;
        }
        let spans = snippets(&content);
        for pair in spans.windows(2) {
            let text = |at: usize| content[pair[at].clone()].to_owned();
            found.push(NextSnippet {
                author: document.author.clone(),
                document: document.id.clone(),
                snippet: text(0),
                next: text(1),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(id: &str, word: &str) -> Document {
        let sentence = format!("The {word} stood in the rain behind the house, as it always had. ");
        Document {
            id: id.to_owned(),
            ..Document::new("ana", "", &sentence.repeat(9))
        }
    }

    #[test]
    fn no_snippet_of_a_target_is_learned() {
        let documents = vec![
            document("1", "heron"),
            document("2", "cow"),
            document("3", "cow"),
            document("4", "bridge"),
        ];
        let targets = BTreeSet::from(["3".to_owned()]);
        let found = next_snippets(documents, &targets);
        let of: Vec<&str> = found.iter().map(|one| one.document.as_str()).collect();
        assert_eq!(of, ["1", "1", "4", "4"]);
        assert!(found.iter().all(|one| one.author == "ana"));
        assert!(!found.iter().any(|one| one.next.contains("cow")));
        assert_eq!(found[0].next, found[1].snippet);
    }
}
