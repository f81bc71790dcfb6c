use burn::tensor::Device;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Config, layout::layout};
use crate::{Parameter, Parameters};

/// Fresh weights as T5 draws them (initializer factor 1), the same for the same seed everywhere.
/// The head is tied unless `tie_word_embeddings` is false.
pub fn random_parameters(config: &Config, seed: u64, device: &Device) -> Parameters {
    let mut random = StdRng::seed_from_u64(seed);
    let made = layout(config).into_iter().map(|weight| {
        let count = weight.shape.iter().product();
        let values = match weight.deviation {
            Some(deviation) => normal(&mut random, count, deviation),
            None => vec![1.0; count],
        };
        let parameter = Parameter::new(values, &weight.shape, device);
        (weight.name, parameter)
    });
    Parameters(made.collect())
}

/// Box–Muller, a pair at a time.
fn normal(random: &mut StdRng, count: usize, deviation: f32) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
        let angle = std::f32::consts::TAU * random.random::<f32>();
        values.push(radius * angle.cos() * deviation);
        values.push(radius * angle.sin() * deviation);
    }
    values.truncate(count);
    values
}
