//! The personalize function and its stages
