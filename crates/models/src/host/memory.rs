use super::{
    gemm::Rows,
    simd::{halves, whole},
};

/// Keys and values that tokens have left, place after place, the heads of one side by side.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(super) keys: Kept,
    pub(super) values: Kept,
    /// Of a place, all heads together.
    width: usize,
    /// Of one head.
    each: usize,
}

/// Rows of numbers, exact or in half the memory.
#[derive(Debug)]
pub(super) enum Kept {
    Whole(Vec<f32>),
    /// Head by head as [`halves`] makes them.
    Halves(Vec<u32>),
}

impl Memory {
    /// Without a place; `exact` or rounded to bf16.
    pub(crate) fn new(width: usize, heads: usize, exact: bool) -> Self {
        let each = width / heads;
        let kept = || {
            if exact || !each.is_multiple_of(2) {
                Kept::Whole(Vec::new())
            } else {
                Kept::Halves(Vec::new())
            }
        };
        Self {
            keys: kept(),
            values: kept(),
            width,
            each,
        }
    }

    /// Adds a place for each row.
    pub(crate) fn extend(&mut self, keys: Rows<'_>, values: Rows<'_>) {
        for (kept, rows) in [(&mut self.keys, keys), (&mut self.values, values)] {
            for i in 0..rows.count {
                match kept {
                    Kept::Whole(kept) => kept.extend(rows.row(i)),
                    Kept::Halves(kept) => kept.extend(halves(rows.row(i), self.each)),
                }
            }
        }
    }

    /// The keys and the values of some places that lie together.
    pub(crate) fn part(&self, first: usize, count: usize) -> [Vec<f32>; 2] {
        let range = first * self.width..(first + count) * self.width;
        [&self.keys, &self.values].map(|kept| match kept {
            Kept::Whole(kept) => kept[range.clone()].to_vec(),
            Kept::Halves(kept) => whole(&kept[range.start / 2..range.end / 2], self.each),
        })
    }

    /// Keeps these places, in ascending order, and numbers them anew.
    pub(crate) fn keep(&mut self, places: &[u32]) {
        for kept in [&mut self.keys, &mut self.values] {
            match kept {
                Kept::Whole(kept) => gather(kept, places, self.width),
                Kept::Halves(kept) => gather(kept, places, self.width / 2),
            }
        }
    }
}

fn gather<T: Copy>(rows: &mut Vec<T>, kept: &[u32], width: usize) {
    for (to, &from) in kept.iter().enumerate() {
        let from = from as usize * width;
        rows.copy_within(from..from + width, to * width);
    }
    rows.truncate(kept.len() * width);
}
