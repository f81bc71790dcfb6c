use super::{
    TokenCache,
    objective::{Objective, Pretraining},
};

/// What a model eats: ids in, ids out. What they mean is the task's business.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// Encoder input, end token included if the task wants one.
    pub input: Vec<u32>,
    /// Target, likewise.
    pub target: Vec<u32>,
}

/// Where a task's examples come from.
#[derive(Debug, Clone)]
pub struct Source {
    store: Store,
    objective: Option<Pretraining>,
}

#[derive(Debug, Clone)]
enum Store {
    Held(Vec<Features>),
    Cached(TokenCache),
}

impl From<Vec<Features>> for Source {
    fn from(examples: Vec<Features>) -> Self {
        Self {
            store: Store::Held(examples),
            objective: None,
        }
    }
}

impl From<TokenCache> for Source {
    fn from(cache: TokenCache) -> Self {
        Self {
            store: Store::Cached(cache),
            objective: None,
        }
    }
}

impl Source {
    /// The inputs are stretches of text: the objective makes examples of them, other ones each time.
    #[must_use]
    pub fn with_objective(self, objective: Pretraining) -> Self {
        Self {
            objective: Some(objective),
            ..self
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Held(examples) => examples.len(),
            Store::Cached(cache) => cache.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how much work an example is: a target's token takes about twice that of an input's.
    pub fn cost(&self, example: usize) -> u32 {
        let (input, target) = match &self.store {
            Store::Held(examples) => examples
                .get(example)
                .map_or((0, 0), |found| (found.input.len(), found.target.len())),
            Store::Cached(cache) => cache.lengths(example),
        };
        let (input, target) = match &self.objective {
            Some(objective) => objective.lengths(input),
            None => (input, target),
        };
        u32::try_from(input + 2 * target).unwrap_or(u32::MAX)
    }

    /// An example; the seed matters only to an objective.
    pub fn get(&self, example: usize, seed: u64) -> Features {
        let stored = match &self.store {
            Store::Held(examples) => examples.get(example).cloned().unwrap_or_default(),
            Store::Cached(cache) => cache.get(example),
        };
        match &self.objective {
            Some(objective) => objective.example(&stored.input, seed),
            None => stored,
        }
    }
}

impl Pretraining {
    /// Lengths of input and target that a stretch of so many tokens gives.
    fn lengths(&self, tokens: usize) -> (usize, usize) {
        match &self.objective {
            Objective::Spans(spans) => spans.lengths(tokens),
            // A prefix ends anywhere: half and half is what it comes to.
            Objective::Prefix { .. } => (tokens.div_ceil(2), tokens.div_ceil(2)),
        }
    }
}
