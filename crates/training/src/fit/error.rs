use std::path::PathBuf;

use thiserror::Error;

/// Why training stopped or could not start.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The model could not be read, written or run.
    #[error(transparent)]
    Model(#[from] idiolect_models::Error),
    /// A file of the run could not be read or written.
    #[error("the run's files cannot be used: {0}")]
    File(#[source] std::io::Error),
    /// There is nothing to train on.
    #[error("there are no examples to train on")]
    NoExamples,
    /// A share or size that cannot be.
    #[error("{name} must be {must}")]
    Option {
        /// Which option.
        name: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// The run's checkpoint belongs to another model or is damaged.
    #[error("{file} does not continue this run: {why}", file = file.display())]
    Checkpoint {
        /// Which file.
        file: PathBuf,
        /// What does not fit.
        why: &'static str,
    },
    /// The loss is no longer a number.
    #[error("the loss at step {step} is not a finite number")]
    Diverged {
        /// At which optimiser step.
        step: u64,
    },
    /// The device failed.
    #[error("the computation failed on the device: {0}")]
    Execution(String),
}

impl TrainError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Model(error) => error.hint(),
            Self::Checkpoint { .. } => Some("start afresh in another --out, or without --resume"),
            Self::Diverged { .. } => Some("lower --lr, or clip gradients with --clip 1"),
            Self::NoExamples => {
                Some("make some with `idiolect data build`, or name a file with --examples")
            }
            Self::File(_) | Self::Option { .. } | Self::Execution(_) => None,
        }
    }
}
