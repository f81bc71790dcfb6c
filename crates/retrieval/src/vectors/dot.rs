//! Inner products of 8-bit numbers with the widest instructions that the processor has. Every path
//! gives the same integers: all sums are exact.

#![expect(
    unsafe_code,
    reason = "vector loads take pointers, and only run time tells which instructions there are"
)]

/// A vector of 8-bit numbers prepared to be multiplied with many rows.
pub(crate) struct Multiplier {
    values: Vec<i8>,
    path: Path,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Path {
    /// Those that this processor can take, the fastest first.
    fn all() -> Vec<Self> {
        let mut paths = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni")
            {
                paths.push(Self::Avx512Vnni);
            }
            if is_x86_feature_detected!("avx2") {
                paths.push(Self::Avx2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        paths.push(Self::Neon);
        paths.push(Self::Portable);
        paths
    }
}

impl Multiplier {
    pub(crate) fn new(values: &[i8]) -> Self {
        Self {
            values: values.to_vec(),
            path: Path::all()[0],
        }
    }

    /// The inner products with the rows that start at `start(0)`, `start(1)` and so on, as many as
    /// `products`.
    pub(crate) fn products(
        &self,
        rows: &[u8],
        start: impl Fn(usize) -> usize + Copy,
        products: &mut [i32],
    ) {
        match self.path {
            // SAFETY: `Path::all` found the instructions on this processor.
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => unsafe { x86::avx512_vnni(&self.values, rows, start, products) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => unsafe { x86::avx2(&self.values, rows, start, products) },
            #[cfg(target_arch = "aarch64")]
            Path::Neon => neon(&self.values, rows, start, products),
            Path::Portable => {
                for (i, product) in products.iter_mut().enumerate() {
                    *product = one(&self.values, &rows[start(i)..][..self.values.len()]);
                }
            }
        }
    }

    /// The inner products with rows of two-bit numbers, from 0 to 3, which lie one behind the other, as
    /// many as `products`. A row has a quarter as many bytes as numbers; its first bits are those of
    /// the first quarter of the numbers, byte by byte, and so on.
    pub(crate) fn coarse_products(&self, rows: &[u8], products: &mut [i32]) {
        let bytes = self.values.len().div_ceil(4);
        assert_eq!(rows.len(), bytes * products.len());
        if bytes == 0 {
            products.fill(0);
            return;
        }
        match self.path {
            // SAFETY: `Path::all` found the instructions on this processor.
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => unsafe { x86::coarse_avx512_vnni(&self.values, rows, products) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => unsafe { x86::coarse_avx2(&self.values, rows, products) },
            _ => {
                for (row, product) in rows.chunks_exact(bytes).zip(products) {
                    *product = one_coarse(&self.values, row, bytes, 0);
                }
            }
        }
    }
}

/// For the bytes of a row from `first` on, whose whole has so many `bytes`.
fn one_coarse(values: &[i8], row: &[u8], bytes: usize, first: usize) -> i32 {
    let quarters = values.chunks(bytes).zip([0, 2, 4, 6]);
    quarters
        .map(|(values, shift)| {
            let pairs = values.iter().skip(first).zip(row);
            let products =
                pairs.map(|(&value, &byte)| i32::from(value) * i32::from(byte >> shift & 3));
            products.sum::<i32>()
        })
        .sum()
}

fn one(values: &[i8], row: &[u8]) -> i32 {
    let pairs = values.iter().zip(row);
    pairs
        .map(|(&a, &b)| i32::from(a) * i32::from(b as i8))
        .sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __mmask64, _MM_HINT_T0, _mm_add_epi32, _mm_cvtsi128_si32, _mm_loadu_si128,
        _mm_prefetch, _mm_shuffle_epi32, _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256,
        _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_extracti128_si256, _mm256_loadu_si256,
        _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16,
        _mm256_setzero_si256, _mm256_srli_epi16, _mm512_add_epi32, _mm512_and_si512,
        _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_reduce_add_epi32,
        _mm512_set1_epi8, _mm512_setzero_si512, _mm512_srli_epi16, _mm512_xor_si512,
    };

    /// Rows are called into the cache so many rows ahead.
    const AHEAD: usize = 8;

    /// The instruction multiplies unsigned by signed numbers: 128 is added to every number of a row, and
    /// 128 times the sum of `values` taken away in the end. Sums go round at 32 bits, differences
    /// back.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn avx512_vnni(
        values: &[i8],
        rows: &[u8],
        start: impl Fn(usize) -> usize,
        products: &mut [i32],
    ) {
        const LANES: usize = 64;
        let length = values.len();
        let whole = length / LANES * LANES;
        let tail: __mmask64 = (1 << (length - whole)) - 1;
        let sum: i32 = values.iter().map(|&value| i32::from(value)).sum();
        let sign = _mm512_set1_epi8(-128);
        let last = products.len().saturating_sub(1);
        for (group, products) in products.chunks_mut(4).enumerate() {
            let row_of = |i: usize| &rows[start((4 * group + i).min(last))..][..length];
            let four = [row_of(0), row_of(1), row_of(2), row_of(3)].map(<[u8]>::as_ptr);
            let next = [0, 1, 2, 3].map(|i| row_of(AHEAD + i).as_ptr());
            let mut sums = [_mm512_setzero_si512(); 4];
            let mut at = 0;
            while at < whole {
                // SAFETY: `at + LANES` is at most the length of `values` and of each row. A prefetch
                // reads nothing.
                unsafe {
                    let value = _mm512_loadu_si512(values.as_ptr().add(at).cast());
                    for ((sum, row), next) in sums.iter_mut().zip(four).zip(next) {
                        _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(at).cast());
                        let numbers = _mm512_loadu_si512(row.add(at).cast());
                        let numbers = _mm512_xor_si512(numbers, sign);
                        *sum = _mm512_dpbusd_epi32(*sum, numbers, value);
                    }
                }
                at += LANES;
            }
            if tail != 0 {
                // SAFETY: masked lanes are not read; the others end where the row ends.
                unsafe {
                    let value = _mm512_maskz_loadu_epi8(tail, values.as_ptr().add(whole));
                    for (sum, row) in sums.iter_mut().zip(four) {
                        let numbers = _mm512_maskz_loadu_epi8(tail, row.add(whole).cast());
                        *sum = _mm512_dpbusd_epi32(*sum, _mm512_xor_si512(numbers, sign), value);
                    }
                }
            }
            for (product, sums) in products.iter_mut().zip(sums) {
                *product = _mm512_reduce_add_epi32(sums).wrapping_sub(sum << 7);
            }
        }
    }

    /// Numbers are made 16 bits long, so that no product is cut off.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(
        values: &[i8],
        rows: &[u8],
        start: impl Fn(usize) -> usize,
        products: &mut [i32],
    ) {
        const LANES: usize = 16;
        let length = values.len();
        let whole = length / LANES * LANES;
        let last = products.len().saturating_sub(1);
        for (i, product) in products.iter_mut().enumerate() {
            let row = &rows[start(i)..][..length];
            let next = rows[start((i + AHEAD).min(last))..].as_ptr();
            let mut sums = _mm256_setzero_si256();
            let mut at = 0;
            while at < whole {
                // SAFETY: `at + LANES` is at most the length of both slices. A prefetch reads
                // nothing.
                let (a, b) = unsafe {
                    _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(at).cast());
                    (
                        _mm_loadu_si128(values.as_ptr().add(at).cast()),
                        _mm_loadu_si128(row.as_ptr().add(at).cast()),
                    )
                };
                let pairs = _mm256_madd_epi16(_mm256_cvtepi8_epi16(a), _mm256_cvtepi8_epi16(b));
                sums = _mm256_add_epi32(sums, pairs);
                at += LANES;
            }
            *product = sum_of_lanes(sums) + super::one(&values[whole..], &row[whole..]);
        }
    }

    #[target_feature(enable = "avx2")]
    fn sum_of_lanes(lanes: __m256i) -> i32 {
        let high = _mm256_extracti128_si256::<1>(lanes);
        let four = _mm_add_epi32(_mm256_castsi256_si128(lanes), high);
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b1110>(four));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
    }

    /// Four vectors of two-bit numbers come out of one that is loaded.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn coarse_avx512_vnni(values: &[i8], rows: &[u8], products: &mut [i32]) {
        const LANES: usize = 64;
        let bytes = values.len().div_ceil(4);
        let chunks = bytes.div_ceil(LANES);
        // The quarters of each chunk one behind the other, filled up with zeros.
        let mut quarters = vec![0_i8; chunks * 4 * LANES];
        for (at, &value) in values.iter().enumerate() {
            let (quarter, byte) = (at / bytes, at % bytes);
            quarters[(byte / LANES * 4 + quarter) * LANES + byte % LANES] = value;
        }
        let three = _mm512_set1_epi8(3);
        for (row, product) in rows.chunks_exact(bytes).zip(products) {
            let mut sums = [_mm512_setzero_si512(); 2];
            for (numbers, quarters) in row.chunks(LANES).zip(quarters.chunks_exact(4 * LANES)) {
                let mask = u64::MAX >> (LANES - numbers.len());
                // SAFETY: masked lanes are not read; `quarters` are four times as many as are loaded.
                let (numbers, [a, b, c, d]) = unsafe {
                    let value = |i| _mm512_loadu_si512(quarters.as_ptr().add(i * LANES).cast());
                    let numbers = _mm512_maskz_loadu_epi8(mask, numbers.as_ptr().cast());
                    (numbers, [value(0), value(1), value(2), value(3)])
                };
                let of = |shifted| _mm512_and_si512(shifted, three);
                sums[0] = _mm512_dpbusd_epi32(sums[0], of(numbers), a);
                sums[1] = _mm512_dpbusd_epi32(sums[1], of(_mm512_srli_epi16::<2>(numbers)), b);
                sums[0] = _mm512_dpbusd_epi32(sums[0], of(_mm512_srli_epi16::<4>(numbers)), c);
                sums[1] = _mm512_dpbusd_epi32(sums[1], of(_mm512_srli_epi16::<6>(numbers)), d);
            }
            *product = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
        }
    }

    /// Products are added two by two, which fits 16 bits, then four by four.
    #[target_feature(enable = "avx2")]
    pub(super) fn coarse_avx2(values: &[i8], rows: &[u8], products: &mut [i32]) {
        const LANES: usize = 32;
        let bytes = values.len().div_ceil(4);
        // What the last quarter lacks, the vector loads of its chunks must not read.
        let mut padded = values.to_vec();
        padded.resize(4 * bytes, 0);
        let whole = bytes / LANES * LANES;
        let (three, ones) = (_mm256_set1_epi8(3), _mm256_set1_epi16(1));
        for (row, product) in rows.chunks_exact(bytes).zip(products) {
            let mut sums = _mm256_setzero_si256();
            let mut at = 0;
            while at < whole {
                // SAFETY: `at + LANES` is at most the length of a row and of a quarter of `padded`.
                let (numbers, [a, b, c, d]) = unsafe {
                    let value =
                        |i: usize| _mm256_loadu_si256(padded.as_ptr().add(i * bytes + at).cast());
                    let numbers = _mm256_loadu_si256(row.as_ptr().add(at).cast());
                    (numbers, [value(0), value(1), value(2), value(3)])
                };
                let of = |shifted| _mm256_and_si256(shifted, three);
                let pairs = [
                    _mm256_maddubs_epi16(of(numbers), a),
                    _mm256_maddubs_epi16(of(_mm256_srli_epi16::<2>(numbers)), b),
                    _mm256_maddubs_epi16(of(_mm256_srli_epi16::<4>(numbers)), c),
                    _mm256_maddubs_epi16(of(_mm256_srli_epi16::<6>(numbers)), d),
                ];
                let pairs = _mm256_add_epi16(
                    _mm256_add_epi16(pairs[0], pairs[1]),
                    _mm256_add_epi16(pairs[2], pairs[3]),
                );
                sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, ones));
                at += LANES;
            }
            *product = sum_of_lanes(sums) + super::one_coarse(&padded, &row[whole..], bytes, whole);
        }
    }
}

#[cfg(target_arch = "aarch64")]
fn neon(values: &[i8], rows: &[u8], start: impl Fn(usize) -> usize, products: &mut [i32]) {
    use std::arch::aarch64::{
        vaddvq_s32, vdupq_n_s32, vget_low_s8, vld1q_s8, vmull_high_s8, vmull_s8, vpadalq_s16,
    };

    const LANES: usize = 16;
    let length = values.len();
    let whole = length / LANES * LANES;
    for (i, product) in products.iter_mut().enumerate() {
        let row = &rows[start(i)..][..length];
        // SAFETY: every aarch64 processor has NEON; `at + LANES` is at most the length of both slices.
        let sum = unsafe {
            let mut sum = vdupq_n_s32(0);
            let mut at = 0;
            while at < whole {
                let a = vld1q_s8(values.as_ptr().add(at));
                let b = vld1q_s8(row.as_ptr().add(at).cast());
                sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
                sum = vpadalq_s16(sum, vmull_high_s8(a, b));
                at += LANES;
            }
            vaddvq_s32(sum)
        };
        *product = sum + one(&values[whole..], &row[whole..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn products_by(path: Path, values: &[i8], rows: &[i8], count: usize) -> Vec<i32> {
        let rows: Vec<u8> = rows.iter().map(|&value| value as u8).collect();
        let mut products = vec![0; count];
        let values = values.to_vec();
        let length = values.len();
        Multiplier { values, path }.products(&rows, |row| row * length, &mut products);
        products
    }

    #[test]
    fn the_greatest_numbers_of_the_longest_vectors_fit() {
        for length in [65_536, 65_535] {
            for (a, b) in [
                (127, -128),
                (-127, -128),
                (127, 127),
                (-127, 127),
                (-128, -128),
            ] {
                let (values, rows) = (vec![a; length], vec![b; 5 * length]);
                let expected = i32::from(a) * i32::from(b) * length as i32;
                for path in Path::all() {
                    assert_eq!(
                        products_by(path, &values, &rows, 5),
                        [expected; 5],
                        "{path:?}"
                    );
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn all_paths_give_the_same_integers(
            length in 0..200_usize,
            count in 0..10_usize,
            numbers in proptest::collection::vec(
                prop_oneof![any::<i8>(), Just(-128), Just(-127), Just(127)],
                2_200,
            ),
        ) {
            let (values, rows) = (&numbers[..length], &numbers[length..length * (count + 1)]);
            let expected: Vec<i32> = (0..count)
                .map(|row| {
                    let row = rows[row * length..].iter();
                    values.iter().zip(row).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
                })
                .collect();
            for path in Path::all() {
                prop_assert_eq!(&products_by(path, values, rows, count), &expected, "{:?}", path);
            }
        }

        #[test]
        fn all_paths_give_the_same_coarse_products(
            values in proptest::collection::vec(
                prop_oneof![any::<i8>(), Just(-128), Just(127)],
                0..600_usize,
            ),
            count in 0..5_usize,
            bits in proptest::collection::vec(prop_oneof![any::<u8>(), Just(255)], 600),
        ) {
            let bytes = values.len().div_ceil(4);
            let rows = &bits[..count * bytes];
            let expected: Vec<i32> = (0..count)
                .map(|row| {
                    let number = |at: usize| rows[row * bytes + at % bytes] >> (at / bytes * 2) & 3;
                    let products = values.iter().enumerate();
                    products.map(|(at, &value)| i32::from(value) * i32::from(number(at))).sum()
                })
                .collect();
            for path in Path::all() {
                let mut products = vec![7; count];
                let values = values.clone();
                Multiplier { values, path }.coarse_products(rows, &mut products);
                prop_assert_eq!(&products, &expected, "{:?}", path);
            }
        }
    }
}
