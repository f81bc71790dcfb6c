//! Computation on the CPU without a tensor library: the same networks at the speed at which their
//! weights can be read. Rows of a batch lie one below the other and are never padded.

mod attention;
mod gemm;
mod int8;
mod matrix;
mod memory;
mod simd;

pub(crate) use attention::{Attention, DistanceBias, Few};
pub(crate) use gemm::Rows;
pub(crate) use matrix::Matrix;
pub(crate) use memory::Memory;
pub use simd::Activation;
pub(crate) use simd::{
    add, each, exp, greatest, largest, log_total, rms_norm, scale, sum, with_simd,
};
