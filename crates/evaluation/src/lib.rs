//! Metrics, controls and significance
