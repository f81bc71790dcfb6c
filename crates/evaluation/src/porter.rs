//! NLTK's Porter stemmer in its default mode, `NLTK_EXTENSIONS`: neither Porter's original nor the
//! one on his site, and so another than the one that indexes documents.

/// The stem of a word in lower case.
///
/// ```
/// use idiolect_evaluation::porter_stem;
///
/// assert_eq!(porter_stem("enjoying"), "enjoy");
/// assert_eq!(porter_stem("skies"), "sky");
/// ```
pub fn porter_stem(word: &str) -> String {
    if word.is_ascii() {
        return porter_stem_ascii(word.as_bytes())
            .into_iter()
            .map(char::from)
            .collect();
    }
    stem(word.chars().collect()).into_iter().collect()
}

/// [`porter_stem`] of a word of ASCII letters and digits.
pub(crate) fn porter_stem_ascii(word: &[u8]) -> Vec<u8> {
    match irregular(word) {
        Some(stem) => stem.to_vec(),
        None => stem(word.to_vec()),
    }
}

fn irregular(word: &[u8]) -> Option<&'static [u8]> {
    Some(match word {
        b"sky" | b"skies" => b"sky",
        b"dying" => b"die",
        b"lying" => b"lie",
        b"tying" => b"tie",
        b"news" => b"news",
        b"innings" | b"inning" => b"inning",
        b"outings" | b"outing" => b"outing",
        b"cannings" | b"canning" => b"canning",
        b"howe" => b"howe",
        b"proceed" => b"proceed",
        b"exceed" => b"exceed",
        b"succeed" => b"succeed",
        _ => return None,
    })
}

/// A byte of an ASCII word or a character of any other: lengths count these.
trait Letter: Copy + PartialEq + From<u8> {}
impl Letter for u8 {}
impl Letter for char {}

fn stem<L: Letter>(mut word: Vec<L>) -> Vec<L> {
    if word.len() <= 2 {
        return word;
    }
    plurals(&mut word);
    past_and_progressive(&mut word);
    // Step 1c, NLTK's: y after a consonant that is not the first letter.
    if ends(&word, b"y") && word.len() > 2 && is_consonant(&word, word.len() - 2) {
        replace(&mut word, 1, b"i");
    }
    double_suffixes(&mut word);
    apply(&mut word, STEP_3, |stem| measure(stem) > 0);
    apply(&mut word, STEP_4, |stem| measure(stem) > 1);
    final_e_and_l(&mut word);
    word
}

type Rules = &'static [(&'static [u8], &'static [u8])];

const STEP_2: Rules = &[
    (b"ational", b"ate"),
    (b"tional", b"tion"),
    (b"enci", b"ence"),
    (b"anci", b"ance"),
    (b"izer", b"ize"),
    (b"bli", b"ble"),
    (b"alli", b"al"),
    (b"entli", b"ent"),
    (b"eli", b"e"),
    (b"ousli", b"ous"),
    (b"ization", b"ize"),
    (b"ation", b"ate"),
    (b"ator", b"ate"),
    (b"alism", b"al"),
    (b"iveness", b"ive"),
    (b"fulness", b"ful"),
    (b"ousness", b"ous"),
    (b"aliti", b"al"),
    (b"iviti", b"ive"),
    (b"biliti", b"ble"),
    (b"fulli", b"ful"),
];

const STEP_3: Rules = &[
    (b"icate", b"ic"),
    (b"ative", b""),
    (b"alize", b"al"),
    (b"iciti", b"ic"),
    (b"ical", b"ic"),
    (b"ful", b""),
    (b"ness", b""),
];

const STEP_4: Rules = &[
    (b"al", b""),
    (b"ance", b""),
    (b"ence", b""),
    (b"er", b""),
    (b"ic", b""),
    (b"able", b""),
    (b"ible", b""),
    (b"ant", b""),
    (b"ement", b""),
    (b"ment", b""),
    (b"ent", b""),
    (b"sion", b"s"),
    (b"tion", b"t"),
    (b"ou", b""),
    (b"ism", b""),
    (b"ate", b""),
    (b"iti", b""),
    (b"ous", b""),
    (b"ive", b""),
    (b"ize", b""),
];

/// The first suffix that fits decides, whether or not its condition on the stem then holds.
/// Returns whether one fitted.
fn apply<L: Letter>(word: &mut Vec<L>, rules: Rules, condition: impl Fn(&[L]) -> bool) -> bool {
    for (suffix, replacement) in rules {
        if ends(word, suffix) {
            // `sion` and `tion` leave their first letter to the stem.
            let kept = usize::from(suffix.ends_with(b"ion") && suffix.len() == 4);
            if condition(&word[..word.len() - suffix.len() + kept]) {
                replace(word, suffix.len(), replacement);
            }
            return true;
        }
    }
    false
}

/// Step 1a.
fn plurals<L: Letter>(word: &mut Vec<L>) {
    if ends(word, b"ies") {
        let kept: &[u8] = if word.len() == 4 { b"ie" } else { b"i" };
        replace(word, 3, kept);
    } else if ends(word, b"sses") {
        replace(word, 2, b"");
    } else if ends(word, b"s") && !ends(word, b"ss") {
        replace(word, 1, b"");
    }
}

/// Step 1b.
fn past_and_progressive<L: Letter>(word: &mut Vec<L>) {
    if ends(word, b"ied") {
        let kept: &[u8] = if word.len() == 4 { b"ie" } else { b"i" };
        return replace(word, 3, kept);
    }
    if ends(word, b"eed") {
        if measure(&word[..word.len() - 3]) > 0 {
            replace(word, 1, b"");
        }
        return;
    }
    let suffix = if ends(word, b"ed") {
        2
    } else if ends(word, b"ing") {
        3
    } else {
        return;
    };
    let stem = &word[..word.len() - suffix];
    if !consonants(stem).any(|consonant| !consonant) {
        return;
    }
    word.truncate(word.len() - suffix);
    if ends(word, b"at") || ends(word, b"bl") || ends(word, b"iz") {
        word.push(b'e'.into());
    } else if ends_double_consonant(word) {
        if !(ends(word, b"l") || ends(word, b"s") || ends(word, b"z")) {
            word.pop();
        }
    } else if measure(word) == 1 && ends_short(word) {
        word.push(b'e'.into());
    }
}

/// Step 2.
fn double_suffixes<L: Letter>(word: &mut Vec<L>) {
    // NLTK's: `alli` goes first, and what it leaves runs through the step again.
    if ends(word, b"alli") && measure(&word[..word.len() - 4]) > 0 {
        replace(word, 4, b"al");
    }
    if apply(word, STEP_2, |stem| measure(stem) > 0) {
        return;
    }
    // The l of `logi` belongs to the stem.
    if ends(word, b"logi") && measure(&word[..word.len() - 3]) > 0 {
        word.pop();
    }
}

/// Step 5.
fn final_e_and_l<L: Letter>(word: &mut Vec<L>) {
    if ends(word, b"e") {
        let stem = &word[..word.len() - 1];
        let measure = measure(stem);
        if measure > 1 || (measure == 1 && !ends_short(stem)) {
            word.pop();
        }
    }
    if ends(word, b"ll") && measure(&word[..word.len() - 1]) > 1 {
        word.pop();
    }
}

fn ends<L: Letter>(word: &[L], suffix: &[u8]) -> bool {
    word.len() >= suffix.len()
        && word[word.len() - suffix.len()..]
            .iter()
            .zip(suffix)
            .all(|(letter, &expected)| *letter == expected.into())
}

fn replace<L: Letter>(word: &mut Vec<L>, length: usize, replacement: &[u8]) {
    word.truncate(word.len() - length);
    word.extend(replacement.iter().map(|&letter| L::from(letter)));
}

/// Whether each letter is a consonant: no vowel, and no y behind a consonant.
fn consonants<L: Letter>(word: &[L]) -> impl Iterator<Item = bool> {
    let mut previous = false;
    word.iter().map(move |&letter| {
        previous = if letter == b'y'.into() {
            !previous
        } else {
            !b"aeiou".iter().any(|&vowel| letter == vowel.into())
        };
        previous
    })
}

fn is_consonant<L: Letter>(word: &[L], index: usize) -> bool {
    consonants(&word[..=index]).last() == Some(true)
}

/// m: how often a vowel is followed by a consonant.
fn measure<L: Letter>(word: &[L]) -> usize {
    let mut after_vowel = false;
    let mut measure = 0;
    for consonant in consonants(word) {
        measure += usize::from(after_vowel && consonant);
        after_vowel = !consonant;
    }
    measure
}

fn ends_double_consonant<L: Letter>(word: &[L]) -> bool {
    word.len() >= 2
        && word[word.len() - 1] == word[word.len() - 2]
        && is_consonant(word, word.len() - 1)
}

/// Consonant, vowel, consonant other than w, x and y; NLTK's also: nothing but vowel, consonant.
fn ends_short<L: Letter>(word: &[L]) -> bool {
    let length = word.len();
    let consonant = |from_end: usize| is_consonant(word, length - from_end);
    if length == 2 {
        return !consonant(2) && consonant(1);
    }
    length >= 3
        && consonant(3)
        && !consonant(2)
        && consonant(1)
        && !b"wxy"
            .iter()
            .any(|&letter| word[length - 1] == letter.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_beyond_ascii_are_consonants() {
        assert_eq!(porter_stem("naïvely"), "naïv");
        assert_eq!(porter_stem("ßßed"), "ßßed");
        assert_eq!(porter_stem("aßßed"), "aß");
    }
}
