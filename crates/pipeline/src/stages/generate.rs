use std::ops::ControlFlow;
use std::time::Instant;

use idiolect_core::{FinishReason, last_characters, sentences};
use idiolect_models::{Asked, Seq2Seq, Tokenizer};

use super::tokenizer;
use crate::{Error, Plan, Request, Source};

/// Decoding is forced through so many tokens of what is written at most, the last ones: work grows
/// with their square, and a model makes nothing of more.
const FORCED_TOKENS: usize = 1024;

/// No token stands for more characters than this on average, so that a long draft need not be
/// tokenized whole.
const CHARACTERS_A_TOKEN: usize = 16;

/// Of the tokens that may be written, one in so many, the last ones, are held back until their
/// sentence ends, so that a text that is cut for its length does not stop in the middle of one.
const HELD_BACK_ONE_IN: usize = 4;
/// But no more than these: whoever reads along does not want to wait.
const MOST_HELD_BACK: usize = 64;

/// What the generator wrote.
pub(crate) struct Written {
    /// What was given to `on_text`, as a whole.
    pub(crate) text: String,
    pub(crate) finish_reason: FinishReason,
    /// Tokens generated after everything that was given.
    pub(crate) tokens: usize,
    /// When the first of them came.
    pub(crate) first_token: Option<Instant>,
}

/// d'_t: decoding is forced through title and start, and goes on from there (paper §4.5); where
/// that is very long, through its end.
/// `on_text` gets the start (unless only the target is wanted), then each new piece of text, and
/// ends the writing by a `Break`.
pub(crate) fn generate(
    model: &Seq2Seq,
    plan: &Plan,
    request: &Request,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written, Error> {
    let tokenizer = tokenizer(model)?;
    let decode = |ids: &[u32]| tokenizer.decode(ids);
    // A space at the very end belongs to the next word's token.
    let given = request.content();
    let given = last_characters(
        given.trim_end_matches([' ', '\t']),
        FORCED_TOKENS * CHARACTERS_A_TOKEN,
    );
    let mut forced = tokenizer.encode(given);
    forced.drain(..forced.len().saturating_sub(FORCED_TOKENS));
    let after_space = request.start.is_empty() || request.start.ends_with(char::is_whitespace);
    let mut stream = Stream::new(&decode, forced.clone(), after_space);
    let mut written = Written {
        text: String::new(),
        finish_reason: FinishReason::Interrupted,
        tokens: 0,
        first_token: None,
    };
    if !request.target_only {
        written.text.push_str(&request.start);
        if on_text(&request.start).is_break() {
            return Ok(written);
        }
    }

    let mut decoding = request.decoding.clone();
    if let Some(words) = request.words {
        decoding.min_tokens = decoding
            .min_tokens
            .max(least(words))
            .min(decoding.max_tokens);
    }
    decoding.forbidden.extend(labels(tokenizer, &forced));
    let held_from =
        decoding.max_tokens - (decoding.max_tokens / HELD_BACK_ONE_IN).min(MOST_HELD_BACK);
    let mut held = String::new();
    // Whether what was handed out ends with a sentence.
    let mut whole_sentence = false;
    let mut ended = None;
    let asked = Asked {
        ids: plan.input.ids.clone(),
        own: plan.own.clone(),
    };
    let generated = model.generate(asked, &forced, &decoding, &mut |id| {
        written.tokens += 1;
        written.first_token.get_or_insert_with(Instant::now);
        held.push_str(&stream.push(id));
        if let Some(words) = request.words {
            ended = reached(&stream.text, words);
        }
        let may_be_cut = written.tokens > held_from;
        let at_end = ends_sentence(&stream.text);
        if !held.is_empty() && (!may_be_cut || at_end) {
            whole_sentence = at_end;
            if written.hand_out(&mut held, on_text).is_break() {
                ended = Some(FinishReason::Interrupted);
            }
        }
        match ended {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    })?;
    written.finish_reason = ended.unwrap_or(generated.finish_reason);
    let cut = written.finish_reason == FinishReason::Length && whole_sentence;
    if !held.is_empty() && !cut && written.hand_out(&mut held, on_text).is_break() {
        written.finish_reason = FinishReason::Interrupted;
    }
    Ok(written)
}

/// The labels in a model's input. A small model that copies from its past copies on into these now
/// and then, most of all where a draft is short: `Dear Ana, summary: …`. So none is written, nor
/// begun right behind the draft.
fn labels(tokenizer: &Tokenizer, forced: &[u32]) -> Vec<Vec<u32>> {
    let mut forbidden = Vec::new();
    for source in [
        Source::PassageStart,
        Source::Summary,
        Source::ImportantWords,
        Source::PastPassages,
    ] {
        let label = tokenizer.encode(&format!(" {}", source.prefix()));
        let (Some(&last), Some(&first)) = (forced.last(), label.first()) else {
            continue;
        };
        forbidden.push(vec![last, first]);
        forbidden.push(label.into_iter().take(2).collect());
        forbidden.push(tokenizer.encode(source.prefix()));
    }
    forbidden
}

impl Written {
    fn hand_out(
        &mut self,
        held: &mut String,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let piece = std::mem::take(held);
        self.text.push_str(&piece);
        on_text(&piece)
    }
}

/// Turns tokens into text as they come.
struct Stream<'a> {
    decode: &'a dyn Fn(&[u32]) -> String,
    /// What decoding was forced through, then what was generated.
    ids: Vec<u32>,
    /// How many bytes of the decoded ids have been handed out, or were given.
    done: usize,
    /// Whether the given text ends in white space, so that the first word brings none.
    after_space: bool,
    /// All that was handed out.
    text: String,
}

impl<'a> Stream<'a> {
    fn new(decode: &'a dyn Fn(&[u32]) -> String, forced: Vec<u32>, after_space: bool) -> Self {
        Self {
            done: decode(&forced).len(),
            decode,
            ids: forced,
            after_space,
            text: String::new(),
        }
    }

    /// What one more token adds. A character whose bytes have not all come yet waits for them; all
    /// ids are decoded anew, since a token's text depends on those before it.
    fn push(&mut self, id: u32) -> String {
        self.ids.push(id);
        let all = (self.decode)(&self.ids);
        let whole = all.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let mut piece = whole.get(self.done..).unwrap_or("");
        self.done = self.done.max(whole.len());
        if self.text.is_empty() && self.after_space {
            piece = piece.trim_start_matches(' ');
        }
        self.text.push_str(piece);
        piece.to_owned()
    }
}

/// From how many words on a text of about `words` may end with a sentence.
fn least(words: usize) -> usize {
    words - words / 8
}

/// Words of a long sentence.
const LONG_SENTENCE: usize = 30;

/// Whether a text of about `words` words should end here: at the end of a sentence once it is
/// nearly long enough, or in any case when half as many words more did not end one, and at least
/// the words of a long sentence.
fn reached(text: &str, words: usize) -> Option<FinishReason> {
    let count = text.split_whitespace().count();
    if count >= least(words) && ends_sentence(text) {
        Some(FinishReason::Stop)
    } else if count > words + (words / 2).max(LONG_SENTENCE) {
        Some(FinishReason::Length)
    } else {
        None
    }
}

/// Whether a new sentence would begin if `text` went on with a capital letter.
fn ends_sentence(text: &str) -> bool {
    let text = text.trim_end();
    let last = text.trim_end_matches(['"', '\'', '”', '’', ')', ']', '»']);
    last.ends_with(['.', '!', '?', '…'])
        && sentences(&format!("{text} A"))
            .last()
            .is_some_and(|sentence| sentence.start == text.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of a vocabulary with a mark for spaces and two halves of a character.
    fn decode(ids: &[u32]) -> String {
        const PIECES: [&[u8]; 6] = [
            b"\xe2\x96\x81Dear",
            b"\xe2\x96\x81Ana",
            b",\n",
            b"\xc3",
            b"\xa9",
            b"t",
        ];
        let bytes: Vec<u8> = ids
            .iter()
            .flat_map(|&id| PIECES[id as usize])
            .copied()
            .collect();
        let text = String::from_utf8_lossy(&bytes).replace('▁', " ");
        text.strip_prefix(' ').unwrap_or(&text).to_owned()
    }

    fn pieces(forced: &[u32], after_space: bool, ids: &[u32]) -> Vec<String> {
        let mut stream = Stream::new(&decode, forced.to_vec(), after_space);
        ids.iter().map(|&id| stream.push(id)).collect()
    }

    #[test]
    fn tokens_become_text_with_their_spaces() {
        assert_eq!(pieces(&[0], false, &[1, 2]), [" Ana", ",\n"]);
        assert_eq!(pieces(&[0], true, &[1, 1]), ["Ana", " Ana"]);
        assert_eq!(pieces(&[], true, &[0, 1]), ["Dear", " Ana"]);
    }

    #[test]
    fn half_a_character_waits() {
        assert_eq!(pieces(&[0], false, &[3, 4, 5]), ["", "é", "t"]);
        assert_eq!(pieces(&[0], false, &[5, 3]), ["t", ""]);
    }

    #[test]
    fn about_so_many_words_end_with_a_sentence() {
        assert_eq!(
            reached("One two three four five six seven.", 8),
            Some(FinishReason::Stop)
        );
        assert_eq!(reached("One two three four five six Mr.", 8), None);
        assert_eq!(reached("One two.", 8), None);
        assert_eq!(
            reached("“One two three four five six seven!”", 8),
            Some(FinishReason::Stop)
        );
        assert_eq!(reached(&"word ".repeat(38), 8), None);
        assert_eq!(reached(&"word ".repeat(39), 8), Some(FinishReason::Length));
        assert_eq!(
            reached(&"word ".repeat(151), 100),
            Some(FinishReason::Length)
        );
    }
}
