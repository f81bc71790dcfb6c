//! Loss and gradients on the CPU, without a tensor library: what [`super::T5::nll`] and its automatic
//! derivatives compute, in less time and memory. Few sequences are gone through at a time, and attention
//! weights are computed twice rather than kept.

mod blocks;
mod places;

use blocks::{Dropping, Sequences};
use places::Network;

use super::{
    Config,
    position::{bidirectional_bucket, causal_bucket},
};
use crate::{
    Error, Parameters,
    host::{
        Buffer, DistanceBias, DistanceGradient, Dropout, Rows, add, add_times,
        add_transposed_times, cross_entropy_backward, rms_norm_backward, rms_norm_into, row_number,
        scale, times_transposed,
    },
};

/// One input and what is to be written for it.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// Token ids of the input, at least one.
    pub input: &'a [u32],
    /// Token ids of the target, at least one.
    pub target: &'a [u32],
    /// Decides which activations are dropped.
    pub seed: u64,
}

/// Gradients by the place of their weight in the [`Parameters`], in row-major order.
pub type WeightGradients = Vec<Vec<f32>>;

/// A T5 that learns on the CPU.
#[derive(Debug)]
pub struct Learner<'a> {
    config: &'a Config,
    network: Network,
    weights: Vec<Vec<f32>>,
    /// Columns of each.
    widths: Vec<usize>,
    /// For each stack, one that all its layers share, or one a layer.
    biases: [Vec<DistanceBias>; 2],
    dropout: Option<Dropout>,
}

/// Tokens whose activations are kept at once, unless one sequence has more.
const TOKENS: usize = 1400;

impl<'a> Learner<'a> {
    /// Takes the weights as they are now.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Shape`], [`Error::Execution`].
    pub fn new(config: &'a Config, parameters: &Parameters, dropout: f64) -> Result<Self, Error> {
        let network = Network::new(config, parameters)?;
        let weights = parameters
            .0
            .iter()
            .map(|(_, parameter)| parameter.values())
            .collect::<Result<Vec<_>, _>>()?;
        let widths = parameters
            .0
            .iter()
            .map(|(_, parameter)| parameter.shape().last().copied().unwrap_or(1))
            .collect();
        let bias = |&place: &usize, both_ways: bool| {
            DistanceBias::new(
                &weights[place],
                config.num_heads,
                config.relative_attention_max_distance,
                |distance| bucket(config, distance, both_ways),
            )
        };
        let biases = [
            network
                .encoder
                .biases
                .iter()
                .map(|place| bias(place, true))
                .collect(),
            network
                .decoder
                .biases
                .iter()
                .map(|place| bias(place, false))
                .collect(),
        ];
        Ok(Self {
            config,
            network,
            weights,
            widths,
            biases,
            dropout: Dropout::new(dropout),
        })
    }

    /// Zeros for every weight.
    pub fn no_gradients(&self) -> WeightGradients {
        self.weights
            .iter()
            .map(|weights| vec![0.0; weights.len()])
            .collect()
    }

    /// Negative log-likelihood of all targets in nats, times `weight`; its gradients are added to
    /// those given. The sums are taken in the lessons' order.
    ///
    /// # Errors
    /// [`Error::EmptyInput`], [`Error::TokenId`].
    pub fn learn(
        &self,
        lessons: &[Lesson<'_>],
        weight: f64,
        gradients: &mut WeightGradients,
    ) -> Result<f64, Error> {
        for lesson in lessons {
            if lesson.input.is_empty() || lesson.target.is_empty() {
                return Err(Error::EmptyInput);
            }
            let vocabulary = self.config.vocab_size;
            let mut ids = lesson.input.iter().chain(lesson.target);
            if let Some(&id) = ids.find(|&&id| id as usize >= vocabulary) {
                return Err(Error::TokenId { id, vocabulary });
            }
        }
        let mut nats = 0.0;
        let mut rest = lessons;
        while !rest.is_empty() {
            let mut tokens = 0;
            let fitting = rest.iter().take_while(|lesson| {
                tokens += lesson.input.len() + lesson.target.len();
                tokens <= TOKENS
            });
            let (together, after) = rest.split_at(fitting.count().max(1));
            nats += self.learn_together(together, weight, gradients);
            rest = after;
        }
        Ok(nats * weight)
    }

    fn learn_together(
        &self,
        lessons: &[Lesson<'_>],
        weight: f64,
        gradients: &mut WeightGradients,
    ) -> f64 {
        let inputs = Sequences::new(
            false,
            lessons
                .iter()
                .map(|lesson| (lesson.input.len(), lesson.seed)),
        );
        let outputs = Sequences::new(
            true,
            lessons
                .iter()
                .map(|lesson| (lesson.target.len(), !lesson.seed)),
        );
        let ids: Vec<u32> = lessons
            .iter()
            .flat_map(|lesson| lesson.input)
            .copied()
            .collect();
        let targets: Vec<u32> = lessons
            .iter()
            .flat_map(|lesson| lesson.target)
            .copied()
            .collect();
        let start = self.config.decoder_start_token_id;
        let read: Vec<u32> = lessons
            .iter()
            .flat_map(|lesson| {
                let before = &lesson.target[..lesson.target.len() - 1];
                std::iter::once(start).chain(before.iter().copied())
            })
            .collect();
        let mut drop_inputs = Dropping::new(self.dropout, &inputs.numbers);
        let mut drop_outputs = Dropping::new(self.dropout, &outputs.numbers);

        let [encoder_biases, decoder_biases] = &self.biases;
        let mut x = self.embed(&ids);
        drop_inputs.next(&mut x);
        let mut encoder = Vec::new();
        for (i, layer) in self.network.encoder.layers.iter().enumerate() {
            let bias = &encoder_biases[i % encoder_biases.len()];
            encoder.push(self.layer(layer, &mut x, None, &inputs, bias, &mut drop_inputs));
        }
        let mut states = self.norm(&x, self.network.encoder.norm);
        drop_inputs.next(&mut states);
        let mut y = self.embed(&read);
        drop_outputs.next(&mut y);
        let mut decoder = Vec::new();
        for (i, layer) in self.network.decoder.layers.iter().enumerate() {
            let bias = &decoder_biases[i % decoder_biases.len()];
            let seen = Some((&*states, &inputs));
            decoder.push(self.layer(layer, &mut y, seen, &outputs, bias, &mut drop_outputs));
        }
        let mut hidden = self.norm(&y, self.network.decoder.norm);
        drop_outputs.next(&mut hidden);
        scale(&mut hidden, self.output_scale());

        let (nats, mut gradient) = self.loss(&hidden, &targets, weight, gradients);
        drop(hidden);

        scale(&mut gradient, self.output_scale());
        drop_outputs.previous(&mut gradient);
        let mut of_y = Buffer::zeros(y.len());
        self.norm_backward(
            &y,
            self.network.decoder.norm,
            &gradient,
            &mut of_y,
            gradients,
        );
        let mut of_states = Buffer::zeros(states.len());
        let mut of_biases = self.distances(decoder_biases, &outputs);
        for (i, (layer, kept)) in self
            .network
            .decoder
            .layers
            .iter()
            .zip(decoder)
            .enumerate()
            .rev()
        {
            let place = i % decoder_biases.len();
            let seen = Some((&*states, &inputs, &mut of_states));
            let bias = (&decoder_biases[place], &mut of_biases[place]);
            self.layer_backward(
                layer,
                kept,
                &mut of_y,
                seen,
                &outputs,
                bias,
                &mut drop_outputs,
                gradients,
            );
        }
        self.add_biases(&self.network.decoder.biases, &of_biases, false, gradients);
        drop_outputs.previous(&mut of_y);
        self.embed_backward(&read, &of_y, gradients);

        drop_inputs.previous(&mut of_states);
        let mut of_x = Buffer::zeros(x.len());
        self.norm_backward(
            &x,
            self.network.encoder.norm,
            &of_states,
            &mut of_x,
            gradients,
        );
        let mut of_biases = self.distances(encoder_biases, &inputs);
        for (i, (layer, kept)) in self
            .network
            .encoder
            .layers
            .iter()
            .zip(encoder)
            .enumerate()
            .rev()
        {
            let place = i % encoder_biases.len();
            let bias = (&encoder_biases[place], &mut of_biases[place]);
            self.layer_backward(
                layer,
                kept,
                &mut of_x,
                None,
                &inputs,
                bias,
                &mut drop_inputs,
                gradients,
            );
        }
        self.add_biases(&self.network.encoder.biases, &of_biases, true, gradients);
        drop_inputs.previous(&mut of_x);
        self.embed_backward(&ids, &of_x, gradients);
        nats
    }

    /// Nats of the targets, and the gradient of `hidden`.
    fn loss(
        &self,
        hidden: &[f32],
        targets: &[u32],
        weight: f64,
        gradients: &mut WeightGradients,
    ) -> (f64, Buffer) {
        /// Logits that are in memory at once.
        const LOGITS: usize = 1 << 22;
        let Config {
            vocab_size: vocabulary,
            d_model: width,
            ..
        } = *self.config;
        let head = self.matrix(self.network.head);
        let together = (LOGITS / vocabulary).clamp(16, 512);
        let mut of_hidden = Buffer::zeros(hidden.len());
        let mut logits = Buffer::of(targets.len().min(together) * vocabulary);
        let mut nats = 0.0;
        let parts = hidden
            .chunks(together * width)
            .zip(targets.chunks(together));
        for ((hidden, targets), of_hidden) in parts.zip(of_hidden.chunks_mut(together * width)) {
            let logits = &mut logits[..targets.len() * vocabulary];
            let hidden = Rows::new(hidden, targets.len(), width);
            times_transposed(hidden, head, logits, vocabulary, true);
            nats += cross_entropy_backward(logits, targets, weight as f32);
            let logits = Rows::new(logits, targets.len(), vocabulary);
            add_transposed_times(logits, hidden, &mut gradients[self.network.head], width);
            add_times(logits, head, of_hidden, width);
        }
        (nats, of_hidden)
    }

    fn output_scale(&self) -> f32 {
        if self.config.scales_outputs() {
            (self.config.d_model as f32).powf(-0.5)
        } else {
            1.0
        }
    }

    fn embed(&self, ids: &[u32]) -> Buffer {
        let width = self.config.d_model;
        let shared = self.matrix(self.network.shared);
        let mut x = Buffer::of(ids.len() * width);
        for (x, &id) in x.chunks_exact_mut(width).zip(ids) {
            x.copy_from_slice(shared.row(id as usize));
        }
        x
    }

    fn embed_backward(&self, ids: &[u32], gradient: &[f32], gradients: &mut WeightGradients) {
        let width = self.config.d_model;
        let shared = &mut gradients[self.network.shared];
        for (&id, gradient) in ids.iter().zip(gradient.chunks_exact(width)) {
            add(&mut shared[id as usize * width..][..width], gradient);
        }
    }

    /// A weight `[out, in]`.
    fn matrix(&self, place: usize) -> Rows<'_> {
        let (values, width) = (&self.weights[place], self.widths[place]);
        Rows::new(values, values.len() / width, width)
    }

    fn norm(&self, x: &[f32], place: usize) -> Buffer {
        let mut normed = Buffer::of(x.len());
        let epsilon = self.config.layer_norm_epsilon as f32;
        rms_norm_into(x, &self.weights[place], epsilon, &mut normed);
        normed
    }

    fn norm_backward(
        &self,
        x: &[f32],
        place: usize,
        gradient: &[f32],
        beside: &mut [f32],
        gradients: &mut WeightGradients,
    ) {
        rms_norm_backward(
            x,
            &self.weights[place],
            self.config.layer_norm_epsilon as f32,
            gradient,
            beside,
            &mut gradients[place],
        );
    }

    fn distances(&self, biases: &[DistanceBias], sequences: &Sequences) -> Vec<DistanceGradient> {
        vec![DistanceGradient::new(self.config.num_heads, sequences.longest()); biases.len()]
    }

    fn add_biases(
        &self,
        places: &[usize],
        sums: &[DistanceGradient],
        both_ways: bool,
        gradients: &mut WeightGradients,
    ) {
        for (&place, sums) in places.iter().zip(sums) {
            sums.add_to(&mut gradients[place], |distance| {
                bucket(self.config, distance, both_ways)
            });
        }
    }
}

/// The bucket of a distance from query to key.
fn bucket(config: &Config, distance: i64, both_ways: bool) -> usize {
    let buckets = config.relative_attention_num_buckets;
    let span = config.relative_attention_max_distance;
    if both_ways {
        bidirectional_bucket(distance, buckets, span)
    } else {
        causal_bucket(distance.min(0).unsigned_abs() as usize, buckets, span)
    }
}

/// A number for each token of a sequence, by which its activations are dropped.
fn token_number(seed: u64, place: usize) -> u32 {
    row_number((seed ^ (seed >> 32)) as u32, place as u32)
}
