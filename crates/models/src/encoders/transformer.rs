use std::path::{Path, PathBuf};

use idiolect_core::{Encoder, EncoderError};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{
    EncoderFacts,
    backbone::Backbone,
    checkpoint::Checkpoint,
    config::Sizes,
    load::{LENGTHS, Prompts, Settings},
    modules::{self, Entry, Module, Pool},
    numbers::normalize,
};
use crate::{Error, Tokenizer, WeightFormat, folder, seq2seq::hex};

/// A sentence encoder made of a transformer and what sentence-transformers puts behind it: BERT,
/// RoBERTa, XLM-R, MPNet, DistilBERT or a T5's encoder; pooling, dense layers, normalisation.
///
/// A folder without `modules.json` is a plain transformer; its vectors are the means of its hidden
/// states.
#[derive(Debug)]
pub struct TransformerEncoder {
    backbone: Backbone,
    modules: Vec<Module>,
    tokenizer: Tokenizer,
    /// Special ones among them.
    most_tokens: Option<usize>,
    dimensions: usize,
    prompts: Prompts,
    /// Stands before every text.
    prompt: String,
    name: String,
    /// Of everything but the prompt.
    hash: Sha256,
    identity: String,
}

/// What an encoder makes of the tokens of one text.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedTokens {
    /// The last hidden state of each token.
    pub hidden: Vec<Vec<f32>>,
    /// The text's vector, as [`TransformerEncoder::vectors`] gives it.
    pub pooled: Vec<f32>,
}

/// So many tokens are computed together: enough that reading the weights is no part of the work,
/// few enough that what is between the layers stays near the processor.
const TOKENS_AT_ONCE: usize = 512;

impl TransformerEncoder {
    /// Opens a folder in the layout of sentence-transformers, or that of a transformer alone.
    ///
    /// # Errors
    /// A missing, damaged or unsuitable file, named; for a tensor its name as well.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        Self::load_as(folder, WeightFormat::default())
    }

    /// As [`TransformerEncoder::load`], with the weights kept in this way. Vectors by weights that are
    /// rounded have an identity of their own.
    ///
    /// # Errors
    /// As [`TransformerEncoder::load`].
    pub fn load_as(folder: &Path, weights: WeightFormat) -> Result<Self, Error> {
        let (inside, rest) = if folder.join(modules::FILE).exists() {
            let mut entries = modules::entries(folder)?.into_iter();
            let transformer = entries.next().filter(|first| first.kind == "Transformer");
            let Some(Entry { path, .. }) = transformer else {
                return Err(Error::Config {
                    file: folder.join(modules::FILE),
                    defect: "the first module is no Transformer",
                });
            };
            (folder.join(path), Some(entries.collect::<Vec<_>>()))
        } else {
            (folder.to_owned(), None)
        };
        let config = folder::read(&inside, "config.json")?;
        let sizes = Sizes::parse(&config, &inside.join("config.json"))?;
        // Nobody means to search with a model that writes.
        if rest.is_none() && sizes.writes {
            return Err(Error::Architecture {
                file: inside.join("config.json"),
                found: sizes.model_type,
                expected: "a sentence encoder",
            });
        }
        let settings = Settings::read(&inside)?;
        let most_tokens = settings.most_tokens(&inside, &sizes)?;
        let (tokenizer, tokenizer_bytes) = read_tokenizer(&inside, &sizes, &settings)?;
        if most_tokens.is_some_and(|most| most <= tokenizer.special_tokens()) {
            return Err(Error::Config {
                file: inside.join(LENGTHS[0]),
                defect: "max_seq_length leaves no room for a text",
            });
        }
        let mut hash = Sha256::new();
        let mut seen = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        seen(&config);
        seen(&tokenizer_bytes);
        seen(&[u8::from(settings.do_lower_case)]);
        seen(&most_tokens.unwrap_or(0).to_le_bytes());
        if weights != WeightFormat::F32 {
            seen(weights.name().as_bytes());
        }
        let mut dimensions = sizes.width;
        let mut modules = match &rest {
            None => vec![Module::Pooling(vec![Pool::Mean])],
            Some(entries) => modules::load(folder, entries, weights, &mut dimensions, &mut seen)?,
        };
        for module in &mut modules {
            for name in module.names() {
                seen(name.as_bytes());
            }
        }
        let checkpoint = Checkpoint::open(&inside, weights)?;
        seen(checkpoint.sha256()?.as_bytes());
        let backbone = Backbone::new(sizes, checkpoint)?;
        let prompts = Prompts::read(folder)?;
        let prompt = prompts.usual()?;
        let mut encoder = Self {
            backbone,
            modules,
            tokenizer,
            most_tokens,
            dimensions,
            prompts,
            prompt: String::new(),
            name: folder::name(folder),
            hash,
            identity: String::new(),
        };
        encoder.put_before(prompt);
        Ok(encoder)
    }

    /// The same encoder with the prompt of this name before every text, as models want that were
    /// taught to tell queries from passages. Vectors with different prompts have different
    /// identities.
    ///
    /// # Errors
    /// [`Error::Prompt`] where the folder has none of this name.
    pub fn with_prompt(mut self, name: &str) -> Result<Self, Error> {
        let prompt = self.prompts.named(name)?;
        self.put_before(prompt);
        Ok(self)
    }

    fn put_before(&mut self, prompt: String) {
        let mut hash = self.hash.clone();
        hash.update(prompt.as_bytes());
        self.identity = format!("{}@{}", self.name, hex(&hash.finalize()));
        self.prompt = prompt;
    }

    /// What there is to say about it.
    pub fn facts(&self) -> EncoderFacts {
        let sizes = self.backbone.sizes();
        EncoderFacts {
            architecture: sizes.model_type.clone(),
            modules: self.modules.iter().flat_map(Module::names).collect(),
            dimensions: self.dimensions,
            layers: sizes.layers,
            heads: sizes.heads,
            vocabulary: sizes.vocabulary,
            max_tokens: self.most_tokens,
        }
    }

    /// The tokens of a text as the transformer reads them: the prompt before it, special tokens
    /// around it, cut to the length that the model is for.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        if self.prompt.is_empty() {
            return self.tokenizer.encode_special(text, self.most_tokens);
        }
        self.tokenizer
            .encode_special(&format!("{}{text}", self.prompt), self.most_tokens)
    }

    /// One vector a text, in order, exactly as sentence-transformers makes them; all zeros for a
    /// text without tokens.
    pub fn vectors(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let ids: Vec<Vec<u32>> = texts.par_iter().map(|text| self.encode(text)).collect();
        let mut order: Vec<usize> = (0..ids.len()).filter(|&i| !ids[i].is_empty()).collect();
        // The longest first, so that threads end together.
        order.sort_by_key(|&i| std::cmp::Reverse(ids[i].len()));
        let mut vectors = vec![vec![0.0; self.dimensions]; texts.len()];
        let made: Vec<(usize, Vec<f32>)> = batches(&order, |i| ids[i].len())
            .into_par_iter()
            .flat_map_iter(|batch| {
                let rows: Vec<&[u32]> = batch.iter().map(|&i| ids[i].as_slice()).collect();
                let hidden = self.backbone.forward(&rows);
                let mut rest = hidden.as_slice();
                let made: Vec<_> = batch
                    .iter()
                    .map(|&i| {
                        let (own, after) = rest.split_at(ids[i].len() * self.width());
                        rest = after;
                        (i, self.pool(own, ids[i].len()))
                    })
                    .collect();
                made
            })
            .collect();
        for (i, vector) in made {
            vectors[i] = vector;
        }
        vectors
    }

    /// What becomes of each row of tokens, taken as they are, special ones and all.
    ///
    /// # Errors
    /// [`Error::EmptyInput`], [`Error::TokenId`], [`Error::TooLong`].
    pub fn forward(&self, rows: &[&[u32]]) -> Result<Vec<EncodedTokens>, Error> {
        let sizes = self.backbone.sizes();
        for row in rows {
            if row.is_empty() {
                return Err(Error::EmptyInput);
            }
            if let Some(&id) = row.iter().find(|&&id| id as usize >= sizes.vocabulary) {
                return Err(Error::TokenId {
                    id,
                    vocabulary: sizes.vocabulary,
                });
            }
            if let Some(most) = sizes.capacity().filter(|&most| row.len() > most) {
                return Err(Error::TooLong {
                    tokens: row.len(),
                    most,
                });
            }
        }
        let hidden = self.backbone.forward(rows);
        let mut rest = hidden.as_slice();
        let encoded = rows.iter().map(|row| {
            let (own, after) = rest.split_at(row.len() * self.width());
            rest = after;
            EncodedTokens {
                hidden: own.chunks(self.width()).map(<[f32]>::to_vec).collect(),
                pooled: self.pool(own, row.len()),
            }
        });
        Ok(encoded.collect())
    }

    fn width(&self) -> usize {
        self.backbone.sizes().width
    }

    fn pool(&self, hidden: &[f32], tokens: usize) -> Vec<f32> {
        self.modules.iter().fold(Vec::new(), |vector, module| {
            module.apply(vector, hidden, tokens)
        })
    }
}

impl Encoder for TransformerEncoder {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        let mut vectors = self.vectors(texts);
        for vector in &mut vectors {
            normalize(vector);
        }
        Ok(vectors)
    }
}

fn read_tokenizer(
    folder: &Path,
    sizes: &Sizes,
    settings: &Settings,
) -> Result<(Tokenizer, Vec<u8>), Error> {
    let file: PathBuf = folder.join("tokenizer.json");
    let bytes = folder::read(folder, "tokenizer.json")?;
    let mut tokenizer = Tokenizer::of_file(&bytes, &file)?;
    if tokenizer.vocab_size() > sizes.vocabulary {
        let defect = Box::new(Error::Vocabulary {
            tokenizer: tokenizer.vocab_size(),
            model: sizes.vocabulary,
        });
        return Err(Error::InFile { file, defect });
    }
    if settings.do_lower_case {
        tokenizer.lower_case()?;
    }
    Ok((tokenizer, bytes))
}

/// Cuts `order` into runs of at most so many tokens together, one text at least.
fn batches(order: &[usize], length: impl Fn(usize) -> usize) -> Vec<&[usize]> {
    let mut tokens = 0;
    let mut found = Vec::new();
    let mut first = 0;
    for (place, &i) in order.iter().enumerate() {
        if place > first && tokens + length(i) > TOKENS_AT_ONCE {
            found.push(&order[first..place]);
            (first, tokens) = (place, 0);
        }
        tokens += length(i);
    }
    if first < order.len() {
        found.push(&order[first..]);
    }
    found
}
