//! Computation on the CPU without a tensor library: the same networks at the speed at which their
//! weights can be read. Rows of a batch lie one below the other and are never padded.

mod attention;
mod attention_learning;
mod backward;
mod buffers;
mod dropout;
mod gemm;
mod int8;
mod matrix;
mod memory;
mod simd;

pub(crate) use attention::{Attention, DistanceBias, Few};
pub(crate) use attention_learning::{Attending, DistanceGradient, Gradients};
pub(crate) use backward::{cross_entropy_backward, rms_norm_backward};
pub(crate) use buffers::Buffer;
pub(crate) use dropout::{Dropout, row_number};
pub(crate) use gemm::{Rows, add_times, add_transposed_times, times_transposed};
pub(crate) use int8::rounded;
pub(crate) use matrix::Matrix;
pub(crate) use memory::Memory;
pub use simd::Activation;
pub(crate) use simd::{
    SHARE, add, largest, log_total, rms_norm, rms_norm_into, scale, softmax_numerators, sum,
    with_simd,
};

/// Runs as one of the threads that share products: asking them from outside takes far longer, each
/// time, than a small product does.
pub(crate) fn among_threads<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if rayon::current_num_threads() == 1 {
        work()
    } else {
        rayon::scope(|_| work())
    }
}
