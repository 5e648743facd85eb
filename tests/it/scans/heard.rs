//! What a person hears and reads of what they scan: the real agent, one line a scan.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use stockpoint::clock::{Clock, SystemClock};
use stockpoint::config::Config;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::decode::framing::{Frame, Refusal};
use stockpoint::domain::signal::Signal;
use stockpoint::domain::stock::mode::Mode;
use stockpoint::domain::time::{BootMillis, UnixMillis};
use stockpoint::feedback::{Announcement, What};
use stockpoint::sandbox::Options;
use stockpoint::store::ScanFilter;

use crate::support::station::{Place, Station};

const COMB: &str = "9521234000013";
const SHAMPOO: &str = "4006381333931";

/// A clock that the test moves; it goes on by itself as well.
#[derive(Debug)]
struct MovedClock {
    system: SystemClock,
    moved_ms: AtomicI64,
    boot_id: &'static str,
}

impl MovedClock {
    fn of_boot(boot_id: &'static str) -> Arc<Self> {
        Arc::new(Self { system: SystemClock::new(), moved_ms: AtomicI64::new(0), boot_id })
    }

    fn pass(&self, time: Duration) {
        self.moved_ms.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn wall(&self) -> UnixMillis {
        self.system.wall().plus_ms(self.moved_ms.load(Ordering::SeqCst))
    }

    fn boot(&self) -> BootMillis {
        self.system.boot().plus_ms(self.moved_ms.load(Ordering::SeqCst))
    }

    fn boot_id(&self) -> &str {
        self.boot_id
    }

    fn is_synchronized(&self) -> bool {
        false
    }
}

/// A station whose person is told of by line.
struct Dock {
    place: Place,
    station: Station,
    clock: Arc<MovedClock>,
}

impl Dock {
    async fn open() -> Self {
        let place = Place::new(Options::sample()).await;
        let clock = MovedClock::of_boot("boot-1");
        let station = start(&place, &clock);
        station.until_goods_are_read().await;
        Self { place, station, clock }
    }

    /// Starts it anew, in this boot.
    async fn restart(self, clock: Arc<MovedClock>) -> Self {
        self.station.stop().await.unwrap();
        Self { station: start(&self.place, &clock), place: self.place, clock }
    }

    /// What a scan is answered with: the signal, and the words with single blanks.
    async fn hears(&mut self, code: &str) -> String {
        line(&self.station.scan(code).await.unwrap())
    }

    async fn hears_bad(&mut self, raw: &str, refusal: Refusal) -> String {
        line(&self.station.frame(Frame { raw: raw.into(), verdict: Err(refusal) }).await.unwrap())
    }
}

fn config(place: &Place) -> Config {
    let mut config = place.config();
    config.station.repeat_guard = Duration::from_millis(300);
    config
}

fn start(place: &Place, clock: &Arc<MovedClock>) -> Station {
    let clock: Arc<dyn Clock> = Arc::<MovedClock>::clone(clock);
    Station::start_at(clock, config(place), None).unwrap()
}

fn line(answer: &Announcement) -> String {
    let words: Vec<String> = answer.to_string().split_whitespace().map(str::to_owned).collect();
    format!("{}: {}", answer.signal.as_str(), words.join(" "))
}

#[tokio::test]
async fn what_was_cut_off_or_is_a_further_line_tells_whether_to_scan_again() {
    let mut dock = Dock::open().await;
    assert_eq!(
        dock.hears_bad("40063813339", Refusal::Unfinished).await,
        "refused: refused 40063813339: the code stopped in the middle"
    );
    assert_eq!(
        dock.hears_bad("31", Refusal::Tail).await,
        "refused: refused 31: it may be the rest of a code that was cut off"
    );
    assert_eq!(dock.hears(COMB).await, "booked: receipt 1 pc Comb");
    assert_eq!(
        dock.hears_bad("$SP.CLOSE.U", Refusal::Burst).await,
        "refused: refused $SP.CLOSE.U: it is a further line of the label before: the answer to the first \
         line holds"
    );
    let listed =
        dock.station.handle.store().run(|db| db.last_scans(ScanFilter::Refused, 10)).await.unwrap().unwrap();
    let reasons: Vec<_> = listed.iter().map(|scan| scan.detail.as_deref().unwrap()).collect();
    assert_eq!(reasons, ["burst", "tail", "unfinished"]);
}

#[tokio::test]
async fn a_repeat_tells_the_person_nothing_new_to_do() {
    let mut dock = Dock::open().await;
    assert_eq!(dock.hears(COMB).await, "booked: receipt 1 pc Comb");
    assert_eq!(dock.hears(COMB).await, "booked: receipt 1 pc Comb (counted already)");
    assert_eq!(dock.hears("NO-GOOD").await, "unknown: unknown 1 NO-GOOD (parked until its good is known)");
    assert_eq!(
        dock.hears("NO-GOOD").await,
        "unknown: unknown 1 NO-GOOD (parked until its good is known) (counted already)"
    );
    let undo = Control::Undo.code();
    let first = "control: ok UNDO (mode: receipt) taken back: 1 NO-GOOD, which was parked";
    assert_eq!(dock.hears(&undo).await, first);
    assert_eq!(dock.hears(&undo).await, format!("{first} (done already)"));
    let figures = dock.station.handle.figures().await.unwrap();
    assert_eq!((figures.scans.refused, figures.scans.undone, figures.scans.booked), (3, 1, 1));
}

#[tokio::test]
async fn undo_last_close_and_cancel_say_what_they_did() {
    let mut dock = Dock::open().await;
    dock.hears(&Control::Quantity(12).code()).await;
    assert_eq!(dock.hears(COMB).await, "booked: receipt 12 pc Comb");
    let undo = Control::Undo.code();
    assert_eq!(
        dock.hears(&undo).await,
        "control: ok UNDO (mode: receipt) taken back: 12 pc Comb, now 0 in this document"
    );
    dock.hears(COMB).await;
    assert_eq!(
        dock.hears(&Control::Last(5).code()).await,
        "control: ok LAST-5 (mode: receipt) the last scan counts 5 pc Comb, now 5 in this document"
    );
    dock.hears(SHAMPOO).await;
    dock.hears(&Control::Quantity(12).code()).await;
    assert_eq!(
        dock.hears(&Control::Close.code()).await,
        "refused: refused CLOSE (mode: receipt) QTY-12 was dropped, nothing was counted by it; \
         closed: 1 document, 2 lines, 6 units"
    );
    assert_eq!(
        dock.hears(&undo).await,
        format!("refused: refused {undo}: the document of the last scan is closed")
    );
    dock.hears(COMB).await;
    let cancel = Control::Cancel.code();
    dock.hears(&Control::Quantity(3).code()).await;
    assert_eq!(dock.hears(&cancel).await, "control: ok CANCEL (mode: receipt) dropped: QTY-3");
    dock.clock.pass(Duration::from_secs(1));
    assert_eq!(
        dock.hears(&cancel).await,
        "control: ok CANCEL (mode: receipt) dropped: 1 document, 1 line, 1 unit"
    );
    dock.clock.pass(Duration::from_secs(1));
    assert_eq!(
        dock.hears(&cancel).await,
        "control: ok CANCEL (mode: receipt) nothing was open, nothing is dropped"
    );
}

#[tokio::test]
async fn a_quantity_is_seen_while_it_waits_and_lapses_audibly() {
    let mut dock = Dock::open().await;
    dock.hears(&Control::Quantity(12).code()).await;
    let status: serde_json::Value =
        serde_json::from_str(&dock.station.handle.status().await.unwrap().json()).unwrap();
    assert_eq!(status["scanners"][0]["quantity"], 12);
    let mut news = dock.station.handle.listen();
    dock.clock.pass(Duration::from_secs(30));
    let lapsed = loop {
        let said = news.recv().await.unwrap();
        if matches!(said.what, What::Lapsed { .. }) {
            break said;
        }
    };
    assert_eq!((lapsed.signal, lapsed.scanner.unwrap().as_str()), (Signal::Refused, "dock"));
    assert_eq!(dock.hears(COMB).await, "booked: receipt 1 pc Comb");
    let figures = dock.station.handle.figures().await.unwrap();
    assert_eq!((figures.scans.accepted(), figures.scans.refused), (2, 0));
}

#[tokio::test]
async fn a_mode_falls_back_silently_and_across_a_restart_of_the_program_and_of_the_machine() {
    let mut dock = Dock::open().await;
    let write_off = Control::Mode(Mode::WriteOff).code();
    dock.hears(&write_off).await;
    // The program starts anew: the mode is kept for its time.
    dock.clock.pass(Duration::from_mins(50));
    let clock = Arc::clone(&dock.clock);
    let mut dock = dock.restart(clock).await;
    assert_eq!(dock.station.handle.status().await.unwrap().mode(), "write-off");
    let mut news = dock.station.handle.listen();
    dock.clock.pass(Duration::from_secs(601));
    let reverted = loop {
        let said = news.recv().await.unwrap();
        if matches!(said.what, What::Reverted { .. }) {
            break said;
        }
    };
    assert_eq!(reverted.scanner, None);
    assert_eq!(dock.station.handle.status().await.unwrap().mode(), "receipt");
    assert_eq!(dock.hears(COMB).await, "booked: receipt 1 pc Comb");
    // The machine starts anew, and nobody knows what time it is.
    dock.hears(&write_off).await;
    let dock = dock.restart(MovedClock::of_boot("boot-2")).await;
    dock.station.until("the usual mode", |figures| figures.mode.is_none()).await;
    assert_eq!(dock.station.handle.status().await.unwrap().mode(), "receipt");
    dock.station.stop().await.unwrap();
}
