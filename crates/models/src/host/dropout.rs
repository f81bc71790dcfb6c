#![expect(
    clippy::inline_always,
    reason = "code for wide vectors must be part of the function that may use them"
)]

use pulp::{Simd, WithSimd};

use super::simd::with_simd;

/// Which activations are dropped: the others are scaled up to keep the mean. What is dropped follows
/// from a number for each token and from the place in the network, so that it need not be kept, and
/// does not depend on which tokens are computed together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dropout {
    /// Of 2³² numbers so many drop an activation.
    dropped: u32,
    scale: f32,
}

impl Dropout {
    /// Drops a share of all activations; `None` where that is none of them.
    pub(crate) fn new(rate: f64) -> Option<Self> {
        (rate > 0.0).then(|| Self {
            dropped: (rate.min(1.0) * f64::from(u32::MAX)) as u32,
            scale: (1.0 / (1.0 - rate).max(f64::EPSILON)) as f32,
        })
    }

    /// Drops of each token's row of activations at one place of the network.
    pub(crate) fn apply(self, x: &mut [f32], tokens: &[u32], place: u32) {
        with_simd(Apply {
            dropout: self,
            x,
            tokens,
            place,
        });
    }

    /// What the numbers of a row are multiplied with: zero or the scale. As a part of code for wide
    /// vectors.
    #[inline(always)]
    pub(super) fn factors(self, row: u32, to: &mut [f32]) {
        for (i, to) in (0_u32..).zip(to) {
            *to = self.factor(row, i);
        }
    }

    #[inline(always)]
    fn factor(self, row: u32, i: u32) -> f32 {
        let number = mixed(row.wrapping_add(i.wrapping_mul(0x9e37_79b9)));
        if number < self.dropped {
            0.0
        } else {
            self.scale
        }
    }
}

/// A number for a token's row at a place of the network.
#[inline(always)]
pub(crate) fn row_number(token: u32, place: u32) -> u32 {
    mixed(token ^ mixed(place.wrapping_add(0x7f4a_7c15)))
}

/// Each bit of the result depends on all bits (the finalizer of MurmurHash3, public domain).
#[inline(always)]
fn mixed(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x = x.wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

struct Apply<'a> {
    dropout: Dropout,
    x: &'a mut [f32],
    tokens: &'a [u32],
    place: u32,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.x.len() / self.tokens.len().max(1);
        for (row, &token) in self.x.chunks_exact_mut(width).zip(self.tokens) {
            let number = row_number(token, self.place);
            for (i, x) in (0_u32..).zip(row) {
                *x *= self.dropout.factor(number, i);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_dropped_and_the_mean_kept() {
        let dropout = Dropout::new(0.1).unwrap();
        let tokens: Vec<u32> = (0..200).collect();
        let mut x = vec![1.0; 200 * 300];
        dropout.apply(&mut x, &tokens, 7);
        let zeros = x.iter().filter(|&&x| x == 0.0).count();
        assert!((5_700..6_300).contains(&zeros), "{zeros}");
        assert!(x.iter().all(|&x| x == 0.0 || (x - 1.0 / 0.9).abs() < 1e-6));
        // Neither the same columns of every row, nor the same rows at another place.
        let columns = (0..300).filter(|&i| x[i] == x[300 + i]).count();
        assert!(columns < 290, "{columns}");
        let mut other = vec![1.0; x.len()];
        dropout.apply(&mut other, &tokens, 8);
        assert_ne!(x, other);
        assert_eq!(Dropout::new(0.0), None);
    }

    #[test]
    fn a_row_is_dropped_alike_whatever_stands_beside_it() {
        let dropout = Dropout::new(0.5).unwrap();
        let mut both = vec![1.0; 20];
        dropout.apply(&mut both, &[3, 4], 1);
        let mut one = vec![1.0; 10];
        dropout.apply(&mut one, &[4], 1);
        assert_eq!(both[10..], one);
        let mut factors = vec![0.0; 10];
        dropout.factors(row_number(4, 1), &mut factors);
        assert_eq!(factors, one);
    }
}
