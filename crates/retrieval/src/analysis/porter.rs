//! Porter's stemmer of 1980 as Lucene's PorterStemFilter has it: with `bli` → `ble` for `abli` →
//! `able`, with `logi` → `log`, and with words of one or two letters left alone.

/// Replaces a lower-case word by its stem.
pub(super) fn stem(word: &mut String) {
    if word.is_ascii() {
        let mut letters = std::mem::take(word).into_bytes();
        Stem(&mut letters).run();
        *word = String::from_utf8(letters).unwrap_or_default();
    } else {
        // Lucene counts UTF-16 units.
        let mut letters: Vec<u16> = word.encode_utf16().collect();
        Stem(&mut letters).run();
        *word = String::from_utf16_lossy(&letters);
    }
}

/// Suffixes of step 2 and what replaces them behind a stem of measure above 0. The first that
/// fits decides, also where the measure then forbids the replacement.
const STEP_2: [(&str, &str); 21] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("logi", "log"),
];

/// The same for step 3.
const STEP_3: [(&str, &str); 7] = [
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

/// Suffixes of step 4, removed behind a stem of measure above 1; `ion` only behind s or t.
const STEP_4: [&str; 19] = [
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou",
    "ism", "ate", "iti", "ous", "ive", "ize",
];

/// The letters of a word while they are being stemmed.
struct Stem<'a, T>(&'a mut Vec<T>);

impl<T: Copy + PartialEq + From<u8>> Stem<'_, T> {
    fn run(&mut self) {
        if self.0.len() > 2 {
            self.plurals();
            self.past_and_progressive();
            self.final_y();
            self.replace_first(&STEP_2);
            self.replace_first(&STEP_3);
            self.remove_suffix();
            self.final_e();
            self.final_double_l();
        }
    }

    /// Step 1a.
    fn plurals(&mut self) {
        if self.ends("sses") || self.ends("ies") {
            self.drop(2);
        } else if self.ends("s") && !self.ends("ss") {
            self.drop(1);
        }
    }

    /// Step 1b.
    fn past_and_progressive(&mut self) {
        if let Some(stem) = self.before("eed") {
            if self.measure(stem) > 0 {
                self.drop(1);
            }
            return;
        }
        let Some(stem) = self.before("ed").or_else(|| self.before("ing")) else {
            return;
        };
        if !self.has_vowel(stem) {
            return;
        }
        self.0.truncate(stem);
        if self.ends("at") || self.ends("bl") || self.ends("iz") {
            self.0.push(b'e'.into());
        } else if self.ends_double_consonant() {
            if !(self.ends("l") || self.ends("s") || self.ends("z")) {
                self.drop(1);
            }
        } else if self.measure(self.0.len()) == 1 && self.ends_short(self.0.len()) {
            self.0.push(b'e'.into());
        }
    }

    /// Step 1c.
    fn final_y(&mut self) {
        if let Some(stem) = self.before("y")
            && self.has_vowel(stem)
        {
            self.drop(1);
            self.0.push(b'i'.into());
        }
    }

    /// Steps 2 and 3.
    fn replace_first(&mut self, rules: &[(&str, &str)]) {
        let found = rules
            .iter()
            .find_map(|(suffix, by)| Some((self.before(suffix)?, by)));
        if let Some((stem, by)) = found
            && self.measure(stem) > 0
        {
            self.0.truncate(stem);
            self.0.extend(by.bytes().map(T::from));
        }
    }

    /// Step 4.
    fn remove_suffix(&mut self) {
        let found = STEP_4.iter().find_map(|suffix| {
            let stem = self.before(suffix)?;
            (*suffix != "ion" || (stem > 0 && (self.is(stem - 1, b's') || self.is(stem - 1, b't'))))
                .then_some(stem)
        });
        if let Some(stem) = found
            && self.measure(stem) > 1
        {
            self.0.truncate(stem);
        }
    }

    /// Step 5a.
    fn final_e(&mut self) {
        let Some(stem) = self.before("e") else {
            return;
        };
        // Lucene measures the whole word: its final e can only end a vowel sequence.
        let measure = self.measure(self.0.len());
        if measure > 1 || measure == 1 && !self.ends_short(stem) {
            self.drop(1);
        }
    }

    /// Step 5b.
    fn final_double_l(&mut self) {
        if self.ends("ll") && self.measure(self.0.len()) > 1 {
            self.drop(1);
        }
    }

    fn is(&self, at: usize, letter: u8) -> bool {
        self.0[at] == letter.into()
    }

    fn ends(&self, suffix: &str) -> bool {
        self.before(suffix).is_some()
    }

    /// Length of what stands before `suffix`, if the word ends in it.
    fn before(&self, suffix: &str) -> Option<usize> {
        let stem = self.0.len().checked_sub(suffix.len())?;
        self.0[stem..]
            .iter()
            .zip(suffix.bytes())
            .all(|(&letter, byte)| letter == byte.into())
            .then_some(stem)
    }

    fn drop(&mut self, letters: usize) {
        self.0.truncate(self.0.len() - letters);
    }

    /// y is a consonant at the start and behind a vowel.
    fn is_consonant(&self, at: usize) -> bool {
        if self.is(at, b'y') {
            return at == 0 || !self.is_consonant(at - 1);
        }
        !b"aeiou".iter().any(|&vowel| self.is(at, vowel))
    }

    fn has_vowel(&self, length: usize) -> bool {
        (0..length).any(|at| !self.is_consonant(at))
    }

    /// m: how often a consonant follows a vowel in the first `length` letters.
    fn measure(&self, length: usize) -> usize {
        (1..length)
            .filter(|&at| self.is_consonant(at) && !self.is_consonant(at - 1))
            .count()
    }

    fn ends_double_consonant(&self) -> bool {
        let last = self.0.len().wrapping_sub(1);
        self.0.len() > 1 && self.0[last] == self.0[last - 1] && self.is_consonant(last)
    }

    /// Whether the first `length` letters end in consonant, vowel and a consonant other than w, x
    /// and y.
    fn ends_short(&self, length: usize) -> bool {
        length > 2
            && self.is_consonant(length - 3)
            && !self.is_consonant(length - 2)
            && self.is_consonant(length - 1)
            && !b"wxy".iter().any(|&letter| self.is(length - 1, letter))
    }
}
