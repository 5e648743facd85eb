//! The agent's socket in the data folder, through which commands ask the running agent.
//!
//! Everybody who may enter the folder may ask. A connection carries one request, a word and a line feed; the answer is
//! text until the end of the connection.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::timeout;

/// Name of the socket in the data folder.
const SOCKET_FILE: &str = "agent.sock";

/// The mode of the socket: the station's user and group may ask, whatever the umask; the folder's mode decides who
/// reaches it.
const SOCKET_MODE: u32 = 0o660;

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 64;
/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// The longest time for which either side waits for the other.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A request of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// The status as JSON.
    Status,
    /// Read the goods table now.
    Sync,
    /// Read the outbox now.
    Wake,
}

impl Request {
    const ALL: [Self; 3] = [Self::Status, Self::Sync, Self::Wake];

    const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Sync => "sync",
            Self::Wake => "wake",
        }
    }
}

/// Opens the socket. The caller holds the lock of the data folder, so an existing socket was left by an agent that has
/// ended.
///
/// # Errors
/// The system's reason.
pub(crate) fn bind(dir: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(dir.join(SOCKET_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    with_short_path(dir, |path| {
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
        Ok(listener)
    })
}

/// Answers requests, one at a time, until it is dropped.
pub(crate) async fn serve<F>(listener: UnixListener, answer: impl Fn(Request) -> F)
where
    F: Future<Output = String>,
{
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely; an immediate second try would fail too.
            tokio::time::sleep(TIMEOUT).await;
            continue;
        };
        // The time-out below covers reading and answering: a command that stalls must not block the next one.
        let served = async {
            let mut request = Vec::new();
            let mut limited = (&mut stream).take(REQUEST_BYTES_MAX);
            while !request.ends_with(b"\n") && limited.read_buf(&mut request).await? > 0 {}
            let word = request.trim_ascii();
            let known = Request::ALL.into_iter().find(|known| known.word().as_bytes() == word);
            if let Some(request) = known {
                stream.write_all(answer(request).await.as_bytes()).await?;
            }
            stream.shutdown().await
        };
        match timeout(TIMEOUT, served).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a command closed its connection early"),
            Err(_elapsed) => tracing::debug!("a command did not complete its request in time"),
        }
    }
}

/// Asks the running agent; returns `None` if none runs.
///
/// # Errors
/// The system's reason, if an agent is there but does not answer.
pub(crate) fn ask(dir: &Path, request: Request) -> io::Result<Option<String>> {
    let mut stream = match with_short_path(dir, |path| UnixStream::connect(path)) {
        Ok(stream) => stream,
        // Refused: the socket was left by an agent that was killed.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("{}\n", request.word()).as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(Some(answer))
}

/// Calls `act` with a path that fits. The path of a socket has room for 107 bytes (`unix(7)`), that of a data folder
/// may be longer, so the path leads through the folder's own file descriptor.
fn with_short_path<T>(dir: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let folder = File::open(dir)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_FILE}", folder.as_raw_fd()));
    act(&path)
}
