//! Access to the page: by address, by socket or by token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::time::{Instant, sleep};

use super::listener::Visit;
use super::peer::Peer;
use super::penalty::{DELAY, Penalties};

/// The challenge to a visitor without the token (RFC 7235, section 4.1). A browser then asks its user; it accepts any
/// user name.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"stockpoint\", charset=\"UTF-8\"");

/// The rule by which visitors get access.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// Everybody whose request names the station by an address or as `localhost`.
    ///
    /// Otherwise a page of another site could read the station page through its visitor's browser: anybody can point a
    /// name at any address, but an address cannot be changed (DNS rebinding).
    Address,
    /// Everybody who may open the socket in the file system.
    Socket,
    /// Everybody who shows the token.
    Token(Arc<TokenCheck>),
}

/// A token, and the visitors that have shown a wrong one recently.
#[derive(Debug)]
pub(crate) struct TokenCheck {
    token: SecretString,
    penalties: Penalties,
}

impl Access {
    /// Gives access to everybody who shows this token.
    pub(crate) fn by_token(token: SecretString) -> Self {
        Self::Token(Arc::new(TokenCheck { token, penalties: Penalties::default() }))
    }
}

impl TokenCheck {
    /// Returns the refusal for a visitor without access; `None` if it has access. The answer to a wrong token is
    /// delayed.
    async fn refuses(&self, peer: Peer, headers: &HeaderMap) -> Option<Response> {
        // A browser sends its first request without a token and then asks its user: that is no guess.
        if headers.contains_key(AUTHORIZATION) {
            if let Some(rest) = self.penalties.locked(peer, Instant::now()) {
                let retry = [(RETRY_AFTER, rest.as_secs().saturating_add(1).to_string())];
                let why = "too many wrong tokens from this address\n";
                return Some((StatusCode::TOO_MANY_REQUESTS, retry, why).into_response());
            }
            if shows_token(headers, &self.token) {
                return None;
            }
            // Held during the delay, so that the visitor's delayed answers are counted.
            let _late = self.penalties.wrong(peer, Instant::now());
            sleep(DELAY).await;
        }
        let challenge = [(WWW_AUTHENTICATE, CHALLENGE)];
        Some((StatusCode::UNAUTHORIZED, challenge, "the token of this station is required\n").into_response())
    }
}

/// Passes the request on, or answers with the reason for the refusal.
pub(super) async fn admit(State(access): State<Access>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    match &access {
        Access::Address if !names_an_address(headers) => {
            (StatusCode::MISDIRECTED_REQUEST, "use the address of this station, not a name\n").into_response()
        }
        Access::Token(check) => {
            // The listener attaches its visit to every request.
            let peer = request.extensions().get().map_or(Peer::Local, |visit: &Visit| visit.peer);
            // Copied, because the answer may be delayed and a request cannot be shared meanwhile.
            let shown = headers.clone();
            match check.refuses(peer, &shown).await {
                Some(refused) => refused,
                None => next.run(request).await,
            }
        }
        Access::Address | Access::Socket => next.run(request).await,
    }
}

fn names_an_address(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| format!("http://{host}/").parse::<Uri>().ok());
    // The port and the brackets of IPv6 are parsed as a URI has them; a malformed host names nothing.
    let named = host.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = named.trim_start_matches('[').trim_end_matches(']');
    address == "localhost" || address.parse::<IpAddr>().is_ok()
}

fn shows_token(headers: &HeaderMap, token: &SecretString) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|header| token_in(header.as_bytes()));
    // The time that this takes reveals no more than the length of the token.
    shown.is_some_and(|shown| bool::from(shown.ct_eq(token.expose_secret().as_bytes())))
}

/// Returns the token in an `Authorization` header: `Bearer TOKEN` (RFC 6750, section 2.1), or the password of `Basic`
/// (RFC 7617, section 2), which browsers send.
fn token_in(header: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let space = header.iter().position(|byte| *byte == b' ')?;
    let (scheme, value) = header.split_at_checked(space)?;
    let value = value.trim_ascii();
    // Names of schemes ignore case (RFC 9110, section 11.1).
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(Zeroizing::new(value.to_vec()));
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = Zeroizing::new(BASE64_STANDARD.decode(value).ok()?);
    // A user name holds no colon, so the first one ends it; a password may hold more.
    let colon = pair.iter().position(|byte| *byte == b':')?;
    pair.get(colon.saturating_add(1)..).map(|password| Zeroizing::new(password.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_access(header: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        shows_token(&headers, &SecretString::from("0123456789abcdef"))
    }

    #[test]
    fn the_token_is_shown_as_bearer_or_as_the_password_of_anybody() {
        assert!(has_access("Bearer 0123456789abcdef"));
        assert!(has_access("bearer  0123456789abcdef "));
        // ":0123456789abcdef" and "clerk:0123456789abcdef".
        assert!(has_access("Basic OjAxMjM0NTY3ODlhYmNkZWY="));
        assert!(has_access("basic Y2xlcms6MDEyMzQ1Njc4OWFiY2RlZg=="));
    }

    #[test]
    fn whatever_is_not_the_token_lets_nobody_in() {
        assert!(!shows_token(&HeaderMap::new(), &SecretString::from("0123456789abcdef")));
        for header in [
            "",
            "Bearer",
            "Bearer ",
            "0123456789abcdef",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer 0123456789abcdeF",
            "Token 0123456789abcdef",
            "Basic 0123456789abcdef",
            "Basic MDEyMzQ1Njc4OWFiY2RlZjo=",
            "Basic %%%",
        ] {
            assert!(!has_access(header), "{header:?}");
        }
    }

    #[test]
    fn only_an_address_or_the_name_of_this_machine_is_no_foreign_name() {
        let is_known = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            names_an_address(&headers)
        };
        for host in ["127.0.0.1:8480", "localhost", "localhost:8480", "[::1]:8480", "192.168.1.7"] {
            assert!(is_known(host), "{host}");
        }
        for host in ["evil.example.org", "localhost.evil.example.org", "127.0.0.1.example.org", "", "a b"] {
            assert!(!is_known(host), "{host}");
        }
        assert!(!names_an_address(&HeaderMap::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_token_costs_time_and_then_locks_its_sender_and_nobody_else() {
        let check =
            TokenCheck { token: SecretString::from("0123456789abcdef"), penalties: Penalties::default() };
        let (thief, clerk) = (Peer::V4([192, 0, 2, 1].into()), Peer::V4([192, 0, 2, 2].into()));
        let ask = async |peer, token: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(token) = token {
                headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
            }
            let begun = Instant::now();
            let refused = check.refuses(peer, &headers).await;
            (refused.map(|response| response.status().as_u16()), begun.elapsed().as_secs())
        };
        assert_eq!(ask(thief, None).await, (Some(401), 0));
        for _ in 0..3 {
            assert_eq!(ask(thief, Some("guess")).await, (Some(401), 1));
        }
        // Even the right token is refused: otherwise guessing could go on.
        assert_eq!(ask(thief, Some("0123456789abcdef")).await, (Some(429), 0));
        assert_eq!(ask(clerk, Some("0123456789abcdef")).await, (None, 0));
        for _ in 0..20 {
            assert_eq!(ask(Peer::Local, Some("guess")).await, (Some(401), 1));
        }
        assert_eq!(ask(Peer::Local, Some("0123456789abcdef")).await, (None, 0));
        tokio::time::advance(std::time::Duration::from_secs(40)).await;
        assert_eq!(ask(thief, Some("0123456789abcdef")).await, (None, 0));
    }
}
