//! The worker for scans: it takes a frame, stores the decision on the disk, and only then announces the verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Error;
use super::heartbeat::Heartbeat;
use super::labels::{Doubt, Labels};
use super::refusals::Refusals;
use super::words;
use crate::clock::Clock;
use crate::domain::clock_trust::ClockTrust;
use crate::domain::code::control::Control;
use crate::domain::decode::framing::Frame;
use crate::domain::decode::secret::redacted;
use crate::domain::ids::ScannerName;
use crate::domain::printable::printable_bytes;
use crate::domain::session::advice::Advice;
use crate::domain::session::{Answer, Change, Committed, Decision, Heard, Outcome, Reason, Session};
use crate::domain::signal::Signal;
use crate::domain::stock::good::{Good, Packed};
use crate::domain::stock::operation::CloseReason;
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::{BootMillis, Moment, UnixMillis};
use crate::feedback::{Announcement, Feedback, What};
use crate::meter::Commits;
use crate::status::Location;
use crate::store::{self, Db, NewScan, Store};

/// The interval between two checks for idle documents, which also maintain the database.
const TICK: Duration = Duration::from_secs(1);

/// The longest time for one scan, or for one check for idle documents: the housekeeping of a memory card may delay a
/// commit by seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// The input of the worker.
#[derive(Debug)]
pub enum Input {
    /// A frame of a scanner, and the time at which its last byte was read.
    Frame {
        /// The scanner.
        scanner: ScannerName,
        /// The frame.
        frame: Frame,
        /// Time since boot.
        boot: BootMillis,
        /// The wall clock.
        wall: UnixMillis,
    },
    /// A scanner's input has ended: no more frames come from it.
    Ended(ScannerName),
    /// The agent stops. Earlier input is still processed, and open documents stay open.
    Stop,
}

/// The worker.
#[derive(Debug)]
pub struct Scans {
    /// The store.
    pub store: Store,
    /// The receiver of verdicts.
    pub feedback: Arc<Feedback>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The present trust in the wall clock.
    pub clock_trust: watch::Receiver<ClockTrust>,
    /// Notified when a document is ready for delivery.
    pub wake: Arc<tokio::sync::Notify>,
    /// Receives the present advice about each scanner.
    pub advice: watch::Sender<BTreeMap<ScannerName, Advice>>,
    /// Receives the quantity that waits for the next scan of each scanner.
    pub pending: watch::Sender<BTreeMap<ScannerName, u16>>,
    /// The log of refused scans.
    pub refusals: Refusals,
    /// The heartbeat by which the worker shows that it is not stuck.
    pub heartbeat: Arc<Heartbeat>,
    /// The times that scans take to reach the disk.
    pub meter: Commits,
    /// The checks of labels.
    pub labels: Arc<Labels>,
    /// The names of storages.
    pub location: Arc<Location>,
}

/// The result of a frame.
#[derive(Debug)]
pub struct Verdict {
    /// The decision, which is on the disk.
    pub decision: Decision,
    /// The result of a command, in words; `None` if the command's name is enough.
    pub words: Option<String>,
    /// The frame, without a secret that it may have carried.
    frame: Frame,
    heard: Heard,
    found: Found,
    advice: Option<Advice>,
    doubts: Vec<Doubt>,
}

/// The last answer to each scanner.
type LastAnswers = BTreeMap<ScannerName, What>;

/// A frame as it was read.
#[derive(Debug)]
pub struct ReadFrame {
    /// The scanner that read it.
    pub scanner: ScannerName,
    /// The frame.
    pub frame: Frame,
    /// The time.
    pub at: Moment,
}

/// The good or kit that the code of a frame named, as far as it is announced.
#[derive(Debug)]
enum Found {
    Nothing,
    Good(Good),
    Kit { title: String, materials: usize },
}

impl Scans {
    /// Processes frames until their channel closes.
    ///
    /// # Errors
    /// [`Error`] if the store has ended or is damaged. A full disk is not an error: each scan is refused meanwhile.
    pub async fn run(self, mut session: Session, mut inputs: mpsc::Receiver<Input>) -> Result<(), Error> {
        let unreachable = session.close_all(CloseReason::Unreachable);
        session = self.close(session, unreachable).await?;
        session = self.revert(session).await?;
        let mut last_answers = LastAnswers::new();
        let mut tick = interval_at(Instant::now() + TICK, TICK);
        // After a long wait one tick is enough: it does everything that the missed ones would have done.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The tick ends every wait, so that the worker reports at least once in that time.
            self.heartbeat.expect_within(PATIENCE, self.clock.as_ref());
            session = tokio::select! {
                input = inputs.recv() => match input {
                    None | Some(Input::Stop) => {
                        self.heartbeat.rest();
                        return Ok(());
                    }
                    Some(Input::Frame { scanner, frame, boot, wall }) => {
                        let trusted = self.clock_trust.borrow().holds_at(wall, boot);
                        let at = Moment { wall, boot, trusted };
                        self.frame(session, ReadFrame { scanner, frame, at }, &mut last_answers).await?
                    }
                    Some(Input::Ended(scanner)) => {
                        let all = session.close_all(CloseReason::EndOfInput);
                        let session = self.close(session, all).await?;
                        self.feedback.announce(Announcement {
                            scanner: Some(scanner),
                            signal: Signal::Control,
                            what: What::Ended,
                        });
                        session
                    }
                },
                _ = tick.tick() => {
                    self.announce_lapsed(session.lapse(self.clock.boot()));
                    self.pending.send_replace(session.pending());
                    let idle = session.idle(self.clock.boot());
                    let session = self.close(session, idle).await?;
                    let session = self.revert(session).await?;
                    // Housekeeping that fails on a full disk is tried again at the next tick.
                    self.store.run(Db::do_housekeeping).await?.or_else(only_damage)?;
                    session
                }
            };
        }
    }

    /// Processes one frame: stores the decision, then announces the verdict.
    async fn frame(
        &self,
        session: Session,
        read: ReadFrame,
        last_answers: &mut LastAnswers,
    ) -> Result<Session, Error> {
        let (begun, scanner) = (Instant::now(), read.scanner.clone());
        let mut session = session;
        // Before the scan: what has lapsed has lapsed, whether this scan can be stored or not.
        self.announce_lapsed(session.lapse(read.at.boot));
        // One trip to the store's thread does all of it: no other write comes between the lookup and the decision.
        let labels = Arc::clone(&self.labels);
        let trip = self.store.run(move |db| {
            let mut session = session;
            let verdict = take_in(db, &labels, &mut session, read);
            (session, verdict)
        });
        let (session, verdict) = trip.await?;
        match verdict {
            Ok(verdict) => {
                self.meter.note(begun.elapsed());
                if verdict.decision.changes.iter().any(closes) {
                    self.wake.notify_one();
                }
                // A repeat books nothing, and is announced with the answer to the first scan.
                let what = match (&verdict.decision.outcome, last_answers.get(&scanner)) {
                    (Outcome::Refused(Reason::Repeat), Some(first)) => What::Repeat(Box::new(first.clone())),
                    _ => self.answer(&verdict, &session, &scanner),
                };
                for doubt in &verdict.doubts {
                    tracing::warn!(%scanner, "a label: {doubt}");
                }
                tracing::debug!(%scanner, outcome = verdict.decision.outcome.as_str(), "scan");
                if let What::Refused { reason, code, .. } = &what {
                    self.refusals.log(&scanner, *reason, code);
                }
                self.advice.send_replace(session.advice());
                self.pending.send_replace(session.pending());
                // A bad frame was no scan, and a repeat already has the answer.
                if verdict.frame.verdict.is_ok() && !matches!(what, What::Repeat(_)) {
                    last_answers.insert(scanner.clone(), what.clone());
                }
                self.feedback.announce(Announcement {
                    scanner: Some(scanner.clone()),
                    signal: verdict.decision.signal,
                    what,
                });
                if let Some(advice) = verdict.advice {
                    self.advise(scanner, advice);
                }
                if verdict.decision.outcome == Outcome::Control(Control::Ok) {
                    self.store.run(Db::acknowledge_alarms).await?.or_else(only_damage)?;
                    self.feedback.calm();
                    self.feedback.alarms_changed();
                }
            }
            Err(error) => {
                tracing::error!(%scanner, error = &error as &dyn std::error::Error, "a scan was not stored");
                self.feedback.announce(Announcement {
                    scanner: Some(scanner),
                    signal: Signal::Refused,
                    what: What::NotStored,
                });
                only_damage(error)?;
            }
        }
        Ok(session)
    }

    /// Logs and announces advice about a scanner.
    fn advise(&self, scanner: ScannerName, advice: Advice) {
        tracing::warn!(%scanner, "{advice}; {}", Advice::CURE);
        let what = What::Advice { scanner, advice };
        self.feedback.announce(Announcement { scanner: None, signal: Signal::Control, what });
    }

    /// Announces that quantities have lapsed, each at the scanner that read it.
    fn announce_lapsed(&self, lapsed: Vec<(ScannerName, u16)>) {
        for (scanner, quantity) in lapsed {
            self.feedback.announce(Announcement {
                scanner: Some(scanner),
                signal: Signal::Refused,
                what: What::Lapsed { quantity },
            });
        }
    }

    /// Sets mode and storage back to the configured ones when their time is over. The change is shown without a sound,
    /// because no scan has caused it.
    async fn revert(&self, session: Session) -> Result<Session, Error> {
        let changes = session.reverts(self.clock.boot());
        if changes.is_empty() {
            return Ok(session);
        }
        let before = (session.mode(), session.storage());
        let session = self.close(session, changes).await?;
        let after = (session.mode(), session.storage());
        if before != after {
            let (mode, storage) = after;
            tracing::info!(%mode, %storage, "mode and storage are the configured ones again");
            let what = What::Reverted { mode, storage: self.location.storage(storage) };
            self.feedback.announce(Announcement { scanner: None, signal: Signal::Control, what });
        }
        Ok(session)
    }

    /// Stores the closing of documents, then notes it in the session and wakes the delivery.
    async fn close(&self, mut session: Session, changes: Vec<Change>) -> Result<Session, Error> {
        if changes.is_empty() {
            return Ok(session);
        }
        let now = self.clock.wall();
        let closing = changes.clone();
        match self.store.run(move |db| db.close_operations(&closing, now)).await? {
            Ok(()) => {
                session.settle_closed(&changes);
                self.wake.notify_one();
            }
            // The documents stay open; the next tick tries again.
            Err(error) => only_damage(error)?,
        }
        Ok(session)
    }
}

/// Returns the error if it means damage, and logs any other: a full disk or a busy file recovers, a damaged one does
/// not.
fn only_damage(error: store::Error) -> Result<(), store::Error> {
    if error.is_damage() {
        return Err(error);
    }
    tracing::error!(error = &error as &dyn std::error::Error, "the store did not take a change");
    Ok(())
}

/// Returns true if a change makes a document ready for delivery.
fn closes(change: &Change) -> bool {
    matches!(change, Change::Close { .. } | Change::CloseBooked { .. })
}

/// Processes one frame: the decision is on the disk when this returns. A secret in the frame is removed first, so that
/// no later step can store, show or log it.
///
/// The caller lets quantities lapse before ([`Session::lapse`]): that is announced even if this frame cannot be stored.
///
/// # Errors
/// Any error of the store. The decision then has no effect on the session or the store.
pub fn take_in(
    db: &mut Db,
    labels: &Labels,
    session: &mut Session,
    read: ReadFrame,
) -> Result<Verdict, store::Error> {
    let ReadFrame { scanner, frame, at } = read;
    let scanner = &scanner;
    let frame = redacted(frame, session.frame_before(scanner));
    let heard = session.hear(scanner, &frame, at.boot);
    let (answer, last) = match &heard {
        Heard::Control(Control::Undo | Control::Last(_)) => {
            let last = db.last_product_of(scanner)?;
            (Answer::Last(last.clone()), last)
        }
        _ => (resolve(db, &heard).into(), None),
    };
    let found = Found::of(&answer);
    let decision = session.decide(scanner, &heard, answer);
    let (decision, doubts) = labels.heed(db, &heard, decision, at);
    // The words compare with the session before the decision, so they are made before it is settled.
    let words = words::of(session, &decision, last.as_ref());
    let scan = NewScan {
        scanner,
        raw: &frame.raw,
        at,
        meaning: &heard,
        decision: &decision,
        words: words.as_deref(),
    };
    // The session changes only after the commit: a scan that was not stored did not happen.
    let (id, opened) = db.record(&scan)?;
    let done = Committed { decision: &decision, scan: id, opened: &opened };
    let advice = session.settle(scanner, &frame, at.boot, &done);
    Ok(Verdict { decision, words, frame, heard, found, advice, doubts })
}

/// Looks up the good or kit that a frame names. If the goods table cannot be read, the code counts as unknown: the scan
/// is parked, and booked when the table is whole.
fn resolve(db: &Db, heard: &Heard) -> Resolution {
    let resolution = match heard {
        Heard::Product(barcode) => db.resolve(barcode),
        Heard::Kit(card) => db.kit(*card),
        Heard::Repeat | Heard::Bad(_) | Heard::Control(_) | Heard::MalformedControl | Heard::AddOn => {
            Ok(Resolution::Unknown)
        }
    };
    resolution.unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the goods table cannot be read");
        Resolution::Unknown
    })
}

impl Found {
    fn of(answer: &Answer) -> Self {
        let Answer::Resolution(resolution) = answer else { return Self::Nothing };
        match resolution {
            Resolution::Found(good) | Resolution::Pack(Packed { good, .. }) => Self::Good(good.clone()),
            Resolution::Kit(kit) => Self::Kit { title: kit.title.clone(), materials: kit.parts.len() },
            Resolution::Unknown | Resolution::Ambiguous | Resolution::Unusable => Self::Nothing,
        }
    }
}

impl Scans {
    /// Returns the announcement of a verdict.
    fn answer(&self, verdict: &Verdict, session: &Session, scanner: &ScannerName) -> What {
        let code = verdict.heard.code().unwrap_or_else(|| printable_bytes(&verdict.frame.raw).to_string());
        let mode = session.mode_of(scanner);
        let words = || verdict.words.clone().unwrap_or_default();
        match (&verdict.decision.outcome, &verdict.found) {
            (Outcome::Booked { quantity, .. }, Found::Kit { title, materials }) => {
                What::BookedKit { mode, title: title.clone(), materials: *materials, quantity: *quantity }
            }
            (Outcome::Booked { quantity, .. }, Found::Good(good)) => What::Booked {
                mode,
                good: good.clone(),
                quantity: *quantity,
                doubts: verdict.doubts.iter().map(Doubt::to_string).collect(),
                in_document: session.operation_of(scanner).and_then(|open| open.lines.get(&good.id).copied()),
            },
            (Outcome::Booked { quantity, .. } | Outcome::Unknown { quantity, .. }, _) => {
                What::Parked { code, quantity: *quantity }
            }
            (Outcome::Refused(reason), _) => What::Refused { reason: *reason, code, words: words() },
            (Outcome::Control(control), _) => {
                What::Control { name: self.name_of(*control), mode, words: words() }
            }
            (Outcome::Lookup(_), Found::Kit { title, .. }) => What::LookupKit { code, title: title.clone() },
            (Outcome::Lookup(_), Found::Good(good)) => What::Lookup { code, good: Some(good.clone()) },
            (Outcome::Lookup(_), Found::Nothing) => What::Lookup { code, good: None },
        }
    }

    /// Returns the name of a command, with the name of the storage that it chooses.
    fn name_of(&self, control: Control) -> String {
        let storage =
            if let Control::Storage(storage) = control { self.location.name(storage) } else { None };
        storage.map_or_else(|| control.name(), |storage| format!("{} {storage}", control.name()))
    }
}
