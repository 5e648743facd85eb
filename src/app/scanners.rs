//! The configured scanners as a group: starts, watches, answers and stops them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::{self, Config, Protocol, Source};
use crate::device::discover::ports::Roots;
use crate::device::evdev::{self, Keyboard};
use crate::device::hand_over::HandOver;
use crate::device::health::AllHealth;
use crate::device::hidpos::{self, PosScanner};
use crate::device::serial::{self, SerialPort};
use crate::device::{self, Device, FrameSender, FromScanner, SCAN_QUEUE_MAX, SignalSender, stdin};
use crate::domain::ids::ScannerName;
use crate::domain::signal::Signal;
use crate::feedback::{ScannerOutput, protocol};
use crate::work::scans::Input;

/// The senders to the scanners that can be answered (serial and HID POS). Each is added when its thread starts.
type Senders = Arc<Mutex<BTreeMap<ScannerName, SignalSender>>>;

/// The scanners before their start.
#[derive(Debug)]
pub(super) struct Scanners {
    configured: Vec<config::Scanner>,
    senders: Senders,
    health: watch::Sender<AllHealth>,
}

/// The threads of the scanners, and the task that forwards their messages.
#[derive(Debug, Default)]
pub(super) struct Running {
    devices: Vec<Device>,
    relay: JoinSet<()>,
}

impl Scanners {
    pub(super) fn new(config: &Config) -> Self {
        let scanners = config.scanners.iter();
        let health = scanners.map(|scanner| (scanner.name.clone(), scanner.source.kind()));
        Self {
            configured: config.scanners.clone(),
            senders: Senders::default(),
            health: watch::Sender::new(AllHealth::unheard(health)),
        }
    }

    pub(super) fn health(&self) -> watch::Receiver<AllHealth> {
        self.health.subscribe()
    }

    /// Returns the bytes for each signal, for each scanner that can be answered.
    pub(super) fn outputs(&self) -> BTreeMap<ScannerName, ScannerOutput> {
        let mut outputs = BTreeMap::new();
        for scanner in &self.configured {
            let (protocol, signals) = match &scanner.source {
                Source::Serial { serial, .. } => (serial.protocol, &serial.signals),
                Source::HidPos { signals, .. } => (Protocol::None, signals),
                Source::Evdev { .. } | Source::Stdin => continue,
            };
            let bytes = signal_bytes(protocol, signals);
            // A scanner without any bytes is not addressed at all, except one whose protocol waits for a verdict on
            // each frame.
            if bytes.is_empty() && protocol != Protocol::ZebraSsi {
                continue;
            }
            let (senders, name) = (Arc::clone(&self.senders), scanner.name.clone());
            // Looked up at each signal: the sender exists only after the thread has started, which may be later.
            let send = Box::new(move |occasion, bytes| {
                let senders = senders.lock().unwrap_or_else(PoisonError::into_inner);
                senders.get(&name).is_some_and(|sender| sender.send(occasion, bytes).is_ok())
            });
            outputs.insert(scanner.name.clone(), ScannerOutput { bytes, send });
        }
        outputs
    }

    /// Starts a thread for each scanner; their messages go to `inputs`. A scanner of kind `stdin` reads `input`, or the
    /// standard input if `input` is `None`.
    pub(super) fn start(
        self,
        clock: &Arc<dyn Clock>,
        inputs: mpsc::Sender<Input>,
        mut input: Option<File>,
    ) -> Result<Running, device::Error> {
        let (queue, messages) = mpsc::channel(SCAN_QUEUE_MAX);
        let mut devices = Vec::new();
        for scanner in &self.configured {
            let frame_sender = FrameSender { clock: Arc::clone(clock), queue: queue.clone() };
            match &scanner.source {
                Source::Serial { place, serial } => {
                    let port = SerialPort {
                        name: scanner.name.clone(),
                        at: place.clone(),
                        line: serial.line,
                        protocol: serial.protocol,
                        framing: scanner.framing(),
                    };
                    let (device, sender) = serial::start(port, Roots::default(), frame_sender)?;
                    let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
                    senders.insert(scanner.name.clone(), sender);
                    devices.push(device);
                }
                Source::Stdin => {
                    let name = scanner.name.clone();
                    devices.push(match input.take() {
                        Some(file) => stdin::start(name, scanner.framing(), file, frame_sender)?,
                        None => stdin::start(name, scanner.framing(), io::stdin(), frame_sender)?,
                    });
                }
                Source::Evdev { place, layout } => {
                    let (name, at) = (scanner.name.clone(), place.clone());
                    let keyboard = Keyboard { name, at, layout: *layout, framing: scanner.framing() };
                    devices.push(evdev::start(keyboard, Roots::default(), frame_sender)?);
                }
                Source::HidPos { place, .. } => {
                    let (name, at) = (scanner.name.clone(), place.clone());
                    let pos = PosScanner { name, at, framing: scanner.framing() };
                    let (device, sender) = hidpos::start(pos, Roots::default(), frame_sender)?;
                    let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
                    senders.insert(scanner.name.clone(), sender);
                    devices.push(device);
                }
            }
        }
        let mut relay = JoinSet::new();
        let encodings = self.configured.iter().map(|scanner| (scanner.name.clone(), scanner.encoding));
        let relayed = Relay { inputs, hand_over: HandOver::new(self.health, encodings.collect()) };
        relay.spawn(relayed.pass_on(messages, Arc::clone(clock)));
        Ok(Running { devices, relay })
    }
}

impl Running {
    /// Stops the threads, then forwards the frames that they had read.
    pub(super) async fn stop(mut self) {
        for device in self.devices {
            let name = device.name().clone();
            if let Err(error) = device.stop() {
                tracing::error!(scanner = %name, error = &error as &dyn std::error::Error, "a scanner did not stop");
            }
        }
        // The relay ends by itself once every thread has dropped its sender.
        while self.relay.join_next().await.is_some() {}
    }
}

/// The task that forwards the messages of the threads.
struct Relay {
    inputs: mpsc::Sender<Input>,
    hand_over: HandOver,
}

impl Relay {
    /// Forwards the messages of the threads to the scans' worker, and updates the scanners' health.
    async fn pass_on(self, mut messages: mpsc::Receiver<FromScanner>, clock: Arc<dyn Clock>) {
        while let Some(message) = messages.recv().await {
            let input = match self.hand_over.take(message, clock.boot()) {
                FromScanner::Frame { scanner, frame, at } => {
                    Input::Frame { scanner, frame, boot: at.boot, wall: at.wall }
                }
                FromScanner::State { scanner, state: device::PortState::Ended } => Input::Ended(scanner),
                FromScanner::State { .. } => continue,
            };
            if self.inputs.send(input).await.is_err() {
                return;
            }
        }
    }
}

/// Returns the configured bytes, or else those of the protocol.
fn signal_bytes(protocol: Protocol, signals: &config::Signals) -> BTreeMap<Signal, Vec<u8>> {
    let bytes = Signal::ALL.into_iter().map(|signal| {
        let own = match signal {
            Signal::Booked => &signals.booked,
            Signal::Unknown => &signals.unknown,
            Signal::Refused => &signals.refused,
            Signal::Control => &signals.control,
            Signal::Posted => &signals.posted,
            Signal::Person => &signals.person,
        };
        let bytes = if own.is_empty() { protocol::bytes(protocol, signal) } else { own.clone() };
        (signal, bytes)
    });
    bytes.filter(|(_, bytes)| !bytes.is_empty()).collect()
}
