//! How text becomes terms: the same for documents and queries (the paper names none).

mod porter;
mod stop_words;
mod terms;
mod tokens;
mod vocabulary;

use std::{fmt, str::FromStr};

use frostem::{Algorithm, Stemmer};

pub use stop_words::snowball_stop_words;
pub(crate) use terms::Terms;
pub(crate) use tokens::for_each_word;
use vocabulary::Vocabulary;

use crate::NameError;

/// How text becomes terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Analyzer {
    /// UAX #29 words, possessive 's removed, lower case, Lucene's 33 English stop words left out,
    /// Porter stems as Lucene's PorterStemFilter makes them: Lucene's `EnglishAnalyzer`.
    #[default]
    English,
    /// UAX #29 words, lower case.
    Plain,
    /// UAX #29 words, lower case, Snowball stems of one language; no stop words.
    Snowball(Language),
}

/// A language that a Snowball stemmer exists for, English excepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Language(Algorithm);

impl Analyzer {
    /// The terms of `text`, in order, repetitions included.
    pub fn terms(self, text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        self.for_each_term(text, &mut |term| terms.push(term.to_owned()));
        terms
    }

    /// Calls `each` with the terms of `text`, in order, without allocating one by one.
    pub(crate) fn for_each_term(self, text: &str, each: &mut dyn FnMut(&str)) {
        let mut term = String::new();
        let stemmer = self.stemmer();
        tokens::for_each_word(text, |word| {
            self.make_term(word, stemmer.as_ref(), &mut term, &mut *each);
        });
    }

    fn stemmer(self) -> Option<Stemmer> {
        match self {
            Self::Snowball(Language(algorithm)) => Some(Stemmer::new(algorithm)),
            Self::English | Self::Plain => None,
        }
    }

    /// Calls `each` with the term of a word of [`for_each_word`]; not at all where it has none.
    fn make_term(
        self,
        word: &str,
        stemmer: Option<&Stemmer>,
        term: &mut String,
        each: &mut dyn FnMut(&str),
    ) {
        match self {
            Self::English => {
                tokens::lower_case(tokens::without_possessive(word), term);
                if !term.is_empty() && !stop_words::is_lucene_stop_word(term) {
                    porter::stem(term);
                    each(term);
                }
            }
            Self::Plain | Self::Snowball(_) => {
                tokens::lower_case(word, term);
                match stemmer {
                    Some(stemmer) => each(&stemmer.stem(term)),
                    None => each(term),
                }
            }
        }
    }
}

/// The words of `text` before stemming: UAX #29, possessive 's removed, lower case; stop words
/// stay (paper §4.4: words for SynCtx and SynCtxInd).
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    tokens::for_each_word(text, |word| {
        let mut lower = String::with_capacity(word.len());
        tokens::lower_case(tokens::without_possessive(word), &mut lower);
        if !lower.is_empty() {
            found.push(lower);
        }
    });
    found
}

impl FromStr for Analyzer {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        match name {
            "english" => Ok(Self::English),
            "plain" => Ok(Self::Plain),
            _ => Language::all()
                .find(|language| language.name() == name)
                .map(Self::Snowball)
                .ok_or_else(|| NameError::Analyzer(name.to_owned())),
        }
    }
}

/// The name that is read back.
impl fmt::Display for Analyzer {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::English => "english",
            Self::Plain => "plain",
            Self::Snowball(language) => language.name(),
        })
    }
}

impl Language {
    /// Every language, in alphabetical order.
    pub fn all() -> impl Iterator<Item = Self> {
        Algorithm::all()
            .iter()
            .copied()
            .map(Self)
            .filter(|language| Self::KNOWN.contains(&language.name()))
    }

    /// Its English name in lower case.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Named one by one: another crate's features may switch on algorithms that are no language.
    const KNOWN: [&'static str; 34] = [
        "arabic",
        "armenian",
        "basque",
        "catalan",
        "czech",
        "danish",
        "dutch",
        "esperanto",
        "estonian",
        "finnish",
        "french",
        "german",
        "greek",
        "hindi",
        "hungarian",
        "indonesian",
        "irish",
        "italian",
        "lithuanian",
        "nepali",
        "norwegian",
        "persian",
        "polish",
        "portuguese",
        "romanian",
        "russian",
        "serbian",
        "sesotho",
        "spanish",
        "swedish",
        "tamil",
        "turkish",
        "ukrainian",
        "yiddish",
    ];
}

impl fmt::Debug for Language {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_lucenes_english_analyzer() {
        assert_eq!(
            Analyzer::English
                .terms("The dog's RELATIONAL ties, O’Neil’s: 3.14 and e-mails at a.b.c!"),
            ["dog", "relat", "ti", "o’neil", "3.14", "e", "mail", "a.b.c"]
        );
        assert_eq!(Analyzer::English.terms(" — … !? 's "), ["s"]);
    }

    #[test]
    fn plain_keeps_every_word() {
        assert_eq!(
            Analyzer::Plain.terms("The dog's İstanbul_1"),
            ["the", "dog's", "istanbul_1"]
        );
    }

    #[test]
    fn languages_stem_their_own_words() {
        let german: Analyzer = "german".parse().unwrap();
        assert_eq!(german.terms("Die Automaten"), ["die", "automat"]);
    }

    #[test]
    fn words_are_not_stemmed_and_stop_words_stay() {
        assert_eq!(
            words("The dogs' and Dog’s IT’S"),
            ["the", "dogs", "and", "dog", "it"]
        );
    }

    #[test]
    fn every_name_is_read_back() {
        let all = [Analyzer::English, Analyzer::Plain]
            .into_iter()
            .chain(Language::all().map(Analyzer::Snowball));
        assert_eq!(Language::all().count(), Language::KNOWN.len());
        for analyzer in all {
            assert_eq!(analyzer.to_string().parse(), Ok(analyzer));
        }
        for unknown in ["porter", "lovins", "klingon", "", "English"] {
            assert_eq!(
                unknown.parse::<Analyzer>(),
                Err(NameError::Analyzer(unknown.to_owned()))
            );
        }
    }
}
