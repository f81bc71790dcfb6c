use std::{ops::ControlFlow, sync::Arc};

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{
    Batch, Decoding, Error, Generated, OwnWords, Seq2Seq, T5,
    decoding::{Next, Search},
    host::among_threads,
    seq2seq::{Network, check},
    t5::{Cache, HostCache, HostT5},
};

/// What is written for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The encoder's input.
    pub ids: Vec<u32>,
    /// What its author wrote earlier, to be mixed into what comes next.
    pub own: Option<Arc<OwnWords>>,
}

/// Without an author's own words.
impl<T: AsRef<[u32]>> From<T> for Asked {
    fn from(ids: T) -> Self {
        Self {
            ids: ids.as_ref().to_vec(),
            own: None,
        }
    }
}

impl Seq2Seq {
    /// Writes what follows `prefix` (decoder tokens that are given, computed in one step) for one
    /// input. Each token goes to `on_token` as soon as it is certain: at once, or with beam search
    /// at the end; a `Break` ends the writing after that token.
    ///
    /// # Errors
    /// [`Error::EmptyInput`], [`Error::TokenId`], [`Error::Execution`].
    pub fn generate(
        &self,
        input: impl Into<Asked>,
        prefix: &[u32],
        decoding: &Decoding,
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Result<Generated, Error> {
        if !prefix.is_empty() {
            check(&[prefix], self.config())?;
        }
        let mut given = vec![self.config().decoder_start_token_id];
        given.extend(prefix);
        let mut found = self.search(&given, decoding, None, 0).finish();
        self.write(
            &mut std::iter::once(input.into()),
            1,
            &given,
            decoding,
            on_token,
            &mut |_, generated| {
                found = generated;
                ControlFlow::Continue(())
            },
        )?;
        Ok(found)
    }

    /// Writes for many inputs, in their order. Sampling takes the seed plus the input's number.
    ///
    /// # Errors
    /// As [`Seq2Seq::generate`].
    pub fn generate_batch<Input: Clone + Into<Asked>>(
        &self,
        inputs: &[Input],
        decoding: &Decoding,
    ) -> Result<Vec<Generated>, Error> {
        /// Weights are read once for so many; more than this would only take memory.
        const AT_ONCE: usize = 32;
        let mut found: Vec<Option<Generated>> = vec![None; inputs.len()];
        self.generate_each(
            &mut inputs.iter().cloned(),
            AT_ONCE,
            decoding,
            &mut |i, generated| {
                found[i] = Some(generated);
                ControlFlow::Continue(())
            },
        )?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Writes for inputs as they come, so many at once: where one ends, the next begins. What was
    /// written goes to `on_done` with the input's number, from 0, as soon as it is there, which need
    /// not be in order; a `Break` ends everything. Sampling takes the seed plus the input's number.
    ///
    /// # Errors
    /// As [`Seq2Seq::generate`].
    pub fn generate_each(
        &self,
        inputs: &mut dyn Iterator<Item = impl Into<Asked>>,
        at_once: usize,
        decoding: &Decoding,
        on_done: &mut dyn FnMut(usize, Generated) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let given = [self.config().decoder_start_token_id];
        let mut ignore = |_| ControlFlow::Continue(());
        let mut inputs = inputs.map(Into::into);
        self.write(&mut inputs, at_once, &given, decoding, &mut ignore, on_done)
    }

    fn search(
        &self,
        given: &[u32],
        decoding: &Decoding,
        own: Option<Arc<OwnWords>>,
        number: usize,
    ) -> Search {
        let ends = self.config().end_tokens();
        Search::new(given, ends, decoding, own, number as u64)
    }

    fn write(
        &self,
        inputs: &mut dyn Iterator<Item = Asked>,
        at_once: usize,
        given: &[u32],
        decoding: &Decoding,
        on_token: &mut dyn FnMut(u32) -> ControlFlow<()>,
        on_done: &mut dyn FnMut(usize, Generated) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut memory = match self.network() {
            Network::Host(host) => Steps::Host(host, HostCache::default()),
            Network::Device(t5) => Steps::Device(t5, None),
        };
        let mut running: Vec<Running> = Vec::new();
        let mut next: Vec<Next> = Vec::new();
        // Whether each input is followed by as many sequences as before.
        let mut same = true;
        let mut number = 0;
        loop {
            let room = if memory.takes_newcomers(running.len()) {
                at_once.max(1) - running.len()
            } else {
                0
            };
            let newcomers: Vec<Asked> = inputs.take(room).collect();
            for one in &newcomers {
                running.push(Running {
                    number,
                    search: self.search(given, decoding, one.own.clone(), number),
                    rows: 1,
                });
                number += 1;
            }
            if running.is_empty() {
                return Ok(());
            }
            if decoding.max_tokens == 0 {
                for one in running.drain(..) {
                    if on_done(one.number, one.search.finish()).is_break() {
                        return Ok(());
                    }
                }
                continue;
            }
            let newcomers: Vec<&[u32]> = newcomers.iter().map(|one| one.ids.as_slice()).collect();
            let logits = memory.read(self, &next, same, &newcomers, given)?;
            next.clear();
            same = true;
            let mut first_row = 0;
            let mut rest = logits.as_slice();
            for mut one in std::mem::take(&mut running) {
                let (own, after) = rest.split_at(one.rows * self.config().vocab_size);
                rest = after;
                let chosen = one.search.advance(own, on_token);
                next.extend(chosen.iter().map(|chosen| Next {
                    from: first_row + chosen.from,
                    ..*chosen
                }));
                first_row += one.rows;
                same &= one.rows == chosen.len();
                one.rows = chosen.len();
                if !chosen.is_empty() {
                    running.push(one);
                } else if on_done(one.number, one.search.finish()).is_break() {
                    return Ok(());
                }
            }
        }
    }
}

/// An input that is being written for.
struct Running {
    number: usize,
    search: Search,
    /// How many sequences it follows.
    rows: usize,
}

/// Where the network runs, and what it remembers there.
enum Steps<'a> {
    Host(&'a HostT5, HostCache),
    Device(&'a T5, Option<Box<Cache>>),
}

impl Steps<'_> {
    /// Whether an input may join others: on a device all begin together, since a batch there is
    /// filled up to one width.
    fn takes_newcomers(&self, running: usize) -> bool {
        matches!(self, Self::Host(..)) || running == 0
    }

    /// Follows these of the sequences, each with one token more, and begins with the newcomers;
    /// `same` if each input is followed by as many sequences as before. Returns the logits after them, in this order.
    fn read(
        &mut self,
        model: &Seq2Seq,
        next: &[Next],
        same: bool,
        newcomers: &[&[u32]],
        given: &[u32],
    ) -> Result<Vec<f32>, Error> {
        if !newcomers.is_empty() {
            check(newcomers, model.config())?;
        }
        match self {
            Self::Host(host, cache) => {
                cache.follow(next.iter().map(|one| one.from));
                let tokens: Vec<&[u32]> = next
                    .iter()
                    .map(|one| std::slice::from_ref(&one.token))
                    .chain(newcomers.iter().map(|_| given))
                    .collect();
                Ok(among_threads(|| {
                    if !newcomers.is_empty() {
                        host.begin(newcomers, cache);
                    }
                    host.read(&tokens, cache)
                }))
            }
            Self::Device(t5, cache) => {
                let device = model.device();
                let (tokens, cache) = match cache {
                    Some(cache) if newcomers.is_empty() => {
                        let from: Vec<u32> = next.iter().map(|one| one.from as u32).collect();
                        if !(same && from.iter().copied().eq(0..from.len() as u32)) {
                            let from = integers(&from, device);
                            // What is seen of the inputs stays where it is.
                            if same {
                                cache.reorder(&from);
                            } else {
                                cache.keep(&from);
                            }
                        }
                        let tokens: Vec<u32> = next.iter().map(|one| one.token).collect();
                        (rows(&tokens, tokens.len(), device), cache)
                    }
                    cache => {
                        let input = Batch::new(newcomers, model.config(), device)?;
                        let begun = t5.start(&t5.encode(&input), &input.mask);
                        let tokens = given.repeat(newcomers.len());
                        let tokens = rows(&tokens, newcomers.len(), device);
                        (tokens, cache.insert(Box::new(begun)))
                    }
                };
                t5.step(tokens, cache)
                    .try_into_vec_as::<f32>()
                    .map_err(|error| Error::Execution(error.to_string()))
            }
        }
    }
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
