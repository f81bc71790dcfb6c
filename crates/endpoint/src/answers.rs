use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Question};

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// All of it.
    pub text: String,
    /// Whether it was cut for its length.
    pub cut: bool,
}

/// Answers by question, in a file of JSON Lines that grows by one line an answer.
#[derive(Debug)]
pub struct Answers {
    file: File,
    known: HashMap<String, Answer>,
    models: Vec<String>,
}

/// A line of the file. The question is known by its key and not kept.
#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    model: String,
    #[serde(flatten)]
    answer: Answer,
}

impl Answers {
    /// Opens the file, or makes one that its owner alone can read. A last line that was not written
    /// to its end is dropped.
    ///
    /// # Errors
    /// A file that cannot be used, or that holds something else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut reader = BufReader::new(&file);
        let mut known = HashMap::new();
        let mut models: Vec<String> = Vec::new();
        let (mut end, mut number) = (0, 0);
        let mut read = Vec::new();
        loop {
            read.clear();
            let length = reader.read_until(b'\n', &mut read)?;
            if !read.ends_with(b"\n") {
                break;
            }
            number += 1;
            let line: Line = serde_json::from_slice(&read).map_err(|_| Error::Line {
                path: path.to_owned(),
                line: number,
            })?;
            if !models.contains(&line.model) {
                models.push(line.model);
            }
            known.insert(line.key, line.answer);
            end += length as u64;
        }
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(Self {
            file,
            known,
            models,
        })
    }

    /// What was said to this very question.
    pub fn get(&self, question: &Question) -> Option<&Answer> {
        self.known.get(&question.key())
    }

    /// Keeps an answer; it is on the disk when this returns.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub fn keep(&mut self, question: &Question, answer: &Answer) -> Result<(), Error> {
        let line = Line {
            key: question.key(),
            model: question.model.clone(),
            answer: answer.clone(),
        };
        let mut bytes = serde_json::to_vec(&line).map_err(std::io::Error::from)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.known.insert(line.key, line.answer);
        if !self.models.contains(&line.model) {
            self.models.push(line.model);
        }
        Ok(())
    }

    /// The models that answered, in the order of their first answer.
    pub fn models(&self) -> &[String] {
        &self.models
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str) -> Question {
        Question {
            model: "m".to_owned(),
            text: text.to_owned(),
            max_tokens: 9,
        }
    }

    fn answer(text: &str) -> Answer {
        Answer {
            text: text.to_owned(),
            cut: false,
        }
    }

    #[test]
    fn answers_outlive_a_line_that_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let mut answers = Answers::open(&path).unwrap();
        answers.keep(&question("a"), &answer("A\nB")).unwrap();
        answers.keep(&question("b"), &answer("C")).unwrap();
        drop(answers);
        let whole = fs_err::read(&path).unwrap();
        fs_err::write(&path, &whole[..whole.len() - 4]).unwrap();
        let mut answers = Answers::open(&path).unwrap();
        assert_eq!(answers.get(&question("a")), Some(&answer("A\nB")));
        assert_eq!((answers.get(&question("b")), answers.len()), (None, 1));
        answers.keep(&question("b"), &answer("C")).unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), whole);
        assert_eq!(Answers::open(&path).unwrap().models(), ["m"]);
    }

    #[test]
    fn another_file_is_not_taken_for_answers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.jsonl");
        fs_err::write(&path, "{\"text\":\"mine\"}\n").unwrap();
        let error = Answers::open(&path).unwrap_err();
        assert!(matches!(error, Error::Line { line: 1, .. }));
        assert_eq!(fs_err::read(&path).unwrap(), b"{\"text\":\"mine\"}\n");
    }
}
