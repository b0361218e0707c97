//! Why a measurement could not be made, in words for whoever runs the harness; and Ctrl-C, which
//! ends every wait with such a fault so that all guards run.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

/// A value, or why there is none.
pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Fault(error.to_string())
    }
}

/// A fault with this text.
pub(crate) fn fault<T>(text: impl Into<String>) -> Result<T> {
    Err(Fault(text.into()))
}

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on SIGINT and SIGTERM set a flag that [`check`] looks at.
///
/// # Errors
/// The kernel's.
pub(crate) fn watch_signals() -> Result<()> {
    let flag = STOP.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(())
}

/// Whether a signal asked us to stop.
pub(crate) fn interrupted() -> bool {
    STOP.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// # Errors
/// A signal asked us to stop.
pub(crate) fn check() -> Result<()> {
    match interrupted() {
        true => fault("interrupted"),
        false => Ok(()),
    }
}

/// Asks `done` every few milliseconds until it gives something.
///
/// # Errors
/// A signal, `done`'s own, or nothing came in time.
pub(crate) fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut done: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + patience;
    loop {
        check()?;
        if let Some(value) = done()? {
            return Ok(value);
        }
        if Instant::now() >= end {
            return fault(format!("{what}: not within {} s", patience.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}
