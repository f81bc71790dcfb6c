use std::ops::ControlFlow;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{
    Batch, Decoding, Error, Generated, Seq2Seq, Strategy,
    decoding::{Next, Search},
    seq2seq::batches,
    t5::Cache,
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
        Search::new(&given, self.config().eos_token_id, decoding, row)
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
        let mut cache = self.t5().start(&self.t5().encode(&input), &input.mask);
        let mut given = vec![self.config().decoder_start_token_id];
        given.extend(prefix);
        let mut tokens =
            integers(&given.repeat(inputs.len()), device).reshape([inputs.len(), given.len()]);
        // Which searches go on, and how many sequences each of them follows.
        let mut active: Vec<(usize, usize)> = (0..inputs.len()).map(|i| (i, 1)).collect();
        loop {
            let logits = self.logits(tokens, &mut cache)?;
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
            follow(&mut cache, &next, first_row, active == followed, device);
            active = followed;
            let ids: Vec<u32> = next.iter().map(|one| one.token).collect();
            tokens = integers(&ids, device).reshape([ids.len(), 1]);
        }
    }

    fn logits(&self, tokens: Tensor<2, Int>, cache: &mut Cache) -> Result<Vec<f32>, Error> {
        self.t5()
            .step(tokens, cache)
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::Execution(error.to_string()))
    }
}

/// Makes the cache hold the sequences that are followed, in their order. The encoder's part of it
/// stays where each input is followed by as many sequences as before.
fn follow(cache: &mut Cache, next: &[Next], rows: usize, same_inputs: bool, device: &Device) {
    let from: Vec<u32> = next.iter().map(|one| one.from as u32).collect();
    if from.iter().copied().eq(0..rows as u32) {
        return;
    }
    let from = integers(&from, device);
    if same_inputs {
        cache.reorder(&from);
    } else {
        cache.keep(&from);
    }
}

fn integers(ids: &[u32], device: &Device) -> Tensor<1, Int> {
    let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
    let count = ids.len();
    Tensor::from_data(TensorData::new(ids, [count]), device)
}
