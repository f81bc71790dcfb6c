//! Weak labels, tasks, mixtures and the training loop

pub mod examples;
pub mod features;
pub mod fit;
pub mod labels;
pub mod pairs;
pub mod users;
