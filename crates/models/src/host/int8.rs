//! Weights as 8-bit numbers with a scale a row, multiplied with vectors that are brought to 8 bits on
//! the way. Every path of instructions gives the same integers, so every processor the same text.

#![expect(
    unsafe_code,
    reason = "vector loads take pointers, and only run time tells which instructions there are"
)]

use pulp::{Simd, WithSimd};

use super::simd::{greatest, with_simd};

/// Rows that are multiplied at once.
pub(super) const PANEL: usize = 64;
/// Numbers of a row that lie side by side: what one instruction multiplies and adds.
const QUAD: usize = 4;
/// Vectors that are multiplied with a panel at once.
const VECTORS: usize = 6;
const LARGEST: f32 = 127.0;

/// A weight `[rows, columns]`: row i is `scales[i]` times its 8-bit numbers, from -127 to 127.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Int8 {
    columns: usize,
    /// Panel after panel; in a panel four numbers of each row, then the next four. Filled up with
    /// zeros.
    panels: Vec<i8>,
    /// As many as there are rows in the panels.
    scales: Vec<f32>,
    /// Minus 128 times the sum of each row.
    offsets: Vec<i32>,
}

/// Vectors in 8 bits.
pub(super) struct Vectors {
    /// Each number plus 128, vector after vector, each filled up to a multiple of four.
    bytes: Vec<u8>,
    width: usize,
    scales: Vec<f32>,
}

impl Int8 {
    pub(super) fn new(values: &[f32], columns: usize) -> Self {
        let rows = values.len() / columns;
        let panels = rows.div_ceil(PANEL);
        let mut made = Self {
            columns,
            panels: vec![0; panels * PANEL * padded(columns)],
            scales: vec![0.0; panels * PANEL],
            offsets: vec![0; panels * PANEL],
        };
        let of_panel = made.panels.chunks_exact_mut(PANEL * padded(columns));
        for (p, panel) in of_panel.enumerate() {
            let of_rows = values[p * PANEL * columns..].chunks_exact(columns);
            for (r, row) in of_rows.take(PANEL).enumerate() {
                let vector = Vectors::new(row, columns);
                made.scales[p * PANEL + r] = vector.scales[0];
                let mut sum = 0;
                for (quad, bytes) in vector.bytes.as_chunks::<QUAD>().0.iter().enumerate() {
                    let at = (quad * PANEL + r) * QUAD;
                    for (to, byte) in panel[at..at + QUAD].iter_mut().zip(bytes) {
                        *to = (byte ^ 0x80) as i8;
                        sum += i32::from(*to);
                    }
                }
                made.offsets[p * PANEL + r] = -128 * sum;
            }
        }
        made
    }

    /// Appends row `i` to `to`.
    pub(super) fn copy_row(&self, i: usize, to: &mut Vec<f32>) {
        let panel = &self.panels[i / PANEL * PANEL * padded(self.columns)..];
        to.extend((0..self.columns).map(|column| {
            let at = (column / QUAD * PANEL + i % PANEL) * QUAD + column % QUAD;
            f32::from(panel[at]) * self.scales[i]
        }));
    }

    /// The products of the panels from `first` on with the vectors from `vector` on: as many vectors
    /// as `out` has rows of `width`, as many panels as begin in such a row.
    pub(super) fn products(
        &self,
        first: usize,
        vectors: &Vectors,
        vector: usize,
        out: &mut [f32],
        width: usize,
    ) {
        let path = Path::best();
        let size = PANEL * padded(self.columns);
        for p in first..first + width.div_ceil(PANEL) {
            let panel = Panel {
                numbers: &self.panels[p * size..(p + 1) * size],
                scales: &self.scales[p * PANEL..(p + 1) * PANEL],
                offsets: &self.offsets[p * PANEL..(p + 1) * PANEL],
            };
            let begin = (p - first) * PANEL;
            for (group, out) in out.chunks_mut(VECTORS * width).enumerate() {
                let at = vector + group * VECTORS;
                match out.len() / width {
                    1 => panel.times::<1>(path, vectors, at, out, width, begin),
                    2 => panel.times::<2>(path, vectors, at, out, width, begin),
                    3 => panel.times::<3>(path, vectors, at, out, width, begin),
                    4 => panel.times::<4>(path, vectors, at, out, width, begin),
                    5 => panel.times::<5>(path, vectors, at, out, width, begin),
                    _ => panel.times::<VECTORS>(path, vectors, at, out, width, begin),
                }
            }
        }
    }
}

/// Rows in 8 bits, one below the other, and the scale of each: what [`Matrix`](super::Matrix) makes of
/// them, so that keeping them so changes nothing when it is asked to round.
pub(crate) fn rounded(values: &[f32], columns: usize) -> (Vec<i8>, Vec<f32>) {
    let vectors = Vectors::new(values, columns);
    let rows = vectors.bytes.chunks_exact(vectors.width);
    let numbers = rows.flat_map(|row| row[..columns].iter().map(|byte| (byte ^ 0x80) as i8));
    (numbers.collect(), vectors.scales)
}

fn padded(columns: usize) -> usize {
    columns.next_multiple_of(QUAD)
}

impl Vectors {
    /// Each vector's greatest number becomes 127 or -127.
    pub(super) fn new(x: &[f32], columns: usize) -> Self {
        let width = padded(columns);
        let count = x.len() / columns;
        let mut made = Self {
            bytes: vec![0x80; count * width],
            width,
            scales: vec![0.0; count],
        };
        with_simd(Quantize {
            x,
            columns,
            made: &mut made,
        });
        made
    }

    fn get(&self, i: usize) -> &[u8] {
        &self.bytes[i * self.width..(i + 1) * self.width]
    }
}

struct Quantize<'a> {
    x: &'a [f32],
    columns: usize,
    made: &'a mut Vectors,
}

impl WithSimd for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // Added to a number, it leaves the nearest integer in the lowest bits.
        const ROUND: f32 = 12_582_912.0;
        let Vectors {
            bytes,
            width,
            scales,
        } = self.made;
        let rows = bytes.chunks_exact_mut(*width).zip(scales);
        for (x, (bytes, scale)) in self.x.chunks_exact(self.columns).zip(rows) {
            let peak = greatest(x, f32::abs);
            *scale = peak / LARGEST;
            // The numbers that are too small for their inverse are as good as zeros.
            let inverse = if peak > f32::MIN_POSITIVE * LARGEST {
                LARGEST / peak
            } else {
                0.0
            };
            for (byte, x) in bytes.iter_mut().zip(x) {
                *byte = (x * inverse + ROUND).to_bits() as u8 ^ 0x80;
            }
        }
    }
}

/// Sixty-four rows.
struct Panel<'a> {
    numbers: &'a [i8],
    scales: &'a [f32],
    offsets: &'a [i32],
}

impl Panel<'_> {
    /// The products with `M` vectors from `first` on go to `begin` in the rows of `out`.
    fn times<const M: usize>(
        &self,
        path: Path,
        vectors: &Vectors,
        first: usize,
        out: &mut [f32],
        width: usize,
        begin: usize,
    ) {
        let of = std::array::from_fn::<_, M, _>(|m| vectors.get(first + m));
        let sums = self.sums(path, of);
        for (m, sums) in sums.iter().enumerate() {
            let scale = vectors.scales[first + m];
            let row = &mut out[m * width..(m + 1) * width];
            for ((to, &sum), own) in row[begin..].iter_mut().zip(sums).zip(self.scales) {
                *to = sum as f32 * (scale * own);
            }
        }
    }

    /// The inner products, in whole numbers.
    fn sums<const M: usize>(&self, path: Path, vectors: [&[u8]; M]) -> [[i32; PANEL]; M] {
        let bytes = self.numbers.len() / PANEL;
        assert!(vectors.iter().all(|vector| vector.len() == bytes));
        assert!(self.offsets.len() == PANEL && bytes.is_multiple_of(QUAD));
        match path {
            // SAFETY: `Path::best` found the instructions on this processor; a panel and the
            // vectors have the lengths just asserted.
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => unsafe { x86::avx512_vnni(self.numbers, self.offsets, vectors) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => vectors.map(|vector| unsafe { x86::avx2(self.numbers, vector) }),
            #[cfg(target_arch = "aarch64")]
            Path::Neon => vectors.map(|vector| neon(self.numbers, vector)),
            #[cfg(any(test, not(target_arch = "aarch64")))]
            Path::Portable => vectors.map(|vector| portable(self.numbers, vector)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// Every aarch64 processor has NEON: there it is only what others are compared with.
    #[cfg(any(test, not(target_arch = "aarch64")))]
    Portable,
}

impl Path {
    /// The fastest that this processor can take.
    fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                return Self::Avx512Vnni;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
            Self::Portable
        }
        #[cfg(target_arch = "aarch64")]
        {
            Self::Neon
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            Self::Portable
        }
    }
}

#[cfg(any(test, not(target_arch = "aarch64")))]
fn portable(numbers: &[i8], vector: &[u8]) -> [i32; PANEL] {
    let mut sums = [0; PANEL];
    let quads = numbers.as_chunks::<{ PANEL * QUAD }>().0;
    for (numbers, vector) in quads.iter().zip(vector.as_chunks::<QUAD>().0) {
        for (sum, numbers) in sums.iter_mut().zip(numbers.as_chunks::<QUAD>().0) {
            for (&number, &byte) in numbers.iter().zip(vector) {
                *sum += i32::from(number) * i32::from((byte ^ 0x80) as i8);
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm256_abs_epi8, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm256_sign_epi8, _mm256_storeu_si256, _mm512_dpbusd_epi32, _mm512_loadu_si512,
        _mm512_set1_epi32, _mm512_storeu_si512,
    };

    use super::{PANEL, QUAD};

    /// Bytes that all rows of a panel have for one quad.
    const STEP: usize = PANEL * QUAD;
    /// The highest bit of every byte: takes 128 away from each.
    const FLIP: i32 = 0x8080_8080_u32 as i32;

    /// The instruction multiplies unsigned with signed numbers: 128 too much is in every number of
    /// the vectors, and the sums begin with what takes it away.
    ///
    /// `numbers` are a multiple of `STEP`, the vectors a `PANEL`th as long; `offsets` are `PANEL`.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) unsafe fn avx512_vnni<const M: usize>(
        numbers: &[i8],
        offsets: &[i32],
        vectors: [&[u8]; M],
    ) -> [[i32; PANEL]; M] {
        // SAFETY: the caller promises the lengths.
        unsafe {
            let begin: [_; 4] =
                std::array::from_fn(|i| _mm512_loadu_si512(offsets.as_ptr().add(16 * i).cast()));
            let mut sums = [begin; M];
            for quad in 0..numbers.len() / STEP {
                let weights: [_; 4] = std::array::from_fn(|i| {
                    _mm512_loadu_si512(numbers.as_ptr().add(quad * STEP + 64 * i).cast())
                });
                for (sums, vector) in sums.iter_mut().zip(vectors) {
                    let four = *vector.as_ptr().add(quad * QUAD).cast::<[u8; QUAD]>();
                    let four = _mm512_set1_epi32(i32::from_le_bytes(four));
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = _mm512_dpbusd_epi32(*sum, four, weights);
                    }
                }
            }
            let mut found = [[0; PANEL]; M];
            for (found, sums) in found.iter_mut().zip(sums) {
                for (i, sum) in sums.into_iter().enumerate() {
                    _mm512_storeu_si512(found.as_mut_ptr().add(16 * i).cast(), sum);
                }
            }
            found
        }
    }

    /// The sign goes from the vector to the weights; no number is -128, so that two products fit
    /// 16 bits.
    ///
    /// `numbers` are a multiple of `STEP`, the vector a `PANEL`th as long.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2(numbers: &[i8], vector: &[u8]) -> [i32; PANEL] {
        const LANES: usize = 32;
        // SAFETY: the caller promises the lengths.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let mut sums = [_mm256_setzero_si256(); STEP / LANES];
            for quad in 0..numbers.len() / STEP {
                let four = *vector.as_ptr().add(quad * QUAD).cast::<[u8; QUAD]>();
                let four = _mm256_set1_epi32(i32::from_le_bytes(four) ^ FLIP);
                let sizes = _mm256_abs_epi8(four);
                for (i, sum) in sums.iter_mut().enumerate() {
                    let weights = numbers.as_ptr().add(quad * STEP + LANES * i);
                    let weights = _mm256_loadu_si256(weights.cast());
                    let pairs = _mm256_maddubs_epi16(sizes, _mm256_sign_epi8(weights, four));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
            let mut found = [0; PANEL];
            for (i, sum) in sums.into_iter().enumerate() {
                _mm256_storeu_si256(found.as_mut_ptr().add(8 * i).cast(), sum);
            }
            found
        }
    }
}

#[cfg(target_arch = "aarch64")]
fn neon(numbers: &[i8], vector: &[u8]) -> [i32; PANEL] {
    use std::arch::aarch64::{
        vaddq_s32, vdupq_n_s32, vget_low_s8, vld1q_s8, vmull_high_s8, vmull_s8, vpaddlq_s16,
        vpaddq_s32, vreinterpretq_s8_s32, vst1q_s32,
    };

    const LANES: usize = 16;
    let mut found = [0; PANEL];
    let steps = numbers.as_chunks::<{ PANEL * QUAD }>().0;
    // SAFETY: every aarch64 processor has NEON; loads stay in a step, stores in `found`.
    unsafe {
        let mut sums = [vdupq_n_s32(0); PANEL * QUAD / LANES];
        for (step, four) in steps.iter().zip(vector.as_chunks::<QUAD>().0) {
            let four = u32::from_ne_bytes(*four) ^ 0x8080_8080;
            let four = vreinterpretq_s8_s32(vdupq_n_s32(four as i32));
            for (i, sum) in sums.iter_mut().enumerate() {
                let weights = vld1q_s8(step.as_ptr().add(LANES * i));
                let low = vpaddlq_s16(vmull_s8(vget_low_s8(weights), vget_low_s8(four)));
                let high = vpaddlq_s16(vmull_high_s8(weights, four));
                *sum = vaddq_s32(*sum, vpaddq_s32(low, high));
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            vst1q_s32(found.as_mut_ptr().add(4 * i), sum);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths() -> Vec<Path> {
        let mut paths = vec![Path::best(), Path::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            paths.push(Path::Avx2);
        }
        paths.dedup();
        paths
    }

    #[test]
    fn a_product_is_near_that_of_the_whole_numbers() {
        use rand::{Rng, SeedableRng, rngs::StdRng};

        let mut random = StdRng::seed_from_u64(1);
        for (rows, columns, vectors) in [(1, 1, 1), (70, 33, 7), (64, 256, 1), (130, 62, 13)] {
            let mut numbers = |count: usize| -> Vec<f32> {
                (0..count).map(|_| random.random::<f32>() - 0.5).collect()
            };
            let (weights, x) = (numbers(rows * columns), numbers(vectors * columns));
            let made = Int8::new(&weights, columns);
            let mut out = vec![0.0; vectors * rows];
            made.products(0, &Vectors::new(&x, columns), 0, &mut out, rows);
            let mut back = Vec::new();
            (0..rows).for_each(|i| made.copy_row(i, &mut back));
            for (weight, back) in weights.iter().zip(&back) {
                assert!((weight - back).abs() <= 0.5 / LARGEST / 2.0 + 1e-6);
            }
            for (i, found) in out.iter().enumerate() {
                let (vector, row) = (i / rows, i % rows);
                let expected: f32 = (0..columns)
                    .map(|j| back[row * columns + j] * x[vector * columns + j])
                    .sum();
                let allowed = 0.25 / LARGEST * columns as f32;
                assert!((found - expected).abs() < allowed, "{found} {expected}");
            }
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        let made = Int8::new(&[0.0; 8], 4);
        let mut out = [1.0; 2];
        made.products(0, &Vectors::new(&[0.0; 4], 4), 0, &mut out, 2);
        assert_eq!(out, [0.0; 2]);
        made.products(
            0,
            &Vectors::new(&[1e-45, 0.0, 1.0, -1.0], 4),
            0,
            &mut out,
            2,
        );
        assert_eq!(out, [0.0; 2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_paths_give_the_same_integers(
            quads in 1..40_usize,
            numbers in proptest::collection::vec(prop_oneof![-127..=127_i8, Just(-127), Just(127)], 40 * PANEL * QUAD),
            bytes in proptest::collection::vec(prop_oneof![1..=255_u8, Just(1), Just(255)], 2 * 40 * QUAD),
        ) {
            let numbers = &numbers[..quads * PANEL * QUAD];
            let vectors = [&bytes[..quads * QUAD], &bytes[40 * QUAD..][..quads * QUAD]];
            let number = |row: usize, i: usize| i32::from(numbers[(i / QUAD * PANEL + row) * QUAD + i % QUAD]);
            let offsets: Vec<i32> =
                (0..PANEL).map(|row| -128 * (0..quads * QUAD).map(|i| number(row, i)).sum::<i32>()).collect();
            let expected = vectors.map(|vector| {
                std::array::from_fn::<i32, PANEL, _>(|row| {
                    let bytes = vector.iter().enumerate();
                    bytes.map(|(i, &byte)| number(row, i) * (i32::from(byte) - 128)).sum()
                })
            });
            let panel = Panel { numbers, scales: &[1.0; PANEL], offsets: &offsets };
            for path in paths() {
                prop_assert_eq!(panel.sums(path, vectors), expected, "{:?}", path);
            }
        }
    }
}
