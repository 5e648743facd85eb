//! The station's page: what it does now, for whoever stands before a screen.
//!
//! It only reads. A page of another site cannot read it through the visitor's browser either: a request must
//! name the station by address, not by a name that somebody else could point here.

mod page;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::feedback::Announcement;
use crate::status::Status;

/// Listens for visitors.
///
/// # Errors
/// The system's reason.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves the page until dropped. `look` tells how the station is at that moment and what it said last, newest
/// first; nothing if it cannot be told.
pub(crate) async fn serve<L, F>(listener: TcpListener, look: L)
where
    L: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Option<(Status, Vec<Announcement>)>> + Send,
{
    let look_too = look.clone();
    let routes = Router::new()
        .route("/", get(|| async move { show(look().await, page_of) }))
        .route("/status.json", get(|| async move { show(look_too().await, json_of) }))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(middleware::from_fn(refuse_foreign_names));
    let served = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => axum::serve(listener, routes).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "the station page is gone");
    }
}

type Look = (Status, Vec<Announcement>);

fn show(look: Option<Look>, answer: impl FnOnce(&Look) -> Response) -> Response {
    look.map_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response(), |look| answer(&look))
}

fn page_of((status, recent): &Look) -> Response {
    fresh("text/html; charset=utf-8", page::render(status, recent))
}

fn json_of((status, _): &Look) -> Response {
    fresh("application/json", status.json())
}

fn fresh(kind: &'static str, body: String) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, body).into_response()
}

/// Guards against DNS rebinding: a name can be made to point anywhere, an address cannot.
async fn refuse_foreign_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| format!("http://{host}/").parse::<Uri>().ok());
    let named = host.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = named.trim_start_matches('[').trim_end_matches(']');
    if address == "localhost" || address.parse::<IpAddr>().is_ok() {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "ask for this station by its address\n").into_response()
    }
}
