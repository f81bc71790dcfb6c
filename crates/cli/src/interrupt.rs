use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

/// Ctrl-C. A command that can end well says so by [`Interrupt::graceful`]; then the first Ctrl-C
/// only asks, and the second one ends the process. Everywhere else the first one does.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    presses: Arc<AtomicU8>,
    message: Arc<Mutex<Option<&'static str>>>,
}

impl Interrupt {
    pub(crate) fn install() -> anyhow::Result<Self> {
        let interrupt = Self {
            presses: Arc::default(),
            message: Arc::default(),
        };
        let handler = interrupt.clone();
        ctrlc::set_handler(move || handler.pressed()).context("cannot listen for Ctrl-C")?;
        Ok(interrupt)
    }

    /// From here on the first Ctrl-C prints `message` and leaves the ending to the command, which
    /// looks at [`Interrupt::requested`].
    pub(crate) fn graceful(&self, message: &'static str) {
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    pub(crate) fn requested(&self) -> bool {
        self.presses.load(Ordering::Relaxed) > 0
    }

    fn pressed(&self) {
        let earlier = self.presses.fetch_add(1, Ordering::Relaxed);
        let message = *self.message.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            Some(message) if earlier == 0 => {
                // A closed stderr is no reason not to end well.
                drop(writeln!(anstream::stderr(), "\n{message}"));
            }
            _ => std::process::exit(130),
        }
    }
}
