//! A simulated Altegio on loopback: one location with its goods, storages and stock books, over real HTTP.
//!
//! `stockpoint demo` and the integration tests run against it. It follows the B2B API v1
//! (<https://developer.alteg.io/en/b2b-v1/openapi>) where the API is documented, has a switch ([`Quirks`]) where the
//! API is unclear or its own pages disagree, and simulates the failures of a network ([`Fault`]).
//!
//! Promises: amounts and prices are exact decimals throughout; each member of each request is checked, and an
//! unexpected one is refused by name; nothing is deduplicated, because the service has no idempotency; every
//! connection, body and log is bounded.
//!
//! It sends no webhooks, moves no money, simulates neither transfers nor stock counts, and keeps nothing on disk.
//!
//! The server's clock is this machine's at the start and then runs with tokio's clock, so a test that moves tokio's
//! clock moves the server's too.

mod account;
mod answer;
mod call;
mod cards;
mod categories;
mod dates;
mod documents;
mod faults;
mod goods;
mod limits;
mod lines;
mod movements;
mod operation;
mod options;
mod route;
mod sample;
mod server;
mod state;

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::time::Instant;

use self::call::Now;
pub use self::cards::CardRow;
pub use self::faults::Change;
pub use self::faults::Chaos;
pub use self::faults::Fault;
pub use self::faults::Foreign;
use self::faults::Lasting;
pub use self::faults::Lasts;
pub use self::faults::Selector;
pub use self::options::Category;
pub use self::options::CountMax;
pub use self::options::Dates;
pub use self::options::DeletedRows;
pub use self::options::GRAM;
pub use self::options::GoodRow;
pub use self::options::Limit;
pub use self::options::LinesKey;
pub use self::options::MILLILITRE;
pub use self::options::Master;
pub use self::options::Nothing;
pub use self::options::Options;
pub use self::options::Order;
pub use self::options::PIECE;
pub use self::options::Permissions;
pub use self::options::Quirks;
pub use self::options::Storage;
pub use self::options::Unit;
pub use self::server::Server;
pub use self::state::Books;
pub use self::state::Document;
pub use self::state::Line;
pub use self::state::RECORDS_MAX;
pub use self::state::REQUESTS_MAX;
pub use self::state::RequestRecord;
use self::state::State;
use crate::domain::ids::GoodId;

/// The beginning of every path.
const BASE_PATH: &str = "/api/v1";

/// A handle on a simulated location: cheap to clone, and all clones refer to the same location.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    /// The wall clock and the running clock at the start.
    start: (Timestamp, Instant),
    /// The state. Its lock is never held across an await.
    state: Mutex<State>,
}

impl Sandbox {
    /// Opens a location on a free port of 127.0.0.1. It answers while [`Server::run`] is polled.
    ///
    /// # Errors
    /// No port can be bound, or the time zone is unknown.
    pub async fn bind(options: Options) -> io::Result<(Self, Server)> {
        // Loopback only: the tokens of the sandbox are public.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let start = (Timestamp::now(), Instant::now());
        let ahead = SignedDuration::from_secs(options.clock_ahead_s);
        let state = State::new(options, start.0.saturating_add(ahead).unwrap_or(start.0))?;
        let sandbox = Self(Arc::new(Shared { address, start, state: Mutex::new(state) }));
        Ok((sandbox.clone(), Server { listener, sandbox }))
    }

    /// Returns the base address, as a station's configuration expects it: `http://127.0.0.1:PORT/api/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.0.address)
    }

    /// Returns everything that was booked so far.
    pub fn books(&self) -> Books {
        self.with(|state, _| state.books())
    }

    /// Returns the last [`REQUESTS_MAX`] requests, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.with(|state, _| state.requests.iter().cloned().collect())
    }

    /// Empties the log of requests.
    pub fn forget_requests(&self) {
        self.with(|state, _| state.forget_requests());
    }

    /// Changes tokens, permissions, limit, latency, clock or quirks from now on. Options that are read only at the
    /// start, as [`Options`] notes, keep their effect.
    pub fn configure(&self, change: impl FnOnce(&mut Options)) {
        self.with(|state, _| change(&mut state.options));
    }

    /// Adds a good to the table or replaces it, as a person on the service's pages would.
    pub fn put_good(&self, good: GoodRow) {
        self.with(|state, now| state.put_good(good, now.wall));
    }

    /// Adds a bill of materials to the cards or replaces it.
    pub fn put_card(&self, card: CardRow) {
        self.with(|state, _| state.cards.insert(card.id, card));
    }

    /// Returns the bills of materials, by rising id.
    pub fn cards(&self) -> Vec<CardRow> {
        self.with(|state, _| state.cards.values().cloned().collect())
    }

    /// Returns the goods of the table, by rising id.
    pub fn goods(&self) -> Vec<GoodRow> {
        self.with(|state, _| state.goods.values().map(|good| good.row.clone()).collect())
    }

    /// Removes a good from the table; the listings no longer show it in any way.
    pub fn remove_good(&self, id: GoodId) {
        self.with(|state, _| state.goods.remove(&id));
    }

    /// Makes the next request that matches `selector` meet `fault`. Faults of one selector come in order.
    pub fn fault(&self, selector: Selector, fault: Fault) {
        self.with(|state, _| state.script.queue.push_back((selector, fault)));
    }

    /// Makes every request that matches `selector` meet `fault` for as long as it lasts. Of several lasting faults, the
    /// one that was given first counts.
    pub fn fail(&self, selector: Selector, fault: Fault, lasts: Lasts) {
        self.with(|state, now| {
            let lasting = Lasting::new(selector, fault, lasts, now.instant);
            state.script.lasting.push(lasting);
        });
    }

    /// Ends every fault of [`Sandbox::fail`].
    pub fn recover(&self) {
        self.with(|state, _| state.script.lasting.clear());
    }

    /// Returns the number of faults of the script that no request has met yet.
    pub fn faults_left(&self) -> usize {
        self.with(|state, _| state.script.queue.len())
    }

    /// Returns the number of requests dropped by [`Fault::Late`] that will still be carried out.
    pub fn late_acts(&self) -> usize {
        self.with(|state, _| state.late)
    }

    /// Makes every request that matches the selector meet the fault; `None` ends it.
    pub fn outage(&self, outage: Option<(Selector, Fault)>) {
        self.with(|state, _| state.script.outage = outage);
    }

    /// Makes requests meet random faults; it ends with `None` or when the most faults were drawn.
    pub fn chaos(&self, chaos: Option<Chaos>) {
        self.with(|state, _| state.script.chaos = chaos);
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, Now) -> T) -> T {
        // A test that panics while it holds the lock must not hide the panic's cause behind a poisoned lock.
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let instant = Instant::now();
        let (wall, start) = self.0.start;
        let ahead = SignedDuration::from_secs(state.options.clock_ahead_s);
        // The wall clock at the start plus the time that has run since, which a test may move.
        let run = SignedDuration::try_from(instant.duration_since(start)).unwrap_or_default();
        let wall = wall.saturating_add(run.saturating_add(ahead)).unwrap_or(wall);
        act(&mut state, Now { wall, instant })
    }

    fn now(&self) -> Now {
        self.with(|_, now| now)
    }
}
