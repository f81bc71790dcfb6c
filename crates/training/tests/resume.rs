//! An interrupted run goes on as if nothing had happened. A program of its own: the tensor library
//! has one random state a process, and dropout draws from it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::Path;

use idiolect_training::fit::{OptimizerKind, TrainOptions};

use common::{GOLDEN, SCALED, options, trained};

#[test]
fn a_resumed_run_goes_on_to_the_same_bits() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    for optimizer in [SCALED, OptimizerKind::AdamW] {
        // Without dropout a batch is divided among threads.
        for (dropout, threads) in [(0.1, 2), (0.0, 1), (0.0, 2), (0.0, 3)] {
            let options = TrainOptions {
                batch: 3,
                accumulate: 2,
                clip: 0.5,
                shuffle: true,
                dropout,
                ..options(optimizer, 0.01, 9)
            };
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let of = |resume_at| pool.install(|| trained(&folder, &options, resume_at));
            let (whole, parts) = (of(None), of(Some(4)));
            assert_eq!(
                whole.losses, parts.losses,
                "{optimizer:?}, {dropout}, {threads}"
            );
            assert_eq!(whole.norm, parts.norm);
            assert!(
                whole.weights == parts.weights,
                "{optimizer:?}, {dropout}, {threads}"
            );
        }
    }
}
