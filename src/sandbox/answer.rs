//! Answers in the service's wording: its envelope, its errors, and JSON with exact decimals.

use rust_decimal::Decimal;
use serde::Serialize;
use serde::Serializer;
use serde::ser::Error as _;
use serde_json::value::RawValue;
use serde_json::value::to_raw_value;

use super::faults::Foreign;
use super::options::Nothing;
use super::options::Permissions;
use super::options::Quirks;
use super::options::Right;

/// A JSON object whose members keep the order in which they were added.
#[derive(Debug, Clone, Default)]
pub(super) struct Object(Vec<(&'static str, Box<RawValue>)>);

impl Object {
    /// Adds one member.
    pub(super) fn with(mut self, key: &'static str, value: impl Serialize) -> Self {
        self.0.push((key, raw(&value)));
        self
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// A decimal that is written digit by digit, never through a float.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(pub(super) Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.normalize().to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// Returns the JSON text of a value.
fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("numbers, texts and objects of them always have a JSON text")
}

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Array => serializer.collect_seq::<[(); 0]>([]),
            Self::Object => serializer.collect_map::<(), (), [((), ()); 0]>([]),
            Self::Null => serializer.serialize_none(),
        }
    }
}

/// A request that was carried out.
#[derive(Debug)]
pub(super) struct Success {
    status: u16,
    data: Option<Box<RawValue>>,
    count: Option<usize>,
}

impl Success {
    /// Makes an answer with status 200 and `data`.
    pub(super) fn ok(data: impl Serialize) -> Self {
        Self { status: 200, data: Some(raw(&data)), count: None }
    }

    /// Makes an answer with status 201 and `data`.
    pub(super) fn created(data: impl Serialize) -> Self {
        Self { status: 201, ..Self::ok(data) }
    }

    /// Makes an answer with status 202 or 204 and no body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, data: None, count: None }
    }

    /// Adds `meta.count` to the answer.
    pub(super) fn count(self, count: usize) -> Self {
        Self { count: Some(count), ..self }
    }

    /// Returns the answer in its envelope.
    pub(super) fn answer(self, quirks: &Quirks) -> Answer {
        let Some(data) = self.data else {
            return Answer::new(self.status, String::new());
        };
        let envelope = Object::default().with("success", true).with("data", data);
        let envelope = match self.count {
            // Without content, the shape of `meta` is a quirk.
            Some(count) => envelope.with("meta", Object::default().with("count", count)),
            None => envelope.with("meta", quirks.meta),
        };
        Answer::json(self.status, &envelope)
    }
}

/// A request that was not carried out, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    message: String,
    /// The member or parameter at fault (422).
    field: Option<String>,
}

impl Refusal {
    /// Makes a refusal with any status and a message for people.
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), field: None }
    }

    /// Makes a 422 that names the member or parameter at fault and the complaint.
    pub(super) fn field(name: impl Into<String>, complaint: &str) -> Self {
        let field = name.into();
        Self { status: 422, message: format!("{field}: {complaint}"), field: Some(field) }
    }

    /// Makes a 401 in the service's words.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Authentication needed.")
    }

    /// Makes a 403 in the service's words.
    pub(super) fn forbidden() -> Self {
        Self::new(403, "Access denied.")
    }

    /// Makes a 404 in the service's words.
    pub(super) fn not_found() -> Self {
        Self::new(404, "Not found")
    }

    /// Returns the answer in the envelope that errors of this kind have.
    pub(super) fn answer(self, quirks: &Quirks) -> Answer {
        // Some errors of the service have this other envelope.
        if quirks.bare_errors && matches!(self.status, 401 | 404) {
            let errors = Object::default().with("code", self.status).with("message", &self.message);
            let meta = Object::default().with("message", &self.message);
            return Answer::json(self.status, &Object::default().with("errors", errors).with("meta", meta));
        }
        let mut meta = Object::default().with("message", &self.message);
        if let Some(field) = &self.field {
            meta = meta.with("errors", complaints(field, &self.message, quirks));
        }
        if self.status == 409 {
            meta = meta.with("conflict", true);
        }
        Answer::json(self.status, &failure(meta))
    }
}

impl Permissions {
    /// Refuses with 403 if the token does not have the right.
    pub(super) fn require(&self, right: Right) -> Result<(), Refusal> {
        let has_right = match right {
            Right::Create => self.create,
            Right::Edit => self.edit,
            Right::Delete => self.delete,
            Right::Goods => self.goods,
            Right::Storage(storage) => self.storages.contains(&storage),
            Right::Type(type_id) => self.types.contains(&type_id),
        };
        if has_right { Ok(()) } else { Err(Refusal::forbidden()) }
    }
}

fn complaints(field: &str, message: &str, quirks: &Quirks) -> Box<RawValue> {
    // As the service words it: one general message, then one for each field, in brackets.
    let general = serde_json::json!({ "message": "The request is not valid" });
    if quirks.errors_map {
        raw(&serde_json::json!({ field: [message] }))
    } else {
        raw(&serde_json::json!([general, { format!("[{field}]"): [message] }]))
    }
}

fn failure(meta: impl Serialize) -> Object {
    Object::default().with("success", false).with("data", ()).with("meta", meta)
}

/// An answer as it is sent over the wire.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) retry_after_s: Option<u64>,
    pub(super) body: String,
}

impl Answer {
    /// Makes an answer of a status and the text of a JSON body, which may be empty.
    pub(super) fn new(status: u16, body: String) -> Self {
        Self { status, content_type: "application/json; charset=utf-8", retry_after_s: None, body }
    }

    fn json(status: u16, object: &Object) -> Self {
        Self::new(status, raw(object).get().to_owned())
    }

    /// Makes an answer with HTTP 200 and `success: false`.
    pub(super) fn success_false(message: &str) -> Self {
        Self::json(200, &failure(Object::default().with("message", message)))
    }

    /// Makes the answer of a gateway whose service does not answer.
    pub(super) fn bad_gateway() -> Self {
        let body =
            "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
        Self { content_type: "text/html", ..Self::new(502, body.to_owned()) }
    }

    /// Makes an answer of a device between the station and the service.
    pub(super) fn foreign(status: u16, body: Foreign) -> Self {
        let page =
            "<!DOCTYPE html><html><head><title>Welcome</title></head><body>Log in to go on</body></html>";
        let (content_type, body) = match body {
            Foreign::Page => ("text/html", page),
            Foreign::Empty => ("text/html", ""),
            Foreign::Json => ("application/json", r#"{"message":"no Route matched with those values"}"#),
            Foreign::NearlyJson => ("application/json", r#"{"success":false,"message":"Forbidden"}"#),
            Foreign::EmptyObject => ("application/json", "{}"),
            Foreign::EmptyList => ("application/json", "[]"),
        };
        Self { content_type, ..Self::new(status, body.to_owned()) }
    }

    /// Makes a 429. The message names the wait, and `Retry-After` does so if it is given; without a wait the body is
    /// empty.
    pub(super) fn too_many(message_s: Option<u64>, retry_after_s: Option<u64>) -> Self {
        let answer = match message_s {
            // A 429 without content occurs as well: a client may not rely on the message.
            None => Self::new(429, String::new()),
            Some(wait) => {
                let message = format!("Request limit exceeded, try again in {wait} seconds.");
                Self::json(429, &failure(Object::default().with("message", message)))
            }
        };
        Self { retry_after_s, ..answer }
    }
}
