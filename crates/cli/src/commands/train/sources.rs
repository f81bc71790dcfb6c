//! The files that a run learns from: read as a stream, tokenized once, and then looked at in a cache.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use idiolect_training::fit::{CacheKey, CacheWriter, Features, Source, TokenCache};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::files;
use crate::options::is_stdin;

/// So many lines are worked on together.
const BLOCK: usize = 512;

/// Takes one example after the other.
pub(super) type Push<'a> = dyn FnMut(&Features) -> anyhow::Result<()> + 'a;

/// Where tasks get their examples.
pub(super) struct Sources<'a> {
    /// Of the caches.
    pub(super) folder: PathBuf,
    /// The tokenizer's file.
    pub(super) vocabulary: &'a [u8],
}

impl Sources<'_> {
    /// Examples made of JSON Lines, a block at a time.
    pub(super) fn of_lines<T: DeserializeOwned>(
        &self,
        name: &str,
        how: &str,
        paths: &[PathBuf],
        mut make: impl FnMut(Vec<T>) -> anyhow::Result<Vec<Features>>,
    ) -> anyhow::Result<Source> {
        self.filled(name, how, paths, |push| {
            let mut block = Vec::new();
            for path in paths {
                files::json_lines(path, |_, line: T| {
                    block.push(line);
                    if block.len() == BLOCK {
                        let made = make(std::mem::take(&mut block))?;
                        made.iter().try_for_each(&mut *push)?;
                    }
                    Ok(())
                })?;
            }
            make(block)?.iter().try_for_each(push)
        })
    }

    /// The examples of a task: those of its cache where it has one for these files and this way of
    /// making them, else made by `fill` and put there.
    pub(super) fn filled(
        &self,
        name: &str,
        how: &str,
        paths: &[PathBuf],
        fill: impl FnOnce(&mut Push<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Source> {
        if paths.iter().any(|path| is_stdin(path)) {
            let mut held = Vec::new();
            fill(&mut |example| {
                held.push(example.clone());
                Ok(())
            })?;
            return Ok(held.into());
        }
        let key = CacheKey::new(&[name.as_bytes(), how.as_bytes(), self.vocabulary], paths)?;
        let place = self.folder.join(format!("{name}-{}.tokens", key.short()));
        if let Some(found) = TokenCache::open(&place, &key)? {
            return Ok(found.into());
        }
        files::make_private_folder(&self.folder)?;
        let mut writer = CacheWriter::create(&place, key)?;
        fill(&mut |example| Ok(writer.push(example)?))?;
        Ok(writer.finish()?.into())
    }
}

/// The files that paths name: themselves, and of a folder those right inside it, in the order of
/// their names.
pub(super) fn files_in(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(inside(path)?);
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

/// `NAME.jsonl.zst` of a folder of training data, or its parts `NAME-….jsonl.zst`; `.jsonl` too.
pub(super) fn shards(folder: &Path, name: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = inside(folder)?;
    found.retain(|path| {
        let file = path
            .file_name()
            .map(|file| file.to_string_lossy().into_owned());
        let stem = file
            .as_deref()
            .and_then(|file| {
                file.strip_suffix(".zst")
                    .unwrap_or(file)
                    .strip_suffix(".jsonl")
            })
            .and_then(|stem| stem.strip_prefix(name));
        stem.is_some_and(|part| part.is_empty() || part.starts_with('-'))
    });
    Ok(found)
}

/// The files right inside a folder, without hidden ones, by name.
fn inside(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && entry.path().is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// A line of JSON that holds a text, as `export` writes it.
#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    title: String,
    text: String,
}

/// Calls `each` with blocks of texts: of JSON Lines each text under its title, of any other file what
/// stands between blank lines.
pub(super) fn each_text(
    paths: &[PathBuf],
    mut each: impl FnMut(&[String]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut block = Vec::new();
    let mut take = |text: String| -> anyhow::Result<()> {
        block.push(text);
        if block.len() == BLOCK {
            each(&block)?;
            block.clear();
        }
        Ok(())
    };
    for path in paths {
        let plain = path.with_extension("");
        let compressed = path.extension().is_some_and(|extension| extension == "zst");
        let named = if compressed { &plain } else { path };
        let lines = named
            .extension()
            .is_some_and(|extension| extension == "jsonl");
        if lines {
            files::json_lines(path, |_, line: Text| {
                let Text { title, text } = line;
                take(if title.is_empty() {
                    text
                } else {
                    format!("{title}\n{text}")
                })
            })?;
        } else {
            paragraphs(path, &mut take)?;
        }
    }
    each(&block)
}

fn paragraphs(
    path: &Path,
    take: &mut dyn FnMut(String) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut paragraph = String::new();
    for line in files::reader(path)?.lines() {
        let line = line.map_err(|error| unreadable(error, path))?;
        if line.trim().is_empty() {
            if !paragraph.is_empty() {
                take(std::mem::take(&mut paragraph))?;
            }
            continue;
        }
        if !paragraph.is_empty() {
            paragraph.push('\n');
        }
        paragraph.push_str(&line);
    }
    if paragraph.is_empty() {
        return Ok(());
    }
    take(paragraph)
}

fn unreadable(error: io::Error, path: &Path) -> anyhow::Error {
    let shown = path.display();
    if error.kind() == io::ErrorKind::InvalidData {
        return Failure::new("invalid_utf8", format!("`{shown}` is not UTF-8"))
            .hint("convert it first, for example with `iconv -t UTF-8`")
            .into();
    }
    anyhow::Error::new(error).context(format!("cannot read `{shown}`"))
}
