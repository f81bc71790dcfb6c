//! What each row is trained on and measured with.

use std::fmt::Write as _;
use std::path::Path;

use crate::options::Options;
use crate::paper::Corpus;

/// A stage's model; all rows that need it share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// SumCtx's summarizer.
    Summarizer,
    /// SumCtxInd's: learned from general summaries and no user.
    Independent,
    /// SynCtx's synthesizer.
    Synthesizer,
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Summarizer => "summarizer",
            Self::Independent => "independent-summarizer",
            Self::Synthesizer => "synthesizer",
        }
    }
}

/// Where a row's key words come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keywords {
    None,
    /// Counted.
    Ind,
    /// The synthesizer's.
    Ctx,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    /// How its training examples are ranked; `None`: as the corpus says.
    pub(crate) ranking: Option<&'static str>,
    pub(crate) summaries: Option<Stage>,
    pub(crate) keywords: Keywords,
    /// As a recipe of `train` names it.
    pub(crate) form: &'static str,
    pub(crate) task: Task,
    /// The runs of `eval` with its model: rows that share one are measured on the same examples, and
    /// `WrongAuthor` may not find an author for each.
    pub(crate) measured: &'static [&'static [&'static str]],
}

/// What the generator learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Generation,
    /// Beside it as many examples of author distinction.
    WithDistinction,
    /// The next snippet of a named user.
    Users,
    /// Nothing: somebody else's model writes.
    Nothing,
}

const fn plan(name: &'static str, measured: &'static [&'static [&'static str]]) -> Plan {
    Plan {
        name,
        ranking: None,
        summaries: None,
        keywords: Keywords::None,
        form: "paper",
        task: Task::Generation,
        measured,
    }
}

const fn ranked(
    name: &'static str,
    ranking: &'static str,
    measured: &'static [&'static [&'static str]],
) -> Plan {
    Plan {
        ranking: Some(ranking),
        ..plan(name, measured)
    }
}

/// Everything, in a form.
const fn whole(
    name: &'static str,
    form: &'static str,
    measured: &'static [&'static [&'static str]],
) -> Plan {
    Plan {
        summaries: Some(Stage::Summarizer),
        keywords: Keywords::Ctx,
        form,
        task: Task::WithDistinction,
        ..plan(name, measured)
    }
}

pub(crate) const PLANS: [Plan; 16] = [
    Plan {
        form: "no-past",
        ..plan("ImmedCtx", &[&["CopyStart", "PasteBest", "ImmedCtx"]])
    },
    Plan {
        task: Task::Users,
        ..plan("UserID", &[&["UserID"]])
    },
    Plan {
        summaries: Some(Stage::Summarizer),
        keywords: Keywords::Ctx,
        task: Task::Nothing,
        ..plan("LLMZeroShot", &[&["LLMZeroShot"]])
    },
    ranked("RecentDoc", "recent", &[&["RecentDoc"]]),
    ranked("RankDocBM25", "doc-bm25", &[&["RankDocBM25"]]),
    ranked("RankDocDense", "doc-dense", &[&["RankDocDense"]]),
    ranked("RankSnippet", "snippet", &[&["RankSnippet"]]),
    ranked("RankDocBySnpt", "doc-by-snippet", &[&["RankDocBySnpt"]]),
    Plan {
        summaries: Some(Stage::Independent),
        ..plan("SumCtxInd", &[&["SumCtxInd"]])
    },
    Plan {
        summaries: Some(Stage::Summarizer),
        ..plan("SumCtx", &[&["SumCtx", "OracleSum"]])
    },
    Plan {
        summaries: Some(Stage::Summarizer),
        keywords: Keywords::Ind,
        ..plan("SynCtxInd", &[&["SynCtxInd"]])
    },
    Plan {
        summaries: Some(Stage::Summarizer),
        keywords: Keywords::Ctx,
        ..plan("SynCtx", &[&["SynCtx", "OracleSyn"]])
    },
    whole(
        "AuthorPred",
        "paper",
        &[&["AuthorPred", "RandomPast"], &["WrongAuthor"]],
    ),
    whole("NoRankedEntries", "no-entries", &[&["NoRankedEntries"]]),
    whole("RemoveDocStart", "no-start", &[&["RemoveDocStart"]]),
    whole("ImmedCtxAtEnd", "context-last", &[&["ImmedCtxAtEnd"]]),
];

/// The order in which rows stand in a table.
pub(crate) const ORDER: [&str; 22] = [
    "CopyStart",
    "PasteBest",
    "ImmedCtx",
    "UserID",
    "LLMZeroShot",
    "RecentDoc",
    "RankDocBM25",
    "RankDocDense",
    "RankSnippet",
    "RankDocBySnpt",
    "SumCtxInd",
    "SumCtx",
    "SynCtxInd",
    "SynCtx",
    "AuthorPred",
    "NoRankedEntries",
    "RemoveDocStart",
    "ImmedCtxAtEnd",
    "WrongAuthor",
    "RandomPast",
    "OracleSum",
    "OracleSyn",
];

/// Tokens of inputs and targets in training.
pub(crate) const INPUT: usize = 512;
const TARGET: usize = 192;

/// Of what a stage learns to say.
pub(crate) const STAGE_TARGET: usize = 96;

/// Examples of generation a step.
const BATCH: usize = 8;

impl Plan {
    /// The recipe of its training, in a folder two levels below the corpus's.
    pub(crate) fn recipe(&self, corpus: &Corpus, options: &Options) -> String {
        let ranking = self.ranking.unwrap_or(corpus.ranking);
        let model = |key: &str, stage: Stage| {
            format!("{{ {key} = \"{}\" }}", stage_place(corpus, options, stage))
        };
        let summaries = match self.summaries {
            None => "\"none\"".to_owned(),
            Some(Stage::Independent) => model("independent", Stage::Independent),
            Some(stage) => model("model", stage),
        };
        let keywords = match self.keywords {
            Keywords::None => "\"none\"".to_owned(),
            Keywords::Ind => "\"ind\"".to_owned(),
            Keywords::Ctx => model("model", Stage::Synthesizer),
        };
        let (tasks, batch) = match self.task {
            // As many documents a step as the other rows have.
            Task::WithDistinction => ("generation = 1.0\ndistinction = 1.0", 2 * BATCH),
            Task::Users => ("users = 1.0", BATCH),
            Task::Generation | Task::Nothing => ("generation = 1.0", BATCH),
        };
        let mut recipe = format!(
            "examples = \"../../data-{ranking}\"\nsummaries = {summaries}\nkeywords = {keywords}\nform = \"{}\"\n",
            self.form
        );
        recipe.push_str(&training(options, tasks, TARGET, batch));
        recipe
    }
}

/// The recipe of a stage that learns from the corpus.
pub(crate) fn stage_recipe(stage: Stage, corpus: &Corpus, options: &Options) -> String {
    let task = match stage {
        Stage::Synthesizer => "keywords = 1.0",
        Stage::Summarizer | Stage::Independent => "summary = 1.0",
    };
    let mut recipe = format!(
        "examples = \"../../data-{}\"\nsummaries = \"none\"\n",
        corpus.ranking
    );
    recipe.push_str(&training(options, task, STAGE_TARGET, BATCH));
    recipe
}

fn training(options: &Options, tasks: &str, target: usize, batch: usize) -> String {
    let mut text = format!("limit = {}\nvalidation-limit = 48\n", options.train);
    let _ = write!(
        text,
        "lengths = {{ input = {INPUT}, target = {target} }}\n[tasks]\n{tasks}\n[training]\n"
    );
    for (key, value) in schedule(options, batch) {
        let is_number = value.parse::<f64>().is_ok();
        let value = if is_number {
            value
        } else {
            format!("\"{value}\"")
        };
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

/// How everything is trained, as keys of a recipe and as options of `train`: the rate falls from 0.004
/// to nothing, since so few steps never come to where the paper's schedule ends its warm-up.
fn schedule(options: &Options, batch: usize) -> [(&'static str, String); 7] {
    [
        ("steps", options.steps.to_string()),
        ("batch", batch.to_string()),
        ("optimizer", "adafactor".to_owned()),
        ("lr", "0.004".to_owned()),
        ("schedule", "linear".to_owned()),
        ("warmup", 20.min(options.steps / 4).to_string()),
        ("validate-every", "0".to_owned()),
    ]
}

/// The training of the stage that learns from pairs of texts and needs no recipe.
pub(crate) fn independent_options(options: &Options) -> Vec<String> {
    schedule(options, BATCH)
        .into_iter()
        .flat_map(|(key, value)| [format!("--{key}"), value])
        .collect()
}

/// A stage's model, as a path from where the recipe runs.
pub(crate) fn stage_place(corpus: &Corpus, options: &Options, stage: Stage) -> String {
    let folder = corpus_folder(corpus, options);
    let place = folder.join("stages").join(stage.name()).join("model");
    place.display().to_string()
}

pub(crate) fn corpus_folder(corpus: &Corpus, options: &Options) -> std::path::PathBuf {
    Path::new(&options.work).join(corpus.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::{MAIL, TABLES};

    #[test]
    fn every_row_of_every_table_has_a_plan_and_a_place() {
        for table in &TABLES {
            for row in table.rows {
                let plan = PLANS.iter().find(|plan| plan.name == *row);
                assert!(
                    plan.is_some_and(|plan| plan.measured.concat().contains(row)),
                    "{row}"
                );
            }
        }
        let measured: Vec<&str> = PLANS
            .iter()
            .flat_map(|plan| plan.measured.concat())
            .collect();
        assert_eq!(measured.len(), ORDER.len());
        assert!(measured.iter().all(|row| ORDER.contains(row)));
    }

    #[test]
    fn a_recipe_names_what_the_row_is_given() {
        let options = Options::read(["--work", "w"].map(str::to_owned).into_iter()).unwrap();
        let plan = PLANS.iter().find(|plan| plan.name == "SynCtxInd").unwrap();
        let recipe = plan.recipe(&MAIL, &options);
        assert!(recipe.starts_with(
            "examples = \"../../data-doc-bm25\"\n\
             summaries = { model = \"w/mail/stages/summarizer/model\" }\nkeywords = \"ind\"\n"
        ));
        assert!(recipe.contains("[tasks]\ngeneration = 1.0\n[training]\nsteps = 400\nbatch = 8\n"));
    }
}
