//! The log's line for each refused scan, limited to as many as a person can read.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::ScannerName;
use crate::domain::printable::printable;
use crate::domain::session::Reason;

/// The most lines in a minute: a faulty scanner must not fill the disk with them.
const LINES_MAX: u32 = 20;
/// The time in which [`LINES_MAX`] lines are written.
const MINUTE: Duration = Duration::from_mins(1);

/// The limiter of the lines about refused scans.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Lines>);

/// The number of lines written since a time, and the number left out.
#[derive(Debug, Default)]
struct Lines {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Refusals {
    /// Writes the line, or counts it as left out. `stockpoint scans list --refused` shows all refused scans.
    pub(super) fn log(&self, scanner: &ScannerName, reason: Reason, code: &str) {
        // A panic elsewhere leaves the counts usable: they limit the log and decide nothing.
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if lines.since.is_none_or(|since| now.duration_since(since) >= MINUTE) {
            if lines.left_out > 0 {
                tracing::info!(
                    left_out = lines.left_out,
                    "more scans were refused; see scans list --refused"
                );
            }
            *lines = Lines { since: Some(now), ..Lines::default() };
        }
        if lines.written >= LINES_MAX {
            lines.left_out = lines.left_out.saturating_add(1);
            return;
        }
        lines.written = lines.written.saturating_add(1);
        tracing::info!(%scanner, %reason, code = %printable(code), "scan refused: {}", reason.words());
    }
}
