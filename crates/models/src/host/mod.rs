//! Computation on the CPU without a tensor library: products whose time goes into reading weights,
//! by the widest instructions that the processor has.

mod matrix;

pub(crate) use matrix::{Matrix, add_scaled, dot, with_simd};
