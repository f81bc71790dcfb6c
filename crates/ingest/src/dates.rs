//! Moments as programs and people write them.

use idiolect_core::parse_date;
use jiff::{
    Timestamp, civil,
    fmt::strtime,
    tz::{Offset, TimeZone},
};

/// A moment in one of the forms that tell the order of their parts: RFC 3339, a day, a day and a time
/// of day with or without an offset (without one it is UTC), or as in mail.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    if let Ok(moment) = parse_date(text) {
        return Some(moment);
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    for format in [
        "%Y-%m-%d %H:%M:%S %z",
        "%Y-%m-%d %H:%M %z",
        "%Y-%m-%d %H:%M:%S %:z",
    ] {
        if let Ok(moment) = strtime::parse(format, text).and_then(|parts| parts.to_timestamp()) {
            return Some(moment);
        }
    }
    if let Ok(local) = text.replace('/', "-").parse::<civil::DateTime>() {
        return in_utc(local);
    }
    // With points the day stands first everywhere.
    for format in ["%d.%m.%Y %H:%M:%S", "%d.%m.%Y, %H:%M", "%d.%m.%Y %H:%M"] {
        if let Ok(local) = civil::DateTime::strptime(format, text) {
            return in_utc(local);
        }
    }
    for format in ["%d.%m.%Y", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y"] {
        if let Ok(day) = civil::Date::strptime(format, text) {
            return in_utc(day.at(0, 0, 0, 0));
        }
    }
    mail(text)
}

/// Seconds or milliseconds since 1970, whichever gives a year of our time.
pub(crate) fn epoch(number: f64) -> Option<Timestamp> {
    // Later than the year 5000 in seconds.
    const MILLISECONDS_FROM: f64 = 1e11;
    let milliseconds = if number.abs() >= MILLISECONDS_FROM {
        number
    } else {
        number * 1_000.0
    };
    (milliseconds.is_finite() && milliseconds.abs() < 1e14)
        .then(|| Timestamp::from_millisecond(milliseconds as i64).ok())
        .flatten()
}

pub(crate) fn in_utc(local: civil::DateTime) -> Option<Timestamp> {
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// `Mon, 5 Jan 2004 10:30:00 +0100 (CET)` and its many variants: without a day of the week, with the
/// month first, a year of two digits, a zone by name, a zone that is none.
pub(crate) fn mail(text: &str) -> Option<Timestamp> {
    let text = text.split('(').next().unwrap_or_default();
    let mut month = None;
    let mut time = None;
    let mut offset: Option<Zone> = None;
    // Day and year, in the order in which they stand.
    let mut numbers: Vec<(i32, usize)> = Vec::new();
    let mut is_afternoon = None;
    for word in text
        .split([' ', ',', '\t', '\r', '\n'])
        .filter(|word| !word.is_empty())
        .take(12)
    {
        if word.contains(':') && time.is_none() {
            time = clock(word);
        } else if let Some(signed) = zone_by_digits(word).filter(|_| time.is_some()) {
            offset.get_or_insert(signed);
        } else if word.contains('-') && month.is_none() && numbers.is_empty() {
            // `05-Jan-04`.
            for part in word.split('-') {
                take(part, &mut numbers, &mut month);
            }
        } else if word.eq_ignore_ascii_case("am") || word.eq_ignore_ascii_case("pm") {
            is_afternoon = Some(word.eq_ignore_ascii_case("pm"));
        } else if let Some(named) = zone_by_name(word).filter(|_| time.is_some()) {
            offset.get_or_insert(named);
        } else {
            take(word, &mut numbers, &mut month);
        }
    }
    let (mut hour, minute, second) = time.unwrap_or_default();
    match is_afternoon {
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    // A year that stands first has four digits.
    let year_at = numbers
        .iter()
        .position(|(_, digits)| *digits == 4)
        .unwrap_or(1);
    let (year, digits) = *numbers.get(year_at)?;
    let day = numbers
        .iter()
        .enumerate()
        .find(|(at, _)| *at != year_at)
        .map(|(_, (day, _))| *day)?;
    let local = civil::DateTime::new(
        i16::try_from(whole_year(year, digits)).ok()?,
        month?,
        i8::try_from(day).ok()?,
        hour,
        minute,
        second.min(59),
        0,
    )
    .ok()?;
    let offset = offset.and_then(Zone::offset).unwrap_or(Offset::UTC);
    Some(local.to_zoned(TimeZone::fixed(offset)).ok()?.timestamp())
}

/// RFC 5322: two digits below 50 are of this century, three digits count from 1900.
fn whole_year(year: i32, digits: usize) -> i32 {
    match (digits, year) {
        (1 | 2, 0..=49) => year + 2000,
        (1..=3, _) => year + 1900,
        _ => year,
    }
}

fn take(word: &str, numbers: &mut Vec<(i32, usize)>, month: &mut Option<i8>) {
    let digits = word.trim_end_matches(['.', 't', 'h', 's', 'd', 'n', 'r']);
    if let (Ok(number), 1..=4) = (digits.parse::<i32>(), digits.len()) {
        if number >= 0 {
            numbers.push((number, digits.len()));
        }
    } else if let Some(start) = word.get(..3) {
        let start = start.to_ascii_lowercase();
        if let Some(at) = MONTHS.iter().position(|name| *name == start) {
            month.get_or_insert(at as i8 + 1);
        }
    }
}

/// Hours, minutes, seconds.
fn clock(word: &str) -> Option<(i8, i8, i8)> {
    let mut parts = word.split([':', '.']);
    let mut next = || parts.next()?.parse::<i8>().ok();
    let (hour, minute) = (next()?, next()?);
    let second = next().unwrap_or(0);
    ((0..24).contains(&hour) && (0..60).contains(&minute) && (0..62).contains(&second))
        .then_some((hour, minute, second))
}

/// A zone as it is written.
#[derive(Clone, Copy)]
enum Zone {
    /// Seconds ahead of UTC.
    Seconds(i32),
    /// No zone on earth.
    Nowhere,
}

impl Zone {
    fn offset(self) -> Option<Offset> {
        match self {
            Self::Seconds(seconds) => Offset::from_seconds(seconds).ok(),
            Self::Nowhere => None,
        }
    }
}

/// `+0130`, `+01:30`.
fn zone_by_digits(word: &str) -> Option<Zone> {
    let word = word.trim_start_matches("GMT").trim_start_matches("UTC");
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) = if digits.len() > 2 {
        (number / 100, number % 100)
    } else {
        (number, 0)
    };
    Some(if hours <= 14 && minutes < 60 {
        Zone::Seconds(sign * (hours * 3600 + minutes * 60))
    } else {
        Zone::Nowhere
    })
}

/// Zones as old mail programs name them, in hours.
const ZONES: [(&str, i32); 24] = [
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("z", 0),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
    ("akst", -9),
    ("akdt", -8),
    ("hst", -10),
    ("bst", 1),
    ("wet", 0),
    ("cet", 1),
    ("mez", 1),
    ("cest", 2),
    ("mesz", 2),
    ("eet", 2),
    ("jst", 9),
    ("aest", 10),
];

fn zone_by_name(word: &str) -> Option<Zone> {
    let word = word.to_ascii_lowercase();
    let (_, hours) = ZONES.iter().find(|(name, _)| *name == word)?;
    Some(Zone::Seconds(hours * 3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        for (text, expected) in [
            ("2011-03-04", "2011-03-04T00:00:00Z"),
            ("2011-03-04T05:06:07+01:00", "2011-03-04T04:06:07Z"),
            ("2011-03-04 05:06:07 +0100", "2011-03-04T04:06:07Z"),
            ("2011-03-04 05:06:07 +01:00", "2011-03-04T04:06:07Z"),
            ("2011-03-04 05:06 -0100", "2011-03-04T06:06:00Z"),
            ("2011-03-04 05:06:07", "2011-03-04T05:06:07Z"),
            ("2011-03-04 05:06:07 UTC", "2011-03-04T05:06:07Z"),
            ("2011-03-04T05:06", "2011-03-04T05:06:00Z"),
            ("2011/03/04", "2011-03-04T00:00:00Z"),
            ("March 4, 2011", "2011-03-04T00:00:00Z"),
            ("4 Mar 2011", "2011-03-04T00:00:00Z"),
            ("Fri, 04 Mar 2011 05:06:07 GMT", "2011-03-04T05:06:07Z"),
            ("05.01.2004", "2004-01-05T00:00:00Z"),
            ("5.1.2004 10:30", "2004-01-05T10:30:00Z"),
        ] {
            assert_eq!(moment(text), Some(expected.parse().unwrap()), "{text}");
        }
        for text in ["4 March", "", "03/04/2011", "yesterday", "10:30"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn mails_are_dated_in_many_ways() {
        for (text, expected) in [
            (
                "Mon, 5 Jan 2004 10:30:00 +0100 (CET)",
                "2004-01-05T09:30:00Z",
            ),
            ("5 Jan 04 10:30 GMT", "2004-01-05T10:30:00Z"),
            ("Mon, 5 Jan 98 10:30:00 EST", "1998-01-05T15:30:00Z"),
            ("Mon, 5 Jan 104 10:30:00 +0000", "2004-01-05T10:30:00Z"),
            ("Monday, January 5, 2004 10:30 PM", "2004-01-05T22:30:00Z"),
            ("Mon Jan  5 10:30:00 2004", "2004-01-05T10:30:00Z"),
            ("Mon Jan  5 10:30:00 PST 2004", "2004-01-05T18:30:00Z"),
            ("Mon, 05-Jan-04 10:30:00 GMT+01:00", "2004-01-05T09:30:00Z"),
            // No place on earth is that far ahead.
            ("Mon, 5 Jan 2004 10:30:00 +9900", "2004-01-05T10:30:00Z"),
            ("Mon, 5 Jan 2004 10:30:00 XYZ", "2004-01-05T10:30:00Z"),
            ("Mon, 5 Jan 2004", "2004-01-05T00:00:00Z"),
            ("Mon, 5 Jan 2004 10.30.00 +0000", "2004-01-05T00:00:00Z"),
        ] {
            assert_eq!(mail(text), Some(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "Mon", "32 Jan 2004 10:30", "5 2004 10:30", "Jan 2004"] {
            assert_eq!(mail(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        let moment = Some("2004-01-05T10:30:00Z".parse().unwrap());
        assert_eq!(epoch(1_073_298_600.0), moment);
        assert_eq!(epoch(1_073_298_600_000.0), moment);
        assert_eq!(epoch(f64::NAN), None);
        assert_eq!(epoch(1e300), None);
    }
}
