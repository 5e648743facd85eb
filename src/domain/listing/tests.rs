//! The rule on written-out listings, and against listings that change in any way between two requests.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Records pages of these keys, one after the other, and returns the result of the last one.
fn play(pages: &[&[u32]]) -> Result<Step, Fault> {
    let mut reading = Reading::default();
    let mut step = Ok(Step::Ask(1));
    for page in pages {
        assert!(matches!(step, Ok(Step::Ask(_))), "{step:?} before {page:?}");
        step = reading.take(page.len(), page);
    }
    step
}

#[test]
fn a_pass_ends_with_a_page_shorter_than_the_longest_one() {
    assert_eq!(play(&[&[1, 2, 3]]), Ok(Step::Ask(2)));
    assert_eq!(play(&[&[1, 2, 3], &[4]]), Ok(Step::Ask(1)));
}

#[test]
fn an_empty_page_is_asked_for_again_before_it_ends_a_pass() {
    assert_eq!(play(&[&[1, 2], &[]]), Ok(Step::Ask(2)));
    assert_eq!(play(&[&[1, 2], &[], &[3, 4]]), Ok(Step::Ask(3)));
    assert_eq!(play(&[&[1, 2], &[], &[3, 4], &[]]), Ok(Step::Ask(3)));
    assert_eq!(play(&[&[1, 2], &[], &[]]), Ok(Step::Ask(1)));
}

#[test]
fn a_listing_is_empty_if_its_first_page_is_empty_twice() {
    assert_eq!(play(&[&[]]), Ok(Step::Ask(1)));
    assert_eq!(play(&[&[], &[]]), Ok(Step::Complete));
    assert_eq!(play(&[&[], &[1, 2]]), Ok(Step::Ask(2)));
}

#[test]
fn a_reading_is_complete_when_a_second_pass_has_met_every_row_of_the_first() {
    assert_eq!(play(&[&[1, 2], &[3], &[1, 2]]), Ok(Step::Ask(2)));
    assert_eq!(play(&[&[1, 2], &[3], &[1, 2], &[3]]), Ok(Step::Complete));
    assert_eq!(play(&[&[1, 2], &[], &[], &[2, 1]]), Ok(Step::Complete));
    assert_eq!(play(&[&[1, 2], &[3], &[1, 2], &[3, 4]]), Ok(Step::Complete));
}

#[test]
fn a_row_that_vanished_between_two_pages_is_found_by_a_third_pass() {
    // 1 is deleted after the first page, and 3 slips over the boundary.
    assert_eq!(play(&[&[1, 2], &[4], &[2, 3], &[4]]), Ok(Step::Ask(1)));
    assert_eq!(play(&[&[1, 2], &[4], &[2, 3], &[4], &[2, 3], &[4]]), Ok(Step::Complete));
}

#[test]
fn a_pass_in_which_a_row_came_twice_confirms_nothing_later() {
    assert_eq!(play(&[&[3, 2], &[2], &[4, 3], &[2]]), Ok(Step::Ask(1)));
    assert_eq!(play(&[&[3, 2], &[2], &[4, 3], &[2], &[4, 3], &[2]]), Ok(Step::Complete));
}

#[test]
fn a_full_page_without_a_new_row_is_a_fault_and_never_the_end() {
    assert_eq!(play(&[&[1, 2], &[1, 2]]), Err(Fault::Repeated { page: 2 }));
    assert_eq!(play(&[&[1, 2], &[3, 4], &[2, 3]]), Err(Fault::Repeated { page: 3 }));
}

#[test]
fn a_page_longer_than_one_before_it_is_a_fault() {
    assert_eq!(play(&[&[1, 2], &[3, 4, 5]]), Err(Fault::Grown { page: 2, rows: 3 }));
}

#[test]
fn rows_that_cannot_be_read_count_for_the_size_of_a_page() {
    let mut reading = Reading::<u32>::default();
    assert_eq!(reading.take(3, &[1]), Ok(Step::Ask(2)));
    assert_eq!(reading.take(3, &[]), Ok(Step::Ask(3)));
    assert_eq!(reading.take(2, &[2]), Ok(Step::Ask(1)));
}

#[test]
fn a_listing_that_never_rests_or_never_ends_is_a_fault() {
    let mut reading = Reading::default();
    let mut next = 0_u32;
    for _ in 1..PASSES_MAX {
        next += 1;
        assert_eq!(reading.take(1, &[next]), Ok(Step::Ask(2)));
        assert_eq!(reading.take(0, &[]), Ok(Step::Ask(2)));
        assert_eq!(reading.take(0, &[]), Ok(Step::Ask(1)));
    }
    reading.take(1, &[0]).unwrap();
    reading.take(0, &[]).unwrap();
    assert_eq!(reading.take(0, &[]), Err(Fault::Restless));
    let mut pass = Pass { page: PAGES_MAX, rows_max: 1, ..Pass::default() };
    assert_eq!(pass.take(PageCounts { rows: 1, new: 1, repeated: 0 }), Err(Fault::Endless));
}

/// An event that befalls the listing, or an answer, before one request.
#[derive(Debug, Clone, Copy)]
enum Event {
    Calm,
    /// A row is added at this place.
    Add(usize),
    /// The row at this place is deleted.
    Delete(usize),
    /// The row at the first place goes to the second.
    Move(usize, usize),
    /// As many rows as a page holds are added in front.
    Crowd,
    /// The answer is empty, once.
    Empty,
    /// The service gives fewer rows a page from the next pass on.
    Less,
}

fn event() -> impl Strategy<Value = Event> {
    let place = 0_usize..40;
    prop_oneof![
        12 => Just(Event::Calm),
        2 => place.clone().prop_map(Event::Add),
        3 => place.clone().prop_map(Event::Delete),
        1 => (place.clone(), place).prop_map(|(from, to)| Event::Move(from, to)),
        1 => Just(Event::Crowd),
        2 => Just(Event::Empty),
        1 => Just(Event::Less),
    ]
}

/// A listing that a service gives page by page.
struct Service {
    rows: Vec<u32>,
    cap: usize,
    next: u32,
}

impl Service {
    fn add(&mut self, place: usize) {
        self.rows.insert(place.min(self.rows.len()), self.next);
        self.next += 1;
    }

    fn happen(&mut self, event: Event) {
        let place = |place: usize| place % self.rows.len().max(1);
        match event {
            Event::Calm | Event::Empty => {}
            Event::Less => self.cap = (self.cap - 1).max(1),
            Event::Add(at) => self.add(place(at)),
            Event::Crowd => (0..self.cap).for_each(|_| self.add(0)),
            Event::Delete(_) | Event::Move(..) if self.rows.is_empty() => {}
            Event::Delete(at) => {
                self.rows.remove(place(at));
            }
            Event::Move(from, to) => {
                let (from, to) = (place(from), place(to));
                let row = self.rows.remove(from);
                self.rows.insert(to, row);
            }
        }
    }

    fn page(&self, number: u32) -> Vec<u32> {
        let first = (usize::try_from(number).unwrap() - 1) * self.cap;
        self.rows.iter().skip(first).take(self.cap).copied().collect()
    }
}

/// Reads until the reading is complete or faulty; returns the rows that stood through all of it, and those that it
/// holds.
fn read(service: &mut Service, events: &[Event]) -> Option<(BTreeSet<u32>, BTreeSet<u32>)> {
    let mut reading = Reading::default();
    let mut standing: BTreeSet<u32> = service.rows.iter().copied().collect();
    let mut was_empty = false;
    for event in events.iter().copied().chain(std::iter::repeat(Event::Calm)) {
        if !matches!(event, Event::Less) || reading.page() == 1 {
            service.happen(event);
        }
        standing.retain(|row| service.rows.contains(row));
        let is_empty = matches!(event, Event::Empty) && !was_empty;
        was_empty = is_empty;
        let page = if is_empty { Vec::new() } else { service.page(reading.page()) };
        match reading.take(page.len(), &page) {
            Ok(Step::Ask(_)) => {}
            Ok(Step::Complete) => return Some((standing, reading.keys().clone())),
            Err(_) => return None,
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_complete_has_every_row_that_stood_through_the_reading(
        count in 0_u32..30,
        cap in 1_usize..9,
        events in proptest::collection::vec(event(), 0..40),
    ) {
        let mut service = Service { rows: (0..count).collect(), cap, next: 1000 };
        if let Some((standing, keys)) = read(&mut service, &events) {
            prop_assert!(standing.is_subset(&keys), "{standing:?} of {keys:?}");
        }
    }

    #[test]
    fn a_calm_listing_is_complete_after_two_passes_whatever_the_page_size(
        count in 0_u32..60,
        cap in 1_usize..70,
    ) {
        let mut service = Service { rows: (0..count).collect(), cap, next: 1000 };
        let (standing, keys) = read(&mut service, &[]).unwrap();
        prop_assert_eq!(standing, keys);
    }
}
