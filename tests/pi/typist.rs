//! Types like barcode scanners, inside the emulated board: keyboards that the kernel takes for ones on USB.
//!
//! They are made with `/dev/uhid` and send the reports of the HID boot keyboard, so that the kernel makes of each press
//! and each release what it makes of a scanner's: a scan code, a key, and an end.
//!
//! ```text
//! stockpoint run --log-level debug 2>&1 | typist scan KEYBOARDS MS PAUSE_MS COUNT    types codes, waits for their commits
//! stockpoint run --log-level debug 2>&1 | typist send PORT MS PAUSE_MS COUNT         the same, on a serial line
//! typist plain|masked|apart MS PAUSE_MS COUNT STALL_MS                               the readers that stockpoint is not
//! ```

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, in the guest alone"
)]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "it fails by panicking")]

mod codes;

use std::collections::HashSet;
use std::env;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufRead as _;
use std::io::Read as _;
use std::io::Write as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use codes::code;
use input_linux::EvdevHandle;
use input_linux::EventKind;

/// The maker that the keyboards name; the product counts from 1.
const VENDOR: u32 = 0x1eab;

/// After this without a scan in the agent's log, nothing more is waited for.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Codes of a hand one after the other; then it waits until all are on the disk. The agent keeps no more than 1024.
const BURST: usize = 200;

/// After the opening, and longer than `gap_ms`: what comes sooner may be the tail of a code, and is refused.
const SETTLING: Duration = Duration::from_millis(600);

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize| arguments[at].parse::<u64>().unwrap();
    let pace = |at: usize| Pace {
        step: millis(number(at)),
        pause: millis(number(at + 1)),
        count: usize::try_from(number(at + 2)).unwrap(),
    };
    match arguments[0].as_str() {
        "scan" => {
            let keyboards = (1..=number(1)).map(|product| Hand::Keyboard(Keyboard::new(product)));
            type_and_wait(keyboards.collect(), pace(2));
        }
        "send" => {
            let port = OpenOptions::new().write(true).open(&arguments[1]).unwrap();
            type_and_wait(vec![Hand::Serial(port)], pace(2));
        }
        // Whoever commits on another thread reads on meanwhile.
        "apart" => naive(Kept::All, pace(1), Duration::ZERO),
        "plain" => naive(Kept::All, pace(1), millis(number(4))),
        "masked" => naive(Kept::Keys, pace(1), millis(number(4))),
        other => panic!("{other} is nothing that a typist does"),
    }
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// How codes are typed.
#[derive(Clone, Copy)]
struct Pace {
    /// From a character to the next.
    step: Duration,
    /// From a code to the next.
    pause: Duration,
    /// Codes of each hand.
    count: usize,
}

/// A keyboard of the kernel's; it is unplugged when it is dropped.
struct Keyboard(File);

/// What the boot keyboard says of itself (Device Class Definition for HID 1.11, E.6).
const DESCRIPTOR: [u8; 63] = [
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75,
    0x01, 0x95, 0x08, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, 0x95, 0x05, 0x75, 0x01, 0x05, 0x08,
    0x19, 0x01, 0x29, 0x05, 0x91, 0x02, 0x95, 0x01, 0x75, 0x03, 0x91, 0x01, 0x95, 0x06, 0x75, 0x08, 0x15,
    0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xc0,
];

/// Of `struct uhid_event` (`linux/uhid.h`): the kinds sent, and the whole size, which is also the most that is read.
const CREATE2: u32 = 11;
const INPUT2: u32 = 12;
const EVENT_BYTES: usize = 4380;
const BUS_USB: u16 = 3;

impl Keyboard {
    fn new(product: u64) -> Self {
        let mut file = OpenOptions::new().read(true).write(true).open("/dev/uhid").unwrap();
        let mut event = CREATE2.to_le_bytes().to_vec();
        let text = |text: String, room: usize| {
            text.into_bytes().into_iter().chain([0].into_iter().cycle()).take(room)
        };
        event.extend(text(format!("typist {product}"), 128));
        event.extend(text(format!("typist-{product}"), 64));
        event.extend(text(String::new(), 64));
        event.extend(u16::try_from(DESCRIPTOR.len()).unwrap().to_le_bytes());
        event.extend(BUS_USB.to_le_bytes());
        // Vendor, product, version, country.
        event.extend([VENDOR, u32::try_from(product).unwrap(), 1, 0].map(u32::to_le_bytes).concat());
        event.extend(DESCRIPTOR);
        file.write_all(&event).unwrap();
        // The kernel asks now and then, for lights; nobody needs an answer, but somebody must take the questions.
        let mut questions = file.try_clone().unwrap();
        thread::spawn(move || while questions.read(&mut [0; EVENT_BYTES]).is_ok_and(|read| read > 0) {});
        Self(file)
    }

    /// Reports which key is down, by its usage; 0: none.
    fn report(&mut self, usage: u8) {
        let mut event = INPUT2.to_le_bytes().to_vec();
        event.extend(8_u16.to_le_bytes());
        event.extend([0, 0, usage, 0, 0, 0, 0, 0]);
        self.0.write_all(&event).unwrap();
    }

    /// Types digits or Enter, down for half the step.
    fn press(&mut self, character: u8, step: Duration) {
        self.report(match character {
            b'0' => 0x27,
            b'1'..=b'9' => character - b'1' + 0x1e,
            _ => 0x28,
        });
        thread::sleep(step / 2);
        self.report(0);
    }
}

/// What types.
enum Hand {
    Keyboard(Keyboard),
    Serial(File),
}

impl Hand {
    /// Types a code and its end, and rests; how long the code took, and when the end went down.
    fn scan(&mut self, code: &str, Pace { step, pause, .. }: Pace) -> (Duration, Instant) {
        let begun = Instant::now();
        for character in code.bytes() {
            match self {
                Self::Keyboard(keyboard) => {
                    keyboard.press(character, step);
                    thread::sleep(step / 2);
                }
                Self::Serial(port) => {
                    port.write_all(&[character]).unwrap();
                    thread::sleep(step);
                }
            }
        }
        let ended = Instant::now();
        match self {
            Self::Keyboard(keyboard) => keyboard.press(b'\r', step),
            Self::Serial(port) => port.write_all(b"\r").unwrap(),
        }
        thread::sleep(pause);
        (ended - begun, ended)
    }
}

/// Lets every hand type its codes, all at once, and waits until the agent has said of each what became of it.
fn type_and_wait(mut hands: Vec<Hand>, pace: Pace) {
    let count = hands.len();
    let (tell_ready, ready) = mpsc::sync_channel(count);
    let (tell_scan, scans) = mpsc::sync_channel(1 << 20);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map(Result::unwrap) {
            if line.contains("scanner is ready") {
                let _many = tell_ready.try_send(());
            } else if line.contains("outcome=") {
                tell_scan.send(Instant::now()).unwrap();
            }
        }
    });
    (0..count).for_each(|_| ready.recv_timeout(SILENCE_MAX).unwrap());
    thread::sleep(SETTLING);
    let begun = Instant::now();
    let (mut codes, mut heard) = (Vec::new(), Vec::new());
    for first in (0..pace.count).step_by(BURST) {
        let turns = first..pace.count.min(first + BURST);
        let typing = hands.into_iter().enumerate().map(|(hand, mut typist)| {
            let turns = turns.clone();
            thread::spawn(move || {
                (turns.map(|turn| typist.scan(&code(hand, turn), pace)).collect::<Vec<_>>(), typist)
            })
        });
        let typing: Vec<_> = typing.collect();
        let typed: (Vec<_>, Vec<_>) = typing.into_iter().map(|thread| thread.join().unwrap()).unzip();
        codes.extend(typed.0.concat());
        hands = typed.1;
        heard.extend((heard.len()..codes.len()).map_while(|_| scans.recv_timeout(SILENCE_MAX).ok()));
    }
    print!("typed {} heard {} ms {}", codes.len(), heard.len(), begun.elapsed().as_millis());
    let characters = code(0, 0).len();
    let mut steps: Vec<_> =
        codes.iter().map(|(took, _)| *took / u32::try_from(characters).unwrap()).collect();
    print!(" character_us {}", median(&mut steps).as_micros());
    if count == 1 {
        let mut waits: Vec<_> = heard.iter().zip(&codes).map(|(heard, (_, ended))| *heard - *ended).collect();
        print!(" commit_us {}", median(&mut waits).as_micros());
    }
    println!();
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// What the kernel keeps for a reader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    All,
    Keys,
}

/// `EV_KEY` alone, as the kernel takes it: a bit for each kind of event, in a whole word.
const KEYS: u64 = 1 << 1;

/// A reader as one finds them: it reads scan codes too, unless they are masked, waits for its commit before it reads on,
/// and knows nothing of events that the kernel dropped. `stall` stands for the commit.
fn naive(kept: Kept, pace: Pace, stall: Duration) {
    let mut keyboard = Hand::Keyboard(Keyboard::new(1));
    thread::sleep(SETTLING);
    let node = EvdevHandle::new(File::open(node_of("typist 1")).unwrap());
    if kept == Kept::Keys {
        node.set_event_mask_raw(EventKind::Synchronize, &KEYS.to_ne_bytes()).unwrap();
    }
    let mut node = node.into_inner();
    let (tell, codes) = mpsc::sync_channel(1 << 20);
    let (tell_dropped, dropped) = mpsc::sync_channel(1 << 20);
    thread::spawn(move || {
        let (mut code, mut events) = (String::new(), [0; 24 * 64]);
        while let Ok(read) = node.read(&mut events) {
            for event in events[..read].chunks_exact(24) {
                let field = |at: usize| u16::from_le_bytes([event[at], event[at + 1]]);
                match (field(16), field(18), field(20)) {
                    (1, 28, 1) => {
                        tell.send(std::mem::take(&mut code)).unwrap();
                        thread::sleep(stall);
                    }
                    (1, 11, 1) => code.push('0'),
                    (1, key @ 2..=10, 1) => code.push(char::from(u8::try_from(key).unwrap() - 1 + b'0')),
                    (0, 3, _) => tell_dropped.send(()).unwrap(),
                    _ => {}
                }
            }
        }
    });
    let typed: HashSet<_> = (0..pace.count).map(|turn| code(0, turn)).collect();
    for turn in 0..pace.count {
        keyboard.scan(&code(0, turn), pace);
    }
    thread::sleep(stall * 3 + SETTLING);
    let read: Vec<_> = codes.try_iter().collect();
    let right = read.iter().filter(|code| typed.contains(*code)).count();
    print!("typed {} right {right} altered {}", typed.len(), read.len() - right);
    println!(" dropped {}", dropped.try_iter().count());
}

/// The input node of the keyboard that calls itself so.
fn node_of(name: &str) -> String {
    let mut nodes = fs::read_dir("/sys/class/input").unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &std::path::PathBuf| {
        fs::read_to_string(path.join("device/name")).is_ok_and(|found| found.trim() == name)
    };
    let node = nodes.find(|path| path.to_string_lossy().contains("/event") && is_it(path)).unwrap();
    format!("/dev/input/{}", node.file_name().unwrap().to_string_lossy())
}
