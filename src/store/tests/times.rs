//! Tests of times read from a wrong clock and corrected later.

use super::{BEGIN, Bench, COMB, SHAMPOO};
use crate::domain::code::control::Control;
use crate::domain::ids::{OperationId, ScanId};
use crate::domain::time::{BootMillis, UnixMillis};
use crate::store::OperationFilter;

/// Returns the time of a scan, and how far it is trusted.
fn time(bench: &Bench, scan: ScanId) -> (i64, String) {
    let sql = "SELECT wall_ms, clock FROM scans WHERE id = ?1";
    bench.db.outbox.query_row(sql, [scan.0], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

/// Returns how many times are exact now, and how many are bounded.
fn repaired(bench: &mut Bench, wall: UnixMillis, boot: BootMillis) -> (usize, usize) {
    let step = bench.db.repair_times(wall, boot).unwrap();
    assert!(!step.has_more);
    (step.repaired, step.estimated)
}

/// Gives the scans that are not trusted another time.
fn misread(bench: &Bench, wall_ms: i64) {
    bench.db.outbox.execute("UPDATE scans SET wall_ms = ?1 WHERE clock = 'untrusted'", [wall_ms]).unwrap();
}

fn stamp(ms: i64, clock: &str) -> (i64, String) {
    (ms, clock.to_owned())
}

#[test]
fn a_time_of_this_boot_is_computed_from_the_time_since_boot() {
    let mut bench = Bench::new();
    let before = bench.scan(SHAMPOO);
    bench.trusted = false;
    let wrong = bench.scan(COMB);
    misread(&bench, 5);
    assert_eq!(time(&bench, wrong), stamp(5, "untrusted"));
    // The boot began 52 s before the second scan, and is 100 s old when the right time is known.
    let wall = UnixMillis(1_800_000_100_000);
    assert_eq!(repaired(&mut bench, wall, BootMillis(100_000)), (1, 0));
    assert_eq!(time(&bench, wrong), stamp(1_800_000_052_000, "repaired"));
    assert_eq!(time(&bench, before), stamp(BEGIN.0 + 1000, "trusted"));
    assert_eq!(repaired(&mut bench, wall, BootMillis(100_000)), (0, 0));
}

#[test]
fn a_time_of_an_earlier_boot_is_moved_between_its_trusted_neighbours() {
    for (misread_as, expected) in [(5, 1000), (BEGIN.0 + 1500, 1500), (BEGIN.0 + 999_999, 4000)] {
        let mut bench = Bench::new();
        bench.scan(SHAMPOO);
        bench.trusted = false;
        let wrong = [bench.scan(COMB), bench.scan(COMB)];
        misread(&bench, misread_as);
        let mut bench = bench.reopen("boot-2");
        bench.trusted = true;
        bench.scan(SHAMPOO);
        assert_eq!(repaired(&mut bench, BEGIN.plus_ms(60_000), BootMillis(1000)), (0, 2));
        for scan in wrong {
            assert_eq!(time(&bench, scan), stamp(BEGIN.0 + expected, "estimated"), "{misread_as}");
        }
    }
}

#[test]
fn a_time_without_a_later_neighbour_is_not_put_into_the_future() {
    let mut bench = Bench::new();
    bench.trusted = false;
    let wrong = bench.scan(SHAMPOO);
    misread(&bench, BEGIN.0 + 999_999_999);
    let mut bench = bench.reopen("boot-2");
    let now = BEGIN.plus_ms(60_000);
    assert_eq!(repaired(&mut bench, now, BootMillis(1000)), (0, 1));
    assert_eq!(time(&bench, wrong), stamp(now.0, "estimated"));
}

/// Returns the time at which an operation closed, and the times of its trail.
fn noted(bench: &Bench, id: OperationId) -> (i64, Vec<i64>) {
    let sql = "SELECT closed_ms FROM operations WHERE id = ?1";
    let closed = bench.db.outbox.query_row(sql, [id.0], |row| row.get(0)).unwrap();
    (closed, bench.db.events(id).unwrap().iter().map(|event| event.at.0).collect())
}

#[test]
fn what_was_noted_by_a_clock_years_off_is_moved_between_the_first_scan_and_now() {
    let now = BEGIN.plus_ms(60_000);
    let first_scan = BEGIN.0 + 1000;
    for (misread, expected) in
        [(5, first_scan), (BEGIN.0 + 30_000, BEGIN.0 + 30_000), (4_100_000_000_000, now.0)]
    {
        let mut bench = Bench::new();
        bench.scan(SHAMPOO);
        bench.scan(&Control::Close.code());
        let id = bench.db.operations(OperationFilter::All, 1).unwrap()[0].id;
        bench.db.outbox.execute("UPDATE operations SET closed_ms = ?1", [misread]).unwrap();
        bench.db.outbox.execute("UPDATE events SET wall_ms = ?1", [misread]).unwrap();
        bench.db.repair_times(now, BootMillis(100_000)).unwrap();
        let (closed, trail) = noted(&bench, id);
        assert_eq!(closed, expected, "{misread}");
        assert!(trail.iter().all(|at| *at == expected), "{misread}: {trail:?}");
    }
}

/// Frames of three boots that never had a right clock, more of each than a step looks at, before a right one.
#[test]
fn many_times_are_put_right_some_at_a_time() {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    let sql = "INSERT INTO scans (scanner, raw, boot, boot_ms, wall_ms, clock, outcome)
               WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800)
               SELECT 'dock', x'30', ?1, i, 5, 'untrusted', 'refused' FROM n";
    for boot in 2..=4 {
        bench.db.outbox.execute("INSERT INTO boots (id, boot_id) VALUES (?1, ?1)", [boot]).unwrap();
        bench.db.outbox.execute(sql, [boot]).unwrap();
    }
    let mut bench = bench.reopen("boot-9");
    bench.scans = 9;
    bench.scan(SHAMPOO);
    let (mut estimated, mut steps) = (0, 0);
    loop {
        let step = bench.db.repair_times(BEGIN.plus_ms(60_000), BootMillis(1000)).unwrap();
        (estimated, steps) = (estimated + step.estimated, steps + 1);
        if !step.has_more {
            break;
        }
    }
    assert_eq!((estimated, steps), (2400, 5));
    let sql = "SELECT count(*) FROM scans WHERE clock = 'estimated' AND wall_ms = ?1";
    let between: usize = bench.db.outbox.query_row(sql, [BEGIN.0 + 1000], |row| row.get(0)).unwrap();
    assert_eq!(between, 2400);
}
