//! A run's losses as one SVG that needs nothing else.

use std::fmt::Write as _;

use serde_json::Value;

/// Points of a step and a loss.
type Points = Vec<(f64, f64)>;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;
/// At most so many points are drawn of a line: more cannot be told apart.
const DRAWN: usize = 600;
/// A line of fewer points is not smoothed.
const ROUGH: usize = 40;
const TRAINING: &str = "#4a7a9c";
const VALIDATION: &str = "#b5532a";

/// Draws training and validation losses of the lines of a `metrics.jsonl`.
pub(super) fn losses(metrics: &str) -> String {
    let (training, validation) = points(metrics);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Losses of a training run\" font-family=\"system-ui,sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    let smooth = smoothed(&training);
    let shown = if smooth.is_empty() {
        &training
    } else {
        &smooth
    };
    if let Some(frame) = Frame::around(&[shown, &validation]) {
        frame.axes(&mut out);
        if !smooth.is_empty() {
            frame.line(&mut out, &averaged(&training), TRAINING, 0.25, 1.0);
        }
        frame.line(&mut out, &averaged(shown), TRAINING, 1.0, 2.0);
        frame.line(&mut out, &validation, VALIDATION, 1.0, 1.5);
        for &point in &validation {
            let (x, y) = frame.place(point);
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{VALIDATION}\"/>"
            );
        }
    }
    let mut left = LEFT;
    for (name, line, colour) in [
        ("training", &training, TRAINING),
        ("validation", &validation, VALIDATION),
    ] {
        if let Some((step, loss)) = line.last() {
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"17\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"23\" fill=\"#222\">{name}: {loss:.3} at step {step}</text>",
                left + 20.0
            );
            left += 220.0;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn points(metrics: &str) -> (Points, Points) {
    let (mut training, mut validation) = (Vec::new(), Vec::new());
    for line in metrics.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let Some(step) = line["step"].as_f64() else {
            continue;
        };
        training.extend(line["loss"].as_f64().map(|loss| (step, loss)));
        validation.extend(line["validation_loss"].as_f64().map(|loss| (step, loss)));
    }
    (training, validation)
}

/// A mean that forgets, over about a twentieth of the points; none for a short line.
fn smoothed(points: &Points) -> Points {
    if points.len() < ROUGH {
        return Vec::new();
    }
    let keep = 1.0 - 20.0 / points.len() as f64;
    // Weighted by how much has been seen, so that the beginning is not drawn towards zero.
    let (mut sum, mut weight) = (0.0, 0.0);
    let mean = |&(step, loss): &(f64, f64)| {
        sum = keep * sum + loss;
        weight = keep * weight + 1.0;
        (step, sum / weight)
    };
    points.iter().map(mean).collect()
}

/// Means of neighbours, where there are more points than can be drawn.
fn averaged(points: &Points) -> Points {
    let together = points.len().div_ceil(DRAWN).max(1);
    let mean = |part: &[(f64, f64)]| {
        let count = part.len() as f64;
        let sum = |of: fn(&(f64, f64)) -> f64| part.iter().map(of).sum::<f64>() / count;
        (sum(|point| point.0), sum(|point| point.1))
    };
    points.chunks(together).map(mean).collect()
}

/// Where steps and losses lie in the picture.
struct Frame {
    steps: (f64, f64),
    losses: (f64, f64),
    logarithmic: bool,
}

impl Frame {
    fn around(lines: &[&Points]) -> Option<Self> {
        let all = || lines.iter().flat_map(|line| line.iter());
        let range = |of: fn(&(f64, f64)) -> f64| {
            let low = all().map(of).fold(f64::INFINITY, f64::min);
            let high = all().map(of).fold(f64::NEG_INFINITY, f64::max);
            (low <= high).then_some((low, high))
        };
        let (first, last) = range(|point| point.0)?;
        let (low, high) = range(|point| point.1)?;
        // Over a wide range equal ratios say more than equal distances.
        let logarithmic = low > 0.0 && high > 4.0 * low;
        let losses = if logarithmic {
            (low / 1.08, high * 1.08)
        } else {
            let room = ((high - low) * 0.06).max(0.01);
            ((low - room).max(0.0).min(low), high + room)
        };
        Some(Self {
            steps: (first, last.max(first + 1.0)),
            losses,
            logarithmic,
        })
    }

    fn place(&self, (step, loss): (f64, f64)) -> (f64, f64) {
        let share = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        let height = if self.logarithmic {
            let (low, high) = self.losses;
            let bounded = loss.clamp(low, high);
            share(bounded.ln(), (low.ln(), high.ln()))
        } else {
            share(loss.clamp(self.losses.0, self.losses.1), self.losses)
        };
        (
            LEFT + share(step, self.steps) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - height * (HEIGHT - TOP - BOTTOM),
        )
    }

    fn axes(&self, out: &mut String) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for step in ticks(self.steps, 8) {
            let (x, _) = self.place((step, self.losses.0));
            let _ = writeln!(
                out,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{}\" stroke=\"#222\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#222\">{step}</text>",
                bottom + 5.0,
                bottom + 19.0
            );
        }
        let marks = if self.logarithmic {
            logarithmic_ticks(self.losses)
        } else {
            ticks(self.losses, 6)
        };
        for loss in marks {
            let (_, y) = self.place((self.steps.0, loss));
            let shown = (loss * 1e6).round() / 1e6;
            let _ = writeln!(
                out,
                "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#222\">{shown}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        let scale = if self.logarithmic { ", log scale" } else { "" };
        let middle = TOP + (bottom - TOP) / 2.0;
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"#222\"/>\
             <text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#222\">step</text>\
             <text transform=\"translate(16 {middle:.1}) rotate(-90)\" text-anchor=\"middle\" \
             fill=\"#222\">loss, nats a token{scale}</text>",
            LEFT + (right - LEFT) / 2.0,
            HEIGHT - 10.0
        );
    }

    fn line(&self, out: &mut String, points: &Points, colour: &str, opacity: f64, width: f64) {
        if points.is_empty() {
            return;
        }
        let _ = write!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-opacity=\"{opacity}\" \
             stroke-width=\"{width}\" stroke-linejoin=\"round\" points=\""
        );
        for &point in points {
            let (x, y) = self.place(point);
            let _ = write!(out, "{x:.1},{y:.1} ");
        }
        out.push_str("\"/>\n");
    }
}

/// Round numbers in a range, about so many.
fn ticks((low, high): (f64, f64), about: usize) -> Vec<f64> {
    let rough = (high - low) / about as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|&step| step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

/// 1, 2 and 5 of each power of ten in a range; round numbers where these are too few.
fn logarithmic_ticks(range: (f64, f64)) -> Vec<f64> {
    let (low, high) = range;
    let powers = low.log10().floor() as i32..=high.log10().floor() as i32;
    let found: Vec<f64> = powers
        .flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(power)))
        .filter(|value| (low..=high).contains(value))
        .collect();
    if found.len() < 3 {
        return ticks(range, 6);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(loss: impl Fn(u64) -> f64) -> String {
        let mut text = String::new();
        for step in 1..=200 {
            let _ = writeln!(text, "{{\"step\":{step},\"loss\":{}}}", loss(step));
            if step % 50 == 0 {
                let _ = writeln!(
                    text,
                    "{{\"step\":{step},\"validation_loss\":{}}}",
                    loss(step) + 0.5
                );
            }
        }
        text
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks((0.0, 100.0), 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks((1.0, 200.0), 8), [50.0, 100.0, 150.0, 200.0]);
        assert_eq!(logarithmic_ticks((0.3, 12.0)), [0.5, 1.0, 2.0, 5.0, 10.0]);
    }

    #[test]
    fn every_line_has_its_points_inside_the_picture() {
        for (falls_far, scale) in [(true, "log scale"), (false, "nats a token<")] {
            let svg = losses(&metrics(|step| {
                if falls_far {
                    9.0 / (step as f64).sqrt()
                } else {
                    4.0 - step as f64 / 200.0
                }
            }));
            assert!(svg.contains(scale) && svg.contains("validation: "), "{svg}");
            assert_eq!(svg.matches("<circle").count(), 4);
            assert_eq!(svg.matches("<polyline").count(), 3);
            for line in svg.split("points=\"").skip(1) {
                for point in line.split('"').next().unwrap().split_whitespace() {
                    let (x, y) = point.split_once(',').unwrap();
                    let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                    assert!((LEFT..=WIDTH - RIGHT).contains(&x), "{x}");
                    assert!((TOP..=HEIGHT - BOTTOM).contains(&y), "{y}");
                }
            }
        }
    }

    #[test]
    fn nothing_to_draw_is_an_empty_picture() {
        for metrics in [
            "",
            "{\"step\":1,\"loss\":2.5}\n",
            "{\"step\":1}\nnot a line\n",
        ] {
            let svg = losses(metrics);
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"));
        }
    }
}
