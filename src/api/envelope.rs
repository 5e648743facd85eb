//! Distinguishes the service's own answers from those of a device in between: a gateway, a proxy, a login page.
//!
//! The service wraps every answer: `{"success": …, "data": …, "meta": …}`, or, for some errors, `{"errors": {…},
//! "meta": {…}}`; one integration logged a 400 as `{"meta": {"message": …}}`, which is accepted for a 422 and a 429
//! too. Only a deletion (202, 204), "too many requests" (429) and a failure (5xx) come without this form. An answer of
//! another form proves nothing about the request, which may have been passed on before.

use std::ops::Range;

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::lenient;

/// The kind of an answer, by its status and body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The service carried the request out. The place of `data` in the body, where it has any.
    Done(Option<Range<usize>>),
    /// The service reports that it did not carry the request out, or that it failed.
    Failure,
    /// Something other than the service answered.
    Stranger(Body),
}

/// The kind of a body that is not in the service's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON of another form.
    Json,
    /// Anything else: nearly always a web page.
    Page,
}

impl Body {
    fn of(body: &[u8]) -> Self {
        if body.trim_ascii().is_empty() {
            Self::Empty
        } else if serde_json::from_slice::<&RawValue>(body).is_ok() {
            Self::Json
        } else {
            Self::Page
        }
    }

    /// Returns the words for a person.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Empty => "without content",
            Self::Json => "with JSON of another form",
            Self::Page => "with a page or text",
        }
    }
}

/// The envelope of an answer. A member that is `null` counts as present.
#[derive(Deserialize, Default)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    success: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    errors: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// Reads a member as present even if it is `null`, for which `Option` alone would give `None`.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl Envelope<'_> {
    fn success(&self) -> Option<bool> {
        lenient::flag(self.success)
    }

    fn has_content(&self) -> bool {
        self.data.is_some() || self.meta.is_some()
    }

    /// Returns true if the envelope has one of the forms in which the service reports a failure.
    fn is_failure(&self, status: u16) -> bool {
        match (self.success(), self.errors) {
            (Some(is_good), _) => !is_good && self.has_content(),
            // A `success` that is neither true nor false disqualifies the body: the service sends no such thing.
            (None, Some(errors)) => self.success.is_none() && self.meta.is_some() && has_message(errors),
            (None, None) => {
                // The bare form that one integration logged for a 400.
                let is_bare = self.success.is_none() && self.data.is_none();
                is_bare && matches!(status, 400 | 422 | 429) && self.meta.is_some_and(has_message)
            }
        }
    }
}

fn has_message(part: &RawValue) -> bool {
    let part: Option<Message<'_>> = serde_json::from_str(part.get()).ok();
    part.is_some_and(|part| lenient::text(part.message).is_some())
}

/// Judges an answer by the request's method, its status and its body.
pub(super) fn classify(method: &Method, status: u16, body: &[u8]) -> Verdict {
    let is_empty = body.trim_ascii().is_empty();
    let stranger = || Verdict::Stranger(Body::of(body));
    let envelope: Option<Envelope<'_>> = serde_json::from_slice(body).ok();
    let fails = envelope.as_ref().is_some_and(|envelope| envelope.is_failure(status));
    match status {
        // No content is a success of a deletion only. After a write it may be a proxy's answer.
        202 | 204 if is_empty && method == Method::DELETE => Verdict::Done(None),
        200..=299 => match envelope {
            Some(envelope) if envelope.success() == Some(true) && envelope.has_content() => {
                let data = envelope.data.filter(|data| data.get() != "null");
                Verdict::Done(data.and_then(|data| place_of(data.get(), body)))
            }
            Some(envelope) if envelope.success() == Some(false) && fails => Verdict::Failure,
            _ => stranger(),
        },
        429 if is_empty || fails => Verdict::Failure,
        429 => stranger(),
        400..=499 if fails => Verdict::Failure,
        // Only a gateway answers so for a service behind it, unless the body has the service's own form.
        502..=504 | 520..=599 if !fails => stranger(),
        // The service's page does not describe the body of a failure.
        500..=599 => Verdict::Failure,
        // The service never redirects.
        _ => stranger(),
    }
}

/// Returns the place of a part of a body within that body.
fn place_of(part: &str, body: &[u8]) -> Option<Range<usize>> {
    // `part` is borrowed from `body`, so the difference of their addresses is its place.
    let start = part.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    Some(start..start + part.len()).filter(|range| range.end <= body.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Bodies that no answer of the service has, whatever the status.
    const STRANGE: [&str; 26] = [
        "<html><head><title>404 Not Found</title></head></html>",
        "<!DOCTYPE html><p>Please log in</p>",
        "OK",
        "null",
        "true",
        "0",
        "\"success\"",
        "[]",
        "[{}]",
        "{}",
        r#"{"status":"ok"}"#,
        r#"{"success":true}"#,
        r#"{"success":false}"#,
        r#"{"success":"maybe","data":[],"meta":[]}"#,
        r#"{"success":null,"data":[],"meta":[]}"#,
        r#"{"data":[]}"#,
        r#"{"data":[],"meta":[]}"#,
        r#"{"meta":[]}"#,
        r#"{"meta":{}}"#,
        r#"{"success":false,"message":"Access denied"}"#,
        r#"{"error":{"code":403,"message":"Forbidden"}}"#,
        r#"{"errors":[{"status":"404"}]}"#,
        r#"{"errors":{"code":404,"message":"Not found"}}"#,
        r#"{"message":"no Route matched with those values"}"#,
        r#"{"success":true,"data":[{"id":"#,
        "\u{feff}{\"success\":false,\"meta\":[]}",
    ];

    const GOOD: [&str; 4] = [
        r#"{"success":true,"data":[],"meta":[]}"#,
        r#"{"success":true,"data":{"id":7},"meta":{"count":1}}"#,
        r#"{"success":true,"data":null,"meta":[]}"#,
        r#"{"success":1,"data":[]}"#,
    ];

    const BAD: [&str; 4] = [
        r#"{"success":false,"data":null,"meta":{"message":"Not found"}}"#,
        r#"{"success":false,"data":null,"meta":[]}"#,
        r#"{"success":0,"meta":{}}"#,
        r#"{"errors":{"code":404,"message":"Not found"},"meta":{"message":"Not found"}}"#,
    ];

    fn methods() -> impl Strategy<Value = Method> {
        select(vec![Method::GET, Method::POST, Method::PUT, Method::DELETE])
    }

    fn is_stranger(method: &Method, status: u16, body: &str) -> bool {
        matches!(classify(method, status, body.as_bytes()), Verdict::Stranger(_))
    }

    proptest! {
        /// A failure without a body of the service's own is still a failure: neither proves anything.
        #[test]
        fn no_other_body_is_ever_carried_out_or_refused(method in methods(), status in 100_u16..600, body in select(&STRANGE[..])) {
            let verdict = classify(&method, status, body.as_bytes());
            let is_failing = matches!(status, 500 | 501 | 505..=519);
            prop_assert_eq!(verdict == Verdict::Failure, is_failing, "{:?} {} {}", verdict, status, body);
            prop_assert!(!matches!(verdict, Verdict::Done(_)));
        }

        #[test]
        fn no_text_that_is_not_an_envelope_is_ever_carried_out_or_refused(method in methods(), status in 200_u16..500, body in "\\PC{0,40}") {
            prop_assume!(!body.contains("success") && !body.contains("meta"));
            prop_assume!(!body.trim().is_empty());
            prop_assert!(is_stranger(&method, status, &body));
        }

        #[test]
        fn nothing_but_a_deletion_is_done_without_content(method in methods(), status in 200_u16..300) {
            let is_done = classify(&method, status, b"") == Verdict::Done(None);
            prop_assert_eq!(is_done, method == Method::DELETE && matches!(status, 202 | 204));
        }

        #[test]
        fn a_good_envelope_is_done_under_a_good_status_alone(method in methods(), status in 100_u16..600, body in select(&GOOD[..])) {
            let is_done = matches!(classify(&method, status, body.as_bytes()), Verdict::Done(_));
            prop_assert_eq!(is_done, (200..300).contains(&status));
        }

        #[test]
        fn nobody_is_sent_elsewhere(method in methods(), status in 300_u16..400, body in select([&GOOD[..], &BAD[..], &STRANGE[..]].concat())) {
            prop_assert!(is_stranger(&method, status, body));
        }

        #[test]
        fn the_services_own_refusals_are_taken_as_such(method in methods(), status in 400_u16..600, body in select(&BAD[..])) {
            prop_assert_eq!(classify(&method, status, body.as_bytes()), Verdict::Failure);
        }
    }

    #[test]
    fn the_form_that_was_logged_for_a_400_is_not_that_of_every_status() {
        let body = r#"{"meta":{"message":"Staff member required"}}"#;
        for (status, is_own) in
            [(400, true), (422, true), (429, true), (401, false), (403, false), (404, false), (200, false)]
        {
            assert_eq!(!is_stranger(&Method::POST, status, body), is_own, "{status}");
        }
    }

    #[test]
    fn too_many_requests_may_come_without_content_and_nothing_else_may() {
        assert_eq!(classify(&Method::POST, 429, b""), Verdict::Failure);
        for status in [301, 302, 400, 401, 403, 404, 408, 413, 421, 422, 451, 502, 503, 504, 521] {
            assert!(is_stranger(&Method::POST, status, ""), "{status}");
        }
        assert!(is_stranger(&Method::GET, 429, "<h1>Slow down</h1>"));
    }

    #[test]
    fn the_data_are_found_where_they_stand() {
        let body = br#"{"success":true,"data":[1,2],"meta":[]}"#;
        let Verdict::Done(Some(place)) = classify(&Method::GET, 200, body) else { panic!("no data") };
        assert_eq!(&body[place], b"[1,2]");
    }
}
