//! LLMZeroShot: a language model that somebody else runs, given what the generator is given (paper
//! §5). Its answers are kept, so that the row can be made again without it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use idiolect_core::ModelIdentity;
use idiolect_endpoint::{Answer, Answers, Endpoint, Error, Question};
use idiolect_pipeline::Prompt;
use serde_json::{Value, json};

use super::rows::{Row, Writer};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::printer::counted;

/// Whom the row LLMZeroShot asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Row LLMZeroShot")]
pub(super) struct ZeroShotOptions {
    /// An OpenAI-compatible address that is asked, such as http://localhost:8080/v1; without it no
    /// connection is opened. A key is taken from the variable `IDIOLECT_ENDPOINT_KEY`
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The model's name there [default: that of the recorded answers, or `default`]
    #[arg(long, value_name = "NAME")]
    endpoint_model: Option<String>,
    /// How often a question is asked again when nobody answers
    #[arg(long, value_name = "N", default_value_t = 6)]
    endpoint_retries: u32,
    /// Where answers are kept, and taken from when they are there [default: OUT/answers.jsonl]
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

/// The variable that holds the endpoint's key; what is typed can be seen by others.
const KEY: &str = "IDIOLECT_ENDPOINT_KEY";

/// Where answers lie in a run's folder.
const ANSWERS: &str = "answers.jsonl";

/// What the model is told before the generator's sources.
const INSTRUCTION: &str = "Finish the passage in the user voice. Go on with the character that \
    follows the passage start, and write nothing but the rest of the passage.";

/// How often a pause looks whether the user wants no more.
const LOOK: Duration = Duration::from_millis(100);

/// Asks, or remembers what was said.
pub(crate) struct ZeroShot<'a> {
    endpoint: Option<Endpoint>,
    model: String,
    max_tokens: usize,
    answers: RefCell<Answers>,
    interrupt: &'a Interrupt,
}

impl ZeroShotOptions {
    /// Whether anything could answer.
    fn any(&self, out: Option<&Path>) -> bool {
        let recorded = self.file(out).is_some_and(|file| file.exists());
        self.endpoint.is_some() || recorded
    }

    fn file(&self, out: Option<&Path>) -> Option<PathBuf> {
        (self.answers.clone()).or_else(|| out.map(|out| out.join(ANSWERS)))
    }

    /// What the rows need; where `paper` named the row and there is nobody to ask, it is left out.
    pub(super) fn open<'a>(
        &self,
        rows: &mut Vec<Row>,
        named: &[String],
        out: Option<&Path>,
        max_tokens: usize,
        context: &'a Context,
    ) -> anyhow::Result<Option<ZeroShot<'a>>> {
        let asks = |row: &Row| row.writer() == Some(Writer::Endpoint);
        let Some(row) = rows.iter().find(|row| asks(row)).copied() else {
            return Ok(None);
        };
        let name = row.name;
        if !self.any(out) {
            if !named.iter().any(|one| one.eq_ignore_ascii_case(name)) && rows.len() > 1 {
                rows.retain(|row| !asks(row));
                context.printer.note(format_args!(
                    "row {name} left out: it asks the language model that `--endpoint` names"
                ));
                return Ok(None);
            }
            return Err(Failure::new(
                "no_endpoint",
                format!("the row {name} has nobody to ask, and no recorded answers"),
            )
            .hint("name an OpenAI-compatible address with `--endpoint URL`, or recorded answers with `--answers FILE`")
            .into());
        }
        let Some(file) = self.file(out) else {
            return Err(
                Failure::new("usage", format!("the answers for {name} would be lost"))
                    .hint("name a folder with `--out`, or a file with `--answers`")
                    .into(),
            );
        };
        if let Some(folder) = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            crate::files::make_private_folder(folder)?;
        }
        let answers =
            Answers::open(&file).with_context(|| format!("cannot use `{}`", file.display()))?;
        let model = match (&self.endpoint_model, answers.models()) {
            (Some(named), _) => named.clone(),
            (None, [only]) => only.clone(),
            (None, _) => "default".to_owned(),
        };
        let key = std::env::var(KEY).ok().filter(|key| !key.is_empty());
        let endpoint = self
            .endpoint
            .as_deref()
            .map(|address| Endpoint::new(address, key.as_deref(), self.endpoint_retries))
            .transpose()?;
        if let Some(endpoint) = &endpoint {
            context.printer.note(format_args!(
                "row {name} sends starts, summaries, key words and past passages to {}",
                endpoint.host()
            ));
        }
        if !answers.is_empty() {
            context.printer.note(format_args!(
                "at hand: {}",
                counted(answers.len(), "recorded answer")
            ));
        }
        Ok(Some(ZeroShot {
            endpoint,
            model,
            max_tokens,
            answers: RefCell::new(answers),
            interrupt: &context.interrupt,
        }))
    }
}

impl ZeroShot<'_> {
    /// The generator's sources as a language model is asked.
    pub(super) fn question(prompt: &Prompt) -> String {
        let mut text = INSTRUCTION.to_owned();
        for (source, part) in &prompt.parts {
            let part = part.trim();
            if !part.is_empty() {
                text.push_str("\n\n");
                text.push_str(source.prefix());
                text.push('\n');
                text.push_str(part);
            }
        }
        text
    }

    /// What the model says: now, or when it was asked before.
    pub(super) fn answer(&self, text: &str) -> anyhow::Result<Answer> {
        let question = Question {
            model: self.model.clone(),
            text: text.to_owned(),
            max_tokens: self.max_tokens,
        };
        if let Some(answer) = self.answers.borrow().get(&question) {
            return Ok(answer.clone());
        }
        let Some(endpoint) = &self.endpoint else {
            return Err(Failure::new(
                "no_endpoint",
                format!("model `{}` was not asked this before", self.model),
            )
            .hint(
                "name its address with `--endpoint URL`; recorded answers fit the same examples, \
                 model name, summaries, key words and `--max-tokens`",
            )
            .into());
        };
        let answer = endpoint.ask(&question, &mut |length| self.pause(length))?;
        self.answers.borrow_mut().keep(&question, &answer)?;
        Ok(answer)
    }

    /// Waits, unless the user wants no more.
    fn pause(&self, length: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < length && !self.interrupt.requested() {
            sleep(LOOK.min(length.saturating_sub(begun.elapsed())));
        }
        !self.interrupt.requested()
    }

    /// As which it stands in traces: its weights are nobody's to hash.
    pub(super) fn identity(&self) -> ModelIdentity {
        ModelIdentity {
            name: self.model.clone(),
            sha256: String::new(),
        }
    }

    /// As what it stands in signatures.
    pub(super) fn label(&self) -> String {
        format!("endpoint's {}", self.model)
    }

    pub(super) fn decoding(&self) -> Value {
        json!({ "temperature": 0, "max_tokens": self.max_tokens })
    }
}

/// Whether the user ended the waiting.
pub(super) fn was_interrupted(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(Error::Interrupted { .. })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_holds_what_the_generator_is_given() {
        let prompt = Prompt::generation("Dear all", "", &["rain".to_owned()], "A.\n\nB.");
        let question = ZeroShot::question(&prompt);
        assert!(question.starts_with("Finish the passage in the user voice. Go on"));
        assert!(question.ends_with(
            "\n\npassage start:\nDear all\n\nimportant words:\nrain\n\npast passages:\nA.\n\nB."
        ));
    }
}
