//! Products of matrices in f32, by the crate of that name.

#![expect(unsafe_code, reason = "the crate takes pointers and strides")]

use gemm::Parallelism;

/// Rows of numbers, each beginning `stride` after the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) count: usize,
    pub(crate) width: usize,
    pub(crate) stride: usize,
}

impl<'a> Rows<'a> {
    /// Rows without anything between them.
    pub(crate) fn new(values: &'a [f32], count: usize, width: usize) -> Self {
        Self {
            values,
            count,
            width,
            stride: width,
        }
    }

    /// Some of the rows.
    pub(crate) fn part(self, first: usize, count: usize) -> Self {
        Self {
            values: &self.values[first * self.stride..],
            count,
            ..self
        }
    }

    /// Some columns of the rows.
    pub(crate) fn columns(self, first: usize, width: usize) -> Self {
        Self {
            values: &self.values[first..],
            width,
            ..self
        }
    }

    pub(crate) fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.stride..][..self.width]
    }

    fn check(&self) {
        assert!(self.count > 0 && self.width > 0 && self.stride >= self.width);
        assert!((self.count - 1) * self.stride + self.width <= self.values.len());
    }
}

/// a·bᵀ into rows of `out`, which begin `stride` apart.
pub(crate) fn times_transposed(
    a: Rows<'_>,
    b: Rows<'_>,
    out: &mut [f32],
    stride: usize,
    parallel: bool,
) {
    product(
        Side::of(a),
        Side::of(b).transposed(),
        out,
        stride,
        false,
        parallel,
    );
}

/// a·b into rows of `out`, which begin `stride` apart, by this thread.
pub(crate) fn times(a: Rows<'_>, b: Rows<'_>, out: &mut [f32], stride: usize) {
    product(Side::of(a), Side::of(b), out, stride, false, false);
}

/// Adds a·b to rows of `out`, which begin `stride` apart.
pub(crate) fn add_times(a: Rows<'_>, b: Rows<'_>, out: &mut [f32], stride: usize) {
    product(Side::of(a), Side::of(b), out, stride, true, true);
}

/// Adds aᵀ·b to rows of `out`, which begin `stride` apart.
pub(crate) fn add_transposed_times(a: Rows<'_>, b: Rows<'_>, out: &mut [f32], stride: usize) {
    product(
        Side::of(a).transposed(),
        Side::of(b),
        out,
        stride,
        true,
        true,
    );
}

/// One side of a product: a matrix, and the steps from one of its rows to the next, and from a column.
#[derive(Debug, Clone, Copy)]
struct Side<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: isize,
    column_step: isize,
}

impl<'a> Side<'a> {
    fn of(rows: Rows<'a>) -> Self {
        rows.check();
        Self {
            values: rows.values,
            rows: rows.count,
            columns: rows.width,
            row_step: rows.stride as isize,
            column_step: 1,
        }
    }

    fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }
}

fn product(a: Side<'_>, b: Side<'_>, out: &mut [f32], stride: usize, added: bool, parallel: bool) {
    assert_eq!(a.columns, b.rows);
    assert!(b.columns <= stride && (a.rows - 1) * stride + b.columns <= out.len());
    let parallelism = if parallel {
        Parallelism::Rayon(0)
    } else {
        Parallelism::None
    };
    // SAFETY: all rows lie within their slices, as just checked; `out` is borrowed for this call alone.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            stride as isize,
            added,
            a.values.as_ptr(),
            a.column_step,
            a.row_step,
            b.values.as_ptr(),
            b.column_step,
            b.row_step,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_added_where_they_are_wanted() {
        // 2 × 3 and 2 × 2, rows of the result three apart.
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, 10.0, 2.0, 20.0];
        let mut out = [100.0; 8];
        add_transposed_times(Rows::new(&a, 2, 3), Rows::new(&b, 2, 2), &mut out, 3);
        assert_eq!(
            out,
            [109.0, 190.0, 100.0, 112.0, 220.0, 100.0, 115.0, 250.0]
        );
        let mut out = [1.0; 6];
        add_times(Rows::new(&b, 2, 2), Rows::new(&a, 2, 3), &mut out, 3);
        assert_eq!(out, [42.0, 53.0, 64.0, 83.0, 105.0, 127.0]);
    }
}
