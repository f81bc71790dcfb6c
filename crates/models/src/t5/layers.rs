use burn::tensor::{Distribution, Tensor, activation};

use super::config::{Activation, Config};
use crate::{Error, Parameters};

/// Whether, and at which rate, activations are dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Training {
    rate: f64,
}

impl Training {
    pub(super) fn off() -> Self {
        Self { rate: 0.0 }
    }

    pub(super) fn at(rate: f64) -> Self {
        Self { rate }
    }
}

/// Zeroes a share of the activations and scales the others up to keep the mean.
pub(super) fn dropout<const D: usize>(x: Tensor<D>, training: Training) -> Tensor<D> {
    if training.rate <= 0.0 {
        return x;
    }
    let keep = 1.0 - training.rate;
    let kept = Tensor::random(x.shape(), Distribution::Bernoulli(keep), &x.device());
    x * kept.mul_scalar(1.0 / keep)
}

/// x · Wᵀ for a weight stored as `[out, in]`.
pub(super) fn linear(x: Tensor<3>, weight: &Tensor<2>) -> Tensor<3> {
    let [rows, width, inner] = x.dims();
    let outer = weight.dims()[0];
    x.reshape([rows * width, inner])
        .matmul(weight.clone().transpose())
        .reshape([rows, width, outer])
}

/// Root-mean-square norm without bias.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    weight: Tensor<1>,
    epsilon: f64,
}

impl Norm {
    pub(super) fn new(config: &Config, parameters: &Parameters, path: &str) -> Result<Self, Error> {
        Ok(Self {
            weight: parameters.vector(&format!("{path}.weight"), config.d_model)?,
            epsilon: config.layer_norm_epsilon,
        })
    }

    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let scale = x
            .clone()
            .square()
            .mean_dim(2)
            .add_scalar(self.epsilon)
            .sqrt();
        x / scale * self.weight.clone().unsqueeze()
    }
}

/// Multi-head attention without biases and without scaling (T5 folds the scale into its
/// initialisation).
#[derive(Debug, Clone)]
pub(super) struct Attention {
    q: Tensor<2>,
    k: Tensor<2>,
    v: Tensor<2>,
    o: Tensor<2>,
    heads: usize,
}

impl Attention {
    pub(super) fn new(config: &Config, parameters: &Parameters, path: &str) -> Result<Self, Error> {
        let (inner, width) = (config.inner(), config.d_model);
        Ok(Self {
            q: parameters.matrix(&format!("{path}.q.weight"), [inner, width])?,
            k: parameters.matrix(&format!("{path}.k.weight"), [inner, width])?,
            v: parameters.matrix(&format!("{path}.v.weight"), [inner, width])?,
            o: parameters.matrix(&format!("{path}.o.weight"), [width, inner])?,
            heads: config.num_heads,
        })
    }

    /// Attention from `x` to `states`; `bias` (positions, masks) broadcasts to
    /// `[rows, heads, queries, keys]`.
    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        states: Tensor<3>,
        bias: &Tensor<4>,
        training: Training,
    ) -> Tensor<3> {
        let (keys, values) = self.keys_and_values(states);
        self.attend_with(x, keys, values, bias, training)
    }

    /// `[rows, heads, width, d_kv]`, both.
    pub(super) fn keys_and_values(&self, states: Tensor<3>) -> (Tensor<4>, Tensor<4>) {
        let keys = self.split(linear(states.clone(), &self.k));
        let values = self.split(linear(states, &self.v));
        (keys, values)
    }

    /// Attention from `x` to keys and values already computed.
    pub(super) fn attend(
        &self,
        x: Tensor<3>,
        keys: Tensor<4>,
        values: Tensor<4>,
        bias: &Tensor<4>,
    ) -> Tensor<3> {
        self.attend_with(x, keys, values, bias, Training::off())
    }

    fn attend_with(
        &self,
        x: Tensor<3>,
        keys: Tensor<4>,
        values: Tensor<4>,
        bias: &Tensor<4>,
        training: Training,
    ) -> Tensor<3> {
        let [rows, width, _] = x.dims();
        let queries = self.split(linear(x, &self.q));
        let scores = queries.matmul(keys.swap_dims(2, 3)) + bias.clone();
        // A softmax whose division comes after the product with the values, where the tensor is
        // small: the passes over [rows, heads, queries, keys] are what training time goes into.
        let peak = scores.clone().detach().max_dim(3);
        let weights = (scores - peak).exp();
        let total = weights.clone().sum_dim(3);
        let mixed = dropout(weights, training).matmul(values) / total;
        let inner = self.o.dims()[1];
        linear(mixed.swap_dims(1, 2).reshape([rows, width, inner]), &self.o)
    }

    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [rows, width, inner] = x.dims();
        x.reshape([rows, width, self.heads, inner / self.heads])
            .swap_dims(1, 2)
    }
}

/// Two linear layers with a nonlinearity between them, gated or not.
#[derive(Debug, Clone)]
pub(super) struct FeedForwardLayer {
    wi: Tensor<2>,
    gate: Option<Tensor<2>>,
    wo: Tensor<2>,
    activation: Activation,
}

impl FeedForwardLayer {
    pub(super) fn new(config: &Config, parameters: &Parameters, path: &str) -> Result<Self, Error> {
        let kind = config.feed_forward().ok_or(Error::Config {
            file: "config.json".into(),
            defect: "feed_forward_proj is unknown",
        })?;
        let (inner, width) = (config.d_ff, config.d_model);
        let (wi, gate) = if kind.gated {
            (
                parameters.matrix(&format!("{path}.wi_0.weight"), [inner, width])?,
                Some(parameters.matrix(&format!("{path}.wi_1.weight"), [inner, width])?),
            )
        } else {
            (
                parameters.matrix(&format!("{path}.wi.weight"), [inner, width])?,
                None,
            )
        };
        Ok(Self {
            wi,
            gate,
            wo: parameters.matrix(&format!("{path}.wo.weight"), [width, inner])?,
            activation: kind.activation,
        })
    }

    pub(super) fn forward(&self, x: Tensor<3>, training: Training) -> Tensor<3> {
        let projected = linear(x.clone(), &self.wi);
        let mut hidden = match self.activation {
            Activation::Relu => activation::relu(projected),
            Activation::Gelu => activation::gelu(projected),
            Activation::GeluTanh => gelu_tanh(projected),
            Activation::Silu => activation::silu(projected),
        };
        if let Some(gate) = &self.gate {
            hidden = hidden * linear(x, gate);
        }
        linear(dropout(hidden, training), &self.wo)
    }
}

/// The tanh form of GELU: ½x(1 + tanh y) = x·σ(2y). So written it needs neither a power nor a tanh,
/// which take longer than the products around it.
fn gelu_tanh(x: Tensor<3>) -> Tensor<3> {
    let twice = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
    let y = x.clone() * (x.clone().square() * (0.044_715 * twice) + twice);
    x * activation::sigmoid(y)
}
