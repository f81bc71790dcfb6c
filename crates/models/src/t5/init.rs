use burn::tensor::Device;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::Config;
use crate::{Parameter, Parameters};

/// Fresh weights as T5 draws them (initializer factor 1), the same for the same seed everywhere.
/// The head is tied unless `tie_word_embeddings` is false.
pub fn random_parameters(config: &Config, seed: u64, device: &Device) -> Parameters {
    let mut made = Maker {
        found: Parameters::default(),
        random: StdRng::seed_from_u64(seed),
        device,
    };
    let (d, ff, inner) = (config.d_model, config.d_ff, config.inner());
    let deviation = |n: usize| (n as f32).powf(-0.5);
    // A tied embedding is also the head: at T5's deviation of 1 the first logits would be far off.
    let embedding = if config.tie_word_embeddings && !config.scales_outputs() {
        deviation(d)
    } else {
        1.0
    };
    made.normal("shared.weight", [config.vocab_size, d], embedding);
    if !config.tie_word_embeddings {
        made.normal("lm_head.weight", [config.vocab_size, d], deviation(d));
    }
    let gated = config.feed_forward().is_some_and(|kind| kind.gated);
    for (stack, layers) in [
        ("encoder", config.num_layers),
        ("decoder", config.decoder_layers()),
    ] {
        for i in 0..layers {
            let path = format!("{stack}.block.{i}.layer");
            let mut attentions = vec!["SelfAttention"];
            if stack == "decoder" {
                attentions.push("EncDecAttention");
            }
            for (place, name) in attentions.iter().enumerate() {
                let at = format!("{path}.{place}.{name}");
                made.normal(
                    &format!("{at}.q.weight"),
                    [inner, d],
                    deviation(d * config.d_kv),
                );
                made.normal(&format!("{at}.k.weight"), [inner, d], deviation(d));
                made.normal(&format!("{at}.v.weight"), [inner, d], deviation(d));
                made.normal(&format!("{at}.o.weight"), [d, inner], deviation(inner));
                if i == 0 && place == 0 {
                    made.normal(
                        &format!("{at}.relative_attention_bias.weight"),
                        [config.relative_attention_num_buckets, config.num_heads],
                        deviation(d),
                    );
                }
                made.ones(&format!("{path}.{place}.layer_norm.weight"), d);
            }
            let last = attentions.len();
            let names: &[&str] = if gated { &["wi_0", "wi_1"] } else { &["wi"] };
            for name in names {
                let at = format!("{path}.{last}.DenseReluDense.{name}.weight");
                made.normal(&at, [ff, d], deviation(d));
            }
            let at = format!("{path}.{last}.DenseReluDense.wo.weight");
            made.normal(&at, [d, ff], deviation(ff));
            made.ones(&format!("{path}.{last}.layer_norm.weight"), d);
        }
        made.ones(&format!("{stack}.final_layer_norm.weight"), d);
    }
    made.found
}

struct Maker<'a> {
    found: Parameters,
    random: StdRng,
    device: &'a Device,
}

impl Maker<'_> {
    fn normal(&mut self, name: &str, shape: [usize; 2], deviation: f32) {
        let count = shape[0] * shape[1];
        // Box–Muller, a pair at a time.
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            let radius = (-2.0 * (1.0 - self.random.random::<f32>()).ln()).sqrt();
            let angle = std::f32::consts::TAU * self.random.random::<f32>();
            values.push(radius * angle.cos() * deviation);
            values.push(radius * angle.sin() * deviation);
        }
        values.truncate(count);
        self.push(name, values, &shape);
    }

    fn ones(&mut self, name: &str, length: usize) {
        self.push(name, vec![1.0; length], &[length]);
    }

    fn push(&mut self, name: &str, values: Vec<f32>, shape: &[usize]) {
        let parameter = Parameter::new(values, shape, self.device);
        self.found.0.push((name.to_owned(), parameter));
    }
}
