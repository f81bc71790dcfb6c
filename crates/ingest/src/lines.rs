use std::io::{self, BufRead, Read};

/// One line, its line break included, or the news that it was too long to be held.
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
}

/// Lines of bytes, one in memory at a time and none longer than a limit.
pub(crate) struct Lines<'a> {
    reader: &'a mut dyn BufRead,
    limit: usize,
    buffer: Vec<u8>,
    /// The line last read, counted from 1.
    pub(crate) number: usize,
}

/// What the buffer keeps from one line to the next, in bytes.
const KEPT_CAPACITY: usize = 1 << 20;

impl<'a> Lines<'a> {
    /// Lines of at most `limit` bytes.
    pub(crate) fn new(reader: &'a mut dyn BufRead, limit: usize) -> Self {
        Self::behind(reader, limit, 0)
    }

    /// Lines of which so many others stand before them in the file.
    pub(crate) fn behind(reader: &'a mut dyn BufRead, limit: usize, number: usize) -> Self {
        Self {
            reader,
            limit,
            buffer: Vec::new(),
            number,
        }
    }

    /// The next line and its number, counted from 1; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<(usize, Line<'_>)>> {
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_CAPACITY);
        let mut limited = (&mut *self.reader).take(self.limit as u64 + 1);
        if limited.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.len() > self.limit {
            let ended = self.buffer.ends_with(b"\n");
            self.buffer = Vec::new();
            if !ended {
                self.reader.skip_until(b'\n')?;
            }
            return Ok(Some((self.number, Line::TooLong)));
        }
        if self.number == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
            let line = &self.buffer[BYTE_ORDER_MARK.len()..];
            return Ok(Some((self.number, Line::Whole(line))));
        }
        Ok(Some((self.number, Line::Whole(&self.buffer))))
    }
}

/// What some editors put at the start of UTF-8 text.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(mut text: &[u8], limit: usize) -> Vec<Option<usize>> {
        let mut lines = Lines::new(&mut text, limit);
        let mut lengths = Vec::new();
        while let Some((_, line)) = lines.next().unwrap() {
            lengths.push(match line {
                Line::Whole(line) => Some(line.len()),
                Line::TooLong => None,
            });
        }
        lengths
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over_and_the_next_is_whole() {
        assert_eq!(
            lengths(b"abc\nabcdefghij\n\nab", 4),
            [Some(4), None, Some(1), Some(2)]
        );
        assert_eq!(lengths(b"abcd\nab\n", 4), [None, Some(3)]);
        assert_eq!(lengths(b"", 4), []);
        assert_eq!(lengths(b"abcdefgh", 4), [None]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        assert_eq!(
            lengths(b"\xef\xbb\xbfab\n\xef\xbb\xbfab", 9),
            [Some(3), Some(5)]
        );
    }
}
