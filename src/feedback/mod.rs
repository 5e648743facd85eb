//! Telling people: every output gets each announcement, and none can delay a scan.
//!
//! An announcement is made after its commit and handed on without waiting. An output that is slow or broken
//! loses signals; the scan it speaks of is on disk all the same.
//!
//! A scanner is sent the answers to its own frames and what concerns everybody; the station's own outputs ([`outputs`])
//! are given every signal. *Needs a person* is said again and again, until a person says OK.

mod command;
mod display;
pub mod gpio;
mod lamps;
mod message;
mod output;
pub mod outputs;
pub mod pattern;
pub mod player;
pub mod protocol;
mod scroll_lock;
pub mod sound;
mod tally;
pub mod wav;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::timeout;

pub use crate::domain::count::counted;

use crate::domain::advice::Advice;
use crate::domain::good::Good;
use crate::domain::ids::{OperationId, ScannerName};
use crate::domain::mode::Mode;
use crate::domain::quantity::Quantity;
use crate::domain::session::Reason;
use crate::domain::signal::{Occasion, Signal};
use crate::feedback::output::{Order, OutputSender};
use crate::feedback::outputs::Outputs;
use crate::feedback::tally::Tally;

/// Announcements that a slow listener may lag behind before it loses the oldest.
const ANNOUNCEMENTS_MAX: usize = 256;

/// Announcements that are kept for whoever looks at the station's page.
pub const RECENT_MAX: usize = 12;

/// Takes the bytes of a signal to a scanner without waiting; `false` if it could not. Some scanners are to hear of a
/// verdict without any.
pub type SignalSender = Box<dyn Fn(Occasion, Vec<u8>) -> bool + Send + Sync>;

/// What is said, and on which scanner's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The scanner that is answered; `None`: all are told.
    pub scanner: Option<ScannerName>,
    /// The signal given.
    pub signal: Signal,
    /// What it is about.
    pub what: What,
}

/// What an announcement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A scan was booked.
    Booked {
        /// The mode.
        mode: Mode,
        /// The good.
        good: Good,
        /// How much this scan added.
        quantity: Quantity,
        /// What is odd about the label, each in a few words.
        doubts: Vec<String>,
        /// How much of it the open document holds now; `None` if it has just closed.
        in_document: Option<Quantity>,
    },
    /// A kit was booked.
    BookedKit {
        /// The mode.
        mode: Mode,
        /// The name of its card.
        title: String,
        /// How many goods of a storage it took.
        materials: usize,
        /// How much in all.
        quantity: Quantity,
    },
    /// A scan was parked.
    Parked {
        /// The code.
        code: String,
        /// How much.
        quantity: Quantity,
    },
    /// A frame was refused.
    Refused {
        /// Why.
        reason: Reason,
        /// What was read, as far as it can be shown.
        code: String,
        /// What else came of it, if anything did.
        words: String,
    },
    /// The disk did not take it: nothing was booked.
    NotStored,
    /// A control code was carried out.
    Control {
        /// Its name.
        name: String,
        /// The mode now.
        mode: Mode,
        /// What it came to, if its name does not say it.
        words: String,
    },
    /// The same code over again, too soon to be another scan: it counts for nothing, and what was said of the first
    /// read holds.
    Repeat(Box<What>),
    /// A quantity for which no scan came in time: it counts for nothing.
    Lapsed {
        /// Which.
        quantity: u16,
    },
    /// Mode and storage that were commanded fell back to the configured ones.
    Reverted {
        /// The mode now.
        mode: Mode,
        /// The storage now, as people call it.
        storage: String,
    },
    /// A code was looked up.
    Lookup {
        /// The code.
        code: String,
        /// The good, if exactly one has it.
        good: Option<Good>,
    },
    /// A kit was looked up.
    LookupKit {
        /// The code.
        code: String,
        /// The name of its card.
        title: String,
    },
    /// A document reached the server.
    Posted {
        /// Our number for it.
        operation: OperationId,
        /// Lines in it.
        lines: usize,
        /// Units in it.
        units: Quantity,
    },
    /// Something waits for a person.
    Person(String),
    /// Parked scans became known and were booked: so many documents.
    Unparked(usize),
    /// How far a long work is.
    Progress(String),
    /// A scanner seems to be set up wrong. The scan itself has its own announcement and signal.
    Advice {
        /// Which.
        scanner: ScannerName,
        /// What it looks like, and what to do.
        advice: Advice,
    },
    /// The scanner's input came to its end, and what was open is closed.
    Ended,
    /// An alarm has ended, or was seen.
    AlarmsChanged,
    /// A scan of before the start, as the journal has it. It is shown, and not said again.
    Earlier(Box<Earlier>),
}

/// A scan of before the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The word of what came of it: `booked`, `unknown`, `refused`, `control` or `lookup`.
    pub outcome: String,
    /// What it was booked as: `receipt` or `write-off`.
    pub kind: Option<&'static str>,
    /// How much, if it was booked or parked.
    pub quantity: Option<Quantity>,
    /// The good's title, else the code as far as it can be shown.
    pub name: String,
    /// Why it was refused, or which command it was, and what came of it.
    pub words: String,
    /// Whether it was taken back since.
    pub is_undone: bool,
}

impl What {
    /// What no hand waits for is shown and not heard: "booked" out of nowhere would be taken for the answer to a scan that
    /// got none.
    const fn has_sound(&self) -> bool {
        !matches!(
            self,
            Self::Unparked(_)
                | Self::Progress(_)
                | Self::Advice { .. }
                | Self::Ended
                | Self::AlarmsChanged
                | Self::Reverted { .. }
                | Self::Earlier(_)
        )
    }

    /// Housekeeping and signs without words stand elsewhere: the page lists what people scanned and what became of it.
    const fn is_listed(&self) -> bool {
        !matches!(self, Self::Progress(_) | Self::Ended | Self::AlarmsChanged)
    }

    /// Why a scanner is given its signal: some wait for the answer to each frame, and for nothing else.
    const fn occasion(&self) -> Occasion {
        match self {
            Self::Lapsed { .. } => Occasion::News,
            _ => Occasion::Verdict,
        }
    }
}

/// Where signals go.
pub struct Feedback {
    scanners: BTreeMap<ScannerName, ScannerOutput>,
    outputs: Vec<OutputSender>,
    listeners: broadcast::Sender<Announcement>,
    recent: Mutex<VecDeque<Announcement>>,
    alarm: watch::Sender<Alarm>,
    tally: Tally,
}

/// Whether something waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alarm {
    None,
    /// Until a person says OK.
    Standing,
}

/// What one scanner is sent for each signal, and how.
pub struct ScannerOutput {
    /// The bytes; a signal that is not in it is silent.
    pub bytes: BTreeMap<Signal, Vec<u8>>,
    /// The way to the scanner.
    pub send: SignalSender,
}

impl fmt::Debug for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feedback").field("scanners", &self.scanners.keys()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ScannerOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScannerOutput").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Feedback {
    /// Outputs of these scanners and of the station; listeners join with [`Feedback::listen`].
    pub fn new(scanners: BTreeMap<ScannerName, ScannerOutput>, outputs: &Outputs) -> Self {
        Self {
            scanners,
            outputs: outputs.senders(),
            listeners: broadcast::Sender::new(ANNOUNCEMENTS_MAX),
            recent: Mutex::default(),
            alarm: watch::Sender::new(Alarm::None),
            tally: Tally::default(),
        }
    }

    /// Hears every announcement from now on. A listener that lags loses the oldest.
    pub fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.listeners.subscribe()
    }

    /// The last announcements, newest first; at most 12.
    pub fn recent(&self) -> Vec<Announcement> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    /// How many scans of this scanner were refused since the start.
    pub fn refused(&self, scanner: &ScannerName) -> u64 {
        self.tally.of(scanner)
    }

    /// Tells everybody, without waiting for anybody.
    pub fn announce(&self, announcement: Announcement) {
        self.tally.note(&announcement);
        if announcement.what.has_sound() {
            self.signal(&announcement);
        }
        if announcement.what.is_listed() {
            self.list(announcement.clone());
        }
        // Nobody listens in an agent without a terminal or a page.
        let _heard = self.listeners.send(announcement);
    }

    /// Lists what was announced before the start, without announcing it again.
    pub fn recall(&self, earlier: Vec<Announcement>) {
        for announcement in earlier {
            self.list(announcement);
        }
    }

    fn list(&self, announcement: Announcement) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(announcement);
    }

    /// A person has seen the alarm: it is not said again.
    pub fn calm(&self) {
        self.alarm.send_replace(Alarm::None);
        self.outputs.iter().for_each(|output| output.tell(Order::Calm));
    }

    /// Tells whoever shows alarms that they have changed.
    pub fn alarms_changed(&self) {
        self.announce(Announcement { scanner: None, signal: Signal::Control, what: What::AlarmsChanged });
    }

    /// Says an alarm again, `every` so often, until a person has seen it.
    pub async fn repeat_alarm(&self, every: Duration) -> Infallible {
        let mut alarm = self.alarm.subscribe();
        loop {
            let standing = *alarm.borrow_and_update();
            match standing {
                // Its sender is in `self`, so that it does not close.
                Alarm::None => drop(alarm.changed().await),
                // A change begins a new wait: the alarm has just been said, or seen.
                Alarm::Standing => {
                    if timeout(every, alarm.changed()).await.is_err() {
                        self.outputs.iter().for_each(|output| output.tell(Order::Signal(Signal::Person)));
                        self.sound(None, Signal::Person, Occasion::News);
                    }
                }
            }
        }
    }

    fn signal(&self, announcement: &Announcement) {
        let occasion = announcement.what.occasion();
        if !self.outputs.is_empty() {
            let told: Arc<str> = Arc::from(message::json(announcement));
            let order = || Order::Said(announcement.signal, Arc::clone(&told));
            self.outputs.iter().for_each(|output| output.tell(order()));
        }
        self.sound(announcement.scanner.as_ref(), announcement.signal, occasion);
    }

    /// Gives a signal on the scanner it is for or, if it is for none, on all.
    fn sound(&self, scanner: Option<&ScannerName>, signal: Signal, occasion: Occasion) {
        if signal == Signal::Person {
            self.alarm.send_replace(Alarm::Standing);
        }
        match scanner {
            Some(scanner) => self.send(scanner, occasion, signal),
            None => self.scanners.keys().for_each(|scanner| self.send(scanner, Occasion::News, signal)),
        }
    }

    fn send(&self, scanner: &ScannerName, occasion: Occasion, signal: Signal) {
        let Some(output) = self.scanners.get(scanner) else { return };
        let bytes = output.bytes.get(&signal).cloned().unwrap_or_default();
        if occasion == Occasion::News && bytes.is_empty() {
            return;
        }
        if !(output.send)(occasion, bytes) {
            tracing::debug!(%scanner, signal = signal.as_str(), "the scanner did not take the signal");
        }
    }
}

#[cfg(test)]
mod tests;
