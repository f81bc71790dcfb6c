use std::path::PathBuf;

use anyhow::Context as _;
use idiolect_models::WeightFormat;

use crate::arguments::{Global, Invocation};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::printer::Printer;

/// What every command works with.
pub(crate) struct Context {
    pub(crate) printer: Printer,
    pub(crate) interrupt: Interrupt,
    pub(crate) settings: Settings,
}

/// The global options that are not about printing.
pub(crate) struct Settings {
    /// `None`: the default folder.
    pub(crate) archive: Option<PathBuf>,
    /// `None`: the built-in one.
    pub(crate) model: Option<String>,
    /// Folder of an adapter for the model.
    pub(crate) adapter: Option<PathBuf>,
    /// `None`: the built-in one.
    pub(crate) encoder: Option<String>,
    pub(crate) device: String,
    pub(crate) weights: Option<WeightFormat>,
    pub(crate) seed: u64,
}

impl Context {
    pub(crate) fn new(
        invocation: &Invocation,
        printer: Printer,
        interrupt: Interrupt,
    ) -> anyhow::Result<Self> {
        let Global {
            archive,
            model,
            adapter,
            encoder,
            threads,
            device,
            weights,
            seed,
            ..
        } = invocation.global.clone();
        if let Some(threads) = threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global()
                .context("cannot start threads")?;
        }
        if archive
            .as_ref()
            .is_some_and(|dir| dir.as_os_str().is_empty())
        {
            return Err(
                Failure::new("usage", "the archive's folder has an empty name")
                    .hint("name it with `--archive DIR`, or unset IDIOLECT_ARCHIVE")
                    .into(),
            );
        }
        Ok(Self {
            printer,
            interrupt,
            settings: Settings {
                archive,
                model,
                adapter,
                encoder,
                device,
                weights: weights.map(WeightFormat::from),
                seed,
            },
        })
    }
}
