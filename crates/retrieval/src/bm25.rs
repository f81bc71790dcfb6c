use std::str::FromStr;

use crate::{Analyzer, NameError};

/// Parameters of BM25, all chosen per query (the paper names none).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bm25 {
    /// How soon repetitions stop to count; at least 0.
    pub k1: f32,
    /// How much long documents are held back, from 0 to 1.
    pub b: f32,
    /// How exactly lengths are known.
    pub length_norm: LengthNorm,
    /// How query and documents become terms.
    pub analyzer: Analyzer,
}

impl Default for Bm25 {
    /// k1 = 1.2, b = 0.75, exact lengths, English: Lucene's, but for the lengths.
    fn default() -> Self {
        Self {
            k1: 1.2,
            b: 0.75,
            length_norm: LengthNorm::Exact,
            analyzer: Analyzer::English,
        }
    }
}

/// How exactly a document's number of terms enters its score. The average is exact in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LengthNorm {
    /// As it is.
    #[default]
    Exact,
    /// Rounded down as Lucene's norms of one byte do, to four significant bits above 40.
    LuceneByte4,
}

impl LengthNorm {
    /// The length that the score is computed with.
    pub(crate) fn apply(self, length: u32) -> u32 {
        /// Lucene's SmallFloat stores lengths below this as they are.
        const EXACT_BELOW: u32 = 24;
        match (self, length.checked_sub(EXACT_BELOW)) {
            (Self::Exact, _) | (_, None) => length,
            (Self::LuceneByte4, Some(rest)) => {
                let dropped = (u32::BITS - rest.leading_zeros()).saturating_sub(4);
                EXACT_BELOW + (rest >> dropped << dropped)
            }
        }
    }
}

impl FromStr for LengthNorm {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        match name {
            "exact" => Ok(Self::Exact),
            "lucene" => Ok(Self::LuceneByte4),
            _ => Err(NameError::LengthNorm(name.to_owned())),
        }
    }
}

/// ln(1 + (N − df + 0.5) / (df + 0.5)).
pub(crate) fn idf(documents: usize, df: usize) -> f64 {
    let (n, df) = (documents as f64, df as f64);
    (1.0 + (n - df + 0.5) / (df + 0.5)).ln()
}

impl Bm25 {
    /// tf / (tf + k1·(1 − b + b·length/average)).
    pub(crate) fn tf_part(&self, tf: u32, length: u32, average_length: f64) -> f64 {
        let (k1, b) = (f64::from(self.k1), f64::from(self.b));
        let length = f64::from(self.length_norm.apply(length));
        let tf = f64::from(tf);
        tf / (tf + k1 * (1.0 - b + b * length / average_length))
    }
}

/// The tf parts of the documents of one past, those that many documents share in a table.
pub(crate) struct TfParts<'a> {
    bm25: &'a Bm25,
    average_length: f64,
    /// For frequencies below [`Self::FREQUENCIES`] and lengths below [`Self::LENGTHS`], or none.
    table: Vec<f64>,
}

impl<'a> TfParts<'a> {
    const FREQUENCIES: u32 = 8;
    pub(crate) const LENGTHS: u32 = 256;

    /// For about so many `questions`: a table is made where it pays.
    pub(crate) fn new(bm25: &'a Bm25, average_length: f64, questions: usize) -> Self {
        let mut table = Vec::new();
        if questions >= (Self::FREQUENCIES * Self::LENGTHS) as usize {
            for tf in 0..Self::FREQUENCIES {
                let parts =
                    (0..Self::LENGTHS).map(|length| bm25.tf_part(tf, length, average_length));
                table.extend(parts);
            }
        }
        Self {
            bm25,
            average_length,
            table,
        }
    }

    /// The table; empty where it would not pay.
    pub(crate) fn table(&self) -> &[f64] {
        &self.table
    }

    /// Where in the table the part is, if the length is below [`Self::LENGTHS`].
    #[inline]
    pub(crate) fn place(tf: u32, length: u32) -> usize {
        tf as usize * Self::LENGTHS as usize + length as usize
    }

    /// What is not in the table.
    #[cold]
    pub(crate) fn computed(&self, tf: u32, length: u32) -> f64 {
        self.bm25.tf_part(tf, length, self.average_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lucene 9.9.1; tests/data/LuceneGolden.java wrote the file.
    #[test]
    fn lengths_are_rounded_as_in_lucene() {
        let golden = include_str!("../tests/data/lucene_lengths.txt");
        assert!(golden.lines().count() > 90);
        for line in golden.lines() {
            let (length, rounded) = line.split_once(' ').unwrap();
            let length = length.parse().unwrap();
            assert_eq!(
                LengthNorm::LuceneByte4.apply(length).to_string(),
                rounded,
                "{length}"
            );
            assert_eq!(LengthNorm::Exact.apply(length), length);
        }
    }

    #[test]
    fn names_are_read() {
        assert_eq!("exact".parse(), Ok(LengthNorm::Exact));
        assert_eq!("lucene".parse(), Ok(LengthNorm::LuceneByte4));
        assert_eq!(
            "byte".parse::<LengthNorm>(),
            Err(NameError::LengthNorm("byte".into()))
        );
    }
}
