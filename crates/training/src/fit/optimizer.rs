use std::collections::BTreeMap;

use burn::{
    optim::{
        Adafactor, AdafactorConfig, AdamW, AdamWConfig, Optimizer, RecordState, StateSink,
        StateSource,
    },
    tensor::{Device, Tensor, TensorData},
};
use idiolect_models::{Parameter, Parameters};
use serde::{Deserialize, Serialize};

/// Which optimiser, and how it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// As T5 was trained: no momentum, no relative step, update clipping 1, decay −0.8,
    /// eps 1e-30 and 1e-3.
    Adafactor {
        /// Whether updates are scaled by the size of their parameter.
        scale_parameter: bool,
    },
    /// Betas 0.9 and 0.999, eps 1e-8, no weight decay.
    AdamW,
}

/// An optimiser with the state of every parameter, by name.
pub(super) enum Optimizing {
    Adafactor(States<Adafactor>),
    AdamW(States<AdamW>),
}

pub(super) struct States<O: Optimizer> {
    optimizer: O,
    vectors: BTreeMap<String, O::State<1>>,
    matrices: BTreeMap<String, O::State<2>>,
}

/// Gradients by name, in the order of the parameters.
pub(super) type Gradients = BTreeMap<String, Parameter>;

impl Optimizing {
    pub(super) fn new(kind: OptimizerKind) -> Self {
        match kind {
            OptimizerKind::Adafactor { scale_parameter } => Self::Adafactor(States::new(
                AdafactorConfig::new()
                    .with_relative_step(false)
                    .with_scale_parameter(scale_parameter)
                    .build(),
            )),
            OptimizerKind::AdamW => Self::AdamW(States::new(
                AdamWConfig::new()
                    .with_epsilon(1e-8)
                    .with_weight_decay(0.0)
                    .build(),
            )),
        }
    }

    /// Moves every parameter that has a gradient.
    pub(super) fn step(&mut self, rate: f64, parameters: &mut Parameters, gradients: Gradients) {
        match self {
            Self::Adafactor(states) => states.step(rate, parameters, gradients),
            Self::AdamW(states) => states.step(rate, parameters, gradients),
        }
    }

    /// The state as named tensors. Its counters are not among them: each is the number of steps.
    pub(super) fn tensors(&self) -> Vec<(String, TensorData)> {
        match self {
            Self::Adafactor(states) => states.tensors(),
            Self::AdamW(states) => states.tensors(),
        }
    }

    /// Takes up the state of these parameters after `steps` steps; false if some of it is missing.
    pub(super) fn restore(
        &mut self,
        parameters: &Parameters,
        tensors: Vec<(String, TensorData)>,
        steps: u64,
        device: &Device,
    ) -> bool {
        match self {
            Self::Adafactor(states) => states.restore(parameters, tensors, steps, device),
            Self::AdamW(states) => states.restore(parameters, tensors, steps, device),
        }
    }
}

impl<O: Optimizer> States<O> {
    fn new(optimizer: O) -> Self {
        Self {
            optimizer,
            vectors: BTreeMap::new(),
            matrices: BTreeMap::new(),
        }
    }

    fn step(&mut self, rate: f64, parameters: &mut Parameters, mut gradients: Gradients) {
        for (name, parameter) in &mut parameters.0 {
            match (parameter, gradients.remove(name)) {
                (Parameter::Vector(tensor), Some(Parameter::Vector(gradient))) => {
                    moved(
                        &self.optimizer,
                        rate,
                        name,
                        tensor,
                        gradient,
                        &mut self.vectors,
                    );
                }
                (Parameter::Matrix(tensor), Some(Parameter::Matrix(gradient))) => {
                    moved(
                        &self.optimizer,
                        rate,
                        name,
                        tensor,
                        gradient,
                        &mut self.matrices,
                    );
                }
                _ => {}
            }
        }
    }

    fn tensors(&self) -> Vec<(String, TensorData)> {
        let mut sink = StateSink::default();
        for (name, state) in &self.vectors {
            state.state_flatten(name, &mut sink);
        }
        for (name, state) in &self.matrices {
            state.state_flatten(name, &mut sink);
        }
        sink.tensors
    }

    fn restore(
        &mut self,
        parameters: &Parameters,
        tensors: Vec<(String, TensorData)>,
        steps: u64,
        device: &Device,
    ) -> bool {
        let counters = parameters
            .0
            .iter()
            .flat_map(|(name, _)| [format!("{name}.time"), format!("{name}.momentum.time")]);
        let mut source = StateSource::new(counters.map(|name| (name, steps.into())).collect());
        for (name, data) in tensors {
            source.insert_tensor(name, data);
        }
        for (name, parameter) in &parameters.0 {
            let found = match parameter {
                Parameter::Vector(_) => O::State::<1>::state_unflatten(name, &mut source, device)
                    .map(|state| self.vectors.insert(name.clone(), state))
                    .is_some(),
                Parameter::Matrix(_) => O::State::<2>::state_unflatten(name, &mut source, device)
                    .map(|state| self.matrices.insert(name.clone(), state))
                    .is_some(),
            };
            if !found {
                return false;
            }
        }
        true
    }
}

fn moved<O: Optimizer, const D: usize>(
    optimizer: &O,
    rate: f64,
    name: &str,
    tensor: &mut Tensor<D>,
    gradient: Tensor<D>,
    states: &mut BTreeMap<String, O::State<D>>,
) {
    let (updated, state) = optimizer.step(rate, tensor.clone(), gradient, states.remove(name));
    *tensor = updated;
    states.extend(state.map(|state| (name.to_owned(), state)));
}
