//! The one HTTP client: TLS, time-outs, headers, limits.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::time::Instant;

use super::envelope::{self, Verdict};
use super::trust::Authorities;
use super::{Error, Permit};
use crate::config;
use crate::domain::ids::LocationId;
use crate::domain::time::UnixMillis;
use crate::meter::Requests;

/// The largest answer that is read, in bytes. A page of 1,000 movements is about 1 MB.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The accepted media type. Newer partner tokens are refused without it (reference pages, "Accept").
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.api.v2+json");

/// The time after which an idle connection is closed, before the server closes it: a request on a connection that is
/// just closing has an unknown outcome.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

/// The text that replaces a token which the server repeats in an answer.
pub(super) const REDACTED: &str = "(token)";

/// The server's clock at one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerDate(pub UnixMillis);

/// A client for the calls about one location.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// The partner token alone, and with the user token where there is one.
    partner: HeaderValue,
    authorization: HeaderValue,
    /// The texts that are removed from every answer: each token, as it is and as JSON may spell it.
    tokens: Vec<SecretString>,
    location: LocationId,
    lines_key: config::LinesKey,
    write_off_document_type: u8,
    date: Mutex<Option<ServerDate>>,
    meter: Requests,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("location", &self.location).finish_non_exhaustive()
    }
}

/// A good answer: a status of 200 to 299, and a body in the service's own form that does not report a failure.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// The place of the member `data` in the body, if it has one; found once, while the answer is judged.
    pub(super) data: Option<Range<usize>>,
}

impl Client {
    /// Builds the client. The proxies of the environment are ignored: only `api.proxy` is used.
    ///
    /// # Errors
    /// The library's reason, or that the base address or a token cannot be used; neither is printed.
    pub fn new(
        config: &config::Api,
        location: LocationId,
        partner: &SecretString,
        user: &SecretString,
    ) -> Result<Self, BuildError> {
        let credentials = format!("Bearer {}, User {}", partner.expose_secret(), user.expose_secret());
        let client = Self::partner_only(config, partner)?;
        Ok(Self { authorization: header_of(&credentials)?, location, ..client }.redacting(user))
    }

    /// Builds a client for [`Client::log_in`] alone: it has no user token and no location.
    ///
    /// # Errors
    /// As [`Client::new`].
    #[expect(clippy::disallowed_methods, reason = "the one place that builds the HTTP client")]
    pub fn partner_only(config: &config::Api, partner: &SecretString) -> Result<Self, BuildError> {
        let Authorities { roots, unreadable } = Authorities::read(config.ca_file.as_deref());
        for what in unreadable {
            tracing::error!("{what}");
        }
        // `ring` is the program's only cryptography; rustls' own default would build in a second library.
        let tls =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            // A redirect or an automatic retry would send a write a second time without the caller's knowledge.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(concat!("stockpoint/", env!("CARGO_PKG_VERSION")))
            .timeout(config.request_timeout)
            .connect_timeout(config.request_timeout)
            .pool_idle_timeout(IDLE_CONNECTION)
            // One connection: requests are sent one after the other.
            .pool_max_idle_per_host(1);
        if let Some(proxy) = &config.proxy {
            http = http.proxy(reqwest::Proxy::all(proxy.as_str())?);
        }
        let http = http.build()?;
        let authorization = header_of(&format!("Bearer {}", partner.expose_secret()))?;
        let base = Url::parse(&config.base_url).map_err(|_checked_before| BuildError::Address)?;
        let client = Self {
            http,
            base,
            partner: authorization.clone(),
            authorization,
            tokens: Vec::new(),
            location: LocationId(0),
            lines_key: config.lines_key,
            write_off_document_type: config.write_off_document_type,
            date: Mutex::new(None),
            meter: Requests::default(),
        };
        Ok(client.redacting(partner))
    }

    /// Returns the same client, which removes one more secret from every answer.
    fn redacting(mut self, secret: &SecretString) -> Self {
        self.redact_from_answers(secret);
        self
    }

    /// Adds a secret that is removed from every answer from now on.
    pub(super) fn redact_from_answers(&mut self, secret: &SecretString) {
        self.tokens.extend(spellings(secret));
    }

    /// Returns the counts and times of this client's requests.
    pub fn meter(&self) -> Requests {
        self.meter.clone()
    }

    /// Returns the location of every call.
    pub(super) fn location(&self) -> LocationId {
        self.location
    }

    /// Returns the name of the array of lines in the operation call.
    pub(super) fn lines_key(&self) -> config::LinesKey {
        self.lines_key
    }

    /// Returns the document type of a write-off in the document call.
    pub(super) fn write_off_document_type(&self) -> u8 {
        self.write_off_document_type
    }

    /// Takes the server's clock from the latest answer, good or bad; `None` if there was no answer since the last call.
    pub fn take_server_date(&self) -> Option<ServerDate> {
        self.date.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) async fn get(
        &self,
        permit: Permit,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Answer, Error> {
        let request = self.http.request(Method::GET, self.url_with(path, query));
        self.send(permit, request.header(AUTHORIZATION, self.authorization.clone())).await
    }

    /// Sends a write with the partner token alone: a person who is logging in has no user token yet.
    pub(super) async fn post_as_partner(
        &self,
        permit: Permit,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, Error> {
        let request = self.writing(Method::POST, path, body);
        self.send(permit, request.header(AUTHORIZATION, self.partner.clone())).await
    }

    pub(super) async fn post(
        &self,
        permit: Permit,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, Error> {
        self.write(permit, Method::POST, path, body).await
    }

    pub(super) async fn put(
        &self,
        permit: Permit,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, Error> {
        self.write(permit, Method::PUT, path, body).await
    }

    async fn write(
        &self,
        permit: Permit,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, Error> {
        let request = self.writing(method, path, body);
        self.send(permit, request.header(AUTHORIZATION, self.authorization.clone())).await
    }

    fn writing(&self, method: Method, path: &str, body: &impl Serialize) -> reqwest::RequestBuilder {
        let body = serde_json::to_vec(body).expect("the wire types always serialise");
        let json = HeaderValue::from_static("application/json");
        self.http.request(method, self.url(path)).header(CONTENT_TYPE, json).body(body)
    }

    pub(super) async fn delete(
        &self,
        permit: Permit,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Answer, Error> {
        let request = self.http.request(Method::DELETE, self.url_with(path, query));
        self.send(permit, request.header(AUTHORIZATION, self.authorization.clone())).await
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        // `Url::join` would drop the last part of the base path.
        let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }

    fn url_with(&self, path: &str, query: &[(&str, String)]) -> Url {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Sends a request, and counts and times it by its outcome.
    async fn send(&self, spent: Permit, request: reqwest::RequestBuilder) -> Result<Answer, Error> {
        let begun = Instant::now();
        let answer = self.exchange(spent, request).await;
        // The time includes reading the body.
        self.meter.note(answer.as_ref().map_or_else(Error::kind, |_good| "ok"), begun.elapsed());
        answer
    }

    /// Sends a request and reads its answer.
    ///
    /// The permit is consumed here, so that no request leaves without one.
    async fn exchange(&self, _spent: Permit, request: reqwest::RequestBuilder) -> Result<Answer, Error> {
        let request = request.header(ACCEPT, MEDIA_TYPE).build().map_err(Error::transport)?;
        let method = request.method().clone();
        let mut response = self.http.execute(request).await.map_err(Error::transport)?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let server_clock = header(DATE).and_then(|text| rfc2822::parse(text).ok());
        // The other form of the header, a date, is not read: then the message decides.
        let retry_after =
            header(RETRY_AFTER).and_then(|wait| wait.trim().parse().ok()).map(Duration::from_secs);
        // In chunks, so that the limit holds for a body without a `Content-Length`, or with a wrong one, as well.
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Error::broken)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Error::TooLarge { limit_bytes: ANSWER_BYTES_MAX });
            }
            body.extend_from_slice(&chunk);
        }
        // Before anything else is made of the body: no later step can then leak a token.
        let body = redacted(body, &self.tokens);
        let verdict = envelope::classify(&method, status, &body);
        // A device in between has a clock of its own, which must not vouch for ours.
        if let Some(at) = server_clock.filter(|_| !matches!(verdict, Verdict::Stranger(_))) {
            let at = ServerDate(UnixMillis(at.timestamp().as_millisecond()));
            *self.date.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        }
        match verdict {
            Verdict::Done(data) => Ok(Answer { status, body, data }),
            Verdict::Failure => Err(Error::answered(status, retry_after, &body)),
            Verdict::Stranger(body) => Err(Error::stranger(status, body, retry_after)),
        }
    }
}

/// Makes a header whose value is not shown when a request is printed.
fn header_of(credentials: &str) -> Result<HeaderValue, BuildError> {
    let mut header = HeaderValue::from_str(credentials).map_err(|_would_print_it| BuildError::Token)?;
    header.set_sensitive(true);
    Ok(header)
}

/// Returns a token as it is, and with the slashes escaped if there are any (RFC 8259, section 7).
fn spellings(token: &SecretString) -> Vec<SecretString> {
    let escaped = token.expose_secret().replace('/', "\\/");
    let differs = escaped != token.expose_secret();
    std::iter::once(token.clone()).chain(differs.then(|| SecretString::from(escaped))).collect()
}

/// Removes the tokens from an answer.
///
/// A server that complains about a header may repeat it, and its words go to people, to the log and to the disk. So the
/// tokens are removed before anything is made of the answer.
fn redacted(body: Vec<u8>, tokens: &[SecretString]) -> Vec<u8> {
    // Bytes that are not UTF-8 cannot hold a token; the original body is returned where there is nothing to remove.
    let text = String::from_utf8_lossy(&body);
    if !tokens.iter().any(|token| text.contains(token.expose_secret())) {
        return body;
    }
    let redact = |text: String, token: &SecretString| text.replace(token.expose_secret(), REDACTED);
    tokens.iter().fold(text.into_owned(), redact).into_bytes()
}

/// The reason why the client could not be built. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The TLS library refused its settings.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// The HTTP library refused its settings.
    #[error("cannot set up HTTP")]
    Http(#[from] reqwest::Error),
    /// A token has characters that cannot stand in a header.
    #[error("a token has characters that no token has")]
    Token,
    /// The base address is not valid.
    #[error("api.base_url is not an address")]
    Address,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_redacted_from_an_answer_however_it_is_spelled() {
        let tokens: Vec<_> = ["a/b", "secret"].map(SecretString::from).iter().flat_map(spellings).collect();
        let redact = |body: &[u8]| String::from_utf8(redacted(body.to_vec(), &tokens)).unwrap();
        assert_eq!(redact(b"Bearer a/b, User secret"), "Bearer (token), User (token)");
        assert_eq!(redact(br#"{"message":"a\/b"}"#), r#"{"message":"(token)"}"#);
        assert_eq!(redact(b"\xffsecret"), "\u{fffd}(token)");
        assert_eq!(redacted(b"\xff".to_vec(), &tokens), b"\xff", "what says no token is as it was");
    }
}
