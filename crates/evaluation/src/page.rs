//! Pages that need nothing else, neither script nor network, and what is drawn on them.

use std::fmt::Write as _;

use crate::resample::Interval;

/// A whole page around a body of HTML.
pub fn html_page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\
         <footer>idiolect {version}</footer>\n</body>\n</html>\n",
        title = escaped(title),
        version = env!("CARGO_PKG_VERSION"),
    )
}

const STYLE: &str = "\
:root{color-scheme:light dark;--mark:#2b6cb0;--line:#8884;--soft:#8881;--good:#2f855a;--bad:#c05621}\
@media (prefers-color-scheme:dark){:root{--mark:#63b3ed;--good:#68d391;--bad:#f6ad55}}\
body{font:16px/1.55 system-ui,sans-serif;max-width:66rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.7rem;line-height:1.2}h2{font-size:1.25rem;margin:2.4rem 0 .6rem}h3{font-size:1rem;margin:1.4rem 0 .3rem}\
.lead{font-size:1.2rem;border-left:4px solid var(--mark);padding:.2rem 0 .2rem 1rem}\
.note,footer,figcaption{opacity:.75;font-size:.9rem}footer{margin:3rem 0 1rem}\
table{border-collapse:collapse;display:block;overflow-x:auto;font-variant-numeric:tabular-nums}\
th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:top}\
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:Canvas}\
small{opacity:.7;display:block}\
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:.5rem 2rem}\
figure{margin:0}svg{width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:currentColor}\
.dot,.bar{fill:var(--mark)}.bar.down{fill:var(--bad)}.interval{stroke:var(--mark);stroke-width:2}\
.grid{stroke:var(--line)}.rule{stroke:currentColor;stroke-dasharray:3 3;opacity:.6}\
details{border:1px solid var(--line);border-radius:.4rem;margin:.6rem 0;padding:.4rem .8rem}summary{cursor:pointer}\
.sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,14rem),1fr));gap:1rem}\
.sides>div,.passage{background:var(--soft);border-radius:.3rem;padding:.4rem .7rem}\
.passage{margin:.4rem 0}.text{white-space:pre-wrap;overflow-wrap:anywhere;font:15px/1.5 Georgia,serif}\
.start{opacity:.55}dd{margin:0 0 .6rem;overflow-wrap:anywhere;font-size:.85rem}";

/// Text as it may stand in HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// One line of a plot of intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// To the left.
    pub label: String,
    /// Where it stands.
    pub value: Interval,
    /// To the right.
    pub shown: String,
}

const LEFT: f64 = 170.0;
const WIDTH: f64 = 430.0;
const LINE: f64 = 24.0;

/// Points with their intervals, one below the other, on an axis that they fill; `rule` is a dashed
/// line to compare with, such as 0 or another row's value.
pub fn interval_plot(
    title: &str,
    marks: &[Mark],
    rule: Option<f64>,
    unit: fn(f64) -> String,
) -> String {
    let (inside, height) = intervals(marks, rule, unit);
    format!(
        "<figure><figcaption>{title}</figcaption>\n<svg viewBox=\"0 0 720 {height}\" role=\"img\" \
         aria-label=\"{title}\">\n{inside}</svg></figure>\n",
        title = escaped(title),
    )
}

/// The same plot as a picture of its own, an SVG file with its title above.
pub fn interval_picture(
    title: &str,
    marks: &[Mark],
    rule: Option<f64>,
    unit: fn(f64) -> String,
) -> String {
    let (inside, height) = intervals(marks, rule, unit);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 -26 720 {height}\" role=\"img\" \
         aria-label=\"{title}\">\n<style>{PICTURE_STYLE}</style>\n\
         <text x=\"0\" y=\"-10\">{title}</text>\n{inside}</svg>\n",
        title = escaped(title),
        height = height + 26.0,
    )
}

/// What a picture needs of [`STYLE`], in words that every viewer knows.
const PICTURE_STYLE: &str = "\
text{fill:#1a202c;font:12px system-ui,sans-serif}.dot{fill:#2b6cb0}.interval{stroke:#2b6cb0;stroke-width:2}\
.grid{stroke:#888;stroke-opacity:.3}.rule{stroke:#888;stroke-dasharray:3 3}\
@media (prefers-color-scheme:dark){text{fill:#e2e8f0}.dot{fill:#63b3ed}.interval{stroke:#63b3ed}}";

/// What is drawn, and how high it is.
fn intervals(marks: &[Mark], rule: Option<f64>, unit: fn(f64) -> String) -> (String, f64) {
    let values = marks
        .iter()
        .flat_map(|mark| [mark.value.low, mark.value.high, mark.value.mean])
        .chain(rule)
        .filter(|value| value.is_finite());
    let (mut low, mut high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        (low, high) = (0.0, 1.0);
    }
    let room = ((high - low) * 0.05).max(high.abs().max(1e-9) * 1e-3);
    (low, high) = (low - room, high + room);
    let place = |value: f64| LEFT + WIDTH * (value.clamp(low, high) - low) / (high - low);
    let bottom = marks.len() as f64 * LINE;
    let mut out = String::new();
    for part in 0..=4 {
        let value = low + (high - low) * f64::from(part) / 4.0;
        let x = place(value);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\" opacity=\".6\">{}</text>",
            unit(value),
            y = bottom + 16.0,
        );
    }
    if let Some(rule) = rule {
        let x = place(rule);
        let _ = writeln!(
            out,
            "<line class=\"rule\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{bottom}\"/>"
        );
    }
    for (index, mark) in marks.iter().enumerate() {
        let middle = index as f64 * LINE + LINE / 2.0;
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{text}\">{label}</text>\
             <line class=\"interval\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
             <circle class=\"dot\" cx=\"{mean:.1}\" cy=\"{middle}\" r=\"5\"/>\
             <text x=\"{right}\" y=\"{text}\">{shown}</text>",
            text = middle + 4.0,
            label = escaped(&mark.label),
            low = place(mark.value.low),
            high = place(mark.value.high),
            mean = place(mark.value.mean),
            right = LEFT + WIDTH + 12.0,
            shown = escaped(&mark.shown),
        );
    }
    (out, bottom + 22.0)
}

/// Columns beside each other, from the greatest value down, above and below 0; each with what a
/// pointer shows.
pub fn columns_plot(title: &str, columns: &[(String, f64)]) -> String {
    const HEIGHT: f64 = 160.0;
    const ACROSS: f64 = 700.0;
    let high = columns.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let low = columns.iter().map(|(_, value)| *value).fold(0.0, f64::min);
    let range = (high - low).max(1e-12);
    let zero = HEIGHT * high / range;
    let step = ACROSS / columns.len().max(1) as f64;
    let mut out = format!(
        "<figure><figcaption>{title}</figcaption>\n<svg viewBox=\"0 0 720 {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n",
        title = escaped(title),
    );
    for (index, (label, value)) in columns.iter().enumerate() {
        let height = (HEIGHT * value.abs() / range).max(0.5);
        let _ = writeln!(
            out,
            "<rect class=\"bar{down}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{label}</title></rect>",
            down = if *value < 0.0 { " down" } else { "" },
            x = index as f64 * step,
            y = if *value < 0.0 { zero } else { zero - height },
            width = (step * 0.85).min(24.0),
            label = escaped(label),
        );
    }
    let _ = writeln!(
        out,
        "<line class=\"rule\" x1=\"0\" x2=\"{ACROSS}\" y1=\"{zero:.1}\" y2=\"{zero:.1}\"/>\n</svg></figure>"
    );
    out
}

/// How often values fall into classes of like width, the last class holding all that is greater.
pub fn histogram(title: &str, values: &[f64]) -> String {
    const CLASSES: usize = 24;
    const HEIGHT: f64 = 120.0;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // A few very long texts would leave all others in one class.
    let top = sorted
        .get(sorted.len().saturating_sub(1) * 99 / 100)
        .copied()
        .unwrap_or(0.0)
        .max(1e-9);
    let width = if sorted.iter().all(|value| value.fract() == 0.0) {
        (top / CLASSES as f64).ceil().max(1.0)
    } else {
        top / CLASSES as f64
    };
    let mut counts = [0_usize; CLASSES];
    for value in values {
        counts[((value / width) as usize).min(CLASSES - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let step = 700.0 / CLASSES as f64;
    let mut out = format!(
        "<figure><figcaption>{title}</figcaption>\n<svg viewBox=\"0 0 720 {}\" role=\"img\" aria-label=\"{title}\">\n",
        HEIGHT + 20.0,
        title = escaped(title),
    );
    for (class, &count) in counts.iter().enumerate() {
        let height = HEIGHT * count as f64 / most as f64;
        let x = class as f64 * step;
        let from = class as f64 * width;
        let end = if class == CLASSES - 1 {
            "or more".to_owned()
        } else {
            format!("to {}", number(from + width))
        };
        let _ = writeln!(
            out,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{} {end}: {count}</title></rect>",
            HEIGHT - height,
            step * 0.9,
            number(from),
        );
        if class % 4 == 0 {
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{}\" opacity=\".6\">{}</text>",
                HEIGHT + 15.0,
                number(from)
            );
        }
    }
    out.push_str("</svg></figure>\n");
    out
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_proportion() {
        let mark = |mean: f64| Mark {
            label: "a<b".to_owned(),
            value: Interval {
                mean,
                low: mean - 0.1,
                high: mean + 0.1,
            },
            shown: format!("{mean}"),
        };
        let plot = interval_plot("t", &[mark(0.2), mark(0.4)], Some(0.3), |v| {
            format!("{v:.1}")
        });
        // From 0.1 to 0.5, and a twentieth of it on either side.
        let place = |value: f64| LEFT + WIDTH * (value - 0.08) / 0.44;
        assert!(
            plot.contains(&format!("cx=\"{:.1}\"", place(0.2))),
            "{plot}"
        );
        assert!(plot.contains(&format!(
            "x1=\"{:.1}\" x2=\"{:.1}\"",
            place(0.3),
            place(0.5)
        )));
        assert!(plot.contains("a&lt;b") && plot.contains("class=\"rule\""));
        // Nothing to draw is no error.
        assert!(interval_plot("t", &[], None, |v| format!("{v}")).contains("</svg>"));
        assert!(columns_plot("t", &[]).contains("</svg>"));
        assert!(histogram("t", &[]).contains("</svg>"));
    }

    #[test]
    fn classes_count_every_value_once() {
        let values: Vec<f64> = (0..100).map(f64::from).chain([100_000.0]).collect();
        let plot = histogram("t", &values);
        assert!(plot.contains("<title>0 to 5: 5</title>"), "{plot}");
        assert!(plot.contains("<title>95 to 100: 5</title>"));
        assert!(plot.contains("or more: 1</title>"));
        assert!(
            columns_plot("t", &[("u".to_owned(), 1.0), ("v".to_owned(), -1.0)])
                .contains("bar down")
        );
    }
}
