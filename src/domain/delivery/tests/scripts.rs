//! Every script of six faults, and what stands on the service at the end.
//!
//! The scripts are played all at once, a fault at a time: worlds that are equal go on as one, which counts for all the
//! scripts that led to it. Nothing is left out by that, because the rest of a script depends on the world alone.

use std::collections::HashMap;

use super::model::{Fault, Service, World};
use super::*;

/// Faults in one script.
const SCRIPT_FAULTS: u32 = 6;

/// Steps without a fault within which everything must come to rest.
const CALM_STEPS_MAX: usize = 60;

/// Returns the faults of the scripts; the late request arrives after so many seconds.
fn faults(late_s: u16) -> [Fault; 13] {
    [
        Fault::Fine,
        Fault::NoConnection,
        Fault::Unavailable,
        Fault::LostRequest,
        Fault::LostAnswer,
        Fault::Late(late_s),
        Fault::Truncated,
        Fault::StrangerBefore,
        Fault::StrangerAfter,
        Fault::Partial,
        Fault::DeathBeforeSend,
        Fault::DeathAfterSend,
        Fault::DeathAfterAnswer,
    ]
}

/// The times at which a late request arrives, seen from the first one of an operation that then meets no other fault:
/// before the first reading, between the readings, after both, between the two checks for a late double, and just
/// before the second.
const LATE_S: [u16; 5] = [10, 30, 45, 200, 470];

/// Returns the same faults with a late request at any of these times.
fn faults_of_all_delays() -> Vec<Fault> {
    let others = faults(0).into_iter().filter(|fault| *fault != Fault::Late(0));
    others.chain(LATE_S.map(Fault::Late)).collect()
}

/// The requests that meet the faults of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meets {
    /// All of them.
    Every,
    /// Readings are let through, so that the script is left for what does harm.
    Writes,
}

/// The counts, each script for itself.
#[derive(Debug, Default)]
struct Count {
    scripts: u64,
    steps: u64,
    doubles_removed: u64,
    empty_documents_left: u64,
    /// Scripts after which a line stands twice, and after which one that is not refused does not stand.
    doubled: u64,
    lost: u64,
}

/// The faults of a folder that is copied and restored at any point, among the faults that leave something behind.
const FAULTS_WITH_COPIES: [Fault; 8] = [
    Fault::Fine,
    Fault::LostRequest,
    Fault::LostAnswer,
    Fault::Late(45),
    Fault::Partial,
    Fault::DeathAfterSend,
    Fault::TakeCopy,
    Fault::PutBack,
];

/// Worlds, and how many scripts have led to each.
type Worlds = HashMap<World, u64>;

struct Run<'a> {
    service: Service,
    begins: Strategy,
    operation: Operation,
    faults: &'a [Fault],
    meets: Meets,
    count: Count,
}

impl<'a> Run<'a> {
    fn new(service: Service, begins: Strategy, faults: &'a [Fault], meets: Meets) -> Self {
        let (operation, count) = (operation(service.lines), Count::default());
        Self { service, begins, operation, faults, meets, count }
    }

    /// Plays every script, and on without a fault until all is at rest.
    fn play(&mut self) -> Worlds {
        let mut worlds = Worlds::from([(World::new(&self.operation, self.begins), 1)]);
        for _ in 0..SCRIPT_FAULTS {
            worlds = self.meet_one_fault(worlds);
        }
        self.calm_down(worlds)
    }

    /// Plays every script and checks what stands at the end.
    #[expect(
        clippy::print_stdout,
        reason = "how much was covered is worth knowing; a test that passes shows nothing"
    )]
    fn check(mut self) {
        for (mut world, scripts) in self.play() {
            world.let_arrive(&self.service);
            self.count.scripts += scripts;
            self.count.doubled += u64::from(world.doubled().is_some()) * scripts;
            self.count.lost += u64::from(world.lost(&self.service) > 0) * scripts;
            world.assert_exactly_once(&self.service);
            self.count.empty_documents_left += u64::from(world.empty_documents() > 0) * scripts;
        }
        println!("{:?}, {:?}, faults meet {:?}: {:?}", self.service, self.begins, self.meets, self.count);
        let every_script = u64::try_from(self.faults.len()).unwrap().pow(SCRIPT_FAULTS);
        assert_eq!((self.count.scripts, self.count.doubled, self.count.lost), (every_script, 0, 0));
    }

    /// Brings every world past its next request that meets a fault.
    fn meet_one_fault(&mut self, mut worlds: Worlds) -> Worlds {
        let mut ready = Worlds::new();
        while !worlds.is_empty() {
            let is_let_through = |world: &World| self.meets == Meets::Writes && world.reads_next();
            let (reading, others): (Worlds, Worlds) =
                worlds.into_iter().partition(|(world, _)| is_let_through(world));
            for (world, scripts) in others {
                *ready.entry(world).or_default() += scripts;
            }
            worlds = self.step(reading, &[Fault::Fine]);
        }
        self.step(ready, self.faults)
    }

    fn calm_down(&mut self, mut worlds: Worlds) -> Worlds {
        for _ in 0..CALM_STEPS_MAX {
            if worlds.keys().all(World::is_at_rest) {
                break;
            }
            worlds = self.step(worlds, &[Fault::Fine]);
        }
        worlds
    }

    fn step(&mut self, worlds: Worlds, faults: &[Fault]) -> Worlds {
        let mut next = Worlds::with_capacity(worlds.len());
        for (world, scripts) in worlds {
            for fault in faults {
                if world.is_at_rest() && !fault.is_of_the_folder() {
                    // The rest of the script meets nothing any more, unless somebody moves the folder.
                    *next.entry(world.clone()).or_default() += scripts;
                    continue;
                }
                let mut after = world.clone();
                after.act(&self.service, &self.operation, *fault);
                self.count.steps += scripts;
                let removed = world.doubled().is_some() && after.doubled().is_none();
                self.count.doubles_removed += u64::from(removed) * scripts;
                *next.entry(after).or_default() += scripts;
            }
        }
        next
    }
}

#[test]
fn no_script_of_six_faults_loses_or_doubles_anything() {
    for lines in [1, 3] {
        for late_s in LATE_S {
            for meets in [Meets::Every, Meets::Writes] {
                Run::new(Service::plain(lines), Strategy::OneCall, &faults(late_s), meets).check();
            }
        }
    }
}

#[test]
fn no_script_with_late_requests_of_every_delay_loses_or_doubles_anything() {
    for lines in [1, 2, 3] {
        Run::new(Service::plain(lines), Strategy::OneCall, &faults_of_all_delays(), Meets::Writes).check();
    }
}

#[test]
fn answers_and_listings_without_lines_and_comments_change_nothing_of_that() {
    for lines in [1, 3] {
        let service = Service { is_talkative: false, ..Service::plain(lines) };
        Run::new(service, Strategy::OneCall, &faults_of_all_delays(), Meets::Writes).check();
    }
}

#[test]
fn refused_lines_do_not_stand_and_the_others_do_in_every_script() {
    let cases: [(u16, &[u16]); 5] = [(1, &[1]), (3, &[1]), (3, &[2]), (3, &[2, 3]), (3, &[1, 2, 3])];
    for (lines, refused) in cases {
        for leaves_part in [false, true] {
            for late_s in [45, 200] {
                let service = Service { refused, leaves_part, ..Service::plain(lines) };
                Run::new(service, Strategy::OneCall, &faults(late_s), Meets::Writes).check();
            }
        }
    }
}

#[test]
fn no_script_that_begins_with_the_document_loses_or_doubles_anything() {
    for lines in [1, 2] {
        for is_talkative in [true, false] {
            let service = Service { is_talkative, ..Service::plain(lines) };
            Run::new(service, Strategy::LineByLine, &faults_of_all_delays(), Meets::Writes).check();
        }
    }
    Run::new(Service::plain(3), Strategy::LineByLine, &faults(45), Meets::Writes).check();
    Run::new(Service::plain(3), Strategy::LineByLine, &faults(200), Meets::Every).check();
}

#[test]
fn refused_lines_do_not_stand_in_any_script_that_begins_with_the_document() {
    let cases: [(u16, &[u16]); 4] = [(1, &[1]), (2, &[1]), (3, &[2]), (3, &[1, 2, 3])];
    for (lines, refused) in cases {
        let service = Service { refused, ..Service::plain(lines) };
        Run::new(service, Strategy::LineByLine, &faults(200), Meets::Writes).check();
    }
}

#[test]
fn what_a_person_has_tried_again_stands_once_in_every_script() {
    let faults = [
        Fault::Fine,
        Fault::LostRequest,
        Fault::LostAnswer,
        Fault::Partial,
        Fault::Late(30),
        Fault::Late(200),
        Fault::Late(470),
        Fault::Forbidden,
    ];
    for (lines, begins) in
        [(1, Strategy::OneCall), (3, Strategy::OneCall), (1, Strategy::LineByLine), (2, Strategy::LineByLine)]
    {
        let mut run = Run::new(Service::plain(lines), begins, &faults, Meets::Writes);
        let (refused, others): (Worlds, Worlds) =
            run.play().into_iter().partition(|(world, _)| world.delivery.state == State::Refused);
        for world in refused.keys().chain(others.keys()) {
            world.assert_told_if_doubled();
        }
        // Only one call brings lines with it; what is late of the other strategy is an empty document.
        let stood = refused.keys().any(|world| world.delivery.stuck.is_some());
        assert_eq!(stood, begins == Strategy::OneCall, "lines stand though refused");
        let retried = refused.into_iter().map(|(mut world, scripts)| {
            world.retry();
            (world, scripts)
        });
        for world in run.calm_down(retried.collect()).keys() {
            world.assert_exactly_once(&run.service);
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how much was covered is worth knowing")]
fn no_copy_that_is_put_back_at_any_point_loses_or_doubles_anything() {
    for (lines, begins) in
        [(1, Strategy::OneCall), (3, Strategy::OneCall), (1, Strategy::LineByLine), (2, Strategy::LineByLine)]
    {
        for meets in [Meets::Every, Meets::Writes] {
            let mut run = Run::new(Service::plain(lines), begins, &FAULTS_WITH_COPIES, meets);
            let (mut scripts, mut asked) = (0, 0);
            let mut undecided = Worlds::new();
            for (mut world, count) in run.play() {
                scripts += count;
                world.let_arrive(&run.service);
                if world.asks_a_person() {
                    asked += count;
                    world.decide();
                    *undecided.entry(world).or_default() += count;
                } else {
                    world.assert_exactly_once(&run.service);
                }
            }
            for world in run.calm_down(undecided).keys().filter(|world| !world.asks_a_person()) {
                world.assert_exactly_once(&run.service);
            }
            println!(
                "{lines} lines, {begins:?}, faults meet {meets:?}: {scripts} scripts, a person asked in {asked}"
            );
            assert_eq!(scripts, 8_u64.pow(SCRIPT_FAULTS));
        }
    }
}
