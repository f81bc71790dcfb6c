use std::time::Instant;

use idiolect_training::fit::Metric;

use crate::context::Context;
use crate::progress::Progress;

/// Follows a run for its progress line.
pub(super) struct Watch {
    progress: Progress,
    begun: Instant,
    first: Option<u64>,
    steps: u64,
    pub(super) step: u64,
    pub(super) loss: Option<f64>,
    validation: String,
}

impl Watch {
    pub(super) fn new(steps: u64, context: &Context) -> Self {
        Self {
            progress: Progress::new(&context.printer),
            begun: Instant::now(),
            first: None,
            steps,
            step: 0,
            loss: None,
            validation: String::new(),
        }
    }

    pub(super) fn see(&mut self, metric: &Metric) {
        match metric {
            Metric::Step {
                step,
                loss,
                tokens_per_second,
                ..
            } => {
                let first = *self.first.get_or_insert(*step);
                let made = (step + 1 - first) as f64;
                let left = (self.steps - step) as f64 * self.begun.elapsed().as_secs_f64() / made;
                self.step = *step;
                self.loss = Some(*loss);
                let (steps, validation) = (self.steps, &self.validation);
                self.progress.update(|| {
                    let minutes = (left / 60.0).ceil();
                    format!(
                        "step {step} of {steps}, loss {loss:.3}, {tokens_per_second:.0} tokens/s, \
                         {minutes} min left{validation}"
                    )
                });
            }
            Metric::Validation {
                validation_loss, ..
            } => self.validation = format!(", validation {validation_loss:.3}"),
        }
    }
}
