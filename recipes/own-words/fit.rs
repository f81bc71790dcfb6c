//! Gradient descent (Adam) on bits per byte, with differences for gradients: there are 31 weights.

use idiolect_models::Belief;
use rayon::prelude::*;

use crate::Continuation;

const STEPS: i32 = 60;
const WEIGHTS: usize = 31;

/// The belief with the fewest bits per byte, all packs counting alike, with passages in the input.
pub(crate) fn fit(packs: &[Vec<&Continuation>]) -> Belief {
    let mut weights = [-2.0; WEIGHTS];
    for length in weights[1..].chunks_mut(5) {
        length.copy_from_slice(&[-1.0, 0.0, 0.0, 0.0, 0.0]);
    }
    let (mut first, mut second) = ([0.0; WEIGHTS], [0.0; WEIGHTS]);
    for step in 1..=STEPS {
        let rate = if step > STEPS * 2 / 3 { 0.05 } else { 0.2 };
        let slopes = slopes(packs, &weights);
        for i in 0..WEIGHTS {
            first[i] = 0.9 * first[i] + 0.1 * slopes[i];
            second[i] = 0.99 * second[i] + 0.01 * slopes[i] * slopes[i];
            let mean = first[i] / (1.0 - 0.9_f64.powi(step));
            let spread = (second[i] / (1.0 - 0.99_f64.powi(step))).sqrt();
            weights[i] -= rate * mean / (spread + 1e-8);
        }
    }
    belief(&weights)
}

fn slopes(packs: &[Vec<&Continuation>], weights: &[f64; WEIGHTS]) -> Vec<f64> {
    const APART: f64 = 0.01;
    (0..WEIGHTS)
        .into_par_iter()
        .map(|i| {
            let at = |apart: f64| {
                let mut weights = *weights;
                weights[i] += apart;
                bits(packs, &belief(&weights))
            };
            // A little is taken from every weight, so that one without evidence stays small.
            (at(APART) - at(-APART)) / (2.0 * APART) + 1e-4 * weights[i]
        })
        .collect()
}

/// Bits per byte, summed over the packs.
fn bits(packs: &[Vec<&Continuation>], belief: &Belief) -> f64 {
    let of_pack = |pack: &Vec<&Continuation>| {
        let nats: f64 = pack
            .iter()
            .flat_map(|one| &one.places)
            .map(|place| -f64::from(belief.probability(&place.evidence[0], place.alone[1])).ln())
            .sum();
        let bytes: u64 = pack.iter().map(|one| one.bytes).sum();
        nats / std::f64::consts::LN_2 / bytes.max(1) as f64
    };
    packs.iter().map(of_pack).sum()
}

/// Shares and discounts by their logits, so that they stay between 0 and 1.
fn belief(weights: &[f64; WEIGHTS]) -> Belief {
    let share = |logit: f64| (1.0 / (1.0 + (-logit).exp())) as f32;
    let mut belief = Belief {
        anywhere: share(weights[0]),
        ..Belief::default()
    };
    for (after, given) in belief.after.iter_mut().zip(weights[1..].chunks(5)) {
        after.bias = given[0] as f32;
        after.met = given[1] as f32;
        after.different = given[2] as f32;
        after.most = given[3] as f32;
        after.discount = share(given[4]);
    }
    belief
}
