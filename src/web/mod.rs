//! The station page for people at a screen, and its status, figures and events for programs.
//!
//! | path | what it tells |
//! |---|---|
//! | `/` | the page |
//! | `/status.json` | what `stockpoint status --json` prints |
//! | `/metrics` | figures in the text format of Prometheus, see [`metrics`] |
//! | `/events` | scans and deliveries as they come, see [`events`] |
//! | `/healthz` | 200 if the workers make progress and the store answers; otherwise 503 and the reason |
//!
//! The page only reads. [`access`] decides who has access.

mod access;
pub(crate) mod events;
mod listener;
pub(crate) mod metrics;
mod page;
mod peer;
mod penalty;
mod slots;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::feedback::Announcement;
use crate::status::Status;
use events::Events;

pub(crate) use access::Access;
pub(crate) use listener::PageListener;

/// A function that reads something anew for each visitor.
pub(crate) type Source<T> = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = T> + Send>> + Send + Sync>;

/// The content of the page at one moment.
pub(crate) struct PageContent {
    pub(crate) status: Status,
    /// The last announcements, newest first.
    pub(crate) recent: Vec<Announcement>,
}

/// The sources of the page and of what programs read.
#[derive(Clone)]
pub(crate) struct StatusSource {
    /// The status and the last announcements; `None` if they cannot be read.
    pub(crate) page: Source<Option<PageContent>>,
    /// The figures for Prometheus; `None` if they cannot be read.
    pub(crate) metrics: Source<Option<String>>,
    /// The health; the error names the part that makes no progress.
    pub(crate) health: Source<Result<(), String>>,
    /// The events of the journal.
    pub(crate) events: Events,
}

impl fmt::Debug for StatusSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusSource").finish_non_exhaustive()
    }
}

/// Serves the page and its data until dropped.
pub(crate) async fn serve(listener: PageListener, access: Access, source: StatusSource) {
    let routes = Router::new()
        .route("/", get(page))
        .route("/status.json", get(status))
        .route("/metrics", get(figures))
        .route("/events", get(events::stream))
        .route("/healthz", get(health))
        .layer(middleware::from_fn_with_state(access, access::admit))
        // The layer added last is the outermost: refusals of the access check get these headers, too.
        .layer(middleware::map_response(secured))
        .with_state(source);
    listener.serve(routes).await;
}

/// Adds headers by which a browser accepts nothing but what the station sends: no type but the declared one, no frame
/// around the page, no script, and no style but the page's own.
async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, page::policy());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn page(State(source): State<StatusSource>) -> Response {
    let page = |content: PageContent| {
        fresh("text/html; charset=utf-8", page::render(&content.status, &content.recent))
    };
    (source.page)().await.map_or_else(unavailable, page)
}

async fn status(State(source): State<StatusSource>) -> Response {
    let json = |content: PageContent| fresh("application/json", content.status.json());
    (source.page)().await.map_or_else(unavailable, json)
}

async fn figures(State(source): State<StatusSource>) -> Response {
    (source.metrics)().await.map_or_else(unavailable, |text| fresh(metrics::CONTENT_TYPE, text))
}

async fn health(State(source): State<StatusSource>) -> Response {
    match (source.health)().await {
        Ok(()) => fresh("text/plain; charset=utf-8", "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

fn unavailable() -> Response {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

fn fresh(kind: &'static str, body: String) -> Response {
    // Never from a cache: an old status looks like a new one.
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, body).into_response()
}
