//! An interrupted run goes on as if nothing had happened. A program of its own: the tensor library
//! has one random state a process, and dropout draws from it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::Path;

use idiolect_training::fit::{OptimizerKind, TrainOptions};

use common::{GOLDEN, SCALED, losses, options};

#[test]
fn a_resumed_run_goes_on_to_the_same_losses() {
    let folder = Path::new(GOLDEN).join("t5-v1.1");
    for optimizer in [SCALED, OptimizerKind::AdamW] {
        let options = TrainOptions {
            batch: 2,
            shuffle: true,
            dropout: 0.1,
            ..options(optimizer, 0.01, 9)
        };
        let (whole, _) = losses(&folder, &options, None);
        let (parts, _) = losses(&folder, &options, Some(4));
        assert_eq!(whole, parts);
    }
}
