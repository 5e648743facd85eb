//! The hand-over from the scanners' threads to the agent: the one place that every message of every scanner passes.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::device::FromScanner;
use crate::device::health::AllHealth;
use crate::domain::decode::encoding::Encoding;
use crate::domain::ids::ScannerName;
use crate::domain::time::BootMillis;

/// The receiver of the threads' messages, which keeps the scanners' health up to date from them.
#[derive(Debug)]
pub struct HandOver {
    health: watch::Sender<AllHealth>,
    encodings: BTreeMap<ScannerName, Encoding>,
}

impl HandOver {
    /// Makes a hand-over that keeps `health`. A scanner without an entry in `encodings` sends UTF-8.
    pub fn new(health: watch::Sender<AllHealth>, encodings: BTreeMap<ScannerName, Encoding>) -> Self {
        Self { health, encodings }
    }

    /// Records a message in the health of its scanner and returns it, with the bytes of its frame decoded by the
    /// scanner's character set.
    ///
    /// The threads know no character sets.
    pub fn take(&self, message: FromScanner, now: BootMillis) -> FromScanner {
        self.health.send_modify(|health| health.note(&message, now));
        match message {
            FromScanner::Frame { scanner, frame, at } => {
                let frame = self.encodings.get(&scanner).copied().unwrap_or_default().read(frame);
                FromScanner::Frame { scanner, frame, at }
            }
            state @ FromScanner::State { .. } => state,
        }
    }
}
