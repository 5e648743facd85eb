//! Announcements to people: every output gets each of them, and none can delay a scan.
//!
//! An announcement follows its commit and is passed on without waiting. An output that is slow or broken loses signals;
//! the scan behind them is on the disk all the same.
//!
//! A scanner gets the answers to its own frames and the announcements that concern everybody. The station's own outputs
//! ([`outputs`]) get every signal. *Needs a person* is repeated until a person scans the OK code.

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
mod refusal_counts;
mod scroll_lock;
pub mod sound;
pub mod wav;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::timeout;

pub use crate::domain::count::counted;

use crate::domain::ids::{OperationId, ScannerName};
use crate::domain::session::Reason;
use crate::domain::session::advice::Advice;
use crate::domain::signal::{Occasion, Signal};
use crate::domain::stock::good::Good;
use crate::domain::stock::mode::Mode;
use crate::domain::stock::quantity::Quantity;
use crate::feedback::output::{Order, OutputSender};
use crate::feedback::outputs::Outputs;
use crate::feedback::refusal_counts::RefusalCounts;

/// The number of announcements that a listener may lag behind before it loses the oldest.
const ANNOUNCEMENTS_MAX: usize = 256;

/// The number of announcements that are kept for visitors of the station page.
pub const RECENT_MAX: usize = 12;

/// Passes the bytes of a signal to a scanner without waiting, and returns `false` if it could not.
///
/// Some scanners also need a verdict that has no bytes.
pub type SendSignal = Box<dyn Fn(Occasion, Vec<u8>) -> bool + Send + Sync>;

/// An announcement, and the scanner that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The scanner that is answered; `None` if the announcement concerns everybody.
    pub scanner: Option<ScannerName>,
    /// The signal that people get.
    pub signal: Signal,
    /// The subject of the announcement.
    pub what: What,
}

/// The subject of an announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A scan was booked.
    Booked {
        /// The mode.
        mode: Mode,
        /// The good.
        good: Good,
        /// The quantity of this scan.
        quantity: Quantity,
        /// Remarks on the label, each in a few words.
        doubts: Vec<String>,
        /// The quantity of the good in the open document now; `None` if the document has just closed.
        in_document: Option<Quantity>,
    },
    /// A kit was booked.
    BookedKit {
        /// The mode.
        mode: Mode,
        /// The name of its card.
        title: String,
        /// The number of goods that it took from a storage.
        materials: usize,
        /// The quantity of all its goods together.
        quantity: Quantity,
    },
    /// A scan was parked.
    Parked {
        /// The code.
        code: String,
        /// The quantity.
        quantity: Quantity,
    },
    /// A frame was refused.
    Refused {
        /// The reason.
        reason: Reason,
        /// The text that was read, as far as it can be shown.
        code: String,
        /// Other effects, if there were any.
        words: String,
    },
    /// The disk did not accept the scan: nothing was booked.
    NotStored,
    /// A control code was carried out.
    Control {
        /// Its name.
        name: String,
        /// The mode now.
        mode: Mode,
        /// Its effect, if its name does not state it.
        words: String,
    },
    /// The same code again, too soon to be another scan. It does not count, and the first announcement stays valid.
    Repeat(Box<What>),
    /// A quantity lapsed because no scan came in time. It does not count.
    Lapsed {
        /// The quantity.
        quantity: u16,
    },
    /// The mode and the storage that control codes had set were reset to the configured ones.
    Reverted {
        /// The mode now.
        mode: Mode,
        /// The storage now, by its name for people.
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
    /// A document reached the service.
    Posted {
        /// The station's own number of the document.
        operation: OperationId,
        /// The number of its lines.
        lines: usize,
        /// The quantity of all its lines.
        units: Quantity,
    },
    /// A person must act.
    Person(String),
    /// Parked scans became known and were booked, in this number of documents.
    Unparked(usize),
    /// The progress of long work.
    Progress(String),
    /// A scanner is probably set up wrong. The scan itself has its own announcement and signal.
    Advice {
        /// The scanner.
        scanner: ScannerName,
        /// The suspected mistake and its cure.
        advice: Advice,
    },
    /// The scanner's input ended, and the open documents were closed.
    Ended,
    /// An alarm has ended, or a person has seen it.
    AlarmsChanged,
    /// A scan from before the start, read from the journal. It is listed and not announced again.
    Earlier(Box<Earlier>),
}

/// A scan from before the start, read from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The word for its result: `booked`, `unknown`, `refused`, `control` or `lookup`.
    pub outcome: String,
    /// The kind of the booking: `receipt` or `write-off`.
    pub kind: Option<&'static str>,
    /// The quantity that was booked or parked.
    pub quantity: Option<Quantity>,
    /// The good's title, or else the code as far as it can be shown.
    pub name: String,
    /// The reason for a refusal, or the command and its effect.
    pub words: String,
    /// True if it has been undone since.
    pub is_undone: bool,
}

impl What {
    /// Returns true if the announcement has a sound.
    ///
    /// An announcement that nobody waits for is only shown: a "booked" without a scan would be mistaken for the answer
    /// to a scan that got none.
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

    /// Returns true if the page lists it.
    ///
    /// The page lists what people scanned and its result; it shows progress and alarms elsewhere.
    const fn is_listed(&self) -> bool {
        !matches!(self, Self::Progress(_) | Self::Ended | Self::AlarmsChanged)
    }

    /// Returns the occasion of the scanner's signal.
    ///
    /// Some scanners wait for one verdict on each frame, and for nothing else.
    const fn occasion(&self) -> Occasion {
        match self {
            // Nobody has just scanned: a scanner that waits for verdicts must not count this as one.
            Self::Lapsed { .. } => Occasion::News,
            _ => Occasion::Verdict,
        }
    }
}

/// The announcer: it passes announcements and signals to all listeners, outputs and scanners.
pub struct Feedback {
    scanners: BTreeMap<ScannerName, ScannerOutput>,
    outputs: Vec<OutputSender>,
    listeners: broadcast::Sender<Announcement>,
    recent: Mutex<VecDeque<Announcement>>,
    alarm: watch::Sender<AlarmState>,
    refusal_counts: RefusalCounts,
}

/// The state of the alarm for something that needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AlarmState {
    None,
    /// The alarm stands until a person scans the OK code.
    Standing,
}

/// The bytes of a scanner for each signal, and the function that sends them.
pub struct ScannerOutput {
    /// The bytes; a signal without an entry is silent.
    pub bytes: BTreeMap<Signal, Vec<u8>>,
    /// The function that sends bytes to the scanner.
    pub send: SendSignal,
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
    /// Builds the announcer for these scanners and the station's outputs.
    pub fn new(scanners: BTreeMap<ScannerName, ScannerOutput>, outputs: &Outputs) -> Self {
        Self {
            scanners,
            outputs: outputs.senders(),
            listeners: broadcast::Sender::new(ANNOUNCEMENTS_MAX),
            recent: Mutex::default(),
            alarm: watch::Sender::new(AlarmState::None),
            refusal_counts: RefusalCounts::default(),
        }
    }

    /// Returns a receiver of every announcement from now on. A listener that lags loses the oldest ones.
    pub fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.listeners.subscribe()
    }

    /// Returns the last announcements, newest first, at most [`RECENT_MAX`].
    pub fn recent(&self) -> Vec<Announcement> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    /// Returns the number of refused scans of this scanner since the start.
    pub fn refused(&self, scanner: &ScannerName) -> u64 {
        self.refusal_counts.of(scanner)
    }

    /// Announces something to everybody, without waiting for anybody.
    pub fn announce(&self, announcement: Announcement) {
        self.refusal_counts.note(&announcement);
        if announcement.what.has_sound() {
            self.signal(&announcement);
        }
        if announcement.what.is_listed() {
            self.list(announcement.clone());
        }
        // A station without a terminal or a page has no listeners; that is no failure.
        let _sent = self.listeners.send(announcement);
    }

    /// Lists announcements from before the start without announcing them again.
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

    /// Records that a person has seen the alarm, so that it is not repeated.
    pub fn calm(&self) {
        self.alarm.send_replace(AlarmState::None);
        self.outputs.iter().for_each(|output| output.send(Order::AlarmSeen));
    }

    /// Announces that the alarms have changed, to everybody that shows them.
    pub fn alarms_changed(&self) {
        self.announce(Announcement { scanner: None, signal: Signal::Control, what: What::AlarmsChanged });
    }

    /// Repeats an alarm at this interval until a person has seen it.
    pub async fn repeat_alarm(&self, every: Duration) -> Infallible {
        let mut alarm = self.alarm.subscribe();
        loop {
            let standing = *alarm.borrow_and_update();
            match standing {
                // `self` holds the sender, so the channel cannot close.
                AlarmState::None => drop(alarm.changed().await),
                // A change starts a new wait: the alarm was just given, or a person has seen it.
                AlarmState::Standing => {
                    if timeout(every, alarm.changed()).await.is_err() {
                        // The outputs get the signal alone: the announcement was sent with the first one.
                        self.outputs.iter().for_each(|output| output.send(Order::Signal(Signal::Person)));
                        self.sound(None, Signal::Person, Occasion::News);
                    }
                }
            }
        }
    }

    fn signal(&self, announcement: &Announcement) {
        let occasion = announcement.what.occasion();
        if !self.outputs.is_empty() {
            let message: Arc<str> = Arc::from(message::json(announcement));
            let order = || Order::Announced(announcement.signal, Arc::clone(&message));
            self.outputs.iter().for_each(|output| output.send(order()));
        }
        self.sound(announcement.scanner.as_ref(), announcement.signal, occasion);
    }

    /// Gives a signal on its scanner, or on all scanners if it has none.
    fn sound(&self, scanner: Option<&ScannerName>, signal: Signal, occasion: Occasion) {
        if signal == Signal::Person {
            self.alarm.send_replace(AlarmState::Standing);
        }
        match scanner {
            Some(scanner) => self.send(scanner, occasion, signal),
            // No scanner waits for it, so it is news even where the announcement would be a verdict.
            None => self.scanners.keys().for_each(|scanner| self.send(scanner, Occasion::News, signal)),
        }
    }

    fn send(&self, scanner: &ScannerName, occasion: Occasion, signal: Signal) {
        let Some(output) = self.scanners.get(scanner) else { return };
        let bytes = output.bytes.get(&signal).cloned().unwrap_or_default();
        // News without bytes is nothing to send; a verdict without bytes still ends the scanner's wait.
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
