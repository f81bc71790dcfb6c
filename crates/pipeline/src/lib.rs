//! The personalize function and its stages

mod prompt;

pub use prompt::{Fitted, Prompt, Source, Task, join_keywords, split_keywords};
