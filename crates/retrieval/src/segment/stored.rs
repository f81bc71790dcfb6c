//! Where a segment's vectors are: in memory with its index, or to be read when they are needed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::layout::{Layout, VECTORS_CHECKSUM, u32_at};
use crate::{PastError, SegmentError, TextsError};

type Read = dyn Fn() -> Result<Arc<[u8]>, TextsError> + Send + Sync;

/// A segment's vectors.
pub(super) struct StoredVectors {
    known: OnceLock<Known>,
    read: Option<Box<Read>>,
}

/// Bytes whose end, from `start`, is the vectors; checked.
struct Known {
    bytes: Arc<[u8]>,
    start: usize,
}

impl StoredVectors {
    /// At the end of a segment, whose checksum was found right.
    pub(super) fn checked(bytes: Arc<[u8]>, layout: &Layout) -> Result<Self, SegmentError> {
        let start = layout.index_bytes();
        if bytes.len() - start != layout.vector_bytes() {
            return Err(SegmentError::Inconsistent { part: "counts" });
        }
        Ok(Self {
            known: Known { bytes, start }.into(),
            read: None,
        })
    }

    /// At the end of a segment of version 2 that has this index.
    pub(super) fn with_checksum(
        bytes: Arc<[u8]>,
        index: &[u8],
        layout: &Layout,
    ) -> Result<Self, SegmentError> {
        if u32_at(index, VECTORS_CHECKSUM) != crc32fast::hash(&bytes[layout.index_bytes()..]) {
            return Err(SegmentError::Checksum);
        }
        Self::checked(bytes, layout)
    }

    pub(super) fn to_be_read(read: Box<Read>) -> Self {
        Self {
            known: OnceLock::new(),
            read: Some(read),
        }
    }

    /// Those of the segment with this index; reads them if that was not done before.
    pub(super) fn bytes(&self, index: &[u8], layout: &Layout) -> Result<&[u8], PastError> {
        if layout.vector_bytes() == 0 {
            return Ok(&[]);
        }
        if self.known.get().is_none()
            && let Some(read) = &self.read
        {
            let bytes = read().map_err(PastError::Vectors)?;
            if u32_at(index, VECTORS_CHECKSUM) != crc32fast::hash(&bytes) {
                return Err(SegmentError::Checksum.into());
            }
            if bytes.len() != layout.vector_bytes() {
                return Err(SegmentError::Inconsistent { part: "counts" }.into());
            }
            // Whoever was faster has read the same.
            let _ = self.known.set(Known { bytes, start: 0 });
        }
        Ok(self
            .known
            .get()
            .map_or(&[], |known| &known.bytes[known.start..]))
    }
}

impl fmt::Debug for StoredVectors {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("StoredVectors")
            .field("read", &self.known.get().is_some())
            .finish_non_exhaustive()
    }
}

/// Vectors of 8-bit numbers one behind the other, and the scale of each.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// 4 bytes each.
    pub(crate) scales: &'a [u8],
    /// So many bytes each.
    pub(crate) values: &'a [u8],
    pub(crate) dimensions: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn scale(&self, row: usize) -> f32 {
        f32::from_bits(u32_at(self.scales, 4 * row))
    }

    pub(crate) fn values(&self, row: usize) -> &'a [u8] {
        &self.values[row * self.dimensions..][..self.dimensions]
    }
}
