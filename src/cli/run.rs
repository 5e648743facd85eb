//! `stockpoint run`: the agent, until a signal stops it. Other commands use its runtime and its signals.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::signal::unix::{SignalKind, signal};

use super::{Error, owner_error};
use crate::app::{Agent, Host};
use crate::config::Config;
use crate::config::secrets::{self, Secrets};
use crate::owner::Owner;

/// Runs the agent until a signal stops it.
pub(super) fn run(config: Config) -> Result<(), Error> {
    // This comes before any token is read.
    keep_memory_private();
    let dir = &config.station.data_dir;
    if let Some(owner) = Owner::to_become(dir).map_err(owner_error(dir))? {
        let user = owner.user();
        return Err(Error::failure(format!(
            "the agent cannot run as root: {} belongs to user {user}",
            dir.display()
        ))
        .hint(format!("`systemctl start stockpoint` runs it as its user; by hand, run it as user {user}")));
    }
    let secrets = Secrets::find(&config.api)?;
    // Both are optional: a problem with them must not keep the station from scanning.
    let (page_token, seal) = (secrets::web_token(&config.web), secrets::seal(&config.station));
    let runtime = runtime()?;
    runtime.block_on(async {
        let stop = interrupted()?;
        let agent = Agent::open(config, &secrets, Host::this())?;
        Ok(agent.with_page_token(page_token).with_seal(seal).run(std::future::ready(()), stop).await?)
    })
}

/// Protects the memory of this process, which holds the tokens: the kernel writes no core dump of it, and only root can
/// read it (`PR_SET_DUMPABLE(2const)`).
fn keep_memory_private() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the kernel does not keep the memory of this process private");
    }
}

/// Returns a runtime with one thread: nothing here computes for long, and a small board has few threads.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::io("cannot start the runtime", source))
}

/// Returns a future that is ready when the process receives a signal to stop.
pub(super) fn interrupted() -> Result<impl Future<Output = ()>, Error> {
    let told = |kind| signal(kind).map_err(|source| Error::io("cannot receive signals", source));
    let (mut terminate, mut interrupt) = (told(SignalKind::terminate())?, told(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
