use burn::tensor::{Int, Tensor};

/// Keys and values of one decoding run: the encoder's, computed once, and the decoder's, one more
/// position at each step.
#[derive(Debug, Clone)]
pub struct Cache {
    own: Vec<Option<(Tensor<4>, Tensor<4>)>>,
    cross: Vec<(Tensor<4>, Tensor<4>)>,
    mask: Tensor<4>,
}

impl Cache {
    pub(super) fn new(cross: Vec<(Tensor<4>, Tensor<4>)>, mask: Tensor<4>) -> Self {
        Self {
            own: vec![None; cross.len()],
            cross,
            mask,
        }
    }

    /// How many decoder positions it holds.
    pub fn length(&self) -> usize {
        self.own
            .first()
            .and_then(Option::as_ref)
            .map_or(0, |(keys, _)| keys.dims()[2])
    }

    /// Appends the keys and values of new positions to those of layer `i` and returns all.
    pub(super) fn extend(
        &mut self,
        i: usize,
        keys: Tensor<4>,
        values: Tensor<4>,
    ) -> (Tensor<4>, Tensor<4>) {
        let all = match self.own[i].take() {
            Some((past_keys, past_values)) => (
                Tensor::cat(vec![past_keys, keys], 2),
                Tensor::cat(vec![past_values, values], 2),
            ),
            None => (keys, values),
        };
        self.own[i] = Some(all.clone());
        all
    }

    pub(super) fn cross(&self, i: usize) -> (Tensor<4>, Tensor<4>) {
        self.cross[i].clone()
    }

    pub(super) fn mask(&self) -> &Tensor<4> {
        &self.mask
    }

    /// Keeps these rows of the decoder's part, in this order: what beam search does after a step.
    pub fn reorder(&mut self, rows: &Tensor<1, Int>) {
        for (keys, values) in self.own.iter_mut().flatten() {
            *keys = keys.clone().select(0, rows.clone());
            *values = values.clone().select(0, rows.clone());
        }
    }

    /// Keeps these rows of everything: what a batch does when some rows have ended.
    pub fn keep(&mut self, rows: &Tensor<1, Int>) {
        self.reorder(rows);
        for (keys, values) in &mut self.cross {
            *keys = keys.clone().select(0, rows.clone());
            *values = values.clone().select(0, rows.clone());
        }
        self.mask = self.mask.clone().select(0, rows.clone());
    }
}
