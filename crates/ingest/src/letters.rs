//! What stands under one mail after the other: signatures without a mark, disclaimers, the footers of
//! lists. An end that the author's mails share is learned from them as they go by; a mail waits until
//! some more have been seen.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use idiolect_core::Document;

use crate::{
    Removed, RemovedReason, SkipReason,
    quotes::{Kept, OwnWords},
    sink::Outcome,
};

/// A mail before its end is looked at.
#[derive(Debug)]
pub(crate) struct Letter {
    /// All but the text.
    pub(crate) document: Document,
    /// The whole text of the mail.
    pub(crate) body: String,
    pub(crate) own: OwnWords,
}

/// How often each end of a mail was seen, by its hash.
#[derive(Default)]
pub(crate) struct Letters {
    counts: HashMap<u64, u32>,
}

/// An end that this many mails share was not typed each time.
const REPEATED: u32 = 4;

/// How long an end may be.
const END_LINES: usize = 40;
const END_BYTES: usize = 6_000;

/// How many ends are told apart at once; then those seen once are forgotten.
const MOST_ENDS: usize = 200_000;

/// How many ends a mark keeps.
const MOST_LEARNED: usize = 500;

impl Letters {
    /// How many mails wait for those behind them, and of how many bytes.
    pub(crate) const MOST: usize = 256;
    pub(crate) const MOST_BYTES: usize = 8 << 20;

    /// Counts the ends of a mail.
    pub(crate) fn learn(&mut self, letter: &Letter) {
        if self.counts.len() > MOST_ENDS {
            self.counts.retain(|_, count| *count > 1);
            if self.counts.len() > MOST_ENDS {
                self.counts.clear();
            }
        }
        for hash in ends(letter) {
            let count = self.counts.entry(hash).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Takes over what an earlier import learned.
    pub(crate) fn remember(&mut self, learned: &[(u64, u32)]) {
        for (hash, count) in learned {
            let known = self.counts.entry(*hash).or_default();
            *known = (*known).max(*count);
        }
    }

    /// What a later import should know.
    pub(crate) fn learned(&self) -> Vec<(u64, u32)> {
        let mut learned: Vec<(u64, u32)> = self
            .counts
            .iter()
            .filter(|(_, count)| **count >= REPEATED)
            .map(|(hash, count)| (*hash, *count))
            .collect();
        learned.sort_unstable_by_key(|(hash, count)| (std::cmp::Reverse(*count), *hash));
        learned.truncate(MOST_LEARNED);
        learned
    }

    /// The document that a mail is, without an end that is none of its own.
    pub(crate) fn open(&self, letter: Letter) -> Outcome {
        let repeated = ends(&letter)
            .take_while(|hash| {
                self.counts
                    .get(hash)
                    .is_some_and(|count| *count >= REPEATED)
            })
            .count();
        let Letter {
            mut document,
            body,
            mut own,
        } = letter;
        cut(&mut own, &body, repeated);
        let text = own.text(&body);
        if text.is_empty() {
            return Outcome::Skipped(SkipReason::EmptyText);
        }
        document.text = text;
        Outcome::Reduced(Box::new(document), body, own.removed)
    }
}

/// Hashes of the last line, the last two, and so on.
fn ends(letter: &Letter) -> impl Iterator<Item = u64> {
    let mut hash = 0_u64;
    let mut bytes = 0;
    letter
        .own
        .kept
        .iter()
        .rev()
        .take(END_LINES)
        .map_while(move |kept| {
            let line = letter.body[kept.span.clone()].trim();
            bytes += line.len();
            let mut hasher = DefaultHasher::new();
            (hash, line).hash(&mut hasher);
            hash = hasher.finish();
            (bytes <= END_BYTES).then_some(hash)
        })
}

/// Takes the end off the author's lines, where it is one that a program added: not `Bye, Ana`, which
/// people write again and again, but an address, a number, a warning.
fn cut(own: &mut OwnWords, body: &str, repeated: usize) {
    let first = own.kept.len() - repeated;
    let line = |kept: &Kept| body[kept.span.clone()].trim();
    let mut at = first;
    while at < own.kept.len() {
        let end = (at + 1..own.kept.len())
            .find(|next| own.kept[*next].after_gap)
            .unwrap_or(own.kept.len());
        // In the middle of a paragraph only the part that is always the same is looked at.
        let mut start = at;
        if is_greeting(line(&own.kept[start])) {
            start += 1;
            if start < end && is_name(line(&own.kept[start])) {
                start += 1;
            }
        }
        let lines: Vec<&str> = own.kept[start..end].iter().map(line).collect();
        if is_added(&lines) {
            let taken = own.kept.split_off(start);
            take_out(own, body, &taken);
            return;
        }
        at = end;
    }
}

fn take_out(own: &mut OwnWords, body: &str, taken: &[Kept]) {
    for (i, kept) in taken.iter().enumerate() {
        let begins = i == 0 || kept.after_gap;
        match own.removed.last_mut() {
            Some(last) if !begins && last.span.end <= kept.span.start => {
                last.span.end = kept.span.end;
            }
            _ => {
                let paragraph = taken[i..]
                    .iter()
                    .enumerate()
                    .take_while(|(j, next)| *j == 0 || !next.after_gap)
                    .map(|(_, next)| &body[next.span.clone()]);
                let reason = reason(&paragraph.collect::<Vec<_>>().join(" "));
                own.removed.push(Removed {
                    span: kept.span.clone(),
                    reason,
                });
            }
        }
    }
    own.removed.sort_by_key(|removed| removed.span.start);
}

/// `Best regards,`.
fn is_greeting(line: &str) -> bool {
    line.len() <= 40 && line.ends_with([',', '!', '-', '–', '—']) && !has_contact(line)
}

/// `Ana`, `Ana Böhm`.
fn is_name(line: &str) -> bool {
    line.split_whitespace().count() <= 3 && line.len() <= 40 && !has_contact(line)
}

/// Whether lines that end many mails alike were put there by a program.
fn is_added(lines: &[&str]) -> bool {
    const TYPED_BYTES: usize = 200;
    const TYPED_LINES: usize = 4;
    lines.len() >= TYPED_LINES
        || lines.iter().map(|line| line.len()).sum::<usize>() > TYPED_BYTES
        || lines.iter().any(|line| has_contact(line))
}

/// An address, a link, a telephone number.
fn has_contact(line: &str) -> bool {
    let digits = line.bytes().filter(u8::is_ascii_digit).count();
    digits >= 6
        || line.contains('@')
        || line.contains(" | ")
        || line.contains("://")
        || line.contains("www.")
}

fn reason(paragraph: &str) -> RemovedReason {
    const LISTS: [&str; 4] = ["mailing list", "unsubscribe", "abmelden", "désabonner"];
    const DISCLAIMERS: [&str; 16] = [
        "confidential",
        "privileged",
        "intended recipient",
        "disclaimer",
        "unauthori",
        "vertraulich",
        "confidentiel",
        "confidencial",
        "riservat",
        "vertrouwelijk",
        "poufn",
        "конфиденциальн",
        "保密",
        "機密",
        "gizli",
        "environment before printing",
    ];
    let paragraph = paragraph.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| paragraph.contains(word));
    if has(&LISTS) {
        RemovedReason::Footer
    } else if has(&DISCLAIMERS) {
        RemovedReason::Disclaimer
    } else {
        RemovedReason::Signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quotes::own_words;

    fn letter(body: &str) -> Letter {
        Letter {
            document: Document::new("ana", "", ""),
            body: body.to_owned(),
            own: own_words(body, false),
        }
    }

    /// The texts of mails, and what was taken out of the first of them.
    fn opened(bodies: &[String]) -> (Vec<String>, Vec<(String, RemovedReason)>) {
        let mut letters = Letters::default();
        for body in bodies {
            letters.learn(&letter(body));
        }
        let mut removed_of_first = None;
        let texts = bodies.iter().map(|body| match letters.open(letter(body)) {
            Outcome::Reduced(document, body, removed) => {
                removed_of_first.get_or_insert_with(|| {
                    let told = removed
                        .iter()
                        .map(|one| (body[one.span.clone()].to_owned(), one.reason));
                    told.collect()
                });
                document.text
            }
            _ => String::new(),
        });
        (texts.collect(), removed_of_first.unwrap_or_default())
    }

    fn mails(end: &str) -> Vec<String> {
        (0..5)
            .map(|i| format!("Mail number {i}.\n\n{end}\n"))
            .collect()
    }

    #[test]
    fn an_end_that_mails_share_is_a_signature_where_it_has_an_address() {
        let (texts, removed) = opened(&mails(
            "Best,\nAna Böhm\nHarbour Ltd\n+49 30 123456\n\nThis mail is confidential and meant\nfor its reader.",
        ));
        assert_eq!(texts[0], "Mail number 0.\n\nBest,\nAna Böhm");
        assert_eq!(
            removed,
            [
                (
                    "Harbour Ltd\n+49 30 123456".to_owned(),
                    RemovedReason::Signature
                ),
                (
                    "This mail is confidential and meant\nfor its reader.".to_owned(),
                    RemovedReason::Disclaimer
                )
            ]
        );
        let (texts, removed) = opened(&mails("Boats mailing list\nboats@example.org"));
        assert_eq!(texts[4], "Mail number 4.");
        assert_eq!(removed[0].1, RemovedReason::Footer);
    }

    #[test]
    fn what_people_write_again_and_again_stays() {
        for end in [
            "Bye,\nAna",
            "Thanks!",
            "See you soon\nAna",
            "Love,\nAna\n\nPS: write soon",
        ] {
            let (texts, removed) = opened(&mails(end));
            assert_eq!(texts[2], format!("Mail number 2.\n\n{end}"));
            assert!(removed.is_empty());
        }
    }

    #[test]
    fn three_mails_alike_teach_nothing_and_a_mail_of_nothing_else_is_empty() {
        let end = "Ana Böhm\nana@example.org";
        let (texts, _) = opened(&mails(end)[..3]);
        assert!(texts[0].ends_with(end));
        let (texts, _) = opened(&vec![end.to_owned(); 4]);
        assert_eq!(texts[0], "");
    }

    #[test]
    fn what_was_learned_is_remembered() {
        let mut letters = Letters::default();
        let bodies = mails("Ana Böhm\nana@example.org");
        for body in &bodies {
            letters.learn(&letter(body));
        }
        let mut later = Letters::default();
        later.remember(&letters.learned());
        assert_eq!(letters.learned().len(), 2);
        let Outcome::Reduced(document, ..) =
            later.open(letter("New.\n\nAna Böhm\nana@example.org"))
        else {
            panic!("a document");
        };
        assert_eq!(document.text, "New.");
    }
}
