//! Tests that old history is deleted, and nothing else.

use super::{BEGIN, Bench, COMB, SHAMPOO};
use crate::domain::code::control::Control;
use crate::domain::delivery::{Event, Finding, State, Step};
use crate::domain::ids::{DocumentId, OperationId, TransactionId};
use crate::domain::time::UnixMillis;
use crate::store::{Error, OperationFilter};

/// A time long after everything.
const LATER: UnixMillis = UnixMillis(BEGIN.0 + 1_000_000_000);

/// Returns the number of operations that a step of pruning deletes.
fn forgotten(bench: &mut Bench, before: UnixMillis) -> usize {
    bench.db.prune(before).unwrap().operations
}

fn rows(bench: &Bench, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    bench.db.outbox.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn queue(bench: &mut Bench, code: &str) -> OperationId {
    bench.scan(code);
    bench.scan(&Control::Close.code());
    bench.db.operations(OperationFilter::All, 1).unwrap()[0].id
}

fn post(bench: &mut Bench, id: OperationId) {
    bench.step(id, Event::Send(Step::Operation));
    let transactions = vec![(1, TransactionId(id.0))];
    bench.step(id, Event::Done { document: DocumentId(id.0), transactions });
}

#[test]
fn what_is_posted_or_cancelled_is_forgotten_and_the_counts_stay() {
    let mut bench = Bench::new();
    let posted = queue(&mut bench, SHAMPOO);
    post(&mut bench, posted);
    bench.scan(COMB);
    bench.scan(&Control::Cancel.code());
    let before = bench.figures();
    assert_eq!((before.of(State::Posted).operations, before.of(State::Cancelled).operations), (1, 1));
    assert_eq!(forgotten(&mut bench, LATER), 2);
    assert_eq!(bench.figures(), before);
    for table in ["operations", "lines", "scans", "events"] {
        assert_eq!(rows(&bench, table), 0, "{table}");
    }
    assert!(matches!(bench.db.pending(posted), Err(Error::NoOperation(_))));
    assert_eq!(forgotten(&mut bench, LATER), 0);
    assert_eq!(bench.figures(), before);
    assert_eq!(bench.reopen("boot-2").figures(), before);
}

#[test]
fn what_was_closed_by_a_clock_in_1970_is_as_old_as_its_first_scan() {
    let mut bench = Bench::new();
    let id = queue(&mut bench, SHAMPOO);
    post(&mut bench, id);
    bench.db.outbox.execute("UPDATE operations SET closed_ms = 5", []).unwrap();
    assert_eq!(forgotten(&mut bench, BEGIN.plus_ms(1000)), 0);
    // An operation whose first scan has a time that nobody vouched for is not old.
    bench.db.outbox.execute("UPDATE scans SET clock = 'untrusted'", []).unwrap();
    assert_eq!(forgotten(&mut bench, LATER), 0);
    bench.db.outbox.execute("UPDATE scans SET clock = 'estimated'", []).unwrap();
    assert_eq!(forgotten(&mut bench, LATER), 1);
}

#[test]
fn what_is_younger_stays() {
    let mut bench = Bench::new();
    let (first, second) = (queue(&mut bench, SHAMPOO), queue(&mut bench, COMB));
    post(&mut bench, first);
    post(&mut bench, second);
    // The first was closed two seconds after the beginning, the second four.
    assert_eq!(forgotten(&mut bench, BEGIN.plus_ms(2000)), 0);
    assert_eq!(forgotten(&mut bench, BEGIN.plus_ms(2001)), 1);
    assert_eq!(bench.state(second), State::Posted);
}

#[test]
fn what_is_on_its_way_refused_parked_or_looked_after_stays_whatever_its_age() {
    let mut bench = Bench::new();
    let ids: Vec<_> = (0..5).map(|_| queue(&mut bench, SHAMPOO)).collect();
    bench.step(ids[1], Event::Send(Step::Operation));
    bench.step(ids[2], Event::Send(Step::Operation));
    bench.step(ids[2], Event::Lost);
    // Refused in both ways: in one call, of which two readings show nothing, and by its document.
    bench.step(ids[3], Event::Send(Step::Operation));
    bench.step(ids[3], Event::Refused("no".to_owned()));
    bench.step(ids[3], Event::ReadBack(Finding::Absent));
    bench.step(ids[3], Event::ReadBack(Finding::Absent));
    bench.step(ids[3], Event::Send(Step::Document));
    bench.step(ids[3], Event::Refused("no".to_owned()));
    assert_eq!(bench.state(ids[3]), State::Refused);
    // Posted, but once uncertain: a late double may still come.
    bench.step(ids[4], Event::Send(Step::Operation));
    bench.step(ids[4], Event::Lost);
    bench.step(ids[4], Event::ReadBack(Finding::Absent));
    bench.step(ids[4], Event::ReadBack(Finding::Absent));
    post(&mut bench, ids[4]);
    bench.scan("NEVER");
    bench.scan(COMB);
    let before = bench.figures();
    assert_eq!(forgotten(&mut bench, LATER), 0);
    assert_eq!(bench.figures(), before);
    for (id, state) in
        ids.iter().zip([State::Queued, State::Sending, State::Uncertain, State::Refused, State::Posted])
    {
        assert_eq!((bench.state(*id), bench.lines(*id).len()), (state, 1));
    }
    assert_eq!(bench.db.parked().unwrap().len(), 1);
    bench.step(ids[4], Event::LateChecked(Finding::Absent));
    bench.step(ids[4], Event::LateChecked(Finding::Absent));
    assert_eq!(forgotten(&mut bench, LATER), 1);
}

#[test]
fn a_long_history_goes_a_few_at_a_time() {
    let mut bench = Bench::new();
    for _ in 0..30 {
        let id = queue(&mut bench, SHAMPOO);
        post(&mut bench, id);
    }
    let before = bench.figures();
    let pruned: Vec<_> = (0..3).map(|_| forgotten(&mut bench, LATER)).collect();
    assert_eq!(pruned, [20, 10, 0]);
    assert_eq!(bench.figures(), before);
}

#[test]
fn the_number_of_a_forgotten_operation_is_not_given_again() {
    let mut bench = Bench::new();
    let id = queue(&mut bench, SHAMPOO);
    post(&mut bench, id);
    assert_eq!(forgotten(&mut bench, LATER), 1);
    assert_eq!(queue(&mut bench, SHAMPOO), OperationId(id.0 + 1));
}

#[test]
fn an_operation_with_a_very_long_trail_goes_over_several_steps() {
    let mut bench = Bench::new();
    let id = queue(&mut bench, SHAMPOO);
    post(&mut bench, id);
    let sql = "INSERT INTO events (wall_ms, operation_id, what)
               WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT 5, ?1, 'again' FROM n";
    bench.db.outbox.execute(sql, [id.0]).unwrap();
    let before = bench.figures();
    let steps: Vec<_> = (0..4).map(|_| (forgotten(&mut bench, LATER), rows(&bench, "events"))).collect();
    assert_eq!(steps.iter().map(|(gone, _)| gone).sum::<usize>(), 1);
    assert!(steps.is_sorted_by(|(_, before), (_, after)| before.abs_diff(*after) <= 1000), "{steps:?}");
    assert_eq!(rows(&bench, "events"), 0);
    assert_eq!(bench.figures(), before);
}

#[test]
fn pruning_rests_after_a_round_and_goes_on_where_it_was() {
    let mut bench = Bench::new();
    for _ in 0..1200 {
        bench.scan("$SP.TORN");
    }
    let young = BEGIN.plus_ms(1_100_500);
    let steps: Vec<_> = (0..4).map(|_| bench.db.prune(young).unwrap()).collect();
    assert_eq!(steps.iter().map(|step| step.frames).collect::<Vec<_>>(), [500, 500, 100, 0]);
    assert_eq!(steps.iter().map(|step| step.is_done).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!(bench.figures().scans.refused, 1200);
}
