//! The errors of a request, and what each of them proves.

use std::error::Error as StdError;
use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use rustls::CertificateError;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::Body;
use super::lenient;

/// The longest text taken from the server, in characters; the rest is cut.
const WORDS_CHARS_MAX: usize = 300;

/// The longest wait that is accepted: a station makes at least one request an hour.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// The reason why a request has no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection: the name, the route, the port or TLS. The request was not sent.
    #[error("cannot reach the service")]
    Connect(#[source] Transport),
    /// The connection was made, and broke or stalled. The server may have acted, or may yet act.
    #[error("no answer from the service")]
    Broken(#[source] Transport),
    /// The answer is larger than anything the service sends. The server has acted.
    #[error("the answer of the service is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// A good status with a body that cannot be parsed. The server has probably acted.
    #[error("the answer of the service (status {status}) cannot be read")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// The place at which parsing stopped.
        #[source]
        source: serde_json::Error,
    },
    /// A good status with a body that lacks its subject. The server has probably acted.
    #[error("the answer of the service (status {status}) lacks {what}")]
    Incomplete {
        /// The HTTP status.
        status: u16,
        /// The part that is missing.
        what: &'static str,
    },
    /// The service failed. It may have acted, or may yet act.
    #[error("the service reports a failure of its own (status {status})")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not in the service's own form: something in between gave it. It is not known whether the request
    /// was passed on before.
    #[error("something in between answered in place of the service (status {status}, {})", body.words())]
    Stranger {
        /// The HTTP status.
        status: u16,
        /// The kind of its body.
        body: Body,
        /// The wait that it asks for, if any.
        wait: Option<Duration>,
    },
    /// The service refused. Part of the request may still have been carried out.
    #[error("the service refused the request: \"{words}\" (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's words, or a substitute.
        words: String,
    },
    /// A line's cost has no exact number. Nothing was sent, and nothing will be.
    #[error(
        "the price of good {good} cannot be sent: it cannot be read, or has more digits than a number can have"
    )]
    Unsayable {
        /// Its good.
        good: i64,
    },
    /// The token may not do this, or nothing at all. The server did not act.
    #[error("the service denies access: \"{words}\" (status {status})")]
    NotAllowed {
        /// 401 or 403.
        status: u16,
        /// The server's words, or a substitute.
        words: String,
    },
    /// Too many requests from this address. The server did not act.
    #[error("the service limits this address: too many requests")]
    Busy {
        /// The wait that the server asks for, if any.
        wait: Option<Duration>,
    },
}

/// The failure of a connection. Displays its innermost cause alone: the layers of the HTTP library around it tell a
/// person nothing.
#[derive(Debug)]
pub struct Transport(reqwest::Error);

impl Transport {
    /// Returns the certificate's error among the causes. An I/O error hides the error that it carries from its chain.
    fn certificate(&self) -> Option<&CertificateError> {
        let mut cause: Option<&(dyn StdError + 'static)> = self.0.source();
        while let Some(error) = cause {
            if let Some(rustls::Error::InvalidCertificate(error)) = error.downcast_ref() {
                return Some(error);
            }
            let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            cause = match carried {
                Some(carried) => Some(carried),
                None => error.source(),
            };
        }
        None
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut innermost: &dyn StdError = &self.0;
        while let Some(cause) = innermost.source() {
            innermost = cause;
        }
        write!(f, "{innermost}")
    }
}

impl StdError for Transport {}

/// The outcome of a request, as far as an error proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was not carried out and never will be; the service cannot be reached now.
    NotDone,
    /// It may have been carried out, or may yet be.
    Unknown,
    /// It was refused, in these words. Part of it may stand.
    Refused(String),
    /// It was not carried out: the service asks for this wait first.
    Wait(Option<Duration>),
    /// It was not carried out: the token may not do it.
    NotAllowed {
        /// 401 (the token is not known) or 403 (it may not do this).
        status: u16,
        /// The server's words.
        words: String,
    },
}

impl Error {
    /// Returns true if the server examined the request and will not do it: the same request would be refused again.
    pub fn is_refusal(&self) -> bool {
        match self.outcome() {
            Outcome::Refused(_) => true,
            Outcome::NotAllowed { status, .. } => status == 403,
            Outcome::NotDone | Outcome::Unknown | Outcome::Wait(_) => false,
        }
    }

    /// Returns the word under which the outcome is counted.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) | Self::Unsayable { .. } => "not-sent",
            Self::Broken(_) | Self::TooLarge { .. } => "lost",
            Self::Unreadable { .. } | Self::Incomplete { .. } | Self::Server { .. } => "failed",
            Self::Stranger { .. } => "stranger",
            Self::Refused { .. } => "refused",
            Self::NotAllowed { .. } => "not-allowed",
            Self::Busy { .. } => "limited",
        }
    }

    /// Classifies the error; no other place does.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Connect(_) => Outcome::NotDone,
            Self::Broken(_)
            | Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::Incomplete { .. }
            | Self::Server { .. }
            | Self::Stranger { .. } => Outcome::Unknown,
            Self::Refused { words, .. } => Outcome::Refused(words.clone()),
            Self::Unsayable { .. } => Outcome::Refused(self.to_string()),
            Self::NotAllowed { status, words } => {
                Outcome::NotAllowed { status: *status, words: words.clone() }
            }
            Self::Busy { wait } => Outcome::Wait(*wait),
        }
    }

    /// Makes an error from a transport error, without its address: that would show the query.
    pub(super) fn transport(error: reqwest::Error) -> Self {
        // A time-out while connecting is a connect error as well; nothing was sent in either case.
        if error.is_connect() { Self::Connect(Transport(error.without_url())) } else { Self::broken(error) }
    }

    /// Makes an error from a connection that broke after it was made.
    pub(super) fn broken(error: reqwest::Error) -> Self {
        Self::Broken(Transport(error.without_url()))
    }

    /// Returns the action of a person that may help, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Stranger { .. } => {
                Some("check the network: a proxy or a login page may stand between here and the service")
            }
            _ if self.is_clock_behind() => {
                Some("the clock of this machine is behind: set it, or let it reach a time server")
            }
            _ => None,
        }
    }

    /// Returns true if the request failed because this machine's clock is behind: by that clock the server's
    /// certificate lies in the future.
    pub fn is_clock_behind(&self) -> bool {
        let too_early = |error: &CertificateError| {
            matches!(error, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })
        };
        self.certificate().is_some_and(too_early)
    }

    /// Returns the reason why the server's certificate was not accepted; `None` if that is not what failed.
    pub fn certificate(&self) -> Option<&CertificateError> {
        match self {
            Self::Connect(transport) | Self::Broken(transport) => transport.certificate(),
            Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::Incomplete { .. }
            | Self::Server { .. }
            | Self::Stranger { .. }
            | Self::Unsayable { .. }
            | Self::Refused { .. }
            | Self::NotAllowed { .. }
            | Self::Busy { .. } => None,
        }
    }

    /// Makes an error from an answer in which the service itself reports that it did not do what was asked.
    pub(super) fn answered(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        match status {
            // The header counts first; some answers name the wait in their message only.
            429 => Self::Busy { wait: retry_after.or_else(|| wait_in(&words(body))).map(at_least_a_second) },
            401 | 403 => Self::NotAllowed { status, words: words_or_status(status, body) },
            // 408: the server gave up waiting for the request, which proves nothing about the request.
            408 | 500..=599 => Self::Server { status },
            // A good status with `success: false` is a refusal, seen in the wild.
            200..=299 => Self::Refused { status: 400, words: words_or_status(400, body) },
            _ => Self::Refused { status, words: words_or_status(status, body) },
        }
    }

    /// Makes an error from an answer that is not the service's own.
    pub(super) fn stranger(status: u16, body: Body, retry_after: Option<Duration>) -> Self {
        Self::Stranger { status, body, wait: retry_after.map(at_least_a_second) }
    }

    /// Returns true if nothing came from the service: the connection failed, not what was asked for.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Broken(_) | Self::Stranger { .. } => true,
            Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::Incomplete { .. }
            | Self::Server { .. }
            | Self::Unsayable { .. }
            | Self::Refused { .. }
            | Self::NotAllowed { .. }
            | Self::Busy { .. } => false,
        }
    }
}

/// Limits a wait to 1 s at least and to [`WAIT_MAX`]. Some answers give a wait of zero, but an immediate retry is what
/// caused the refusal.
fn at_least_a_second(wait: Duration) -> Duration {
    wait.clamp(Duration::from_secs(1), WAIT_MAX)
}

/// Returns the first number in a message such as "try again in 3 seconds", in any language, as seconds.
fn wait_in(words: &str) -> Option<Duration> {
    let digits: String =
        words.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_secs)
}

fn words_or_status(status: u16, body: &[u8]) -> String {
    let words = words(body);
    if words.is_empty() { format!("no reason given (status {status})") } else { words }
}

/// The two shapes of an error body: `meta.message` with `meta.errors`, and `errors.message`.
#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Message<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
}

/// Returns the server's own words for a person, or an empty text. Code must never branch on them.
fn words(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<ErrorBody<'_>>(body) else { return String::new() };
    let mut words = String::new();
    for part in [body.meta, body.errors].into_iter().flatten() {
        // `meta` can also be an empty array, which has no message.
        let part: Message<'_> = serde_json::from_str(part.get()).unwrap_or_default();
        let message = lenient::text(part.message).unwrap_or_default();
        let details = part.errors.map(lenient::all_texts).unwrap_or_default();
        for text in std::iter::once(message).chain(details) {
            // The same text often stands in both parts, and again among the details.
            if !text.is_empty() && !words.contains(&text) {
                let _written = write!(words, "{}{text}", if words.is_empty() { "" } else { "; " });
            }
        }
    }
    // Control characters could change the terminal on which the words are shown.
    words.chars().filter(|c| !c.is_control()).take(WORDS_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &str) -> Outcome {
        Error::answered(status, None, body.as_bytes()).outcome()
    }

    #[test]
    fn the_words_are_found_in_every_shape_of_an_error() {
        let cases = [
            (
                r#"{"success":false,"data":null,"meta":{"message":"Staff member required"}}"#,
                "Staff member required",
            ),
            (r#"{"errors":{"code":404,"message":"Not found"},"meta":{"message":"Not found"}}"#, "Not found"),
            (
                r#"{"success":false,"meta":{"message":"Validation error","errors":[{"message":"bad"},{"[title]":["This field is missing."]}]}}"#,
                "Validation error; bad; This field is missing.",
            ),
            (r#"{"meta":{"message":"no","errors":{"title":["missing"]}}}"#, "no; missing"),
            (r#"{"success":false,"meta":[]}"#, "no reason given (status 422)"),
        ];
        for (body, words) in cases {
            assert_eq!(outcome(422, body), Outcome::Refused(words.to_owned()), "{body}");
        }
    }

    #[test]
    fn the_wait_is_read_from_the_message_and_never_under_a_second() {
        let wait = |body: &str| outcome(429, body);
        let waits = |seconds| Outcome::Wait(Some(Duration::from_secs(seconds)));
        assert_eq!(wait(r#"{"meta":{"message":"Limit exceeded, try again in 3 seconds."}}"#), waits(3));
        assert_eq!(wait(r#"{"meta":{"message":"повторите через 0 секунд"}}"#), waits(1));
        assert_eq!(wait(""), Outcome::Wait(None));
    }

    #[test]
    fn only_a_refusal_or_a_failed_connection_proves_anything() {
        assert_eq!(outcome(500, ""), Outcome::Unknown);
        assert_eq!(outcome(503, ""), Outcome::Unknown);
        assert_eq!(outcome(408, ""), Outcome::Unknown);
        assert!(matches!(outcome(401, ""), Outcome::NotAllowed { status: 401, .. }));
        for status in [200, 302, 401, 403, 404, 413, 429, 502] {
            assert_eq!(Error::stranger(status, Body::Page, None).outcome(), Outcome::Unknown, "{status}");
        }
    }
}
