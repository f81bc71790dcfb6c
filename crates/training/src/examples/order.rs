use std::collections::HashSet;

use idiolect_core::Document;

/// An author's documents in time order, and how many of them are visible from each.
pub(super) struct InOrder {
    pub(super) documents: Vec<Document>,
    /// For each document, how many of the first documents are dated earlier than it. None where
    /// only others are dated: such a document has no past.
    pub(super) earlier: Vec<usize>,
}

/// Puts documents in time order: by date; where none is dated, by `n`, then as they come. Of
/// documents with one content only the first stays (paper §5).
pub(super) fn in_order(documents: Vec<Document>) -> InOrder {
    let documents = without_copies(documents);
    let dated = documents.iter().any(|document| document.date.is_some());
    let mut earlier: Vec<usize> = Vec::with_capacity(documents.len());
    for (i, document) in documents.iter().enumerate() {
        earlier.push(match (document.date, i.checked_sub(1)) {
            (Some(date), Some(before)) if documents[before].date == Some(date) => earlier[before],
            (None, _) if dated => 0,
            _ => i,
        });
    }
    InOrder { documents, earlier }
}

/// Time order, and of documents with one content only the first.
pub(crate) fn without_copies(mut documents: Vec<Document>) -> Vec<Document> {
    documents.sort_by_key(|document| {
        (
            document.date.is_none(),
            document.date,
            document.n.is_none(),
            document.n,
        )
    });
    let mut seen: HashSet<String> = HashSet::with_capacity(documents.len());
    documents.retain(|document| seen.insert(document.content().into_owned()));
    documents
}

#[cfg(test)]
mod tests {
    use idiolect_core::parse_date;

    use super::*;

    fn document(id: &str, date: &str, n: Option<i64>) -> Document {
        Document {
            id: id.to_owned(),
            date: parse_date(date).ok(),
            n,
            ..Document::new("ana", "", &format!("text of {id}"))
        }
    }

    fn summary(documents: Vec<Document>) -> Vec<(String, usize)> {
        let order = in_order(documents);
        let ids = order.documents.into_iter().map(|document| document.id);
        ids.zip(order.earlier).collect()
    }

    #[test]
    fn documents_of_one_moment_do_not_see_each_other() {
        let found = summary(vec![
            document("c", "2011-01-02", None),
            document("a", "2011-01-01", None),
            document("d", "2011-01-03", None),
            document("b", "2011-01-02", None),
            document("e", "", Some(1)),
        ]);
        let expected = [("a", 0), ("c", 1), ("b", 1), ("d", 3), ("e", 0)];
        assert_eq!(
            found,
            expected.map(|(id, earlier)| (id.to_owned(), earlier))
        );
    }

    #[test]
    fn without_dates_the_place_counts() {
        let found = summary(vec![
            document("x", "", None),
            document("b", "", Some(2)),
            document("a", "", Some(1)),
        ]);
        let expected = [("a", 0), ("b", 1), ("x", 2)];
        assert_eq!(
            found,
            expected.map(|(id, earlier)| (id.to_owned(), earlier))
        );
    }

    #[test]
    fn of_copies_the_first_stays() {
        let mut copy = document("copy", "2011-01-03", None);
        copy.text = "text of a".into();
        let found = summary(vec![copy, document("a", "2011-01-01", None)]);
        assert_eq!(found, [("a".to_owned(), 0)]);
    }
}
