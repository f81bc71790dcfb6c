//! What a run starts from: a model, sizes, or a model and an adapter.

use std::path::Path;

use anyhow::Context as _;
use idiolect_models::{
    Adapter, Config, Device, LoraOptions, Parameters, Stored, T5, folder, t5::random_parameters,
};

use super::Arguments;
use super::recipe::{Lora, Recipe};
use crate::context::Context;
use crate::failure::Failure;
use crate::open::{BUILTIN, located};

/// What training starts from.
pub(super) struct Start {
    pub(super) config: Config,
    pub(super) parameters: Parameters,
    /// The bytes of its tokenizer.json.
    pub(super) tokenizer: Option<Vec<u8>>,
    /// Is trained in place of the parameters.
    pub(super) adapter: Option<Adapter>,
    /// Where others find the model that the adapter is for.
    pub(super) base: Option<String>,
}

impl Start {
    pub(super) fn open(
        arguments: &Arguments,
        recipe: &Recipe,
        context: &Context,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let lora = lora(arguments, recipe);
        let config = arguments.config.as_ref().or(recipe.config.as_ref());
        let settings = &context.settings;
        if let Some(config) = config {
            if lora.is_some() || settings.adapter.is_some() {
                return Err(Failure::new("usage", "an adapter needs a model to adapt")
                    .hint("name it with `--model DIR|builtin`, and leave out the config")
                    .into());
            }
            return Self::from_scratch(config, recipe, settings.seed, device);
        }
        let Some(name) = settings.model.as_deref() else {
            return Err(Failure::new("usage", "nothing to start from")
                .hint("name sizes with `--config FILE`, or a model with `--model DIR|builtin`")
                .into());
        };
        let place = located(name)?;
        let stored = Stored::open(&place)?;
        let parameters = stored.parameters(device)?;
        // Both say what may be wrong with the folder before anything is written.
        T5::new(&stored.config, &parameters)?;
        stored.tokenizer()?;
        let adapter = match (&settings.adapter, lora) {
            (Some(folder), _) => {
                let adapter = Adapter::load(folder, device)
                    .and_then(|adapter| adapter.applied(&parameters).map(|_| adapter));
                Some(adapter.with_context(|| {
                    format!("cannot go on from the adapter `{}`", folder.display())
                })?)
            }
            (None, Some(lora)) => Some(Adapter::new(&parameters, &lora, settings.seed, device)?),
            (None, None) => None,
        };
        Ok(Self {
            adapter,
            base: (place != BUILTIN).then_some(place),
            parameters,
            tokenizer: stored.tokenizer_json().map(<[u8]>::to_vec),
            config: stored.config,
        })
    }

    fn from_scratch(
        config: &Path,
        recipe: &Recipe,
        seed: u64,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let named = config.file_name().is_some_and(|name| name == "config.json");
        let folder_of = config.parent().unwrap_or(Path::new(""));
        if !named {
            return Err(Failure::new(
                "usage",
                format!("`{}` is not named config.json", config.display()),
            )
            .hint("a model's sizes stand in a file of that name, as `transformers` writes it")
            .into());
        }
        let folder_of = if folder_of.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder_of
        };
        let config = folder::read_config(folder_of)?;
        let tokenizer = match &recipe.tokenizer {
            Some(path) => Some(fs_err::read(path)?),
            None => beside(folder_of)?,
        };
        Ok(Self {
            parameters: random_parameters(&config, seed, device),
            adapter: None,
            base: None,
            config,
            tokenizer,
        })
    }
}

/// The tokenizer in a model's folder.
fn beside(place: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let path = place.join("tokenizer.json");
    if path.exists() {
        Ok(Some(fs_err::read(path)?))
    } else {
        Ok(None)
    }
}

/// The adapter that was asked for: what was typed over what the recipe says.
fn lora(arguments: &Arguments, recipe: &Recipe) -> Option<LoraOptions> {
    let inside = recipe.lora.as_ref();
    let rank = arguments.lora.or(inside.map(|lora| lora.rank))?;
    let targets = (arguments.lora_targets.clone())
        .or(inside.and_then(|lora: &Lora| lora.targets.clone()))
        .unwrap_or_else(|| vec!["q".to_owned(), "v".to_owned()]);
    Some(LoraOptions {
        rank,
        alpha: (arguments.lora_alpha)
            .or(inside.and_then(|lora| lora.alpha))
            .unwrap_or(2.0 * rank as f64),
        targets,
    })
}
