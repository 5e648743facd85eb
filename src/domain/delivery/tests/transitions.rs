//! Tests of the result of each event, and of the events that are impossible.

use super::*;

/// Applies events to a queued operation of so many lines, and returns the state and the next action after each.
fn walk(lines: u16, events: &[Event]) -> String {
    let mut delivery = Delivery::queued(&operation(lines));
    let mut told = Vec::new();
    for event in events {
        delivery = delivery.apply(event.clone()).unwrap();
        told.push(format!("{} {:?}", delivery.state, delivery.next()));
    }
    told.join("; ")
}

/// Returns the delivery after these events.
fn after(lines: u16, events: &[Event]) -> Delivery {
    let start = Delivery::queued(&operation(lines));
    events.iter().fold(start, |delivery, event| delivery.apply(event.clone()).unwrap())
}

const SEND: Event = Event::Send(Step::Operation);
const SEND_DOCUMENT: Event = Event::Send(Step::Document);
const ABSENT: Event = Event::ReadBack(Finding::Absent);
const LATE_ABSENT: Event = Event::LateChecked(Finding::Absent);

fn send_line(number: u16) -> Event {
    Event::Send(Step::Line(number))
}

/// Returns the ids of lines: 11, 12 and so on. The document has 5.
fn transactions(numbers: &[u16]) -> Vec<(u16, TransactionId)> {
    numbers.iter().map(|number| (*number, TransactionId(10 + i64::from(*number)))).collect()
}

fn done(numbers: &[u16]) -> Event {
    Event::Done { document: DocumentId(5), transactions: transactions(numbers) }
}

fn finding(numbers: &[u16]) -> Finding {
    let surplus = Surplus::default();
    Finding::Found(Found { document: DocumentId(5), transactions: transactions(numbers), surplus })
}

fn found(numbers: &[u16]) -> Event {
    Event::ReadBack(finding(numbers))
}

/// Returns a reading of a one-line operation that shows a younger twin, document 7 with line 17.
fn twin() -> Finding {
    let surplus = Surplus { transactions: vec![TransactionId(17)], documents: vec![DocumentId(7)] };
    Finding::Found(Found { document: DocumentId(5), transactions: transactions(&[1]), surplus })
}

fn refused() -> Event {
    Event::Refused("no such good".to_owned())
}

fn conflict() -> Finding {
    Finding::Conflict("a line was never sent".to_owned())
}

fn barred() -> Event {
    Event::Barred("not yours".to_owned())
}

/// Returns one event of each kind, by its name.
fn every_event() -> Vec<(&'static str, Event)> {
    vec![
        ("send", SEND),
        ("done", done(&[1])),
        ("unproven", Event::Unproven { document: None }),
        ("not-done", Event::NotDone),
        ("lost", Event::Lost),
        ("refused", refused()),
        ("surveyed", ABSENT),
        ("late-surveyed", LATE_ABSENT),
        ("line-removed", Event::TransactionRemoved(TransactionId(1))),
        ("document-removed", Event::DocumentRemoved(DocumentId(1))),
        ("died", Event::Died),
        ("barred", barred()),
        ("unsayable", Event::Unsayable(vec![(1, "too many digits".to_owned())])),
        ("retry", Event::Retry),
        ("revoke", Event::Revoke),
        ("still-there", Event::StillThere(Vec::new())),
        ("kept", Event::Kept(String::new())),
    ]
}

#[test]
fn these_events_and_no_others_are_possible_in_each_state() {
    let possible = |state: State| {
        let delivery = Delivery { state, ..Delivery::queued(&operation(1)) };
        let events = every_event().into_iter().filter(|(_, event)| delivery.apply(event.clone()).is_ok());
        format!("{state}: {}", events.map(|(name, _)| name).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(
        State::ALL.map(possible),
        [
            "open: ",
            "queued: send line-removed document-removed barred unsayable",
            "sending: done unproven not-done lost refused died",
            "uncertain: surveyed retry",
            "posted: late-surveyed line-removed document-removed",
            "refused: late-surveyed line-removed document-removed retry",
            "cancelled: ",
        ]
    );
}

#[test]
fn an_impossible_event_says_what_and_where() {
    let error = Delivery::queued(&operation(1)).apply(Event::Died).unwrap_err();
    assert_eq!(error.to_string(), "a delivery that is queued takes no Died");
}

#[test]
fn the_word_of_a_state_leads_back_to_it() {
    for state in State::ALL {
        assert_eq!(State::from_word(state.as_str()), Some(state));
    }
    assert_eq!(State::from_word("gone"), None);
}

#[test]
fn a_whole_answer_posts_and_nothing_more_is_asked() {
    assert_eq!(walk(2, &[SEND, done(&[1, 2])]), "sending ReadBack; posted Rest");
    let posted = after(2, &[SEND, done(&[1, 2])]);
    assert_eq!(posted.document, Some(DocumentId(5)));
    let ids: Vec<_> = posted.lines.iter().map(|line| line.transaction).collect();
    assert_eq!(ids, [Some(TransactionId(11)), Some(TransactionId(12))]);
}

#[test]
fn what_was_certainly_not_done_is_sent_again_at_once() {
    assert_eq!(walk(1, &[SEND, Event::NotDone]), "sending ReadBack; queued Send(Operation)");
}

#[test]
fn a_lost_answer_is_never_resent_before_two_readings_without_it() {
    let resent = "sending ReadBack; uncertain ReadBack; uncertain ReadBack; queued Send(Operation)";
    for lost in [Event::Lost, Event::Died, Event::Unproven { document: None }] {
        assert_eq!(walk(1, &[SEND, lost, ABSENT, ABSENT]), resent);
    }
}

#[test]
fn each_lost_request_needs_two_readings_of_its_own() {
    let again = [SEND, Event::Lost, ABSENT, ABSENT, SEND, Event::Lost, ABSENT];
    assert_eq!(after(1, &again).state, State::Uncertain);
}

#[test]
fn a_found_document_posts_and_a_late_double_is_looked_for_twice() {
    assert_eq!(
        walk(1, &[SEND, Event::Lost, ABSENT, found(&[1]), LATE_ABSENT, LATE_ABSENT]),
        "sending ReadBack; uncertain ReadBack; uncertain ReadBack; posted LateCheck; posted LateCheck; posted Rest"
    );
}

#[test]
fn an_answer_that_came_cannot_come_late() {
    let unproven = Event::Unproven { document: Some(DocumentId(5)) };
    assert_eq!(walk(1, &[SEND, unproven, found(&[1])]), "sending ReadBack; uncertain ReadBack; posted Rest");
}

#[test]
fn a_late_double_is_removed_line_first_and_looked_for_once_more() {
    let events = [
        SEND,
        Event::Lost,
        found(&[1]),
        Event::LateChecked(twin()),
        Event::TransactionRemoved(TransactionId(17)),
        Event::DocumentRemoved(DocumentId(7)),
        Event::LateChecked(finding(&[1])),
    ];
    assert_eq!(
        walk(1, &events),
        "sending ReadBack; uncertain ReadBack; posted LateCheck; posted RemoveTransaction(TransactionId(17)); \
         posted RemoveDocument(DocumentId(7)); posted LateCheck; posted Rest"
    );
    assert_eq!(after(1, &events).document, Some(DocumentId(5)));
}

#[test]
fn missing_lines_are_added_to_the_document_that_stands() {
    let events = [
        SEND,
        Event::Lost,
        found(&[1]),
        found(&[1]),
        send_line(2),
        done(&[2]),
        send_line(3),
        Event::Lost,
        found(&[1, 2, 3]),
    ];
    assert_eq!(
        walk(3, &events),
        "sending ReadBack; uncertain ReadBack; uncertain ReadBack; queued Send(Line(2)); sending ReadBack; \
         queued Send(Line(3)); sending ReadBack; uncertain ReadBack; posted LateCheck"
    );
}

/// Returns the events of a refusal in one call with nothing of it found, then line by line as well.
fn refused_both_ways() -> Vec<Event> {
    let gone = Event::DocumentRemoved(DocumentId(5));
    vec![SEND, refused(), ABSENT, ABSENT, SEND_DOCUMENT, done(&[]), send_line(1), refused(), gone]
}

#[test]
fn a_refused_operation_of_one_line_may_be_refused_for_its_form_and_is_tried_the_other_way() {
    assert_eq!(
        walk(1, &refused_both_ways()),
        "sending ReadBack; uncertain ReadBack; uncertain ReadBack; queued Send(Document); sending ReadBack; \
         queued Send(Line(1)); sending ReadBack; queued RemoveDocument(DocumentId(5)); refused Rest"
    );
    let delivery = after(1, &refused_both_ways());
    assert_eq!(delivery.lines[0].refusal.as_deref(), Some("no such good"));
    assert!(!delivery.shows_one_call_refused());
}

#[test]
fn what_was_refused_in_one_call_and_stands_whole_line_by_line_shows_that_the_form_is_refused() {
    let posted = |lines: u16, before: &[Event], line: Event| {
        let events = [before, &[SEND_DOCUMENT, done(&[]), send_line(1), done(&[1]), send_line(2), line]];
        let delivery = after(lines, &events.concat());
        assert_eq!(delivery.state, State::Posted);
        delivery.shows_one_call_refused()
    };
    assert!(posted(2, &[SEND, refused(), ABSENT, ABSENT], done(&[2])));
    // The line was at fault.
    assert!(!posted(2, &[SEND, refused(), ABSENT, ABSENT], refused()));
    // It was lost, never refused.
    let in_part = [SEND, Event::Lost, found(&[1]), found(&[1]), send_line(2), done(&[2])];
    assert!(!after(2, &in_part).shows_one_call_refused());
    // The server took part of it: it knows the form.
    let in_part = [SEND, refused(), found(&[1]), found(&[1]), send_line(2), done(&[2])];
    assert!(!after(2, &in_part).shows_one_call_refused());
}

#[test]
fn an_operation_may_begin_line_by_line_and_keeps_the_way_it_began() {
    let begun = Delivery::queued(&operation(2)).begun(Strategy::LineByLine);
    assert_eq!(begun.next(), Next::Send(Step::Document));
    let events = [SEND_DOCUMENT, done(&[]), send_line(1), Event::Lost];
    let lost = events.iter().fold(begun, |delivery, event| delivery.apply(event.clone()).unwrap());
    assert_eq!(lost.trace(), Trace::In(DocumentId(5)));
    assert_eq!(lost.clone().begun(Strategy::OneCall), lost);
    let in_part = after(2, &[SEND, Event::Lost, found(&[1]), found(&[1])]);
    assert_eq!(in_part.clone().begun(Strategy::AfterRefusal), in_part);
    assert_eq!(after(2, &[SEND, Event::Lost]).trace(), Trace::Anywhere);
}

#[test]
fn the_refusing_line_is_found_by_posting_one_after_the_other() {
    let events = [
        SEND,
        refused(),
        ABSENT,
        ABSENT,
        SEND_DOCUMENT,
        done(&[]),
        send_line(1),
        refused(),
        send_line(2),
        done(&[2]),
    ];
    assert_eq!(
        walk(2, &events),
        "sending ReadBack; uncertain ReadBack; uncertain ReadBack; queued Send(Document); sending ReadBack; \
         queued Send(Line(1)); sending ReadBack; queued Send(Line(2)); sending ReadBack; posted Rest"
    );
    let refusals: Vec<_> = after(2, &events).lines.into_iter().map(|line| line.refusal).collect();
    assert_eq!(refusals, [Some("no such good".to_owned()), None]);
}

#[test]
fn a_document_all_of_whose_lines_are_refused_is_removed() {
    let events = [
        SEND,
        refused(),
        found(&[]),
        found(&[]),
        send_line(1),
        refused(),
        Event::DocumentRemoved(DocumentId(5)),
    ];
    assert_eq!(
        walk(1, &events),
        "sending ReadBack; uncertain ReadBack; uncertain ReadBack; queued Send(Line(1)); sending ReadBack; \
         queued RemoveDocument(DocumentId(5)); refused Rest"
    );
    assert_eq!(after(1, &events).document, None);
}

#[test]
fn a_refused_document_refuses_every_line() {
    let refused_twice = [SEND, refused(), ABSENT, ABSENT, SEND_DOCUMENT, refused()];
    let delivery = after(2, &refused_twice);
    assert_eq!(delivery.state, State::Refused);
    assert!(delivery.lines.iter().all(|line| line.refusal.is_some()));
}

#[test]
fn a_refusal_after_which_all_stands_is_forgotten() {
    let delivery = after(2, &[SEND, refused(), found(&[1, 2])]);
    assert_eq!((delivery.state, delivery.refusal), (State::Posted, None));
}

#[test]
fn a_line_that_stands_is_not_refused() {
    let delivery = after(
        3,
        &[
            SEND,
            Event::Lost,
            found(&[1]),
            found(&[1]),
            send_line(2),
            refused(),
            send_line(3),
            Event::Lost,
            found(&[1, 2, 3]),
        ],
    );
    assert_eq!(delivery.state, State::Posted);
    assert!(delivery.lines.iter().all(|line| line.refusal.is_none()));
}

#[test]
fn what_was_never_sent_waits_for_a_person_and_is_read_back_when_told_to() {
    let events = [SEND, Event::Lost, Event::ReadBack(conflict()), Event::Retry, ABSENT, ABSENT];
    assert_eq!(
        walk(1, &events),
        "sending ReadBack; uncertain ReadBack; uncertain Rest; uncertain ReadBack; uncertain ReadBack; \
         queued Send(Operation)"
    );
}

#[test]
fn a_late_line_that_was_never_sent_is_shown_and_does_not_end_the_looking() {
    let events = [SEND, Event::Lost, found(&[1]), Event::LateChecked(conflict())];
    let delivery = after(1, &events);
    assert_eq!(delivery.stuck.as_deref(), Some("a line was never sent"));
    assert_eq!((delivery.state, delivery.next()), (State::Posted, Next::LateCheck));
}

#[test]
fn a_late_line_that_is_gone_at_the_second_look_is_shown_no_longer() {
    let looks = [Event::LateChecked(conflict()), Event::LateChecked(finding(&[1]))];
    let delivery = after(1, &[&[SEND, Event::Lost, found(&[1])][..], &looks].concat());
    assert_eq!((delivery.stuck, delivery.state), (None, State::Posted));
    let looks = [Event::LateChecked(finding(&[1])), Event::LateChecked(conflict())];
    let delivery = after(1, &[&[SEND, Event::Lost, found(&[1])][..], &looks].concat());
    assert!(delivery.stuck.is_some());
}

#[test]
fn what_the_token_may_not_post_is_refused_and_what_stands_stays() {
    assert_eq!(
        walk(1, &[SEND, Event::NotDone, barred()]),
        "sending ReadBack; queued Send(Operation); refused Rest"
    );
    let events =
        [SEND, Event::Lost, found(&[1]), found(&[1]), send_line(2), Event::NotDone, barred(), LATE_ABSENT];
    let delivery = after(2, &events);
    assert_eq!(delivery.state, State::Posted);
    let refusals: Vec<_> = delivery.lines.into_iter().map(|line| line.refusal).collect();
    assert_eq!(refusals, [None, Some("not yours".to_owned())]);
}

#[test]
fn a_refused_operation_starts_afresh_at_a_person_s_word() {
    let delivery = after(1, &[refused_both_ways(), vec![Event::Retry]].concat());
    assert_eq!(delivery.next(), Next::Send(Step::Operation));
    assert_eq!(delivery, Delivery::queued(&operation(1)));
}

#[test]
fn a_document_that_stands_although_it_was_refused_is_found_before_it_is_sent_again() {
    let refused_after_loss = [SEND, Event::Lost, ABSENT, ABSENT, SEND, Event::NotDone, barred()];
    let stands = [&refused_after_loss[..], &[Event::LateChecked(finding(&[1]))]].concat();
    assert_eq!(after(1, &stands).stuck.as_deref(), Some("document 5 stands although it was refused"));
    assert_eq!(after(1, &stands).next(), Next::Rest);
    let retried = [&stands[..], &[Event::Retry]].concat();
    assert_eq!(after(1, &retried).next(), Next::ReadBack);
    let found = [&retried[..], &[found(&[1])]].concat();
    assert_eq!((after(1, &found).state, after(1, &found).stuck), (State::Posted, None));
    let absent = [&retried[..], &[ABSENT, ABSENT]].concat();
    assert_eq!(after(1, &absent).next(), Next::Send(Step::Operation));
}

/// Returns a delivery that was posted in one call and is to be deleted because a person asked for it.
fn revoked(lines: u16, more: &[Event]) -> Delivery {
    let numbers: Vec<u16> = (1..=lines).collect();
    let posted = after(lines, &[SEND, done(&numbers), Event::Revoke]);
    more.iter().fold(posted, |delivery, event| delivery.apply(event.clone()).unwrap())
}

fn removed(number: u16) -> Event {
    Event::TransactionRemoved(TransactionId(10 + i64::from(number)))
}

#[test]
fn what_a_person_has_deleted_goes_line_by_line_then_its_document_and_counts_as_posted_until_then() {
    let delivery = revoked(2, &[]);
    assert_eq!(delivery.next(), Next::RemoveTransaction(TransactionId(11)));
    let delivery = revoked(2, &[removed(1), removed(2)]);
    assert_eq!((delivery.state, delivery.next()), (State::Posted, Next::RemoveDocument(DocumentId(5))));
    let delivery = revoked(2, &[removed(1), removed(2), Event::DocumentRemoved(DocumentId(5))]);
    assert_eq!((delivery.state, delivery.next()), (State::Cancelled, Next::Rest));
    assert_eq!(delivery.document, Some(DocumentId(5)));
}

#[test]
fn a_line_that_is_read_back_though_it_was_deleted_is_deleted_again() {
    let delivery = revoked(2, &[removed(1), removed(2), Event::StillThere(vec![TransactionId(12)])]);
    assert_eq!(delivery.next(), Next::RemoveTransaction(TransactionId(12)));
}

#[test]
fn what_the_server_does_not_let_be_deleted_stays_posted_and_says_so() {
    let delivery = revoked(2, &[Event::Kept("no right".to_owned())]);
    assert_eq!((delivery.state, delivery.next()), (State::Posted, Next::Rest));
    assert_eq!(delivery.stuck.as_deref(), Some("it could not be deleted: no right"));
    assert!(revoked(2, &[]).is_revoked_untouched());
    assert!(!revoked(2, &[removed(1)]).is_revoked_untouched());
}

#[test]
fn nothing_is_deleted_of_which_a_double_may_still_come() {
    let doubtful = [SEND, Event::Lost, found(&[1])];
    assert!(after(1, &doubtful).apply(Event::Revoke).is_err());
    let look = Event::LateChecked(finding(&[1]));
    let looked = [&doubtful[..], &[look.clone(), look]].concat();
    assert!(after(1, &looked).apply(Event::Revoke).is_ok());
    assert!(revoked(1, &[]).apply(Event::Revoke).is_err());
}

#[test]
fn lines_that_cannot_be_said_are_refused_and_the_rest_goes_line_by_line() {
    let unsayable = |numbers: &[u16]| {
        Event::Unsayable(numbers.iter().map(|number| (*number, "too many digits".to_owned())).collect())
    };
    assert_eq!(
        walk(
            3,
            &[
                unsayable(&[2]),
                SEND_DOCUMENT,
                document_made(),
                send_line(1),
                done(&[1]),
                send_line(3),
                done(&[3])
            ]
        ),
        "queued Send(Document); sending ReadBack; queued Send(Line(1)); sending ReadBack; queued Send(Line(3)); \
         sending ReadBack; posted Rest"
    );
    assert_eq!(walk(2, &[unsayable(&[1, 2])]), "refused Rest");
    // A line that stands is not refused, whatever the server answered about it.
    let stands = [SEND, Event::Lost, found(&[1]), found(&[1]), unsayable(&[1, 2])];
    let lines = after(2, &stands).lines;
    assert_eq!(lines.iter().map(|line| line.refusal.is_some()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(after(2, &stands).state, State::Posted);
}

fn document_made() -> Event {
    done(&[])
}
