//! The immutable indexes of an author's documents: stored, loaded, merged, freed of what was removed.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use idiolect_core::{Document, Encoder, Span, snippets};
use idiolect_retrieval::{
    Analyzer, Segment, SegmentDocument, SegmentError, SegmentPart, Vectors, merge,
};
use rusqlite::blob::Blob;
use rusqlite::{Connection, MAIN_DB, OptionalExtension, params};

use crate::past::Snapshot;
use crate::{Damage, Error};

/// More segments than this of one author, encoder and tier are merged.
const MOST_OF_A_TIER: usize = 3;
/// Smaller segments are of the lowest tier; each further tier reaches to four times the size.
const LOWEST_TIER: u64 = 32 << 10;
/// A larger segment is merged with no other: a merge holds what it reads and what it makes.
const LARGEST_TO_MERGE: u64 = 16 << 20;
/// Documents embedded and indexed at once; bounds the memory that vectors take.
const DOCUMENTS_AT_ONCE: usize = 4_096;

/// A document that is to be indexed.
pub(crate) struct Unindexed<'a> {
    pub(crate) author: i64,
    pub(crate) document: SegmentDocument<'a>,
}

impl<'a> Unindexed<'a> {
    /// `key` is the document's place in the order of import.
    pub(crate) fn new(author: i64, key: i64, document: &'a Document, cut: &'a Cut) -> Self {
        Self {
            author,
            document: SegmentDocument {
                id: &document.id,
                date: document.date,
                n: document.n,
                sequence: key as u64,
                content: &cut.content,
                snippets: &cut.spans,
            },
        }
    }
}

/// Content and snippets of a document, kept while it is indexed.
pub(crate) struct Cut {
    pub(crate) content: String,
    pub(crate) spans: Vec<Span>,
}

impl Cut {
    pub(crate) fn of(document: &Document) -> Self {
        let content = document.content().into_owned();
        let spans = snippets(&content);
        Self { content, spans }
    }
}

/// A segment and where it is stored.
pub(crate) struct Held {
    key: i64,
    pub(crate) part: SegmentPart,
}

/// Makes segments of `documents`, those of one author side by side, and stores them. All texts go
/// to the encoder together, whoever wrote them: it is fastest with many at once.
pub(crate) fn add(
    connection: &Connection,
    documents: &[Unindexed<'_>],
    encoder: Option<&dyn Encoder>,
) -> Result<(), Error> {
    for some in documents.chunks(DOCUMENTS_AT_ONCE) {
        let mut vectors = match encoder {
            Some(encoder) => {
                let plain: Vec<_> = some.iter().map(|one| one.document.clone()).collect();
                Some(Vectors::embed(&plain, encoder).map_err(Error::Encoder)?)
            }
            None => None,
        };
        for of_one in some.chunk_by(|a, b| a.author == b.author) {
            let plain: Vec<_> = of_one.iter().map(|one| one.document.clone()).collect();
            let snippets: usize = plain.iter().map(|document| document.snippets.len()).sum();
            let theirs = vectors.as_mut().map(|all| Vectors {
                encoder: all.encoder.clone(),
                dimensions: all.dimensions,
                documents: all.documents.drain(..plain.len()).collect(),
                snippets: all.snippets.drain(..snippets).collect(),
            });
            let bytes = Segment::build(&plain, theirs.as_ref(), Analyzer::English)?;
            let encoder = theirs.as_ref().map(|vectors| vectors.encoder.as_str());
            insert(connection, of_one[0].author, plain.len(), encoder, &bytes)?;
        }
    }
    Ok(())
}

/// How much of a segment is read at once.
#[derive(Clone, Copy)]
pub(crate) enum Extent<'a> {
    /// All of it.
    Whole,
    /// Its index; its vectors never.
    Index,
    /// Its index; its vectors from here when a ranking asks for them.
    IndexOf(&'a Arc<Snapshot>),
}

/// All segments of an author, as much of each as is wanted, and checked.
pub(crate) fn load(
    connection: &Connection,
    author: i64,
    name: &str,
    extent: Extent<'_>,
) -> Result<Vec<Held>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT key FROM segments WHERE author = ?1 ORDER BY key")?;
    let keys: Vec<i64> = statement
        .query_map([author], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    keys.into_iter()
        .map(|key| held(connection, author, name, key, extent))
        .collect()
}

/// One segment of an author.
fn held(
    connection: &Connection,
    author: i64,
    name: &str,
    key: i64,
    extent: Extent<'_>,
) -> Result<Held, Error> {
    let disagreement = || {
        Err(Error::Damaged(Damage::Disagreement {
            author: name.to_owned(),
        }))
    };
    // What the row itself says, not the index: a damaged one may point at another's segment.
    let theirs: Option<i64> = connection
        .prepare_cached("SELECT author FROM segments WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    if theirs != Some(author) {
        return disagreement();
    }
    let blob = connection.blob_open(MAIN_DB, "segments", "bytes", key, true)?;
    let segment = open(&blob, key, extent)?.map_err(|error| damaged(name, error))?;
    let removed: Vec<u32> = connection
        .prepare_cached("SELECT document FROM tombstones WHERE segment = ?1")?
        .query_map([key], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if removed.iter().any(|&at| at as usize >= segment.documents()) {
        return disagreement();
    }
    let part = SegmentPart { segment, removed };
    Ok(Held { key, part })
}

fn open(
    blob: &Blob<'_>,
    key: i64,
    extent: Extent<'_>,
) -> Result<Result<Segment, SegmentError>, Error> {
    let snapshot = match extent {
        Extent::Whole => return Ok(Segment::open(bytes(blob, 0..blob.len())?)),
        Extent::Index => None,
        Extent::IndexOf(snapshot) => Some(Arc::clone(snapshot)),
    };
    let header = bytes(blob, 0..blob.len().min(Segment::HEADER_BYTES))?;
    let end = match Segment::index_bytes(&header) {
        Ok(end) if end <= blob.len() => end,
        Ok(_) => return Ok(Err(SegmentError::Checksum)),
        Err(error) => return Ok(Err(error)),
    };
    let read_vectors = move || match &snapshot {
        Some(snapshot) => Ok(snapshot.with(|connection| {
            let blob = connection.blob_open(MAIN_DB, "segments", "bytes", key, true)?;
            bytes(&blob, end..blob.len())
        })?),
        None => Err(SegmentError::VectorsUnread.into()),
    };
    Ok(Segment::open_index(bytes(blob, 0..end)?, read_vectors))
}

/// Part of a blob, read to where it stays: a row's value would be copied twice more, and it may
/// have tens of megabytes.
fn bytes(blob: &Blob<'_>, part: Range<usize>) -> Result<Arc<[u8]>, Error> {
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, part.len()).collect();
    if let Some(unshared) = Arc::get_mut(&mut bytes) {
        blob.read_at_exact(unshared, part.start)?;
    }
    Ok(bytes)
}

/// Ids of the documents that are indexed and not removed, in their order as strings; one that is
/// indexed twice comes twice.
pub(crate) fn ids(held: &[Held]) -> Vec<&str> {
    let mut found = Vec::new();
    for Held { part, .. } in held {
        let removed: HashSet<u32> = part.removed.iter().copied().collect();
        let left = (0..part.segment.documents()).filter(|&at| !removed.contains(&(at as u32)));
        found.extend(left.map(|at| part.segment.id(at)));
    }
    found.sort_unstable();
    found
}

/// Marks documents of an author as removed wherever they are indexed.
pub(crate) fn bury(
    connection: &Connection,
    author: i64,
    name: &str,
    ids: &[String],
) -> Result<(), Error> {
    let mut insert = connection.prepare_cached("INSERT INTO tombstones VALUES (?1, ?2)")?;
    let mut buried = 0;
    for Held { key, part } in load(connection, author, name, Extent::Index)? {
        let removed: HashSet<u32> = part.removed.iter().copied().collect();
        let positions: HashMap<&str, usize> = (0..part.segment.documents())
            .filter(|&at| !removed.contains(&(at as u32)))
            .map(|at| (part.segment.id(at), at))
            .collect();
        for at in ids.iter().filter_map(|id| positions.get(id.as_str())) {
            insert.execute(params![key, *at as i64])?;
            buried += 1;
        }
    }
    if buried == ids.len() {
        Ok(())
    } else {
        Err(Error::Damaged(Damage::Disagreement {
            author: name.to_owned(),
        }))
    }
}

/// Writes all segments anew that hold removed documents: no byte of these stays in them.
pub(crate) fn drop_buried(connection: &Connection) -> Result<(), Error> {
    write_anew(connection, "s.key IN (SELECT segment FROM tombstones)")
}

/// Writes all segments anew, in the version of this software.
pub(crate) fn renew(connection: &Connection) -> Result<(), Error> {
    write_anew(connection, "TRUE")
}

fn write_anew(connection: &Connection, which: &str) -> Result<(), Error> {
    let mut statement = connection.prepare(&format!(
        "SELECT s.key, s.author, a.name FROM segments s JOIN authors a ON a.key = s.author
         WHERE {which} ORDER BY s.key"
    ))?;
    let segments: Vec<(i64, i64, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (key, author, name) in segments {
        let held = held(connection, author, &name, key, Extent::Whole)?;
        replace(connection, author, &[held])?;
    }
    Ok(())
}

/// Merges the author's segments of a tier where there are more than a few, so that a search opens
/// few and a document is written again only a few times in its life: both grow with the logarithm
/// of how many there are. Segments of which most is removed are written anew.
pub(crate) fn tidy(connection: &Connection, author: i64, name: &str) -> Result<(), Error> {
    let mut by_encoder: HashMap<Option<String>, Vec<Size>> = HashMap::new();
    let mut mostly_removed = Vec::new();
    for (encoder, size) in sizes(connection, author)? {
        if size.removed * 2 > size.documents {
            mostly_removed.push(size.key);
        }
        if size.bytes <= LARGEST_TO_MERGE {
            by_encoder.entry(encoder).or_default().push(size);
        }
    }
    let mut to_merge: Vec<Vec<i64>> = by_encoder
        .into_values()
        .map(crowded)
        .filter(|keys| !keys.is_empty())
        .collect();
    mostly_removed.retain(|key| !to_merge.iter().flatten().any(|merged| merged == key));
    to_merge.extend(mostly_removed.into_iter().map(|key| vec![key]));
    for keys in to_merge {
        let some: Vec<Held> = keys
            .into_iter()
            .map(|key| held(connection, author, name, key, Extent::Whole))
            .collect::<Result<_, _>>()?;
        replace(connection, author, &some)?;
    }
    Ok(())
}

/// What decides about a merge.
struct Size {
    key: i64,
    documents: i64,
    removed: i64,
    bytes: u64,
}

fn sizes(connection: &Connection, author: i64) -> Result<Vec<(Option<String>, Size)>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT s.key, s.documents, (SELECT count(*) FROM tombstones t WHERE t.segment = s.key),
                length(s.bytes), s.encoder
         FROM segments s WHERE s.author = ?1",
    )?;
    let found = statement.query_map([author], |row| {
        Ok((
            row.get(4)?,
            Size {
                key: row.get(0)?,
                documents: row.get(1)?,
                removed: row.get(2)?,
                bytes: row.get(3)?,
            },
        ))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The segments of every tier that has too many, counting what comes of the tiers below.
fn crowded(mut sizes: Vec<Size>) -> Vec<i64> {
    sizes.sort_by_key(|size| (size.bytes, size.key));
    let mut merged = 0;
    let mut chosen = Vec::new();
    for of_tier in sizes.chunk_by(|a, b| tier(a.bytes) == tier(b.bytes)) {
        let one_more = merged > 0 && tier(merged) == tier(of_tier[0].bytes);
        if of_tier.len() + usize::from(one_more) > MOST_OF_A_TIER {
            merged += of_tier.iter().map(|size| size.bytes).sum::<u64>();
            chosen.extend(of_tier.iter().map(|size| size.key));
        }
    }
    chosen
}

fn tier(bytes: u64) -> u32 {
    (bytes / LOWEST_TIER)
        .checked_ilog(4)
        .map_or(0, |tier| tier + 1)
}

/// Puts one segment in the place of some.
fn replace(connection: &Connection, author: i64, held: &[Held]) -> Result<(), Error> {
    let parts: Vec<SegmentPart> = held.iter().map(|held| held.part.clone()).collect();
    let left = |part: &SegmentPart| part.segment.documents() - part.removed.len();
    let documents = parts.iter().map(left).sum();
    if documents > 0 {
        let bytes = merge(&parts)?;
        insert(
            connection,
            author,
            documents,
            parts[0].segment.encoder(),
            &bytes,
        )?;
    }
    let mut delete = connection.prepare_cached("DELETE FROM segments WHERE key = ?1")?;
    for held in held {
        delete.execute([held.key])?;
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    author: i64,
    documents: usize,
    encoder: Option<&str>,
    bytes: &[u8],
) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO segments (author, documents, encoder, bytes)
         VALUES (?1, ?2, ?3, zeroblob(?4))",
    )?;
    // As a value of the statement the bytes would be copied twice.
    let key = statement.insert(params![author, documents, encoder, bytes.len()])?;
    let mut blob = connection.blob_open(MAIN_DB, "segments", "bytes", key, false)?;
    blob.write_all_at(bytes, 0)?;
    Ok(())
}

fn damaged(author: &str, error: SegmentError) -> Error {
    Error::Damaged(Damage::Segment {
        author: author.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Imports segments of `bytes` one after the other, as many as `imports`; gives the most there
    /// were at once and how often a byte was written again.
    fn imported(bytes: u64, imports: usize) -> (usize, f64) {
        let mut segments: Vec<u64> = Vec::new();
        let (mut most, mut written) = (0, 0);
        for _ in 0..imports {
            segments.push(bytes);
            let sizes = segments.iter().zip(0..).map(|(&bytes, key)| Size {
                key,
                documents: 1,
                removed: 0,
                bytes,
            });
            let chosen = crowded(sizes.collect());
            let merged: u64 = chosen.iter().map(|&key| segments[key as usize]).sum();
            for &key in &chosen {
                segments[key as usize] = 0;
            }
            segments.push(merged);
            segments.retain(|&bytes| bytes > 0);
            written += merged;
            most = most.max(segments.len());
        }
        let again = written as f64 / (bytes * imports as u64) as f64;
        (most, again)
    }

    #[test]
    fn segments_and_merges_grow_with_the_logarithm_of_imports() {
        for (bytes, imports) in [
            (2_400, 100),
            (2_400, 1_000),
            (2_400, 20_000),
            (450_000, 300),
        ] {
            let (most, again) = imported(bytes, imports);
            let tiers = tier(bytes * imports as u64) as usize + 1;
            let seen =
                format!("{imports} of {bytes} bytes: {most} segments, written {again:.1} times");
            assert!(most <= MOST_OF_A_TIER * tiers, "{seen}");
            assert!(again <= 2.0 + (imports as f64).log2() / 2.0, "{seen}");
        }
    }
}
