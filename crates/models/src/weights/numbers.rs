use std::{ops::Deref, sync::Arc};

use memmap2::Mmap;

/// The numbers of a weight: in memory of their own, or where they lie in a file that is mapped.
#[derive(Debug, Clone)]
pub(crate) enum Numbers {
    Own(Vec<f32>),
    Mapped(Mapped),
}

/// Numbers in a mapped file.
#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    file: Arc<Mmap>,
    /// In bytes.
    first: usize,
    length: usize,
}

impl Mapped {
    /// The bytes of a file from `first` on as numbers; `None` where they do not lie there as this
    /// processor reads them.
    pub(super) fn new(file: &Arc<Mmap>, first: usize, length: usize) -> Option<Self> {
        let bytes = file.get(first..first.checked_add(length)?)?;
        bytemuck::try_cast_slice::<u8, f32>(bytes).ok()?;
        cfg!(target_endian = "little").then(|| Self {
            file: Arc::clone(file),
            first,
            length,
        })
    }
}

impl Deref for Numbers {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Own(values) => values,
            Self::Mapped(Mapped {
                file,
                first,
                length,
            }) => bytemuck::cast_slice(&file[*first..first + length]),
        }
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<Vec<f32>> for Numbers {
    fn from(values: Vec<f32>) -> Self {
        Self::Own(values)
    }
}

/// The bytes of a file without reading it.
#[expect(unsafe_code, reason = "weights of any size are used where they lie")]
pub(super) fn map(file: &std::fs::File) -> std::io::Result<Mmap> {
    // SAFETY: the bytes must not change while they are mapped. Model files are written under another
    // name and renamed when they are whole. Whoever writes into one that is in use changes numbers,
    // and any bytes are numbers; whoever shortens one ends the processes that use it.
    unsafe { Mmap::map(file) }
}
