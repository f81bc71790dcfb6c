//! How far something compressed may unfold: a few kilobytes can stand for terabytes.

use std::cell::Cell;
use std::io::{self, Read};

use crate::Reason;

/// How many times its size something may unfold to. Mail and pages are a few times smaller when
/// compressed, repetitive tables twenty times; what is made to fill a disk, a thousand times and more.
const MOST_TIMES: u64 = 200;

/// What anything may unfold to, however small it is.
const ANYWAY: u64 = 64 << 20;

/// To how many bytes so many may unfold.
pub(crate) fn most_of(size: u64) -> u64 {
    ANYWAY.max(size.saturating_mul(MOST_TIMES))
}

/// What a reader says that has unfolded more.
pub(crate) fn too_much() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        Reason::Bomb { times: MOST_TIMES },
    )
}

/// Counts what is read of something compressed.
pub(crate) struct Folded<'a, R> {
    pub(crate) inner: R,
    pub(crate) read: &'a Cell<u64>,
}

impl<R: Read> Read for Folded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

/// Unfolds a stream, and stops where it is too much for what was read of the stream so far.
pub(crate) struct Unfolding<'a, R> {
    inner: R,
    folded: &'a Cell<u64>,
    unfolded: u64,
}

impl<'a, R> Unfolding<'a, R> {
    /// `inner` reads from a [`Folded`] that counts in `folded`.
    pub(crate) fn new(inner: R, folded: &'a Cell<u64>) -> Self {
        Self {
            inner,
            folded,
            unfolded: 0,
        }
    }
}

impl<R: Read> Read for Unfolding<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.unfolded += read as u64;
        if self.unfolded > most_of(self.folded.get()) {
            return Err(too_much());
        }
        Ok(read)
    }
}
