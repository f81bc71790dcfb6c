use idiolect_core::{Encoder, EncoderError, Ranked, Span, snippets, span_as_pair};
use serde::{Deserialize, Serialize};

use super::products::products;

/// How long a summary label may be, in tokens of the model that learns it; the rest is cut when
/// the label becomes a target.
pub const SUMMARY_LABEL_TOKENS: usize = 512;

/// A snippet and its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// Id of its document.
    pub document: String,
    /// Bytes of the document's content.
    pub span: Span,
    /// Exactly the content at `span`.
    pub text: String,
    /// Of length 1, or all zeros.
    pub vector: Vec<f32>,
}

/// A past snippet in a summary label, and the target's snippet that chose it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelSnippet {
    /// Id of the past document.
    pub document: String,
    /// Bytes of its content.
    #[serde(with = "span_as_pair")]
    pub span: Span,
    /// Bytes of the target.
    #[serde(with = "span_as_pair")]
    pub target_span: Span,
    /// Cosine of the two.
    pub score: f32,
}

/// What a summarizer should have said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SummaryLabel {
    /// Join(L_t): the chosen snippets in the order of the target, white space around each removed,
    /// one space between them.
    pub text: String,
    /// L_t.
    pub snippets: Vec<LabelSnippet>,
}

/// The SumCtx label: for each snippet of the target, in order, the past snippet most like it that
/// is not chosen yet (paper §4.3). Where two are equally alike, the earlier candidate is taken; when
/// all are taken, the label ends.
pub fn summary_label(target: &[Embedded], candidates: &[&Embedded]) -> SummaryLabel {
    let rows: Vec<&[f32]> = target.iter().map(|one| one.vector.as_slice()).collect();
    let columns: Vec<&[f32]> = candidates.iter().map(|one| one.vector.as_slice()).collect();
    let cosines = products(&rows, &columns);
    let mut taken = vec![false; candidates.len()];
    let mut label = SummaryLabel::default();
    for (snippet, cosines) in target.iter().zip(cosines.chunks(candidates.len().max(1))) {
        let free = cosines
            .iter()
            .enumerate()
            .filter(|&(place, _)| !taken[place]);
        let best = free.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((place, &score)) = best else { break };
        taken[place] = true;
        let chosen = candidates[place];
        if !label.text.is_empty() {
            label.text.push(' ');
        }
        label.text.push_str(chosen.text.trim());
        label.snippets.push(LabelSnippet {
            document: chosen.document.clone(),
            span: chosen.span.clone(),
            target_span: snippet.span.clone(),
            score,
        });
    }
    label
}

/// All snippets of a document's content with their embeddings; those of nothing but white space
/// are left out.
///
/// # Errors
/// Whatever keeps the encoder from running.
pub fn embed_snippets(
    document: &str,
    content: &str,
    encoder: &dyn Encoder,
) -> Result<Vec<Embedded>, EncoderError> {
    let mut spans = snippets(content);
    spans.retain(|span| !content[span.clone()].trim().is_empty());
    let texts: Vec<&str> = spans.iter().map(|span| &content[span.clone()]).collect();
    let vectors = encoder.embed(&texts)?;
    let embedded = |(span, vector): (Span, Vec<f32>)| Embedded {
        document: document.to_owned(),
        text: content[span.clone()].to_owned(),
        span,
        vector,
    };
    Ok(spans.into_iter().zip(vectors).map(embedded).collect())
}

/// The snippets of one ranked entry that may stand in a label, out of all those of its document:
/// those that lie at least partly in the past passages, with their full span. `shown` are the bytes
/// of the document that models see.
pub fn candidates<'a>(
    entry: &Ranked,
    shown: &Span,
    snippets: &'a [Embedded],
) -> impl Iterator<Item = &'a Embedded> {
    let (entry, shown) = (entry.span.clone(), shown.clone());
    snippets.iter().filter(move |snippet| {
        let span = &snippet.span;
        !shown.is_empty()
            && span.start < shown.end
            && shown.start < span.end
            && span.start < entry.end
            && entry.start < span.end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(document: &str, start: usize, text: &str, vector: [f32; 2]) -> Embedded {
        Embedded {
            document: document.to_owned(),
            span: start..start + text.len(),
            text: text.to_owned(),
            vector: vector.to_vec(),
        }
    }

    #[test]
    fn each_target_snippet_takes_the_best_that_is_left() {
        let target = [
            embedded("t", 0, "One. ", [1.0, 0.0]),
            embedded("t", 5, "Two. ", [0.8, 0.6]),
            embedded("t", 10, "Three. ", [0.0, 1.0]),
            embedded("t", 17, "Four. ", [1.0, 0.0]),
        ];
        let past = [
            embedded("p", 0, "Far. ", [0.0, -1.0]),
            embedded("p", 5, " Near.\n", [0.6, 0.8]),
            embedded("q", 0, "Same.", [1.0, 0.0]),
        ];
        let label = summary_label(&target, &past.iter().collect::<Vec<_>>());
        assert_eq!(label.text, "Same. Near. Far.");
        let chosen: Vec<_> = label
            .snippets
            .iter()
            .map(|s| {
                (
                    s.document.as_str(),
                    s.span.clone(),
                    s.target_span.clone(),
                    s.score,
                )
            })
            .collect();
        assert_eq!(
            chosen,
            [
                ("q", 0..5, 0..5, 1.0),
                ("p", 5..12, 5..10, 0.8 * 0.6 + 0.6 * 0.8),
                ("p", 0..5, 10..17, -1.0),
            ]
        );
    }

    #[test]
    fn nothing_past_makes_an_empty_label() {
        let target = [embedded("t", 0, "One.", [1.0, 0.0])];
        assert_eq!(summary_label(&target, &[]), SummaryLabel::default());
    }

    #[test]
    fn candidates_are_shown_at_least_in_part() {
        let snippets = [
            embedded("p", 0, "aaaaa", [1.0, 0.0]),
            embedded("p", 5, "bbbbb", [1.0, 0.0]),
            embedded("p", 10, "ccccc", [1.0, 0.0]),
        ];
        let mut entry = Ranked {
            rank: 1,
            score: 1.0,
            document: "p".into(),
            author: "ana".into(),
            date: None,
            title: None,
            snippet: None,
            span: 0..15,
            text: "aaaaabbbbbccccc".into(),
        };
        let texts = |entry: &Ranked, shown: Span| -> Vec<String> {
            candidates(entry, &shown, &snippets)
                .map(|s| s.text.clone())
                .collect()
        };
        assert_eq!(texts(&entry, 0..6), ["aaaaa", "bbbbb"]);
        assert_eq!(texts(&entry, 0..5), ["aaaaa"]);
        assert_eq!(texts(&entry, 3..3), Vec::<String>::new());
        entry.span = 5..10;
        assert_eq!(texts(&entry, 5..7), ["bbbbb"]);
    }
}
