//! Tests of the session, in a small language of their own.
//!
//! A script is words. `dock:` names the scanner that reads what follows. `t:200` lets the next frame come 200 ms after
//! the one before instead of a second. `pen`, `cup`, `ink` are goods, `carton` is twelve pens, `twin` is a code of two
//! goods, and any other word is a code nobody knows. `qty:12`, `undo`, `close`, `cancel`, `ok`, `receipt`, `write-off`,
//! `lookup`, `store:92` and `last:12` are control codes, `smudge` is none. `wash` is a kit of two pens from storage 91
//! and half a cup from 92, `set` one of an ink from 93, `soon` a kit that is not known yet and `odd` one that cannot be
//! booked. `noise` is a frame that was cut off. After `lost` the next frame cannot be stored. `tick`, `end`,
//! `reconfigured` and `restart` are events of these names.

use super::*;
use crate::domain::code::barcode::Key;
use crate::domain::ids::{ScanId, StorageId};
use crate::domain::stock::good::{Good, Packed};
use crate::domain::stock::kit::KitScan;
use crate::domain::stock::kit::{Kit, Part};
use crate::domain::stock::mode::Kind;
use crate::domain::stock::quantity::Money;

mod conventions;
mod documents;
mod frames;
mod kits;
mod model;
mod storages;

/// The time between two frames, unless a script gives another one.
const BETWEEN_FRAMES_MS: i64 = 1000;

/// The store's record of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Document {
    place: Place,
    state: String,
    lines: Vec<(String, Quantity)>,
}

impl Document {
    fn units(&self) -> Quantity {
        self.lines.iter().map(|(_, quantity)| *quantity).sum()
    }
}

/// A session with a plain store behind it.
struct Player {
    session: Session,
    commanded: Commanded,
    scanner: ScannerName,
    now: BootMillis,
    wait_ms: i64,
    is_lost: bool,
    scans: i64,
    documents: Vec<Document>,
    /// The results, one for each frame or event.
    told: Vec<String>,
    signals: Vec<&'static str>,
    outcomes: Vec<Outcome>,
    undone: Quantity,
    amended: Quantity,
    /// The product scans, as the journal has them.
    journal: Vec<Row>,
    dropped: Vec<u16>,
}

/// A product scan that was booked or parked.
#[derive(Debug)]
struct Row {
    scanner: ScannerName,
    last: LastScan,
    is_undone: bool,
}

/// Returns rules in which `dock` and `till` have neither mode nor storage of their own, `yard` always has storage 92,
/// `gate` always writes off from 91, `view` only looks up, and `hall` always books in. A code may command 91, 92 and
/// 94.
fn rules() -> Rules {
    let binding = |mode, storage: Option<i64>| ScannerBinding { mode, storage: storage.map(StorageId) };
    let bindings = [
        ("dock", binding(None, None)),
        ("till", binding(None, None)),
        ("yard", binding(None, Some(92))),
        ("gate", binding(Some(Mode::WriteOff), Some(91))),
        ("view", binding(Some(Mode::Lookup), Some(91))),
        ("hall", binding(Some(Mode::Receipt), None)),
    ];
    Rules {
        mode: Mode::Receipt,
        storage: StorageId(91),
        storages: [91, 92, 94].map(StorageId).into(),
        idle_close_ms: Some(600_000),
        lines_max: 3,
        repeat_guard_ms: 300,
        quantity_expires_ms: None,
        mode_reverts_ms: None,
        gs1_counts: false,
        bindings: bindings.into_iter().map(|(name, binding)| (ScannerName::new(name), binding)).collect(),
        conventions: Conventions { kits: KitScan::All, ..Conventions::default() },
    }
}

/// Plays a script, and returns the result of each frame and event: the outcome, and in brackets what the store wrote.
fn play(script: &str) -> String {
    play_with(rules(), script)
}

fn play_with(rules: Rules, script: &str) -> String {
    Player::new(rules).play(script).told.join("; ")
}

/// Returns the signals with which a script was answered.
fn signals(script: &str) -> String {
    Player::new(rules()).play(script).signals.join(" ")
}

/// Returns the documents that a script leaves behind.
fn documents(script: &str) -> String {
    documents_with(rules(), script)
}

fn documents_with(rules: Rules, script: &str) -> String {
    let player = Player::new(rules).play(script);
    let tell = |(number, document): (usize, &Document)| {
        let lines = document.lines.iter().map(|(good, quantity)| format!(" {quantity} {good}"));
        let lines: String = lines.collect();
        format!("#{} {} {}:{lines}", number + 1, place(document.place), document.state)
    };
    player.documents.iter().enumerate().map(tell).collect::<Vec<_>>().join("; ")
}

fn place(place: Place) -> String {
    format!("{}@{}", place.kind, place.storage)
}

impl Player {
    fn new(rules: Rules) -> Self {
        Self {
            session: Session::new(rules, Commanded::default(), BTreeMap::new()),
            commanded: Commanded::default(),
            scanner: ScannerName::new("dock"),
            now: BootMillis(0),
            wait_ms: BETWEEN_FRAMES_MS,
            is_lost: false,
            scans: 0,
            documents: Vec::new(),
            told: Vec::new(),
            signals: Vec::new(),
            outcomes: Vec::new(),
            undone: Quantity::ZERO,
            amended: Quantity::ZERO,
            journal: Vec::new(),
            dropped: Vec::new(),
        }
    }

    fn play(mut self, script: &str) -> Self {
        for word in script.split(' ').filter(|word| !word.is_empty()) {
            self.word(word);
        }
        self
    }

    fn word(&mut self, word: &str) {
        if let Some(wait_ms) = word.strip_prefix("t:") {
            self.wait_ms = wait_ms.parse().unwrap();
        } else if let Some(scanner) = word.strip_suffix(':') {
            self.scanner = ScannerName::new(scanner);
        } else if word == "lost" {
            self.is_lost = true;
        } else if let Some(changes) = self.event(word) {
            let told = self.write(&changes, &mut Vec::new());
            self.session.settle_closed(&changes);
            self.told.push(format!("{word}{told}"));
        } else if word == "restart" {
            let open = self.session.open.clone();
            let commanded = Commanded { last_scan: self.session.last_scan, ..self.commanded };
            self.session = Session::new(self.session.rules.clone(), commanded, open);
        } else {
            self.frame(&frame(word));
        }
    }

    /// Returns the changes of an event that comes without a frame; `None` for any other word.
    fn event(&mut self, word: &str) -> Option<Vec<Change>> {
        match word {
            "tick" => {
                self.now = self.now.plus_ms(self.wait_ms);
                self.wait_ms = BETWEEN_FRAMES_MS;
                for (scanner, quantity) in self.session.lapse(self.now) {
                    self.told.push(format!("{scanner} lapsed {quantity}"));
                }
                let mut changes = self.session.idle(self.now);
                changes.extend(self.session.reverts(self.now));
                Some(changes)
            }
            "end" => Some(self.session.close_all(CloseReason::EndOfInput)),
            "reconfigured" => Some(self.session.close_all(CloseReason::Unreachable)),
            _ => None,
        }
    }

    fn frame(&mut self, frame: &Frame) {
        self.now = self.now.plus_ms(self.wait_ms);
        self.wait_ms = BETWEEN_FRAMES_MS;
        let scanner = self.scanner.clone();
        for (scanner, quantity) in self.session.lapse(self.now) {
            self.told.push(format!("{scanner} lapsed {quantity}"));
        }
        let heard = self.session.hear(&scanner, frame, self.now);
        let answer = match &heard {
            Heard::Product(barcode) => resolve(barcode).into(),
            Heard::Kit(card) => kit(*card).into(),
            _ => Answer::Last(self.last_product(&scanner)),
        };
        let decision = self.session.decide(&scanner, &heard, answer);
        if self.is_lost {
            self.is_lost = false;
            self.told.push("lost".to_owned());
            return;
        }
        self.scans += 1;
        let mut opened = Vec::new();
        let told = self.write(&decision.changes, &mut opened);
        self.told.push(format!("{}{told}", tell(&decision.outcome)));
        self.signals.push(decision.signal.as_str());
        self.outcomes.push(decision.outcome.clone());
        self.dropped.extend(decision.dropped);
        self.keep(&scanner, &decision);
        let done = Committed { decision: &decision, scan: ScanId(self.scans), opened: &opened };
        self.session.settle(&scanner, frame, self.now, &done);
    }

    fn last_product(&self, scanner: &ScannerName) -> Option<LastScan> {
        let of_scanner = |row: &&Row| row.scanner == *scanner && !row.is_undone;
        self.journal.iter().rfind(of_scanner).map(|row| row.last.clone())
    }

    fn keep(&mut self, scanner: &ScannerName, decision: &Decision) {
        let became = match &decision.outcome {
            Outcome::Booked { .. } => {
                let times = Some(decision.times);
                Became::Booked { times, title: String::new(), unit: String::new() }
            }
            Outcome::Unknown { quantity, .. } => Became::Parked { quantity: *quantity },
            _ => return,
        };
        let last = LastScan { scan: ScanId(self.scans), code: String::new(), became };
        self.journal.push(Row { scanner: scanner.clone(), last, is_undone: false });
    }

    fn row(&mut self, scan: ScanId) -> &mut Row {
        let row = self.journal.iter_mut().find(|row| row.last.scan == scan).unwrap();
        assert!(!row.is_undone, "{scan:?} is taken back twice");
        row
    }

    fn write(&mut self, changes: &[Change], opened: &mut Vec<(Place, OperationId)>) -> String {
        let told: Vec<String> = changes.iter().map(|change| self.write_one(change, opened)).collect();
        if told.is_empty() { String::new() } else { format!(" [{}]", told.join(", ")) }
    }

    fn write_one(&mut self, change: &Change, opened: &mut Vec<(Place, OperationId)>) -> String {
        match change {
            Change::SetMode(mode) => {
                self.commanded.mode = Some(*mode);
                format!("mode {mode}")
            }
            Change::SetStorage(storage) => {
                self.commanded.storage = Some(*storage);
                format!("storage {storage}")
            }
            Change::Book(booking) => self.book(booking, opened),
            Change::BookKit(bookings) => {
                let told: Vec<String> = bookings.iter().map(|booking| self.book(booking, opened)).collect();
                told.join(", ")
            }
            Change::CloseBooked { place } => {
                let at = self.documents.iter().rposition(|held| held.place == *place && held.state == "open");
                self.end(OperationId(i64::try_from(at.unwrap()).unwrap() + 1), "closed at its limit")
            }
            Change::Close { operation, reason, .. } => self.end(*operation, reason.as_str()),
            Change::Cancel { operation, .. } => self.end(*operation, "cancelled"),
            Change::Revert => {
                self.commanded = Commanded::default();
                "as configured".to_owned()
            }
            Change::UndoParked { scan } => {
                self.row(*scan).is_undone = true;
                "-parked".to_owned()
            }
            Change::Amend { scan, times: now, amended } => {
                let Became::Booked { times, .. } = &mut self.row(*scan).last.became else {
                    panic!("{scan:?} is parked")
                };
                *times = Some(*now);
                let told: Vec<String> =
                    amended.iter().map(|(taken, quantity)| self.amend(taken, *quantity)).collect();
                told.join(", ")
            }
            Change::Undo { scan, taken } => {
                self.row(*scan).is_undone = true;
                let told: Vec<String> = taken.iter().map(|taken| self.take_out(taken)).collect();
                told.join(", ")
            }
        }
    }

    fn take_out(&mut self, taken: &Taken) -> String {
        let good = title(taken.good);
        self.undone = self.undone.checked_add(taken.quantity).unwrap();
        let document = self.document(taken.operation);
        assert_eq!(document.place, taken.place);
        let line = document.lines.iter_mut().find(|(held, _)| held == good).unwrap();
        line.1 = line.1.checked_sub(taken.quantity).unwrap();
        document.lines.retain(|(_, quantity)| *quantity > Quantity::ZERO);
        format!("#{} -{} {good}", taken.operation, taken.quantity)
    }

    fn amend(&mut self, taken: &Taken, quantity: Quantity) -> String {
        let good = title(taken.good);
        self.amended = self.amended.checked_add(quantity).unwrap().checked_sub(taken.quantity).unwrap();
        let document = self.document(taken.operation);
        let line = document.lines.iter_mut().find(|(held, _)| held == good).unwrap();
        line.1 = line.1.checked_sub(taken.quantity).unwrap().checked_add(quantity).unwrap();
        format!("#{} {}->{quantity} {good}", taken.operation, taken.quantity)
    }

    fn book(&mut self, booking: &Booking, opened: &mut Vec<(Place, OperationId)>) -> String {
        let of_frame = opened.iter().find(|(place, _)| *place == booking.place).map(|(_, id)| *id);
        let operation = booking.operation.or(of_frame).unwrap_or_else(|| {
            let (place, state) = (booking.place, "open".to_owned());
            self.documents.push(Document { place, state, lines: Vec::new() });
            let operation = OperationId(i64::try_from(self.documents.len()).unwrap());
            opened.push((place, operation));
            operation
        });
        let document = self.document(operation);
        assert_eq!(document.place, booking.place);
        match document.lines.iter_mut().find(|(good, _)| *good == booking.good.title) {
            Some((_, quantity)) => *quantity = quantity.checked_add(booking.quantity).unwrap(),
            None => document.lines.push((booking.good.title.clone(), booking.quantity)),
        }
        format!("#{operation} +{} {}", booking.quantity, booking.good.title)
    }

    fn end(&mut self, operation: OperationId, state: &str) -> String {
        state.clone_into(&mut self.document(operation).state);
        format!("#{operation} {state}")
    }

    /// Returns the document of an operation that is written to. It must be open: a closed one never changes.
    fn document(&mut self, operation: OperationId) -> &mut Document {
        let at = usize::try_from(operation.0 - 1).unwrap();
        assert_eq!(self.documents[at].state, "open", "#{operation}");
        &mut self.documents[at]
    }
}

fn tell(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Booked { place: at, quantity } => format!("booked {quantity} {}", place(*at)),
        Outcome::Unknown { place: at, quantity } => format!("parked {quantity} {}", place(*at)),
        Outcome::Refused(reason) => format!("refused {reason}"),
        Outcome::Control(control) => format!("control {}", control.name()),
        Outcome::Lookup(Resolution::Found(good)) => format!("lookup {}", good.title),
        Outcome::Lookup(Resolution::Pack(packed)) => {
            format!("lookup {} {}", packed.factor, packed.good.title)
        }
        Outcome::Lookup(Resolution::Unknown) => "lookup unknown".to_owned(),
        Outcome::Lookup(Resolution::Ambiguous) => "lookup ambiguous".to_owned(),
        Outcome::Lookup(Resolution::Kit(kit)) => format!("lookup {}", kit.title),
        Outcome::Lookup(Resolution::Unusable) => "lookup unusable".to_owned(),
    }
}

fn frame(word: &str) -> Frame {
    let control = match word {
        "receipt" => Some(Control::Mode(Mode::Receipt)),
        "write-off" => Some(Control::Mode(Mode::WriteOff)),
        "lookup" => Some(Control::Mode(Mode::Lookup)),
        "undo" => Some(Control::Undo),
        "close" => Some(Control::Close),
        "cancel" => Some(Control::Cancel),
        "ok" => Some(Control::Ok),
        _ => numbered(word),
    };
    let text = match word {
        "smudge" => "$SP.UNDO.X".to_owned(),
        "wash" => kit_code(CardId(1)),
        "set" => kit_code(CardId(2)),
        "odd" => kit_code(CardId(3)),
        "soon" => kit_code(CardId(4)),
        _ => control.map_or_else(|| word.to_owned(), |control| control.code()),
    };
    let verdict = if word == "noise" { Err(Refusal::Unfinished) } else { Ok(text.clone()) };
    Frame { raw: text.into_bytes(), verdict }
}

fn numbered(word: &str) -> Option<Control> {
    let (command, number) = word.split_once(':')?;
    match command {
        "qty" => Some(Control::Quantity(number.parse().unwrap())),
        "last" => Some(Control::Last(number.parse().unwrap())),
        "store" => Some(Control::Storage(StorageId(number.parse().unwrap()))),
        _ => None,
    }
}

const GOODS: [&str; 3] = ["pen", "cup", "ink"];

fn title(good: GoodId) -> &'static str {
    GOODS[usize::try_from(good.0 - 1).unwrap()]
}

/// Returns the resolution of a code in the goods table: three goods by their names, each sold for 2.50; the pen has a
/// GTIN as well, and the cup is weighed.
fn resolve(barcode: &Barcode) -> Resolution {
    let keys: Vec<String> = barcode.tiers.iter().flatten().map(Key::encode).collect();
    let has = |key: &str| keys.iter().any(|told| told == key);
    let goods: Vec<Good> = [
        ("tpen", 1),
        ("tcup", 2),
        ("tink", 3),
        ("ttwin", 1),
        ("ttwin", 2),
        ("g04006381333931", 1),
        ("g02112345000008", 2),
    ]
    .into_iter()
    .filter(|(key, _)| has(key))
    .map(|(_, id)| named(GoodId(id)))
    .collect();
    let carton = Packed { good: named(GoodId(1)), factor: 12 };
    if has("tcarton") { carton.resolution() } else { Resolution::of(goods) }
}

fn named(id: GoodId) -> Good {
    Good {
        id,
        title: title(id).to_owned(),
        barcode: String::new(),
        unit: String::new(),
        price: Money::default(),
        sale_price: "2.5".parse().ok(),
        write_off_unit: None,
    }
}

/// Returns the kit of a card: what each takes of which good (1 pen, 2 cup, 3 ink) from which storage, in millionths.
fn kit(card: CardId) -> Resolution {
    let (title, parts) = match card.0 {
        1 => ("wash", vec![(91, 1, 2_000_000), (92, 2, 500_000)]),
        2 => ("set", vec![(93, 3, 1_000_000)]),
        3 => return Resolution::Unusable,
        _ => return Resolution::Unknown,
    };
    let parts = parts.into_iter().map(|(storage, good, quantity)| Part {
        storage: StorageId(storage),
        good: named(GoodId(good)),
        quantity: Quantity::from_millionths(quantity),
    });
    Resolution::Kit(Kit { card, title: title.to_owned(), parts: parts.collect() })
}
