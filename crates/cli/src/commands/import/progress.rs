use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use idiolect_ingest::Progress;

/// How far an import is, and how long it will take.
pub(super) struct Meter {
    bytes: Arc<Progress>,
    begun: Instant,
}

impl Meter {
    pub(super) fn new(bytes: Arc<Progress>) -> Self {
        Self {
            bytes,
            begun: Instant::now(),
        }
    }

    /// `12.5 of 100.0 MB, 1200 read, 1100 stored, 240 a second, 2 min left`.
    pub(super) fn line(&self, read: usize, stored: usize) -> String {
        let seconds = self.begun.elapsed().as_secs_f64();
        let bytes = self.bytes.read.load(Ordering::Relaxed);
        let total = self.bytes.total.load(Ordering::Relaxed);
        describe(seconds, bytes, total, read, stored)
    }
}

fn describe(seconds: f64, bytes: u64, total: u64, read: usize, stored: usize) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let mut parts = vec![if total > 0 {
        format!("{:.1} of {:.1} MB", megabytes(bytes), megabytes(total))
    } else {
        format!("{:.1} MB", megabytes(bytes))
    }];
    parts.push(format!("{read} read, {stored} stored"));
    if seconds >= 1.0 {
        parts.push(format!("{:.0} a second", read as f64 / seconds));
    }
    if seconds >= 1.0 && bytes > 0 && total > bytes {
        let left = seconds * (total - bytes) as f64 / bytes as f64;
        parts.push(match left as u64 {
            0..100 => format!("{left:.0} s left"),
            100..6_000 => format!("{:.0} min left", left / 60.0),
            _ => format!("{:.1} h left", left / 3_600.0),
        });
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_bytes_speed_and_time_left() {
        assert_eq!(
            describe(10.0, 25_000_000, 100_000_000, 1000, 900),
            "25.0 of 100.0 MB, 1000 read, 900 stored, 100 a second, 30 s left"
        );
        assert_eq!(
            describe(0.5, 1_000_000, 0, 10, 0),
            "1.0 MB, 10 read, 0 stored"
        );
        assert_eq!(
            describe(60.0, 1_000_000, 1_000_000_000, 60, 60),
            "1.0 of 1000.0 MB, 60 read, 60 stored, 1 a second, 16.6 h left"
        );
    }
}
