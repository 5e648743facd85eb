//! The listening half: an address or a Unix socket, and connections of which none can wait for ever.
//!
//! A visitor that asks nothing, or does not read what it is told, is sent away after a while. Whoever reads the
//! events keeps a connection for days, so the number of connections is bounded, and one that is stuck must go.

use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};

use crate::config::Listen;

/// Connections at one time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 32;
/// The head of a request, in bytes, and what is read ahead.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// How long a visitor may take to ask.
const ASK_WITHIN: Duration = Duration::from_secs(10);
/// How long a visitor may take no byte of what it is told.
const READ_WITHIN: Duration = Duration::from_secs(20);
/// Rights on the socket: the user of the service and its group. Whoever may connect needs the right to write
/// (`unix(7)`).
const SOCKET_MODE: u32 = 0o660;

/// Where visitors come in.
#[derive(Debug)]
pub(crate) enum Door {
    /// An address.
    Tcp(TcpListener),
    /// A socket in the file system.
    Unix(UnixListener),
}

impl Door {
    /// Listens there.
    ///
    /// # Errors
    /// The system's reason; for a Unix socket also that somebody else listens on it, or that its path is a file.
    pub(crate) fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(listener))
            }
            Listen::Unix(path) => {
                remove_left(path)?;
                let listener = UnixListener::bind(path)?;
                fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(listener))
            }
        }
    }

    /// The address and the port that was free.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Lets visitors in until dropped.
    pub(super) async fn serve(self, routes: Router) {
        let watched = match self {
            Self::Tcp(listener) => match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => return serve(listener, routes).await,
                Err(error) => error,
            },
            Self::Unix(listener) => match tokio::net::UnixListener::from_std(listener) {
                Ok(listener) => return serve(listener, routes).await,
                Err(error) => error,
            },
        };
        tracing::error!(error = %watched, "the station page is gone");
    }
}

/// Removes the socket that a process left which is no more.
fn remove_left(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) if UnixStream::connect(path).is_ok() => Err(io::ErrorKind::AddrInUse.into()),
        Ok(_) => fs::remove_file(path),
    }
}

/// Serves whoever comes. Ends only if it is dropped, and then every connection ends.
async fn serve(mut listener: impl Listener, routes: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, _from) = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                connections.spawn(connection(routes.clone(), stream));
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(routes: Router, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASK_WITHIN)
        .keep_alive(false)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(Unstuck::new(stream, READ_WITHIN)), TowerToHyperService::new(routes));
    if let Err(error) = served.await {
        tracing::debug!(%error, "a visitor went away");
    }
}

/// A connection that fails once its other end has taken nothing for too long.
struct Unstuck<S> {
    stream: S,
    patience: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstuck<S> {
    const fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, stuck: None }
    }

    /// A write that is not ready for too long has failed.
    fn patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        stuck.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstuck<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstuck<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.patiently(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[test]
    fn a_socket_is_for_the_user_and_the_group_and_one_that_was_left_is_replaced() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("web.sock");
        let listen = Listen::Unix(path.clone());
        let door = Door::bind(&listen).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(Door::bind(&listen).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(door);
        Door::bind(&listen).unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"keep").unwrap();
        let refused = Door::bind(&Listen::Unix(file.clone())).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"keep");
    }

    #[tokio::test]
    async fn a_visitor_that_takes_nothing_is_sent_away() {
        let (ours, _theirs) = duplex(8);
        let mut ours = Unstuck::new(ours, Duration::from_millis(20));
        assert_eq!(ours.write_all(&[0; 24]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_wait_for_a_visitor_begins_anew_with_each_byte_it_takes() {
        let (ours, mut theirs) = duplex(8);
        let mut ours = Unstuck::new(ours, Duration::from_mins(1));
        ours.write_all(&[0; 8]).await.unwrap();
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut ours).poll_write(&mut context, b"more").is_pending());
        assert!(ours.stuck.is_some());
        theirs.read_exact(&mut [0; 8]).await.unwrap();
        assert!(Pin::new(&mut ours).poll_write(&mut context, b"more").is_ready());
        assert!(ours.stuck.is_none());
    }
}
