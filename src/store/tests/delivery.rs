//! Tests of the progress of deliveries, and of the agenda of the deliverer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Bench, COMB, SHAMPOO, units};
use crate::domain::code::control::Control;
use crate::domain::delivery::Event;
use crate::domain::delivery::Finding;
use crate::domain::delivery::State;
use crate::domain::delivery::Step;
use crate::domain::delivery::Strategy;
use crate::domain::ids::{DocumentId, OperationId, TransactionId};
use crate::domain::stock::operation::CloseReason;
use crate::domain::time::UnixMillis;
use crate::store::{Advance, Db, Failure, OperationFilter};

/// Queues an operation of these goods.
fn queue(bench: &mut Bench, codes: &[&str]) -> OperationId {
    for code in codes {
        bench.scan(code);
    }
    bench.scan(&Control::Close.code());
    bench.db.operations(OperationFilter::All, 1).unwrap()[0].id
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
    // The first was lost once and then posted: it is still looked after. The second is posted and finished.
    bench.step(ids[0], Event::Send(Step::Operation));
    bench.step(ids[0], Event::Lost);
    bench.step(ids[0], Event::ReadBack(Finding::Absent));
    bench.step(ids[0], Event::ReadBack(Finding::Absent));
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
    to.strategy = Strategy::AfterRefusal;
    to.absences = 1;
    to.refusal = Some("perhaps".to_owned());
    to.doubtful = true;
    to.late_checks = 1;
    to.surplus.transactions = vec![TransactionId(8), TransactionId(9)];
    to.surplus.documents = vec![DocumentId(10)];
    to.stuck = Some("ask a person".to_owned());
    let step = Advance { id, from: State::Queued, to, what: "as planned".to_owned(), now: UnixMillis(1) };
    assert!(bench.db.advance(&step).unwrap());
    let bench = bench.reopen("boot-2");
    assert_eq!(bench.db.pending(id).unwrap().delivery, step.to);
    assert_eq!(bench.db.events(id).unwrap().last().unwrap().what, "as planned");
    assert_eq!(bench.db.operation_of(DocumentId(77)).unwrap(), Some(id));
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
    let split = &bench.db.operations(OperationFilter::All, 1).unwrap()[0];
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
    bench.db.fix_dates(id, "2026-09-21T10:00:00-04:00", UnixMillis(5), Some(UnixMillis(3))).unwrap();
    bench.db.fix_dates(id, "2026-09-22T11:00:00-04:00", UnixMillis(6), Some(UnixMillis(4))).unwrap();
    let pending = bench.db.pending(id).unwrap();
    assert_eq!(pending.create_date.as_deref(), Some("2026-09-21T10:00:00-04:00"));
    assert_eq!((pending.sent, pending.server_sent), (Some(UnixMillis(5)), Some(UnixMillis(3))));
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

/// The agenda of a store and the delivery itself agree on the next action.
#[test]
fn the_agenda_says_of_each_operation_what_its_delivery_says() {
    let mut bench = Bench::new();
    for events in [
        vec![],
        vec![Event::Send(Step::Operation)],
        vec![Event::Send(Step::Operation), Event::Lost],
        vec![Event::Send(Step::Operation), Event::Lost, Event::ReadBack(Finding::Conflict("odd".to_owned()))],
        vec![
            Event::Send(Step::Operation),
            Event::Lost,
            Event::ReadBack(Finding::Absent),
            Event::ReadBack(Finding::Absent),
        ],
    ] {
        let id = queue(&mut bench, &[SHAMPOO]);
        for event in events {
            bench.step(id, event);
        }
    }
    let agenda = bench.db.agenda().unwrap();
    assert_eq!(agenda.len(), 5);
    for (id, waiting) in agenda {
        let delivery = bench.db.pending(id).unwrap().delivery;
        assert_eq!((waiting.state, waiting.awaits), (delivery.state, delivery.glance().awaits()));
    }
}

fn fail(bench: &mut Bench, id: OperationId, retry_ms: i64) -> u32 {
    let failure = Failure { id, fault: "no".to_owned(), retry_at: UnixMillis(retry_ms), now: UnixMillis(5) };
    bench.db.count_failure(&failure).unwrap().unwrap().failures
}

#[test]
fn what_fails_comes_last_by_its_next_try_and_is_remembered() {
    let mut bench = Bench::new();
    let ids: Vec<_> = (0..3).map(|_| queue(&mut bench, &[SHAMPOO])).collect();
    assert_eq!(
        [fail(&mut bench, ids[0], 900), fail(&mut bench, ids[1], 300), fail(&mut bench, ids[1], 700)],
        [1, 1, 2]
    );
    bench.db.note_person_called(ids[1]).unwrap();
    let bench = bench.reopen("boot-2");
    let order: Vec<_> =
        bench.db.agenda().unwrap().iter().map(|(id, waiting)| (id.0, waiting.failures)).collect();
    assert_eq!(order, [(3, 0), (2, 2), (1, 1)]);
    let failing = bench.db.summary(ids[1]).unwrap().failing.unwrap();
    assert_eq!((failing.failures, failing.retry_at, failing.is_person_called), (2, UnixMillis(700), true));
}

#[test]
fn only_what_brings_an_operation_on_makes_its_failures_forgotten() {
    let mut bench = Bench::new();
    let id = queue(&mut bench, &[SHAMPOO, COMB]);
    bench.step(id, Event::Send(Step::Operation));
    bench.step(id, Event::Lost);
    fail(&mut bench, id, 900);
    bench.step(id, Event::ReadBack(Finding::Absent));
    bench.step(id, Event::ReadBack(Finding::Absent));
    bench.step(id, Event::Send(Step::Operation));
    bench.step(id, Event::NotDone);
    assert_eq!(bench.db.failures(id).unwrap(), 1, "nothing of it stands");
    bench.step(id, Event::Send(Step::Operation));
    bench.step(id, done(7, 2));
    assert_eq!((bench.db.failures(id).unwrap(), bench.db.summary(id).unwrap().failing), (0, None));
    fail(&mut bench, id, 900);
    assert!(bench.db.try_now(id).unwrap());
    assert!(!bench.db.try_now(id).unwrap());
}

#[test]
fn the_agenda_is_read_again_only_when_something_changed() {
    let mut bench = Bench::new();
    queue(&mut bench, &[SHAMPOO]);
    let seen = bench.db.agenda_since(None).unwrap().unwrap().version;
    assert!(bench.db.agenda_since(Some(seen)).unwrap().is_none());
    queue(&mut bench, &[COMB]);
    let agenda = bench.db.agenda_since(Some(seen)).unwrap().unwrap();
    assert_eq!(agenda.waiting.len(), 2);
    // A command beside the agent.
    let mut beside = Db::open_beside(bench.dir.path(), "dock-1").unwrap().unwrap();
    beside.note("a word", UnixMillis(9)).unwrap();
    assert!(bench.db.agenda_since(Some(agenda.version)).unwrap().is_some());
}

/// Counts the steps of SQLite's machine that an act takes: unlike time they are the same on every machine.
fn steps(db: &mut Db, act: impl FnOnce(&mut Db)) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let count_one = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    db.outbox.progress_handler(1, Some(count_one)).unwrap();
    act(db);
    db.outbox.progress_handler(1, None::<fn() -> bool>).unwrap();
    count.load(Ordering::Relaxed)
}

#[test]
fn the_agenda_costs_by_its_operations_never_by_their_lines_and_nothing_while_nothing_changes() {
    let mut cost = [1, 2].map(|lines| {
        let mut bench = Bench::new();
        for _ in 0..40 {
            queue(&mut bench, &[SHAMPOO, COMB][..lines]);
        }
        bench
    });
    let [one, two] = &mut cost;
    let agenda = |db: &mut Db| assert_eq!(db.agenda().unwrap().len(), 40);
    // The first time the statement is made.
    agenda(&mut one.db);
    agenda(&mut two.db);
    let [of_one, of_two] = [one, two].map(|bench| steps(&mut bench.db, agenda));
    assert_eq!(of_one, of_two);
    assert!(of_one <= 40 * 60, "{of_one} steps for 40 operations");
    let db = &mut cost[0].db;
    let version = db.agenda_since(None).unwrap().unwrap().version;
    let unchanged = steps(db, |db| assert!(db.agenda_since(Some(version)).unwrap().is_none()));
    assert!(unchanged <= 10, "{unchanged} steps to see that nothing changed");
}

#[test]
fn an_operation_is_read_and_written_once_for_each_of_its_lines() {
    let mut bench = Bench::new();
    let [one, two] = [&[SHAMPOO][..], &[SHAMPOO, COMB]].map(|codes| queue(&mut bench, codes));
    let mut pending = |id| {
        let _made = bench.db.pending(id).unwrap();
        steps(&mut bench.db, |db| assert_eq!(db.pending(id).unwrap().operation.id, id))
    };
    let (of_one, of_two) = (pending(one), pending(two));
    assert!(of_two - of_one <= 20, "{of_one} and {of_two} steps");
}
