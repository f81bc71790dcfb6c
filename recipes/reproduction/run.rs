//! From packs to the results of each row, by the commands that anybody has.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::options::Options;
use crate::paper::{Corpus, Table};
use crate::plan::{
    Keywords, PLANS, Plan, Stage, Task, corpus_folder, independent_options, stage_place,
    stage_recipe,
};
use crate::summaries;

/// Makes the rows of a table that are not there yet.
pub(crate) fn table(table: &Table, options: &Options) -> Result<()> {
    let named: Vec<&str> = if options.rows.is_empty() {
        table.rows.to_vec()
    } else if options.rows == ["all"] {
        PLANS.iter().map(|plan| plan.name).collect()
    } else {
        options.rows.iter().map(String::as_str).collect()
    };
    let mut plans = Vec::new();
    for name in named {
        match PLANS
            .iter()
            .find(|plan| plan.name.eq_ignore_ascii_case(name))
        {
            Some(plan) => plans.push(plan),
            None => bail!("there is no row `{name}` to be trained"),
        }
    }
    let work = Work::open(table.corpus, options)?;
    for (place, plan) in plans.iter().enumerate() {
        if plan.task == Task::Nothing && options.endpoint.is_empty() {
            println!("{}: left out, it needs --endpoint or --answers", plan.name);
            continue;
        }
        if work.is_measured(plan) {
            println!("{}: there already", plan.name);
            continue;
        }
        work.row(plan)?;
        work.clean(plan, &plans[place + 1..])?;
    }
    println!("`recipes/reproduction-report` makes the page");
    Ok(())
}

/// One corpus while it is worked on.
struct Work<'a> {
    corpus: &'a Corpus,
    options: &'a Options,
    folder: PathBuf,
    idiolect: PathBuf,
}

impl<'a> Work<'a> {
    fn open(corpus: &'a Corpus, options: &'a Options) -> Result<Self> {
        let folder = corpus_folder(corpus, options);
        fs_err::create_dir_all(&folder)?;
        let settings = folder.join("settings.json");
        let wanted = options.settings()?;
        match fs_err::read_to_string(&settings) {
            Ok(text) => {
                if serde_json::from_str::<Value>(&text)? != wanted {
                    bail!(
                        "{} was begun with other settings: name another --work, or remove it",
                        folder.display()
                    );
                }
            }
            Err(_) => fs_err::write(&settings, format!("{wanted:#}\n"))?,
        }
        let beside = std::env::current_exe()?.with_file_name("idiolect");
        if !beside.exists() {
            bail!("build the command first: cargo build --release");
        }
        Ok(Self {
            corpus,
            options,
            folder,
            idiolect: beside,
        })
    }

    fn row(&self, plan: &Plan) -> Result<()> {
        let ranking = plan.ranking.unwrap_or(self.corpus.ranking);
        self.examples(self.corpus.ranking)?;
        self.examples(ranking)?;
        let stages = self.stages(plan)?;
        let folder = self.folder.join("rows").join(plan.name);
        fs_err::create_dir_all(&folder)?;
        let model = if plan.task == Task::Nothing {
            self.options.start.clone()
        } else {
            if plan.task == Task::WithDistinction {
                self.beside_examples("pairs", ranking)?;
            }
            if plan.task == Task::Users {
                self.beside_examples("users", ranking)?;
            }
            let recipe = plan.recipe(self.corpus, self.options);
            self.train(&folder, plan.name, &[], Some(&recipe))?
        };
        for rows in plan.measured {
            self.measure(plan, rows, &model, &stages)?;
        }
        Ok(())
    }

    /// The stages' models that a row needs, trained where they are not there yet, as options of
    /// `eval`.
    fn stages(&self, plan: &Plan) -> Result<Vec<String>> {
        let synthesizer = (plan.keywords == Keywords::Ctx).then_some(Stage::Synthesizer);
        let mut found = Vec::new();
        for stage in plan.summaries.into_iter().chain(synthesizer) {
            let folder = self.folder.join("stages").join(stage.name());
            fs_err::create_dir_all(&folder)?;
            if stage == Stage::Independent {
                let pairs = folder.join("pairs.jsonl");
                if !pairs.exists() {
                    let unfinished = folder.join("pairs.unfinished");
                    summaries::write(self.options, &unfinished)?;
                    fs_err::rename(unfinished, &pairs)?;
                }
                let mut arguments = vec!["--examples".to_owned(), shown(&pairs)];
                arguments.extend(independent_options(self.options));
                self.train(&folder, stage.name(), &arguments, None)?;
            } else {
                let recipe = stage_recipe(stage, self.corpus, self.options);
                self.train(&folder, stage.name(), &[], Some(&recipe))?;
            }
            let option = match stage {
                Stage::Synthesizer => "--synthesizer",
                Stage::Summarizer | Stage::Independent => "--summarizer",
            };
            found.push(option.to_owned());
            found.push(stage_place(self.corpus, self.options, stage));
        }
        Ok(found)
    }

    /// A trained model's folder: `FOLDER/model`. `trained` beside it says that it is finished.
    fn train(
        &self,
        folder: &Path,
        name: &str,
        arguments: &[String],
        recipe: Option<&str>,
    ) -> Result<PathBuf> {
        let model = folder.join("model");
        let finished = folder.join("trained");
        if finished.exists() {
            return Ok(model);
        }
        let mut all = vec!["train".to_owned()];
        if let Some(recipe) = recipe {
            let path = folder.join("recipe.toml");
            fs_err::write(&path, recipe)?;
            all.extend(["--recipe".to_owned(), shown(&path)]);
        }
        all.extend(arguments.iter().cloned());
        all.extend(["--model".to_owned(), shown(&self.options.start)]);
        all.extend(["--out".to_owned(), shown(&model), "--resume".to_owned()]);
        self.run(&format!("train {name}"), &all)?;
        fs_err::write(&finished, "")?;
        for part in ["cache", "checkpoint", "best"] {
            remove(&model.join(part))?;
        }
        Ok(model)
    }

    fn measure(&self, plan: &Plan, rows: &[&str], model: &Path, stages: &[String]) -> Result<()> {
        let out = self.results(rows);
        if out.join("table.json").exists() {
            return Ok(());
        }
        let mut all: Vec<String> = ["eval", "--split", "test", "--rows"]
            .map(str::to_owned)
            .to_vec();
        all.push(rows.join(","));
        all.extend(["--archive".to_owned(), shown(&self.folder.join("archive"))]);
        all.extend([
            "--examples".to_owned(),
            shown(&self.data(self.corpus.ranking)),
        ]);
        all.extend(["--ranking".to_owned(), self.corpus.ranking.to_owned()]);
        all.extend(["--limit".to_owned(), self.options.limit.to_string()]);
        all.extend(["--model".to_owned(), shown(model)]);
        all.extend(stages.iter().cloned());
        if plan.task == Task::Nothing {
            all.extend(self.options.endpoint.iter().cloned());
        }
        all.extend(["--out".to_owned(), shown(&out)]);
        self.run(&format!("eval {}", rows[rows.len() - 1]), &all)
    }

    fn results(&self, rows: &[&str]) -> PathBuf {
        self.folder.join("results").join(rows[rows.len() - 1])
    }

    fn is_measured(&self, plan: &Plan) -> bool {
        plan.measured
            .iter()
            .all(|rows| self.results(rows).join("table.json").exists())
    }

    /// The examples of one ranking, and the archive behind them.
    fn examples(&self, ranking: &str) -> Result<()> {
        let archive = self.folder.join("archive");
        let imported = self.folder.join("imported");
        if !imported.exists() {
            for pack in self.corpus.packs {
                let path = self.pack(pack)?;
                let arguments = ["import", &shown(&path), "--archive", &shown(&archive)];
                self.run("import", &arguments.map(str::to_owned))?;
            }
            fs_err::write(&imported, "")?;
        }
        let data = self.data(ranking);
        if !data.join("manifest.json").exists() {
            let arguments = [
                "data",
                "build",
                "--archive",
                &shown(&archive),
                "--out",
                &shown(&data),
                "--ranking",
                ranking,
            ];
            self.run(
                &format!("data build {ranking}"),
                &arguments.map(str::to_owned),
            )?;
        }
        Ok(())
    }

    /// A pack's file, or its beginning.
    fn pack(&self, pack: &str) -> Result<PathBuf> {
        let path = self.options.data.join(format!("{pack}.jsonl.zst"));
        let Some(documents) = self.options.documents else {
            return Ok(path);
        };
        let to = self.folder.join(format!("{pack}.jsonl"));
        let reader = zstd::Decoder::new(fs_err::File::open(&path)?)
            .with_context(|| format!("{} is not zstd", path.display()))?;
        let mut file = fs_err::File::create(&to)?;
        for line in BufReader::new(reader).lines().take(documents) {
            writeln!(file, "{}", line?)?;
        }
        Ok(to)
    }

    /// `pairs` or `users` beside the examples.
    fn beside_examples(&self, what: &str, ranking: &str) -> Result<()> {
        let data = self.data(ranking);
        if data.join(format!("{what}.jsonl.zst")).exists() {
            return Ok(());
        }
        let archive = shown(&self.folder.join("archive"));
        let arguments = ["data", what, "--archive", &archive, "--out", &shown(&data)];
        self.run(&format!("data {what}"), &arguments.map(str::to_owned))
    }

    fn data(&self, ranking: &str) -> PathBuf {
        self.folder.join(format!("data-{ranking}"))
    }

    /// Runs `idiolect`, and adds the time it took to what this step has cost.
    fn run(&self, step: &str, arguments: &[String]) -> Result<()> {
        println!("{}: idiolect {}", self.corpus.name, arguments.join(" "));
        let begun = Instant::now();
        let status = Command::new(&self.idiolect)
            .arg("--quiet")
            .args(arguments)
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {}", self.idiolect.display()))?;
        let path = self.folder.join("cost.json");
        let mut costs: Value = match fs_err::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => json!({}),
        };
        let before = costs[step].as_f64().unwrap_or(0.0);
        costs[step] = json!(before + begun.elapsed().as_secs_f64());
        let whole = path.with_extension("unfinished");
        fs_err::write(&whole, format!("{costs:#}\n"))?;
        fs_err::rename(whole, &path)?;
        if !status.success() {
            bail!("{step} ended with {status}; the same command goes on from there");
        }
        Ok(())
    }

    /// Removes what no row to come needs. The last row's model stays, as the one to try.
    fn clean(&self, plan: &Plan, next: &[&Plan]) -> Result<()> {
        if plan.name != "AuthorPred" {
            remove(&self.folder.join("rows").join(plan.name))?;
        }
        let ranking = plan.ranking.unwrap_or(self.corpus.ranking);
        let is_needed = next
            .iter()
            .any(|plan| plan.ranking.unwrap_or(self.corpus.ranking) == ranking);
        if ranking != self.corpus.ranking && !is_needed {
            remove(&self.data(ranking))?;
        }
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    Ok(())
}
