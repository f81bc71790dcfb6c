//! What SumCtxInd's summarizer learns from: general texts and their summaries, and no user (paper
//! §4.3). Dialogues, mails with their subjects, reviews with their titles, papers, posts.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result};
use idiolect_core::first_characters;
use idiolect_models::Tokenizer;
use idiolect_pipeline::{PAST_CHARACTERS, Prompt};
use idiolect_training::features::Featurizer;
use serde::Deserialize;
use serde_json::json;

use crate::options::Options;
use crate::plan::{INPUT, STAGE_TARGET};

const PACKS: [&str; 2] = ["summaries", "summaries_clean"];

#[derive(Deserialize)]
struct Summarized {
    document: String,
    summary: String,
}

/// Writes as many pairs as the other stages learn from, taken evenly from the packs, as the ids that
/// the starting model reads.
pub(crate) fn write(options: &Options, to: &Path) -> Result<()> {
    let tokenizer = Tokenizer::from_bytes(&fs_err::read(options.start.join("tokenizer.json"))?)?;
    let end = idiolect_models::folder::read_config(&options.start)?.eos_token_id;
    let featurizer = Featurizer {
        tokenizer: &tokenizer,
        end,
        input: INPUT,
        target: STAGE_TARGET,
    };
    let mut pairs: Vec<Summarized> = Vec::new();
    for pack in PACKS {
        let path = options.data.join(format!("{pack}.jsonl.zst"));
        let file = fs_err::File::open(&path)?;
        let reader =
            zstd::Decoder::new(file).with_context(|| format!("{} is not zstd", path.display()))?;
        for line in BufReader::new(reader).lines() {
            pairs.push(serde_json::from_str(&line?)?);
        }
    }
    let every = (pairs.len() / options.train.max(1)).max(1);
    let mut file = std::io::BufWriter::new(fs_err::File::create(to)?);
    for pair in pairs.iter().step_by(every).take(options.train) {
        let text = first_characters(&pair.document, PAST_CHARACTERS);
        let made = featurizer.answer(&Prompt::summary(None, text), &pair.summary);
        writeln!(
            file,
            "{}",
            json!({ "input_ids": made.input, "labels": made.target })
        )?;
    }
    file.flush()?;
    Ok(())
}
