//! Tests of who gets announcements, and of the repetition of alarms.

use std::sync::Arc;

use tokio::time::{advance, pause};

use super::*;
use crate::feedback::output::Output;

type Sent = Arc<Mutex<Vec<(Occasion, Vec<u8>)>>>;

/// Returns two scanners; the second one has bytes for alarms only.
fn bench() -> (Feedback, Sent, Sent) {
    let scanner = |signals: &[Signal]| {
        let (sent, kept) = (Sent::default(), Sent::default());
        let kept = Arc::clone(if signals.is_empty() { &kept } else { &sent });
        let bytes = signals.iter().map(|signal| (*signal, signal.as_str().as_bytes().to_vec())).collect();
        let send_on: SendSignal = Box::new(move |occasion, bytes| {
            kept.lock().unwrap().push((occasion, bytes));
            true
        });
        (ScannerOutput { bytes, send: send_on }, sent)
    };
    let (dock, to_dock) = scanner(&Signal::ALL);
    let (other, to_other) = scanner(&[Signal::Person]);
    let scanners = [(ScannerName::new("dock"), dock), (ScannerName::new("other"), other)].into();
    (Feedback::new(scanners, &Outputs::default()), to_dock, to_other)
}

fn announcement(scanner: Option<&str>, signal: Signal) -> Announcement {
    Announcement { scanner: scanner.map(ScannerName::new), signal, what: What::NotStored }
}

fn words(sent: &Sent) -> Vec<String> {
    let sent = sent.lock().unwrap();
    sent.iter().map(|(occasion, bytes)| format!("{occasion:?} {}", String::from_utf8_lossy(bytes))).collect()
}

#[test]
fn a_scanner_gets_the_answers_to_its_own_frames_and_what_concerns_everybody() {
    let (feedback, dock, other) = bench();
    feedback.announce(announcement(Some("dock"), Signal::Booked));
    feedback.announce(announcement(Some("other"), Signal::Booked));
    feedback.announce(announcement(None, Signal::Person));
    feedback.announce(announcement(None, Signal::Posted));
    assert_eq!(words(&dock), ["Verdict booked", "News person", "News posted"]);
    assert_eq!(words(&other), ["Verdict ", "News person"]);
}

#[test]
fn what_no_hand_waits_for_makes_no_sound() {
    let (feedback, dock, _) = bench();
    let news = |signal, what| Announcement { what, ..announcement(None, signal) };
    feedback.announce(news(Signal::Control, What::Progress("half".into())));
    feedback.announce(news(Signal::Booked, What::Unparked(1)));
    feedback.announce(Announcement { what: What::Ended, ..announcement(Some("dock"), Signal::Control) });
    assert!(words(&dock).is_empty());
    let listed: Vec<What> = feedback.recent().into_iter().map(|listed| listed.what).collect();
    assert_eq!(listed, [What::Unparked(1)], "housekeeping is no scan");
}

#[tokio::test]
async fn an_alarm_is_repeated_until_a_person_has_seen_it() {
    pause();
    let (feedback, dock, _) = bench();
    let feedback = Arc::new(feedback);
    let repeating = Arc::clone(&feedback);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { repeating.repeat_alarm(Duration::from_secs(30)).await });
    // Lets the repeating task run before and after each second.
    let settle = async || {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    };
    let signals_in = async |seconds: u64| {
        for _ in 0..seconds {
            settle().await;
            advance(Duration::from_secs(1)).await;
        }
        settle().await;
        std::mem::take(&mut *dock.lock().unwrap()).len()
    };
    assert_eq!(signals_in(100).await, 0);
    feedback.announce(announcement(None, Signal::Person));
    assert_eq!(signals_in(29).await, 1);
    assert_eq!(signals_in(2).await, 1);
    // No other announcement ends the alarm.
    feedback.announce(announcement(Some("dock"), Signal::Booked));
    assert_eq!(signals_in(32).await, 2);
    feedback.announce(announcement(Some("dock"), Signal::Control));
    feedback.calm();
    assert_eq!(signals_in(100).await, 1);
    // A new alarm starts a new series.
    feedback.announce(announcement(None, Signal::Person));
    assert_eq!(signals_in(65).await, 3);
}

#[test]
fn every_output_of_the_station_gets_every_signal() {
    let (given, received) = std::sync::mpsc::sync_channel(8);
    let output = Output::start("test", move |orders| {
        while let output::Received::Order(order) = orders.next(None) {
            given.send(order).unwrap();
        }
    });
    let outputs = Outputs::of(vec![output.unwrap()]);
    let feedback = Feedback::new(BTreeMap::new(), &outputs);
    feedback.announce(announcement(Some("dock"), Signal::Booked));
    feedback.announce(announcement(None, Signal::Person));
    feedback.calm();
    let next = || received.recv_timeout(Duration::from_secs(20)).unwrap();
    for (signal, scanner) in [(Signal::Booked, "\"dock\""), (Signal::Person, "null")] {
        let Order::Announced(signalled, message) = next() else { panic!("no announcement") };
        assert_eq!(signalled, signal);
        let message: serde_json::Value = serde_json::from_str(&message).unwrap();
        assert_eq!(
            (&message["signal"], message["scanner"].to_string()),
            (&signal.as_str().into(), scanner.to_owned())
        );
    }
    assert_eq!(next(), Order::AlarmSeen);
    outputs.stop();
}
