use std::ops::ControlFlow;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{
    Batch, Decoding, Error, Generated, Seq2Seq, Strategy, T5,
    decoding::{Next, Search},
    seq2seq::batches,
    t5::{Cache, HostCache, HostDecoder},
};

impl Seq2Seq {
    /// Writes what follows `prefix` (decoder tokens that are given, computed in one step) for one
    /// input. Each token goes to `on_token` as soon as it is certain: at once, or with beam search
    /// at the end; a `Break` ends the writing after that token.
    ///
    /// # Errors
    /// [`Error::EmptyInput`], [`Error::TokenId`], [`Error::Execution`].
    pub fn generate(
        &self,
        input: &[u32],
        prefix: &[u32],
        decoding: &Decoding,
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Result<Generated, Error> {
        let vocabulary = self.config().vocab_size;
        if let Some(&id) = prefix.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::TokenId { id, vocabulary });
        }
        let mut search = [self.search(prefix, decoding, 0)];
        self.run(&[input], prefix, decoding, &mut search, on_token)?;
        let [search] = search;
        Ok(search.finish())
    }

    /// Writes for many inputs, in their order; inputs of like length are computed together, and the
    /// ones that have ended leave. Sampling takes the seed plus the input's number.
    ///
    /// # Errors
    /// As [`Seq2Seq::generate`].
    pub fn generate_batch(
        &self,
        inputs: &[Vec<u32>],
        decoding: &Decoding,
    ) -> Result<Vec<Generated>, Error> {
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        order.sort_by_key(|&i| inputs[i].len());
        let beams = match decoding.strategy {
            Strategy::Beam { beams, .. } => beams.max(1),
            Strategy::Greedy | Strategy::Sample { .. } => 1,
        };
        let mut found: Vec<Option<Generated>> = vec![None; inputs.len()];
        for rows in batches(&order, |i| inputs[i].len() + beams * decoding.max_tokens) {
            let batch: Vec<&[u32]> = rows.iter().map(|&i| inputs[i].as_slice()).collect();
            let mut searches: Vec<Search> = rows
                .iter()
                .map(|&i| self.search(&[], decoding, i as u64))
                .collect();
            let mut ignore = |_| ControlFlow::Continue(());
            self.run(&batch, &[], decoding, &mut searches, &mut ignore)?;
            for (&i, search) in rows.iter().zip(searches) {
                found[i] = Some(search.finish());
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn search(&self, prefix: &[u32], decoding: &Decoding, row: u64) -> Search {
        let mut given = vec![self.config().decoder_start_token_id];
        given.extend(prefix);
        Search::new(&given, self.config().end_tokens(), decoding, row)
    }

    /// Advances one search an input until all have ended.
    fn run(
        &self,
        inputs: &[&[u32]],
        prefix: &[u32],
        decoding: &Decoding,
        searches: &mut [Search],
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let device = self.device();
        let input = Batch::new(inputs, self.config(), device)?;
        if decoding.max_tokens == 0 {
            return Ok(());
        }
        let mut given = vec![self.config().decoder_start_token_id];
        given.extend(prefix);
        let mut cache = self.t5().start(&self.t5().encode(&input), &input.mask);
        let tokens = rows(&given.repeat(inputs.len()), inputs.len(), device);
        let mut logits = numbers(self.t5().step(tokens, &mut cache))?;
        let mut steps = match self.host()? {
            Some(decoder) => {
                let lengths: Vec<usize> = inputs.iter().map(|input| input.len()).collect();
                Steps::Host(decoder, HostCache::new(&cache, &lengths)?)
            }
            None => Steps::Device(self.t5(), Box::new(cache)),
        };
        // Which searches go on, and how many sequences each of them follows.
        let mut active: Vec<(usize, usize)> = (0..inputs.len()).map(|i| (i, 1)).collect();
        loop {
            let mut next = Vec::new();
            let mut rest = logits.as_slice();
            let mut first_row = 0;
            let mut followed = Vec::with_capacity(active.len());
            for &(i, rows) in &active {
                let (own, after) = rest.split_at(rows * self.config().vocab_size);
                rest = after;
                let chosen = searches[i].advance(own, on_token);
                if !chosen.is_empty() {
                    followed.push((i, chosen.len()));
                }
                next.extend(chosen.into_iter().map(|one| Next {
                    from: first_row + one.from,
                    ..one
                }));
                first_row += rows;
            }
            if next.is_empty() {
                return Ok(());
            }
            logits = steps.take(&next, first_row, active == followed)?;
            active = followed;
        }
    }
}

/// Where the decoder runs after its first step, and what it remembers there.
enum Steps<'a> {
    Host(&'a HostDecoder, HostCache),
    Device(&'a T5, Box<Cache>),
}

impl Steps<'_> {
    /// Follows these of the `rows` sequences, each with one token more, and returns the logits after
    /// them. The encoder's part of the memory stays where each input is followed by as many
    /// sequences as before.
    fn take(&mut self, next: &[Next], rows: usize, same_inputs: bool) -> Result<Vec<f32>, Error> {
        let tokens: Vec<u32> = next.iter().map(|one| one.token).collect();
        match self {
            Self::Host(decoder, cache) => {
                cache.follow(next.iter().map(|one| one.from));
                Ok(decoder.step(&tokens, cache))
            }
            Self::Device(t5, cache) => {
                let device = t5.device();
                let from: Vec<u32> = next.iter().map(|one| one.from as u32).collect();
                if !from.iter().copied().eq(0..rows as u32) {
                    let from = integers(&from, &device);
                    if same_inputs {
                        cache.reorder(&from);
                    } else {
                        cache.keep(&from);
                    }
                }
                numbers(t5.step(self::rows(&tokens, tokens.len(), &device), cache))
            }
        }
    }
}

fn numbers(tensor: Tensor<2>) -> Result<Vec<f32>, Error> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Execution(error.to_string()))
}

/// Ids as `[count, width]`.
fn rows(ids: &[u32], count: usize, device: &Device) -> Tensor<2, Int> {
    integers(ids, device).reshape([count, ids.len() / count])
}

fn integers(ids: &[u32], device: &Device) -> Tensor<1, Int> {
    let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
    let count = ids.len();
    Tensor::from_data(TensorData::new(ids, [count]), device)
}
