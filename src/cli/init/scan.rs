//! `stockpoint init --scan`: the wait for a set-up code on all scanners that are plugged in.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::InitArgs;
use super::person::DefaultAnswer;
use super::person::Person;
use crate::cli::Error;
use crate::cli::read_error;
use crate::cli::say;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config::Line;
use crate::config::Place;
use crate::config::Protocol;
use crate::device::Device;
use crate::device::FrameSender;
use crate::device::FromScanner;
use crate::device::PortFault;
use crate::device::PortState;
use crate::device::SCAN_QUEUE_MAX;
use crate::device::discover::ports::Roots;
use crate::device::evdev::Recorder;
use crate::device::hidpos;
use crate::device::hidpos::PosScanner;
use crate::device::serial;
use crate::device::serial::SerialPort;
use crate::device::stdin;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::ids::ScannerName;
use crate::domain::printable::printable;
use crate::setup;
use crate::setup::Bundle;
use crate::setup::DetectedCode;
use crate::setup::Reach;
use crate::setup::SetupCode;
use crate::setup::SetupCodeDetector;
use crate::setup::scanners;
use crate::setup::scanners::FoundScanner;
use crate::setup::scanners::ReadBy;

/// The time between two checks for new devices.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The framing of a code. A code is longer than any barcode; a slow line takes half a second for it. A person scans
/// right after plugging a scanner in, and the tail of a code has no correct check, so that no frame is refused for
/// coming too early.
const CODE: Framing = Framing::unguarded(Duration::from_secs(2));
/// The framing of a code in reports, which follow each other within milliseconds.
const POS_CODE: Framing = Framing::unguarded(Duration::from_millis(200));
/// The time until a thread that reads keys notices that the wait is over.
const KEYS_PATIENCE: Duration = Duration::from_millis(250);
/// The name of the scanner that reads the standard input.
const STANDARD_INPUT: &str = "-";

/// A code, and the device that read it.
struct Scanned {
    code: SetupCode,
    /// The layouts in which it was typed; empty if it was not typed.
    layouts: Vec<LayoutName>,
    /// The device; `None`: the standard input.
    node: Option<PathBuf>,
}

/// A message of a thread that reads keys.
enum FromKeys {
    Detected(PathBuf, DetectedCode),
    Gone(PathBuf),
}

/// Waits for a code, fetches the bundle that it opens, and adds the scanners found. Returns `None` if a person at the
/// terminal does not agree that this machine joins the code's network.
pub(super) async fn bundle(
    out: &mut impl Write,
    args: &InitArgs,
    device: Option<&Path>,
) -> Result<Option<Bundle>, Error> {
    let scanned = Listeners::new().scanned(out, device).await?;
    let code = &scanned.code;
    say(out, &format!("a set-up code for {}, location {}\n", code.name, code.location_id))?;
    if let Some(wifi) = &code.wifi {
        let ssid = printable(&wifi.ssid).to_string();
        let question = format!("join the wireless network {ssid}");
        if !Person::new(out, args.questions()).agrees(&question, DefaultAnswer::Yes)? {
            return Ok(None);
        }
        say(out, &format!("joining the network {ssid}\n"))?;
        setup::join(wifi)?;
    }
    // A code that anybody can print must not make this machine call an address outside.
    let reach = if args.code.allow_public_address { Reach::Anywhere } else { Reach::PrivateNetworks };
    let bundle = match (&args.code.sealed_file, code.address) {
        (Some(file), _) => code.open(fs::read(file).map_err(read_error(file))?)?,
        (None, Some(address)) => {
            say(out, &format!("asking {address} for the rest\n"))?;
            setup::fetch(code, address, reach).await?
        }
        (None, None) => {
            return Err(Error::usage("--sealed-file is required: this code opens one")
                .hint("pass the file that was made with the code"));
        }
    };
    let bundle = bundle.with_scanners(&entries(out, args, &scanned)?).map_err(setup::Error::from)?;
    Ok(Some(bundle))
}

/// The readers of the devices.
struct Listeners {
    clock: Arc<dyn Clock>,
    frame_sender: FrameSender,
    frames: mpsc::Receiver<FromScanner>,
    key_sender: mpsc::Sender<FromKeys>,
    keys: mpsc::Receiver<FromKeys>,
    /// The serial ports and the standard input: dropping a device stops it.
    devices: Vec<Device>,
    listened: BTreeSet<PathBuf>,
    /// The keyboards that could not be opened at the last check, and the reasons.
    refused: BTreeMap<PathBuf, PortFault>,
}

impl Listeners {
    fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (queue, frames) = mpsc::channel(SCAN_QUEUE_MAX);
        let (key_sender, keys) = mpsc::channel(SCAN_QUEUE_MAX);
        let frame_sender = FrameSender { clock: Arc::clone(&clock), queue };
        let (devices, listened, refused) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Self { clock, frame_sender, frames, key_sender, keys, devices, listened, refused }
    }

    /// Waits for a code, on `device` or on all devices that look like a scanner, plugged in now or later.
    async fn scanned(mut self, out: &mut impl Write, device: Option<&Path>) -> Result<Scanned, Error> {
        if device == Some(Path::new(STANDARD_INPUT)) {
            let name = ScannerName::new(STANDARD_INPUT);
            let input =
                stdin::start(name, CODE, io::stdin(), self.frame_sender.clone()).map_err(cannot_listen)?;
            self.devices.push(input);
        } else {
            say(out, "waiting for a set-up code; Ctrl-C ends\n")?;
        }
        loop {
            if device != Some(Path::new(STANDARD_INPUT)) {
                self.listen_to_new(out, device)?;
            }
            let scanned = tokio::select! {
                Some(message) = self.frames.recv() => in_frame(out, message)?,
                Some(message) = self.keys.recv() => self.typed(message),
                () = sleep(LOOK_EVERY) => None,
            };
            if let Some(scanned) = scanned {
                return Ok(scanned);
            }
        }
    }

    /// Starts to read devices that are new.
    fn listen_to_new(&mut self, out: &mut impl Write, device: Option<&Path>) -> Result<(), Error> {
        let there = match device {
            Some(device) => vec![scanners::at(device, LayoutName::US)?],
            None => scanners::found(LayoutName::US)?
                .into_iter()
                .filter(|found| found.looks_like_scanner)
                .collect(),
        };
        for found in there {
            // Devices are checked every second; each is opened once.
            if self.listened.contains(&found.node) {
                continue;
            }
            match found.way {
                ReadBy::Serial => self.listen_to_port(&found)?,
                ReadBy::Pos => self.listen_to_pos(&found)?,
                ReadBy::Keys => match Recorder::open(&found.node) {
                    Ok(recorder) => self.listen_to_keys(&found, recorder)?,
                    // The agent or another program may have it; the others are still read.
                    Err(why) => {
                        self.refused(out, found.node, why)?;
                        continue;
                    }
                },
            }
            self.refused.remove(&found.node);
            self.listened.insert(found.node);
            say(out, &format!("  listening to {}\n", printable(&found.title)))?;
        }
        Ok(())
    }

    /// Notes a keyboard that cannot be read now. It is tried again at the next check, and reported again if the reason
    /// changes.
    fn refused(&mut self, out: &mut impl Write, node: PathBuf, why: PortFault) -> Result<(), Error> {
        let said = format!("  {}: {why}; {}\n", node.display(), why.cure());
        if self.refused.insert(node, why) == Some(why) { Ok(()) } else { say(out, &said) }
    }

    /// Starts to read a serial port.
    fn listen_to_port(&mut self, found: &FoundScanner) -> Result<(), Error> {
        let name = ScannerName::new(found.node.to_string_lossy());
        let port = SerialPort {
            name,
            at: Place::Path(found.node.clone()),
            line: Line::default(),
            protocol: Protocol::None,
            framing: CODE,
        };
        let started = serial::start(port, Roots::default(), self.frame_sender.clone());
        let (device, _signals) = started.map_err(cannot_listen)?;
        self.devices.push(device);
        Ok(())
    }

    /// Starts to read a HID-POS scanner.
    fn listen_to_pos(&mut self, found: &FoundScanner) -> Result<(), Error> {
        let name = ScannerName::new(found.node.to_string_lossy());
        let scanner = PosScanner { name, at: Place::Path(found.node.clone()), framing: POS_CODE };
        let started = hidpos::start(scanner, Roots::default(), self.frame_sender.clone());
        let (device, _signals) = started.map_err(cannot_listen)?;
        self.devices.push(device);
        Ok(())
    }

    /// Starts a thread that reads keys. It ends when its device is gone or the wait is over.
    fn listen_to_keys(&self, found: &FoundScanner, mut recorder: Recorder) -> Result<(), Error> {
        let (node, sender, clock) = (found.node.clone(), self.key_sender.clone(), Arc::clone(&self.clock));
        let run = move || {
            read_keys(&mut recorder, &node, &sender, clock.as_ref());
            // The device is released first: the next check may open it again at once.
            drop(recorder);
            // The receiver is gone once the wait is over; then the message is not needed.
            let _sent = sender.blocking_send(FromKeys::Gone(node));
        };
        let name = "set-up-keys".to_owned();
        let started = thread::Builder::new().name(name).spawn(run);
        started.map(drop).map_err(|source| Error::io("cannot start a thread", source))
    }

    /// Handles a message of a thread that reads keys.
    fn typed(&mut self, message: FromKeys) -> Option<Scanned> {
        match message {
            FromKeys::Detected(node, DetectedCode { code, layouts }) => {
                Some(Scanned { code, layouts, node: Some(node) })
            }
            FromKeys::Gone(node) => {
                self.listened.remove(&node);
                None
            }
        }
    }
}

/// Parses a frame as a set-up code. Other input is never echoed.
fn in_frame(out: &mut impl Write, message: FromScanner) -> Result<Option<Scanned>, Error> {
    match message {
        FromScanner::Frame { scanner, frame, .. } => {
            let Some(code) = frame.verdict.ok().and_then(|text| SetupCode::read(&text)) else {
                say(out, &format!("  {scanner}: not a set-up code, or not the whole of one\n"))?;
                return Ok(None);
            };
            let node = Some(scanner.as_str()).filter(|name| *name != STANDARD_INPUT).map(PathBuf::from);
            Ok(Some(Scanned { code, layouts: Vec::new(), node }))
        }
        // Only the standard input ends; a device can be plugged in again.
        FromScanner::State { state: PortState::Ended, .. } => {
            Err(Error::usage("the input ended without a set-up code"))
        }
        FromScanner::State { scanner, state: PortState::Gone { why } } => {
            say(out, &format!("  {scanner}: {why}; {}\n", why.cure())).map(|()| None)
        }
        FromScanner::State { .. } => Ok(None),
    }
}

/// Reads keys and sends the codes among them, until the device is gone or the wait is over.
fn read_keys(recorder: &mut Recorder, node: &Path, sender: &mpsc::Sender<FromKeys>, clock: &dyn Clock) {
    let mut detector = SetupCodeDetector::new(clock.boot());
    while !sender.is_closed() {
        let Ok(events) = recorder.events_within(Some(KEYS_PATIENCE)) else { return };
        if let Some(heard) = events.into_iter().find_map(|event| detector.take(event)) {
            // The receiver is gone once the wait is over; then the message is not needed.
            let _sent = sender.blocking_send(FromKeys::Detected(node.to_owned(), heard));
        }
    }
}

fn cannot_listen(error: crate::device::Error) -> Error {
    Error::failure(error)
}

/// Returns the entries of all devices that look like a scanner, and always that of the device that read the code.
fn entries(out: &mut impl Write, args: &InitArgs, scanned: &Scanned) -> Result<Vec<String>, Error> {
    let layout = scanned.layouts.first().copied().unwrap_or(args.answers.layout());
    if let [layout, others @ ..] = scanned.layouts.as_slice() {
        let others: Vec<&str> = others.iter().map(|layout| layout.as_str()).collect();
        let alike = if others.is_empty() { String::new() } else { format!(" (or {})", others.join(", ")) };
        say(out, &format!("the scanner is set to the keyboard layout {}{alike}\n", layout.as_str()))?;
    }
    let Some(node) = &scanned.node else { return Ok(scanners::likely_entries(layout)?) };
    // The scanner that read the code comes first, with the layout in which it typed it.
    let read = scanners::at(node, layout)?;
    let others = scanners::found(args.answers.layout())?.into_iter();
    let others = others.filter(|found| found.looks_like_scanner && found.node != read.node);
    let others: Vec<String> = others.map(|found| found.entry).collect();
    Ok([vec![read.entry], others].concat())
}
