//! Gradients of one batch: on the CPU by threads that share its rows, elsewhere by the tensor library.

use std::cmp::Reverse;

use burn::tensor::{Device, Tensor};
use idiolect_models::{
    Adapter, Batch, Config, Parameter, Parameters, T5, Targets,
    t5::{Learner, Lesson},
};
use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

use super::{Features, TrainError, mixture::mix, optimizer::Gradients};

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

/// What computes gradients.
pub(super) enum Engine {
    /// The tensor library, on any device.
    Tensors,
    /// Threads of the CPU, each with its share of a batch's rows: there is then no product that several
    /// threads must share. Each has gradients of its own, which are added in the end.
    Host(Vec<ThreadPool>),
}

/// What the gradients of a batch are divided by, and what decides about its dropout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Target tokens of all batches of the step.
    pub(super) tokens: usize,
    /// Share of activations dropped.
    pub(super) dropout: f64,
    /// Of the batch.
    pub(super) seed: u64,
}

impl Engine {
    /// For a device; on the CPU as many threads as can have a row each.
    pub(super) fn new(device: &Device, rows: usize) -> Result<Self, TrainError> {
        if *device != Device::flex() {
            return Ok(Self::Tensors);
        }
        let threads = rayon::current_num_threads();
        let workers = threads.min(rows).max(1);
        let pool = || {
            ThreadPoolBuilder::new()
                .num_threads(threads.div_ceil(workers))
                .build()
        };
        (0..workers)
            .map(|_| pool())
            .collect::<Result<_, _>>()
            .map(Self::Host)
            .map_err(|error| TrainError::Execution(error.to_string()))
    }

    /// Loss of a batch and its gradients, both divided by the step's tokens. `device` is where the
    /// tensor library records what it computes.
    pub(super) fn compute(
        &self,
        network: Network<'_>,
        parameters: &Parameters,
        rows: &[Features],
        step: Step,
        device: &Device,
    ) -> Result<(f64, Gradients), TrainError> {
        match self {
            Self::Tensors => by_tensors(network, parameters, rows, step, device),
            Self::Host(pools) => by_threads(pools, network, parameters, rows, step, device),
        }
    }
}

fn by_tensors(
    network: Network<'_>,
    parameters: &Parameters,
    rows: &[Features],
    step: Step,
    device: &Device,
) -> Result<(f64, Gradients), TrainError> {
    let leaves = tracked(parameters, device, true);
    let model = network.learning(&leaves, device)?;
    let input: Vec<&[u32]> = rows.iter().map(|row| row.input.as_slice()).collect();
    let target: Vec<&[u32]> = rows.iter().map(|row| row.target.as_slice()).collect();
    let input = Batch::new(&input, network.config, device)?;
    let target = Targets::new(&target, network.config, device)?;
    let loss = model
        .nll(&input, &target, step.dropout)
        .sum()
        .div_scalar(step.tokens as f64);
    let mut gradients = Gradients::new();
    collect(&leaves, &loss, &mut gradients);
    Ok((scalar(&loss)?, gradients))
}

/// The sums are taken in an order that depends on the rows and the number of threads alone.
fn by_threads(
    pools: &[ThreadPool],
    network: Network<'_>,
    parameters: &Parameters,
    rows: &[Features],
    step: Step,
    device: &Device,
) -> Result<(f64, Gradients), TrainError> {
    let weights = network.weights(parameters)?;
    let learner = Learner::new(network.config, &weights, step.dropout)?;
    let learner = &learner;
    let of_share = |lessons: Vec<Lesson<'_>>| {
        let mut gradients = learner.no_gradients();
        let loss = learner.learn(&lessons, 1.0 / step.tokens as f64, &mut gradients)?;
        Ok::<_, TrainError>((loss, gradients))
    };
    let of_share = &of_share;
    let mut shares = shares(rows, pools.len(), step.seed).into_iter();
    let first = shares.next().unwrap_or_default();
    let (loss, sums) = std::thread::scope(|scope| {
        let others: Vec<_> = shares
            .zip(&pools[1..])
            .map(|(lessons, pool)| scope.spawn(move || pool.install(|| of_share(lessons))))
            .collect();
        let (mut loss, mut sums) = pools[0].install(|| of_share(first))?;
        for other in others {
            let lost = |_| TrainError::Execution("a thread ended early".to_owned());
            let (part, more) = other.join().map_err(lost)??;
            loss += part;
            sums.par_iter_mut().zip(more).for_each(|(sum, more)| {
                sum.iter_mut()
                    .zip(more)
                    .for_each(|(sum, more)| *sum += more);
            });
        }
        Ok::<_, TrainError>((loss, sums))
    })?;
    let plain = Device::flex();
    let gradients: Gradients = weights
        .0
        .iter()
        .zip(sums)
        .map(|((name, parameter), sums)| {
            let gradient = Parameter::new(sums, &parameter.shape(), &plain);
            (name.clone(), gradient)
        })
        .collect();
    match network.adapter {
        None => Ok((loss, gradients)),
        Some((base, adapter)) => Ok((
            loss,
            of_adapter(base, adapter, parameters, &gradients, device)?,
        )),
    }
}

/// Rows in as many shares of like size as there are threads, the largest rows dealt out first.
fn shares(rows: &[Features], threads: usize, seed: u64) -> Vec<Vec<Lesson<'_>>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let size = |i: usize| rows[i].input.len() + 2 * rows[i].target.len();
    order.sort_by_key(|&i| Reverse(size(i)));
    let mut shares = vec![(0, Vec::new()); threads];
    for i in order {
        let Some((taken, share)) = shares.iter_mut().min_by_key(|(taken, _)| *taken) else {
            break;
        };
        *taken += size(i);
        share.push(Lesson {
            input: &rows[i].input,
            target: &rows[i].target,
            seed: mix(seed, i as u64, 0),
        });
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

/// The gradients of an adapter's parts, given those of the weights that they change.
fn of_adapter(
    base: &Parameters,
    adapter: &Adapter,
    parameters: &Parameters,
    gradients: &Gradients,
    device: &Device,
) -> Result<Gradients, TrainError> {
    let leaves = tracked(parameters, device, true);
    let base = tracked(base, device, false);
    let applied = adapter.with(leaves.clone()).applied(&base)?;
    // A sum whose derivative by each weight is that weight's gradient.
    let mut total: Option<Tensor<1>> = None;
    for (name, parameter) in &applied.0 {
        let (Parameter::Matrix(weight), Some(Parameter::Matrix(gradient))) =
            (parameter, gradients.get(name))
        else {
            continue;
        };
        if adapter.changes(name) {
            let gradient = Parameters(vec![(name.clone(), Parameter::Matrix(gradient.clone()))]);
            let gradient = tracked(&gradient, device, false).matrix(name, weight.dims())?;
            let part = (weight.clone() * gradient).sum();
            total = Some(match total {
                None => part,
                Some(total) => total + part,
            });
        }
    }
    let mut found = Gradients::new();
    if let Some(total) = total {
        collect(&leaves, &total, &mut found);
    }
    Ok(found)
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

    const DROPOUT_OFF: Step = Step {
        tokens: 1,
        dropout: 0.0,
        seed: 0,
    };

    fn gradients(folder: &Path, engine: &Engine, learning: &Device) -> (f64, Gradients) {
        let config = read_config(folder).unwrap();
        let network = Network {
            config: &config,
            adapter: None,
        };
        let rows = lesson(folder);
        let step = Step {
            tokens: rows.iter().map(|row| row.target.len()).sum(),
            ..DROPOUT_OFF
        };
        engine
            .compute(network, &weights(folder), &rows, step, learning)
            .unwrap()
    }

    fn host(rows: usize) -> Engine {
        let engine = Engine::new(&Device::flex(), rows).unwrap();
        assert!(matches!(engine, Engine::Host(_)));
        engine
    }

    #[test]
    fn every_gradient_is_that_of_torch() {
        let engines = [Engine::Tensors, host(1), host(2)];
        let names = ["t5-v1.1", "t5-v1.0", "tied-gated", "mt5", "deep-encoder"];
        for (engine, name) in engines
            .iter()
            .flat_map(|engine| names.map(|name| (engine, name)))
        {
            let folder = Path::new(GOLDEN).join(name);
            let golden = json(&folder.join("gradients.json"));
            let (loss, found) = gradients(&folder, engine, &Device::flex().autodiff());
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
        let (loss, kept) = gradients(&folder, &Engine::Tensors, &Device::flex().autodiff());
        let learning = Device::flex().autodiff().gradient_checkpointing();
        let (again, recomputed) = gradients(&folder, &Engine::Tensors, &learning);
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
        let learning = Device::flex().autodiff();
        let loss_by = |engine: &Engine, parameters: &Parameters| {
            engine
                .compute(network, parameters, &rows, DROPOUT_OFF, &learning)
                .unwrap()
        };
        let loss_of = |parameters: &Parameters| loss_by(&host(1), parameters);
        let (_, found) = loss_of(&adapter.parameters);
        let (_, by_tensors) = loss_by(&Engine::Tensors, &adapter.parameters);
        for (name, gradient) in &found {
            let (values, expected) = (gradient.values(), by_tensors[name].values());
            let (values, expected) = (values.unwrap(), expected.unwrap());
            let largest = expected
                .iter()
                .fold(0.0_f32, |most, value| most.max(value.abs()));
            for (found, expected) in values.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4 * largest, "{name}");
            }
        }
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
