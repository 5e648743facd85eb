//! Listens on an address or a Unix socket. No connection can wait for ever.
//!
//! A visitor that sends no request or does not read its answer is disconnected after a while, and so is one whose whole
//! visit takes too long. A client of the events keeps its connection for days, so the number of connections is limited,
//! in all and for each visitor, and some slots are kept for this machine. A visitor that finds its slots in use gets
//! the slot of a connection whose request is not complete: a flood of half requests keeps nobody out.

use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::task::{self, AbortHandle, JoinSet};
use tokio::time::{Sleep, sleep, timeout};

use super::peer::Peer;
use super::slots::{Limits, Slot, Slots};
use crate::config::Listen;

/// The limits of connections at one time.
const CONNECTIONS: Limits = Limits { total: 32, kept_for_local: 8, per_peer: 8 };
/// The longest head of a request, and the most that is read ahead, in bytes.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// The longest time for a visitor to send the head of its request.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// The longest time for which a visitor may accept no byte of its answer.
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// The longest time of a whole visit, request and answer. Streams of events are exempt.
const VISIT_WITHIN: Duration = Duration::from_secs(30);
/// The answer to a visitor without a slot.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
    content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\ncontent-length: 21\r\n\r\n\
    too many connections\n";
/// The permissions of the socket: for the user of the service and its group. Connecting needs the right to write
/// (`unix(7)`).
const SOCKET_MODE: u32 = 0o660;

/// A listener for visitors of the page.
#[derive(Debug)]
pub(crate) enum PageListener {
    /// A TCP address.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

impl PageListener {
    /// Binds the address or the socket.
    ///
    /// # Errors
    /// The system's reason. For a Unix socket also that another process listens on it, or that its path is a file.
    pub(crate) fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                // Tokio requires it (`TcpListener::from_std`).
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(listener))
            }
            Listen::Unix(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                // Until this call the umask decides; the unit's (0077) gives access to the owner alone.
                fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(listener))
            }
        }
    }

    /// Returns the address with its actual port; `None` for a Unix socket.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Serves visitors until dropped.
    pub(super) async fn serve(self, routes: Router) {
        // Converted only here: Tokio's listeners need a running runtime, and binding may happen before there is one.
        let error = match self {
            Self::Tcp(listener) => match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => return serve(listener, Peer::of, routes).await,
                Err(error) => error,
            },
            Self::Unix(listener) => match tokio::net::UnixListener::from_std(listener) {
                Ok(listener) => return serve(listener, |_socket| Peer::Local, routes).await,
                Err(error) => error,
            },
        };
        tracing::error!(%error, "the station page has stopped");
    }
}

/// Removes the socket that an ended process has left.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::ErrorKind::AlreadyExists.into()),
        // The kernel does not remove the file of a socket; only an attempt to connect shows whether one_visitor listens.
        Ok(_) if UnixStream::connect(path).is_ok() => Err(io::ErrorKind::AddrInUse.into()),
        Ok(_) => fs::remove_file(path),
    }
}

/// The stage of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// The head of its request is not complete.
    Requesting,
    /// Its request is being answered.
    Answered,
    /// It follows the events, for an unlimited time.
    Streaming,
}

/// One connection, as its requests see it.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) peer: Peer,
    stage: Arc<AtomicU8>,
}

impl Visit {
    fn new(peer: Peer) -> Self {
        Self { peer, stage: Arc::new(AtomicU8::new(Stage::Requesting as u8)) }
    }

    /// Lifts the time limit of this visit.
    pub(super) fn become_stream(&self) {
        self.enter(Stage::Streaming);
    }

    fn enter(&self, stage: Stage) {
        // Relaxed: the stage guards no other data, and a late view of it only delays a disconnection.
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    fn is(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Relaxed) == stage as u8
    }

    /// Completes when the visit has taken too long.
    async fn over(&self) {
        sleep(VISIT_WITHIN).await;
        // Checked after the wait: a visit becomes a stream only during it.
        if self.is(Stage::Streaming) {
            std::future::pending::<()>().await;
        }
    }
}

/// A visitor that has a slot.
struct OpenConnection {
    task: task::Id,
    abort: AbortHandle,
    visit: Visit,
    _slot: Slot,
}

/// The visitors that have a slot, in the order of their arrival.
struct Connections {
    slots: Slots,
    open: Vec<OpenConnection>,
}

impl Connections {
    /// Finds a slot for a visitor, if necessary that of a connection whose request is not complete.
    ///
    /// The visitor's own connections go first, so that others lose one only if it has none.
    fn find_slot(&mut self, peer: Peer) -> Option<Slot> {
        let slot = self.slots.take(peer);
        if slot.is_ok() {
            return slot.ok();
        }
        let is_requesting = |other: &OpenConnection| other.visit.is(Stage::Requesting);
        let own = self.open.iter().position(|other| other.visit.peer == peer && is_requesting(other));
        let of_others = || {
            // Otherwise another visitor could take the slots that are kept for this machine.
            let may_lose = |other: &OpenConnection| peer == Peer::Local || other.visit.peer != Peer::Local;
            self.open.iter().position(|other| may_lose(other) && is_requesting(other))
        };
        let closed = self.open.remove(own.or_else(of_others)?);
        // Aborted before its slot is freed: no connection may go on without a slot.
        closed.abort.abort();
        drop(closed);
        self.slots.take(peer).ok()
    }

    fn remove(&mut self, task: task::Id) {
        self.open.retain(|other| other.task != task);
    }
}

/// Serves every visitor. Ends only when it is dropped, and then every connection ends.
async fn serve<L: Listener>(mut listener: L, peer_of: impl Fn(L::Addr) -> Peer, routes: Router) {
    let mut tasks = JoinSet::new();
    let mut connections = Connections { slots: Slots::new(CONNECTIONS), open: Vec::new() };
    loop {
        tokio::select! {
            (stream, from) = listener.accept() => {
                let visit = Visit::new(peer_of(from));
                let Some(slot) = connections.find_slot(visit.peer) else {
                    refuse(stream).await;
                    continue;
                };
                let abort = tasks.spawn(connection(routes.clone(), stream, visit.clone()));
                connections.open.push(OpenConnection { task: abort.id(), abort, visit, _slot: slot });
            }
            Some(ended) = tasks.join_next_with_id() => {
                connections.remove(ended.map_or_else(|error| error.id(), |(task, ())| task));
            }
        }
    }
}

/// Sends the refusal if the connection accepts it at once. The listener never waits for a visitor without a slot.
async fn refuse(mut stream: impl AsyncWrite + Unpin) {
    let sent = timeout(Duration::ZERO, stream.write_all(REFUSAL)).await;
    tracing::debug!(sent = matches!(sent, Ok(Ok(()))), "refused a visitor: no free connection");
}

async fn connection(routes: Router, stream: impl AsyncRead + AsyncWrite + Unpin, visit: Visit) {
    let (visit_of_requests, inner) = (visit.clone(), TowerToHyperService::new(routes));
    let service = service_fn(move |request: Request<Incoming>| {
        visit_of_requests.enter(Stage::Answered);
        let mut request = request;
        request.extensions_mut().insert(visit_of_requests.clone());
        inner.call(request)
    });
    let served = http1::Builder::new()
        // hyper needs a timer for the limit on the next line.
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WITHIN)
        // One request a connection: a connection that stays open would hold its slot while it is idle.
        .keep_alive(false)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(WriteLimited::new(stream, WRITE_WITHIN)), service);
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::debug!(%error, "a connection to a visitor failed");
        },
        () = visit.over() => tracing::debug!(peer = %visit.peer, "a visit took too long"),
    }
}

/// A connection that fails once its other end has accepted nothing for too long.
///
/// hyper limits the time for the head of a request but not for writing; another crate for that would replace only forty
/// lines.
struct WriteLimited<S> {
    stream: S,
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteLimited<S> {
    const fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, timer: None }
    }

    /// Fails a write that is not ready for too long.
    fn within_limit<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.timer = None;
            return written;
        }
        // The timer starts with the first write that waits and not with the connection.
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteLimited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Only writes are limited: reading has a limit of its own, and flushing a socket never waits.
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within_limit(context, written)
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
        let listener = PageListener::bind(&listen).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(PageListener::bind(&listen).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        PageListener::bind(&listen).unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"keep").unwrap();
        let refused = PageListener::bind(&Listen::Unix(file.clone())).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"keep");
    }

    #[tokio::test]
    async fn a_visitor_that_takes_nothing_is_sent_away() {
        let (ours, _theirs) = duplex(8);
        let mut ours = WriteLimited::new(ours, Duration::from_millis(20));
        assert_eq!(ours.write_all(&[0; 24]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_wait_for_a_visitor_begins_anew_with_each_byte_it_takes() {
        let (ours, mut theirs) = duplex(8);
        let mut ours = WriteLimited::new(ours, Duration::from_mins(1));
        ours.write_all(&[0; 8]).await.unwrap();
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut ours).poll_write(&mut context, b"more").is_pending());
        assert!(ours.timer.is_some());
        theirs.read_exact(&mut [0; 8]).await.unwrap();
        assert!(Pin::new(&mut ours).poll_write(&mut context, b"more").is_ready());
        assert!(ours.timer.is_none());
    }

    /// Routes of which one is answered at once and one never.
    fn routes() -> Router {
        use axum::routing::get;
        Router::new().route("/", get(|| async { "ok" })).route("/never", get(std::future::pending::<()>))
    }

    /// Serves on the loopback address; `peer_of` decides which visitor a connection counts as.
    async fn served(peer_of: fn(SocketAddr) -> Peer) -> (SocketAddr, JoinSet<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, mut tasks) = (listener.local_addr().unwrap(), JoinSet::new());
        tasks.spawn(serve(listener, peer_of, routes()));
        (address, tasks)
    }

    fn one_visitor(_from: SocketAddr) -> Peer {
        Peer::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))
    }

    async fn connect(address: SocketAddr, bytes: &[u8]) -> tokio::net::TcpStream {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn answer(mut stream: tokio::net::TcpStream) -> String {
        let mut answer = Vec::new();
        // A visitor without a slot may find the connection reset after its answer.
        let _read = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const ENDLESS_REQUEST: &[u8] = b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n";

    #[tokio::test]
    async fn half_questions_keep_nobody_waiting_wherever_they_come_from() {
        for peer_of in [Peer::of, one_visitor] {
            let (address, _tasks) = served(peer_of).await;
            let mut dripping = Vec::new();
            for _ in 0..64 {
                dripping.push(connect(address, b"GET / HTTP/1.1\r\nX: ").await);
            }
            let begun = tokio::time::Instant::now();
            assert!(answer(connect(address, REQUEST).await).await.ends_with("ok"));
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        }
    }

    #[tokio::test]
    async fn whoever_has_its_share_being_answered_is_told_so_and_others_are_not_harmed() {
        fn by_address(from: SocketAddr) -> Peer {
            if from.ip() == std::net::Ipv4Addr::LOCALHOST { Peer::Local } else { one_visitor(from) }
        }
        let (address, _tasks) = served(by_address).await;
        let from_outside = async |bytes: &[u8]| {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
            let mut stream = socket.connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream
        };
        let mut theirs = Vec::new();
        for _ in 0..CONNECTIONS.per_peer {
            theirs.push(from_outside(ENDLESS_REQUEST).await);
        }
        // Waits until the last of them is being answered.
        sleep(Duration::from_millis(200)).await;
        assert!(answer(from_outside(b"").await).await.starts_with("HTTP/1.1 503 "));
        assert!(answer(connect(address, REQUEST).await).await.ends_with("ok"));
        theirs.pop();
        sleep(Duration::from_millis(200)).await;
        assert!(answer(from_outside(REQUEST).await).await.ends_with("ok"));
        assert!(REFUSAL.ends_with(b"\r\n\r\ntoo many connections\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_visit_has_an_end_unless_it_follows_the_events() {
        let (ours, mut theirs) = duplex(1024);
        let visit = Visit::new(Peer::Local);
        let mut tasks = JoinSet::new();
        tasks.spawn(connection(routes(), ours, visit.clone()));
        theirs.write_all(ENDLESS_REQUEST).await.unwrap();
        let begun = tokio::time::Instant::now();
        tasks.join_next().await.unwrap().unwrap();
        assert_eq!(begun.elapsed().as_secs(), VISIT_WITHIN.as_secs());
        let (ours, mut theirs) = duplex(1024);
        tasks.spawn(connection(routes(), ours, visit.clone()));
        theirs.write_all(ENDLESS_REQUEST).await.unwrap();
        task::yield_now().await;
        sleep(Duration::from_secs(1)).await;
        visit.become_stream();
        assert!(timeout(VISIT_WITHIN * 10, tasks.join_next()).await.is_err());
    }
}
