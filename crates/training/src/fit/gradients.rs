//! Gradients of one batch, by several threads where that is quicker.

use burn::tensor::{Device, Tensor};
use idiolect_models::{Adapter, Batch, Config, Parameter, Parameters, T5, Targets};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Features, TrainError, optimizer::Gradients};

/// How the weights that are trained make a network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network<'a> {
    pub(super) config: &'a Config,
    /// Where the weights are an adapter's: the base, and how they are applied to it.
    pub(super) adapter: Option<(&'a Parameters, &'a Adapter)>,
}

impl Network<'_> {
    /// The weights of the whole network, where those that learn may be an adapter's.
    pub(super) fn weights(&self, parameters: &Parameters) -> Result<Parameters, TrainError> {
        Ok(match self.adapter {
            None => parameters.clone(),
            Some((base, adapter)) => adapter.with(parameters.clone()).applied(base)?,
        })
    }

    /// The network whose gradients flow to `leaves`.
    fn learning(&self, leaves: &Parameters, device: &Device) -> Result<T5, TrainError> {
        Ok(match self.adapter {
            None => T5::new(self.config, leaves)?,
            Some((base, adapter)) => {
                let base = tracked(base, device, false);
                let applied = adapter.with(leaves.clone()).applied(&base)?;
                T5::new(self.config, &applied)?
            }
        })
    }
}

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
        network: Network<'_>,
        parameters: &Parameters,
        rows: &[Features],
        tokens: usize,
        dropout: f64,
        device: &Device,
    ) -> Result<(f64, Gradients), TrainError> {
        let config = network.config;
        let of_share = |rows: &[Features]| -> Result<(f64, Gradients), TrainError> {
            let leaves = tracked(parameters, device, true);
            let model = network.learning(&leaves, device)?;
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

/// The parameters on a device that records what is computed, as leaves that want gradients or as
/// constants.
pub(super) fn tracked(parameters: &Parameters, device: &Device, wanted: bool) -> Parameters {
    fn on<const D: usize>(tensor: &Tensor<D>, device: &Device, wanted: bool) -> Tensor<D> {
        let mut tensor = tensor.clone().autodiff();
        if let Some(strategy) = device.gradient_checkpointing_strategy() {
            tensor = tensor.with_gradient_checkpointing_strategy(strategy);
        }
        if wanted {
            tensor.require_grad()
        } else {
            tensor
        }
    }
    let one = |parameter: &Parameter| match parameter {
        Parameter::Vector(tensor) => Parameter::Vector(on(tensor, device, wanted)),
        Parameter::Matrix(tensor) => Parameter::Matrix(on(tensor, device, wanted)),
    };
    let named = parameters.0.iter();
    Parameters(
        named
            .map(|(name, parameter)| (name.clone(), one(parameter)))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use idiolect_models::folder::read_config;
    use serde_json::Value;

    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/tests/golden");

    fn json(path: &Path) -> Value {
        serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
    }

    fn lesson(folder: &Path) -> Vec<Features> {
        let training = &json(&folder.join("golden.json"))["training"];
        let rows =
            |key: &str| -> Vec<Vec<u32>> { serde_json::from_value(training[key].clone()).unwrap() };
        rows("input_ids")
            .into_iter()
            .zip(rows("labels"))
            .map(|(input, target)| Features { input, target })
            .collect()
    }

    fn weights(folder: &Path) -> Parameters {
        let file = folder.join("model.safetensors");
        let device = idiolect_models::device("cpu").unwrap();
        Parameters::from_safetensors(&fs_err::read(&file).unwrap(), &file, &device).unwrap()
    }

    fn gradients(folder: &Path, learning: &Device) -> (f64, Gradients) {
        let config = read_config(folder).unwrap();
        let network = Network {
            config: &config,
            adapter: None,
        };
        let rows = lesson(folder);
        let tokens = rows.iter().map(|row| row.target.len()).sum();
        let workers = Workers::new(&Device::flex(), rows.len(), 0.0).unwrap();
        workers
            .compute(network, &weights(folder), &rows, tokens, 0.0, learning)
            .unwrap()
    }

    #[test]
    fn every_gradient_is_that_of_torch() {
        for name in ["t5-v1.1", "t5-v1.0", "tied-gated", "mt5", "deep-encoder"] {
            let folder = Path::new(GOLDEN).join(name);
            let golden = json(&folder.join("gradients.json"));
            let (loss, found) = gradients(&folder, &Device::flex().autodiff());
            assert!(
                (loss / golden["loss"].as_f64().unwrap() - 1.0).abs() < 1e-5,
                "{name}"
            );
            let expected = golden["gradients"].as_object().unwrap();
            assert_eq!(found.len(), expected.len(), "{name}");
            for (parameter, expected) in expected {
                let values = found[parameter].values().unwrap();
                let wide = || values.iter().map(|&value| f64::from(value));
                let norm = wide().map(|value| value * value).sum::<f64>().sqrt();
                let projection: f64 = wide()
                    .zip(1..)
                    .map(|(value, i)| value * f64::from(i).sin())
                    .sum();
                let within = 1e-3 * expected["norm"].as_f64().unwrap();
                let near = |found: f64, expected: &Value, what: &str| {
                    let difference = (found - expected.as_f64().unwrap()).abs();
                    assert!(
                        difference < within,
                        "{name}, {parameter}, {what}: {found}, {expected}"
                    );
                };
                near(norm, &expected["norm"], "norm");
                near(projection, &expected["projection"], "projection");
                for (value, expected) in wide().zip(expected["first"].as_array().unwrap()) {
                    near(value, expected, "one of the first");
                }
            }
        }
    }

    #[test]
    fn recomputed_activations_give_the_same_gradients() {
        let folder = Path::new(GOLDEN).join("t5-v1.1");
        let (loss, kept) = gradients(&folder, &Device::flex().autodiff());
        let learning = Device::flex().autodiff().gradient_checkpointing();
        let (again, recomputed) = gradients(&folder, &learning);
        assert_eq!(loss, again);
        assert_eq!(kept.len(), recomputed.len());
        for (name, gradient) in &kept {
            assert_eq!(
                gradient.values().unwrap(),
                recomputed[name].values().unwrap(),
                "{name}"
            );
        }
    }

    #[test]
    fn an_adapters_gradients_are_those_of_its_parts() {
        let folder = Path::new(GOLDEN).join("t5-v1.1");
        let config = read_config(&folder).unwrap();
        let base = weights(&folder);
        let adapter =
            Adapter::load(&Path::new(GOLDEN).join("lora/plain"), &Device::flex()).unwrap();
        let network = Network {
            config: &config,
            adapter: Some((&base, &adapter)),
        };
        let rows = lesson(&folder);
        let workers = Workers::new(&Device::flex(), 1, 0.0).unwrap();
        let learning = Device::flex().autodiff();
        let loss_of = |parameters: &Parameters| {
            workers
                .compute(network, parameters, &rows, 1, 0.0, &learning)
                .unwrap()
        };
        let (_, found) = loss_of(&adapter.parameters);
        assert_eq!(found.len(), adapter.parameters.0.len());
        // By finite differences, along the gradient of each part.
        for (name, gradient) in &found {
            let length = norm(&Gradients::from([(name.clone(), gradient.clone())])).unwrap();
            let step = 2e-3;
            let moved = |sign: f64| {
                let mut moved = adapter.parameters.clone();
                for (known, parameter) in &mut moved.0 {
                    if let (true, Parameter::Matrix(part), Parameter::Matrix(gradient)) =
                        (known == name, &*parameter, gradient)
                    {
                        let by = gradient.clone().mul_scalar(sign * step / length);
                        *parameter = Parameter::Matrix(part.clone() + by);
                    }
                }
                loss_of(&moved).0
            };
            let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step);
            assert!(
                (slope / length - 1.0).abs() < 0.02,
                "{name}: {slope}, {length}"
            );
        }
    }
}
