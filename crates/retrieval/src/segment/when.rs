use jiff::Timestamp;

/// Where a document stands in time. Later is greater; what has no date counts as earlier than what
/// has one, and stands by `n` (without one: behind all that have one), then by import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    Undated { n: i64, sequence: u64 },
    Dated { seconds: i64, nanoseconds: i32 },
}

impl When {
    pub(crate) fn new(date: Option<Timestamp>, n: Option<i64>, sequence: u64) -> Self {
        match date {
            Some(date) => Self::at(date),
            None => Self::Undated {
                n: n.unwrap_or(i64::MAX),
                sequence,
            },
        }
    }

    pub(crate) fn at(date: Timestamp) -> Self {
        Self::Dated {
            seconds: date.as_second(),
            nanoseconds: date.subsec_nanosecond(),
        }
    }

    pub(crate) fn is_dated(self) -> bool {
        matches!(self, Self::Dated { .. })
    }

    pub(crate) fn date(self) -> Option<Timestamp> {
        match self {
            Self::Dated {
                seconds,
                nanoseconds,
            } => Timestamp::new(seconds, nanoseconds).ok(),
            Self::Undated { .. } => None,
        }
    }

    /// The order of documents in a segment: those with a date first, so that what is visible at
    /// any moment is a prefix.
    pub(super) fn stored_order(self) -> (bool, Self) {
        (!self.is_dated(), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_ordered_to_the_nanosecond() {
        let moments = [
            When::new(None, Some(-1), 9),
            When::new(None, Some(3), 1),
            When::new(None, Some(3), 2),
            When::new(None, None, 0),
            When::at(Timestamp::new(-1, -500_000_000).unwrap()),
            When::at(Timestamp::new(-1, 0).unwrap()),
            When::at(Timestamp::new(0, -500_000_000).unwrap()),
            When::at(Timestamp::new(0, 1).unwrap()),
        ];
        assert!(moments.is_sorted());
        assert_eq!(moments[4].date(), Timestamp::new(-1, -500_000_000).ok());
        assert_eq!(moments[0].date(), None);
    }
}
