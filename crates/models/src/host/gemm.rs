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
    assert_eq!(a.width, b.width);
    product(a, b, (b.stride as isize, 1), b.count, out, stride, parallel);
}

/// a·b into rows of `out`, which begin `stride` apart, by this thread.
pub(crate) fn times(a: Rows<'_>, b: Rows<'_>, out: &mut [f32], stride: usize) {
    assert_eq!(a.width, b.count);
    product(a, b, (1, b.stride as isize), b.width, out, stride, false);
}

/// `steps`: from a column of the right side to the next, and from a row.
fn product(
    a: Rows<'_>,
    b: Rows<'_>,
    steps: (isize, isize),
    columns: usize,
    out: &mut [f32],
    stride: usize,
    parallel: bool,
) {
    a.check();
    b.check();
    assert!(columns <= stride && (a.count - 1) * stride + columns <= out.len());
    let parallelism = if parallel {
        Parallelism::Rayon(0)
    } else {
        Parallelism::None
    };
    // SAFETY: all rows lie within their slices, as just checked; `out` is borrowed for this call alone.
    unsafe {
        gemm::gemm(
            a.count,
            columns,
            a.width,
            out.as_mut_ptr(),
            1,
            stride as isize,
            false,
            a.values.as_ptr(),
            1,
            a.stride as isize,
            b.values.as_ptr(),
            steps.0,
            steps.1,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
