/// Numbers distinct words from 0 in the order in which they are first seen.
///
/// An open-addressing table: scoring a pair spends most of its time here, and the standard map's hash
/// alone would cost more than all the rest. A word of up to eight bytes, as most are, is its own key;
/// longer ones are compared in a byte arena.
#[derive(Default)]
pub(crate) struct Interner {
    /// Word number + 1, or 0 where the slot is free.
    slots: Vec<u32>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

struct Entry {
    /// The word itself, or the hash of a longer one.
    key: u64,
    length: u32,
    /// Where a longer one begins in the arena.
    start: u32,
}

/// The longest word that is its own key.
const SHORT: usize = 8;

impl Interner {
    /// Forgets everything and makes room for texts of about this many bytes together.
    pub(crate) fn begin(&mut self, bytes: usize) {
        self.slots.clear();
        self.slots
            .resize((bytes / 3).next_power_of_two().max(16), 0);
        self.entries.clear();
        self.bytes.clear();
    }

    /// The number of `text[start..end]`.
    pub(crate) fn id_in(&mut self, text: &[u8], start: usize, end: usize) -> u32 {
        let length = end - start;
        if length > SHORT {
            return self.long(&text[start..end]);
        }
        // Reading eight bytes and dropping some is faster than copying a few.
        match text[start..].first_chunk::<SHORT>() {
            Some(eight) if length > 0 => {
                let unused = 8 * (SHORT - length);
                self.short(u64::from_le_bytes(*eight) << unused >> unused, length)
            }
            _ => self.id(&text[start..end]),
        }
    }

    /// The number of `word`.
    pub(crate) fn id(&mut self, word: &[u8]) -> u32 {
        if word.len() > SHORT {
            return self.long(word);
        }
        let mut eight = [0; SHORT];
        eight[..word.len()].copy_from_slice(word);
        self.short(u64::from_le_bytes(eight), word.len())
    }

    fn short(&mut self, key: u64, length: usize) -> u32 {
        self.number(key, length, &[])
    }

    fn long(&mut self, word: &[u8]) -> u32 {
        self.number(hash(word), word.len(), word)
    }

    /// `long` is the word where the key is but its hash.
    fn number(&mut self, key: u64, length: usize, long: &[u8]) -> u32 {
        if self.entries.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let length = length as u32;
        let mut at = self.first_slot(key);
        loop {
            match self.slots[at] {
                0 => break,
                number => {
                    let entry = &self.entries[number as usize - 1];
                    if entry.key == key && entry.length == length {
                        let start = entry.start as usize;
                        if long.is_empty() || &self.bytes[start..start + long.len()] == long {
                            return number - 1;
                        }
                    }
                }
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(long);
        self.entries.push(Entry { key, length, start });
        self.slots[at] = self.entries.len() as u32;
        self.entries.len() as u32 - 1
    }

    /// How many distinct words there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn first_slot(&self, key: u64) -> usize {
        // The last letters must count too, and a product carries nothing down.
        let folded = key ^ (key >> 32);
        (folded.wrapping_mul(MULTIPLIER) >> 32) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for number in 0..self.entries.len() {
            let mut at = self.first_slot(self.entries[number].key);
            while self.slots[at] != 0 {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = number as u32 + 1;
        }
    }
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

fn hash(word: &[u8]) -> u64 {
    let mut state = word.len() as u64;
    for chunk in word.chunks(8) {
        let mut eight = [0; 8];
        eight[..chunk.len()].copy_from_slice(chunk);
        state = (state ^ u64::from_le_bytes(eight)).wrapping_mul(MULTIPLIER);
        state ^= state >> 29;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_share_a_number_however_many_there_are() {
        let mut interner = Interner::default();
        interner.begin(0);
        for round in 0..2 {
            for number in 0..5000_u32 {
                // Short ones, and from w1000000 on long ones.
                let word = format!("w{}", number * 1000);
                assert_eq!(interner.id(word.as_bytes()), number, "round {round}");
            }
        }
        assert_eq!(interner.len(), 5000);
        assert_eq!(interner.id(b""), 5000);
    }

    #[test]
    fn words_are_what_they_are_wherever_they_stand() {
        let mut interner = Interner::default();
        interner.begin(64);
        let text = b"a\0 a abcdefgh abcdefghi a\0 abcdefgh abcdefghi a";
        let mut found = Vec::new();
        let mut start = 0;
        for (end, &byte) in text.iter().chain(b" ").enumerate() {
            if byte == b' ' {
                let number = interner.id_in(text, start, end);
                assert_eq!(number, interner.id(&text[start..end]));
                found.push(number);
                start = end + 1;
            }
        }
        assert_eq!(found, [0, 1, 2, 3, 0, 2, 3, 1]);
    }
}
