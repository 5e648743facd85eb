//! What `whole` asks of the installed station: scanners on USB that scan at the same time and are unplugged, and a clock
//! that is wrong at first.

use std::thread;
use std::time::Duration;

use crate::machine::Machine;
use crate::machine::now_s;
use crate::service::Service;
use crate::station;
use crate::station::figure;
use crate::station::scanner;
use crate::station::send;
use crate::station::until;

/// What the keyboard scans, and what the serial scanner does.
const TYPED: [&str; 4] = ["4006381333931", "9521234000013", "96385074", "036000291452"];
const SENT: [&str; 4] = ["9521234000020", "96385081", "4006381333931", "036000291469"];
const ROUNDS: usize = 2;

/// From the kernel's word that the keyboard is there to the agent's that it reads it. A second on a board; the emulated one
/// is slower, and must first give the node to its group.
const REPLUG_MAX: Duration = Duration::from_secs(5);

/// What the unit took to be ready, and the memory it holds.
const FIGURES: &str = r#"
begun=$(systemctl show stockpoint -p InactiveExitTimestampMonotonic --value)
ready=$(systemctl show stockpoint -p ActiveEnterTimestampMonotonic --value)
echo "the unit was ready $(((ready - begun) / 1000)) ms after its start"
grep VmRSS "/proc/$(systemctl show stockpoint -p MainPID --value)/status"
"#;

/// Begins with a station on which nothing was scanned since it was set up, and leaves one whose clock is right and whose
/// scans are all posted. Returns how many were booked.
pub(crate) fn check(machine: &mut Machine, service: &Service) -> u64 {
    let status = until(machine, "the station to be ready", |status| {
        let is_plugged = ["dock", "counter"].iter().all(|name| scanner(status, name) != "gone");
        status["running"] == true && is_plugged && figure(status, "/goods/count") > 0
    });
    assert_eq!(status["clock"]["trusted"], false, "the board starts with the time of its system's making");
    println!("{}", machine.run(FIGURES).trim());
    station::settle();
    both_at_once(machine);
    unplugged_in_mid_code(machine);
    clock(machine, service)
}

/// Each scan of both is booked, and nothing else.
fn both_at_once(machine: &mut Machine) {
    let mut line = machine.serial(0);
    let sender = thread::spawn(move || {
        for code in SENT.repeat(ROUNDS) {
            send(&mut line, code);
        }
    });
    for code in TYPED.repeat(ROUNDS) {
        machine.type_code(code, true);
    }
    sender.join().unwrap();
    let all = ((TYPED.len() + SENT.len()) * ROUNDS) as u64;
    let status = until(machine, "all scans", |status| figure(status, "/scans/accepted") >= all);
    assert_eq!(figure(&status, "/scans/booked"), all);
    assert_eq!(figure(&status, "/scans/refused"), 0);
    println!("keyboard and serial at once: {all} scanned, {all} booked");
}

/// What was typed before is refused, what is typed after is whole, and nothing is made of both.
fn unplugged_in_mid_code(machine: &mut Machine) {
    let before = station::status(machine).unwrap();
    let booked = figure(&before, "/scans/booked");
    machine.type_code("400638", false);
    machine.unplug_keyboard();
    let gone = until(machine, "the keyboard to be gone", |status| scanner(status, "counter") == "gone");
    assert_eq!((figure(&gone, "/scans/booked"), figure(&gone, "/scans/refused")), (booked, 1));
    machine.plug_keyboard();
    until(machine, "the keyboard to be back", |status| scanner(status, "counter") != "gone");
    let took = replug(machine);
    assert!(took < REPLUG_MAX, "{took:?}");
    station::settle();
    machine.type_code("4006381333931", true);
    let after = until(machine, "the scan", |status| figure(status, "/scans/booked") > booked);
    assert_eq!((figure(&after, "/scans/refused"), figure(&after, "/scans/unknown")), (1, 0));
    println!("unplugged in mid-code: refused, no fragment; read again {took:.2?} after the kernel had it");
}

/// How long after the kernel found the keyboard the agent read it, by the journal.
fn replug(machine: &Machine) -> Duration {
    let journal = machine
        .run("journalctl -o short-monotonic --no-pager _TRANSPORT=kernel + _SYSTEMD_UNIT=stockpoint.service");
    let last = |word: &str| {
        // As in `[   12.345678] …`.
        let line = journal.lines().rfind(|line| line.contains(word)).unwrap();
        let digits: String = line.chars().take_while(|c| *c != ']').filter(char::is_ascii_digit).collect();
        Duration::from_micros(digits.parse().unwrap())
    };
    last("scanner is ready").saturating_sub(last("input: QEMU QEMU USB Keyboard"))
}

/// Nothing is posted while the clock is wrong; once it is right, everything is, with the times of the scans.
fn clock(machine: &Machine, service: &Service) -> u64 {
    let closed = until(machine, "the document to close", |status| figure(status, "/outbox/open") == 0);
    assert!(service.sandbox.books().documents.is_empty(), "posted by a wrong clock");
    let (now, guest) = (now_s(), machine.run("date +%s"));
    let behind = now - guest.trim().parse::<u64>().unwrap();
    // What a time server would do.
    machine.run(&format!("date -s @{}", now_s()));
    let units = figure(&closed, "/units/queued");
    let status =
        until(machine, "the document to be posted", |status| figure(status, "/units/posted") == units);
    assert_eq!(status["clock"]["trusted"], true);
    let books = service.sandbox.books();
    let dated = u64::try_from(books.documents[0].create_date.as_second()).unwrap();
    assert!(dated < now && now - dated < 300, "a document of {dated}, scanned before {now}");
    println!(
        "a clock {behind} s behind: nothing posted; then {units} units, dated {} s before it was set",
        now - dated
    );
    units
}
