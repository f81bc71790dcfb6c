use super::Config;

/// One tensor that a checkpoint must hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weight {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// How T5 draws it afresh (initializer factor 1): around zero; or all ones.
    pub(crate) deviation: Option<f32>,
}

/// Every tensor of a T5, by its name in the checkpoint; `lm_head.weight` where the head is not tied.
pub(crate) fn layout(config: &Config) -> Vec<Weight> {
    let mut made = Vec::new();
    let (d, ff, inner) = (config.d_model, config.d_ff, config.inner());
    let deviation = |n: usize| (n as f32).powf(-0.5);
    // A tied embedding is also the head: at T5's deviation of 1 the first logits would be far off.
    let embedding = if config.tie_word_embeddings && !config.scales_outputs() {
        deviation(d)
    } else {
        1.0
    };
    let mut add = |name: &str, shape: &[usize], deviation: Option<f32>| {
        made.push(Weight {
            name: format!("{name}.weight"),
            shape: shape.to_vec(),
            deviation,
        });
    };
    add("shared", &[config.vocab_size, d], Some(embedding));
    if !config.tie_word_embeddings {
        add("lm_head", &[config.vocab_size, d], Some(deviation(d)));
    }
    let gated = config.feed_forward().is_some_and(|kind| kind.gated);
    for (stack, layers, attentions) in [
        ("encoder", config.num_layers, &["SelfAttention"][..]),
        (
            "decoder",
            config.decoder_layers(),
            &["SelfAttention", "EncDecAttention"],
        ),
    ] {
        for i in 0..layers {
            let path = format!("{stack}.block.{i}.layer");
            for (place, name) in attentions.iter().enumerate() {
                let at = format!("{path}.{place}.{name}");
                let query = deviation(d * config.d_kv);
                add(&format!("{at}.q"), &[inner, d], Some(query));
                add(&format!("{at}.k"), &[inner, d], Some(deviation(d)));
                add(&format!("{at}.v"), &[inner, d], Some(deviation(d)));
                add(&format!("{at}.o"), &[d, inner], Some(deviation(inner)));
                if place == 0 && (i == 0 || config.biases_every_layer()) {
                    let shape = [config.relative_attention_num_buckets, config.num_heads];
                    let name = format!("{at}.relative_attention_bias");
                    add(&name, &shape, Some(deviation(d)));
                }
                add(&format!("{path}.{place}.layer_norm"), &[d], None);
            }
            let last = attentions.len();
            let at = format!("{path}.{last}.DenseReluDense");
            let names: &[&str] = if gated { &["wi_0", "wi_1"] } else { &["wi"] };
            for name in names {
                add(&format!("{at}.{name}"), &[ff, d], Some(deviation(d)));
            }
            add(&format!("{at}.wo"), &[d, ff], Some(deviation(ff)));
            add(&format!("{path}.{last}.layer_norm"), &[d], None);
        }
        add(&format!("{stack}.final_layer_norm"), &[d], None);
    }
    made
}
