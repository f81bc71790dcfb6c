//! `report.html`: one page that needs nothing else, neither script nor network.

use std::fmt::Write as _;

use crate::resample::Interval;
use crate::table::{Table, heading, mark, shown};

/// The table with its intervals and one plot a metric, as a whole HTML page.
pub fn report_html(title: &str, table: &Table) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{}</p>\n",
        escaped(&table.caption()),
        title = escaped(title),
    );
    write_table(&mut out, table);
    for metric in &table.metrics {
        write_plot(&mut out, table, metric);
    }
    out.push_str("<h2>Signatures</h2>\n<dl>\n");
    for row in &table.rows {
        let _ = writeln!(
            out,
            "<dt>{}</dt><dd><code>{}</code></dd>",
            escaped(&row.row),
            escaped(&row.signature)
        );
    }
    let _ = write!(
        out,
        "</dl>\n<p>idiolect {}</p>\n</body>\n</html>\n",
        escaped(&table.version)
    );
    out
}

const STYLE: &str = "\
:root{color-scheme:light dark;--bar:#4a7a9c;--line:#8888}\
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;display:block;overflow-x:auto}\
th,td{padding:.3rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
th:first-child,td:first-child{text-align:left}\
small{opacity:.7;display:block}\
svg{width:100%;height:auto;font:12px system-ui,sans-serif}\
svg text{fill:currentColor}\
.bar{fill:var(--bar)}.interval{stroke:currentColor;stroke-width:1.5}\
dd{margin:0 0 .6rem;overflow-wrap:anywhere}";

fn write_table(out: &mut String, table: &Table) {
    out.push_str("<table>\n<tr><th></th>");
    for metric in &table.metrics {
        let _ = write!(out, "<th>{}</th>", escaped(&heading(metric)));
    }
    out.push_str("</tr>\n");
    for row in &table.rows {
        let _ = write!(out, "<tr><td>{}</td>", escaped(&row.row));
        for metric in &table.metrics {
            let Some(cell) = row.scores.get(metric) else {
                out.push_str("<td>–</td>");
                continue;
            };
            let _ = write!(
                out,
                "<td>{}{}<small>{} – {}</small>",
                shown(metric, cell.value.mean),
                mark(cell),
                shown(metric, cell.value.low),
                shown(metric, cell.value.high)
            );
            if let Some(against) = cell.against {
                let _ = write!(out, "<small>{}</small>", against.win_rate);
            }
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

fn write_plot(out: &mut String, table: &Table, metric: &str) {
    const HEIGHT: usize = 24;
    const LEFT: f64 = 170.0;
    const WIDTH: f64 = 480.0;
    let bars: Vec<(&str, Interval)> = table
        .rows
        .iter()
        .filter_map(|row| Some((row.row.as_str(), row.scores.get(metric)?.value)))
        .collect();
    let largest = bars
        .iter()
        .map(|(_, value)| value.high.max(value.mean))
        .fold(0.0, f64::max);
    let place = |value: f64| {
        if largest > 0.0 {
            LEFT + WIDTH * value.max(0.0) / largest
        } else {
            LEFT
        }
    };
    let name = escaped(&heading(metric));
    let _ = writeln!(
        out,
        "<h2>{name}</h2>\n<svg viewBox=\"0 0 720 {}\" role=\"img\" aria-label=\"{name} of each row with 95 % intervals\">",
        bars.len() * HEIGHT
    );
    for (index, (row, value)) in bars.iter().enumerate() {
        let top = index * HEIGHT;
        let (low, high, mean) = (place(value.low), place(value.high), place(value.mean));
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{text}\">{row}</text>\
             <rect class=\"bar\" x=\"{LEFT}\" y=\"{bar}\" width=\"{width:.1}\" height=\"14\"/>\
             <line class=\"interval\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
             <text x=\"{label:.1}\" y=\"{text}\">{shown}</text>",
            text = top + 16,
            bar = top + 5,
            middle = top + 12,
            width = mean - LEFT,
            label = high.max(mean) + 6.0,
            row = escaped(row),
            shown = shown(metric, value.mean),
        );
    }
    out.push_str("</svg>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::resample::Resampling;
    use crate::table::{Cell, Row};

    #[test]
    fn the_page_stands_alone_and_shows_every_row() {
        let row = |name: &str, mean: f64| Row {
            row: name.to_owned(),
            examples: 3,
            users: 2,
            scores: BTreeMap::from([(
                "rouge1".to_owned(),
                Cell {
                    value: Interval {
                        mean,
                        low: mean - 0.1,
                        high: mean + 0.1,
                    },
                    against: None,
                },
            )]),
            signature: "a|b<c".to_owned(),
        };
        let table = Table {
            against: None,
            metrics: vec!["rouge1".to_owned(), "bleu".to_owned()],
            rows: vec![row("None & <none>", 0.2), row("SynCtx", 0.4)],
            resampling: Resampling::default(),
            version: "0".to_owned(),
        };
        let page = report_html("Mail & more", &table);
        assert!(page.contains("<title>Mail &amp; more</title>"));
        assert!(page.contains("None &amp; &lt;none&gt;") && page.contains("a|b&lt;c"));
        assert!(page.contains("40.00<small>30.00 – 50.00</small>"));
        // The second bar: 0.4 of a largest 0.5, on 480 units.
        assert!(page.contains("width=\"384.0\""));
        assert_eq!(page.matches("class=\"bar\"").count(), 2);
        assert!(!page.contains("<script") && !page.contains("http"));
    }
}
