//! Gradients of one batch, by several threads where that is quicker.

use burn::tensor::{Device, Tensor};
use idiolect_models::{Batch, Config, Parameter, Parameters, T5, Targets};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Features, TrainError, optimizer::Gradients};

/// Each computes the gradients of its share of a batch's rows. On a CPU half of a step is passes
/// over tensors by a single thread, so that two threads with half of the rows each need far less
/// time than two that compute one product after the other together.
pub(super) struct Workers(Vec<ThreadPool>);

impl Workers {
    /// As many as can have a row each; one where the device is not the CPU, and where there is
    /// dropout, since all threads draw from one random state.
    pub(super) fn new(device: &Device, rows: usize, dropout: f64) -> Result<Self, TrainError> {
        let threads = rayon::current_num_threads();
        let workers = if *device == Device::flex() && dropout == 0.0 {
            threads.min(rows).max(1)
        } else {
            1
        };
        let pool = || {
            ThreadPoolBuilder::new()
                .num_threads(threads.div_ceil(workers))
                .build()
        };
        (0..workers)
            .map(|_| pool())
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|error| TrainError::Execution(error.to_string()))
    }

    /// Loss of a batch and its gradients, both divided by `tokens`. The sum is taken in the order of
    /// the rows, so it does not depend on who is done first.
    pub(super) fn compute(
        &self,
        config: &Config,
        parameters: &Parameters,
        rows: &[&Features],
        tokens: usize,
        dropout: f64,
        device: &Device,
    ) -> Result<(f64, Gradients), TrainError> {
        let of_share = |rows: &[&Features]| -> Result<(f64, Gradients), TrainError> {
            let leaves = leaves(parameters);
            let model = T5::new(config, &leaves)?;
            let input: Vec<&[u32]> = rows.iter().map(|row| row.input.as_slice()).collect();
            let target: Vec<&[u32]> = rows.iter().map(|row| row.target.as_slice()).collect();
            let input = Batch::new(&input, config, device)?;
            let target = Targets::new(&target, config, device)?;
            let loss = model
                .nll(&input, &target, dropout)
                .sum()
                .div_scalar(tokens as f64);
            let mut gradients = Gradients::new();
            collect(&leaves, &loss, &mut gradients);
            Ok((scalar(&loss)?, gradients))
        };
        let mut shares = rows.chunks(rows.len().div_ceil(self.0.len()).max(1));
        let (first, others) = (shares.next().unwrap_or_default(), shares);
        let of_share = &of_share;
        std::thread::scope(|scope| {
            let others: Vec<_> = others
                .zip(&self.0[1..])
                .map(|(rows, pool)| scope.spawn(move || pool.install(|| of_share(rows))))
                .collect();
            let (mut loss, mut gradients) = self.0[0].install(|| of_share(first))?;
            for other in others {
                let lost = |_| TrainError::Execution("a thread ended early".to_owned());
                let (part, more) = other.join().map_err(lost)??;
                loss += part;
                add(&mut gradients, more);
            }
            Ok((loss, gradients))
        })
    }
}

/// The parameters as leaves of a graph.
pub(super) fn leaves(parameters: &Parameters) -> Parameters {
    let leaf = |parameter: &Parameter| match parameter {
        Parameter::Vector(t) => Parameter::Vector(t.clone().autodiff().require_grad()),
        Parameter::Matrix(t) => Parameter::Matrix(t.clone().autodiff().require_grad()),
    };
    Parameters(
        parameters
            .0
            .iter()
            .map(|(name, parameter)| (name.clone(), leaf(parameter)))
            .collect(),
    )
}

/// Adds the gradients of `loss` to those collected.
pub(super) fn collect(leaves: &Parameters, loss: &Tensor<1>, gradients: &mut Gradients) {
    let mut found = loss.backward();
    let new = leaves.0.iter().filter_map(|(name, leaf)| {
        let gradient = match leaf {
            Parameter::Vector(tensor) => tensor.grad_remove(&mut found).map(Parameter::Vector),
            Parameter::Matrix(tensor) => tensor.grad_remove(&mut found).map(Parameter::Matrix),
        };
        Some((name.clone(), gradient?))
    });
    let new = new.collect();
    add(gradients, new);
}

/// Adds gradients to those of the same names.
pub(super) fn add(gradients: &mut Gradients, more: Gradients) {
    for (name, new) in more {
        let sum = match (gradients.remove(&name), new) {
            (Some(Parameter::Vector(a)), Parameter::Vector(b)) => Parameter::Vector(a + b),
            (Some(Parameter::Matrix(a)), Parameter::Matrix(b)) => Parameter::Matrix(a + b),
            (_, new) => new,
        };
        gradients.insert(name, sum);
    }
}

/// The length of all gradients together.
pub(super) fn norm(gradients: &Gradients) -> Result<f64, TrainError> {
    let mut total = 0.0;
    for gradient in gradients.values() {
        total += scalar(&match gradient {
            Parameter::Vector(tensor) => tensor.clone().square().sum(),
            Parameter::Matrix(tensor) => tensor.clone().square().sum(),
        })?;
    }
    Ok(total.sqrt())
}

/// Multiplies all gradients.
pub(super) fn shorten(gradients: &mut Gradients, factor: f64) {
    for gradient in gradients.values_mut() {
        *gradient = match gradient {
            Parameter::Vector(tensor) => Parameter::Vector(tensor.clone().mul_scalar(factor)),
            Parameter::Matrix(tensor) => Parameter::Matrix(tensor.clone().mul_scalar(factor)),
        };
    }
}

/// The number that a tensor of one element holds.
pub(super) fn scalar(tensor: &Tensor<1>) -> Result<f64, TrainError> {
    tensor
        .clone()
        .try_into_scalar::<f32>()
        .map(f64::from)
        .map_err(|error| TrainError::Execution(error.to_string()))
}
