/// Numbers distinct words from 0 in the order in which they are first seen.
///
/// An open-addressing table over a byte arena: scoring a pair spends most of its time here, and the
/// standard map's hash alone would cost more than all the rest.
pub(crate) struct Interner {
    /// Word number + 1, or 0 where the slot is free.
    slots: Vec<u32>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

struct Entry {
    hash: u64,
    start: u32,
    end: u32,
}

impl Interner {
    /// An empty table with room for texts of about this many bytes together.
    pub(crate) fn for_bytes(bytes: usize) -> Self {
        Self {
            slots: vec![0; (bytes / 2).next_power_of_two().max(16)],
            entries: Vec::with_capacity(bytes / 8),
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// The number of `word`.
    pub(crate) fn id(&mut self, word: &[u8]) -> u32 {
        if self.entries.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash(word);
        let mut at = self.first_slot(hash);
        loop {
            match self.slots[at] {
                0 => break,
                number => {
                    let entry = &self.entries[number as usize - 1];
                    if entry.hash == hash
                        && &self.bytes[entry.start as usize..entry.end as usize] == word
                    {
                        return number - 1;
                    }
                }
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(word);
        self.entries.push(Entry {
            hash,
            start,
            end: self.bytes.len() as u32,
        });
        self.slots[at] = self.entries.len() as u32;
        self.entries.len() as u32 - 1
    }

    /// How many distinct words there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn first_slot(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for number in 0..self.entries.len() {
            let mut at = self.first_slot(self.entries[number].hash);
            while self.slots[at] != 0 {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = number as u32 + 1;
        }
    }
}

fn hash(word: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = word.len() as u64;
    for chunk in word.chunks(8) {
        let mut eight = [0; 8];
        eight[..chunk.len()].copy_from_slice(chunk);
        state = (state ^ u64::from_le_bytes(eight)).wrapping_mul(MULTIPLIER);
        state ^= state >> 29;
    }
    state.wrapping_mul(MULTIPLIER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_share_a_number_however_many_there_are() {
        let mut interner = Interner::for_bytes(0);
        for round in 0..2 {
            for number in 0..5000_u32 {
                let word = format!("w{number}");
                assert_eq!(interner.id(word.as_bytes()), number, "round {round}");
            }
        }
        assert_eq!(interner.len(), 5000);
        assert_eq!(interner.id(b""), 5000);
    }
}
