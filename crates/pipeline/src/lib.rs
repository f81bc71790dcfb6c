//! From a draft and its author's past to text in the author's voice: [`personalize`] and its
//! stages. Knows no file and no database; the past comes in as a [`Past`](idiolect_retrieval::Past),
//! cut at the moment of the draft.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use idiolect_core::{Before, Document};
//! use idiolect_models::Seq2Seq;
//! use idiolect_pipeline::{Request, Stages, personalize};
//! use idiolect_retrieval::MemoryPast;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut documents = [
//!     Document::new("ana", "Leaves", "The beech behind the house has turned. I swept all morning."),
//!     Document::new("ana", "Rain", "Rain again, and the heron stood in it as if it were paid to."),
//!     Document::new("ana", "Frost", "First frost. The heron has gone down to the weir."),
//! ];
//! for (n, document) in documents.iter_mut().enumerate() {
//!     document.id = format!("ana-{n}");
//!     document.n = Some(n as i64);
//! }
//! let past = MemoryPast::new("ana", &documents, &Before::Now, None)?;
//! let model = Seq2Seq::builtin(&idiolect_models::device("cpu")?)?;
//!
//! let request = Request {
//!     title: Some("Thaw".to_owned()),
//!     words: Some(20),
//!     ..Request::new("Down at the weir the heron", Before::Now)
//! };
//! let trace = personalize(&request, &past, &Stages::of(&model, None), &mut |_text| {
//!     ControlFlow::Continue(())
//! })?;
//!
//! assert!(trace.text.starts_with("Down at the weir the heron"));
//! assert_eq!(trace.entries[0].document, "ana-2");
//! println!("{}\nafter {}", trace.text, trace.past_passages);
//! # Ok(())
//! # }
//! ```

mod error;
mod own_words;
mod past_passages;
mod past_words;
mod personalize;
mod prompt;
mod request;
mod stages;

pub use error::Error;
pub use own_words::own_words;
pub use past_passages::{PAST_CHARACTERS, PastPassages, past_passages, read_by_model};
pub use past_words::{DocumentFrequencies, LEAST_IDF, PastWords};
pub use personalize::{Plan, carry_out, personalize, plan};
pub use prompt::{Fitted, Prompt, Source, Task, join_keywords, keywords_of};
pub use request::{Limits, MOST_COPIED, Request};
pub use stages::{Stages, guarded_greedy};
