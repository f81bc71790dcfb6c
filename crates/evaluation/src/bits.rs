//! Bits per byte of the true continuation.

use std::f64::consts::LN_2;

use crate::resample::{Interval, RatioByUser, Resampling, interval};
use crate::significance::{PairedBootstrap, bootstrap_difference};

/// What a model made of one example's continuation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likelihood<'a> {
    /// Whose example it is.
    pub user: &'a str,
    /// Negative log-likelihood in nats, summed over the tokens that count.
    pub nll: f64,
    /// UTF-8 bytes of exactly the text of these tokens.
    pub bytes: u64,
}

/// The same example's continuation under two models, or with two pasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedLikelihood<'a> {
    /// Whose example it is.
    pub user: &'a str,
    /// Nats under the first.
    pub nll_a: f64,
    /// Nats under the second.
    pub nll_b: f64,
    /// UTF-8 bytes of the continuation.
    pub bytes: u64,
}

/// All bits over all bytes, with a 95 % interval from resampling users; `None` where there are no
/// bytes. Long continuations weigh more than short ones: it is the size of a compressed corpus.
///
/// ```
/// use idiolect_evaluation::{Likelihood, Resampling, bits_per_byte};
///
/// let one = Likelihood { user: "ana", nll: 100.0 * std::f64::consts::LN_2, bytes: 50 };
/// assert_eq!(bits_per_byte(&[one], &Resampling::default()).unwrap().mean, 2.0);
/// ```
pub fn bits_per_byte(likelihoods: &[Likelihood<'_>], resampling: &Resampling) -> Option<Interval> {
    let ratio = RatioByUser::of(
        likelihoods
            .iter()
            .map(|one| (one.user, one.nll / LN_2, one.bytes as f64)),
    );
    Some(interval(ratio.value()?, &ratio.resampled(resampling)))
}

/// How many bits per byte the second saves over the first, a − b: above 0 the second is better.
/// `None` where there are no bytes.
pub fn bits_saved(
    pairs: &[PairedLikelihood<'_>],
    resampling: &Resampling,
) -> Option<PairedBootstrap> {
    let ratio = RatioByUser::of(pairs.iter().map(|pair| {
        (
            pair.user,
            (pair.nll_a - pair.nll_b) / LN_2,
            pair.bytes as f64,
        )
    }));
    bootstrap_difference(&ratio, resampling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_bytes_are_pooled() {
        let likelihoods = [
            Likelihood {
                user: "u",
                nll: 10.0 * LN_2,
                bytes: 10,
            },
            Likelihood {
                user: "v",
                nll: 90.0 * LN_2,
                bytes: 30,
            },
        ];
        let found = bits_per_byte(&likelihoods, &Resampling::default()).unwrap();
        assert!((found.mean - 2.5).abs() < 1e-12);
        assert_eq!((found.low, found.high), (1.0, 3.0));
        assert_eq!(bits_per_byte(&[], &Resampling::default()), None);
    }

    #[test]
    fn what_is_saved_is_positive() {
        let pairs = ["u", "v", "w"].map(|user| PairedLikelihood {
            user,
            nll_a: 20.0 * LN_2,
            nll_b: 15.0 * LN_2,
            bytes: 10,
        });
        let saved = bits_saved(&pairs, &Resampling::default()).unwrap();
        assert!((saved.difference.mean - 0.5).abs() < 1e-12);
        assert!(saved.p < 0.001);
    }
}
