//! The server: its connections, its clocks, and the effect of faults on connections.
//!
//! It has its own accept loop on top of hyper. A hyper service that returns an error closes the connection without
//! sending a byte, which is what a lost request looks like.

use std::future::Future;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::body::HttpBody;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::header::ACCEPT;
use hyper::header::AUTHORIZATION;
use hyper::header::CONTENT_LENGTH;
use hyper::header::CONTENT_TYPE;
use hyper::header::DATE;
use hyper::header::HeaderName;
use hyper::header::RETRY_AFTER;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::BASE_PATH;
use super::Sandbox;
use super::answer::Answer;
use super::answer::Refusal;
use super::call::Call;
use super::dates;
use super::faults;
use super::faults::Reaction;
use super::options::Quirks;
use super::route;

/// The most connections at one time, including those whose request is still to be carried out; others wait.
const CONNECTIONS_MAX: usize = 64;
/// The most bytes of a request's body.
const BODY_BYTES_MAX: usize = 1 << 20;
/// The pause after a failed accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// The listening half of a [`Sandbox`]; it serves while [`Server::run`] is polled.
#[derive(Debug)]
pub struct Server {
    pub(super) listener: TcpListener,
    pub(super) sandbox: Sandbox,
}

impl Server {
    /// Serves until `shutdown` is ready, then closes every connection and drops requests that were to be carried out
    /// later.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                // Beyond the limit, connections wait in the kernel's queue.
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => { connections.spawn(connection(self.sandbox.clone(), stream)); }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_ended) = connections.join_next() => {}
            }
        }
        connections.shutdown().await;
    }
}

/// A request to carry out after its connection is closed.
type Later = Mutex<Option<(Box<Call>, Duration)>>;

/// Serves one connection, and carries out a dropped request after it is closed.
async fn connection(sandbox: Sandbox, stream: TcpStream) {
    let later = Later::default();
    let service = service_fn(|request| exchange(&sandbox, &later, request));
    // An error is a client that went away or a simulated fault: the connection is closed either way.
    let _closed =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    // Only now: the client must see the connection closed before the request acts.
    let late = later.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((mut call, wait)) = late {
        tokio::time::sleep(wait).await;
        sandbox.with(|state, now| {
            // The request acts at the time at which it is carried out, not at which it was sent.
            call.now = now;
            state.late = state.late.saturating_sub(1);
            route::act(state, &mut call)
        });
    }
}

/// An error that closes the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

async fn exchange(
    sandbox: &Sandbox,
    later: &Later,
    request: Request<Incoming>,
) -> Result<Response<Body>, Closed> {
    let latency = sandbox.with(|state, _| state.options.latency_ms);
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(Body::new(body), BODY_BYTES_MAX).await else {
        // Not in the log, which records complete requests.
        let answer = Refusal::new(413, "The body is too large").answer(&Quirks::default());
        return Ok(sandbox.respond(answer, Body::from));
    };
    // A value that is no text counts as a missing header.
    let header = |name: HeaderName| {
        let text = head.headers.get(name).and_then(|value| value.to_str().ok());
        text.unwrap_or_default().to_owned()
    };
    let path = head.uri.path();
    // One lock for the whole request, so that no other request sees it half done.
    let reaction = sandbox.with(|state, now| {
        let call = Call {
            method: head.method.clone(),
            path: path.strip_prefix(BASE_PATH).unwrap_or(path).trim_end_matches('/').to_owned(),
            uri: head.uri.clone(),
            accept: header(ACCEPT),
            authorization: header(AUTHORIZATION),
            content_type: header(CONTENT_TYPE),
            body,
            now,
            lines_max: None,
            ids: Vec::new(),
        };
        faults::receive(state, call)
    });
    carry_out(sandbox, later, reaction).await
}

async fn carry_out(sandbox: &Sandbox, later: &Later, reaction: Reaction) -> Result<Response<Body>, Closed> {
    match reaction {
        Reaction::Answer(answer, wait) => {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            Ok(sandbox.respond(answer, Body::from))
        }
        Reaction::Half(answer) => Ok(sandbox.respond(answer, half)),
        Reaction::Close => Err(Closed),
        Reaction::CloseThenAct(call, wait) => {
            // Kept until the connection is closed: `connection` carries it out.
            *later.lock().unwrap_or_else(PoisonError::into_inner) = Some((call, wait));
            Err(Closed)
        }
    }
}

impl Sandbox {
    fn respond(&self, answer: Answer, body: impl FnOnce(String) -> Body) -> Response<Body> {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder().status(status).header(DATE, dates::http(self.now().wall));
        if let Some(wait) = answer.retry_after_s {
            response = response.header(RETRY_AFTER, wait);
        }
        // `Content-Length` is the whole length even for half a body, so that a client notices the missing part.
        if !answer.body.is_empty() {
            response =
                response.header(CONTENT_TYPE, answer.content_type).header(CONTENT_LENGTH, answer.body.len());
        }
        response.body(body(answer.body)).expect("every header here is made of printable text")
    }
}

/// Returns a body that sends the first half of a text and then ends the connection.
fn half(mut text: String) -> Body {
    // At a character's boundary: `String::truncate` panics elsewhere.
    let cut = (text.len() / 2..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.truncate(cut);
    Body::new(BrokenOff::Data(Bytes::from(text)))
}

/// A body that breaks off. Between its data and its end it is not ready once: hyper would otherwise close the
/// connection before it has written the head.
enum BrokenOff {
    Data(Bytes),
    Flush,
    End,
}

impl HttpBody for BrokenOff {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        match &mut *self {
            Self::Data(data) => {
                let data = std::mem::take(data);
                *self = Self::Flush;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Self::Flush => {
                *self = Self::End;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::End => Poll::Ready(Some(Err(Closed))),
        }
    }
}
