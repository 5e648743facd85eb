//! `stockpoint goods sync`: a full reading of the goods table, by the running agent or by this process.

use std::future::pending;
use std::io::Write;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::run::runtime;
use super::status::running;
use super::{Error, data, data_if_any, read_error, say};
use crate::app::{Agent, Handle, Host};
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::domain::health::ApiHealth;
use crate::domain::health::ApiState;
use crate::socket::{self, Request};
use crate::store::{self, Db};

/// The time between two checks for the end of a reading, and the longest time to check.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const WAIT_MAX: Duration = Duration::from_hours(1);

/// The longest time without an answer from the service or the agent before the command ends.
const TROUBLE_MAX: Duration = Duration::from_secs(5);

/// The longest time without news of the service before a message, and before the command ends: a connection to an
/// address without a host fails late.
const SILENCE_TOLD: Duration = Duration::from_secs(2);
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Reads the goods table. A running agent does it, because only the agent has the state of the request budget. Without
/// one, this process is an agent for that time, with no scanner and no page.
pub(super) fn sync(out: &mut impl Write, config: Config) -> Result<(), Error> {
    let dir = config.station.data_dir.clone();
    // Tokens are found while this is root; they are required only if no agent runs.
    let secrets = Secrets::find(&config.api);
    let before =
        data_if_any(&config)?.map_or(Ok(0), |db| db.reading_numbers().map(|numbers| numbers.begun))?;
    let asked = if dir.exists() { socket::ask(&dir, Request::Sync).map_err(read_error(&dir))? } else { None };
    say(out, "reading the goods table …\n")?;
    let waiting = Waiting::new(before);
    let count = match asked {
        Some(_) => watch(out, &config, waiting)?,
        None => read_alone(out, config, &secrets?, waiting)?,
    };
    say(out, &format!("{count} goods\n"))
}

/// Waits until the running agent has read the whole table.
fn watch(out: &mut impl Write, config: &Config, mut waiting: Waiting) -> Result<u64, Error> {
    runtime()?.block_on(async {
        loop {
            let copy = Copy::of(&data(config)?)?;
            // An agent that is ending does not answer.
            let api = running(config).ok().flatten().map_or_else(no_agent, |status| status.api());
            if let Some(count) = waiting.look(out, &copy, api)? {
                return Ok(count);
            }
            sleep(LOOK_EVERY).await;
        }
    })
}

fn not_yet() -> Error {
    Error::failure("the goods table is not read within an hour")
        .hint("`stockpoint status` shows the state of the service")
}

fn not_read(why: String) -> Error {
    Error::failure(why).hint("a running agent tries again by itself")
}

fn no_agent() -> ApiHealth {
    ApiHealth { state: ApiState::Offline, last_error: Some("the agent does not answer".to_owned()) }
}

/// Reads the table with an agent in this process.
fn read_alone(
    out: &mut impl Write,
    mut config: Config,
    secrets: &Secrets,
    waiting: Waiting,
) -> Result<u64, Error> {
    config.scanners.clear();
    config.web.listen = None;
    runtime()?.block_on(async {
        let agent = Agent::open(config, secrets, Host::this())?;
        let handle = agent.handle();
        handle.sync();
        let mut count = Err(not_yet());
        agent.run(pending(), async { count = look_on(out, &handle, waiting).await }).await?;
        count
    })
}

/// Waits until the agent in this process has read the whole table.
async fn look_on(out: &mut impl Write, handle: &Handle, mut waiting: Waiting) -> Result<u64, Error> {
    loop {
        let copy = handle.store().run(|db| Copy::of(db)).await.map_err(crate::app::Error::from)??;
        let api = handle.status().await?.api();
        if let Some(count) = waiting.look(out, &copy, api)? {
            return Ok(count);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The state of the copy of the goods table.
struct Copy {
    /// The number of the full reading that it comes from.
    done: i64,
    count: u64,
    is_doubted: bool,
}

impl Copy {
    fn of(db: &Db) -> Result<Self, store::Error> {
        let done = db.reading_numbers()?.done;
        Ok(Self { done, count: db.goods_figures()?.count, is_doubted: db.doubt()?.is_some() })
    }
}

/// A wait for a reading that began after the command did. Readings are counted: their times are by the service's clock,
/// and no other clock may be compared with it.
struct Waiting {
    /// The number of the last reading that had begun before.
    before: i64,
    begun: Instant,
    trouble_since: Option<Instant>,
    /// The last message.
    said: String,
}

impl Waiting {
    fn new(before: i64) -> Self {
        Self { before, begun: Instant::now(), trouble_since: None, said: String::new() }
    }

    /// Returns the number of goods if the reading is complete; otherwise prints the reason for the wait.
    fn look(&mut self, out: &mut impl Write, copy: &Copy, api: ApiHealth) -> Result<Option<u64>, Error> {
        if copy.done > self.before {
            return Ok(Some(copy.count));
        }
        if !matches!(api.state, ApiState::Ok | ApiState::Limited) {
            return self.trouble(out, api.last_error);
        }
        self.trouble_since = None;
        if copy.is_doubted {
            self.say(
                out,
                "the service listed fewer goods than before; waiting for a second reading to agree\n",
            )?;
        }
        if self.begun.elapsed() > WAIT_MAX { Err(not_yet()) } else { Ok(None) }
    }

    /// Prints the trouble with the service, and returns an error once it lasts too long.
    fn trouble(&mut self, out: &mut impl Write, why: Option<String>) -> Result<Option<u64>, Error> {
        let lasts = self.trouble_since.get_or_insert_with(Instant::now).elapsed();
        let Some(why) = why else {
            if lasts > SILENCE_MAX {
                let within = SILENCE_MAX.as_secs();
                return Err(not_read(format!("no answer from the service within {within} s")));
            }
            if lasts > SILENCE_TOLD {
                self.say(out, "no answer from the service yet\n")?;
            }
            return Ok(None);
        };
        if lasts > TROUBLE_MAX {
            return Err(not_read(why));
        }
        self.say(out, &format!("{why}; trying again\n"))?;
        Ok(None)
    }

    /// Prints a message, unless it is the last one again.
    fn say(&mut self, out: &mut impl Write, text: &str) -> Result<(), Error> {
        // The state is checked several times a second; only a change is news.
        if self.said != text {
            text.clone_into(&mut self.said);
            say(out, text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    fn look(waiting: &mut Waiting, done: i64, state: ApiState, last_error: Option<&str>) -> (String, String) {
        let mut out = Vec::new();
        let copy = Copy { done, count: 42, is_doubted: false };
        let api = ApiHealth { state, last_error: last_error.map(str::to_owned) };
        let came = waiting.look(&mut out, &copy, api);
        let came = came.map_or_else(|error| error.lines().join("\n"), |count| format!("{count:?}"));
        (came, String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn only_a_reading_that_began_after_the_command_ends_it() {
        let mut waiting = Waiting::new(7);
        for (done, came) in [(0, "None"), (7, "None"), (8, "Some(42)")] {
            assert_eq!(look(&mut waiting, done, ApiState::Ok, None).0, came);
        }
    }

    #[tokio::test]
    async fn a_service_that_cannot_be_reached_is_named_once_and_ends_the_command() {
        pause();
        let mut waiting = Waiting::new(0);
        let offline = |waiting: &mut Waiting| look(waiting, 0, ApiState::Offline, Some("no route"));
        // Before the first answer nothing is known.
        assert_eq!(look(&mut waiting, 0, ApiState::Offline, None).1, "");
        assert_eq!(offline(&mut waiting).1, "no route; trying again\n");
        advance(TROUBLE_MAX).await;
        assert_eq!(offline(&mut waiting), ("None".to_owned(), String::new()));
        advance(Duration::from_millis(1)).await;
        assert_eq!(
            offline(&mut waiting).0,
            "stockpoint: no route\nhint: a running agent tries again by itself"
        );
    }

    #[tokio::test]
    async fn a_service_of_which_nothing_is_heard_is_said_to_be_silent_and_ends_the_command() {
        pause();
        let mut waiting = Waiting::new(0);
        let silent = |waiting: &mut Waiting| look(waiting, 0, ApiState::Offline, None);
        assert_eq!(silent(&mut waiting), ("None".to_owned(), String::new()));
        advance(SILENCE_TOLD + Duration::from_millis(1)).await;
        assert_eq!(silent(&mut waiting).1, "no answer from the service yet\n");
        advance(SILENCE_MAX).await;
        let why = "stockpoint: no answer from the service within 20 s\n\
            hint: a running agent tries again by itself";
        assert_eq!(silent(&mut waiting).0, why);
    }

    #[tokio::test]
    async fn a_service_that_comes_back_is_waited_for_again() {
        pause();
        let mut waiting = Waiting::new(0);
        for state in [ApiState::Error, ApiState::Ok, ApiState::Limited] {
            assert_eq!(look(&mut waiting, 0, state, Some("busy")).0, "None", "{state:?}");
            advance(TROUBLE_MAX + Duration::from_secs(1)).await;
        }
        assert_eq!(look(&mut waiting, 0, ApiState::Auth, Some("not accepted")).0, "None");
        advance(WAIT_MAX).await;
        assert_eq!(
            look(&mut waiting, 0, ApiState::Ok, None).0,
            "stockpoint: the goods table is not read within an hour\n\
             hint: `stockpoint status` shows the state of the service"
        );
    }
}
