use rand::{Rng, rngs::StdRng};

/// Draws a token of [`choices`]; `None` where every score is minus infinity.
pub(super) fn draw(
    scores: &[f32],
    temperature: f32,
    top_k: usize,
    top_p: f32,
    random: &mut StdRng,
) -> Option<usize> {
    let weighted = choices(scores, temperature, top_k, top_p);
    let total: f64 = weighted.iter().map(|(weight, _)| weight).sum();
    let mut left = random.random::<f64>() * total;
    for &(weight, token) in &weighted {
        left -= weight;
        if left < 0.0 {
            return Some(token);
        }
    }
    // Rounding can leave a crumb.
    weighted.last().map(|(_, token)| *token)
}

/// The tokens that may be drawn, each with a weight in proportion to its probability: scores are
/// divided by the temperature, then cut to the `top_k` best, then to the fewest best that have the
/// probability `top_p` together.
fn choices(scores: &[f32], temperature: f32, top_k: usize, top_p: f32) -> Vec<(f64, usize)> {
    let peak = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut weighted: Vec<(f64, usize)> = scores
        .iter()
        .enumerate()
        .filter(|(_, score)| **score > f32::NEG_INFINITY)
        .map(|(token, score)| (f64::from((score - peak) / temperature).exp(), token))
        .collect();
    if top_k > 0 && top_k < weighted.len() {
        best_first(&mut weighted, top_k);
        // Those as good as the last of the k stay.
        let least = weighted[top_k - 1].0;
        weighted.retain(|(weight, _)| *weight >= least);
    }
    if top_p < 1.0 {
        keep_share(&mut weighted, f64::from(top_p));
    }
    weighted
}

/// Brings the `count` heaviest to the front, in order; among equals the larger token first, which
/// is the one that the reference keeps.
fn best_first(weighted: &mut [(f64, usize)], count: usize) {
    let order =
        |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then_with(|| b.1.cmp(&a.1));
    if count < weighted.len() {
        weighted.select_nth_unstable_by(count, order);
    }
    let count = count.min(weighted.len());
    weighted[..count].sort_unstable_by(order);
}

/// Keeps tokens, heaviest first, as long as those before them have less than `share` of the whole;
/// always the first.
fn keep_share(weighted: &mut Vec<(f64, usize)>, share: f64) {
    let total: f64 = weighted.iter().map(|(weight, _)| weight).sum();
    // Mostly a few tokens have the share: no need to sort a vocabulary.
    let mut sorted = 64;
    loop {
        best_first(weighted, sorted);
        let mut before = 0.0;
        for i in 0..sorted.min(weighted.len()) {
            before += weighted[i].0;
            if before >= share * total {
                weighted.truncate(i + 1);
                return;
            }
        }
        if sorted >= weighted.len() {
            return;
        }
        sorted *= 8;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// How often each of four tokens of these probabilities is drawn in 4,000.
    fn counts(temperature: f32, top_k: usize, top_p: f32) -> [usize; 4] {
        let scores = [0.1_f32, 0.4, 0.2, 0.3].map(f32::ln);
        let mut random = StdRng::seed_from_u64(7);
        let mut counts = [0; 4];
        for _ in 0..4000 {
            counts[draw(&scores, temperature, top_k, top_p, &mut random).unwrap()] += 1;
        }
        counts
    }

    fn near(found: [usize; 4], expected: [f64; 4]) {
        for (found, expected) in found.into_iter().zip(expected) {
            let share = found as f64 / 4000.0;
            assert!((share - expected).abs() < 0.03, "{share} {expected}");
            assert_eq!(found == 0, expected == 0.0);
        }
    }

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        near(counts(1.0, 0, 1.0), [0.1, 0.4, 0.2, 0.3]);
    }

    #[test]
    fn a_low_temperature_sharpens() {
        let total = 0.01 + 0.16 + 0.04 + 0.09;
        near(
            counts(0.5, 0, 1.0),
            [0.01, 0.16, 0.04, 0.09].map(|p| p / total),
        );
    }

    #[test]
    fn top_k_keeps_the_best() {
        near(counts(1.0, 2, 1.0), [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]);
    }

    #[test]
    fn top_p_keeps_the_token_that_crosses_it() {
        near(counts(1.0, 0, 0.75), [0.0, 4.0 / 9.0, 2.0 / 9.0, 3.0 / 9.0]);
        near(counts(1.0, 0, 0.05), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn top_p_of_a_flat_vocabulary_keeps_its_share() {
        let mut weighted: Vec<(f64, usize)> = (0..2000).map(|i| (1.0, i)).collect();
        keep_share(&mut weighted, 0.5);
        let kept: Vec<usize> = weighted.iter().map(|(_, token)| *token).collect();
        assert_eq!(kept, (1000..2000).rev().collect::<Vec<_>>());
    }

    #[test]
    fn probabilities_are_those_of_transformers() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/sampling.json")).unwrap();
        let mut cases = 0;
        for scores in golden["scores"].as_array().unwrap() {
            let number = |value: &serde_json::Value| value.as_f64().unwrap() as f32;
            let logits: Vec<f32> = scores["logits"]
                .as_array()
                .unwrap()
                .iter()
                .map(number)
                .collect();
            for case in scores["cases"].as_array().unwrap() {
                let top_k = case["top_k"].as_u64().unwrap() as usize;
                let [temperature, top_p] = ["temperature", "top_p"].map(|key| number(&case[key]));
                let mut found = choices(&logits, temperature, top_k, top_p);
                found.sort_by_key(|(_, token)| *token);
                let total: f64 = found.iter().map(|(weight, _)| weight).sum();
                let tokens: Vec<u64> = found.iter().map(|(_, token)| *token as u64).collect();
                let what = format!("temperature {temperature}, top_k {top_k}, top_p {top_p}");
                assert_eq!(serde_json::json!(tokens), case["tokens"], "{what}");
                for ((weight, token), expected) in
                    found.iter().zip(case["probabilities"].as_array().unwrap())
                {
                    let expected = expected.as_f64().unwrap();
                    assert!(
                        (weight / total - expected).abs() <= 1e-5 * expected + 1e-8,
                        "{what}, token {token}: {} {expected}",
                        weight / total
                    );
                }
                cases += 1;
            }
        }
        assert!(cases > 20);
    }

    #[test]
    fn forbidden_tokens_never_come() {
        let scores = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY];
        let mut random = StdRng::seed_from_u64(1);
        assert_eq!(draw(&scores, 1.0, 0, 1.0, &mut random), Some(1));
        assert_eq!(
            draw(&[f32::NEG_INFINITY; 2], 1.0, 0, 1.0, &mut random),
            None
        );
    }
}
