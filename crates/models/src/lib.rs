//! T5 and sentence encoders: loading, forward passes, decoding, saving
