use super::{
    Learner, WeightGradients,
    places::{AttentionPlaces, FeedForwardPlaces, LayerPlaces},
    token_number,
};
use crate::host::{
    Activation, Attending, Buffer, DistanceBias, DistanceGradient, Dropout, Gradients, Rows, add,
    add_times, add_transposed_times, times_transposed,
};

/// Sequences whose tokens lie one below the other.
#[derive(Debug)]
pub(super) struct Sequences {
    /// First token and count of each.
    spans: Vec<(usize, usize)>,
    /// Whether no token sees a later one of its sequence.
    causal: bool,
    /// Decides for each token what is dropped.
    pub(super) numbers: Vec<u32>,
}

impl Sequences {
    /// Of these lengths and seeds.
    pub(super) fn new(causal: bool, each: impl Iterator<Item = (usize, u64)>) -> Self {
        let (mut spans, mut numbers) = (Vec::new(), Vec::new());
        for (count, seed) in each {
            spans.push((numbers.len(), count));
            numbers.extend((0..count).map(|place| token_number(seed, place)));
        }
        Self {
            spans,
            causal,
            numbers,
        }
    }

    pub(super) fn longest(&self) -> usize {
        self.spans
            .iter()
            .map(|&(_, count)| count)
            .max()
            .unwrap_or(0)
    }
}

/// Drops activations, each place of the network in its own way, and later in reverse order what flows
/// back through them.
pub(super) struct Dropping<'a> {
    dropout: Option<Dropout>,
    numbers: &'a [u32],
    place: u32,
}

impl<'a> Dropping<'a> {
    pub(super) fn new(dropout: Option<Dropout>, numbers: &'a [u32]) -> Self {
        Self {
            dropout,
            numbers,
            place: 0,
        }
    }

    /// At the next place.
    pub(super) fn next(&mut self, x: &mut [f32]) {
        self.apply(x);
        self.place += 1;
    }

    /// At the place gone through last.
    pub(super) fn previous(&mut self, gradient: &mut [f32]) {
        self.place -= 1;
        self.apply(gradient);
    }

    fn apply(&self, x: &mut [f32]) {
        if let Some(dropout) = self.dropout {
            dropout.apply(x, self.numbers, self.place);
        }
    }

    /// The next place, for attention weights: one a head.
    fn heads(&mut self, heads: usize) -> u32 {
        self.place += heads as u32;
        self.place - heads as u32
    }

    fn previous_heads(&mut self, heads: usize) -> u32 {
        self.place -= heads as u32;
        self.place
    }
}

/// What a layer's way back needs.
pub(super) struct LayerKept {
    own: AttentionKept,
    cross: Option<AttentionKept>,
    feed_forward: FeedForwardKept,
}

struct AttentionKept {
    /// What came in.
    x: Buffer,
    queries: Buffer,
    keys: Buffer,
    values: Buffer,
    /// For each query and head the logarithm of its exponentials' sum.
    totals: Buffer,
    mixed: Buffer,
}

struct FeedForwardKept {
    /// What came in.
    x: Buffer,
    /// The projection, and the gate's beside it.
    projected: Buffer,
}

impl Learner<'_> {
    /// A layer forward; `seen` are the encoded inputs, for a decoder's.
    pub(super) fn layer(
        &self,
        places: &LayerPlaces,
        x: &mut Buffer,
        seen: Option<(&[f32], &Sequences)>,
        sequences: &Sequences,
        bias: &DistanceBias,
        dropping: &mut Dropping<'_>,
    ) -> LayerKept {
        let own = self.attention(&places.own, x, None, sequences, Some(bias), dropping);
        let cross = places
            .cross
            .as_ref()
            .map(|places| self.attention(places, x, seen, sequences, None, dropping));
        LayerKept {
            own,
            cross,
            feed_forward: self.feed_forward(&places.feed_forward, x, dropping),
        }
    }

    /// Makes the gradient of what a layer gave into that of what it got.
    #[expect(
        clippy::too_many_arguments,
        reason = "they mirror those of the way forward"
    )]
    pub(super) fn layer_backward(
        &self,
        places: &LayerPlaces,
        kept: LayerKept,
        gradient: &mut [f32],
        seen: Option<(&[f32], &Sequences, &mut Buffer)>,
        sequences: &Sequences,
        bias: (&DistanceBias, &mut DistanceGradient),
        dropping: &mut Dropping<'_>,
        gradients: &mut WeightGradients,
    ) {
        self.feed_forward_backward(
            &places.feed_forward,
            kept.feed_forward,
            gradient,
            dropping,
            gradients,
        );
        if let (Some(places), Some(kept)) = (&places.cross, &kept.cross) {
            self.attention_backward(
                places, kept, gradient, seen, sequences, None, dropping, gradients,
            );
        }
        self.attention_backward(
            &places.own,
            &kept.own,
            gradient,
            None,
            sequences,
            Some(bias),
            dropping,
            gradients,
        );
    }

    fn attention(
        &self,
        places: &AttentionPlaces,
        x: &mut Buffer,
        seen: Option<(&[f32], &Sequences)>,
        sequences: &Sequences,
        bias: Option<&DistanceBias>,
        dropping: &mut Dropping<'_>,
    ) -> AttentionKept {
        let inner = self.config.inner();
        let normed = self.norm(x, places.norm);
        let (source, others) = seen.unwrap_or((&normed, sequences));
        let count = x.len() / self.config.d_model;
        let projected = |x: &[f32], place| {
            let mut made = Buffer::of(x.len() / self.config.d_model * inner);
            self.linear(x, place, &mut made, inner);
            made
        };
        let queries = projected(&normed, places.q);
        let keys = projected(source, places.k);
        let values = projected(source, places.v);
        let place = dropping.heads(self.config.num_heads);
        let mut mixed = Buffer::of(count * inner);
        let mut totals = Buffer::of(count * self.config.num_heads);
        for (&own, &other) in sequences.spans.iter().zip(&others.spans) {
            let attending = self.attending(
                [&queries, &keys, &values],
                own,
                other,
                others.causal,
                bias,
                dropping,
                place,
            );
            attending.forward(
                &mut mixed[own.0 * inner..],
                &mut totals[own.0 * self.config.num_heads..],
            );
        }
        let mut made = Buffer::of(x.len());
        self.linear(&mixed, places.o, &mut made, self.config.d_model);
        dropping.next(&mut made);
        add(&mut made, x);
        AttentionKept {
            x: std::mem::replace(x, made),
            queries,
            keys,
            values,
            totals,
            mixed,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "they mirror those of the way forward"
    )]
    fn attention_backward(
        &self,
        places: &AttentionPlaces,
        kept: &AttentionKept,
        gradient: &mut [f32],
        mut seen: Option<(&[f32], &Sequences, &mut Buffer)>,
        sequences: &Sequences,
        bias: Option<(&DistanceBias, &mut DistanceGradient)>,
        dropping: &mut Dropping<'_>,
        gradients: &mut WeightGradients,
    ) {
        let (inner, width, heads) = (
            self.config.inner(),
            self.config.d_model,
            self.config.num_heads,
        );
        let count = gradient.len() / width;
        let mut of_made = Buffer::copy_of(gradient);
        dropping.previous(&mut of_made);
        let mut of_mixed = Buffer::zeros(count * inner);
        self.linear_backward(
            &kept.mixed,
            places.o,
            &of_made,
            width,
            &mut of_mixed,
            gradients,
        );
        drop(of_made);

        let normed = self.norm(&kept.x, places.norm);
        let mut of_queries = Buffer::zeros(count * inner);
        let mut of_keys = Buffer::zeros(kept.keys.len());
        let mut of_values = Buffer::zeros(kept.values.len());
        let place = dropping.previous_heads(heads);
        let (bias, mut of_bias) = bias.unzip();
        let others = seen.as_ref().map_or(sequences, |seen| seen.1);
        for (&own, &other) in sequences.spans.iter().zip(&others.spans) {
            let attending = self.attending(
                [&kept.queries, &kept.keys, &kept.values],
                own,
                other,
                others.causal,
                bias,
                dropping,
                place,
            );
            let rows = |values| Rows::new(values, count, inner).part(own.0, own.1);
            attending.backward(
                rows(&of_mixed),
                rows(&kept.mixed),
                &kept.totals[own.0 * heads..],
                &mut Gradients {
                    queries: &mut of_queries[own.0 * inner..],
                    keys: &mut of_keys[other.0 * inner..],
                    values: &mut of_values[other.0 * inner..],
                    bias: of_bias.as_deref_mut(),
                },
            );
        }

        let mut of_normed = Buffer::zeros(gradient.len());
        self.linear_backward(
            &normed,
            places.q,
            &of_queries,
            inner,
            &mut of_normed,
            gradients,
        );
        for (place, of_made) in [(places.k, &of_keys), (places.v, &of_values)] {
            match &mut seen {
                Some((states, _, of_states)) => {
                    self.linear_backward(states, place, of_made, inner, of_states, gradients);
                }
                None => {
                    self.linear_backward(&normed, place, of_made, inner, &mut of_normed, gradients);
                }
            }
        }
        self.norm_backward(&kept.x, places.norm, &of_normed, gradient, gradients);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of what is attended to"
    )]
    fn attending<'a>(
        &self,
        [queries, keys, values]: [&'a Buffer; 3],
        own: (usize, usize),
        other: (usize, usize),
        causal: bool,
        bias: Option<&'a DistanceBias>,
        dropping: &Dropping<'a>,
        place: u32,
    ) -> Attending<'a> {
        let inner = self.config.inner();
        let rows = |values: &'a [f32], (first, count): (usize, usize)| {
            Rows::new(values, values.len() / inner, inner).part(first, count)
        };
        Attending {
            heads: self.config.num_heads,
            bias,
            causal,
            queries: rows(queries, own),
            keys: rows(keys, other),
            values: rows(values, other),
            dropout: dropping
                .dropout
                .map(|dropout| (dropout, &dropping.numbers[own.0..own.0 + own.1], place)),
        }
    }

    fn feed_forward(
        &self,
        places: &FeedForwardPlaces,
        x: &mut Buffer,
        dropping: &mut Dropping<'_>,
    ) -> FeedForwardKept {
        let ff = self.config.d_ff;
        let normed = self.norm(x, places.norm);
        let count = x.len() / self.config.d_model;
        let both = places.wi.len() * ff;
        let mut projected = Buffer::of(count * both);
        for (i, &wi) in places.wi.iter().enumerate() {
            self.linear(&normed, wi, &mut projected[i * ff..], both);
        }
        let mut hidden = self.activated(&projected, places.wi.len());
        dropping.next(&mut hidden);
        let mut made = Buffer::of(x.len());
        self.linear(&hidden, places.wo, &mut made, self.config.d_model);
        dropping.next(&mut made);
        add(&mut made, x);
        FeedForwardKept {
            x: std::mem::replace(x, made),
            projected,
        }
    }

    fn feed_forward_backward(
        &self,
        places: &FeedForwardPlaces,
        kept: FeedForwardKept,
        gradient: &mut [f32],
        dropping: &mut Dropping<'_>,
        gradients: &mut WeightGradients,
    ) {
        let (ff, width) = (self.config.d_ff, self.config.d_model);
        let FeedForwardKept { x, mut projected } = kept;
        let mut of_made = Buffer::copy_of(gradient);
        dropping.previous(&mut of_made);
        let mut hidden = self.activated(&projected, places.wi.len());
        dropping.previous(&mut hidden);
        let mut of_hidden = Buffer::zeros(hidden.len());
        self.linear_backward(
            &hidden,
            places.wo,
            &of_made,
            width,
            &mut of_hidden,
            gradients,
        );
        // The same are dropped on the way back.
        dropping.apply(&mut of_hidden);
        let both = places.wi.len() * ff;
        self.activation()
            .backward(&mut projected, &of_hidden, ff, places.wi.len() == 2);
        let normed = self.norm(&x, places.norm);
        let mut of_normed = Buffer::zeros(normed.len());
        for (i, &wi) in places.wi.iter().enumerate() {
            self.linear_backward(
                &normed,
                wi,
                &projected[i * ff..],
                both,
                &mut of_normed,
                gradients,
            );
        }
        self.norm_backward(&x, places.norm, &of_normed, gradient, gradients);
    }

    fn activated(&self, projected: &[f32], parts: usize) -> Buffer {
        if parts == 2 {
            let mut hidden = Buffer::of(projected.len() / 2);
            self.activation()
                .gated_into(projected, self.config.d_ff, &mut hidden);
            hidden
        } else {
            let mut hidden = Buffer::copy_of(projected);
            self.activation().apply(&mut hidden);
            hidden
        }
    }

    fn activation(&self) -> Activation {
        let kind = self.config.feed_forward();
        kind.map_or(Activation::Relu, |kind| kind.activation)
    }

    /// x·Wᵀ into rows that begin `stride` apart.
    fn linear(&self, x: &[f32], place: usize, out: &mut [f32], stride: usize) {
        let weight = self.matrix(place);
        let x = Rows::new(x, x.len() / weight.width, weight.width);
        times_transposed(x, weight, out, stride, true);
    }

    /// Adds the gradients of the weight and of x, given that of x·Wᵀ in rows that begin `stride` apart.
    fn linear_backward(
        &self,
        x: &[f32],
        place: usize,
        gradient: &[f32],
        stride: usize,
        of_x: &mut [f32],
        gradients: &mut WeightGradients,
    ) {
        let weight = self.matrix(place);
        let x = Rows::new(x, x.len() / weight.width, weight.width);
        let gradient = Rows {
            values: gradient,
            count: x.count,
            width: weight.count,
            stride,
        };
        add_transposed_times(gradient, x, &mut gradients[place], weight.width);
        add_times(gradient, weight, of_x, weight.width);
    }
}
