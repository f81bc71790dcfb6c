//! WordNet's database files, read and looked up as NLTK does.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::Error;
use crate::wordnet_lmf;

/// The parts of speech in NLTK's order: file name and the suffixes that inflected forms lose.
const PARTS: [(&str, &[(&str, &str)]); 4] = [
    (
        "noun",
        &[
            ("s", ""),
            ("ses", "s"),
            ("ves", "f"),
            ("xes", "x"),
            ("zes", "z"),
            ("ches", "ch"),
            ("shes", "sh"),
            ("men", "man"),
            ("ies", "y"),
        ],
    ),
    (
        "verb",
        &[
            ("s", ""),
            ("ies", "y"),
            ("es", "e"),
            ("es", ""),
            ("ed", "e"),
            ("ed", ""),
            ("ing", "e"),
            ("ing", ""),
        ],
    ),
    ("adj", &[("er", ""), ("est", ""), ("er", "e"), ("est", "e")]),
    ("adv", &[]),
];

/// A WordNet database in memory.
#[derive(Debug)]
pub struct WordNet {
    parts: [Part; PARTS.len()],
    /// Lemmas of all synsets, one after another.
    lemmas: Vec<Box<str>>,
    /// Where each synset's lemmas begin, and the end of the last.
    starts: Vec<u32>,
}

#[derive(Debug, Default)]
struct Part {
    synsets: HashMap<Box<str>, Vec<Synset>>,
    exceptions: HashMap<Box<str>, Vec<Box<str>>>,
}

/// A set of words with one meaning in common; equal only to itself within one [`WordNet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Synset(u32);

impl WordNet {
    /// Reads `index.*`, `data.*` and `*.exc` for nouns, verbs, adjectives and adverbs from a folder,
    /// such as `/usr/share/wordnet` of Debian's `wordnet-base`, or one file of the Global WordNet
    /// Association's LMF, such as the Open English WordNet's.
    ///
    /// # Errors
    ///
    /// A file cannot be read or has a line that is not WordNet's.
    pub fn load(path: &Path) -> Result<Self, Error> {
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let file = read(path.parent().unwrap_or(Path::new("")), &name)?;
            return Self::of_lmf(&file);
        }
        let folder = path;
        let mut wordnet = Self {
            parts: Default::default(),
            lemmas: Vec::new(),
            starts: vec![0],
        };
        for (part, (name, _)) in PARTS.iter().enumerate() {
            let by_offset = wordnet.read_data(&read(folder, &format!("data.{name}"))?)?;
            let index = read(folder, &format!("index.{name}"))?;
            wordnet.parts[part].synsets = index_of(&index, &by_offset)?;
            wordnet.parts[part].exceptions = exceptions_of(&read(folder, &format!("{name}.exc"))?);
        }
        Ok(wordnet)
    }

    fn of_lmf(file: &File) -> Result<Self, Error> {
        let lexicon = wordnet_lmf::read(&file.text).map_err(|line| file.malformed(line))?;
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut members: Vec<Vec<Box<str>>> = Vec::new();
        let mut parts: [Part; PARTS.len()] = Default::default();
        for entry in &lexicon.entries {
            let part = match entry.part {
                'n' => 0,
                'v' => 1,
                'r' => 3,
                _ => 2,
            };
            let part = &mut parts[part];
            let name = entry.lemma.replace(' ', "_");
            let lemma: Box<str> = name.to_lowercase().into();
            for form in &entry.forms {
                let form = form.replace(' ', "_").to_lowercase();
                let bases = part.exceptions.entry(form.into()).or_default();
                bases.push(lemma.clone());
            }
            let synsets = part.synsets.entry(lemma).or_default();
            for id in &entry.synsets {
                let next = members.len() as u32;
                let number = *numbers.entry(id).or_insert(next);
                if number == next {
                    members.push(Vec::new());
                }
                members[number as usize].push(name.as_str().into());
                synsets.push(Synset(number));
            }
        }
        let mut starts = vec![0];
        let mut lemmas = Vec::new();
        for names in members {
            lemmas.extend(names);
            starts.push(lemmas.len() as u32);
        }
        Ok(Self {
            parts,
            lemmas,
            starts,
        })
    }

    /// The synsets of a word or of the base forms it may be inflected from, nouns first, in
    /// WordNet's order. Words are separated by `_` in names of several; case does not matter.
    pub fn synsets(&self, word: &str) -> Vec<Synset> {
        let word = word.to_lowercase();
        let mut found = Vec::new();
        for (part, (_, suffixes)) in self.parts.iter().zip(PARTS) {
            for form in part.base_forms(&word, suffixes) {
                found.extend_from_slice(&part.synsets[form.as_str()]);
            }
        }
        found
    }

    /// The names in a synset, as WordNet writes them.
    pub fn lemmas(&self, synset: Synset) -> impl Iterator<Item = &str> {
        let at = synset.0 as usize;
        self.lemmas[self.starts[at] as usize..self.starts[at + 1] as usize]
            .iter()
            .map(AsRef::as_ref)
    }

    /// Every single word that shares a synset with `word`, case as in WordNet; `word`'s own base
    /// forms among them, so it is empty only where WordNet does not know the word.
    pub fn synonyms(&self, word: &str) -> BTreeSet<&str> {
        self.synsets(word)
            .into_iter()
            .flat_map(|synset| self.lemmas(synset))
            .filter(|lemma| !lemma.contains('_'))
            .collect()
    }

    /// How many synsets there are: 117,659 in WordNet 3.0.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read_data(&mut self, file: &File) -> Result<HashMap<u32, Synset>, Error> {
        let mut by_offset = HashMap::new();
        for (number, line) in file.lines() {
            let malformed = || file.malformed(number);
            let mut fields = line.split(' ');
            let offset = fields.next().and_then(|field| field.parse().ok());
            let count = fields
                .nth(2)
                .and_then(|field| usize::from_str_radix(field, 16).ok());
            let (Some(offset), Some(count)) = (offset, count) else {
                return Err(malformed());
            };
            for _ in 0..count {
                let name = fields.next().ok_or_else(malformed)?;
                // Adjectives may carry where they stand: "galore(ip)".
                let name = match name.find('(') {
                    Some(marker) if name.ends_with(')') => &name[..marker],
                    _ => name,
                };
                self.lemmas.push(name.into());
                fields.next().ok_or_else(malformed)?;
            }
            by_offset.insert(offset, Synset(self.starts.len() as u32 - 1));
            self.starts.push(self.lemmas.len() as u32);
        }
        Ok(by_offset)
    }
}

impl Part {
    /// The word and the forms it may come from, those that WordNet has, each once.
    fn base_forms(&self, word: &str, suffixes: &[(&str, &str)]) -> Vec<String> {
        let mut forms = vec![word.to_owned()];
        if let Some(exceptions) = self.exceptions.get(word) {
            forms.extend(exceptions.iter().map(ToString::to_string));
        } else {
            for (suffix, ending) in suffixes {
                if let Some(stem) = word.strip_suffix(suffix) {
                    forms.push(format!("{stem}{ending}"));
                }
            }
        }
        let mut known: Vec<String> = Vec::new();
        for form in forms {
            if self.synsets.contains_key(form.as_str()) && !known.contains(&form) {
                known.push(form);
            }
        }
        known
    }
}

fn index_of(
    file: &File,
    by_offset: &HashMap<u32, Synset>,
) -> Result<HashMap<Box<str>, Vec<Synset>>, Error> {
    let mut synsets = HashMap::new();
    for (number, line) in file.lines() {
        let entry = parse_index_line(line, by_offset).ok_or_else(|| file.malformed(number))?;
        synsets.insert(entry.0.into(), entry.1);
    }
    Ok(synsets)
}

/// `lemma pos synsets pointers [pointer…] senses tagged offset…`
fn parse_index_line<'a>(
    line: &'a str,
    by_offset: &HashMap<u32, Synset>,
) -> Option<(&'a str, Vec<Synset>)> {
    let mut fields = line.split_ascii_whitespace();
    let lemma = fields.next()?;
    let count: usize = fields.nth(1)?.parse().ok()?;
    let pointers: usize = fields.next()?.parse().ok()?;
    let synsets: Vec<Synset> = fields
        .skip(pointers + 2)
        .map(|offset| by_offset.get(&offset.parse().ok()?).copied())
        .collect::<Option<_>>()?;
    (synsets.len() == count).then_some((lemma, synsets))
}

fn exceptions_of(file: &File) -> HashMap<Box<str>, Vec<Box<str>>> {
    let mut exceptions = HashMap::new();
    for (_, line) in file.lines() {
        let mut forms = line.split_ascii_whitespace();
        if let Some(inflected) = forms.next() {
            exceptions.insert(inflected.into(), forms.map(Into::into).collect());
        }
    }
    exceptions
}

struct File {
    name: String,
    text: String,
}

impl File {
    /// Numbered from 1, without the licence, whose lines begin with a space.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty() && !line.starts_with(' '))
            .map(|(index, line)| (index + 1, line))
    }

    fn malformed(&self, line: usize) -> Error {
        Error::WordNetLine {
            file: self.name.clone(),
            line,
        }
    }
}

fn read(folder: &Path, name: &str) -> Result<File, Error> {
    // Glosses are not always UTF-8, and nothing here reads them.
    let bytes = fs_err::read(folder.join(name)).map_err(Error::WordNetFile)?;
    Ok(File {
        name: name.to_owned(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        File {
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }

    fn small() -> WordNet {
        let mut wordnet = WordNet {
            parts: Default::default(),
            lemmas: Vec::new(),
            starts: vec![0],
        };
        let nouns = file(
            "data.noun",
            "  1 licence\n00000010 06 n 03 car 0 Auto 1 motor_car 0 000 | a gloss\n00000020 06 n 01 ox 0 000 | a gloss\n",
        );
        let by_offset = wordnet.read_data(&nouns).unwrap();
        let index = file(
            "index.noun",
            "  1 licence\nauto n 1 0 1 0 00000010\ncar n 1 1 @ 1 0 00000010\nox n 1 0 1 0 00000020\n",
        );
        wordnet.parts[0].synsets = index_of(&index, &by_offset).unwrap();
        wordnet.parts[0].exceptions = exceptions_of(&file("noun.exc", "oxen ox\n"));
        wordnet
    }

    #[test]
    fn inflected_words_are_found_by_rule_and_by_list() {
        let wordnet = small();
        assert_eq!(wordnet.len(), 2);
        assert!(!wordnet.is_empty());
        assert_eq!(
            wordnet.synonyms("Cars").into_iter().collect::<Vec<_>>(),
            ["Auto", "car"]
        );
        assert_eq!(wordnet.synsets("oxen"), wordnet.synsets("ox"));
        assert_eq!(wordnet.synsets("cars"), wordnet.synsets("autos"));
        assert!(wordnet.synonyms("tree").is_empty());
    }

    #[test]
    fn lmf_is_looked_up_like_the_database() {
        let entry = |lemma: &str, forms: &str, synset: &str| {
            format!(
                "<LexicalEntry><Lemma writtenForm=\"{lemma}\" partOfSpeech=\"n\"/>{forms}<Sense synset=\"{synset}\"/></LexicalEntry>"
            )
        };
        let text = [
            "<LexicalResource>".to_owned(),
            entry("car", "", "1"),
            entry("Auto", "", "1"),
            entry("motor car", "", "1"),
            entry("ox", "<Form writtenForm=\"oxen\"/>", "2"),
        ]
        .concat();
        let wordnet = WordNet::of_lmf(&file("x.xml", &text)).unwrap();
        assert_eq!(wordnet.len(), 2);
        assert_eq!(
            wordnet.synonyms("Cars").into_iter().collect::<Vec<_>>(),
            ["Auto", "car"]
        );
        assert_eq!(wordnet.synsets("oxen"), wordnet.synsets("ox"));
        let error = WordNet::of_lmf(&file("x.xml", "a\n<b")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 of WordNet's `x.xml` is malformed"
        );
    }

    #[test]
    fn a_broken_line_is_named() {
        let index = file("index.noun", "car n 2 0 2 0 00000010\n");
        let error = index_of(&index, &HashMap::from([(10, Synset(0))])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1 of WordNet's `index.noun` is malformed"
        );
        assert!(matches!(
            WordNet::load(Path::new("no/such/folder")),
            Err(Error::WordNetFile(_))
        ));
    }
}
