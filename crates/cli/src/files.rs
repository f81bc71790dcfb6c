//! Files and standard input that commands read, and files they write: whole or not at all, and
//! readable by their owner alone, as they may hold somebody's texts.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::options::is_stdin;

/// A file, or standard input for `-`; `.zst` is decompressed.
pub(crate) fn reader(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if is_stdin(path) {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = fs_err::File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        let decoder = zstd::Decoder::new(file)
            .with_context(|| format!("cannot decompress `{}`", path.display()))?;
        return Ok(Box::new(BufReader::new(decoder)));
    }
    Ok(Box::new(BufReader::new(file)))
}

/// All of a text file or of standard input.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut reader = reader(path)?;
    reader.read_to_string(&mut text).map_err(|error| {
        if error.kind() == io::ErrorKind::InvalidData {
            Failure::new("invalid_utf8", format!("{} is not UTF-8", shown(path)))
                .hint("convert it first, for example with `iconv -t UTF-8`")
                .into()
        } else {
            anyhow::Error::new(error).context(format!("cannot read {}", shown(path)))
        }
    })?;
    Ok(text)
}

/// Calls `each` with every line of JSON and its number; blank lines are passed over.
pub(crate) fn json_lines<T: DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(usize, T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for line in json_lines_of_file(path)? {
        let (number, value) = line?;
        each(number, value)?;
    }
    Ok(())
}

/// The values of JSON Lines, each with its line's number, as they are read.
pub(crate) fn json_lines_of_file<T: DeserializeOwned>(
    path: &Path,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<(usize, T)>>> {
    let mut reader = reader(path)?;
    let mut line = Vec::new();
    let mut number = 0;
    Ok(std::iter::from_fn(move || {
        loop {
            line.clear();
            number += 1;
            let read = reader
                .read_until(b'\n', &mut line)
                .with_context(|| format!("cannot read {}", shown(path)));
            match read {
                Err(error) => return Some(Err(error)),
                Ok(0) => return None,
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(_) => return Some(value(&line, number, path).map(|value| (number, value))),
            }
        }
    }))
}

fn value<T: DeserializeOwned>(line: &[u8], number: usize, path: &Path) -> anyhow::Result<T> {
    serde_json::from_slice(line).map_err(|error| {
        let why = without_position(&error);
        Failure::new(
            "invalid_json",
            format!("line {number} of {} cannot be read: {why}", shown(path)),
        )
        .hint("JSON Lines hold one whole JSON object a line: mend that line, or leave it out")
        .into()
    })
}

/// What serde_json says, without the line and column it counts in the line it was given, and
/// without the values it quotes: they may be somebody's text.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text
        .rfind(" at line ")
        .map_or(text.as_str(), |end| &text[..end]);
    if !error.is_data() || text.starts_with("missing field") {
        return text.to_owned();
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("a field has the wrong type, expected {expected}"),
        None => "its fields are not the expected ones".to_owned(),
    }
}

/// Lines that are all JSON strings are those strings; otherwise they are themselves.
pub(crate) fn strings_or_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let parsed: Result<Vec<String>, _> = lines
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect();
    match parsed {
        Ok(strings) if !strings.is_empty() => strings,
        _ => lines.into_iter().map(str::to_owned).collect(),
    }
}

/// Makes a folder that only its owner can enter, where there is none yet or an empty one; one that
/// holds something keeps its permissions, since it is not ours alone.
pub(crate) fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .with_context(|| format!("cannot make the folder `{}`", path.display()))?;
    #[cfg(unix)]
    if fs_err::read_dir(path)?.next().is_none() {
        let owner_alone = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs_err::set_permissions(path, owner_alone)?;
    }
    Ok(())
}

/// Makes a file anew that only its owner can read and write.
pub(crate) fn create_private(path: &Path) -> anyhow::Result<File> {
    // An old file would keep the permissions it has.
    remove(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// Deletes a file, if it is there.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a file by way of a neighbour, so that it is there whole or not at all; only its owner can
/// read it.
pub(crate) fn write_whole(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write in `{}`", folder.display()))?;
    file.write_all(contents)?;
    file.persist(path)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}

/// One JSON value a line.
pub(crate) fn json_lines_of<T: Serialize>(values: &[T]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for value in values {
        serde_json::to_writer(&mut bytes, value)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".to_owned()
    } else {
        format!("`{}`", path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_that_is_no_json_string_makes_all_plain() {
        assert_eq!(strings_or_lines("\"a\\nb\"\n\"c\""), ["a\nb", "c"]);
        assert_eq!(strings_or_lines("\"a\"\nb\n"), ["\"a\"", "b"]);
        assert_eq!(strings_or_lines(""), Vec::<String>::new());
    }
}
