use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{Source, TrainOptions};

/// A task's examples as features, under its name.
#[derive(Debug, Clone)]
pub struct TaskData {
    /// For progress and metrics.
    pub name: String,
    /// The share of examples drawn from it, relative to the other tasks'.
    pub rate: f64,
    /// What is drawn.
    pub source: Source,
}

/// An example to be learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Of which task.
    pub task: usize,
    /// Which of its examples.
    pub example: usize,
    /// How often the task's examples had all come before.
    pub round: u64,
}

/// Draws batches from several tasks at their rates: every example of a task once before any comes
/// again. The same seed draws the same batches, so a position is just how many were drawn.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// What each example of each task costs.
    costs: Vec<Vec<u32>>,
    rates: Vec<f64>,
    batch: usize,
    batch_tokens: usize,
    shuffle: bool,
    seed: u64,
    pools: u64,
    drawn: Vec<usize>,
    ready: Vec<Vec<Drawn>>,
    /// Examples that may still be drawn; `None` for any number.
    left: Option<usize>,
}

/// So many batches are drawn together and sorted by length, so that little is filled up.
const BATCHES_A_POOL: usize = 16;

impl Sampler {
    /// A sampler at its start; `None` where no task has both a rate and examples. Of `options`, it
    /// heeds `batch`, `batch_tokens`, `epochs`, `shuffle` and `seed`.
    pub fn new(tasks: &[TaskData], options: &TrainOptions) -> Option<Self> {
        let batch = options.batch;
        let rates: Vec<f64> = tasks
            .iter()
            .map(|task| {
                if task.source.is_empty() {
                    0.0
                } else {
                    task.rate.max(0.0)
                }
            })
            .collect();
        (batch > 0 && rates.iter().sum::<f64>() > 0.0).then(|| Self {
            left: (options.epochs > 0).then(|| {
                let drawn = tasks.iter().zip(&rates).filter(|&(_, &rate)| rate > 0.0);
                let examples: usize = drawn.map(|(task, _)| task.source.len()).sum();
                examples.saturating_mul(options.epochs as usize)
            }),
            costs: tasks
                .iter()
                .map(|task| {
                    (0..task.source.len())
                        .map(|i| task.source.cost(i))
                        .collect()
                })
                .collect(),
            drawn: vec![0; rates.len()],
            rates,
            batch,
            batch_tokens: options.batch_tokens,
            shuffle: options.shuffle,
            seed: options.seed,
            pools: 0,
            ready: Vec::new(),
        })
    }

    /// The next batch; empty where all epochs are over.
    pub fn next_batch(&mut self) -> Vec<Drawn> {
        if self.ready.is_empty() {
            self.fill();
        }
        self.ready.pop().unwrap_or_default()
    }

    /// How many batches there are until all epochs are over; `None` without epochs.
    pub fn batches_left(&self) -> Option<u64> {
        self.left?;
        let mut ahead = self.clone();
        let mut batches = 0;
        while !ahead.next_batch().is_empty() {
            batches += 1;
        }
        Some(batches)
    }

    fn fill(&mut self) {
        let mut random = StdRng::seed_from_u64(mix(self.seed, self.pools, u64::MAX));
        self.pools += 1;
        let count = if self.shuffle {
            self.batch * BATCHES_A_POOL
        } else {
            self.batch
        };
        let count = count.min(self.left.unwrap_or(count));
        self.left = self.left.map(|left| left - count);
        let mut pool: Vec<Drawn> = (0..count).map(|_| self.draw(&mut random)).collect();
        if self.shuffle {
            pool.sort_by_key(|drawn| {
                let Drawn {
                    task,
                    example,
                    round,
                } = *drawn;
                (self.costs[task][example], task, example, round)
            });
        }
        self.ready = if self.batch_tokens > 0 {
            self.of_like_size(&pool)
        } else {
            pool.chunks(self.batch).map(<[_]>::to_vec).collect()
        };
        if self.shuffle {
            self.ready.shuffle(&mut random);
        }
    }

    /// Cuts a pool where the next example would make a batch too large, padding counted.
    fn of_like_size(&self, pool: &[Drawn]) -> Vec<Vec<Drawn>> {
        let mut batches: Vec<Vec<Drawn>> = Vec::new();
        let mut longest = 0;
        for &drawn in pool {
            let own = self.costs[drawn.task][drawn.example] as usize;
            let length = own.max(longest);
            match batches.last_mut() {
                Some(batch) if (batch.len() + 1) * length <= self.batch_tokens => {
                    batch.push(drawn);
                    longest = length;
                }
                _ => {
                    batches.push(vec![drawn]);
                    longest = own;
                }
            }
        }
        batches
    }

    fn draw(&mut self, random: &mut StdRng) -> Drawn {
        let mut left = random.random::<f64>() * self.rates.iter().sum::<f64>();
        let mut task = 0;
        for (i, &rate) in self.rates.iter().enumerate() {
            if rate > 0.0 {
                task = i;
                left -= rate;
                if left < 0.0 {
                    break;
                }
            }
        }
        let (place, size) = (self.drawn[task], self.costs[task].len());
        self.drawn[task] += 1;
        let example = if self.shuffle {
            let seed = mix(self.seed, task as u64, (place / size) as u64);
            permuted(place % size, size, seed)
        } else {
            place % size
        };
        Drawn {
            task,
            example,
            round: (place / size) as u64,
        }
    }
}

/// Where `place` of `0..size` goes in a permutation that needs no memory: a four-round Feistel
/// network on the next power of four, walked until it lands inside.
fn permuted(place: usize, size: usize, seed: u64) -> usize {
    let half = (usize::BITS - size.max(2).saturating_sub(1).leading_zeros()).div_ceil(2);
    let mask = (1_u64 << half) - 1;
    let mut value = place as u64;
    loop {
        let (mut left, mut right) = (value >> half, value & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (mix(seed, round, right) & mask));
        }
        value = (left << half) | right;
        if (value as usize) < size {
            return value as usize;
        }
    }
}

/// A well-spread hash of three numbers (the finaliser of SplitMix64, chained).
pub(super) fn mix(a: u64, b: u64, c: u64) -> u64 {
    [a, b, c]
        .into_iter()
        .fold(0x9e37_79b9_7f4a_7c15, |hash, value| {
            let mut z = hash.wrapping_add(value).wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::Features;

    fn task(rate: f64, examples: usize) -> TaskData {
        TaskData {
            name: String::new(),
            rate,
            source: (0..examples)
                .map(|i| Features {
                    input: vec![2; i % 7 + 1],
                    target: vec![1],
                })
                .collect::<Vec<_>>()
                .into(),
        }
    }

    fn options(batch: usize, shuffle: bool, seed: u64) -> TrainOptions {
        TrainOptions {
            batch,
            shuffle,
            seed,
            ..TrainOptions::default()
        }
    }

    #[test]
    fn every_example_comes_once_an_epoch() {
        let mut sampler = Sampler::new(&[task(1.0, 48)], &options(3, true, 7)).unwrap();
        let mut seen: Vec<usize> = (0..16)
            .flat_map(|_| sampler.next_batch())
            .map(|drawn| drawn.example)
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..48).collect::<Vec<_>>());
    }

    #[test]
    fn rates_are_kept_and_seeds_repeat() {
        let tasks = [task(3.0, 10), task(1.0, 1000), task(1.0, 0)];
        let draw = |seed| {
            let mut sampler = Sampler::new(&tasks, &options(10, true, seed)).unwrap();
            (0..400)
                .flat_map(|_| sampler.next_batch())
                .collect::<Vec<_>>()
        };
        let first = draw(1);
        let share =
            first.iter().filter(|drawn| drawn.task == 0).count() as f64 / first.len() as f64;
        assert!((share - 0.75).abs() < 0.03, "{share}");
        assert_eq!(first, draw(1));
        assert_ne!(first, draw(2));
    }

    #[test]
    fn batches_of_like_size_lose_nothing() {
        let tasks = [task(1.0, 48)];
        let options = TrainOptions {
            batch_tokens: 20,
            ..options(3, true, 7)
        };
        let mut sampler = Sampler::new(&tasks, &options).unwrap();
        let mut seen = Vec::new();
        while seen.len() < 48 {
            let batch = sampler.next_batch();
            let longest = batch
                .iter()
                .map(|drawn| drawn.example % 7 + 3)
                .max()
                .unwrap();
            assert!(batch.len() * longest <= 20, "{batch:?}");
            seen.extend(batch.iter().map(|drawn| drawn.example));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..48).collect::<Vec<_>>());
    }

    #[test]
    fn epochs_end_with_every_example_seen_as_often() {
        for batch_tokens in [0, 30] {
            let options = TrainOptions {
                epochs: 3,
                batch_tokens,
                ..options(4, true, 5)
            };
            let mut sampler = Sampler::new(&[task(1.0, 45), task(0.0, 9)], &options).unwrap();
            let batches = sampler.batches_left().unwrap();
            let mut seen = [0; 45];
            for _ in 0..batches {
                let batch = sampler.next_batch();
                assert!(!batch.is_empty());
                for drawn in batch {
                    assert!(drawn.round < 3);
                    seen[drawn.example] += 1;
                }
            }
            assert!(sampler.next_batch().is_empty());
            assert_eq!(seen, [3; 45]);
        }
        let endless = Sampler::new(&[task(1.0, 45)], &options(4, true, 5)).unwrap();
        assert_eq!(endless.batches_left(), None);
    }

    #[test]
    fn without_shuffling_the_order_is_kept() {
        let mut sampler = Sampler::new(&[task(1.0, 5)], &options(2, false, 0)).unwrap();
        let seen: Vec<usize> = (0..3)
            .flat_map(|_| sampler.next_batch())
            .map(|drawn| drawn.example)
            .collect();
        assert_eq!(seen, [0, 1, 2, 3, 4, 0]);
    }
}
