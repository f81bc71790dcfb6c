//! Longest common subsequences, 64 columns at a time (Hyyrö 2004): a zero bit in a row is a step of
//! the table, so a value of the table is a count of zero bits.

/// Length of the longest common subsequence of two sequences of word numbers below `words`.
pub(crate) fn lcs_length(a: &[u32], b: &[u32], words: usize) -> usize {
    let columns = Columns::new(a, words);
    let mut row = columns.first_row();
    for &word in b {
        columns.advance(&mut row, word);
    }
    zeros(&row, a.len())
}

/// Positions in `reference` of the one longest common subsequence that rouge-score reads out of its
/// table: back from the end, equal words first, then the column where it is larger, then the row.
pub(crate) fn lcs_positions(reference: &[u32], candidate: &Columns) -> Vec<usize> {
    let width = candidate.width();
    let mut rows = candidate.first_row();
    for (row, &word) in reference.iter().enumerate() {
        rows.extend_from_within(row * width..);
        candidate.advance(&mut rows[(row + 1) * width..], word);
    }
    let row = |index: usize| &rows[index * width..(index + 1) * width];
    let step = |index: usize, column: usize| {
        usize::from(row(index)[(column - 1) / 64] >> ((column - 1) % 64) & 1 == 0)
    };

    let mut positions = Vec::new();
    let (mut i, mut j) = (reference.len(), candidate.length);
    if i == 0 {
        return positions;
    }
    // `here` and `above` are the table's values at (i, j) and (i − 1, j).
    let (mut here, mut above) = (zeros(row(i), j), zeros(row(i - 1), j));
    while i > 0 && j > 0 {
        if candidate.holds(reference[i - 1], j - 1) {
            positions.push(i - 1);
            i -= 1;
            j -= 1;
            here -= 1;
        } else if here - step(i, j) > above {
            here -= step(i, j);
            above -= step(i - 1, j);
            j -= 1;
            continue;
        } else {
            i -= 1;
            here = above;
        }
        if i > 0 {
            above = zeros(row(i - 1), j);
        }
    }
    positions.reverse();
    positions
}

/// Where each word stands in one sequence, as bits.
pub(crate) struct Columns {
    length: usize,
    /// `blocks[starts[w]..starts[w + 1]]` are the blocks that hold word `w`, in order.
    starts: Vec<u32>,
    blocks: Vec<(u32, u64)>,
}

impl Columns {
    /// Of a sequence of word numbers below `words`.
    pub(crate) fn new(sequence: &[u32], words: usize) -> Self {
        let mut starts = vec![0_u32; words + 1];
        let mut last_block = vec![u32::MAX; words];
        for (position, &word) in sequence.iter().enumerate() {
            let block = (position / 64) as u32;
            if last_block[word as usize] != block {
                last_block[word as usize] = block;
                starts[word as usize + 1] += 1;
            }
        }
        for word in 0..words {
            starts[word + 1] += starts[word];
        }
        let mut blocks = vec![(u32::MAX, 0); starts[words] as usize];
        let mut next = starts.clone();
        for (position, &word) in sequence.iter().enumerate() {
            let (word, block) = (word as usize, (position / 64) as u32);
            let last = next[word] as usize;
            let at = if last > starts[word] as usize && blocks[last - 1].0 == block {
                last - 1
            } else {
                next[word] += 1;
                blocks[last].0 = block;
                last
            };
            blocks[at].1 |= 1 << (position % 64);
        }
        Self {
            length: sequence.len(),
            starts,
            blocks,
        }
    }

    fn width(&self) -> usize {
        self.length.div_ceil(64)
    }

    fn first_row(&self) -> Vec<u64> {
        vec![u64::MAX; self.width()]
    }

    fn of(&self, word: u32) -> &[(u32, u64)] {
        &self.blocks[self.starts[word as usize] as usize..self.starts[word as usize + 1] as usize]
    }

    fn holds(&self, word: u32, position: usize) -> bool {
        let blocks = self.of(word);
        blocks
            .binary_search_by_key(&((position / 64) as u32), |&(block, _)| block)
            .is_ok_and(|found| blocks[found].1 >> (position % 64) & 1 == 1)
    }

    /// row ← (row + (row & m)) | (row & !m), m being the bits of `word`; blocks without the word
    /// change only where a carry runs through them.
    fn advance(&self, row: &mut [u64], word: u32) {
        let mut next_block = 0;
        let mut carry = false;
        for &(block, mask) in self.of(word) {
            let block = block as usize;
            while carry && next_block < block {
                carry = add_carry(&mut row[next_block], 0, carry);
                next_block += 1;
            }
            carry = add_carry(&mut row[block], mask, carry && next_block == block);
            next_block = block + 1;
        }
        while carry && next_block < row.len() {
            carry = add_carry(&mut row[next_block], 0, carry);
            next_block += 1;
        }
    }
}

fn add_carry(block: &mut u64, mask: u64, carry: bool) -> bool {
    let matched = *block & mask;
    let (sum, first) = block.overflowing_add(matched);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    *block = sum | (*block & !mask);
    first || second
}

/// Zero bits among the first `columns`.
fn zeros(row: &[u64], columns: usize) -> usize {
    let whole = columns / 64;
    let mut count: u32 = row[..whole].iter().map(|block| block.count_zeros()).sum();
    if !columns.is_multiple_of(64) {
        count += (row[whole] | u64::MAX << (columns % 64)).count_zeros();
    }
    count as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(a: &[u32], b: &[u32]) -> Vec<Vec<usize>> {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = if a[i - 1] == b[j - 1] {
                    table[i - 1][j - 1] + 1
                } else {
                    table[i - 1][j].max(table[i][j - 1])
                };
            }
        }
        table
    }

    fn read_out(table: &[Vec<usize>], a: &[u32], b: &[u32]) -> Vec<usize> {
        let (mut i, mut j) = (a.len(), b.len());
        let mut positions = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                positions.insert(0, i - 1);
                i -= 1;
                j -= 1;
            } else if table[i][j - 1] > table[i - 1][j] {
                j -= 1;
            } else {
                i -= 1;
            }
        }
        positions
    }

    proptest! {
        #[test]
        fn bits_say_what_the_table_says(
            a in prop::collection::vec(0_u32..6, 0..200),
            b in prop::collection::vec(0_u32..6, 0..200),
        ) {
            let table = table(&a, &b);
            prop_assert_eq!(lcs_length(&a, &b, 6), table[a.len()][b.len()]);
            let positions = lcs_positions(&a, &Columns::new(&b, 6));
            prop_assert_eq!(positions, read_out(&table, &a, &b));
        }

        #[test]
        fn rare_words_leave_blocks_untouched(
            a in prop::collection::vec(0_u32..150, 0..400),
            b in prop::collection::vec(0_u32..150, 0..400),
        ) {
            prop_assert_eq!(lcs_length(&a, &b, 150), table(&a, &b)[a.len()][b.len()]);
        }
    }
}
