use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::printer::Printer;

/// Off a terminal a line is written this often.
const EVERY: Duration = Duration::from_secs(3);

/// What a long command is doing, on stderr: a spinner on a terminal, else a plain line every few
/// seconds, nothing with `-q`.
pub(crate) struct Progress {
    shown: Shown,
}

enum Shown {
    Nothing,
    Spinner(ProgressBar),
    Lines { last: Instant },
}

impl Progress {
    pub(crate) fn new(printer: &Printer) -> Self {
        let shown = if printer.is_quiet() {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            Shown::Spinner(bar)
        } else {
            Shown::Lines {
                last: Instant::now(),
            }
        };
        Self { shown }
    }

    /// Says where the work stands; cheap enough to be called for every item.
    pub(crate) fn update(&mut self, line: impl FnOnce() -> String) {
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Spinner(bar) => bar.set_message(line()),
            Shown::Lines { last } => {
                if last.elapsed() >= EVERY {
                    *last = Instant::now();
                    // Progress is a courtesy: a closed stderr must not end the work.
                    drop(writeln!(anstream::stderr(), "{}", line()));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Spinner(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
