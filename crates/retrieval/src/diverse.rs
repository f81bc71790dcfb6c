use std::collections::HashSet;

use idiolect_core::Ranked;

use crate::words;

/// Words in a shingle.
const SHINGLE: usize = 5;
/// Texts are near duplicates from this share of common shingles on.
const NEAR: f64 = 0.8;

/// Drops what says almost the same as something better ranked, and numbers the rest anew. Two texts
/// say almost the same if of all different sequences of five words that are in either, at least 0.8
/// are in both (Broder 1997: resemblance); a shorter text is one sequence. Words are those of
/// [`words`]; texts without any are all alike. `ranked` is best first.
pub fn diverse(ranked: Vec<Ranked>) -> Vec<Ranked> {
    let texts: Vec<Vec<String>> = ranked.iter().map(|one| words(&one.text)).collect();
    let mut kept: Vec<HashSet<&[String]>> = Vec::new();
    let is_new: Vec<bool> = texts
        .iter()
        .map(|words| {
            let shingles: HashSet<&[String]> = if words.len() < SHINGLE {
                HashSet::from([words.as_slice()])
            } else {
                words.windows(SHINGLE).collect()
            };
            let is_new = !kept.iter().any(|better| are_alike(better, &shingles));
            if is_new {
                kept.push(shingles);
            }
            is_new
        })
        .collect();
    let left = ranked.into_iter().zip(is_new).filter(|(_, is_new)| *is_new);
    left.zip(1..)
        .map(|((one, _), rank)| Ranked { rank, ..one })
        .collect()
}

fn are_alike(a: &HashSet<&[String]>, b: &HashSet<&[String]>) -> bool {
    let (smaller, greater) = if a.len() < b.len() { (a, b) } else { (b, a) };
    // The share is never greater than that of the sizes.
    if (smaller.len() as f64) < NEAR * greater.len() as f64 {
        return false;
    }
    let common = smaller.intersection(greater).count();
    common as f64 >= NEAR * (a.len() + b.len() - common) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts_left(texts: &[&str]) -> Vec<(usize, String)> {
        let ranked = |(text, rank): (&&str, usize)| Ranked {
            rank,
            score: 1.0 / rank as f32,
            document: format!("d{rank}"),
            author: "ana".to_owned(),
            date: None,
            title: None,
            snippet: None,
            span: 0..text.len(),
            text: (*text).to_owned(),
        };
        let left = diverse(texts.iter().zip(1..).map(ranked).collect());
        left.into_iter().map(|one| (one.rank, one.text)).collect()
    }

    #[test]
    fn what_was_said_better_already_is_dropped() {
        let a = "one two three four five six seven eight nine ten eleven twelve thirteen";
        let almost =
            "ONE, two three four five six seven eight nine ten eleven twelve thirteen more";
        let half = "one two three four five six seven; and then the rest is another thing";
        let left = texts_left(&[a, almost, half, "short", "Short!", "", "...", a]);
        let expected = [a, half, "short", ""];
        assert_eq!(
            left,
            expected
                .into_iter()
                .zip(1..)
                .map(|(text, rank)| (rank, text.to_owned()))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_share_is_of_all_sequences_and_includes_its_bound() {
        let words: Vec<String> = (0..14).map(|n| format!("w{n}")).collect();
        // Eight sequences of ten in common: those of twelve words, with one word more at both ends.
        let (a, b) = (words[1..13].join(" "), words[0..14].join(" "));
        assert_eq!(texts_left(&[&b, &a]).len(), 1);
        let c = words[2..13].join(" ");
        assert_eq!(texts_left(&[&b, &c]).len(), 2);
        assert_eq!(texts_left(&[]), []);
    }
}
