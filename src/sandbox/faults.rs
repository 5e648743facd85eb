//! Faults: the failures between the station and the service, their times, and whether the service acts.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Answer;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::operation;
use super::options::GoodRow;
use super::route;
use super::state::RequestRecord;
use super::state::State;
use crate::domain::ids::GoodId;

/// A failure of one request. "Acts" means that the request is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No failure: an entry of the script that lets one request through.
    Pass,
    /// Closes the connection, never acts.
    DropBefore,
    /// Acts, then closes the connection without an answer.
    ActThenDrop,
    /// Closes the connection at once and acts later, even if the client has sent other requests meanwhile.
    Late {
        /// The delay until it acts, in milliseconds.
        ms: u64,
    },
    /// Acts and answers late; a client may have given up by then.
    Slow {
        /// The delay, in milliseconds.
        ms: u64,
    },
    /// Acts, sends the head and half the body of the answer, then closes the connection.
    Truncated,
    /// Acts, answers 200 without a body.
    EmptyBody,
    /// Acts, answers this status (a 5xx) with an error of the service.
    ActThenStatus(u16),
    /// Answers this status with the service's envelope, never acts.
    Refuse {
        /// Any 4xx or 5xx.
        status: u16,
        /// The words for people.
        message: String,
    },
    /// Answers 200 with `success: false`, never acts.
    SuccessFalse {
        /// The words for people.
        message: String,
    },
    /// Answers 502 with a web page, never acts.
    Html502,
    /// Answers 200 with an empty list, never acts.
    EmptyList,
    /// Another program changes something first; then acts. Between two pages of a listing, the change moves rows from
    /// one page to the other.
    Meanwhile(Change),
    /// A device between the station and the service answers in its place: a gateway, a proxy, a login page. The request
    /// is not passed on.
    Stranger {
        /// Any status.
        status: u16,
        /// The body of the answer.
        body: Foreign,
    },
    /// The same as [`Fault::Stranger`], after the request was passed on and carried out.
    ActThenStranger {
        /// Any status.
        status: u16,
        /// The body of the answer.
        body: Foreign,
    },
    /// Answers 401, never acts.
    Unauthorized,
    /// Answers 403, never acts.
    Forbidden,
    /// Answers 429, never acts.
    TooMany {
        /// The `Retry-After` header, in seconds.
        retry_after_s: Option<u64>,
        /// The wait that the message names, in seconds; without it the body is empty.
        message_s: Option<u64>,
    },
    /// Makes the document of an operation and its first lines, then closes the connection. Any other request is treated
    /// as by [`Fault::ActThenDrop`].
    PartialApply {
        /// The number of lines that are made.
        lines: usize,
    },
    /// The same as [`Fault::PartialApply`], but answers 422.
    PartialRefuse {
        /// The number of lines that are made.
        lines: usize,
    },
}

/// A change that another program makes on the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Removes a good from the table.
    GoodRemoved(GoodId),
    /// Adds a good to the table or replaces it.
    GoodPut(Box<GoodRow>),
    /// Books another program's receipt with this many lines, each of one piece of this good.
    Booked {
        /// The good.
        good: GoodId,
        /// The number of lines.
        lines: usize,
    },
}

/// The body of an answer that is not the service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// A web page.
    Page,
    /// An empty body.
    Empty,
    /// `{"message":"no Route matched with those values"}`, as a well-known gateway words it.
    Json,
    /// `{"success":false,"message":"Forbidden"}`, which is close to the service's form but not the same.
    NearlyJson,
    /// `{}`
    EmptyObject,
    /// `[]`
    EmptyList,
}

impl Foreign {
    /// All bodies.
    pub const ALL: [Self; 6] =
        [Self::Page, Self::Empty, Self::Json, Self::NearlyJson, Self::EmptyObject, Self::EmptyList];
}

/// The duration of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// Until [`super::Sandbox::recover`].
    UntilRecovered,
    /// For this many of the requests that match its selector.
    Requests(u32),
    /// For this many milliseconds from now on.
    Millis(u64),
}

/// The requests to which a fault applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Every request.
    Any,
    /// Requests that change nothing (`GET`).
    Reads,
    /// Requests that change something.
    Writes,
    /// Requests of this method whose path begins with this prefix.
    Path {
        /// `GET`, `POST`, `PUT` or `DELETE`.
        method: String,
        /// The beginning of the path below the base path: `/storage_operations/operation`.
        prefix: String,
    },
    /// Reads of one page of the listings whose path begins with this prefix.
    Page {
        /// The beginning of the path below the base path: `/goods/`.
        prefix: String,
        /// The page.
        page: u32,
    },
}

impl Selector {
    /// Selects requests of a method whose path begins with `prefix`.
    pub fn path(method: &str, prefix: &str) -> Self {
        Self::Path { method: method.to_owned(), prefix: prefix.to_owned() }
    }

    /// Selects reads of one page of the listings whose path begins with `prefix`.
    pub fn page(prefix: &str, page: u32) -> Self {
        Self::Page { prefix: prefix.to_owned(), page }
    }

    fn takes(&self, call: &Call) -> bool {
        match self {
            Self::Any => true,
            Self::Reads => call.method == hyper::Method::GET,
            Self::Writes => call.method != hyper::Method::GET,
            Self::Path { method, prefix } => call.method.as_str() == method && call.path.starts_with(prefix),
            Self::Page { prefix, page } => {
                let wanted = format!("page={page}");
                let mut asked = call.uri.query().unwrap_or_default().split('&');
                let is_read = call.method == hyper::Method::GET;
                is_read && call.path.starts_with(prefix) && asked.any(|part| part == wanted)
            }
        }
    }
}

/// Random faults; the same seed and the same requests give the same faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chaos {
    /// The start of the sequence of random numbers.
    pub seed: u64,
    /// The requests that can meet a fault.
    pub selector: Selector,
    /// The faults, each with its chance in a thousand; the sum is at most 1000.
    pub odds: Vec<(u16, Fault)>,
    /// The number of faults after which it ends.
    pub faults_max: u32,
}

impl Chaos {
    /// Returns faults for writes that get lost before, while and after the service acts; about a third of the writes
    /// meet one.
    pub fn writes(seed: u64, faults_max: u32) -> Self {
        let busy = "The service is busy".to_owned();
        let odds = vec![
            (50, Fault::DropBefore),
            (60, Fault::ActThenDrop),
            (50, Fault::Late { ms: 20 }),
            (30, Fault::Truncated),
            (20, Fault::EmptyBody),
            (30, Fault::ActThenStatus(500)),
            (30, Fault::Refuse { status: 503, message: busy }),
            (20, Fault::Html502),
            (20, Fault::TooMany { retry_after_s: Some(0), message_s: Some(0) }),
            (40, Fault::PartialApply { lines: 1 }),
        ];
        Self { seed, selector: Selector::Writes, odds, faults_max }
    }

    /// Draws a fault by its chance; `None` if the request passes.
    fn draw(&mut self) -> Option<Fault> {
        let mut drawn = random(&mut self.seed) % 1000;
        for (chance, fault) in &self.odds {
            match drawn.checked_sub(u64::from(*chance)) {
                Some(rest) => drawn = rest,
                None => return Some(fault.clone()),
            }
        }
        None
    }
}

/// Returns the next number of the `SplitMix64` sequence (Steele, Lea, Flood 2014, public domain).
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A fault that lasts for several requests.
#[derive(Debug)]
pub(super) struct Lasting {
    selector: Selector,
    fault: Fault,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Never,
    After(u32),
    At(Instant),
}

impl Lasting {
    pub(super) fn new(selector: Selector, fault: Fault, lasts: Lasts, now: Instant) -> Self {
        let end = match lasts {
            Lasts::UntilRecovered => End::Never,
            Lasts::Requests(count) => End::After(count),
            Lasts::Millis(ms) => End::At(now + Duration::from_millis(ms)),
        };
        Self { selector, fault, end }
    }

    /// Returns the fault if this request meets it.
    fn meet(&mut self, call: &Call) -> Option<Fault> {
        if !self.selector.takes(call) {
            return None;
        }
        // Only requests that meet the fault use it up.
        match &mut self.end {
            End::After(0) => return None,
            End::After(left) => *left -= 1,
            End::At(end) if *end <= call.now.instant => return None,
            End::Never | End::At(_) => {}
        }
        Some(self.fault.clone())
    }
}

/// The failures that are still to come, in four groups. A request meets at most one failure.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Faults for one request each: the first matching request uses the fault up.
    pub(super) queue: VecDeque<(Selector, Fault)>,
    /// Faults that last, for requests that meet no fault of the queue. The first matching one counts.
    pub(super) lasting: Vec<Lasting>,
    /// A fault for every matching request that meets none of the above, until it is removed.
    pub(super) outage: Option<(Selector, Fault)>,
    /// Random faults, for requests that meet none of the above.
    pub(super) chaos: Option<Chaos>,
}

impl Script {
    fn take(&mut self, call: &Call) -> Option<Fault> {
        if let Some(at) = self.queue.iter().position(|(selector, _)| selector.takes(call)) {
            return self.queue.remove(at).map(|(_, fault)| fault);
        }
        if let Some(fault) = self.lasting.iter_mut().find_map(|lasting| lasting.meet(call)) {
            return Some(fault);
        }
        if let Some((_, fault)) = self.outage.as_ref().filter(|(selector, _)| selector.takes(call)) {
            return Some(fault.clone());
        }
        let chaos = self.chaos.as_mut().filter(|chaos| chaos.faults_max > 0 && chaos.selector.takes(call))?;
        let fault = chaos.draw()?;
        chaos.faults_max = chaos.faults_max.saturating_sub(1);
        Some(fault)
    }
}

/// The reaction to a request on its connection.
#[derive(Debug)]
pub(super) enum Reaction {
    /// Answer, after a wait.
    Answer(Answer, Duration),
    /// Answer half, then close.
    Half(Answer),
    /// Close.
    Close,
    /// Close, then carry the request out after a wait.
    CloseThenAct(Box<Call>, Duration),
}

/// Receives a request: checks the limits, then the script, then acts. Writes the log.
pub(super) fn receive(state: &mut State, mut call: Call) -> Reaction {
    let mut record = RequestRecord {
        at: call.now.wall,
        method: call.method.to_string(),
        path: call.path.clone(),
        query: call.uri.query().unwrap_or_default().to_owned(),
        accept: call.accept.clone(),
        authorization: without_tokens(&call.authorization),
        content_type: call.content_type.clone(),
        body: String::from_utf8_lossy(&call.body).into_owned(),
        status: None,
        fault: None,
    };
    // The limit comes first: a request that is over it never reaches the service, so it uses up no fault.
    let reaction = match limited(state, &call) {
        Some(answer) => Reaction::Answer(answer, Duration::ZERO),
        None => match state.script.take(&call) {
            None => Reaction::Answer(route::act(state, &mut call), Duration::ZERO),
            Some(fault) => {
                record.fault = Some(fault.clone());
                perform(fault, state, call)
            }
        },
    };
    if let Reaction::Answer(answer, _) | Reaction::Half(answer) = &reaction {
        record.status = Some(answer.status);
    }
    state.record(record);
    reaction
}

/// Returns the header's words with a star for each token: no token may stand in a log.
fn without_tokens(authorization: &str) -> String {
    let parts = authorization.split(", ").map(|part| match part.split_once(' ') {
        Some((kind @ ("Bearer" | "User"), _token)) => format!("{kind} *"),
        // Anything else in the header might be a token as well.
        Some(_) => "*".to_owned(),
        None => String::new(),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn limited(state: &mut State, call: &Call) -> Option<Answer> {
    let wait = state.meter.admit(state.options.limit?, call.now.instant).err()?;
    Some(Answer::too_many(Some(wait), state.options.quirks.retry_after.then_some(wait)))
}

fn perform(fault: Fault, state: &mut State, mut call: Call) -> Reaction {
    let answer = match fault {
        Fault::DropBefore => return Reaction::Close,
        Fault::Late { ms } => {
            // Counted until it has acted, so that a test can wait for it.
            state.late = state.late.saturating_add(1);
            return Reaction::CloseThenAct(Box::new(call), Duration::from_millis(ms));
        }
        Fault::Slow { ms } => {
            return Reaction::Answer(route::act(state, &mut call), Duration::from_millis(ms));
        }
        Fault::Truncated => return Reaction::Half(route::act(state, &mut call)),
        Fault::ActThenDrop => return act_then_close(state, call),
        Fault::PartialApply { lines } => {
            call.lines_max = Some(lines);
            return act_then_close(state, call);
        }
        Fault::PartialRefuse { lines } => {
            call.lines_max = Some(lines);
            let _hidden = route::act(state, &mut call);
            Refusal::new(422, "A goods transaction could not be saved").answer(&state.options.quirks)
        }
        Fault::Pass => route::act(state, &mut call),
        Fault::EmptyList => Success::ok([(); 0]).answer(&state.options.quirks),
        Fault::Meanwhile(change) => {
            meanwhile(state, change, &call);
            route::act(state, &mut call)
        }
        Fault::EmptyBody => {
            let _hidden = route::act(state, &mut call);
            Answer::new(200, String::new())
        }
        Fault::ActThenStatus(status) => {
            let _hidden = route::act(state, &mut call);
            Refusal::new(status, "Internal server error").answer(&state.options.quirks)
        }
        Fault::Refuse { status, message } => Refusal::new(status, message).answer(&state.options.quirks),
        Fault::SuccessFalse { message } => Answer::success_false(&message),
        Fault::Html502 => Answer::bad_gateway(),
        Fault::Stranger { status, body } => Answer::foreign(status, body),
        Fault::ActThenStranger { status, body } => {
            let _hidden = route::act(state, &mut call);
            Answer::foreign(status, body)
        }
        Fault::Unauthorized => Refusal::unauthorized().answer(&state.options.quirks),
        Fault::Forbidden => Refusal::forbidden().answer(&state.options.quirks),
        Fault::TooMany { retry_after_s, message_s } => Answer::too_many(message_s, retry_after_s),
    };
    Reaction::Answer(answer, Duration::ZERO)
}

fn meanwhile(state: &mut State, change: Change, call: &Call) {
    match change {
        Change::GoodRemoved(good) => {
            state.goods.remove(&good);
        }
        Change::GoodPut(row) => state.put_good(*row, call.now.wall),
        Change::Booked { good, lines } => operation::book_of_another(state, good, lines, call.now),
    }
}

fn act_then_close(state: &mut State, mut call: Call) -> Reaction {
    let _hidden = route::act(state, &mut call);
    Reaction::Close
}
