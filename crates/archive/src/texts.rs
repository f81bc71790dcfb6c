//! The texts of documents as they are stored: long ones compressed, which takes a quarter of an
//! archive away.

use std::borrow::Cow;
use std::cell::RefCell;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use zstd::bulk::{Compressor, Decompressor};

use crate::Error;

/// Texts of fewer bytes stay as they are: there is little to gain.
const COMPRESSED_FROM: usize = 512;
const LEVEL: i32 = 3;

/// A text as it is stored.
pub(crate) enum Packed<'a> {
    Plain(&'a str),
    Compressed(Vec<u8>),
}

/// Makes [`Packed`] texts, one after the other.
pub(crate) struct Packer {
    compressor: Compressor<'static>,
}

impl Packer {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            compressor: Compressor::new(LEVEL)?,
        })
    }

    pub(crate) fn pack<'a>(&mut self, text: &'a str) -> Result<Packed<'a>, Error> {
        if text.len() < COMPRESSED_FROM {
            return Ok(Packed::Plain(text));
        }
        let compressed = self.compressor.compress(text.as_bytes())?;
        Ok(if compressed.len() < text.len() {
            Packed::Compressed(compressed)
        } else {
            Packed::Plain(text)
        })
    }
}

impl ToSql for Packed<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Plain(text) => ValueRef::Text(text.as_bytes()),
            Self::Compressed(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Reads what [`Packer::pack`] made of a text of at most `characters` Unicode scalar values.
pub(crate) fn unpack(stored: ValueRef<'_>, characters: usize) -> rusqlite::Result<String> {
    let unreadable = |error| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, error);
    let bytes = match stored {
        ValueRef::Text(bytes) => Cow::Borrowed(bytes),
        ValueRef::Blob(bytes) => {
            let most = characters.saturating_mul(4).min(LONGEST_TEXT);
            Cow::Owned(unpacked(bytes, most).map_err(|error| unreadable(error.into()))?)
        }
        other => {
            let error = rusqlite::types::FromSqlError::InvalidType;
            return Err(rusqlite::Error::FromSqlConversionFailure(
                0,
                other.data_type(),
                error.into(),
            ));
        }
    };
    String::from_utf8(bytes.into_owned()).map_err(|error| unreadable(error.into()))
}

/// What was compressed, of `most` bytes. A decompressor is kept for each thread: making one takes longer
/// than it takes to unpack a mail.
fn unpacked(bytes: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    thread_local! {
        static KEPT: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    KEPT.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(kept) => kept,
            None => kept.insert(Decompressor::new()?),
        };
        decompressor.decompress(bytes, most)
    })
}

/// SQLite stores no longer one.
const LONGEST_TEXT: usize = 1_000_000_000;
