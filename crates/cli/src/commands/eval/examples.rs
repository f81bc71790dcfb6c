//! Which held-out documents are measured.

use std::collections::BTreeMap;
use std::path::Path;

use idiolect_core::Ranking;
use idiolect_training::examples::{BuildOptions, Example, Split, build_examples, survey};
use idiolect_training::labels::Alike;
use serde::Deserialize;

use crate::commands::data;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::open::as_encoder;

/// Examples, and how the past in them was ranked where that is known.
pub(super) struct Examples {
    pub(super) examples: Vec<Example>,
    pub(super) built_with: Option<BuiltWith>,
}

/// How past passages were ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct BuiltWith {
    pub(crate) ranking: Ranking,
    /// Whether near duplicates were left out.
    #[serde(default)]
    pub(crate) diverse: bool,
}

/// From a folder of `data build`, one file of it, or, without a path, the archive.
pub(super) fn examples(
    path: Option<&Path>,
    split: Split,
    options: &BuildOptions,
    context: &Context,
) -> anyhow::Result<Examples> {
    let found = match path {
        None => from_archive(split, options, context)?,
        Some(path) if path.is_dir() => Examples {
            examples: read(&path.join(format!("{}.jsonl.zst", split.name())))?,
            built_with: Some(manifest(path)?.options),
        },
        Some(path) => Examples {
            examples: read(path)?,
            built_with: path
                .parent()
                .and_then(|folder| manifest(folder).ok())
                .map(|manifest| manifest.options),
        },
    };
    if found.examples.is_empty() {
        let name = split.name();
        return Err(
            Failure::new("no_examples", format!("there is no example in `{name}`"))
                .hint("choose another `--split`, or build with other shares")
                .into(),
        );
    }
    Ok(found)
}

#[derive(Deserialize)]
struct Manifest {
    options: BuiltWith,
}

fn manifest(folder: &Path) -> anyhow::Result<Manifest> {
    let path = data::manifest(folder)?;
    Ok(serde_json::from_str(&files::text(&path)?)?)
}

fn read(path: &Path) -> anyhow::Result<Vec<Example>> {
    let mut examples = Vec::new();
    files::json_lines(path, |_, example| {
        examples.push(example);
        Ok(())
    })?;
    Ok(examples)
}

fn from_archive(
    split: Split,
    options: &BuildOptions,
    context: &Context,
) -> anyhow::Result<Examples> {
    let archive = context.settings.archive()?;
    let authors: Vec<String> = archive
        .authors()?
        .into_iter()
        .map(|summary| summary.author)
        .collect();
    let mut load = |author: &str| Ok(archive.documents(author)?);
    let survey = survey(&authors, &mut load, options)?;
    let encoder = if options.ranking.is_dense() {
        context.settings.encoder()?
    } else {
        None
    };
    let mut examples = Vec::new();
    build_examples(
        &survey,
        &mut load,
        &Alike::default(),
        as_encoder(encoder.as_ref()),
        options,
        &mut |of, example| {
            if of == split {
                examples.push(example.clone());
            }
            Ok(())
        },
    )?;
    Ok(Examples {
        examples,
        built_with: Some(BuiltWith {
            ranking: options.ranking,
            diverse: options.diverse,
        }),
    })
}

/// At most `limit` examples, spread over authors: one of each in an order drawn by the seed, then a
/// second of each, and so on. The result is in the order of the examples.
pub(super) fn spread(examples: Vec<Example>, limit: Option<usize>, seed: u64) -> Vec<Example> {
    let Some(limit) = limit.filter(|&limit| limit < examples.len()) else {
        return examples;
    };
    let mut by_author: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, example) in examples.iter().enumerate() {
        by_author.entry(&example.author).or_default().push(i);
    }
    let mut turns: Vec<(usize, u64, usize)> = Vec::new();
    for (author, mut places) in by_author {
        places.sort_by_key(|&i| drawn(seed, &examples[i].id));
        let of_author = drawn(seed, author);
        turns.extend(
            places
                .into_iter()
                .enumerate()
                .map(|(turn, i)| (turn, of_author, i)),
        );
    }
    turns.sort_unstable();
    let mut kept: Vec<bool> = vec![false; examples.len()];
    for &(_, _, i) in turns.iter().take(limit) {
        kept[i] = true;
    }
    examples
        .into_iter()
        .zip(kept)
        .filter_map(|(example, kept)| kept.then_some(example))
        .collect()
}

/// A number that depends on seed and name alone, in every version: FNV-1a with a last mixing.
pub(crate) fn drawn(seed: u64, name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.to_le_bytes().into_iter().chain(name.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use idiolect_training::examples::Half;

    use super::*;

    fn example(author: &str, n: usize) -> Example {
        Example {
            id: format!("{author}/{n}"),
            author: author.to_owned(),
            document: n.to_string(),
            date: None,
            past_documents: n,
            immediate_context: String::new(),
            entries: Vec::new(),
            past_passages: String::new(),
            summary_label: String::new(),
            summary_label_snippets: Vec::new(),
            keyword_label: Vec::new(),
            keywords_ind: Vec::new(),
            target: String::new(),
            half: Half::A,
        }
    }

    #[test]
    fn a_limit_takes_one_of_each_author_first() {
        let examples: Vec<Example> = ["ana", "ben", "cleo"]
            .iter()
            .flat_map(|author| (0..5).map(move |n| example(author, n)))
            .collect();
        let few = spread(examples.clone(), Some(3), 1);
        let authors: BTreeSet<&str> = few.iter().map(|one| one.author.as_str()).collect();
        assert_eq!((few.len(), authors.len()), (3, 3));
        assert_eq!(spread(examples.clone(), Some(3), 1), few);
        assert_eq!(spread(examples.clone(), Some(99), 1), examples);
        assert_eq!(spread(examples.clone(), None, 1), examples);
    }
}
