//! Weak labels, tasks, mixtures and the training loop
