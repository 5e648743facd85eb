//! How far deliveries are, and what the deliverer is told of.

use super::{Bench, COMB, SHAMPOO, units};
use crate::domain::control::Control;
use crate::domain::delivery::{Event, Finding, State, Step, Way};
use crate::domain::ids::{DocumentId, OperationId, TransactionId};
use crate::domain::operation::CloseReason;
use crate::domain::time::UnixMillis;
use crate::store::Advance;

/// Queues an operation of these goods.
fn queue(bench: &mut Bench, codes: &[&str]) -> OperationId {
    for code in codes {
        bench.scan(code);
    }
    bench.scan(&Control::Close.code());
    bench.db.operations(false, 1).unwrap()[0].id
}

fn done(document: i64, lines: u16) -> Event {
    let transactions = (1..=lines).map(|line| (line, TransactionId(i64::from(line)))).collect();
    Event::Done { document: DocumentId(document), transactions }
}

fn agenda(bench: &Bench) -> Vec<(i64, State)> {
    bench.db.agenda().unwrap().into_iter().map(|(id, delivery)| (id.0, delivery.state)).collect()
}

#[test]
fn what_is_on_its_way_comes_before_late_checks_and_the_oldest_first() {
    let mut bench = Bench::new();
    let ids: Vec<_> = (0..4).map(|_| queue(&mut bench, &[SHAMPOO])).collect();
    // The first was lost once and then posted: it is still looked after. The second is posted and done with.
    bench.step(ids[0], Event::Send(Step::Operation));
    bench.step(ids[0], Event::Lost);
    bench.step(ids[0], Event::Surveyed(Finding::Absent));
    bench.step(ids[0], Event::Surveyed(Finding::Absent));
    for id in &ids[..2] {
        bench.step(*id, Event::Send(Step::Operation));
        bench.step(*id, done(id.0, 1));
    }
    bench.step(ids[2], Event::Send(Step::Operation));
    let expected = [(3, State::Sending), (4, State::Queued), (1, State::Posted)];
    assert_eq!(agenda(&bench), expected);
    assert_eq!(agenda(&bench.reopen("boot-2")), expected);
}

#[test]
fn a_delivery_is_read_back_as_it_was_written() {
    let mut bench = Bench::new();
    let id = queue(&mut bench, &[SHAMPOO, COMB]);
    let mut to = bench.db.pending(id).unwrap().delivery;
    to.state = State::Uncertain;
    to.step = Some(Step::Line(2));
    to.document = Some(DocumentId(77));
    to.lines[0].transaction = Some(TransactionId(5));
    to.lines[1].refusal = Some("no".to_owned());
    to.way = Way::AfterRefusal;
    to.absences = 1;
    to.refusal = Some("perhaps".to_owned());
    to.doubtful = true;
    to.late_checks = 1;
    to.surplus.transactions = vec![TransactionId(8), TransactionId(9)];
    to.surplus.documents = vec![DocumentId(10)];
    to.stuck = Some("ask a person".to_owned());
    let step = Advance { id, from: State::Queued, to, what: "as told".to_owned(), now: UnixMillis(1) };
    assert!(bench.db.advance(&step).unwrap());
    let bench = bench.reopen("boot-2");
    assert_eq!(bench.db.pending(id).unwrap().delivery, step.to);
    assert_eq!(bench.db.events(id).unwrap().last().unwrap().what, "as told");
    assert_eq!(bench.db.owner_of(DocumentId(77)).unwrap(), Some(id));
}

#[test]
fn a_step_from_where_the_delivery_no_longer_is_writes_nothing() {
    let mut bench = Bench::new();
    let id = queue(&mut bench, &[SHAMPOO]);
    let mut stale = bench.db.pending(id).unwrap().delivery;
    bench.step(id, Event::Send(Step::Operation));
    let (before, trail) = (bench.db.pending(id).unwrap().delivery, bench.db.events(id).unwrap().len());
    stale.lines[0].refusal = Some("from another world".to_owned());
    let what = "too late".to_owned();
    let step = Advance { id, from: State::Queued, to: stale, what, now: UnixMillis(1) };
    assert!(!bench.db.advance(&step).unwrap());
    assert_eq!(bench.db.pending(id).unwrap().delivery, before);
    assert_eq!(bench.db.events(id).unwrap().len(), trail);
}

#[test]
fn refused_lines_of_a_posted_operation_become_one_of_their_own() {
    let mut bench = Bench::new();
    let id = queue(&mut bench, &[SHAMPOO, COMB, COMB]);
    bench.step(id, Event::Send(Step::Operation));
    let mut to = bench.db.pending(id).unwrap().delivery;
    to.state = State::Posted;
    to.step = None;
    to.document = Some(DocumentId(7));
    to.lines[0].transaction = Some(TransactionId(70));
    to.lines[1].refusal = Some("The good is archived".to_owned());
    let what = "in part".to_owned();
    let step = Advance { id, from: State::Sending, to, what, now: UnixMillis(1) };
    assert!(bench.db.advance(&step).unwrap());
    assert_eq!(bench.lines(id), [(1, 1, "1".to_owned())]);
    let split = &bench.db.operations(false, 1).unwrap()[0];
    assert_eq!((split.state, split.units, split.split_from), (State::Refused, units(2), Some(id)));
    assert_eq!(split.trouble.as_deref(), Some("The good is archived"));
    assert_ne!(split.marker, bench.db.pending(id).unwrap().operation.marker);
    let figures = bench.figures();
    assert_eq!((figures.of(State::Posted).units, figures.of(State::Refused).units), (units(1), units(2)));
}

#[test]
fn the_dates_fixed_first_stay() {
    let mut bench = Bench::new();
    let id = queue(&mut bench, &[SHAMPOO]);
    bench.db.fix_dates(id, "2026-09-21T10:00:00-04:00", UnixMillis(5)).unwrap();
    bench.db.fix_dates(id, "2026-09-22T11:00:00-04:00", UnixMillis(6)).unwrap();
    let pending = bench.db.pending(id).unwrap();
    assert_eq!(pending.create_date.as_deref(), Some("2026-09-21T10:00:00-04:00"));
    assert_eq!(pending.sent, Some(UnixMillis(5)));
}

#[test]
fn a_closed_operation_cannot_be_closed_again() {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    let changes = bench.session.close_all(CloseReason::Idle);
    bench.db.close_operations(&changes, UnixMillis(9)).unwrap();
    let before = bench.figures();
    assert!(bench.db.close_operations(&changes, UnixMillis(10)).is_err());
    assert_eq!(bench.figures(), before);
    assert_eq!(before.of(State::Queued).operations, 1);
}
