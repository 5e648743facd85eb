//! The station's page: what it does now, for whoever stands before a screen.
//!
//! It only reads. A page of another site cannot read it through the visitor's browser either: a request must
//! name the station by address, not by a name that somebody else could point here.

mod page;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::Handle;

/// Listens for visitors.
///
/// # Errors
/// The system's reason.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves the page until dropped.
pub(crate) async fn serve(listener: TcpListener, agent: Handle) {
    let routes = Router::new()
        .route("/", get(show_page))
        .route("/status.json", get(show_json))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(middleware::from_fn(refuse_foreign_names))
        .with_state(agent);
    let served = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => axum::serve(listener, routes).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "the station page is gone");
    }
}

async fn show_page(State(agent): State<Handle>) -> Response {
    match agent.status().await {
        Ok(status) => fresh("text/html; charset=utf-8", page::render(&status, &agent.recent())),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn show_json(State(agent): State<Handle>) -> Response {
    match agent.status().await {
        Ok(status) => fresh("application/json", status.json()),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
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
